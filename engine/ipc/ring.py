"""Shared-memory rings: frames from one process to another without an extra copy.

One layout serves both the link between bridge and engine worker, where rings are private and mapped
(below), and the public `shm:` transport, whose segments any program may truncate, so they are read
and written as files (`engine/ipc/public_ring.py`). A segment is a POSIX shared-memory object
`/spout-bridge-NAME` on Linux (`/dev/shm/…`), a file of that name in the temporary folder on macOS.
On Windows a mapping can change neither its size nor its owner while a program holds it, so there
are two: `spout-bridge-NAME` has 64 bytes, and the u64 at 24 is the segment's number (0: none);
`spout-bridge-NAME-NUMBER` is the segment. All numbers are little-endian; `u64` at 8-byte
boundaries.

    offset  type   header (64 bytes)
         0  8 byte magic "SPBRIDGE"
         8  u32    version, 1
        12  u32    slots
        16  u32    width in pixels
        20  u32    height in pixels
        24  u64    generation: higher in every new segment of the same name
        32  u64    head: how many frames have been written to this segment
        40  u64    writer's process id
        48  u64    stride: bytes from slot to slot; the first slot is at 64
        56  u64    stale: not 0 once a newer segment has this name; open it again

    offset  type   slot (64 bytes, then width * height * 4 bytes of RGBA, row 0 on top)
         0  u64    lock: 2 * (number + 1) when frame `number` is complete, odd during a write
         8  u64    index: increases with every new frame, unchanged for one shown again
        16  f64    time: seconds, monotonic clock of the writer's machine
        24  u64    tag: the parameter snapshot used for the frame; 0 for none

The newest frame is number `head - 1`, in slot `(head - 1) % slots`. To read: check the lock, use
the pixels, check the lock again; if it changed, read `head` again. Only the newest `slots - 1`
frames are safe to read. Write every byte of an image: a hole in the file counts as truncated.
"""

import mmap
import os
import struct
import sys
from contextlib import suppress
from dataclasses import astuple, dataclass
from typing import Self

import numpy as np
import psutil

from engine.ipc import segments
from engine.ipc.segments import HEADER, MAGIC, PREFIX, NoRing, RingError, attach, create, unlink
from engine.pipeline import Image
from engine.system.buffers import Buffers
from engine.system.closing import Closing

VERSION = 1
LARGEST = 8192 * 8192  # pixels; never allocate more on another program's word
CURE = "correct its sender or choose another name"
LAYOUT = struct.Struct("<8s4I5Q")  # of the header
HEAD, PID, STALE = 4, 5, 7  # offsets in the header, in u64
LOCK, INDEX, TIME, TAG = 0, 1, 2, 3  # offsets in a slot, in u64


@dataclass(frozen=True, slots=True)
class Slot:
    """One frame in a ring: `number` counts writes, `index` new frames; `image` (H, W, 4) uint8.
    A borrowed one still lies in the ring, and its writer may write over it.
    """

    number: int
    index: int
    time: float
    tag: int
    image: Image
    lock: "memoryview[int] | None" = None  # of a borrowed one

    @property
    def borrowed(self) -> bool:
        """Whether the image must be copied before the writer comes round."""
        return self.lock is not None

    @property
    def is_whole(self) -> bool:
        """Whether the image has not been written over so far: ask after copying it."""
        return self.lock is None or self.lock[0] == 2 * (self.number + 1)


@dataclass(frozen=True, slots=True)
class Header:
    """A segment's header; see the table above."""

    slots: int
    width: int
    height: int
    generation: int
    head: int
    writer: int
    stride: int
    stale: int = 0

    @classmethod
    def new(cls, width: int, height: int, slots: int, generation: int, padding: int = 0) -> Self:
        """The header of this process's segment before its first frame; at least `padding` bytes
        follow each image.
        """
        stride = (64 + width * height * 4 + padding + 63) // 64 * 64
        return cls(slots, width, height, generation % (1 << 64), 0, os.getpid(), stride)

    @classmethod
    def of(cls, name: str, data: bytes, size: int, *, foreign: bool = False) -> Self:
        """Read the first bytes of a segment of `size` bytes; NoRing if it is not a ring, or claims
        to be larger than it is. A plain RingError for a size that no `foreign` program may have.
        """
        if len(data) < HEADER or data[:8] != MAGIC:
            raise NoRing(f"{PREFIX}{name} is not a frame segment of spout-bridge; {CURE}.")
        _, version, *numbers = LAYOUT.unpack(data)
        if version != VERSION:
            raise NoRing(f"{PREFIX}{name} has version {version} instead of {VERSION}; {CURE}.")
        found = cls(*numbers)
        if foreign and not found.is_taken:
            raise RingError(
                f"{PREFIX}{name} says that its pictures are {found.width}x{found.height}; "
                f"at most {LARGEST >> 20} million pixels are taken."
            )
        if flaw := found._flaw(size):
            raise NoRing(f"The header of {PREFIX}{name} is wrong: {flaw}; {CURE}.")
        return found

    def _flaw(self, size: int) -> str:
        """What cannot be true of a segment of this size, in a few words; else empty."""
        for what in ("slots", "width", "height"):
            if getattr(self, what) == 0:
                return f"{what} is 0"
        needed = 64 + self.width * self.height * 4
        if self.stride < needed:
            return f"stride is {self.stride}, and {self.width}x{self.height} needs {needed}"
        if self.stride % 8:
            return f"stride is {self.stride}, not a multiple of 8"
        if self.size > size:
            return f"its {self.slots} slots need {self.size} bytes, and the segment has {size}"
        return ""

    def pack(self) -> bytes:
        """The header's bytes in a segment."""
        return LAYOUT.pack(MAGIC, VERSION, *astuple(self))

    @property
    def size(self) -> int:
        """Size of the segment in bytes."""
        return HEADER + self.slots * self.stride

    @property
    def is_taken(self) -> bool:
        """Whether its frames have a size that is accepted from other programs."""
        return self.width * self.height <= LARGEST

    @property
    def is_owned(self) -> bool:
        """Whether its writer is still running."""
        return is_alive(self.writer)


class _Mapping(Closing):
    """A ring's bytes, mapped; the views of one writer or reader."""

    def __init__(self, name: str, memory: mmap.mmap, header: Header) -> None:
        self.name = name
        self._memory = memory
        self.words = memoryview(memory).cast("Q")
        self.pixels = np.frombuffer(memory, np.uint8)
        self.slots, self.stride = header.slots, header.stride
        self.width, self.height = header.width, header.height
        self.generation = header.generation

    @property
    def head(self) -> int:
        """How many frames were written."""
        return self.words[HEAD]

    @property
    def writer(self) -> int:
        """The writer's process id."""
        return self.words[PID]

    def slot_words(self, number: int) -> tuple["memoryview[int]", "memoryview[float]"]:
        """The header of a frame's slot, as integers and as floats."""
        at = (HEADER + (number % self.slots) * self.stride) // 8
        part = self.words[at : at + 8]
        return part, part.cast("B").cast("d")

    def slot_image(self, number: int) -> Image:
        """The pixels of a frame's slot, in place."""
        at = HEADER + (number % self.slots) * self.stride + 64
        size = self.width * self.height * 4
        return self.pixels[at : at + size].reshape(self.height, self.width, 4)

    def close(self) -> None:
        """Release the memory as soon as no image refers to it any more."""
        # A view still in use keeps the mapping alive; it ends with that view.
        self.words.release()
        del self.pixels, self._memory


class RingWriter(_Mapping):
    """The writing side. Creating a segment under an existing name replaces it; readers of the old
    one see that it is stale.
    """

    def __init__(
        self, name: str, width: int, height: int, slots: int = 4, generation: int = 1
    ) -> None:
        """Reserve the memory now, so that a small /dev/shm fails here and not during the show.

        Raises RingError if there is no room.
        """
        header = Header.new(width, height, slots, generation)
        memory, self._sign = create(name, header.pack(), header.size)
        super().__init__(name, memory, header)

    def write(self, image: Image, time: float, index: int, tag: int = 0) -> None:
        """Copy in one image (H, W, 4); it replaces the oldest."""
        place = self.reserve()
        place[:] = image
        self.commit(time, index, tag)

    def repeat(self, time: float, index: int, tag: int = 0) -> None:
        """Publish one more frame of the image that every slot holds: nothing is copied."""
        self.reserve()
        self.commit(time, index, tag)

    def reserve(self) -> Image:
        """The pixels of the next frame, to be drawn into; `commit` publishes them."""
        number = self.head
        words, _ = self.slot_words(number)
        words[LOCK] = 2 * number + 1
        return self.slot_image(number)

    def commit(self, time: float, index: int, tag: int = 0) -> None:
        """Publish the frame drawn into the reserved slot."""
        number = self.head
        words, floats = self.slot_words(number)
        words[INDEX], words[TAG] = index, tag
        floats[TIME] = time
        words[LOCK] = 2 * (number + 1)
        self.words[HEAD] = number + 1

    def close(self) -> None:
        """Release the memory, and on Windows the name with it."""
        super().close()
        del self._sign

    def mark_stale(self) -> None:
        """Tell the readers that another segment takes over this name."""
        self.words[STALE] = 1

    def unlink(self) -> None:
        """Remove the name; programs that have the segment open keep it."""
        unlink(self.name)


class RingReader(_Mapping):
    """The reading side. `cursor` is the number of the next frame that `next` returns."""

    def __init__(self, name: str, *, foreign: bool = False) -> None:
        """Raises FileNotFoundError if the segment does not exist, RingError if it is not a ring."""
        memory = attach(name)
        size = len(memory) if len(memory) % 8 == 0 else 0  # the views are of whole words
        super().__init__(name, memory, Header.of(name, memory[:HEADER], size, foreign=foreign))
        self.cursor = 0
        self.dropped = 0
        self._buffers = Buffers(self.width, self.height)

    @property
    def stale(self) -> bool:
        """Another segment has taken over the name."""
        return self.words[STALE] != 0

    @property
    def waiting(self) -> int:
        """How many frames `next` has not returned yet."""
        return self.head - self.cursor

    def newest(self) -> Slot | None:
        """The newest frame, copied; None if there was never one."""
        for _ in range(100):
            head = self.head
            if head == 0:
                return None
            slot = self._read(head - 1)
            if slot:
                return slot
        return None

    def next(self, *, borrowed: bool = False) -> Slot | None:
        """The oldest frame not returned yet, copied unless it is to be `borrowed`; None if there is
        none.

        Frames that the writer has overwritten are skipped and counted in `dropped`.
        """
        while self.cursor < self.head:
            oldest = self.head - self.slots + 1
            if self.cursor < oldest:
                self.dropped += oldest - self.cursor
                self.cursor = oldest
            slot = self._read(self.cursor, borrowed)
            if slot:
                self.cursor += 1
                return slot
            if self.head - self.cursor < self.slots:
                return None  # still being written
        return None

    def skip(self, count: int) -> None:
        """Skip the next `count` frames and count them as dropped."""
        self.cursor += count
        self.dropped += count

    def view(self, number: int) -> Image:
        """The pixels of frame `number` in place, for a reader that knows the writer is waiting."""
        return self.slot_image(number)

    def _read(self, number: int, borrowed: bool = False) -> Slot | None:
        words, floats = self.slot_words(number)
        if words[LOCK] != 2 * (number + 1):
            return None
        index, seconds, tag = words[INDEX], floats[TIME], words[TAG]
        image = self.slot_image(number)
        if borrowed:
            return Slot(number, index, seconds, tag, image, words[LOCK : LOCK + 1])
        own = self._buffers.take()
        np.copyto(own, image)
        if words[LOCK] != 2 * (number + 1):
            return None
        return Slot(number, index, seconds, tag, own)


def is_alive(pid: int) -> bool:
    """Whether a process with this id runs; another program may have made it up. One that has ended
    and is only not yet forgotten by its parent does not.
    """
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.AccessDenied:
        return True
    except (psutil.Error, ValueError, OverflowError):
        return False


def look(name: str) -> Header:
    """The header of the segment of this name, without mapping another program's memory.
    FileNotFoundError if it does not exist, NoRing if it is not a ring, RingError if it cannot be
    opened.
    """
    if sys.platform == "win32":
        with attach(name) as memory:
            return Header.of(name, memory[:HEADER], len(memory))
    file = segments.open_file(name)
    try:
        return Header.of(name, os.pread(file, HEADER, 0), os.fstat(file).st_size)
    finally:
        os.close(file)


def owner(name: str) -> int | None:
    """The process id of a segment's running writer; None without a segment or a writer."""
    try:
        header = look(name)
    except (FileNotFoundError, RingError):
        return None
    return header.writer if header.is_owned else None


def sweep() -> list[str]:
    """Remove the segments whose writers have ended, and return their names. Anything that is not a
    file, or cannot be read or removed, belongs to another program or user.
    """
    if sys.platform == "win32":
        return []  # there they vanish with their last user
    paths = segments.folder().glob(PREFIX + "*")
    dead: list[str] = []
    for name in (path.name.removeprefix(PREFIX) for path in paths):
        with suppress(OSError):
            if _is_left(name) and not segments.is_young(name):
                unlink(name)
                dead.append(name)
    return dead


def _is_left(name: str) -> bool:
    try:
        return not look(name).is_owned
    except NoRing:
        return True  # left half-created by a process that died
