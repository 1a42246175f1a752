"""Runs: the stream that is shown, and the one being prepared to replace it.

A run has one size and one number of batched steps. What it needs is compiled and captured before
it is shown: for the very first run while the pipeline warms up, for any later one in a thread while
the old run continues. So a change that needs new programs is shown once they are ready, and frames
never wait for a compiler.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter
from traceback import clear_frames
from typing import TypeAlias
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
from engine.cost.fit import Fit
from engine.images.assets import Pictures
from engine.system.commit import short_of_memory

APART = 4  # blocks from one capture to the next while frames are shown

Progress = Callable[[str, float, float], None]
Form: TypeAlias = tuple[tuple[int, int], int]  # size and batched steps


@dataclass(frozen=True, slots=True)
class Request:
    """What a block needs: `size` is width and height in pixels, `rows` the batched steps."""

    size: tuple[int, int]
    rows: int
    controls: Controls

    @property
    def form(self) -> Form:
        """What a run cannot change."""
        return self.size, self.rows


class StreamRun:
    """A continuous run: one size, one mode, one number of batched steps."""

    def __init__(
        self, parts: Parts, assets: Pictures, ladder: Ladder, size: tuple[int, int], rows: int
    ) -> None:
        width, height = size
        spec, self.size, self.rows = parts.spec, size, rows
        self.form: Form = size, rows
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

    def warm_up_vae(self, progress: Progress, fit_of: Callable[[tuple[int, int]], Fit]) -> None:
        """Run the VAE as graphs too, if they fit into memory and are faster; if they fail, it runs
        without.
        """
        if not self.compiles:
            return
        progress("VAE", 0.0, 1.0)
        fit = fit_of(self.size)
        if fit.fits:
            self.vae_graphs.warm(*self.stream.shape[1:])
        else:
            self.vae_graphs.problem = f"The VAE runs plainly: its {fit.part} {fit}."


Work: TypeAlias = Callable[[Progress], StreamRun | None]  # which may raise, to end the work


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
        vae_fit: Callable[[tuple[int, int]], Fit],
    ) -> None:
        """`fits_beside` says whether a second run of a size fits into the free memory, `vae_fit`
        how much of it the VAE's graphs need.
        """
        self._parts, self._assets, self._ladder = parts, assets, ladder
        self._progress, self._fits_beside, self._vae_fit = progress, fits_beside, vae_fit
        self.current: StreamRun | None = None
        self._asked: Request | None = None
        self._later: Controls | None = None  # of a block that may be requested
        self._coming: StreamRun | None = None  # has the requested form, and not yet all passes
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
        job, same = self._job, run.form == request.form
        missing = run.missing(request.controls) if same else ()
        if job and not self._serves(job, request, missing):
            job.give_up()
        if same:
            self._coming = None
            if not missing:
                return True
        if job:  # what it holds is shown, or freed, before anything else is prepared
            return False
        return self._extended(run, request.controls) if same else self._succeeded(request)

    def later(self, request: Request) -> int:
        """How many passes of a later block are not warm; `rest` prepares them. ValueError, in a
        sentence, where that begins only once the block is requested.
        """
        run = self.current
        if run is None or not run.compiles:
            return 0
        same = run.form == request.form
        missing = run.missing(request.controls) if same else ()
        if not same or (missing and run in self._full):
            raise ValueError(
                "It needs programs that are compiled once it is shown; until then the old look "
                "stays."
            )
        self._later = request.controls
        return len(missing)

    def of(self, request: Request) -> StreamRun:
        """The run of a request that is ready: the current one, or a new one in its place."""
        run = self.current
        if run is None or run.form != request.form:
            run = self.current = self._coming = None  # their memory first
            run = self.current = self._built(request)
        return run

    def rest(self) -> None:
        """After a block: prepare a little of what may be requested next."""
        run, asked = self.current, self._asked
        self._blocks += 1
        if run is None or asked is None or not run.compiles or self._job or self._blocks < APART:
            return
        self._blocks = 0
        around = [*asked.controls.neighbours(vace=run.stream.hints is not None)]
        around = [self._later, *around] if self._later else around
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
        """Release everything; a thread that is still preparing ends after the pass that it is at,
        by itself.
        """
        if self._job:
            self._job.give_up()
        self.current = self._coming = self._job = None

    def _extended(self, run: StreamRun, controls: Controls) -> bool:
        """Prepare a little of what a run is missing; whether the next block can have it."""
        try:
            with self._ladder.watched():
                self._prepare(run, run.missing(controls))
        except Exception as error:  # memory may run out in any way; the rest goes up
            if not short_of_memory(error):
                raise
            self.current = None  # a new one needs less: it has nothing of what came before
            return True
        return not run.missing(controls)

    def _succeeded(self, request: Request) -> bool:
        """Prepare the run that follows the current one; whether there is no memory for both, and
        the current one must end first, while the output holds.
        """
        coming = self._coming
        if coming is None or coming.form != request.form:
            coming = self._coming = None  # its memory first
            if request in self._too_big or not self._fits_beside(request.size):
                return True
        self._start(lambda progress: self._prepared(request, coming, progress), None, request)
        return False

    def _built(self, request: Request) -> StreamRun:
        """A new run, warm, on the highest rung that holds. Errors as `Ladder.failed`."""
        while True:
            self._ladder.begin()
            try:
                return self._tried(request)
            except Exception as error:  # noqa: BLE001 - of a compiler or a kernel, which may raise anything
                self._ladder.failed(error)

    def _tried(self, request: Request) -> StreamRun:
        """A new run on the current rung. A method of its own, so that one that failed is gone
        before the next is built.
        """
        ladder, network = self._ladder, self._parts.network
        network.attend = attention(ladder.rung.kernel, network.device)
        run = StreamRun(self._parts, self._assets, ladder, request.size, request.rows)
        if run.compiles or ladder.has_lower:
            run.warm_up(run.missing(request.controls), self._progress)
            run.warm_up_vae(self._progress, self._vae_fit)
        return run

    def _prepare(self, run: StreamRun, plans: Sequence[PassShape]) -> None:
        """Compile passes in the thread; capture one that is compiled."""
        raw = [plan for plan in plans if plan not in run.compiled]
        if raw and run.how == "compiled":
            stream = run.stream
            self._start(lambda told: compile_layers(stream, _each(raw, told)), run, raw)
        else:
            run.warm_up(plans[:1], _silent)

    def _prepared(self, request: Request, run: StreamRun | None, progress: Progress) -> StreamRun:
        """In the thread: a new run, or one that was begun, warm."""
        new = run is None
        run = run or StreamRun(self._parts, self._assets, self._ladder, request.size, request.rows)
        run.warm_up(run.missing(request.controls), progress)
        if new:
            run.warm_up_vae(progress, self._vae_fit)
        return run

    def _start(
        self, work: Work, run: StreamRun | None, about: Sequence[PassShape] | Request
    ) -> None:
        """Start a job unless one is running; what is still needed then starts later."""
        if self._job is None:
            self._job = _Job(work, run, about)

    def _collect(self) -> None:
        """Use what the thread has prepared."""
        job, asked = self._job, self._asked
        if job is None or not job.done:
            return
        self._job = self._coming = None
        if job.given_up:
            return
        if job.error:
            if not short_of_memory(job.error):
                self._ladder.failed(job.error)
            self._ran_out(job)
        elif job.run is not None and not isinstance(job.about, Request):
            job.run.compiled.update(job.about)
        fresh = job.result
        if fresh and asked and fresh.form == asked.form:
            if fresh.missing(asked.controls):  # they changed meanwhile
                self._coming = fresh
            else:
                self.current = fresh

    def _serves(self, job: "_Job", request: Request, missing: Sequence[PassShape]) -> bool:
        """Whether a job prepares what is requested, or what may be requested next: `missing` are
        the passes that the current run needs for it.
        """
        if isinstance(job.about, Request):
            return job.about.form == request.form
        run = self.current
        if run is None or run is not job.run or run.form != request.form:
            return False
        return not missing or not {*missing}.isdisjoint(job.about)

    def _ran_out(self, job: "_Job") -> None:
        """There was no memory for what a job prepared."""
        run, asked = job.run, self._asked
        if isinstance(job.about, Request):
            self._too_big.add(job.about)
        elif run and asked and {*job.about} & {*run.missing(asked.controls)}:
            self.current = None  # as in `_extended`
        elif run:
            self._full.add(run)


def _each(plans: Sequence[PassShape], progress: Progress) -> Iterator[PassShape]:
    """Yield passes, with progress before each."""
    for number, plan in enumerate(plans):
        progress("", number, len(plans))
        yield plan


def _silent(phase: str, done: float, total: float) -> None:
    """Progress that is not shown: the current run continues meanwhile."""


class GivenUp(Exception):
    """A job is no longer needed."""


class _Job:
    """Work in the thread "warm-up"."""

    def __init__(
        self, work: Work, run: StreamRun | None, about: Sequence[PassShape] | Request
    ) -> None:
        """`about` are the passes that are compiled for `run`, or the request of a new run."""
        self._work, self.run, self.about = work, run, about
        self.result: StreamRun | None = None
        self.error: Exception | None = None
        self.given_up = False
        self._thread = threading.Thread(target=self._run, name="warm-up", daemon=True)
        self._thread.start()

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return not self._thread.is_alive()

    def give_up(self) -> None:
        """Its result will not be used: it ends before its next pass."""
        self.given_up = True

    def _run(self) -> None:
        try:
            self.result = self._work(self._progress)
        except Exception as error:  # noqa: BLE001 - as above; the main thread deals with it
            clear_frames(error.__traceback__)  # else they would keep the run's memory
            self.error = error

    def _progress(self, phase: str, done: float, total: float) -> None:
        if self.given_up:
            raise GivenUp
