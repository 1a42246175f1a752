"""The VAEs in the engine's precision against float32, at true shapes on a card."""

from collections.abc import Iterator
from copy import deepcopy

import torch
from torch import Tensor, nn

from engine.bench.machine import fastest
from engine.catalog.specs import DEMO_VAE_WIDTH
from engine.causal.vae.streams import CHANNELS, GROUP, KINDS, SIDE, Vae, VaeKind, random_vae
from engine.gpu_check.ground import Ground, error
from engine.gpu_check.report import Figure

LATENTS = 3
CLOSE = 0.05  # largest error in bfloat16
SIZE = (576, 320)


def vae(ground: Ground) -> Iterator[Figure]:
    """Every kind: decoded and encoded, and how fast."""
    width, height = ground.sizes[0] if ground.toy else SIZE
    generator = torch.Generator(ground.device).manual_seed(0)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, device=ground.device)

    latents = drawn(1, CHANNELS, LATENTS, height // SIDE, width // SIDE)
    pixels = drawn(1, 3, 1 + GROUP, height, width).clamp(-1, 1)
    for kind in KINDS:
        ground.at(f"{kind} in float32")
        exact = _vae(ground, kind)
        pictures, coded = _decoded(exact, latents), exact.encoder()(pixels)
        small = Vae(deepcopy(exact.codec), exact.normalised)
        del exact
        nn.Module.to(small.codec.module, torch.bfloat16)  # diffusers' own would warn
        ground.at(f"{kind} in bfloat16")
        yield _close(f"{kind}, decoded: error", _decoded(small, latents), pictures)
        yield _close(f"{kind}, encoded: error", small.encoder()(pixels), coded)
        ground.at(f"{kind}, speed")
        seconds = fastest(lambda vae=small: _decoded(vae, latents), ground.device)
        frames = pictures.shape[2]
        yield Figure(f"{kind}: decoding", frames / seconds, "frames/s", higher=True)


def _vae(ground: Ground, kind: VaeKind) -> Vae:
    width = DEMO_VAE_WIDTH[kind] if ground.toy else None
    return random_vae(kind, torch.float32, ground.device, width=width)


def _decoded(vae: Vae, latents: Tensor) -> Tensor:
    return torch.cat(list(vae.decoder()(latents)), 2)


def _close(name: str, found: Tensor, exact: Tensor) -> Figure:
    return Figure(name, error(found, exact), most=CLOSE, higher=False)
