"""CUDA graphs and compiled layers against plain passes."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from engine.catalog.specs import LONGLIVE, SPECS, CausalSpec
from engine.causal.cuda_graphs import How, accelerate
from engine.causal.network.transformer import compiled_layer
from engine.causal.network.vace import CONTEXT
from engine.causal.stream import LatentStream
from engine.cost.roofline import TOKEN_SIDE
from engine.gpu_check.ground import Ground, blocks, embedding, error, small_stream
from engine.gpu_check.report import Figure

BLOCKS = 12  # the window fills, and each shape is replayed
MANY = 10  # times as many blocks, which may take no more memory
CLOSE = {torch.float32: 1e-3, torch.bfloat16: 2e-2}  # largest error of a block
LAYERS = 2  # of a network of true widths
REFERENCES = (0, 1, 3)  # images in front of a block


def graphs(ground: Ground) -> Iterator[Figure]:
    """Every row; then that a block waits for nothing, and that many blocks need no more memory."""
    rows = {LONGLIVE.id: LONGLIVE} if ground.toy else SPECS
    for row, spec in rows.items():
        plain = _made(small_stream(spec, torch.float32, ground.device))
        for way in ways(ground):
            name = f"{row}, {way}"
            ground.at(name)
            stream = small_stream(spec, torch.float32, ground.device)
            quicken(ground, stream, way)
            yield _compared(name, plain, _made(stream), torch.float32)
    if ground.toy:
        yield Figure("graphs", "not run: they need CUDA")
        return
    yield from _true_widths(ground)
    for row, spec in SPECS.items():
        ground.at(f"{row}, waits")
        stream = small_stream(spec, torch.float32, ground.device)
        accelerate(stream, "graphs")
        _made(stream)
        yield Figure(f"{row}: blocks that wait for the card", _waits(stream), most=0)
        ground.at(f"{row}, memory of many blocks")
        peaks = [_peak(stream, count) for count in (BLOCKS, MANY * BLOCKS)]
        grown = (peaks[1] - peaks[0]) / 1e6
        yield Figure(f"{row}: memory after {MANY} times the blocks", grown, "MB", most=0)


def vace(ground: Ground) -> Iterator[Figure]:
    """VACE with and without references."""
    for count in REFERENCES[1:2] if ground.toy else REFERENCES:
        plain = _hinted(ground, "plain", count)
        yield Figure(f"{count} references: deviation", float(plain[-1].std()), least=1e-3)
        for way in ways(ground):
            name = f"{count} references, {way}"
            ground.at(name)
            yield _compared(name, plain, _hinted(ground, way, count), torch.float32)
    without, with_one = (_hinted(ground, "plain", count)[-1] for count in (0, 1))
    yield Figure("a reference changes a block by", error(with_one, without), least=1e-3)


def ways(ground: Ground) -> Sequence[How]:
    """The ways beside plain that run here."""
    if ground.toy:
        return ("compiled",)
    return ("graphs", "compiled") if ground.compiles else ("graphs",)


def quicken(ground: Ground, stream: LatentStream, way: How) -> None:
    """Let a stream run its passes in a way; a toy's are traced, for there may be no compiler."""
    if ground.toy and way == "compiled":
        layer = compiled_layer((stream.spec.id, stream.shape), "aot_eager")
        stream.passes = replace(stream.passes, run_layer=layer)
        stream.run = stream.passes
    elif way != "plain":
        accelerate(stream, way)


def _made(stream: LatentStream, **steered: Any) -> list[Tensor]:
    return [latents.clone() for latents in blocks(stream, BLOCKS, **steered)]


def _compared(name: str, plain: list[Tensor], fast: list[Tensor], dtype: torch.dtype) -> Figure:
    worst = max(error(*pair) for pair in zip(fast, plain, strict=True))
    return Figure(f"{name}: error", worst, most=CLOSE[dtype], higher=False)


def _true_widths(ground: Ground) -> Iterator[Figure]:
    """Two layers of the released network, at a true size, in the engine's own precision."""
    size = replace(LONGLIVE.network, layers=LAYERS)
    spec = replace(LONGLIVE, network=size)
    found: dict[str, list[Tensor]] = {}
    for way in ("plain", *ways(ground)):
        ground.at(f"true widths, {way}")
        stream = _wide(ground, spec)
        quicken(ground, stream, way)
        found[way] = _made(stream)
        if way != "plain":
            yield _compared(f"true widths, {way}", found["plain"], found[way], ground.dtype)


def _wide(ground: Ground, spec: CausalSpec) -> LatentStream:
    width, height = (side // TOKEN_SIDE * 2 for side in ground.sizes[0])
    stream = LatentStream(spec, ground.network(spec), height, width)
    stream.prompt(embedding(spec.network, 0).to(ground.device))
    return stream


def _hinted(ground: Ground, way: How, references: int) -> list[Tensor]:
    """Blocks with a control video of noise, and as many reference images."""
    stream = small_stream(LONGLIVE, torch.float32, ground.device, vace=True)
    quicken(ground, stream, way)
    generator = torch.Generator().manual_seed(1)
    channels, height, width = stream.shape

    def drawn(count: int, frames: int) -> Tensor:
        shape = (1, count, frames, height, width)
        return torch.randn(shape, generator=generator).to(ground.device)

    control = drawn(CONTEXT, LONGLIVE.block)
    if references:
        stream.refer(drawn(channels, references))
    return _made(stream, control=control, control_scale=1.5)


def _waits(stream: LatentStream) -> int:
    """How many of three blocks wait for the card, which torch reports as an error."""
    waits = 0
    for _ in range(3):
        torch.cuda.set_sync_debug_mode("error")
        try:
            list(blocks(stream, 1, on_device=True))
        except RuntimeError:
            waits += 1
            stream.reset()
        finally:
            torch.cuda.set_sync_debug_mode("default")
    return waits


def _peak(stream: LatentStream, count: int) -> int:
    for latents in blocks(stream, count):
        del latents
    return torch.cuda.max_memory_allocated(stream.network.device)
