"""The cache folder: compiled programs that make later starts faster, kept below `MOST` bytes."""

import logging
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from bridge.system.aside import Aside, SlowError
from engine.system import drives

log = logging.getLogger(__name__)

MOST = 8 << 30  # bytes
PATIENCE = 3.0  # seconds that a start of a worker waits for the disk
GOING = ".going-"  # begins the name of an entry that is being removed


class CacheFolder:
    """Any thread may call; `usable` waits for the disk, but not long."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._aside = Aside()
        self._said = self._trimmed = False

    def usable(self) -> Path | None:
        """The folder, or None if nothing can be written there now, which is logged once. It is
        trimmed the first time, in a thread of its own.
        """
        try:
            self._aside.ask(f"The cache folder {self.folder}", self._try, PATIENCE)
        except SlowError as error:
            self._say(str(error))
            return None
        except OSError as error:
            why = f"The cache folder {self.folder} is not writable ({error.strerror or error})"
            self._say(f"{drives.away(self.folder) or why}.")
            return None
        if not self._trimmed:
            self._trimmed = True
            threading.Thread(target=self._trim, name="cache", daemon=True).start()
        return self.folder

    def _trim(self) -> None:
        try:
            gone = trim(self.folder, MOST)
        except OSError as error:
            log.warning("The cache folder %s cannot be trimmed: %s.", self.folder, error)
        else:
            if gone:
                log.info("%d MB of old programs removed from %s", gone >> 20, self.folder)

    def _try(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=self.folder):
            pass

    def _say(self, why: str) -> None:
        if not self._said:
            self._said = True
            cure = "Compiled programs are not kept there; choose another folder with --cache."
            log.warning("%s %s", why, cure)


def trim(folder: Path, most: int) -> int:
    """Remove whole entries, those accessed least recently first, until at most `most` bytes are
    left; returns the bytes removed. What is in use elsewhere stays.
    """
    entries = sorted((_used(entry), str(entry)) for entry in _entries(folder))
    whole = sum(size for (_, size), _ in entries)
    gone = 0
    for (_, size), name in entries:
        entry = Path(name)
        if whole - gone > most or entry.name.startswith(GOING):
            with suppress(OSError):
                _remove(entry)
                gone += size
    return gone


def _entries(folder: Path, depth: int = 0) -> Iterator[Path]:
    """Files of the folder and of its parts, and below those the uppermost folders with a file."""
    if not folder.is_dir():
        return
    found = [*folder.iterdir()]
    if depth > 1 and any(path.is_file() for path in found):
        yield folder
        return
    for path in found:
        if path.is_dir() and not path.is_symlink():
            yield from _entries(path, depth + 1)
        else:
            yield path


def _used(entry: Path) -> tuple[float, int]:
    """When an entry was accessed last, and its size in bytes."""
    last, size = 0.0, 0
    for path in (entry, *entry.rglob("*")):
        with suppress(OSError):  # gone meanwhile
            about = path.lstat()
            if path.is_file() or path.is_symlink():
                last, size = max(last, about.st_atime, about.st_mtime), size + about.st_size
    return last, size


def _remove(entry: Path) -> None:
    """By renaming it first, so that no reader finds half of it."""
    going = entry
    if not entry.name.startswith(GOING):
        going = entry.with_name(f"{GOING}{os.getpid()}-{entry.name}")
        entry.rename(going)
    if going.is_dir():
        shutil.rmtree(going)
    else:
        going.unlink()
