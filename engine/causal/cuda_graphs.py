"""How passes run: plainly, or as CUDA graphs, one for each shape of pass.

A pass launches hundreds of kernels; at small sizes launching them one by one takes longer than
running them. A graph launches them all at once. It is captured when a shape is seen for the second
time, so a shape used only once costs nothing. A pass writes the same slots each time it runs, so
warm-up runs change nothing. If a capture fails, the block fails: the worker exits
(`Worker._guarded`) and is replaced.
"""

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from engine.causal.network.cache import PassShape
from engine.causal.stream import LatentStream, Run

How: TypeAlias = Literal["auto", "plain", "graphs", "compiled"]
WARM_UPS = 2  # runs on the capturing stream before a capture, as torch recommends


def accelerate(stream: LatentStream, how: How = "auto") -> str:
    """Use the fastest available method for a stream's passes; return its name.

    `auto` chooses CUDA graphs on CUDA, with compiled layers if Triton is installed, and plain
    passes elsewhere. ImportError or RuntimeError, with the cure, if a method requested by name
    cannot run.
    """
    chosen = way(how, stream.network.device.type)
    if chosen == "plain":
        return chosen
    if chosen == "compiled":
        stream.network.compile()
    stream.run = Graphs(stream.run)
    return chosen


def way(how: How, device: str) -> How:
    """The method used for passes on a device type; raises as `accelerate` does."""
    cuda, triton = device == "cuda", find_spec("triton") is not None
    if how == "auto":
        how = ("compiled" if triton else "graphs") if cuda else "plain"
    if how != "plain" and not cuda:
        raise RuntimeError(f"passes={how} needs CUDA; choose passes=plain or use a CUDA device.")
    if how == "compiled" and not triton:
        raise ImportError(
            "passes=compiled needs the package triton; install it or choose passes=graphs."
        )
    return how


@dataclass(frozen=True, slots=True)
class _Captured:
    graph: torch.cuda.CUDAGraph
    latents: Tensor
    timesteps: Tensor
    flow: Tensor


class Graphs:
    """Runs passes of `run` as CUDA graphs. A flow is valid until the next pass of its shape."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._captured: dict[PassShape, _Captured] = {}
        self._seen: set[PassShape] = set()
        self._pool = torch.cuda.graph_pool_handle()

    def __call__(self, plan: PassShape, latents: Tensor, timesteps: Tensor) -> Tensor:
        """Return the flow of a pass; see `CausalTransformer.forward`."""
        if plan not in self._seen:
            self._seen.add(plan)
            return self._run(plan, latents, timesteps)
        if plan not in self._captured:
            self._captured[plan] = self._capture(plan, latents.clone(), timesteps.clone())
        captured = self._captured[plan]
        captured.latents.copy_(latents)
        captured.timesteps.copy_(timesteps)
        captured.graph.replay()
        return captured.flow

    def _capture(self, plan: PassShape, latents: Tensor, timesteps: Tensor) -> _Captured:
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(WARM_UPS):
                self._run(plan, latents, timesteps)
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        # only this thread's calls matter: another may be encoding a prompt at the same time
        with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
            flow = self._run(plan, latents, timesteps)
        return _Captured(graph, latents, timesteps, flow)
