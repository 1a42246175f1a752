"""Every row's stream on this device against the same stream in float64 on the CPU.

That code equals the model authors' own on the CPU: the tests of the repository compare it with
what theirs computed. What is compared here is the device: small networks, the whole loop, windows
that wrap, a prompt that changes.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from engine.catalog.specs import SPECS, CausalSpec
from engine.gpu_check.ground import Ground, blocks, embedding, error, small_stream
from engine.gpu_check.report import Figure

BLOCKS = 6  # before a prompt changes, and after
LIMITS = {torch.float32: 1e-4, torch.bfloat16: 0.02}  # shares of the latents' norm
CPU = torch.device("cpu")


def parity(ground: Ground) -> Iterator[Figure]:
    """The largest error of a block, by row and precision."""
    for row, spec in SPECS.items():
        ground.at(f"{row} in float64 on the CPU")
        wanted = _made(spec, torch.float64, CPU)
        for dtype, limit in LIMITS.items():
            name = f"{row} in {str(dtype).removeprefix('torch.')}"
            ground.at(name)
            found = _made(spec, dtype, ground.device)
            worst = max(error(*pair) for pair in zip(found, wanted, strict=True))
            yield Figure(f"{name}: error", worst, most=limit, higher=False)


def _made(spec: CausalSpec, dtype: torch.dtype, device: torch.device) -> list[Tensor]:
    stream = small_stream(spec, dtype, device)
    found = [latents.cpu() for latents in blocks(stream, BLOCKS)]
    stream.prompt(embedding(stream.spec.network, 1))
    return found + [latents.cpu() for latents in blocks(stream, BLOCKS)]
