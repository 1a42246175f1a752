"""How passes run: plainly, with compiled layers, or as CUDA graphs, one for each shape of pass.

A pass launches hundreds of kernels; at small sizes launching them one by one takes longer than
they run. A graph launches them at once. It is captured when the stream is warmed up
(`engine/causal/warmup.py`), or when its shape is seen for the second time. A pass writes the same
slots each time it runs, so warming up with it changes nothing.

Some kernels escape a capture, and the graph then replays a stale result without an error. So each
graph is compared with plain passes before it is used, and one pass in `CHECK_EVERY` after that.
"""

import gc
import random
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Literal, Protocol, TypeAlias

import torch
from torch import Tensor

from engine.causal.network.cache import PassShape
from engine.causal.network.transformer import compiled_layer
from engine.causal.stream import LatentStream, Run
from engine.pipeline import RungFailed

How: TypeAlias = Literal["auto", "plain", "graphs", "compiled"]
WARM_UPS = 2  # runs on the capturing stream before a capture, as torch asks for
MOST_GRAPHS = 64  # of one stream; a further shape runs plainly
CHECK_EVERY = 5000  # passes of which one is compared: a thousand blocks of four steps
PROOFS = 2  # replays compared with plain passes before a graph is used
DIFFERENCE = 0.02  # relative, that rounding in 16 bits explains
CAPTURING, NEXT = threading.Lock(), threading.Lock()  # see `alone`


class Captured(Protocol):
    """A captured pass."""

    def replay(self, latents: Tensor, timesteps: Tensor) -> Tensor:
        """The flow of a pass, valid until the next replay of any graph."""
        ...


Capture: TypeAlias = Callable[[Run, PassShape, Tensor, Tensor], Captured]


def accelerate(stream: LatentStream, how: How = "auto", capture: Capture | None = None) -> str:
    """Make a stream run its passes in the fastest way on its device; return the way's name.

    `auto` chooses CUDA graphs on CUDA, with compiled layers if Triton is installed, and plain
    passes elsewhere. ImportError or RuntimeError, with the cure, if a way requested by name
    cannot run.
    """
    chosen = way(how, stream.network.device.type)
    if chosen == "compiled":
        key = stream.spec.id, stream.shape, stream.rows, stream.network.dtype
        stream.passes = replace(stream.passes, run_layer=compiled_layer(key))
    run = stream.passes
    stream.run = run if chosen == "plain" else Graphs(run, capture or CudaGraphs())
    return chosen


def way(how: How, device: str) -> How:
    """The way that passes run on a kind of device; raises as `accelerate` does."""
    cuda, triton = device == "cuda", find_spec("triton") is not None
    if how == "auto":
        how = ("compiled" if triton else "graphs") if cuda else "plain"
    if how != "plain" and not cuda:
        raise RuntimeError(f"Passes run as {how} on CUDA only; choose plain, or a CUDA device.")
    if how == "compiled" and not triton:
        raise ImportError("Compiled layers need the package triton; choose graphs.")
    return how


class Graphs:
    """Runs the passes of `run` as graphs that were proven to give equal results. A flow is valid
    until the next pass.
    """

    def __init__(self, run: Run, capture: Capture, check_every: int = CHECK_EVERY) -> None:
        self._run, self._capture = run, capture
        self._captured: dict[PassShape, Captured] = {}
        self._seen: set[PassShape] = set()
        self._plain: set[PassShape] = set()  # their graphs differed
        self._every = check_every
        self._until_check = random.randrange(check_every)

    @property
    def problem(self) -> str:
        """Which passes run plainly because their graphs differed, in a sentence; else empty."""
        count = len(self._plain)
        if not count:
            return ""
        told = "one kind of pass runs" if count == 1 else f"{count} kinds of passes run"
        return f"A captured CUDA graph gave another result than the pass itself, so {told} plainly."

    def __call__(self, plan: PassShape, latents: Tensor, timesteps: Tensor) -> Tensor:
        """The flow of a pass; see `CausalTransformer.forward`. RungFailed if a graph differs
        from the pass, because frames are already shown.
        """
        graph = self._captured.get(plan)
        if graph is None:
            known = plan in self._seen and plan not in self._plain
            self._seen.add(plan)
            if not known or len(self._captured) >= MOST_GRAPHS:
                return self._run(plan, latents, timesteps)
            graph = self._proven(plan, latents, timesteps)
            if graph is None:
                raise RungFailed(self.problem)
        if self._until_check:
            self._until_check -= 1
            return graph.replay(latents, timesteps)
        self._until_check = random.randrange(self._every)
        exact = self._run(plan, latents, timesteps).clone()
        flow = graph.replay(latents, timesteps)
        if not alike(flow, exact):
            self._give_up(plan)
            raise RungFailed(self.problem)
        return flow

    def warm(self, plan: PassShape, latents: Tensor, timesteps: Tensor) -> None:
        """Capture a pass and prove its graph before any result is shown; a graph that differs is
        thrown away, and `problem` says so.
        """
        if plan not in self._captured and len(self._captured) < MOST_GRAPHS:
            self._proven(plan, latents, timesteps)

    def _proven(self, plan: PassShape, latents: Tensor, timesteps: Tensor) -> Captured | None:
        graph = self._capture(self._run, plan, latents.clone(), timesteps.clone())
        self._captured[plan] = graph
        generator = torch.Generator(latents.device).manual_seed(len(self._captured))
        for _ in range(PROOFS):
            other = torch.randn(latents.shape, generator=generator, device=latents.device)
            times = torch.rand(timesteps.shape, generator=generator, device=latents.device) * 1000
            exact = self._run(plan, other, times).clone()
            if not alike(graph.replay(other, times), exact):
                return self._give_up(plan)
        return graph

    def _give_up(self, plan: PassShape) -> None:
        del self._captured[plan]
        self._plain.add(plan)


def alike(one: Tensor, other: Tensor) -> bool:
    """Whether two flows differ by no more than rounding; waits for both."""
    apart, size = ((each.float() ** 2).sum().sqrt() for each in (one - other, other))
    return bool(apart <= DIFFERENCE * size + 1e-6)


class CudaGraphs:
    """Captures passes as CUDA graphs that share one pool of memory."""

    def __init__(self) -> None:
        self._pool = GraphPool()

    def __call__(
        self, run: Run, plan: PassShape, latents: Tensor, timesteps: Tensor
    ) -> "CudaGraph":
        """Warm up and capture a pass; `latents` and `timesteps` are the graph's own from now on."""
        graph, flow = self._pool(lambda: run(plan, latents, timesteps))
        return CudaGraph(graph, latents, timesteps, flow)


class GraphPool:
    """Captures calls as CUDA graphs that share memory: a result is valid until the next replay."""

    def __init__(self) -> None:
        self._handle = torch.cuda.graph_pool_handle()

    def __call__(self, call: Callable[[], Tensor]) -> tuple[torch.cuda.CUDAGraph, Tensor]:
        """Warm up and capture a call: the graph, and the tensor that holds each replay's result."""
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(WARM_UPS):
                call()
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        # only this thread's calls matter: another may be encoding a prompt meanwhile
        with (
            alone(),
            nothing_collected(),
            torch.cuda.graph(graph, pool=self._handle, capture_error_mode="thread_local"),
        ):
            result = call()
        return graph, result


@dataclass(frozen=True, slots=True)
class CudaGraph:
    """A captured pass with the memory that it reads and writes."""

    graph: torch.cuda.CUDAGraph
    latents: Tensor
    timesteps: Tensor
    flow: Tensor

    def replay(self, latents: Tensor, timesteps: Tensor) -> Tensor:
        """See `Captured`."""
        self.latents.copy_(latents)
        self.timesteps.copy_(timesteps)
        self.graph.replay()
        return self.flow


@contextmanager
def alone() -> Generator[None]:
    """Capture in one thread at a time, as CUDA requires of a process. Whoever waits is next: a
    block waits for one capture of a warm-up, never for all of them.
    """
    with NEXT:
        CAPTURING.acquire()
    try:
        yield
    finally:
        CAPTURING.release()


@contextmanager
def nothing_collected() -> Generator[None]:
    """Pause garbage collection: destroying one graph would invalidate another's capture."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()
