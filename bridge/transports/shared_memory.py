"""Shared memory between programs of one machine, in a layout that a stranger reads in 20 lines."""

import os
from time import perf_counter, sleep

from bridge.frames.frame import Frame
from bridge.system.paths import NAME, NAME_TAKES, instead
from bridge.transports import Offer, Options, TransportError
from bridge.transports.base import TransportBase
from engine.ipc.public_ring import PublicReader, PublicWriter
from engine.ipc.ring import Header, Slot, is_alive, look
from engine.ipc.segments import RingError, is_young, public_names

LONGEST_NAME = 80  # letters
SLOTS = 4
GLANCE, IDLE_GLANCE = 0.001, 0.005  # seconds between looks for a new frame
QUIET = 0.5  # seconds without a frame from which on looks are rarer
RETURN = 1.0  # seconds between tries to have a name again that was taken away
MOST_NAMES = 9  # that are tried instead of one that was taken away
LOOK_AROUND, LOOK_FOR = 0.25, 0.02  # seconds between looks who has the name: attached, waiting


HOLES = "its pictures have holes; somebody cut the file, or its sender does not write every byte."


class SharedMemorySource(TransportBase):
    """The newest frame of a segment; the sender may come, go, change its size and come back."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._ring: PublicReader | None = None
        self._last: Slot | None = None  # of this segment
        self._index = 0
        self._came = self._look_at = 0.0
        self._problem = ""

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

    @property
    def problem(self) -> str:
        """Why what has the name gives no pictures."""
        return self._problem

    def _pause(self, now: float) -> float:
        if self._ring is None:
            return LOOK_FOR
        return GLANCE if now - self._came < QUIET else IDLE_GLANCE

    def _unseen(self) -> Slot | None:
        """The newest frame; None if it, or the picture in it, is the last one still."""
        ring = self._ring
        if ring is None:
            return None
        try:
            return self._newer(ring)
        except RingError:  # cut short, or begun anew in the same file: look again at once
            self.close()
            self._look_at = 0.0
            return None

    def _newer(self, ring: PublicReader) -> Slot | None:
        head, last = ring.head, self._last
        if last and head <= last.number:
            last = self._last = None  # begun anew by the same sender
        if head == (last.number + 1 if last else 0):
            return None
        slot = ring.newest()
        self._problem = f"shm:{self._name}: {HOLES}" if ring.has_holes else ""
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
        self._look_at = now + LOOK_AROUND
        if ring and ring.has_name() and is_alive(ring.writer):
            if self._last is None or ring.has_kept():
                return False
            self._last = None
            return True
        self.close()
        self._ring = self._attach()
        if self._ring is None:
            self._look_at = now + LOOK_FOR
        return self._ring is not None

    def _attach(self) -> PublicReader | None:
        """The segment of this name if its writer lives."""
        self._problem = ""
        try:
            ring = PublicReader(self._name)
        except FileNotFoundError:
            return None
        except RingError as error:
            # What is just being made is no ring yet.
            self._problem = "" if is_young(self._name) else f"shm:{self._name}: {error}"
            return None
        if is_alive(ring.writer):
            return ring
        ring.close()
        return None


class SharedMemorySink(TransportBase):
    """Writes each frame; another size is a new segment of the same name.

    Where another living process takes the name away while this one sends, pictures go out under
    NAME_1 and so on, as a Spout sender's would, until the name can be had again.
    """

    keeps_last, needs_beat = True, False

    def __init__(self, name: str, options: Options) -> None:
        """Take the name; TransportError when a living process has it."""
        self._name = self._wanted = name
        self._ring: PublicWriter | None = None
        self._problem = ""
        self._look_at = 0.0  # when it is tried to have the name that is wanted
        self._renew(options.width, options.height)

    def send(self, frame: Frame) -> None:
        """Copy one frame into the segment, which is made anew where somebody cut or replaced it.
        TransportError when there is no name to be had, or no room.
        """
        height, width = frame.image.shape[:2]
        ring = self._ring
        if self._problem and perf_counter() >= self._look_at:
            self._return(width, height)
            ring = self._ring
        if ring is None or (ring.width, ring.height) != (width, height) or not ring.is_whole():
            ring = self._renew_somewhere(width, height)
        try:
            ring.write(frame.image, frame.time, frame.index)
        except OSError as error:
            raise TransportError(f"shm:{self._name} cannot be written: {error}") from error

    def close(self) -> None:
        """Take the name away."""
        ring, self._ring = self._ring, None
        if ring:
            _let_go(ring)

    @property
    def status(self) -> str:
        """The name that others can pick."""
        ring = self._ring
        return f"pick shm:{self._name}" + (f", {ring.width}x{ring.height}" if ring else "")

    @property
    def problem(self) -> str:
        """Why the name is another than the one that was asked for."""
        return self._problem

    def _renew_somewhere(self, width: int, height: int) -> PublicWriter:
        """A new segment under the name there is, or where that was taken, under another."""
        try:
            return self._renew(width, height)
        except _Taken as taken:
            told = taken
        before = self._name
        for number in range(1, MOST_NAMES + 1):
            self._name = f"{self._wanted}_{number}"
            try:
                ring = self._renew(width, height)
            except _Taken:
                continue
            self._problem = (
                f"shm:{self._wanted} was taken by process {told.writer}, so pictures go to "
                f"shm:{self._name}; end it, and they go to shm:{self._wanted} again."
            )
            self._look_at = perf_counter() + RETURN
            return ring
        self._name = before
        raise told

    def _return(self, width: int, height: int) -> None:
        """Have the wanted name again, if that is possible now."""
        self._look_at = perf_counter() + RETURN
        old, before = self._ring, self._name
        there = _look(self._wanted)
        if there and there.is_owned:
            return
        self._name, self._ring = self._wanted, None
        try:
            self._renew(width, height)
        except TransportError:
            self._name, self._ring = before, old
            return
        self._problem = ""
        if old:
            _let_go(old)

    def _renew(self, width: int, height: int) -> PublicWriter:
        """New first: where that cannot be had the old segment stays as it is."""
        old, there = self._ring, _look(self._name)
        # Ours under another file is a copy that somebody made of it.
        mine = old and (old.has_name() or (there and there.writer == os.getpid()))
        if there and not mine and there.is_owned:
            raise _Taken(self._name, there.writer)
        generation = max(ring.generation if ring else 0 for ring in (old, there)) + 1
        try:
            self._ring = PublicWriter(self._name, width, height, SLOTS, generation)
        except OSError as error:
            raise TransportError(f"shm:{self._name} cannot be made: {error}") from error
        if old:
            old.mark_stale()
            old.close()
        return self._ring


class _Taken(TransportError):
    """Another living process sends under a name."""

    def __init__(self, name: str, writer: int) -> None:
        super().__init__(
            f"shm:{name} is being sent by process {writer}; end it or choose another name."
        )
        self.writer = writer


def _let_go(ring: PublicWriter) -> None:
    if ring.has_name():
        ring.unlink()
    ring.mark_stale()
    ring.close()


def offers() -> list[Offer]:
    """Every segment of another living process that is meant for strangers."""
    found: list[Offer] = []
    for name in public_names():
        header = _look(name)
        if header and header.is_taken and header.is_owned and header.writer != os.getpid():
            text = f"{header.width}x{header.height} from process {header.writer}"
            found.append(Offer(uri=f"shm:{name}", text=text))
    return found


def check_source(name: str) -> None:
    """TransportError for what can be the name of none."""
    _checked(name)


def open_source(name: str, options: Options) -> SharedMemorySource:
    """`shm:NAME`; the sender need not be there yet."""
    return SharedMemorySource(_checked(name))


def open_sink(name: str, options: Options) -> SharedMemorySink:
    """`shm:NAME`; refused while another process sends under this name."""
    return SharedMemorySink(_checked(name), options)


def _checked(name: str) -> str:
    if not NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        raise TransportError(
            f"shm:{name:.100} is no name for shared memory; "
            f"use at most {LONGEST_NAME} {NAME_TAKES}{instead(name, LONGEST_NAME)}."
        )
    return name


def _look(name: str) -> Header | None:
    """What a segment says of itself; None where there is none that can be read."""
    try:
        return look(name)
    except OSError:  # not there, not ours to read, or not a ring
        return None
