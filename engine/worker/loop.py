"""The engine worker: one pipeline, frames in, frames out. The only process with a GPU context.

It may be killed at any time; the bridge starts another. Started as `python -m engine.worker`
it speaks over its standard input and output; in tests it is a thread.

Told by the bridge     load, parameters, frames (a grant of what was wanted), reset, ring (make
                       yours anew), stop; another load in answer to a want puts a pipeline of the
                       same family in place
Says to the bridge     born (its process), state, progress, want, ring, attached, lost, short,
                       block, bad, degraded, error, alive, limit (how long it may be silent from
                       now on); swapped or kept after such a load
"""

import json
import os
import queue
import signal
import threading
import traceback
from collections.abc import Hashable
from importlib import import_module
from pathlib import Path
from time import perf_counter
from typing import Any, TypeAlias, cast

from engine.ipc.channel import MOST_WANTED, Channel, Exit, Message
from engine.ipc.ring import RingReader, RingWriter
from engine.ipc.segments import RingError, private_name
from engine.parameters import Load, Parameters, describe
from engine.pipeline import Context, Image, InsufficientMemory, Pipeline, UnusableOutput, build
from engine.system import loading
from engine.system.commit import MORE, short_of_memory
from engine.system.overdue import Limits
from engine.system.parent import die_with_parent
from engine.system.waking import wake_in_time
from engine.worker.guards import (
    Watchdog,
    checked_output,
    half_size,
    is_cuda_error,
    is_out_of_memory,
    release_memory,
    resized,
)

HEARTBEAT = 1.0  # seconds
ROOM_AGAIN = 1.0  # seconds until a ring for which there was no room is tried again
EMPTY = 30  # blocks without a picture in a row: some pipelines need a few before the first
PATIENCE = 6  # unusable blocks in a row; after three the bridge takes a change back


class WorkerEnd(Exception):
    """The worker must end with this code; the sentence goes to the bridge first."""

    def __init__(self, code: Exit, text: str = "", *, unforeseen: bool = False) -> None:
        super().__init__(text)
        self.code = code
        self.unforeseen = unforeseen


Taken: TypeAlias = tuple[list[Image], list[float]]  # pictures and the times they were received


class Worker:
    """Runs one pipeline until it is told to stop or must end."""

    def __init__(self, channel: Channel, *, own_process: bool) -> None:
        self._channel = channel
        self._own_process = own_process
        self._commands: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._view: Message = {}
        self._stopped = threading.Event()
        self._shared: dict[str, Any] = {}  # see Context
        self._input: RingReader | None = None
        self._output: RingWriter | None = None
        self._rings = self._made = 0
        self._short = ""  # why there is no room for the pictures' size
        self._room_at = 0.0  # when it is tried again
        self._bad = self._empty = 0
        self._reduced = False
        self._odd_report: type[Exception] | None = None  # of the last report that could not be had
        self._watchdog = Watchdog(armed=own_process)
        self._agreed = 0.0  # the limit that the bridge was told

    def run(self) -> Exit:
        """The whole life of a worker; returns why it ended."""
        if self._own_process:
            self._tell({"say": "born", "pid": os.getpid()})
        threading.Thread(target=self._listen, name="commands", daemon=True).start()
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()
        try:
            order = self._commands.get()
            if order is not None and order["do"] == "load":
                self._load(order)
                while self._block():
                    pass
                self._end_pipeline()
        except WorkerEnd as end:
            about = {"code": int(end.code), "unforeseen": end.unforeseen}
            self._tell({"say": "error", "text": str(end), **about})
            return end.code
        finally:
            self._stopped.set()
            if self._output:
                self._output.close()
        return Exit.DONE

    def _load(self, order: Message) -> None:
        self._serial = order["serial"]
        self._tell({"say": "state", "state": "LOADING"})
        try:
            self._pipeline, self._order = self._built(order), order
        except Exception as error:  # whatever a model's loading raises, it is told and final
            raise self._end(error, Exit.LOAD) from error
        self._tell({"say": "state", "state": "WARMUP"})

    def _built(self, order: Message) -> Pipeline:
        load = cast(type[Load], _named(order["load"])).model_validate(order["values"])
        context = Context(
            Path(order["assets"]),
            Path(order["models"]),
            self._progress,
            tuple(map(Path, order["more_models"])),
            size=str(self._view.get("values", {}).get("size", "auto")),
            shared=self._shared,
        )
        self._agree(order["load_s"])
        with self._watchdog.within(order["load_s"]):
            pipeline = build(order["target"], load, context)
        self._agree(order["hang_s"])
        self._slots = 2 * order["block"] + 2
        self._parameters = cast(type[Parameters], _named(order["parameters"]))
        self._shaping = [spec.name for spec in describe(self._parameters) if spec.shapes]
        self._limits = Limits(order["hang_s"], order["load_s"])
        return pipeline

    def _swap(self, order: Message) -> None:
        """Put another pipeline of the family in place of this one, which stays if that fails.

        Where memory does not suffice for both, this one ends first, and is built again if the
        other cannot be built even then.
        """
        self._tell({"say": "state", "state": "LOADING"})
        failure = self._replace(order)
        if failure and failure.code is Exit.MEMORY:
            self._close()
            failure = self._replace(order)
            if failure and (worse := self._replace(self._order)):
                raise worse
        kept = failure and {"say": "kept", "text": str(failure), "unforeseen": failure.unforeseen}
        self._tell(kept or {"say": "swapped"})
        self._tell({"say": "state", "state": "WARMUP"})

    def _replace(self, order: Message) -> WorkerEnd | None:
        """Build a pipeline and put it in place; else say why not. WorkerEnd where CUDA is lost."""
        try:
            built = self._built(order)
        except Exception as error:  # noqa: BLE001 - as above, and it is told by who asked
            failure = self._end(error, Exit.LOAD)
        else:
            self._close()
            self._pipeline, self._order, self._bad = built, order, 0
            return None
        release_memory()  # what was built of it; here, for the error itself held that
        if failure.code is Exit.CUDA:
            raise failure
        return failure

    def _close(self) -> None:
        """End the pipeline, if there is one, and keep nothing of its memory."""
        if self._pipeline:
            self._end_pipeline()
        self._pipeline = cast(Pipeline, None)  # none is asked for anything until another is there
        release_memory()

    def _end_pipeline(self) -> None:
        try:
            self._pipeline.close()
        except Exception as error:  # noqa: BLE001 - of a plug-in, which ends either way
            traceback.print_exception(error)  # into the bridge's log

    def _block(self) -> bool:
        """Ask for a block's frames, make the block, hand it over; False when told to stop."""
        parameters, tag = self._snapshot()
        count = self._wanted(parameters)
        self._tell({"say": "want", "count": count})
        grant = self._grant()
        if grant is None:
            return False
        if grant["do"] == "load":
            self._swap(grant)
            return True
        fresh, fresh_tag = self._snapshot()
        if self._wanted(fresh) == count:
            parameters, tag = fresh, fresh_tag
        taken = self._take(grant)
        if taken is None:
            return True
        images, times = taken
        began = perf_counter()
        shape = self._shape(images, parameters)
        limit = self._limits.of(shape)
        self._agree(limit)
        with self._watchdog.within(limit):
            made = self._guarded(images, times, parameters, tag)
        seconds = perf_counter() - began
        report = self._report()
        if made:
            self._limits.took(shape, seconds)
            self._agree(self._limits.of(shape))
        self._tell(
            {"say": "block", "frames": made, "seconds": seconds, "tag": tag, "report": report}
        )
        return True

    def _wanted(self, parameters: Parameters) -> int:
        """How many pictures the next block takes; WorkerEnd for a number that nobody can give."""
        with self._watchdog.within(self._quick):
            try:
                count = self._pipeline.wanted(parameters)
            except Exception as error:  # of a plug-in, and as final as one of its blocks
                raise self._end(error, Exit.HUNG) from error
        if type(count) is not int or not 0 <= count <= MOST_WANTED:
            text = f"The pipeline wants {count!r:.40} pictures for a block, not 0 to {MOST_WANTED}."
            raise WorkerEnd(Exit.HUNG, text)
        return count

    def _report(self) -> Message:
        """What the pipeline says of its last block, or why that cannot be told."""
        with self._watchdog.within(self._quick):
            try:
                report = dict(self._pipeline.report())
                json.dumps(report)
            except Exception as error:  # noqa: BLE001 - of a plug-in, whose pictures are good all the same
                if type(error) is not self._odd_report:
                    self._odd_report = type(error)
                    traceback.print_exception(error)  # into the bridge's log
                return {"problem": f"{type(error).__name__} in the report: {error!s:.200}"}
        return report

    @property
    def _quick(self) -> float:
        """Seconds for what computes nothing, once there was a picture."""
        return self._order["hang_s"] if self._made else self._order["load_s"]

    def _shape(self, images: list[Image], parameters: Parameters) -> Hashable:
        """What passes have in common that run alike."""
        sides = images[0].shape if images else ()
        return len(images), sides, tuple(getattr(parameters, name) for name in self._shaping)

    def _agree(self, limit: float) -> None:
        """Tell the bridge from when on silence means that nothing works here."""
        if abs(limit - self._agreed) > min(1.0, 0.1 * self._agreed):
            self._agreed = limit
            self._tell({"say": "limit", "seconds": limit})

    def _guarded(
        self, images: list[Image], times: list[float], parameters: Parameters, tag: int
    ) -> int:
        """Make one block; what may go wrong with a model is dealt with here and nowhere else."""
        try:
            made = self._generate(images, times, parameters, tag)
            self._bad, self._empty = 0, 0 if made else self._empty + 1
            if self._empty >= EMPTY:
                raise WorkerEnd(Exit.UNUSABLE, f"{EMPTY} blocks in a row had no picture.")
            return made
        except UnusableOutput as error:
            self._bad += 1
            self._tell({"say": "bad", "text": str(error), "tag": tag})
            if self._bad >= PATIENCE:
                raise WorkerEnd(Exit.UNUSABLE, str(error)) from error
            self._pipeline.reset()
            return 0
        except WorkerEnd:
            raise
        except Exception as error:  # the one place where any error of a model ends up
            if not is_out_of_memory(error) or self._reduced:
                raise self._end(error, Exit.HUNG) from error
            self._reduced = True
            self._pipeline.reset()
            self._tell({"say": "degraded", "text": "Out of memory: now at half the size."})
        return self._guarded([half_size(image) for image in images], times, parameters, tag)

    def _generate(
        self, images: list[Image], times: list[float], parameters: Parameters, tag: int
    ) -> int:
        made = 0
        for place, output in enumerate(self._pipeline(images, parameters)):
            model = images[min(place, len(images) - 1)] if images else None
            made += self._hand_over(checked_output(output, model), times, place, tag)
            self._watchdog.reset()
        return made

    def _hand_over(self, image: Image, times: list[float], place: int, tag: int) -> bool:
        """Give one picture to the bridge; False where there is no room for any, which was told."""
        ring = self._ring_for(image.shape[1], image.shape[0])
        if ring is None:
            return False
        self._made += 1
        received = times[min(place, len(times) - 1)] if times else perf_counter()
        ring.reserve()[:] = resized(image, ring.width, ring.height)
        ring.commit(received, self._made, tag)
        return True

    def _ring_for(self, width: int, height: int) -> RingWriter | None:
        """The ring for pictures of a size; while there is no room for it, the one there is."""
        ring, now = self._output, perf_counter()
        if ring and (ring.width, ring.height, ring.slots) == (width, height, self._slots):
            self._tell_short("")
            return ring
        if self._short and now < self._room_at:
            return ring
        self._rings += 1
        try:
            name = private_name(self._serial, "out", self._rings)
            self._output = RingWriter(name, width, height, self._slots, self._rings)
        except RingError as error:
            self._room_at = now + ROOM_AGAIN
            self._tell_short(str(error))
            return ring
        self._tell_short("")
        self._tell({"say": "ring", "name": name})
        if ring:
            ring.close()
        return self._output

    def _tell_short(self, text: str) -> None:
        if text != self._short:
            self._short = text
            self._tell({"say": "short", "text": text})

    def _take(self, grant: Message) -> Taken | None:
        """The granted pictures, in place: the bridge writes no more until the next want. None where
        somebody removed the segment before it was opened; the bridge makes another.
        """
        if not grant["count"]:
            return [], []
        if self._input is None or self._input.name != grant["ring"]:
            try:
                self._input = RingReader(grant["ring"])
            except OSError as error:
                self._tell({"say": "lost", "name": grant["ring"], "text": str(error)})
                return None
            self._tell({"say": "attached", "name": grant["ring"]})
        numbers = range(grant["first"], grant["first"] + grant["count"])
        images = [self._input.slot_image(number) for number in numbers]
        if self._reduced:
            images = [half_size(image) for image in images]
        return images, [self._input.slot_words(number)[1][2] for number in numbers]

    def _grant(self) -> Message | None:
        while True:
            order = self._commands.get()
            if order is None or order["do"] == "stop":
                return None
            if order["do"] == "reset":
                with self._watchdog.within(self._quick):
                    self._pipeline.reset()
            elif order["do"] == "ring":
                self._drop_output()
            else:
                return order

    def _drop_output(self) -> None:
        """The bridge could not open the ring: the next picture makes another."""
        ring, self._output = self._output, None
        if ring:
            ring.unlink()
            ring.close()

    def _snapshot(self) -> tuple[Parameters, int]:
        view = self._view
        return self._parameters.model_validate(view.get("values", {})), view.get("number", 0)

    def _listen(self) -> None:
        while (message := self._channel.receive()) is not None:
            if message["do"] == "parameters":
                self._view = message
            else:
                self._commands.put(message)
        self._commands.put(None)
        if self._own_process and not self._stopped.wait(2):
            os._exit(Exit.DONE)  # the bridge is gone and the model does not come back

    def _beat(self) -> None:
        while not self._stopped.wait(HEARTBEAT):
            self._tell({"say": "alive"})

    def _progress(self, phase: str, done: float, total: float) -> None:
        self._tell({"say": "progress", "phase": phase, "done": done, "total": total})

    def _tell(self, message: Message) -> None:
        try:
            self._channel.send(message)
        except (OSError, ValueError):
            self._commands.put(None)  # nobody listens any more

    def _end(self, error: BaseException, code: Exit) -> WorkerEnd:
        told = isinstance(error, (ImportError, ValueError, OSError, InsufficientMemory))
        text = str(error) if told else f"{type(error).__name__}: {error}"
        if isinstance(error, OSError) and short_of_memory(error):  # a DLL that could not be loaded
            text = f"This machine has too little memory left ({text.rstrip('.')}); {MORE}."
        elif loading.is_refused(error):
            text = loading.sentence(error)
        traceback.print_exception(error)  # into the bridge's log
        if is_cuda_error(error):
            return WorkerEnd(Exit.CUDA, text)
        if is_out_of_memory(error):
            return WorkerEnd(Exit.MEMORY, text)
        return WorkerEnd(code, text, unforeseen=not told)


def _named(target: str) -> Any:
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)


def main() -> None:
    """Be a worker of the bridge that started this process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a console sends Ctrl-C to every process in it
    die_with_parent()
    wake_in_time()
    # Whatever a library prints must not fall into the messages.
    incoming, outgoing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    code = Worker(Channel(incoming, outgoing), own_process=True).run()
    outgoing.flush()
    os._exit(code)  # no waiting for what a poisoned GPU context may never finish
