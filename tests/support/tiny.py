"""A network in memory small enough for a test, of any row; files: `checkpoints.py`."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch

from engine.catalog.specs import LONGLIVE, CausalSpec, NetworkSize
from engine.causal.network.attention import sdpa
from engine.causal.network.transformer import CausalTransformer
from engine.causal.network.vace import empty_vace
from engine.causal.network.wan_weights import random_transformer
from engine.causal.schedule import Schedule
from engine.causal.stream import BlockInputs, LatentStream, seeded
from engine.weights.checkpoint import randomised

torch.set_num_threads(1)  # tensors this small only wait for each other

SIZE = NetworkSize(
    name="tiny", layers=2, dim=96, ffn=144, heads=3, text_dim=32, text_tokens=16, frequencies=32
)
LATENT = (8, 6)


def tiny_stream(
    spec: CausalSpec,
    dtype: torch.dtype = torch.float32,
    layers: int = 2,
    device: str = "cpu",
) -> LatentStream:
    """A stream of that row with random weights strong enough that rules show, and a prompt."""
    size = replace(SIZE, layers=layers)
    network = CausalTransformer(random_transformer(size, dtype, device, std=0.12), sdpa)
    stream = LatentStream(replace(spec, network=size), network, *LATENT)
    stream.prompt(prompt(0))
    return stream


def tiny_vace_stream(spec: CausalSpec = LONGLIVE) -> LatentStream:
    """A stream with random VACE weights."""
    size = replace(SIZE, vace_layers=(0,))
    vace = randomised(empty_vace(size), torch.float32, "cpu", seed=1, std=0.12)
    wan = random_transformer(size, torch.float32, "cpu", std=0.12)
    network = CausalTransformer(wan, sdpa, vace)
    stream = LatentStream(replace(spec, network=size), network, *LATENT)
    stream.prompt(prompt(0))
    return stream


def prompt(seed: int) -> torch.Tensor:
    """An embedding of 9 tokens, padded with zeros."""
    generator = torch.Generator().manual_seed(seed)
    embedding = torch.zeros(1, SIZE.text_tokens, SIZE.text_dim)
    embedding[:, :9] = torch.randn(1, 9, SIZE.text_dim, generator=generator)
    return embedding


def blocks(
    stream: LatentStream, count: int, seed: int = 0, **steered: Any
) -> Iterator[torch.Tensor]:
    """The next blocks, each with the noise of the frame that it begins at, and settled; `steered`
    are further `BlockInputs`.
    """
    chosen = next(iter(stream.spec.steps.values()))
    levels = Schedule(stream.spec.shift).levels(chosen)
    for _ in range(count):
        draw = seeded(seed + stream.frame, stream.shape, stream.network.device)
        latents = stream.block(BlockInputs(levels, draw, **steered))
        stream.settle()
        if latents is not None:
            yield latents


def run(stream: LatentStream, count: int, seed: int = 0, **steered: Any) -> list[torch.Tensor]:
    """The next blocks, kept."""
    return list(blocks(stream, count, seed, **steered))
