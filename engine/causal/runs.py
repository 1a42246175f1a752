"""Runs: the stream that is shown, and the one being prepared to replace it.

A run has one size and one number of batched steps. What it needs is compiled and captured before
it is shown: for the very first run while the pipeline warms up, for any later one in a thread while
the old run continues. So a change that needs new programs is shown once they are ready, and frames
never wait for a compiler.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from time import perf_counter
from weakref import WeakSet

from engine.causal.assembly import Parts
from engine.causal.block_inputs import Conditioning, Mode
from engine.causal.cuda_graphs import Graphs, accelerate
from engine.causal.ladder import Ladder
from engine.causal.network.attention import attention
from engine.causal.network.cache import PassShape
from engine.causal.stream import LatentStream
from engine.causal.vae.streams import SIDE, Vae
from engine.causal.vae_graphs import VaeGraphs
from engine.causal.warmup import Controls, compile_layers, shapes, warm
from engine.images.assets import Pictures
from engine.system.commit import short_of_memory

APART = 4  # blocks from one capture to the next while frames are shown

Progress = Callable[[str, float, float], None]


@dataclass(frozen=True, slots=True)
class Request:
    """What a block needs: `size` is width and height in pixels, `rows` the batched steps."""

    size: tuple[int, int]
    rows: int
    controls: Controls


class StreamRun:
    """A continuous run: one size, one mode, one number of batched steps."""

    def __init__(
        self, parts: Parts, assets: Pictures, ladder: Ladder, size: tuple[int, int], rows: int
    ) -> None:
        width, height = size
        spec, self.size, self.rows = parts.spec, size, rows
        latent = height // SIDE, width // SIDE
        self.stream = LatentStream(spec, parts.network, *latent, rows)
        self.how = accelerate(self.stream, ladder.rung.way)
        self.warm: set[PassShape] = set()  # passes that ran once, and were captured
        self.prompted = False  # whether it has the current prompt
        self._known: dict[Controls, tuple[PassShape, ...]] = {}
        self.compiled: set[PassShape] = set()  # passes whose layers were compiled beside it
        self.vae_graphs = VaeGraphs(parts.vae.codec)
        self._vae = Vae(parts.vae.codec, parts.vae.normalised, self.vae_graphs)
        self._assets = assets
        self.begin("text")

    def begin(self, mode: Mode) -> None:
        """Clear the history and continue in `mode`."""
        self.mode: Mode = mode
        self.stream.reset()
        self.stream.refer(None)  # the new conditioning sets them again
        self.decoder = self._vae.decoder()
        self.conditioning = Conditioning(self.stream, self._vae, self._assets, self.size, mode)

    @property
    def compiles(self) -> bool:
        """Whether the first run of a pass takes long."""
        return self.how != "plain"

    def passes(self, controls: Controls) -> tuple[PassShape, ...]:
        """The passes of blocks with these controls."""
        if controls not in self._known:
            stream, vace = self.stream, self.stream.hints is not None
            found = shapes(stream.spec, stream.rows, *stream.shape[1:], vace, controls)
            self._known[controls] = found
        return self._known[controls]

    def missing(self, controls: Controls) -> list[PassShape]:
        """The passes that are not warm."""
        return [plan for plan in self.passes(controls) if plan not in self.warm]

    def warm_up(self, plans: Iterable[PassShape], progress: Progress) -> None:
        """Run each of these passes once."""
        plans, began = list(plans), perf_counter()
        for number, plan in enumerate(plans):
            left = (perf_counter() - began) / number * (len(plans) - number) if number else 0.0
            told = f", about {left:.0f} s" if left >= 1 else ""
            progress(f"compiling {number + 1} of {len(plans)}{told}", number, len(plans))
            warm(self.stream, plan)
            self.warm.add(plan)

    def warm_up_vae(self, progress: Progress) -> None:
        """Run the VAE as graphs too, if that is faster; if they fail, it runs without."""
        if self.compiles:
            progress("VAE", 0.0, 1.0)
            self.vae_graphs.warm(*self.stream.shape[1:])


class Runs:
    """The current run and what is being prepared. The worker's main thread calls all methods; the
    thread "warm-up" prepares one thing at a time.
    """

    def __init__(
        self,
        parts: Parts,
        assets: Pictures,
        ladder: Ladder,
        progress: Progress,
        fits_beside: Callable[[tuple[int, int]], bool],
    ) -> None:
        """`fits_beside` says whether a second run of a size fits into the free memory."""
        self._parts, self._assets, self._ladder = parts, assets, ladder
        self._progress, self._fits_beside = progress, fits_beside
        self.current: StreamRun | None = None
        self._asked: Request | None = None
        self._job: _Job | None = None
        self._too_big: set[Request] = set()  # did not fit beside the current run
        self._full = WeakSet[StreamRun]()  # had no memory left to prepare more
        self._blocks = 0  # since the last capture of what was not asked for

    def ready(self, request: Request) -> bool:
        """Whether the next block can be as requested. If not, preparing it has begun, and the
        current run can continue. RungFailed where it could not be prepared.
        """
        self._asked = request
        self._collect()
        run = self.current
        if run is None or not run.compiles:
            return True
        if (run.size, run.rows) != (request.size, request.rows):
            if self._job:  # its run holds memory until it is shown or dropped
                return False
            if request in self._too_big or not self._fits_beside(request.size):
                return True  # the old run ends first; the output holds meanwhile
            self._start(lambda: self._prepared(request), None, request)
            return False
        if missing := run.missing(request.controls):
            with self._ladder.watched():
                self._prepare(run, missing)
        return not run.missing(request.controls)

    def of(self, request: Request) -> StreamRun:
        """The run of a request that is ready: the current one, or a new one in its place."""
        run = self.current
        if run is None or (run.size, run.rows) != (request.size, request.rows):
            run = self.current = None  # its memory first
            run = self.current = self._built(request)
        return run

    def rest(self) -> None:
        """After a block: prepare a little of what may be requested next."""
        run, asked = self.current, self._asked
        self._blocks += 1
        if run is None or asked is None or not run.compiles or self._job or self._blocks < APART:
            return
        self._blocks = 0
        around = asked.controls.neighbours(vace=run.stream.hints is not None)
        gaps = (run.missing(controls) for controls in around)
        missing = next((gap for gap in gaps if gap), None)
        if not missing or run in self._full:
            return
        try:
            self._prepare(run, missing)
        except Exception as error:  # noqa: BLE001 - of a compiler or a kernel
            if not short_of_memory(error):
                self._ladder.failed(error)
            self._full.add(run)  # what is requested may still fit, in place of something

    @property
    def warmth(self) -> str:
        """How many of the expected passes are warm; empty if passes need no warming."""
        run, asked = self.current, self._asked
        if run is None or asked is None or not run.compiles:
            return ""
        around = asked.controls.neighbours(vace=run.stream.hints is not None)
        plans = {plan for controls in (asked.controls, *around) for plan in run.passes(controls)}
        return f"warm {len(plans & run.warm)} of {len(plans)}"

    @property
    def problem(self) -> str:
        """What runs plainly because its graphs failed or differed, in sentences; else empty."""
        run = self.current
        if run is None:
            return ""
        passes = run.stream.run.problem if isinstance(run.stream.run, Graphs) else ""
        return " ".join(filter(None, (passes, run.vae_graphs.problem)))

    def close(self) -> None:
        """Release everything; a thread that is still preparing ends by itself."""
        self.current = self._job = None

    def _built(self, request: Request) -> StreamRun:
        """A new run, warm, on the highest rung that holds. Errors as `Ladder.failed`."""
        ladder, network = self._ladder, self._parts.network
        while True:
            ladder.begin()
            try:
                network.attend = attention(ladder.rung.kernel, network.device)
                run = StreamRun(self._parts, self._assets, ladder, request.size, request.rows)
                if run.compiles or ladder.has_lower:
                    run.warm_up(run.missing(request.controls), self._progress)
                    run.warm_up_vae(self._progress)
                return run
            except Exception as error:  # noqa: BLE001 - of a compiler or a kernel, which may raise anything
                ladder.failed(error)

    def _prepare(self, run: StreamRun, plans: Sequence[PassShape]) -> None:
        """Compile passes in the thread; capture one that is compiled."""
        raw = [plan for plan in plans if plan not in run.compiled]
        if raw and run.how == "compiled":
            self._start(lambda: compile_layers(run.stream, raw), run, raw)
        else:
            run.warm_up(plans[:1], _silent)

    def _prepared(self, request: Request) -> StreamRun:
        """In the thread: a new run, warm."""
        run = StreamRun(self._parts, self._assets, self._ladder, request.size, request.rows)
        run.warm_up(run.missing(request.controls), _silent)
        run.warm_up_vae(_silent)
        return run

    def _start(
        self,
        work: Callable[[], StreamRun | None],
        run: StreamRun | None,
        about: Sequence[PassShape] | Request,
    ) -> None:
        """Start a job unless one is running; what is still needed then starts later."""
        if self._job is None:
            self._job = _Job(work, run, about)

    def _collect(self) -> None:
        """Use what the thread has prepared."""
        job = self._job
        if job is None or not job.done:
            return
        self._job = None
        if job.error:
            if isinstance(job.about, Request) and short_of_memory(job.error):
                self._too_big.add(job.about)
                return
            self._ladder.failed(job.error)
        if job.run is not None and not isinstance(job.about, Request):
            job.run.compiled.update(job.about)
        fresh, asked = job.result, self._asked
        if fresh and asked and (fresh.size, fresh.rows) == (asked.size, asked.rows):
            self.current = fresh


def _silent(phase: str, done: float, total: float) -> None:
    """Progress that is not shown: the current run continues meanwhile."""


class _Job:
    """Work in the thread "warm-up"."""

    def __init__(
        self,
        work: Callable[[], StreamRun | None],
        run: StreamRun | None,
        about: Sequence[PassShape] | Request,
    ) -> None:
        """`about` are the passes that are compiled for `run`, or the request of a new run."""
        self._work, self.run, self.about = work, run, about
        self.result: StreamRun | None = None
        self.error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="warm-up", daemon=True)
        self._thread.start()

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self.result = self._work()
        except Exception as error:  # noqa: BLE001 - as above; the main thread deals with it
            self.error = error
