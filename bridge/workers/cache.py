"""The cache folder: compiled programs that make later starts faster, kept below `MOST` bytes.

Whoever chooses it may keep other files in it. Programs are only kept in, and only removed from,
subfolders that we made and marked with a `TAG`.
"""

import logging
import os
import re
import shutil
import stat
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

from bridge.system.aside import Aside, SlowError
from engine.system import drives
from engine.system.caches import PARTS

log = logging.getLogger(__name__)

MOST = 8 << 30  # bytes
SAMPLE = 100_000  # bytes
PATIENCE = 3.0  # seconds that a start of a worker waits for the disk
GOING = ".going-"  # begins the name of an entry that is being removed, or of a part being made
TAG = "CACHEDIR.TAG"  # known to programs that make backups, which then leave the folder out
MARK = b"""Signature: 8a477f597d28d172789f06886806bc55
# Made by spout-bridge, which removes the oldest files of this folder when it becomes too large.
"""
BESIDE = "spout-bridge"  # the folder used instead if another program has parts of the same names
RECORD = re.compile(r"[0-9a-f]{16}\.(json|\d+)")  # a record of the ladder
JUNCTION = 0xA0000003  # the reparse tag of a link between folders on Windows


class CacheFolder:
    """Any thread may call; `usable` waits for the disk, but not long."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._aside = Aside()
        self._said = self._trimmed = False

    def usable(self) -> Path | None:
        """Where programs are kept: the folder or its `BESIDE`. None if nothing can be written
        there now, which is logged once. It is trimmed the first time, in a thread of its own.
        """
        place = self._ask(b"")
        if isinstance(place, str):
            if not self._said:
                self._said = True
                log.warning("%s", place)
            return None
        if not self._trimmed:
            self._trimmed = True
            threading.Thread(target=_trim, args=(place,), name="cache", daemon=True).start()
        return place

    def problem(self) -> str:
        """Why nothing can be kept there, with the cure, or "". Some data is written to see it."""
        place = self._ask(bytes(SAMPLE))
        return place if isinstance(place, str) else ""

    def _ask(self, sample: bytes) -> Path | str:
        """Where programs are kept, or why that is nowhere."""
        try:
            call = partial(self._try, sample)
            return self._aside.ask(f"The cache folder {self.folder}", call, PATIENCE)
        except SlowError as error:
            why = str(error)
        except OSError as error:
            why = f"The cache folder {self.folder} is not writable ({error.strerror or error})."
            why = drives.away(self.folder) or why
        return f"{why} Compiled programs are not kept there; choose another folder with --cache."

    def _try(self, sample: bytes) -> Path:
        if self.folder.is_file():
            raise OSError("it is a file")
        self.folder.mkdir(parents=True, exist_ok=True)
        place = _claimed(self.folder)
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(sample)
            file.flush()
            if sample:
                os.fsync(file.fileno())
        return place


def programs(folder: Path) -> dict[str, Path]:
    """The files of our parts of a cache folder, by their paths there, with `/`."""
    found: dict[str, Path] = {}
    for place in (folder, folder / BESIDE):
        todo = [part for name in PARTS.values() if _ours(part := place / name)]
        for part in todo:  # which grows
            inside = [path for path in part.iterdir() if not path.name.startswith(GOING)]
            todo += filter(_is_folder, inside)
            found |= {
                path.relative_to(place).as_posix(): path
                for path in inside
                if path.is_file() and not path.is_symlink()
            }
    return found


def trim(folder: Path, most: int) -> int:
    """Remove whole entries of our parts, those accessed least recently first, until at most `most`
    bytes are left in them; returns the bytes removed. What is in use elsewhere stays.
    """
    parts = [part for name in PARTS.values() if _ours(part := folder / name)]
    entries = sorted((_used(entry), str(entry)) for part in parts for entry in _entries(part))
    whole = sum(size for (_, size), _ in entries)
    gone = 0
    for (_, size), name in entries:
        entry = Path(name)
        if whole - gone > most or entry.name.startswith(GOING):
            with suppress(OSError):
                _remove(entry)
                gone += size
    return gone


def _trim(place: Path) -> None:
    try:
        gone = trim(place, MOST)
    except OSError as error:
        log.warning("The cache folder %s cannot be trimmed: %s.", place, error)
    else:
        if gone:
            log.info("%d MB of old programs removed from %s", gone >> 20, place)


def _claimed(folder: Path) -> Path:
    """The folder or its `BESIDE`, with all parts made and marked by us; OSError if neither."""
    _adopt(folder)
    for place in (folder, folder / BESIDE):
        parts = [place / name for name in PARTS.values()]
        if all(_ours(part) or _unused(part) for part in parts):
            for part in parts:
                if not _ours(part):
                    _make(part)
            return place
    names = " and ".join(PARTS.values())
    raise OSError(f"{folder / BESIDE} has folders {names} of another program")


def _adopt(folder: Path) -> None:
    """Mark the parts of versions that did not: a folder with nothing else in it, and a record."""
    names = {path.name for path in folder.iterdir()}
    records = {name for name in names if RECORD.fullmatch(name)}
    parts = names.intersection(PARTS.values())
    if records and parts and names == records | parts:
        for part in (folder / name for name in parts):
            if _is_folder(part) and not (part / TAG).exists():
                (part / TAG).write_bytes(MARK)


def _ours(part: Path) -> bool:
    """Whether we made a folder."""
    with suppress(OSError):
        return _is_folder(part) and (part / TAG).read_bytes() == MARK
    return False


def _unused(part: Path) -> bool:
    """Whether there is nothing of that name, or an empty folder."""
    return not os.path.lexists(part) or (_is_folder(part) and not any(part.iterdir()))


def _make(part: Path) -> None:
    """With its mark from the first moment: another bridge may look."""
    making = part.with_name(f"{GOING}{os.getpid()}-{part.name}")
    making.mkdir(parents=True, exist_ok=True)
    try:
        (making / TAG).write_bytes(MARK)
        with suppress(FileNotFoundError):
            part.rmdir()
        making.rename(part)
    except OSError:
        shutil.rmtree(making, ignore_errors=True)
        if not _ours(part):  # which another bridge made meanwhile
            raise


def _is_folder(path: Path) -> bool:
    """Whether it is a folder, and no link to one."""
    with suppress(OSError):  # gone meanwhile
        about = path.lstat()
        return stat.S_ISDIR(about.st_mode) and getattr(about, "st_reparse_tag", 0) != JUNCTION
    return False


def _entries(folder: Path, depth: int = 1) -> Iterator[Path]:
    """Files of a part and of its folders, and below those the uppermost folders with a file. Links
    are left alone.
    """
    files, folders = list[Path](), list[Path]()
    with suppress(OSError):  # gone meanwhile
        for path in folder.iterdir():
            if _is_folder(path):
                folders.append(path)
            elif path.is_file() and not path.is_symlink() and (depth > 1 or path.name != TAG):
                files.append(path)
    if depth > 1 and files:
        yield folder
        return
    yield from files
    for path in folders:
        yield from _entries(path, depth + 1)


def _used(entry: Path) -> tuple[float, int]:
    """When an entry was accessed last, and its size in bytes."""
    last, size = 0.0, 0
    with suppress(OSError):  # gone meanwhile
        about = entry.lstat()
        if stat.S_ISREG(about.st_mode):
            return max(about.st_atime, about.st_mtime), about.st_size
        for path in entry.iterdir() if _is_folder(entry) else ():
            when, more = _used(path)
            last, size = max(last, when), size + more
    return last, size


def _remove(entry: Path) -> None:
    """By renaming it first, so that no reader finds half of it."""
    going = entry
    if not entry.name.startswith(GOING):
        going = entry.with_name(f"{GOING}{os.getpid()}-{entry.name}")
        entry.rename(going)
    if _is_folder(going):
        shutil.rmtree(going)
    else:
        going.unlink()
