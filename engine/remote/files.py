"""The files that parameters name, for a server that lacks them: images and LoRAs, by their hash.

Hashes are computed by the thread "files", and each file is sent by a thread of its own: a LoRA has
hundreds of megabytes, and its disk may be asleep.
"""

import hashlib
import queue
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import sleep

from engine.files.library import Library
from engine.images.assets import find
from engine.ipc.messages import BridgeHello
from engine.parameters import Load, Parameters, Value, describe
from engine.remote.sending import FrameSender
from engine.remote.wire import PIECE, FileKind, FileWanted, OfferFile

WAIT = 0.005  # seconds until the line is asked again whether it carries more
READ = 1 << 20  # bytes
SHORT = 12  # letters of a hash in a LoRA's name on the server: two may have one name

Stamp = tuple[Path, int, int]  # modification time in nanoseconds, size in bytes


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file as the server knows it: its name there depends on its kind."""

    path: Path
    offer: OfferFile

    @property
    def sha256(self) -> str:
        """Its hash."""
        return self.offer.sha256


class Sharer:
    """Any thread may call any method; none waits but for the folders' own answers."""

    def __init__(self, ready: Callable[[], None]) -> None:
        """`ready` is called by the thread "files" when `files` may know more."""
        self._ready = ready
        self._assets = Path()
        self._library = Library(Path())
        self._hashes: dict[Stamp, str] = {}  # empty if a file cannot be read
        self._pending: set[Stamp] = set()
        self._paths: dict[str, Path] = {}  # by hash
        self._wanted: dict[FrameSender, int] = {}  # the newest wish of each server
        self._errands: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        threading.Thread(target=self._work, name="files", daemon=True).start()

    def look_in(self, hello: BridgeHello) -> None:
        """The bridge's folders."""
        self._assets = Path(hello.assets)
        self._library = Library(Path(hello.models), tuple(map(Path, hello.more_models)))

    def files(
        self, models: Iterable[type[Load] | type[Parameters]], values: Mapping[str, Value]
    ) -> dict[str, SentFile | None]:
        """The files that values name, by parameter; None until a hash is known. Those that do not
        exist are left out: the server says so.
        """
        found = dict[str, SentFile | None]()
        for model in models:
            for spec in describe(model):
                name = values.get(spec.name)
                if not (spec.asset or spec.lora) or not isinstance(name, str) or not name:
                    continue
                kind = FileKind.LORA if spec.lora else FileKind.IMAGE
                if (stamp := self._stamp(kind, name)) is None:
                    continue
                if not (sha256 := self._hash_of(stamp)):
                    if sha256 is None:
                        found[spec.name] = None
                    continue
                path, _, size = stamp
                there = f"{sha256[:SHORT]}/{path.name}" if spec.lora else name
                offer = OfferFile(kind=kind, name=there, sha256=sha256, size=size)
                found[spec.name] = SentFile(path, offer)
        return found

    def send(self, wish: FileWanted, to: FrameSender) -> None:
        """Send a file from a byte on, in place of what is being sent there."""
        self._wanted[to] = wish.number
        if path := self._paths.get(wish.sha256):
            threading.Thread(
                target=self._send, args=(path, wish, to), name="file", daemon=True
            ).start()

    def _stamp(self, kind: FileKind, name: str) -> Stamp | None:
        with suppress(OSError, ValueError):
            if kind is FileKind.IMAGE:
                return find(self._assets, name)
            path = self._library.lora(name).path
            seen = path.stat()
            return path, seen.st_mtime_ns, seen.st_size
        return None

    def _hash_of(self, stamp: Stamp) -> str | None:
        if (known := self._hashes.get(stamp)) is None and stamp not in self._pending:
            self._pending.add(stamp)
            self._errands.put(partial(self._hash, stamp))
        return known

    def _hash(self, stamp: Stamp) -> None:
        """The thread "files"."""
        digest = hashlib.sha256()
        try:
            with stamp[0].open("rb") as file:
                while piece := file.read(READ):
                    digest.update(piece)
            self._hashes[stamp] = digest.hexdigest()
            self._paths[digest.hexdigest()] = stamp[0]
        except OSError as error:
            self._hashes[stamp] = ""
            sys.stderr.write(f"{stamp[0]} cannot be sent: {error}\n")
        self._pending.discard(stamp)
        self._ready()

    def _work(self) -> None:
        """The thread "files"."""
        while True:
            self._errands.get()()

    def _send(self, path: Path, wish: FileWanted, to: FrameSender) -> None:
        """The thread "file": until there is no line, or another wish. An empty piece is the last
        one, also of a file that has become shorter or cannot be read any more.
        """
        left = True
        try:
            with path.open("rb") as file:
                file.seek(wish.start)
                while left and (piece := file.read(PIECE)):
                    left = self._sent(piece, wish, to)
        except OSError as error:
            sys.stderr.write(f"{path} cannot be sent: {error}\n")
        if left:
            self._sent(b"", wish, to)

    def _sent(self, piece: bytes, wish: FileWanted, to: FrameSender) -> bool:
        """Send a piece as soon as the line carries it; False if it is wanted no more."""
        while self._wanted[to] == wish.number:
            if (sent := to.piece(piece, wish.number)) is not None:
                return sent
            sleep(WAIT)
        return False
