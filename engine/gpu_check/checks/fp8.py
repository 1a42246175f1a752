"""Linear layers in 8 bits: near enough, and how fast, for each shape of the networks."""

from collections.abc import Iterator

import torch
from torch import nn

from engine.bench.machine import fastest
from engine.catalog.specs import SPECS
from engine.causal.network.quantization import Float8Linear, multiplies_by_row, scaled_by_row
from engine.cost.roofline import frame_tokens
from engine.gpu_check.ground import Ground, error
from engine.gpu_check.report import Figure, NotRun

CLOSE = 0.06  # largest error of a product of numbers with three bits after the point: 0.035
TOKENS = 64  # of a toy block


def fp8(ground: Ground) -> Iterator[Figure]:
    """Each shape of layer over a block's tokens."""
    try:
        rowwise = (
            multiplies_by_row(ground.device, ground.dtype)
            if ground.toy
            else scaled_by_row(ground.device)
        )
    except ValueError as why:
        raise NotRun(str(why)) from None
    yield Figure("scaled for", "each row" if rowwise else "each matrix")
    networks = {spec.network.name: spec.network for spec in map(ground.spec, SPECS)}
    tokens = TOKENS if ground.toy else 3 * frame_tokens(*ground.sizes[0])
    for size in networks.values():
        shapes = ((size.dim, size.dim), (size.dim, size.ffn), (size.ffn, size.dim))
        for inputs, outputs in shapes:
            name = f"{size.name}, {inputs} to {outputs}"
            ground.at(name)
            plain = nn.Linear(inputs, outputs, device=ground.device, dtype=ground.dtype)
            small = Float8Linear(plain, rowwise=rowwise)
            x = torch.randn(tokens, inputs, device=ground.device, dtype=ground.dtype)
            yield Figure(f"{name}: error", error(small(x), plain(x)), most=CLOSE, higher=False)
            times = [fastest(lambda run=run, x=x: run(x), ground.device) for run in (plain, small)]
            yield Figure(f"{name}: speed-up, not compiled", times[0] / times[1], higher=True)
