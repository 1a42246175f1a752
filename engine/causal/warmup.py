"""Warming up: which shapes of pass a stream will run, and running each once before it is shown.

The first pass of a shape compiles layers and captures a graph, which takes seconds. The shapes are
found by a rehearsal: the same `LatentStream` makes a few blocks on the `meta` device, where nothing
is computed, and notes its passes. So no separate list of shapes has to be kept in step with it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from engine.catalog.specs import CausalSpec
from engine.causal.cuda_graphs import Graphs
from engine.causal.network.attention import sdpa
from engine.causal.network.cache import PassShape
from engine.causal.network.transformer import CausalTransformer, first_layers
from engine.causal.network.vace import REFERENCES, empty_vace
from engine.causal.network.wan_weights import empty_transformer
from engine.causal.schedule import Schedule
from engine.causal.stream import BlockInputs, LatentStream

CONTEXT = 96  # channels of a control
META = torch.device("meta")


@dataclass(frozen=True, slots=True)
class Controls:
    """The controls that decide the shapes of a stream's passes.

    video           whether blocks start from a video
    references      images that VACE is shown; None where it rests
    biased          whether earlier frames count less (`cache_bias` below 1)
    clean_hints     whether the clean pass is hinted too
    late            whether a new prompt's re-cache comes after its first block
    """

    video: bool = False
    references: int | None = None
    biased: bool = False
    clean_hints: bool = False
    late: bool = True

    def neighbours(self, *, vace: bool) -> Iterator["Controls"]:
        """What a performer may change next, the likeliest first; VACE's where it is loaded."""
        if vace:
            for count in (None, *range(REFERENCES + 1)):
                if count != self.references:
                    yield replace(self, references=count)
        yield replace(self, video=not self.video)
        yield replace(self, biased=not self.biased)


def shapes(
    spec: CausalSpec, rows: int, height: int, width: int, vace: bool, controls: Controls
) -> tuple[PassShape, ...]:
    """The passes of an endless stream with these controls, in the order of their first use.

    `height` and `width` of the latents; `vace` says whether the network has VACE.
    """
    small = replace(spec.network, layers=1, vace_layers=(0,) if vace else ())
    spec = replace(spec, network=small)
    network = CausalTransformer(empty_transformer(small), sdpa, empty_vace(small) if vace else None)
    stream = LatentStream(spec, network, height, width, rows)
    seen: dict[PassShape, None] = {}

    def note(plan: PassShape, latents: Tensor, timesteps: Tensor) -> Tensor:
        seen[plan] = None
        return latents[:, :, plan.references :]

    stream.run = note
    if controls.references:
        stream.refer(
            torch.empty(1, stream.shape[0], controls.references, height, width, device=META)
        )
    prompt = torch.empty(1, small.text_tokens, small.text_dim, device=META)
    for changes in (False, True):  # of prompt, before each block
        stream.reset()
        for _ in range(spec.window // spec.block + 3):
            stream.block(_inputs(stream, controls))
            if changes:
                stream.prompt(prompt)
    if spec.last_position:
        stream.settle()
        stream.frame = stream.window.ends[0] = spec.last_position  # as after minutes
        stream.block(_inputs(stream, controls))
    stream.settle()
    return tuple(seen)


def _inputs(stream: LatentStream, controls: Controls) -> BlockInputs:
    """Inputs of a block on the `meta` device, which have shapes but no values."""
    spec, (channels, height, width) = stream.spec, stream.shape
    levels = Schedule(spec.shift).levels(next(iter(spec.steps.values())))
    levels = levels[:1] * stream.rows if spec.batch_steps else levels[:1]
    frames = spec.frames(begins=not stream.frame, video=controls.video)

    def empty(channels: int, frames: int) -> Tensor:
        return torch.empty(1, channels, frames, height, width, device=META)

    return BlockInputs(
        levels=levels,
        draw=lambda count: empty(channels, count),
        video=empty(channels, frames) if controls.video else None,
        context_head=empty(channels, 1) if spec.refresh == "recompute" and stream.frame else None,
        context_weight=0.5 if controls.biased else 1.0,
        control=None if controls.references is None else empty(CONTEXT, frames),
        hint_clean=controls.clean_hints,
        recache_late=controls.late,
    )


def warm(stream: LatentStream, plan: PassShape) -> None:
    """Run a pass of that shape and discard its result: its layers are compiled and its graph is
    captured. The stream's history does not change.
    """
    channels, height, width = stream.shape
    device = stream.network.device
    frames = plan.references + plan.frames
    latents = torch.zeros(plan.rows, channels, frames, height, width, device=device)
    timesteps = torch.zeros(plan.rows, plan.frames, device=device)
    with stream.window.rehearsing(plan):
        if isinstance(stream.run, Graphs):
            stream.run.warm(plan, latents, timesteps)
        else:
            stream.run(plan, latents, timesteps)


def compile_layers(stream: LatentStream, plans: Iterable[PassShape]) -> None:
    """Compile the layers of these passes beside a stream that is in use, in another thread.

    It uses a stream of its own with two layers, which share the weights: the tensors that the first
    layer of a network gets have other strides than those of later layers.
    """
    spec = stream.spec
    size = replace(spec.network, layers=2, vace_layers=(0, 1) if stream.hints else ())
    height, width = stream.shape[1:]
    beside = LatentStream(
        replace(spec, network=size), first_layers(stream.network), height, width, stream.rows
    )
    beside.run = replace(beside.passes, run_layer=stream.passes.run_layer)
    for plan in plans:
        warm(beside, plan)
