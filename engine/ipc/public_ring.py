"""The public rings of `shm:`, which other programs may cut short: read and written as files.

Whoever can reach a segment's file may cut it short at any moment, and to touch what is missing of a
mapping ends the process by SIGBUS. So nothing is mapped here: pictures are read by `preadv` and
written by `pwritev`, one copy each, and what is missing is a short count. On Windows, where nobody
can cut a segment, both sides are mapped.

The layout is that of `engine/ipc/ring.py`.
"""

import os
import struct
import sys
from contextlib import suppress
from time import perf_counter

import numpy as np

from engine.ipc.ring import HEAD, LARGEST, STALE, Header, RingReader, RingWriter, Slot, look
from engine.ipc.segments import HEADER, PREFIX, NoRing, RingError, folder, unlink
from engine.pipeline import Image
from engine.system.closing import Closing

LOOKS = 8  # times that a frame is begun to be read while the writer overtakes it
PAGE = 4096  # bytes
WORD = struct.Struct("<Q")
SLOT = struct.Struct("<QQdQ")  # lock, index, time, tag

if sys.platform == "win32":
    LOOK_AROUND = 0.25  # seconds between looks who has the name: each one makes three mappings

    class PublicReader(RingReader):
        """Reads what others send."""

        has_holes = False

        def __init__(self, name: str) -> None:
            super().__init__(name)
            if self.width * self.height > LARGEST:
                self.close()
                raise _too_large(name, self.width, self.height)

        def has_name(self) -> bool:
            """Whether the name still leads here."""
            return _leads_to(self)

        def has_kept(self) -> bool:
            """Whether the frame that `newest` gave last is still in its place."""
            return True

    class PublicWriter(RingWriter):
        """Writes for others to read."""

        _look_at = 0.0

        def is_whole(self) -> bool:
            """Whether the name still leads here and all is as it was left, a moment ago at most."""
            now = perf_counter()
            if now >= self._look_at:
                self._look_at = now + LOOK_AROUND
                return _leads_to(self)
            return True

        def has_name(self) -> bool:
            """Whether the name still leads here."""
            return _leads_to(self)

    def _leads_to(ring: PublicReader | PublicWriter) -> bool:
        try:
            there = look(ring.name)
        except OSError:
            return False
        return (there.writer, there.generation) == (ring.writer, ring.generation)

else:
    from engine.ipc.segments import make, open_file

    class _File(Closing):
        """A ring's file, and what it said of itself at first."""

        def __init__(self, name: str, file: int, header: Header) -> None:
            self.name = name
            self._file = file
            self._path = str(folder() / (PREFIX + name))
            self._found = os.fstat(file)
            self.slots, self.stride = header.slots, header.stride
            self.width, self.height = header.width, header.height
            self.generation, self.writer = header.generation, header.writer
            self._size = self.width * self.height * 4

        def has_name(self) -> bool:
            """Whether the name still leads here."""
            there = self._there()
            return there is not None and os.path.samestat(there, self._found)

        def close(self) -> None:
            """Let go of the file."""
            file, self._file = self._file, -1
            if file >= 0:
                os.close(file)

        def _there(self) -> os.stat_result | None:
            """What is found under the name."""
            try:
                return os.lstat(self._path)
            except OSError:
                return None

        def _at(self, number: int) -> int:
            return HEADER + (number % self.slots) * self.stride

    class PublicReader(_File):
        """Reads what others send. `stale` is of the last look at `head`."""

        def __init__(self, name: str) -> None:
            """Raises FileNotFoundError when there is no such segment, RingError for what is no ring
            or cannot be opened.
            """
            file = open_file(name)
            try:
                self._data = os.pread(file, HEADER, 0)
                header = Header.of(name, self._data, os.fstat(file).st_size)
                if not header.is_taken:
                    raise _too_large(name, header.width, header.height)
            except BaseException:
                os.close(file)
                raise
            super().__init__(name, file, header)
            self.stale = header.stale != 0
            self.has_holes = False  # in the newest frame, which is not given then
            self._next: Image | None = None  # where the next picture goes
            self._given = 0, b""  # the number and the words of the last frame

        @property
        def head(self) -> int:
            """How many frames were written; NoRing where this is no more what it was."""
            data = os.pread(self._file, HEADER, 0)
            if data[:32] + data[40:56] != self._data[:32] + self._data[40:56]:
                raise NoRing(f"{PREFIX}{self.name} is not what it was.")
            self.stale = any(data[56:])
            return WORD.unpack_from(data, 8 * HEAD)[0]

        def newest(self) -> Slot | None:
            """The newest frame, copied; None when there is none that is whole. NoRing as above."""
            for _ in range(LOOKS):
                head = self.head
                if head == 0:
                    return None
                slot = self._read(head - 1)
                if slot:
                    return slot
            return None

        def has_kept(self) -> bool:
            """Whether the frame that `newest` gave last is still in its place; it is not where a
            writer begins anew in the same file.
            """
            number, words = self._given
            return self._words(number) == words

        def _read(self, number: int) -> Slot | None:
            words = self._words(number)
            if len(words) < SLOT.size:
                return None
            lock, index, seconds, tag = SLOT.unpack(words)
            if lock != 2 * (number + 1):
                return None
            if self._next is None:
                self._next = _aligned(self.width, self.height, self._at(number) + 64)
            image, at = self._next, self._at(number)
            count = _read_into(self._file, image, at + 64)
            # The lock alone does not tell: a writer who begins anew counts anew.
            same = self._words(number) == words and self.head > number
            if count != image.nbytes or not same:
                return None
            self.has_holes = self._is_holed(at)
            if self.has_holes:
                return None
            self._next, self._given = None, (number, words)
            return Slot(number, index, seconds, tag, image)

        def _words(self, number: int) -> bytes:
            return os.pread(self._file, SLOT.size, self._at(number))

        def _is_holed(self, at: int) -> bool:
            """Whether something is missing of a frame in the middle: who cuts a file and lengthens
            it again leaves zeros under a lock that fits.
            """
            if sys.platform != "linux":
                return False
            info = os.fstat(self._file)
            if info.st_blocks * 512 >= info.st_size:
                return False  # there is none at all: no need to search
            # Where it was cut within a page, that page is there and the next one is not; which is
            # no other frame's, who may have none yet, where there is a page of padding.
            end = at + 64 + self._size
            if self.stride >= 64 + self._size + PAGE:
                end += PAGE
            try:
                return os.lseek(self._file, at, os.SEEK_HOLE) < end
            except OSError:  # it ends before that
                return True

    class PublicWriter(_File):
        """Writes for others to read. A new segment of a name replaces the old one; whoever reads
        that keeps it.
        """

        def __init__(
            self, name: str, width: int, height: int, slots: int = 4, generation: int = 1
        ) -> None:
            """Reserve the memory now. RingError when there is no room: the old segment stays."""
            # Behind each picture is a page of none: a cut that takes of a picture takes that too,
            # and is seen by what the file lacks, also where it is made long again.
            header = Header.new(width, height, slots, generation, padding=PAGE)
            super().__init__(name, make(name, header.pack(), header.size), header)
            self._head = bytearray(header.pack())
            self._blocks = self._found.st_blocks if sys.platform == "linux" else 0

        def is_whole(self) -> bool:
            """Whether the name still leads here and all is as it was left."""
            there, made = self._there(), self._found
            return (
                there is not None
                and os.path.samestat(there, made)
                and there.st_size == made.st_size
                and there.st_blocks >= self._blocks
                and os.pread(self._file, HEADER, 0) == bytes(self._head)
            )

        def write(self, image: Image, time: float, index: int, tag: int = 0) -> None:
            """Copy one picture (H, W, 4) in; the oldest falls out. OSError when there is no room
            any more, in what somebody has cut.
            """
            number = WORD.unpack_from(self._head, 8 * HEAD)[0]
            at, image = self._at(number), np.ascontiguousarray(image)
            os.pwrite(self._file, SLOT.pack(2 * number + 1, index, time, tag), at)
            if _write_from(self._file, image, at + 64) != image.nbytes:
                raise RingError(f"No room left in {PREFIX}{self.name}.")
            os.pwrite(self._file, WORD.pack(2 * (number + 1)), at)
            WORD.pack_into(self._head, 8 * HEAD, number + 1)
            os.pwrite(self._file, WORD.pack(number + 1), 8 * HEAD)

        def mark_stale(self) -> None:
            """Tell the readers that another segment takes over this name."""
            with suppress(OSError):  # no room: it was cut, and nobody can read it any more
                os.pwrite(self._file, WORD.pack(1), 8 * STALE)

        def unlink(self) -> None:
            """Take the name away; whoever has the segment open keeps it."""
            unlink(self.name)

    def _read_into(file: int, image: Image, at: int) -> int:
        if hasattr(os, "preadv"):
            return os.preadv(file, [image.data], at)
        data = os.pread(file, image.nbytes, at)  # macOS before 11: one copy more
        image.reshape(-1)[: len(data)] = np.frombuffer(data, np.uint8)
        return len(data)

    def _write_from(file: int, image: Image, at: int) -> int:
        if hasattr(os, "pwritev"):
            return os.pwritev(file, [image.data], at)
        return os.pwrite(file, image.data, at)

    def _aligned(width: int, height: int, at: int) -> Image:
        """A picture to be read from this place of a file: one that lies in its pages as in those of
        the file is read in 4/5 of the time.
        """
        size = width * height * 4
        room = np.empty(size + PAGE, np.uint8)
        first = (at - room.ctypes.data) % PAGE
        return room[first : first + size].reshape(height, width, 4)


def _too_large(name: str, width: int, height: int) -> RingError:
    return RingError(
        f"{PREFIX}{name} says that its pictures are {width}x{height}; "
        f"at most {LARGEST >> 20} million pixels are taken."
    )
