"""Shared memory between programs on one machine; 20 lines of code read its layout."""

import logging
import os
from time import perf_counter, sleep

from bridge.frames.frame import Frame, Image
from bridge.system.paths import NAME, NAME_TAKES, instead
from bridge.system.timing import Rhythm
from bridge.transports import Offer, Options, TransportError
from bridge.transports.base import TransportBase
from engine.ipc.public_ring import PublicReader, PublicWriter
from engine.ipc.ring import Header, Slot, is_alive, look
from engine.ipc.segments import YOUNG, NoRing, RingError, is_young, public_names

log = logging.getLogger(__name__)

LONGEST_NAME = 80  # characters
SLOTS = 4
QUIET = 0.5  # seconds without a frame after which it checks less often
IDLE_GLANCE = 0.02  # seconds between those checks
BRIEF = 0.1  # seconds for which a segment that is being created may look wrong
RETURN = 1.0  # seconds between attempts to regain a lost name
MOST_NAMES = 9  # tried in place of a lost name
LOOK_AROUND, LOOK_FOR = 0.25, 0.02  # seconds between checks of who owns the name: attached, waiting


TORN = "its newest frame is never complete; its sender must set stride, head and lock correctly."
HOLES = "its frames have holes; another program cut the file, or its sender skips bytes."


class SharedMemorySource(TransportBase):
    """The newest frame of a segment; the sender may appear, leave, change size and return."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._ring: PublicReader | None = None
        self._last: Slot | None = None  # of this segment
        self._index = 0
        self._came = self._look_at = 0.0
        self._rhythm = Rhythm()
        self._flaw = ""  # of the segment
        self._flawed_at = 0.0  # since when; 0 while it has none
        self._found = ""  # the last flaw, told or not
        self._healed = 0  # the last process whose segment was wrong and is right again
        self._ended = 0  # the process that left the segment there

    def receive(self, timeout: float) -> Frame | None:
        """The newest frame if it differs from the last one."""
        until = perf_counter() + timeout
        while True:
            now = perf_counter()
            # The segment first: its last frame counts even if the sender has left since.
            slot = self._unseen() or (self._unseen() if self._renewed(now) else None)
            if slot:
                self._index, self._came = self._index + 1, now
                self._rhythm.came(now)
                return Frame(slot.image, now, self._index)
            if now >= until:
                return None
            sleep(min(self._pause(now), until - now))

    def close(self) -> None:
        """Release the segment."""
        ring, self._ring, self._last = self._ring, None, None
        if ring:
            ring.close()

    @property
    def there(self) -> bool:
        """Whether a running process owns the name."""
        return self._ring is not None

    @property
    def status(self) -> str:
        """Who sends what."""
        ring, flaw = self._ring, self._flaw
        if flaw:
            return f"invalid: {flaw.rstrip('.')}"
        if ring is None:
            ended = f"; its sender, process {self._ended}, has ended" if self._ended else ""
            return f"waiting for shm:{self._name}{ended}"
        return f"{ring.width}x{ring.height} from process {ring.writer}"

    @property
    def problem(self) -> str:
        """Why the segment gives no frames."""
        flaw = self._flaw
        return f"shm:{self._name}: {flaw}" if flaw else ""

    def _pause(self, now: float) -> float:
        if self._ring is None:
            return LOOK_FOR
        return self._rhythm.pause(now) if now - self._came < QUIET else IDLE_GLANCE

    def _unseen(self) -> Slot | None:
        """The newest frame; None if it, or its image, is still the last one."""
        ring = self._ring
        if ring is None:
            return None
        try:
            return self._newer(ring)
        except RingError:  # truncated, or recreated in the same file: look again at once
            self.close()
            self._look_at = 0.0
            return None

    def _newer(self, ring: PublicReader) -> Slot | None:
        head, last = ring.head, self._last
        if last and head <= last.number:
            last = self._last = None  # restarted by the same sender
        if head == (last.number + 1 if last else 0):
            return None
        slot = ring.newest()
        if slot is None:
            self._tell(HOLES if ring.has_holes else TORN, at_once=ring.has_holes)
            return None
        self._last = slot
        self._flaw, self._flawed_at = "", 0.0
        # Index 0 means that the sender does not count images: all of its frames are new.
        return None if last and slot.index == last.index != 0 else slot

    def _renewed(self, now: float) -> bool:
        """Compare the open segment with the one that owns the name; switch if it differs."""
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
        """The segment of this name if its writer is running."""
        self._ended = 0
        try:
            ring = PublicReader(self._name)
        except FileNotFoundError:
            self._flaw, self._flawed_at = "", 0.0
            return None
        except RingError as error:
            # A segment being created is not a ring yet.
            unfinished = isinstance(error, NoRing) and is_young(self._name)
            self._tell(str(error), at_once=not unfinished)
            return None
        if is_alive(ring.writer):
            self._tell_healed(ring.writer)
            self._flaw, self._flawed_at = "", 0.0
            return ring
        self._flaw, self._flawed_at = "", 0.0
        self._ended = ring.writer
        ring.close()
        return None

    def _tell_healed(self, writer: int) -> None:
        """Log, once per sender, that its segment was wrong, unless it was only being created."""
        lasted = self._flawed_at and perf_counter() - self._flawed_at > BRIEF
        if (self._flaw or lasted) and writer != self._healed:
            self._healed = writer
            log.warning(
                "shm:%s, sent by process %d, was wrong and is right again: %s",
                self._name, writer, self._found,
            )  # fmt: skip

    def _tell(self, flaw: str, at_once: bool) -> None:
        """Report what is wrong with the segment, if it may not pass, or has not yet."""
        now = perf_counter()
        self._found = flaw
        self._flawed_at = self._flawed_at or now
        self._flaw = flaw if at_once or now - self._flawed_at >= YOUNG else ""


class SharedMemorySink(TransportBase):
    """Writes each frame; a new size creates a new segment of the same name.

    If another running process takes over the name while this one sends, frames go out as NAME_1
    and so on, as with a Spout sender, until the name is available again.
    """

    keeps_last, needs_beat = True, False

    def __init__(self, name: str, options: Options) -> None:
        """Take the name; TransportError if a running process owns it."""
        self._name = self._wanted = name
        self._ring: PublicWriter | None = None
        self._used: PublicWriter | None = None  # for the last frame, which has this image and index
        self._image: Image | None = None
        self._index = -1
        self._times = 0  # how often in a row it was written again
        self._problem = ""
        self._look_at = 0.0  # when to try the wanted name again
        self._generation = 0  # the least of the next segment, less one
        self._renew(options.width, options.height)

    def send(self, frame: Frame) -> None:
        """Copy one frame into the segment, which is recreated if another program cut or replaced
        it. TransportError if no name is available, or no room.
        """
        height, width = frame.image.shape[:2]
        ring = self._ring
        if self._problem and perf_counter() >= self._look_at:
            self._return(width, height)
            ring = self._ring
        if ring is None or (ring.width, ring.height) != (width, height) or not ring.is_whole():
            ring = self._renew_somewhere(width, height)
        same = frame.index == self._index and frame.image is self._image and ring is self._used
        self._times = self._times + 1 if same else 0
        self._image, self._index, self._used = frame.image, frame.index, ring
        try:
            if self._times < SLOTS:
                ring.write(frame.image, frame.time, frame.index)
            else:  # a held frame: every slot has it
                ring.repeat(frame.time, frame.index)
        except OSError as error:
            self._image = None  # the next frame is written whole
            raise TransportError(f"shm:{self._name} cannot be written: {error}") from error

    def close(self) -> None:
        """Remove the segment."""
        ring, self._ring = self._ring, None
        if ring:
            _let_go(ring)

    @property
    def status(self) -> str:
        """The name that receivers can pick."""
        ring = self._ring
        return f"pick shm:{self._name}" + (f", {ring.width}x{ring.height}" if ring else "")

    @property
    def problem(self) -> str:
        """Why the name differs from the requested one."""
        return self._problem

    def _renew_somewhere(self, width: int, height: int) -> PublicWriter:
        """A new segment under the current name, or under another if that was taken over."""
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
                f"shm:{self._wanted} was taken over by process {told.writer}, so frames go to "
                f"shm:{self._name}; end that process to send to shm:{self._wanted} again."
            )
            self._look_at = perf_counter() + RETURN
            return ring
        self._name = before
        raise told

    def _return(self, width: int, height: int) -> None:
        """Return to the wanted name, if possible now."""
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
        """Create the new segment first: if that fails, the old one stays as it is, unless nobody
        can open or read it: then its memory is what the new one lacks.
        """
        old, there = self._ring, _look(self._name)
        # Our process in another file means a copy of our segment.
        mine = old and (old.has_name() or (there and there.writer == os.getpid()))
        if there and not mine and there.is_owned:
            raise _Taken(self._name, there.writer)
        seen = (ring.generation for ring in (old, there) if ring)
        generation = max([self._generation, *seen]) + 1
        try:
            try:
                self._ring = PublicWriter(self._name, width, height, SLOTS, generation)
            except OSError:
                if old is None or old.is_whole():
                    raise
                self._ring, self._generation = None, generation
                _let_go(old)
                old = None
                self._ring = PublicWriter(self._name, width, height, SLOTS, generation)
        except OSError as error:
            raise TransportError(f"shm:{self._name} cannot be created: {error}") from error
        if old:
            old.mark_stale()
            old.close()
        return self._ring


class _Taken(TransportError):
    """Another running process sends under a name."""

    def __init__(self, name: str, writer: int) -> None:
        super().__init__(
            f"shm:{name} is in use by process {writer}; end it or choose another name."
        )
        self.writer = writer


def _let_go(ring: PublicWriter) -> None:
    if ring.has_name():
        ring.unlink()
    ring.mark_stale()
    ring.close()


def offers() -> list[Offer]:
    """Every public segment of another running process."""
    found: list[Offer] = []
    for name in public_names():
        header = _look(name)
        if header and header.is_taken and header.is_owned and header.writer != os.getpid():
            text = f"{header.width}x{header.height} from process {header.writer}"
            found.append(Offer(uri=f"shm:{name}", text=text))
    return found


def check_source(name: str) -> None:
    """TransportError for an invalid name."""
    _checked(name)


def open_source(name: str, options: Options) -> SharedMemorySource:
    """`shm:NAME`; the sender need not be running yet."""
    return SharedMemorySource(_checked(name))


def open_sink(name: str, options: Options) -> SharedMemorySink:
    """`shm:NAME`; refused while another process sends under this name."""
    return SharedMemorySink(_checked(name), options)


def _checked(name: str) -> str:
    if not NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        raise TransportError(
            f"shm:{name:.100} is not a valid shared memory name; "
            f"use at most {LONGEST_NAME} {NAME_TAKES}{instead(name, LONGEST_NAME)}."
        )
    return name


def _look(name: str) -> Header | None:
    """A segment's header; None if there is no readable one."""
    try:
        return look(name)
    except OSError:  # missing, not readable, or not a ring
        return None
