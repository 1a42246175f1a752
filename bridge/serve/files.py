"""Images and LoRAs that relays send: each is kept once, by its hash, and lies in the folders of a
session under the name that its parameters use.
"""

import hashlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from bridge.state import references
from engine.catalog.artifacts import LORAS
from engine.ipc.messages import brief
from engine.remote.wire import FileHeld, FileKind, FileRefused, FileWanted, OfferFile
from engine.system import drives

SPARE = 1 << 30  # bytes that stay free on the disk
PART = ".part"
LARGEST_IMAGE = references.MOST_BYTES
MOST = 64  # files that wait

Answer: TypeAlias = FileHeld | FileWanted | FileRefused


class Store:
    """The files of all sessions, in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def path(self, sha256: str) -> Path:
        """Where a file is, or will be."""
        return self._folder / sha256

    def room(self, size: int) -> bool:
        """Whether a file of this size may come."""
        return drives.free(self._folder) - size > SPARE


class UnusableError(Exception):
    """A file that cannot be taken; why, in a sentence."""


class Incoming:
    """The files that a relay offers, and the one that it is sending; one thread's."""

    def __init__(self, store: Store, folder: Path) -> None:
        """`folder` is the session's: images go to `assets`, LoRAs to `models`."""
        self._store, self._folder = store, folder
        self._waiting: dict[str, list[OfferFile]] = {}  # by hash; the first one is coming
        self._number = 0  # of the last wish

    def offered(self, offer: OfferFile) -> Answer | None:
        """The answer to an offer: None if another file comes first."""
        try:
            _place(self._folder, offer)  # its name, at once
            if self._store.path(offer.sha256).is_file():
                return self._held([offer])
            if offer.kind is FileKind.IMAGE and offer.size > LARGEST_IMAGE:
                raise UnusableError(f"it is larger than {LARGEST_IMAGE >> 20} MB.")
            if not self._store.room(offer.size):
                raise UnusableError("the server's disk has no room for it.")
            if sum(map(len, self._waiting.values())) >= MOST:
                raise UnusableError(f"{MOST} other files wait.")
        except (UnusableError, OSError) as error:
            return _refused(offer, error)
        is_first = not self._waiting
        self._waiting.setdefault(offer.sha256, []).append(offer)
        return self._next() if is_first else None

    def again(self) -> FileWanted | None:
        """What to ask for on a new connection."""
        return self._next() if self._waiting else None

    def piece(self, wanted: int, data: bytes | memoryview) -> Sequence[Answer]:
        """Add a piece to the file that was `wanted` by this number; the answers, if it is the last
        one. Those of an earlier wish are left.
        """
        if wanted != self._number or not self._waiting:
            return ()
        sha256, offers = next(iter(self._waiting.items()))
        part = self._part(sha256)
        try:
            with part.open("ab") as file:
                file.write(data)
                size = file.tell()
            if data and size < offers[0].size:
                return ()
            if size != offers[0].size or _hash(part) != sha256:
                raise UnusableError("it did not arrive as it was offered.")
            os.replace(part, self._store.path(sha256))  # noqa: PTH105 - atomic
            answer = self._held(offers)
        except (UnusableError, OSError) as error:
            part.unlink(missing_ok=True)
            answer = _refused(offers[0], error)
        del self._waiting[sha256]
        return (answer, self._next()) if self._waiting else (answer,)

    def _next(self) -> FileWanted:
        sha256 = next(iter(self._waiting))
        part = self._part(sha256)
        self._number += 1
        return FileWanted(
            sha256=sha256, start=part.stat().st_size if part.is_file() else 0, number=self._number
        )

    def _part(self, sha256: str) -> Path:
        """Where a file grows: in the session's folder, so that no two write to one."""
        self._folder.mkdir(parents=True, exist_ok=True)
        return self._folder / f"{sha256}{PART}"

    def _held(self, offers: Sequence[OfferFile]) -> FileHeld:
        """Put a file where its names say."""
        sha256 = offers[0].sha256
        for offer in offers:
            place = _place(self._folder, offer)
            place.parent.mkdir(parents=True, exist_ok=True)
            fresh = place.with_name(f"{place.name}{PART}")
            fresh.unlink(missing_ok=True)
            try:
                os.link(self._store.path(sha256), fresh)
            except OSError:  # a disk without links
                shutil.copyfile(self._store.path(sha256), fresh)
            os.replace(fresh, place)  # noqa: PTH105 - atomic
        return FileHeld(sha256=sha256)


def _refused(offer: OfferFile, error: Exception) -> FileRefused:
    why = error.strerror or "it cannot be written" if isinstance(error, OSError) else str(error)
    text = f"{offer.name!r:.80} cannot be used on the server: {why.rstrip('.')}."
    return FileRefused(sha256=offer.sha256, text=brief(text))


def _place(folder: Path, offer: OfferFile) -> Path:
    """Where a file belongs; UnusableError for a name that is none, or leads elsewhere."""
    *above, name = offer.name.split("/")
    if offer.kind is FileKind.IMAGE:
        good = not above
        place = folder / "assets" / name
    else:
        good = bool(above) and above == [offer.sha256[: len(above[0])]] and above[0] != ""
        place = folder / "models" / LORAS / "/".join((*above, name))
    if not good or not references.NAME.match(name):
        raise UnusableError("this is not a name for a file.")
    return place


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
