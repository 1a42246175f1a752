"""Shared memory between programs of one machine, in a layout that a stranger reads in 20 lines."""

import os
import re
from time import perf_counter, sleep

import psutil

from bridge.frame import Frame
from bridge.transports import Offer, Options, TransportError
from bridge.transports.base import Opened
from engine.ring import RingReader, RingWriter, Slot
from engine.segments import public_names

NAME = re.compile(r"[A-Za-z0-9._-]{1,80}")
SLOTS = 4
GLANCE, IDLE_GLANCE = 0.001, 0.005  # seconds between looks for a new frame
QUIET = 0.5  # seconds without a frame from which on looks are rarer
LOOK_AROUND, LOOK_FOR = 0.25, 0.02  # seconds between looks who has the name: attached, waiting


class SharedMemorySource(Opened):
    """The newest frame of a segment; the sender may come, go, change its size and come back."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._ring: RingReader | None = None
        self._last: Slot | None = None  # of this segment
        self._index = 0
        self._came = self._look_at = 0.0

    def receive(self, timeout: float) -> Frame | None:
        """The newest picture if it is another than the last one."""
        until = perf_counter() + timeout
        while True:
            now = perf_counter()
            # First what the segment holds: its last picture counts even if it was given up since.
            slot = self._unseen() or (self._unseen() if self._renewed(now) else None)
            if slot:
                self._index, self._came = self._index + 1, now
                return Frame(slot.image, perf_counter(), self._index)
            if now >= until:
                return None
            sleep(min(self._pause(now), until - now))

    def close(self) -> None:
        """Let go of the segment."""
        ring, self._ring, self._last = self._ring, None, None
        if ring:
            ring.close()

    @property
    def there(self) -> bool:
        """Whether a living process has the name."""
        return self._ring is not None

    @property
    def status(self) -> str:
        """Who sends what."""
        ring = self._ring
        if ring is None:
            return f"waiting for shm:{self._name}"
        return f"{ring.width}x{ring.height} from process {ring.writer}"

    def _pause(self, now: float) -> float:
        if self._ring is None:
            return LOOK_FOR
        return GLANCE if now - self._came < QUIET else IDLE_GLANCE

    def _unseen(self) -> Slot | None:
        """The newest frame; None if it, or the picture in it, is the last one still."""
        ring, last = self._ring, self._last
        if ring is None or ring.head == (last.number + 1 if last else 0):
            return None
        slot = ring.newest()
        if slot is None:
            return None
        self._last = slot
        # Index 0 is that of a sender who does not count pictures: all of its frames are new.
        return None if last and slot.index == last.index != 0 else slot

    def _renewed(self, now: float) -> bool:
        """Compare the segment that is held with the one that has the name; take up another."""
        ring = self._ring
        if now < self._look_at and not (ring and ring.stale):
            return False
        there = _attach(self._name)
        self._look_at = now + (LOOK_AROUND if there else LOOK_FOR)
        if ring and there and not ring.stale and _is_same(there, ring):
            there.close()
            return False
        self.close()
        self._ring = there
        return there is not None


class SharedMemorySink(Opened):
    """Writes each frame; another size is a new segment of the same name."""

    def __init__(self, name: str, options: Options) -> None:
        """Take the name; TransportError when a living process has it."""
        self._name = name
        self._ring: RingWriter | None = None
        self._look_at = 0.0
        self._renew(options.width, options.height)

    def send(self, frame: Frame) -> None:
        """Copy one frame into the segment. TransportError when another process took the name."""
        height, width = frame.image.shape[:2]
        ring = self._ring
        if ring is None or (ring.width, ring.height) != (width, height) or self._is_lost(ring):
            ring = self._renew(width, height)
        ring.write(frame.image, frame.time, frame.index)

    def close(self) -> None:
        """Take the name away."""
        ring, self._ring = self._ring, None
        if ring is None:
            return
        there = _look(self._name)
        if there and _is_same(there, ring):
            ring.unlink()
        ring.mark_stale()
        ring.close()

    @property
    def status(self) -> str:
        """The name that others can pick."""
        ring = self._ring
        return f"pick shm:{self._name}" + (f", {ring.width}x{ring.height}" if ring else "")

    def _is_lost(self, ring: RingWriter) -> bool:
        """Whether somebody removed or replaced the segment; looked up a few times a second."""
        now = perf_counter()
        if now < self._look_at:
            return False
        self._look_at = now + LOOK_AROUND
        there = _look(self._name)
        return there is None or not _is_same(there, ring)

    def _renew(self, width: int, height: int) -> RingWriter:
        old, there = self._ring, _look(self._name)
        mine = old and there and _is_same(there, old)
        if there and not mine and psutil.pid_exists(there.writer):
            self._look_at = 0.0
            raise TransportError(
                f"shm:{self._name} is being sent by process {there.writer}; "
                "end it or choose another name."
            )
        generation = max(ring.generation if ring else 0 for ring in (old, there)) + 1
        try:
            self._ring = RingWriter(self._name, width, height, SLOTS, generation)
        except OSError as error:
            raise TransportError(f"shm:{self._name} cannot be made: {error}") from error
        if old:
            old.mark_stale()
            old.close()
        return self._ring


def offers() -> list[Offer]:
    """Every segment of another living process that is meant for strangers."""
    found: list[Offer] = []
    for name in public_names():
        ring = _attach(name)
        if ring and ring.writer != os.getpid():
            text = f"{ring.width}x{ring.height} from process {ring.writer}"
            found.append(Offer(uri=f"shm:{name}", text=text))
        if ring:
            ring.close()
    return found


def open_source(name: str, options: Options) -> SharedMemorySource:
    """`shm:NAME`; the sender need not be there yet."""
    return SharedMemorySource(_checked(name))


def open_sink(name: str, options: Options) -> SharedMemorySink:
    """`shm:NAME`; refused while another process sends under this name."""
    return SharedMemorySink(_checked(name), options)


def _checked(name: str) -> str:
    if not NAME.fullmatch(name):
        raise TransportError(
            f"shm:{name} is no name for shared memory; use letters, digits, dot, dash, underscore."
        )
    return name


def _look(name: str) -> RingReader | None:
    """The segment of this name, whoever made it; None where there is none that can be read."""
    try:
        return RingReader(name)
    except OSError:  # not there, not ours to read, or not a ring
        return None


def _attach(name: str) -> RingReader | None:
    """The segment of this name if its writer lives."""
    ring = _look(name)
    if ring and not psutil.pid_exists(ring.writer):
        ring.close()
        return None
    return ring


def _is_same(one: RingReader, other: RingReader | RingWriter) -> bool:
    return (one.writer, one.generation) == (other.writer, other.generation)
