"""Images and LoRAs that relays send: each is kept once, by its hash, and lies in the folders of a
session under the name that its parameters use.
"""

import hashlib
import os
import shutil
import threading
from contextlib import suppress
from pathlib import Path

from bridge.state import references
from engine.catalog.artifacts import LORAS
from engine.ipc.typed import ProtocolError
from engine.remote.wire import FileHeld, FileKind, FileWanted, OfferFile
from engine.system import drives

SPARE = 1 << 30  # bytes that stay free on the disk
PART = ".part"
LARGEST_IMAGE = references.MOST_BYTES


class Store:
    """The files of all sessions, in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.lock = threading.Lock()

    def path(self, sha256: str) -> Path:
        """Where a file is, or will be."""
        return self._folder / sha256

    def room(self, size: int) -> bool:
        """Whether a file of this size may come."""
        return drives.free(self._folder) - size > SPARE


class Incoming:
    """The file that a relay is sending; one thread's."""

    def __init__(self, store: Store, folder: Path) -> None:
        """`folder` is the session's: images go to `assets`, LoRAs to `models`."""
        self._store, self._folder = store, folder
        self._offers: dict[str, OfferFile] = {}
        self._wanted: list[str] = []

    def offered(self, offer: OfferFile) -> FileHeld | FileWanted | None:
        """The answer to an offer: None if another file comes first. ProtocolError, in a sentence,
        if it cannot be taken.
        """
        _place(self._folder, offer)  # its name, at once
        if offer.kind is FileKind.IMAGE and offer.size > LARGEST_IMAGE:
            raise ProtocolError(f"{offer.name} is larger than {LARGEST_IMAGE >> 20} MB.")
        self._offers[offer.sha256] = offer
        if self._store.path(offer.sha256).is_file():
            return self._held(offer)
        if not self._store.room(offer.size):
            raise ProtocolError(f"The server's disk has no room for {offer.name}.")
        self._wanted.append(offer.sha256)
        return self._next() if len(self._wanted) == 1 else None

    def again(self) -> FileWanted | None:
        """What to ask for on a new connection."""
        return self._next() if self._wanted else None

    def piece(self, data: bytes | memoryview) -> tuple[FileHeld | FileWanted, ...]:
        """Add a piece to the file that was asked for; the answers, if it is whole."""
        if not self._wanted:
            raise ProtocolError("A piece of no file has come.")
        offer = self._offers[self._wanted[0]]
        part = self._part(offer)
        with part.open("ab") as file:
            file.write(data)
            size = file.tell()
        if size < offer.size:
            return ()
        if size > offer.size or _hash(part) != offer.sha256:
            part.unlink()
            raise ProtocolError(f"{offer.name} did not arrive as it was offered.")
        os.replace(part, self._store.path(offer.sha256))  # noqa: PTH105 - atomic
        self._wanted.pop(0)
        held = self._held(offer)
        return (held, self._next()) if self._wanted else (held,)

    def _next(self) -> FileWanted:
        offer = self._offers[self._wanted[0]]
        part = self._part(offer)
        start = part.stat().st_size if part.is_file() else 0
        if start >= offer.size:  # not whole, or it would have its name
            part.unlink()
            start = 0
        return FileWanted(sha256=offer.sha256, start=start)

    def _part(self, offer: OfferFile) -> Path:
        """Where a file grows: in the session's folder, so that no two write to one."""
        self._folder.mkdir(parents=True, exist_ok=True)
        return self._folder / f"{offer.sha256}{PART}"

    def _held(self, offer: OfferFile) -> FileHeld:
        place = _place(self._folder, offer)
        place.parent.mkdir(parents=True, exist_ok=True)
        fresh = place.with_name(f"{place.name}{PART}")
        with suppress(FileNotFoundError):
            fresh.unlink()
        try:
            os.link(self._store.path(offer.sha256), fresh)
        except OSError:  # a disk without links
            shutil.copyfile(self._store.path(offer.sha256), fresh)
        os.replace(fresh, place)  # noqa: PTH105 - atomic
        return FileHeld(sha256=offer.sha256)


def _place(folder: Path, offer: OfferFile) -> Path:
    """Where a file belongs; ProtocolError for a name that is none, or leads elsewhere."""
    *above, name = offer.name.split("/")
    if offer.kind is FileKind.IMAGE:
        good = not above
        place = folder / "assets" / name
    else:
        good = bool(above) and above == [offer.sha256[: len(above[0])]] and above[0] != ""
        place = folder / "models" / LORAS / "/".join((*above, name))
    if not good or not references.NAME.match(name):
        raise ProtocolError(f"{offer.name!r:.80} is not a name for a file.")
    return place


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
