"""One engine worker, seen from the bridge: its process, its messages, its rings.

The messages are declared in `engine/ipc/messages.py`. Each worker has threads of its own here: "to
worker" writes messages from any thread, "from worker" reads, "worker log" reads what it prints,
"death of worker" waits for its end; its feeder (`bridge/workers/feeder.py`) answers its requests.
The host's thread starts it and decides what it runs.
"""

import logging
import os
import queue
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import IO, Any, Protocol, TypeAlias

import psutil

from bridge.frames.frame import Frame
from bridge.frames.mailbox import Mailbox
from bridge.frames.pixels import Fit, fit_into
from bridge.state.status import EngineState
from bridge.system import logs
from bridge.system.processes import OUTSIDE, death, from_outside
from bridge.workers.launch import Ahead, Relayed, launch
from engine.catalog.rows import PipelineRow
from engine.files.library import PLACES
from engine.ipc.channel import BridgeChannel, bridge_end
from engine.ipc.messages import (
    IMPORTING,
    MEANING,
    VERSION,
    Alive,
    BlockMade,
    BlockPrepared,
    BlockUnusable,
    BridgeHello,
    BridgeMessage,
    Exit,
    FrameGrant,
    FrameMade,
    FrameRequest,
    LineLost,
    LineNote,
    LoadPipeline,
    LoadProgress,
    ParameterSnapshot,
    PipelineKept,
    PipelineLoading,
    PipelineReady,
    PipelineSwapped,
    PrepareBlock,
    QualityReduced,
    RenewRing,
    ResetStream,
    RingAttached,
    RingLost,
    RingMade,
    RingShort,
    RungTried,
    Stop,
    TimeLimit,
    WorkerFailed,
    WorkerHello,
    WorkerMessage,
)
from engine.ipc.ring import RingReader, RingWriter, Slot
from engine.ipc.segments import RingError, private_name, sweep_of, unlink
from engine.ipc.typed import ProtocolError
from engine.parameters import Load, Parameters, Value, clamped, describe
from engine.system.overdue import Overdue

log = logging.getLogger(__name__)

SILENCE = 3.0  # seconds without a message beyond a worker's own limit until it counts as hung
LOG_LINES = 200
DISMISSED = 32  # ended workers that are remembered
LAST_WORDS = 0.3  # seconds to read a dead worker's last output
KILLED = -9, -15  # statuses of a kill by others: SIGKILL, SIGTERM
BACK = "The line to the engine is there."
HELD = 1.0  # seconds that its pipe is read after its death; others holding it write nothing more
LINES_A_SECOND = 200  # of a worker that go into the bridge's own log
LONGEST_LINE = 16 << 10  # bytes
IDLE = "", 1.0  # progress of nothing
ROOM_AGAIN = 1.0  # seconds until a ring that did not fit is tried again
serials = count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerConfig:
    """What a worker runs, on any machine. Times in seconds."""

    row: PipelineRow
    load: Load
    hang_s: float
    load_s: float


def not_loaded(orders: WorkerConfig, runs: WorkerConfig, why: str) -> str:
    """The sentence for a request that failed while `runs` continues; `why` is a sentence. If only
    LoRAs differ, they are named: the pipeline itself is loaded.
    """
    old, new = runs.load.model_dump(), orders.load.model_dump()
    changed = [name for name in new if new[name] != old.get(name)]
    loras = [str(new[name]) for name in changed if new[name]]
    if runs.row.id != orders.row.id or not loras or not {*PLACES}.issuperset(changed):
        return f"{orders.row.id} could not be loaded: {why}"
    kept = [str(old[name]) for name in changed if old[name]]
    what, them = ("LoRA", "it") if len(loras) == 1 else ("LoRAs", "them")
    stays = "stays" if len(kept) == 1 else "stay"
    rest = f"{' and '.join(kept)} {stays}" if kept else f"{orders.row.id} continues without {them}"
    return f"{what} {' and '.join(loras)} could not be loaded: {why.rstrip('.')}; {rest}."


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerPlace:
    """Where a worker runs: the machine's folders and which of its GPUs; with `cpu`, none. A worker
    that is not `in_process` is a thread of the bridge; a `relay` passes everything on to another
    machine. `dismissed` has the process ids of the last
    workers that a user had ended, which say nothing about what they were trying.
    """

    assets: Path
    models: Path
    more_models: tuple[Path, ...] = ()
    in_process: bool = True
    gpu: int | None = None
    cpu: bool = False
    cache: Path | None = None
    relay: Relayed | None = None
    dismissed: deque[int] = field(default_factory=lambda: deque[int](maxlen=DISMISSED))


@dataclass(slots=True)
class Block:
    """The blocks of a worker: the last one, and the intervals between them. Inputs received before
    it was `warm`, if it had to load, waited for that.
    """

    made: int = 0
    frames: int = 1
    seconds: float = 0.0
    ended: float = 0.0
    warm: float = 0.0  # when the first one was done; inf before
    intervals: deque[float] = field(default_factory=lambda: deque[float](maxlen=9))

    def end(self, frames: int, seconds: float) -> None:
        """A block is done."""
        now = perf_counter()
        if self.made:
            self.intervals.append(now - self.ended)
        self.warm = min(self.warm, now)
        self.made, self.ended, self.seconds = self.made + 1, now, seconds
        self.frames = max(1, frames)


@dataclass(frozen=True, slots=True)
class Reshaping:
    """A change that gives passes another shape: the number of its snapshot, its time, the names."""

    number: int = 0
    time: float = 0.0
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SwapDone:
    """A worker now runs another pipeline in place of its own."""

    runs: WorkerConfig


@dataclass(frozen=True, slots=True)
class SwapFailed:
    """A worker could not load another pipeline and keeps its own; the reason in a sentence, and as
    the worker gave it.
    """

    failed: WorkerConfig
    text: str
    why: str


@dataclass(frozen=True, slots=True)
class WorkerGone:
    """A worker has ended; `loading` is what it was loading in place of its pipeline."""

    loading: WorkerConfig | None


@dataclass(frozen=True, slots=True)
class Guided:
    """Guides of a block: as many control and mask frames as it has frames, or none."""

    control: Sequence[Frame] = ()
    mask: Sequence[Frame] = ()


UNGUIDED = Guided()


@dataclass(frozen=True, slots=True)
class Feed:
    """How a streaming worker is fed; see `FrameGrant`."""

    has_input: bool = True
    has_room: bool = True
    max_fps: float = 0.0


FED = Feed()

# News of a worker: its messages, or what they mean here.
News: TypeAlias = WorkerMessage | SwapDone | SwapFailed | WorkerGone


class Frames(Protocol):
    """Frames that wait to be shown, oldest first; see `RingReader`."""

    dropped: int

    @property
    def waiting(self) -> int:
        """How many may be taken now."""
        ...

    def skip(self, count: int) -> None:
        """Skip the next `count` frames."""
        ...

    def next(self, *, borrowed: bool = False) -> Slot | None:
        """The next one; None if there is none. A `borrowed` one may lie in the ring."""
        ...


class WorkerClient:
    """Starts a worker and talks to it. Attributes may be read from any thread; unless noted, a
    method may be called from any thread and never waits.
    """

    def __init__(
        self,
        orders: WorkerConfig,
        place: WorkerPlace,
        heard: Callable[["WorkerClient", News], None],
        ahead: Ahead | None = None,
    ) -> None:
        """`heard` is called with all news by the thread "from worker", and last with a `WorkerGone`
        by the thread that noticed it first. Its process is the one started `ahead`, if there is
        one. Raises nothing: a worker that cannot start just ends.
        """
        self._ahead = ahead
        self.orders = orders
        self.row = orders.row
        self._place = place
        self.inbox: Mailbox[Frame] = Mailbox(max(4, 4 * orders.row.block))
        self.ring: Frames | None = None  # of the frames to be shown
        self.state = EngineState.LOADING
        self.loaded = False
        self.degraded = ""
        self.trying = ""  # what may take the process down now; it is written down
        self.tried = ""  # the last such, which holds if the process lives
        self.invents = False  # generates without input: it was granted no frames
        self.line = ""  # why the machine that computes cannot be reached, in a sentence
        self.note = ""  # what to know of it while it can be, in a sentence
        self.device = ""
        self.error = ""
        self.code: int | None = None
        self.blames: Mapping[str, str] = {}  # load parameters whose files cannot be used, and why
        self.progress: tuple[str, float] = ("", 0.0)  # of loading, then of what a block prepares
        self.report: Mapping[str, Any] = {}
        self.prepared: BlockPrepared | None = None  # the answer to the newest `prepare`, if any
        self._preparing = 0  # its number
        self.block = Block(frames=orders.row.block, warm=float("inf"))  # until one is done
        # What replaces this pipeline; written only by the host's thread. Each one goes to the
        # feeder, which uses the newest, and on to the thread that receives the result.
        self.swapping: WorkerConfig | None = None
        self._swaps: queue.SimpleQueue[WorkerConfig] = queue.SimpleQueue()
        self._loads: queue.SimpleQueue[WorkerConfig] = queue.SimpleQueue()
        self.started = perf_counter()
        self.running_since = 0.0
        self.requests: Mailbox[FrameRequest | PipelineReady] = Mailbox(1)
        self.limit = orders.load_s  # seconds that its next block may take, as it reports
        self.block_since = 0.0  # when the block that it makes was granted; 0 while it makes none
        self.parameters_number = 0
        self.steered = 0  # the newest of them that changed something for its pipeline
        self.pid = 0
        self.log: deque[str] = deque(maxlen=LOG_LINES)
        self._serial = next(serials)
        self._heard = heard
        self._silence = Overdue(orders.load_s + SILENCE, self.started)
        self._killed = self._over = False
        self.asked_to_die = False  # by a button: not an error
        self._outbox: queue.SimpleQueue[BridgeMessage | None] = queue.SimpleQueue()
        self._newest: tuple[int, Mapping[str, Value]] = 0, {}
        self.reshaping = Reshaping()
        self._shown = 0  # the newest snapshot that a block was made with
        # The same within the pipeline's own ranges, and its source; the feeder's.
        self._fitted: tuple[object, PipelineRow, ParameterSnapshot] | None = None
        self._input: RingWriter | None = None
        self._setting = threading.Lock()
        self._input_lock = threading.Lock()  # for its name: between making and ending
        self._inputs_made = 0
        self._lost = ""  # a segment that the worker could not find
        self._gone = False
        self._ending = threading.Lock()
        self._ended = self._childless = False
        self._room_at = 0.0
        self._short = self._worker_short = ""
        self._process: subprocess.Popen[bytes] | None = None
        # The worker's process, if not the started one: a Windows venv's python.exe only launches
        # another.
        self._launched: psutil.Process | None = None
        self._logging: threading.Thread | None = None

    def start(self, number: int, values: Mapping[str, Value]) -> None:
        """Start the worker with these parameter values. The host's thread."""
        self._channel = self._open()
        self.set_parameters(number, values)
        self._outbox.put(self._hello())
        self._outbox.put(self._load(self.orders))
        threading.Thread(target=self._write, name="to worker", daemon=True).start()
        reading = threading.Thread(target=self._read, name="from worker", daemon=True)
        reading.start()
        if self._process:
            threading.Thread(
                target=self._bury, args=(reading,), name="death of worker", daemon=True
            ).start()

    def set_parameters(self, number: int, values: Mapping[str, Value]) -> None:
        """Use these for the next block; only the newest are sent. An older snapshot that arrives
        late is ignored.
        """
        with self._setting:
            if number >= self.parameters_number:
                self._note_reshaping(number, values)
                if self._differs(values):
                    self.steered = number
                self._newest = number, values
                self.parameters_number = number

    def _note_reshaping(self, number: int, values: Mapping[str, Value]) -> None:
        """Note when values were changed that give passes another shape."""
        before, shaping = self._newest[1], _shaping(self.row.parameters)
        names = {name for name in shaping & before.keys() if values.get(name) != before[name]}
        if names:
            pending = self.reshaping.names if self.reshaping.number > self._shown else ()
            self.reshaping = Reshaping(number, perf_counter(), tuple(sorted({*pending, *names})))

    def _differs(self, values: Mapping[str, Value]) -> bool:
        """Whether these change the next block of this pipeline."""
        before = self._newest[1]
        names = ("size", *self.row.parameters.model_fields)
        return any(values.get(name) != before.get(name) for name in names)

    @property
    def reshapes(self) -> Reshaping | None:
        """The newest change that gives passes another shape, until a block is made with it."""
        return self.reshaping if self.reshaping.number > self._shown else None

    def swap(self, orders: WorkerConfig) -> None:
        """Swap in another pipeline of the family between two blocks, replacing any earlier request
        not yet begun. The host's thread.
        """
        self.swapping = orders
        self._swaps.put(orders)

    def end_swap(self, decided: WorkerConfig) -> None:
        """This swap succeeded or failed; a newer request is still pending. The host's thread."""
        if self.swapping is decided:
            self.swapping = None

    @property
    def swap_waits(self) -> bool:
        """Whether the next request will be answered with another pipeline."""
        return not self._swaps.empty()

    def grant_swap(self) -> None:
        """Answer a request with the pending pipeline. The feeder's thread."""
        orders = self._swaps.get()
        while self.swap_waits:
            orders = self._swaps.get()  # the newest
        self._loads.put(orders)
        self._outbox.put(self._load(orders))

    def grant(
        self,
        frames: Sequence[Frame],
        size: tuple[int, int] | None,
        how: Fit,
        guides: Guided = UNGUIDED,
        feed: "Feed | None" = None,
    ) -> int:
        """Answer a request with a block's frames and guides, scaled to `size` (None: that of the
        frames), and the newest parameters; returns their number. `feed` is for a streaming worker.
        The feeder's thread.
        """
        feed = feed or FED
        name, first = "", 0
        every = [*frames, *guides.control, *guides.mask]
        if every:
            height, width = (frames or every)[-1].image.shape[:2]
            ring = self._ring_for(*(size or (width, height)), len(every))
            name, first = ring.name, ring.head
            for frame in every:
                fit_into(ring.reserve(), frame.image, how)
                ring.commit(frame.time, frame.index)
        snapshot = self._snapshot(self.row)  # only now: the frames took a while
        granted = FrameGrant(
            snapshot=snapshot, count=len(frames), control=len(guides.control),
            mask=len(guides.mask), first=first, ring=name, has_input=feed.has_input,
            has_room=feed.has_room, max_fps=feed.max_fps,
        )  # fmt: skip
        self.block_since = perf_counter()
        self._outbox.put(granted)
        return snapshot.number

    def prepare(self, values: Mapping[str, Value]) -> None:
        """Have what a block with these values needs ready beside what is shown; `prepared` tells
        how far that is. The host's thread.
        """
        self._preparing, self.prepared = self._preparing + 1, None
        wanted = clamped(self.row.parameters, values)
        self._outbox.put(
            PrepareBlock(snapshot=ParameterSnapshot(number=self._preparing, values=wanted))
        )

    def reset(self) -> None:
        """Make the pipeline forget its stream's history."""
        self._outbox.put(ResetStream())

    def stop(self) -> None:
        """Ask the worker to end; kill it after two seconds. Never waits."""
        self._outbox.put(Stop())
        self._outbox.put(None)
        if self._process:
            threading.Thread(target=self._end, name="end of worker", daemon=True).start()

    def kill(self, *, asked: bool = False) -> None:
        """Kill the worker at once, as a crash would; `asked` means on a user's request."""
        if self._process and not self.gone:
            self._killed = True
            self.asked_to_die = self.asked_to_die or asked
            if asked:
                self._place.dismissed.append(self.pid)
            if self._launched:
                with suppress(psutil.Error):
                    self._launched.kill()
            self._process.kill()

    def join(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds for the worker's end; True if it has ended."""
        if self._process:
            until = perf_counter() + timeout
            try:
                self._process.wait(timeout)
                if self._launched:
                    self._launched.wait(max(0.0, until - perf_counter()))
            except (subprocess.TimeoutExpired, psutil.TimeoutExpired):
                return False
            self._end_children()
        return True

    @property
    def is_relay(self) -> bool:
        """Whether its engine is on another machine."""
        return self._place.relay is not None

    @property
    def gone(self) -> bool:
        """Whether the worker has ended."""
        if self._process is None:
            return self._over
        return self._process.poll() is not None and not _runs(self._launched)

    def silent(self) -> bool:
        """Whether the worker has been silent for so long that it must be killed; polled by one
        thread.
        """
        return self._silence.late(perf_counter())

    @property
    def short(self) -> str:
        """Why frames keep another size than requested, in a sentence; else empty."""
        return self._short or self._worker_short

    @property
    def waiting(self) -> int:
        """Number of generated frames waiting to be shown."""
        ring = self.ring
        return ring.waiting if ring else 0

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height of the engine's frames; None before the first."""
        ring = self.ring
        return (ring.width, ring.height) if isinstance(ring, RingReader) else None

    def _hello(self) -> BridgeHello:
        place = self._place
        return BridgeHello(
            version=VERSION, worker=self._serial, assets=str(place.assets),
            models=str(place.models), more_models=tuple(map(str, place.more_models)),
            cache=str(place.cache or ""), dismissed=tuple(place.dismissed),
        )  # fmt: skip

    def _load(self, orders: WorkerConfig) -> LoadPipeline:
        row = orders.row
        return LoadPipeline(
            pipeline=row.id,
            target=row.target,
            load=_target(row.load),
            values=orders.load.model_dump(),
            parameters=_target(row.parameters),
            size=str(self._snapshot(row).values.get("size", "auto")),
            block=row.block,
            hang_s=orders.hang_s,
            load_s=orders.load_s,
            packages=tuple(row.packages),
        )

    def _snapshot(self, row: PipelineRow) -> ParameterSnapshot:
        """The newest parameters for a pipeline. The feeder's thread, once it runs."""
        newest = self._newest
        if self._fitted and self._fitted[0] is newest and self._fitted[1] is row:
            return self._fitted[2]
        number, values = newest
        made = ParameterSnapshot(number=number, values=clamped(row.parameters, values))
        self._fitted = newest, row, made
        return made

    def _open(self) -> BridgeChannel:
        if not self._place.in_process:
            return self._open_thread()
        process = self._ahead.take() if self._ahead else None
        place = self._place
        process = process or launch(place.gpu, cpu=place.cpu, relay=place.relay)
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self._process, self.pid = process, process.pid
        self._logging = threading.Thread(
            target=self._keep_log, args=(process.stderr,), name="worker log", daemon=True
        )
        self._logging.start()
        return bridge_end(process.stdout, process.stdin)  # type: ignore[arg-type]  # pipes, unbuffered

    def _open_thread(self) -> BridgeChannel:
        self.pid = os.getpid()
        # By name: used only by tests; the bridge itself imports no worker code.
        return import_module("engine.worker.thread").start()

    def _ring_for(self, width: int, height: int, count: int) -> RingWriter:
        """The ring for a block; without room for a new one, the old one if it is large enough."""
        ring, now = self._input, perf_counter()
        if ring and ring.name == self._lost:
            ring = None
        suffices = ring is not None and ring.slots >= count
        if suffices and ring and (ring.width, ring.height) == (width, height):
            self._short = ""
            return ring
        if suffices and ring and now < self._room_at:
            return ring
        try:
            made = self._new_input(width, height, count)
        except RingError as error:
            self._short, self._room_at = str(error), now + ROOM_AGAIN
            if suffices and ring:
                return ring
            raise
        self._short = ""
        return made

    def _new_input(self, width: int, height: int, count: int) -> RingWriter:
        self._inputs_made += 1
        name = private_name(self._serial, "in", self._inputs_made)
        made = RingWriter(name, width, height, max(count, 2), self._inputs_made)
        with self._input_lock:
            old, self._input = self._input, made
            if self._gone:
                made.unlink()
        if old:
            old.unlink()
            old.close()
        return made

    def _write(self) -> None:
        """The thread "to worker"."""
        while (message := self._outbox.get()) is not None:
            try:
                self._channel.send(message)
            except (OSError, ValueError):
                break  # the worker is gone; the reading side reports it
        self._channel.close()

    def _read(self) -> None:
        """The thread "from worker"."""
        try:
            while (message := self._channel.receive()) is not None and not self._ended:
                self._silence.sign(perf_counter())
                self._heard(self, self._note(message))
        except ProtocolError as error:
            self._give_up(str(error))
        except (OSError, ValueError, LookupError) as error:  # its segment is gone or invalid
            self._give_up(f"The engine worker sent an invalid message: {error}")
        self._channel.hang_up()
        self._end_of_life()

    def _give_up(self, error: str) -> None:
        """The worker cannot be used any more."""
        log.error(error)
        self.error = error
        self.kill()

    def _bury(self, reading: threading.Thread) -> None:
        """The thread "death of worker": clean up after its death. The pipe alone does not show it:
        child processes of the worker hold it too and may outlive it.
        """
        assert self._process is not None
        self._process.wait()
        with suppress(psutil.Error):
            if self._launched:
                self._launched.wait()
        self._end_children()
        reading.join(HELD)
        self._end_of_life()

    def _end_children(self) -> None:
        """Kill the processes that the worker left behind: its process group. On Windows they do not
        hold its pipe, and end with the bridge.
        """
        with self._ending:
            process, self._childless = None if self._childless else self._process, True
        if process and sys.platform != "win32":
            with suppress(ProcessLookupError, PermissionError):  # none left
                os.killpg(process.pid, signal.SIGKILL)

    def _end_of_life(self) -> None:
        """Report once that the worker is gone, whichever thread noticed first."""
        with self._ending:
            if self._ended:
                return
            self._ended = True
        if self._process:
            self.code = self._process.wait()
            if self._logging:
                self._logging.join(LAST_WORDS)
            sweep_of(self.pid)
        with self._input_lock:
            self._gone = True
            if self._input:
                self._input.unlink()
        self._outbox.put(None)
        self.state, self._over = EngineState.IDLE, True
        loading = None
        with suppress(queue.Empty):
            loading = self._loads.get_nowait()
        self._heard(self, WorkerGone(loading))

    def _note(self, message: WorkerMessage) -> News:
        """Record a message before it is passed on; returns the news. All recording is done by the
        thread "from worker".
        """
        match message:
            case BlockMade():
                self._note_block(message)
            case FrameRequest():
                self.block_since = 0.0
                self.requests.put(message)
            case WorkerHello(pid=pid):
                self._note_hello(pid)
            case BlockPrepared(snapshot=number):
                self.prepared = message if number == self._preparing else self.prepared
            case Alive() | FrameMade() | BlockUnusable():
                pass
            case TimeLimit(seconds=seconds):
                self.limit = seconds
                self._silence.limit = seconds + SILENCE
            case PipelineLoading():
                self.state, self.loaded = EngineState.LOADING, False
            case LoadProgress(phase=phase, part=part):
                self.progress = phase, part
            case PipelineReady(device=device):
                self.device, self.progress = device, IDLE
                log.info("%s runs on %s", self.row.id, device)
                self.state, self.loaded = EngineState.WARMUP, True
                self.requests.put(message)
            case PipelineSwapped() | PipelineKept():
                return self._note_swap(message)
            case RingAttached(name=name):
                self._end_name(name)
            case RingLost(name=name):
                self._lost = name
            case RingMade(name=name):
                self._take_up(name)
            case RingShort(text=text):
                self._worker_short = text
            case QualityReduced(text=text):
                self.degraded = text
            case LineLost(text=text):
                log.log(*((logging.WARNING, text) if text else (logging.INFO, BACK)))
                self.line = text
            case LineNote(text=text):
                self.note = text
            case RungTried(what=what):
                self.trying, self.tried = what, what or self.tried
            case WorkerFailed(text=text, code=code, unforeseen=unforeseen, blames=blames):
                self.error = text + (logs.see() if unforeseen else "")
                self.code, self.blames = code, blames
        return message

    def _note_hello(self, pid: int) -> None:
        """The worker's own process: the one measured, killed and waited for."""
        if self._process is None or pid == self._process.pid:
            return
        with suppress(psutil.Error):  # already gone
            launched = psutil.Process(pid)
            if launched.ppid() != self._process.pid:  # never kill a process on its word alone
                raise ValueError(f"it claims to be process {pid}, which we did not start")
            self._launched, self.pid = launched, pid
            log.info("engine worker %d was started by process %d", pid, self._process.pid)

    def _note_swap(self, message: PipelineSwapped | PipelineKept) -> News:
        """The result of the feeder's last swap."""
        try:
            orders = self._loads.get_nowait()
        except queue.Empty:
            raise ValueError("it reports a pipeline that it was not given") from None
        self.state, self.loaded = EngineState.WARMUP, True  # as the worker reports next
        if isinstance(message, PipelineKept):
            text = message.text + (logs.see() if message.unforeseen else "")
            return SwapFailed(orders, not_loaded(orders, self.orders, text), message.text)
        self.orders, self.row = orders, orders.row
        self.inbox = Mailbox(max(4, 4 * self.row.block))
        self.block.warm = float("inf")
        return SwapDone(orders)

    def _take_up(self, name: str) -> None:
        """Use the worker's new ring; request another if that one is gone."""
        try:
            self.ring = RingReader(name)
        except OSError:
            log.exception("the worker's segment %s cannot be opened; requesting another", name)
            self._outbox.put(RenewRing())
            return
        # Now mapped on both sides: without its name it cannot be left behind.
        unlink(name)

    def _end_name(self, name: str) -> None:
        """Unlink the ring of that name, mapped on both sides; never any other."""
        with self._input_lock:
            if self._input and self._input.name == name:
                self._input.unlink()

    def _note_block(self, block: BlockMade) -> None:
        self.block.end(block.frames, block.seconds)
        self._shown = max(self._shown, block.snapshot)
        self.report = block.report
        if block.frames:
            self.progress = IDLE
        if block.frames and self.state is not EngineState.RUNNING:
            self.state = EngineState.RUNNING
            self.running_since = perf_counter()

    def _keep_log(self, stream: IO[bytes]) -> None:
        """The thread "worker log"."""
        began, told = perf_counter(), 0
        while line := stream.readline(LONGEST_LINE):
            text = line.decode(errors="replace").rstrip()
            self.log.append(text)
            if perf_counter() - began > 1:
                began, told = perf_counter(), 0
            told += 1
            if told <= LINES_A_SECOND:  # a flood must not push everything else out of the log
                log.info("worker %d: %s", self.pid, text)
        stream.close()

    def _end(self) -> None:
        """The thread "end of worker"."""
        if not self.join(2.0):
            self.kill()

    @property
    def broken(self) -> Mapping[str, str]:
        """Why a package cannot be imported, by its name, empty if it has its own cure; an empty
        map if the worker did not end of that.
        """
        if self.code == Exit.IMPORT:
            return self.blames or {"": self.error}
        ended = self.progress[0] == IMPORTING and not (self.error or self.loaded)
        outside = self.asked_to_die or self._killed or self.code in KILLED
        if not ended or outside or from_outside(self.code or 0, list(self.log)):
            return {}
        if self.code in MEANING:
            return {}
        return {self.row.packages[0]: f"the process that imports it {death(self.code or 0)}"}

    def why(self) -> str:
        """Why the worker ended, in a sentence."""
        if self.asked_to_die:
            return "The engine worker was ended by `kill_engine`."
        if self.trying:
            why = f": {self.error}" if self.error else "."
            return f"The engine worker died while trying {self.trying}{why}"
        if self.error:
            return self.error
        if self._killed and sys.platform == "win32":
            return "The engine worker was killed."  # has no exit code
        code = self.code or 0
        if from_outside(code, list(self.log)):
            return f"The engine worker {OUTSIDE}."
        if code in MEANING:
            return f"The engine worker ended: {MEANING[Exit(code)]}."
        return f"The engine worker {death(code)}."


def _runs(process: psutil.Process | None) -> bool:
    if process is None:
        return False
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


@cache
def _shaping(parameters: type[Parameters]) -> frozenset[str]:
    """The parameters that give passes another shape."""
    return frozenset({"size", *(spec.name for spec in describe(parameters) if spec.shapes)})


def _target(model: type) -> str:
    return f"{model.__module__}:{model.__qualname__}"
