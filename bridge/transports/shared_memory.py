"""Shared memory between programs of one machine, in a layout that a stranger reads in 20 lines."""

import os
import re
from time import perf_counter, sleep

from bridge.frame import Frame
from bridge.transports import Options, TransportError
from bridge.transports.base import Opened
from engine.ring import RingError, RingReader, RingWriter, owner

NAME = re.compile(r"^[A-Za-z0-9._-]{1,80}$")
SLOTS = 4
GLANCE = 0.001  # seconds between looks for a new frame
LOOK_AGAIN = 0.25  # seconds between looks for a sender, and whether it is still the same


class SharedMemorySource(Opened):
    """The newest frame of a segment; the sender may come, go, change its size and come back."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._ring: RingReader | None = None
        self._seen: tuple[int, int] = (0, -1)  # generation and number of the last frame
        self._index = 0
        self._look_at = 0.0

    def receive(self, timeout: float) -> Frame | None:
        """The newest frame if it is another than the last one."""
        until = perf_counter() + timeout
        while True:
            frame = self._newest()
            if frame or perf_counter() >= until:
                return frame
            sleep(GLANCE if self._ring else min(0.02, timeout))

    def close(self) -> None:
        """Let go of the segment."""
        if self._ring:
            self._ring.close()
            self._ring = None

    @property
    def status(self) -> str:
        """Who sends what."""
        ring = self._ring
        if ring is None:
            return f"waiting for shm:{self._name}"
        return f"{ring.width}x{ring.height} from process {ring.writer}"

    def _newest(self) -> Frame | None:
        ring = self._attached()
        if ring is None or ring.head - 1 <= self._seen[1]:
            return None
        slot = ring.newest()
        if slot is None or slot.number <= self._seen[1]:
            return None
        self._seen = ring.generation, slot.number
        self._index += 1
        return Frame(slot.image, perf_counter(), self._index)

    def _attached(self) -> RingReader | None:
        """The segment that has the name now."""
        now = perf_counter()
        if self._ring and not self._ring.stale and now < self._look_at:
            return self._ring
        if self._ring is None and now < self._look_at:
            return None
        self._look_at = now + (LOOK_AGAIN if self._ring else 0.02)
        alive = self._ring and not self._ring.stale and owner(self._name) == self._ring.writer
        if alive and self._ring and self._ring.head > 0:
            return self._ring
        self.close()
        self._seen = (0, -1)
        if owner(self._name) is None:
            return None
        try:
            self._ring = RingReader(self._name)
        except (FileNotFoundError, RingError):
            return None
        return self._ring


class SharedMemorySink(Opened):
    """Writes each frame; another size is a new segment of the same name."""

    def __init__(self, name: str) -> None:
        other = owner(name)
        if other is not None:
            raise TransportError(
                f"shm:{name} is being sent by process {other}; end it or choose another name."
            )
        self._name = name
        self._ring: RingWriter | None = None

    def send(self, frame: Frame) -> None:
        """Copy one frame into the segment."""
        height, width = frame.image.shape[:2]
        ring = self._ring
        if ring is None or (ring.width, ring.height) != (width, height):
            ring = self._renewed(width, height)
        ring.write(frame.image, frame.time, frame.index)

    def close(self) -> None:
        """Take the name away."""
        if self._ring:
            self._ring.mark_stale()
            if owner(self._name) == os.getpid():
                self._ring.unlink()
            self._ring.close()
            self._ring = None

    @property
    def status(self) -> str:
        """The name that others can pick."""
        ring = self._ring
        return f"pick shm:{self._name}" + (f", {ring.width}x{ring.height}" if ring else "")

    def _renewed(self, width: int, height: int) -> RingWriter:
        old = self._ring
        try:
            generation = old.generation + 1 if old else 1
            ring = RingWriter(self._name, width, height, SLOTS, generation)
        except RingError as error:
            raise TransportError(str(error)) from error
        if old:
            old.mark_stale()
            old.close()
        self._ring = ring
        return ring


def open_source(name: str, options: Options) -> SharedMemorySource:
    """`shm:NAME`; the sender need not be there yet."""
    return SharedMemorySource(_checked(name))


def open_sink(name: str, options: Options) -> SharedMemorySink:
    """`shm:NAME`; refused while another process sends under this name."""
    return SharedMemorySink(_checked(name))


def _checked(name: str) -> str:
    if not NAME.match(name):
        raise TransportError(
            f"shm:{name} is no name for shared memory; use letters, digits, dot, dash, underscore."
        )
    return name
