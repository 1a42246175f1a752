"""Rings that other programs can access, in the layout of `engine/ipc/ring.py`, as files.

Any program that can reach a segment's file may truncate it at any moment, and touching a missing
part of a mapping kills the process with SIGBUS. So nothing is mapped here: frames are read with
`preadv` and written with `pwritev`, one copy each, and a missing part is a short count. On Windows,
where no program can truncate a segment, both sides are mapped.
"""

import os
import struct
import sys
from contextlib import suppress
from time import perf_counter

import numpy as np

from engine.ipc.ring import HEAD, STALE, Header, RingReader, RingWriter, Slot, look
from engine.ipc.segments import HEADER, PREFIX, NoRing, RingError, folder, unlink
from engine.pipeline import Image
from engine.system.buffers import PAGE, Buffers
from engine.system.closing import Closing

LOOKS = 8  # attempts to read a frame while the writer overtakes
WORD = struct.Struct("<Q")
SLOT = struct.Struct("<QQdQ")  # lock, index, time, tag

if sys.platform == "win32":
    LOOK_AROUND = 0.25  # seconds between checks of who owns the name: each creates three mappings

    class PublicReader(RingReader):
        """Reads frames from other programs."""

        has_holes = False

        def __init__(self, name: str) -> None:
            super().__init__(name, foreign=True)

        def has_name(self) -> bool:
            """Whether the name still refers to this segment."""
            return _leads_to(self)

        def has_kept(self) -> bool:
            """Whether the last frame returned by `newest` is still in its slot."""
            return True

    class PublicWriter(RingWriter):
        """Writes frames for other programs."""

        _look_at = 0.0

        def is_whole(self) -> bool:
            """Whether the name still refers to this segment and its content is untouched, as
            checked a moment ago at most.
            """
            now = perf_counter()
            if now >= self._look_at:
                self._look_at = now + LOOK_AROUND
                return _leads_to(self)
            return True

        def has_name(self) -> bool:
            """Whether the name still refers to this segment."""
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
        """A ring's file, and its header when opened."""

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
            """Whether the name still refers to this segment."""
            there = self._there()
            return there is not None and os.path.samestat(there, self._found)

        def close(self) -> None:
            """Close the file."""
            file, self._file = self._file, -1
            if file >= 0:
                os.close(file)

        def _there(self) -> os.stat_result | None:
            """The header found under the name."""
            try:
                return os.lstat(self._path)
            except OSError:
                return None

        def _at(self, number: int) -> int:
            return HEADER + (number % self.slots) * self.stride

    class PublicReader(_File):
        """Reads frames from other programs. `stale` is as of the last read of `head`."""

        def __init__(self, name: str) -> None:
            """Raises FileNotFoundError if the segment does not exist, RingError if it is not a ring
            or cannot be opened.
            """
            file = open_file(name)
            try:
                self._data = os.pread(file, HEADER, 0)
                header = Header.of(name, self._data, os.fstat(file).st_size, foreign=True)
            except BaseException:
                os.close(file)
                raise
            super().__init__(name, file, header)
            self.stale = header.stale != 0
            self.has_holes = False  # in the newest frame, which is then not returned
            self._buffers = Buffers(self.width, self.height)
            self._next: Image | None = None  # where the next frame goes
            self._given = 0, b""  # number and slot header of the last frame

        @property
        def head(self) -> int:
            """How many frames were written; NoRing if this is no longer the same ring."""
            data = os.pread(self._file, HEADER, 0)
            if data[:32] + data[40:56] != self._data[:32] + self._data[40:56]:
                raise NoRing(f"{PREFIX}{self.name} is not what it was.")
            self.stale = any(data[56:])
            return WORD.unpack_from(data, 8 * HEAD)[0]

        def newest(self) -> Slot | None:
            """The newest frame, copied; None if none is complete. NoRing as above."""
            for _ in range(LOOKS):
                head = self.head
                if head == 0:
                    return None
                slot = self._read(head - 1)
                if slot:
                    return slot
            return None

        def has_kept(self) -> bool:
            """Whether the last frame returned by `newest` is still in its slot; it is not if a
            writer starts again in the same file.
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
                # At the same place within a page as in the file, reading takes 4/5 of the time.
                self._next = self._buffers.take(self._at(number) + 64)
            image, at = self._next, self._at(number)
            count = _read_into(self._file, image, at + 64)
            # The lock alone is not enough: a writer that starts again also counts from 0.
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
            """Whether a frame has a hole: truncating a file and extending it again leaves zeros
            under a valid lock.
            """
            if sys.platform != "linux":
                return False
            info = os.fstat(self._file)
            if info.st_blocks * 512 >= info.st_size:
                return False  # no holes at all: no need to search
            # If it was cut within a page, that page exists and the next one does not; with a page
            # of padding, that next page belongs to this frame and not to another one that may not
            # be written yet.
            end = at + 64 + self._size
            if self.stride >= 64 + self._size + PAGE:
                end += PAGE
            try:
                return os.lseek(self._file, at, os.SEEK_HOLE) < end
            except OSError:  # it ends before that
                return True

    class PublicWriter(_File):
        """Writes frames for other programs. A new segment replaces the old one of its name, which
        current readers keep.
        """

        def __init__(
            self, name: str, width: int, height: int, slots: int = 4, generation: int = 1
        ) -> None:
            """Reserve the memory now. RingError if there is no room: the old segment stays."""
            # An empty page follows each image: a cut that reaches an image removes that page too,
            # which shows as a hole in the file even after it is extended again.
            header = Header.new(width, height, slots, generation, padding=PAGE)
            super().__init__(name, make(name, header.pack(), header.size), header)
            self._head = bytearray(header.pack())
            self._blocks = self._found.st_blocks if sys.platform == "linux" else 0

        def is_whole(self) -> bool:
            """Whether the name still refers to this segment and its content is untouched."""
            there, made = self._there(), self._found
            return (
                there is not None
                and os.path.samestat(there, made)
                and there.st_size == made.st_size
                and there.st_blocks >= self._blocks
                and os.pread(self._file, HEADER, 0) == bytes(self._head)
            )

        def write(self, image: Image, time: float, index: int, tag: int = 0) -> None:
            """Copy in one image (H, W, 4); it replaces the oldest. OSError if there is no room left
            to refill a truncated file.
            """
            number, at = self._reserve(time, index, tag)
            image = np.ascontiguousarray(image)
            if _write_from(self._file, image, at + 64) != image.nbytes:
                raise RingError(f"No room left in {PREFIX}{self.name}.")
            self._commit(number, at)

        def repeat(self, time: float, index: int, tag: int = 0) -> None:
            """Publish one more frame of the image that every slot holds: nothing is copied."""
            self._commit(*self._reserve(time, index, tag))

        def _reserve(self, time: float, index: int, tag: int) -> tuple[int, int]:
            """Lock the slot of the next frame; its number and where it is in the file."""
            number = WORD.unpack_from(self._head, 8 * HEAD)[0]
            at = self._at(number)
            os.pwrite(self._file, SLOT.pack(2 * number + 1, index, time, tag), at)
            return number, at

        def _commit(self, number: int, at: int) -> None:
            os.pwrite(self._file, WORD.pack(2 * (number + 1)), at)
            WORD.pack_into(self._head, 8 * HEAD, number + 1)
            os.pwrite(self._file, WORD.pack(number + 1), 8 * HEAD)

        def mark_stale(self) -> None:
            """Tell the readers that another segment takes over this name."""
            with suppress(OSError):  # no room: it was truncated and can no longer be read
                os.pwrite(self._file, WORD.pack(1), 8 * STALE)

        def unlink(self) -> None:
            """Remove the name; programs that have the segment open keep it."""
            unlink(self.name)

    def _read_into(file: int, image: Image, at: int) -> int:
        if hasattr(os, "preadv"):
            return os.preadv(file, [image.data], at)
        data = os.pread(file, image.nbytes, at)  # macOS before 11: one more copy
        image.reshape(-1)[: len(data)] = np.frombuffer(data, np.uint8)
        return len(data)

    def _write_from(file: int, image: Image, at: int) -> int:
        if hasattr(os, "pwritev"):
            return os.pwritev(file, [image.data], at)
        return os.pwrite(file, image.data, at)
