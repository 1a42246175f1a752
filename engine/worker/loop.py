"""The engine worker: one pipeline, frames in, frames out. The only process with a GPU context.

It may be killed at any time; the bridge starts another. Started as `python -m engine.worker`
it speaks over its standard input and output; `thread.py` runs it as a thread, for some tests.

The messages are in `engine/ipc/messages.py`; `guards.py` decides which images are refused;
`engine/system/overdue.py` says how long a block may take, after which `watchdog.py` ends the
process; `steering.py` makes a block's parameters. The main thread runs the pipeline; the thread
"commands" reads the bridge's messages, the thread "heartbeat" shows that the worker is alive.
"""

import json
import os
import queue
import sys
import threading
import traceback
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from itertools import islice
from operator import attrgetter
from pathlib import Path
from time import perf_counter
from types import MappingProxyType
from typing import Any, cast

from engine import sizes
from engine.files.errors import FileError
from engine.images.scaling import half_size, resize_into
from engine.ipc.channel import WorkerChannel, worker_end
from engine.ipc.made_ring import MadeRing
from engine.ipc.messages import (
    IMPORTING,
    LONGEST_LIMIT,
    MOST_BLAMED,
    MOST_MADE,
    MOST_REQUESTED,
    REPORT,
    VERSION,
    Alive,
    BlockMade,
    BlockPrepared,
    BlockUnusable,
    BridgeHello,
    BridgeMessage,
    Exit,
    FrameGrant,
    FrameRequest,
    LoadPipeline,
    LoadProgress,
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
    RungTried,
    Stop,
    TimeLimit,
    WorkerFailed,
    WorkerHello,
    WorkerMessage,
    brief,
)
from engine.ipc.ring import TIME, RingReader
from engine.ipc.typed import ProtocolError
from engine.parameters import Load, Parameters, describe
from engine.pipeline import (
    NO_GUIDES,
    Context,
    Guides,
    Image,
    InsufficientMemory,
    Output,
    Pipeline,
    RungFailed,
    UnusableOutput,
    build,
)
from engine.system import caches, loading
from engine.system.commit import MORE, short_of_memory
from engine.system.gpu_errors import is_cuda_error
from engine.system.overdue import Limits
from engine.system.parent import die_with_parent
from engine.system.waking import wake_in_time
from engine.worker.guards import (
    checked_output,
    device_name,
    is_out_of_memory,
    release_memory,
)
from engine.worker.steering import Steerer, Steering
from engine.worker.watchdog import Watchdog

HEARTBEAT = 1.0  # seconds
GLANCE = 0.05  # seconds between steps of preparing something while no block is made
NOBODY: Mapping[str, str] = MappingProxyType({})  # no parameter's file is to blame
EMPTY = 30  # blocks in a row without an image: some pipelines need a few before the first
PATIENCE = 6  # unusable blocks in a row; after three the bridge undoes a change


class WorkerEnd(Exception):
    """The worker must exit with this status, after sending the sentence to the bridge."""

    def __init__(
        self,
        code: Exit,
        text: str = "",
        *,
        unforeseen: bool = False,
        blames: Mapping[str, str] = NOBODY,
    ) -> None:
        super().__init__(brief(text))
        self.code = code
        self.unforeseen = unforeseen
        self.blames = {name: brief(why) for name, why in islice(blames.items(), MOST_BLAMED)}

    @property
    def last_words(self) -> WorkerFailed:
        """What the bridge is told."""
        return WorkerFailed(
            text=str(self), code=self.code, unforeseen=self.unforeseen, blames=self.blames
        )


@dataclass(frozen=True, slots=True)
class Taken:
    """The input of a block: its frames, the times they were received, and its guides."""

    images: list[Image]
    times: list[float]
    guides: Guides = NO_GUIDES

    @property
    def counts(self) -> tuple[int, int, int]:
        """Number of images of each."""
        return len(self.images), len(self.guides.control), len(self.guides.mask)

    def halved(self) -> "Taken":
        """The same at half the size."""
        images = [half_size(image) for image in self.images]
        if self.guides is NO_GUIDES:
            return Taken(images, self.times)
        control, mask = ([half_size(i) for i in g] for g in (self.guides.control, self.guides.mask))
        return Taken(images, self.times, Guides(control, mask))


class Worker:
    """Runs one pipeline until it is asked to stop or must exit. All methods run in the main thread,
    except `_listen` and `_beat`, which have a thread each, and `_tell` and `_progress`, which any
    thread may call.
    """

    def __init__(self, channel: WorkerChannel, *, own_process: bool) -> None:
        self._channel = channel
        self._own_process = own_process
        self._commands: queue.SimpleQueue[BridgeMessage | WorkerEnd] = queue.SimpleQueue()
        self._stopped = threading.Event()
        self._shared: dict[str, Any] = {}  # see Context
        self._input: RingReader | None = None
        self._output = MadeRing(self._tell)
        self._made = 0
        self._bad = self._empty = 0
        self._reduced: object = None  # the requested size at which memory ran out
        self._steering: Steering | None = None  # the last grant
        self._ahead: Steering | None = None  # what may be requested later
        self._prepared: BlockPrepared | None = None  # the last answer about it
        self._odd_report: type[Exception] | None = None  # the error of the last report that failed
        self._watchdog = Watchdog(armed=own_process)
        self._agreed = 0.0  # the limit last sent to the bridge
        self._at_stop: Callable[[], None] = lambda: None  # see Context; of the newest pipeline

    def run(self) -> Exit:
        """The whole life of a worker; returns its exit status."""
        self._tell(WorkerHello(version=VERSION, pid=os.getpid()))
        threading.Thread(target=self._listen, name="commands", daemon=True).start()
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()
        try:
            if self._begin():
                while self._block():
                    pass
                self._end_pipeline()
        except Exception as error:  # noqa: BLE001 - of any method of a plug-in: it is told, and final
            end = self._end(error, Exit.BROKE)
            self._tell(end.last_words)
            return end.code
        finally:
            self._stopped.set()
            self._output.close()
        return Exit.DONE

    def _begin(self) -> bool:
        """Load the first pipeline; False if asked to stop before."""
        while True:
            match self._order():
                case BridgeHello() as hello:
                    self._hello = hello
                    self._output.worker = hello.worker
                    if self._own_process and hello.cache:
                        os.environ.update(caches.environment(Path(hello.cache)))
                case LoadPipeline() as order:
                    self._load(order)
                    return True
                case Stop():
                    return False
                case ResetStream() | RenewRing() | PrepareBlock():
                    pass  # there is no pipeline to reset or prepare
                case FrameGrant():
                    raise WorkerEnd(Exit.PROTOCOL, "The bridge granted frames to no pipeline.")

    def _load(self, order: LoadPipeline) -> None:
        self._tell(PipelineLoading())
        try:
            self._pipeline, self._loaded = self._built(order), order
        except Exception as error:  # whatever loading a model raises is reported, and final
            raise self._end(error, Exit.LOAD) from error
        self._ask_values()

    def _built(self, order: LoadPipeline) -> Pipeline:
        # cast: the bridge names no other kind
        load = cast(type[Load], _named(order.load)).model_validate(order.values)
        context = Context(
            Path(self._hello.assets),
            Path(self._hello.models),
            self._progress,
            tuple(map(Path, self._hello.more_models)),
            size=order.size,
            shared=self._shared,
            cache=Path(self._hello.cache) if self._hello.cache else None,
            trying=self._trying,
            stopping=self._stopping,
            dismissed=self._hello.dismissed,
        )
        self._agree(order.load_s)
        with self._watchdog.within(order.load_s):
            if order.packages:
                self._import(order)
            pipeline = build(order.target, load, context)
        self._agree(order.hang_s)
        self._output.slots = 2 * order.block + 2
        # cast: the bridge names no other kind
        parameters = cast(type[Parameters], _named(order.parameters))
        self._steerer = Steerer(parameters)
        self._shaping = [spec.name for spec in describe(parameters) if spec.shapes]
        self._limits = Limits(order.hang_s, order.load_s)
        return pipeline

    def _import(self, order: LoadPipeline) -> None:
        """Import a pipeline's code, and so its packages; WorkerEnd naming the one that fails. If
        that ends this process, the phase tells the bridge.
        """
        self._progress(IMPORTING, 0, 1)
        try:
            import_module(order.target.partition(":")[0])
        except (Exception, SystemExit) as error:  # whatever a broken package does
            end = self._end(error, Exit.IMPORT)
            if end.code is Exit.IMPORT and not loading.is_refused(error):  # that has its own cure
                name = (getattr(error, "name", None) or "").partition(".")[0]
                package = name if name in order.packages else order.packages[0]
                end.blames = {package: brief(loading.told(error))}
            raise end from error
        self._progress("", 0, 1)

    def _ask_values(self) -> None:
        """Ask for the parameters of the first block."""
        self._steering = self._ahead = None
        self._tell(PipelineReady(device=brief(device_name())))

    def _swap(self, order: LoadPipeline) -> None:
        """Swap in another pipeline of the family; on failure this one stays.

        If memory does not suffice for both, this one ends first, and is rebuilt if the other still
        cannot be built.
        """
        self._tell(PipelineLoading())
        failure = self._replace(order)
        if failure and failure.code is Exit.MEMORY:
            self._close()
            failure = self._replace(order)
            if failure and (worse := self._replace(replace(self._loaded, size=order.size))):
                raise worse
        if failure:
            self._tell(PipelineKept(text=str(failure), unforeseen=failure.unforeseen))
        else:
            self._tell(PipelineSwapped())
        self._ask_values()

    def _replace(self, order: LoadPipeline) -> WorkerEnd | None:
        """Build a pipeline and use it; else return why not. WorkerEnd if CUDA is lost."""
        try:
            built = self._built(order)
        except Exception as error:  # noqa: BLE001 - as above, and it is told by who asked
            failure = self._end(error, Exit.LOAD)
        else:
            self._close()
            self._pipeline, self._loaded, self._bad = built, order, 0
            self._reduce_no_more()  # its memory needs differ from the previous one's
            return None
        release_memory()  # what was built so far; freed here, as the error referred to it
        if failure.code is Exit.CUDA:
            raise failure
        return failure

    def _close(self) -> None:
        """End the pipeline, if there is one, and free its memory."""
        if self._pipeline:
            self._end_pipeline()
        self._pipeline = cast(Pipeline, None)  # no calls until another one is loaded
        release_memory()

    def _end_pipeline(self) -> None:
        try:
            self._pipeline.close()
        except Exception as error:  # noqa: BLE001 - of a plug-in, which ends either way
            traceback.print_exception(error)  # into the bridge's log

    def _block(self, *, again: bool = False) -> bool:
        """Ask for a block's frames, make the block, hand it over; False if asked to stop.

        The number of frames may depend on values that arrive only with the frames. If it then
        differs, it asks `again`, once, and makes that block as first counted.
        """
        counted = self._steering
        count = self._wanted(counted.parameters) if counted else 0
        if counted:  # else `PipelineReady` has asked
            self._tell(FrameRequest(count=count, guides=self._guided(counted.parameters)))
        match self._answer():
            case None:
                return False
            case LoadPipeline() as order:
                self._swap(order)
            case FrameGrant() as grant:
                self._steering = fresh = self._steerer.of(grant.snapshot)
                if counted is None:
                    return True
                fits = self._wanted(fresh.parameters) == count
                if not fits and not again:
                    return self._block(again=True)
                self._make(grant, fresh if fits else counted)
        return True

    def _make(self, grant: FrameGrant, steering: Steering) -> None:
        """Make the granted block and report it; nothing if its frames are gone."""
        taken = self._take(grant)
        if taken is None:
            return
        self._restore(requested(steering.parameters, taken))
        if self._reduced is not None:
            taken, steering = taken.halved(), self._smaller(taken, steering)
        began = perf_counter()
        shape = self._shape(taken, steering.parameters)
        limit = self._limits.of(shape)
        self._agree(limit)
        with self._watchdog.within(limit):
            made = self._guarded(taken, steering)
        seconds = perf_counter() - began
        report = self._report()
        if made:
            self._limits.took(shape, seconds)
            self._agree(self._limits.of(shape))
        number = steering.snapshot.number
        self._tell(BlockMade(frames=made, seconds=seconds, snapshot=number, report=report))

    def _prepare(self) -> bool:
        """Continue to prepare what may be requested later; tell how far that is if it changed.
        Returns whether some of it is still coming.
        """
        ahead, prepare = self._ahead, getattr(self._pipeline, "prepare", None)
        if ahead is None:
            return False
        ready, problem = True, ""
        with self._watchdog.within(self._quick):
            try:
                ready = not (prepare and prepare(ahead.parameters))
            except ValueError as error:
                ready, problem = False, brief(str(error))
        told = BlockPrepared(snapshot=ahead.snapshot.number, ready=ready, problem=problem)
        if told != self._prepared:
            self._prepared = told
            self._tell(told)
        return not (ready or problem)

    def _wanted(self, parameters: Parameters) -> int:
        """Number of images that the next block takes; WorkerEnd if it is out of range."""
        return self._counted(self._pipeline.wanted, parameters)

    def _guided(self, parameters: Parameters) -> int:
        """Number of images it takes of each guide; WorkerEnd likewise."""
        guided = getattr(self._pipeline, "guided", None)
        return self._counted(guided, parameters) if guided else 0

    def _counted(self, asked: Callable[[Parameters], int], parameters: Parameters) -> int:
        with self._watchdog.within(self._quick):
            count = asked(parameters)
        if type(count) is not int or not 0 <= count <= MOST_REQUESTED:
            told = f"The pipeline asks for {count!r:.40} images for a block"
            raise WorkerEnd(Exit.BROKE, f"{told}, not 0 to {MOST_REQUESTED}.")
        return count

    def _report(self) -> Mapping[str, Any]:
        """The pipeline's report on its last block, or why there is none."""
        with self._watchdog.within(self._quick):
            try:
                report = dict(self._pipeline.report())
                if not REPORT.holds(report):
                    raise ValueError(f"it is {REPORT}")
                json.dumps(report)
            except Exception as error:  # noqa: BLE001 - of a plug-in, whose pictures are good all the same
                if type(error) is not self._odd_report:
                    self._odd_report = type(error)
                    traceback.print_exception(error)  # into the bridge's log
                return {"problem": f"{type(error).__name__} in the report: {error!s:.200}"}
        return report

    @property
    def _quick(self) -> float:
        """Seconds for work that computes nothing, once there has been an image."""
        return self._loaded.hang_s if self._made else self._loaded.load_s

    def _shape(self, taken: Taken, parameters: Parameters) -> Hashable:
        """A key shared by passes that take equally long."""
        sides = taken.images[0].shape if taken.images else ()
        return taken.counts, sides, tuple(getattr(parameters, name) for name in self._shaping)

    def _agree(self, limit: float) -> None:
        """Tell the bridge how long a silence means that this worker hangs."""
        limit = min(limit, LONGEST_LIMIT)
        if abs(limit - self._agreed) > min(1.0, 0.1 * self._agreed):
            self._agreed = limit
            self._tell(TimeLimit(seconds=limit))

    def _guarded(self, taken: Taken, steering: Steering) -> int:
        """Make one block, at half the size if memory runs out; a few in a row may be unusable.
        Other errors of a model are left to `run`.
        """
        try:
            made = self._generate(taken, steering)
            self._bad, self._empty = 0, 0 if made else self._empty + 1
            if self._empty >= EMPTY:
                raise WorkerEnd(Exit.UNUSABLE, f"{EMPTY} blocks in a row had no image.")
            return made
        except UnusableOutput as error:
            self._bad += 1
            self._tell(BlockUnusable(text=brief(str(error)), snapshot=steering.snapshot.number))
            if self._bad >= PATIENCE:
                raise WorkerEnd(Exit.UNUSABLE, str(error)) from error
            self._pipeline.reset()
            return 0
        except WorkerEnd:
            raise
        except Exception as error:
            halve = getattr(self._pipeline, "halve", None)  # without images, only it can
            halves = taken.images or halve
            smaller = self._smaller(taken, steering)
            can = halves or smaller is not steering
            if not is_out_of_memory(error) or self._reduced is not None or not can:
                raise
        self._reduced = requested(steering.parameters, taken)
        if halve:
            halve(True)
        release_memory()  # here, because the error kept it alive
        self._pipeline.reset()  # last: it may need memory itself
        self._tell(QualityReduced(text="Out of memory: now running at half the size."))
        return self._guarded(taken.halved(), smaller)

    def _smaller(self, taken: Taken, steering: Steering) -> Steering:
        """The same at half the size for a pipeline that is given no images and cannot halve itself,
        if its parameters have the size.
        """
        size = getattr(steering.parameters, "size", "")
        if taken.images or not isinstance(size, str) or hasattr(self._pipeline, "halve"):
            return steering
        try:
            sides = sizes.sides(size)
        except ValueError:  # a plug-in may have its own sizes
            return steering
        if sides is None:
            return steering
        half = "x".join(str(max(1, side // 2)) for side in sides)
        return replace(steering, parameters=steering.parameters.model_copy(update={"size": half}))

    def _restore(self, size: object) -> None:
        """Run at the requested size again once another one is requested."""
        if self._reduced is None or self._reduced == size:
            return
        if halve := getattr(self._pipeline, "halve", None):
            halve(False)
        self._reduce_no_more()

    def _reduce_no_more(self) -> None:
        if self._reduced is not None:
            self._reduced = None
            self._tell(QualityReduced(text=""))

    def _generate(self, taken: Taken, steering: Steering) -> int:
        made, number = 0, steering.snapshot.number
        images, times, guides = taken.images, taken.times, taken.guides
        # A pipeline only gets guides if it has declared that it takes them.
        more = () if guides is NO_GUIDES else (guides,)
        # cast: some take guides as third argument
        outputs = cast(Callable[..., Iterator[Output]], self._pipeline)(
            images, steering.parameters, *more
        )
        for place, output in enumerate(outputs):
            if place == MOST_MADE:
                raise WorkerEnd(
                    Exit.BROKE, f"The pipeline returned over {place} images in a block."
                )
            model = images[min(place, len(images) - 1)] if images else None
            made += self._hand_over(checked_output(output, model), times, place, number)
            self._watchdog.reset()
        return made

    def _hand_over(self, image: Image, times: list[float], place: int, tag: int) -> bool:
        """Pass one image to the bridge; False if there is no room, which has been reported."""
        received = times[min(place, len(times) - 1)] if times else perf_counter()
        height, width = image.shape[:2]
        fill = partial(resize_into, image=image)
        put = self._output.put(width, height, fill, received, self._made + 1, tag)
        self._made += put
        return put

    def _take(self, grant: FrameGrant) -> Taken | None:
        """The granted images, in place: the bridge writes nothing until the next request. None if
        the segment was removed before it was opened; the bridge makes another.
        """
        counts = grant.count, grant.control, grant.mask
        if not sum(counts):
            return Taken([], [])
        if self._input is None or self._input.name != grant.ring:
            try:
                self._input = RingReader(grant.ring)
            except OSError as error:
                self._tell(RingLost(name=grant.ring, text=brief(str(error))))
                return None
            self._tell(RingAttached(name=grant.ring))
        ring, numbers = self._input, iter(range(grant.first, grant.first + sum(counts)))
        frames, control, mask = ([*islice(numbers, count)] for count in counts)
        guided = bool(control or mask)
        return Taken(
            [ring.slot_image(number) for number in frames],
            [ring.slot_words(number)[1][TIME] for number in frames],
            Guides(*([ring.slot_image(n) for n in g] for g in (control, mask)))
            if guided
            else NO_GUIDES,
        )

    def _answer(self) -> FrameGrant | LoadPipeline | None:
        """The bridge's answer to a request; None if asked to stop instead."""
        while True:
            coming = self._prepare()
            try:
                order = self._order(GLANCE if coming else None)
            except queue.Empty:
                continue
            match order:
                case FrameGrant() | LoadPipeline() as answer:
                    return answer
                case Stop():
                    return None
                case ResetStream():
                    with self._watchdog.within(self._quick):
                        self._pipeline.reset()
                case PrepareBlock(snapshot=snapshot):
                    self._ahead, self._prepared = self._steerer.of(snapshot), None
                case RenewRing():
                    self._output.renew()
                case BridgeHello():
                    pass  # a channel accepts one only as the first message

    def _order(self, patience: float | None = None) -> BridgeMessage:
        """Wait for the bridge's next message; WorkerEnd if it is invalid, queue.Empty if none comes
        within `patience` seconds.
        """
        order = self._commands.get(timeout=patience)
        if isinstance(order, WorkerEnd):
            raise order
        return order

    def _listen(self) -> None:
        """The thread "commands": read the bridge's messages until it is gone or sends an invalid
        one.
        """
        last: Stop | WorkerEnd = Stop()
        try:
            while (message := self._channel.receive()) is not None:
                self._commands.put(message)
                if isinstance(message, Stop):
                    self._at_stop()
        except ProtocolError as error:
            sys.stderr.write(f"{error}\n")  # into the bridge's log
            last = WorkerEnd(Exit.PROTOCOL, str(error))
            self._channel.hang_up()
        self._commands.put(last)
        self._at_stop()
        if self._own_process and not self._stopped.wait(2):  # the model does not return
            if isinstance(last, WorkerEnd):
                self._tell(last.last_words)
            os._exit(last.code if isinstance(last, WorkerEnd) else Exit.DONE)

    def _beat(self) -> None:
        """The thread "heartbeat"."""
        while not self._stopped.wait(HEARTBEAT):
            self._tell(Alive())

    def _progress(self, phase: str, done: float, total: float) -> None:
        part = done / total if total > 0 else 0.0
        told = min(1.0, max(0.0, part))  # 0 for a non-number, as with `max`
        self._tell(LoadProgress(phase=brief(str(phase)), part=told))

    def _trying(self, what: str) -> None:
        self._tell(RungTried(what=brief(what)))

    def _stopping(self, call: Callable[[], None]) -> None:
        self._at_stop = call

    def _tell(self, message: WorkerMessage) -> None:
        try:
            self._channel.send(message)
        except (OSError, ValueError):
            self._commands.put(Stop())  # nobody listens any more

    def _end(self, error: BaseException, code: Exit) -> WorkerEnd:
        if isinstance(error, WorkerEnd):
            return error
        told = isinstance(error, (ImportError, ValueError, OSError, InsufficientMemory))
        text = str(error) if told else f"{type(error).__name__}: {error}"
        if isinstance(error, OSError) and short_of_memory(error):  # a DLL that could not be loaded
            text = f"This machine has too little memory left ({text.rstrip('.')}); {MORE}."
        elif loading.is_refused(error):
            text = loading.sentence(error)
        if isinstance(error, FileError):
            sys.stderr.write(f"{error}\n")
        else:
            traceback.print_exception(error)  # into the bridge's log
        if is_cuda_error(error):
            return WorkerEnd(Exit.CUDA, text)
        if is_out_of_memory(error):
            return WorkerEnd(Exit.MEMORY, text)
        if isinstance(error, RungFailed):
            return WorkerEnd(Exit.RUNG, str(error))
        if isinstance(error, FileError) and code is Exit.LOAD:
            return WorkerEnd(Exit.FILE, text, blames=error.blames)
        return WorkerEnd(code, text, unforeseen=not told)


def requested(parameters: Parameters, taken: Taken) -> object:
    """The size that is requested; for a pipeline whose parameters lack it, that of its images."""
    return getattr(parameters, "size", taken.images[0].shape if taken.images else "")


def _named(target: str) -> Any:
    module, _, name = target.partition(":")
    return attrgetter(name)(import_module(module))  # a class may be nested in another


def main() -> None:
    """Run as a worker of the bridge that started this process."""
    die_with_parent()
    wake_in_time()
    # Output of libraries must not end up among the messages.
    incoming, outgoing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    code = Worker(worker_end(incoming, outgoing), own_process=True).run()
    outgoing.flush()
    os._exit(code)  # a broken GPU context may never finish its cleanup
