"""The causal Wan2.1 transformer: diffusers' modules hold the weights, the forward pass is our own.

One pass takes a block of frames, writes their keys and values into the window and attends to all
visible frames. It does not copy the window, reads nothing back to the host and has one fixed shape
for each `PassShape`, so that it can be captured as a CUDA graph. The network is that of Wan et al.
2025 ("Wan: Open and Advanced Large-Scale Video Generative Models"), with one time embedding per
latent frame.
"""

import math
from collections.abc import Callable, Hashable, Iterable, Iterator
from copy import copy
from functools import lru_cache
from types import FunctionType
from typing import TypeAlias

import torch
import torch.nn.functional as F
from diffusers.models.transformers.transformer_wan import (
    WanAttention,
    WanTransformer3DModel,
    WanTransformerBlock,
)
from diffusers.models.transformers.transformer_wan_vace import WanVACETransformerBlock
from torch import Tensor, nn

from engine.causal.network.attention import Attention
from engine.causal.network.cache import KVCache, PassShape, PassView, TextCache
from engine.causal.network.rope import rotated
from engine.causal.network.torch_typed import compile_static
from engine.causal.network.vace import Hints, Vace

Memory: TypeAlias = tuple[Tensor, Tensor]  # one layer's keys and values
Block: TypeAlias = WanTransformerBlock | WanVACETransformerBlock

SHAPES = 64  # limit of compiled pass shapes: a filling window, a recache, each with hints
PROGRAMS = 4  # shapes of stream whose compiled layers are kept
PATCH = 2  # latent pixels per token, in both directions


class CausalTransformer(nn.Module):
    """The network; `wan` has all weights on one device in one dtype."""

    modulation: Tensor
    vace_modulation: Tensor

    def __init__(
        self, wan: WanTransformer3DModel, attention: Attention, vace: Vace | None = None
    ) -> None:
        super().__init__()
        self.wan = wan
        self.vace = vace
        self.attend = attention
        self.eps: float = wan.config["eps"]
        self.register_buffer("modulation", _tables(wan.blocks), persistent=False)
        if vace is not None:
            self.register_buffer("vace_modulation", _tables(vace.blocks), persistent=False)

    @property
    def dtype(self) -> torch.dtype:
        """The type in which the network computes."""
        return self.wan.patch_embedding.weight.dtype

    @property
    def device(self) -> torch.device:
        """The device on which the network computes."""
        return self.wan.patch_embedding.weight.device

    def forward(
        self,
        latents: Tensor,
        timesteps: Tensor,
        plan: PassShape,
        window: KVCache,
        text: TextCache,
        hints: Hints | None = None,
        run_layer: "Layer | None" = None,
    ) -> Tensor:
        """The flow of one block, in float32.

        `latents` is (rows, channels, frames, height, width), with the plan's references before the
        block's own frames; `timesteps` (rows, frames) from 0 to 1000; `plan` is the result of
        `window.begin`. A hinted plan needs `hints`. `run_layer` replaces `layer`, compiled.
        """
        run, how = run_layer or layer, (self.attend, self.eps)
        time, steps = self._times(timesteps)
        modulation = _modulated(self.modulation, steps)
        whole = self._tokens(latents.to(self.dtype), self.wan.patch_embedding)
        tokens, sight = whole[:, plan.references :], window.sight(plan)
        vace = self.vace if plan.hinted else None
        branch = self._hints(run, vace, whole, steps, plan, hints) if vace and hints else None
        for place, block in enumerate(self.wan.blocks):
            past = window.keys[place], window.values[place]
            words = text.words(place, plan)
            tokens = run(block, tokens, modulation[place], sight, past, words, *how)
            if vace and hints and branch and place in vace.after:
                hint = next(branch)[:, plan.references :]
                tokens = torch.addcmul(tokens, hint, hints.scale)
        return self._flow(tokens, time, latents.shape, plan)

    def remember(self, embeddings: Tensor, text: TextCache, hints: Hints | None = None) -> None:
        """Write a prompt's keys and values into `text` and `hints`, for all rows.

        `embeddings` is (rows or 1, text tokens, text width), zero beyond the prompt's own tokens:
        the padding is not masked, because the models were trained with it.
        """
        hidden = self.wan.condition_embedder.text_embedder(embeddings.to(self.device, self.dtype))
        stacks: list[tuple[Iterable[Block], TextCache]] = [(self.wan.blocks, text)]
        if self.vace is not None and hints is not None:
            stacks.append((self.vace.blocks, hints.text))
        for blocks, cache in stacks:
            for layer, block in enumerate(blocks):
                attention = block.attn2
                keys = attention.norm_k(attention.to_k(hidden))
                cache.keys[layer].copy_(_heads(keys, attention))
                cache.values[layer].copy_(_heads(attention.to_v(hidden), attention))

    def embedded(self, context: Tensor) -> Tensor:
        """A VACE context (1, 96, frames, height, width) as tokens (1, frames, tokens, dim)."""
        assert self.vace is not None  # without it there is no context
        patches = self.vace.vace_patch_embedding
        return self._tokens(context.to(self.device, self.dtype), patches)

    def _hints(
        self,
        run: "Layer",
        vace: Vace,
        whole: Tensor,
        steps: Tensor,
        plan: PassShape,
        hints: Hints,
    ) -> Iterator[Tensor]:
        """VACE's hints in order; each layer runs when its hint is needed."""
        modulation = _modulated(self.vace_modulation, steps[:, :, :1])
        sight, control = hints.sight(plan), hints.shown(plan)
        for place, block in enumerate(vace.blocks):
            if block.proj_in is not None:
                control = block.proj_in(control) + whole
            words = hints.text.words(place, plan)
            how = self.attend, self.eps
            control = run(block, control, modulation[place], sight, None, words, *how)
            yield block.proj_out(control)

    def _times(self, timesteps: Tensor) -> tuple[Tensor, Tensor]:
        """The time embedding (rows, frames, dim), and its six numbers for every channel of a layer:
        (6, rows, frames, dim).
        """
        embedder = self.wan.condition_embedder
        half = self.wan.config["freq_dim"] // 2
        powers = torch.arange(half, device=timesteps.device, dtype=torch.float64) / half
        angles = timesteps.double()[..., None] * torch.exp(-math.log(10_000) * powers)
        waves = torch.cat((angles.cos(), angles.sin()), -1).to(self.dtype)
        time = embedder.time_embedder.linear_2(F.silu(embedder.time_embedder.linear_1(waves)))
        steps = embedder.time_proj(F.silu(time)).unflatten(-1, (6, -1)).permute(2, 0, 1, 3)
        return time, steps

    def _tokens(self, latents: Tensor, patch: nn.Conv3d) -> Tensor:
        """Latents to tokens (rows, frames, tokens, dim). The patch convolution is computed as a
        matrix product, so that it does not depend on a convolution kernel.
        """
        cells = torch.unflatten(torch.unflatten(latents, -1, (-1, PATCH)), -3, (-1, PATCH))
        rows, _, frames, height, _, width, _ = cells.shape
        flat = cells.permute(0, 2, 3, 5, 1, 4, 6).reshape(rows, frames, height * width, -1)
        return F.linear(flat, patch.weight.flatten(1), patch.bias)

    def _flow(self, tokens: Tensor, time: Tensor, shape: torch.Size, plan: PassShape) -> Tensor:
        """Tokens to the flow of the block's own latents."""
        rows, channels, _, height, width = shape
        shift, scale = (self.wan.scale_shift_table[0] + time[:, :, None, None]).unbind(-2)
        cells = self.wan.proj_out(torch.addcmul(shift, _norm(tokens, self.eps), 1 + scale))
        cells = cells.view(
            rows, plan.frames, height // PATCH, width // PATCH, PATCH, PATCH, channels
        )
        flow = cells.permute(0, 6, 1, 2, 4, 3, 5)
        return flow.reshape(rows, channels, plan.frames, height, width).float()


def layer(
    block: Block,
    x: Tensor,
    modulation: Tensor,
    sight: PassView,
    past: Memory | None,
    words: Memory,
    attend: Attention,
    eps: float,
) -> Tensor:
    """One layer; `x` is (rows, frames, tokens, dim), `modulation` (6, rows, frames, 1, dim)."""
    shift, scale, gate, shift_ffn, scale_ffn, gate_ffn = modulation.unbind()
    seen = torch.addcmul(shift, _norm(x, eps), scale)
    x = torch.addcmul(x, gate, _look_back(block.attn1, seen, sight, past, attend))
    seen = F.layer_norm(x, x.shape[-1:], block.norm2.weight, block.norm2.bias, eps)
    x = x + _read_text(block.attn2, seen, words, attend)
    seen = torch.addcmul(shift_ffn, _norm(x, eps), scale_ffn)
    up, down = block.ffn.net[0].proj, block.ffn.net[2]
    return torch.addcmul(x, gate_ffn, down(F.gelu(up(seen), approximate="tanh")))


Layer: TypeAlias = Callable[
    [Block, Tensor, Tensor, PassView, Memory | None, Memory, Attention, float], Tensor
]


@lru_cache(maxsize=PROGRAMS)
def compiled_layer(shape: Hashable, backend: str = "inductor") -> Layer:
    """`layer`, compiled by torch (needs Triton): one program shared by all layers, for each shape
    of pass.

    Streams of one `shape` share the programs; those of the last few shapes are kept. torch counts
    programs per code object and refuses to compile one too often, so each shape has its own.
    """
    torch.compiler.config.recompile_limit = SHAPES
    own = FunctionType(layer.__code__.replace(), layer.__globals__, layer.__name__)
    return compile_static(own, backend=backend)


def _look_back(
    attention: WanAttention, x: Tensor, sight: PassView, past: Memory | None, attend: Attention
) -> Tensor:
    """Attention of a block's tokens over the window, including their own keys; only over
    themselves without a past.
    """
    flat = x.flatten(1, 2)
    queries = rotated(_heads(attention.norm_q(attention.to_q(flat)), attention), *sight.asked)
    keys = _heads(attention.norm_k(attention.to_k(flat)), attention)
    values = _heads(attention.to_v(flat), attention)
    if sight.read is None:
        keys = rotated(keys, *sight.asked)
    if past is not None:
        sight.store(past[0], keys)
        sight.store(past[1], values)
        keys, values = sight.seen(past[0]), sight.seen(past[1])
    if sight.read is not None:
        keys = rotated(keys, *sight.read)
    found = attend(queries, keys, values, sight.bias)
    return attention.to_out[0](found.flatten(2)).view_as(x)


def _read_text(attention: WanAttention, x: Tensor, words: Memory, attend: Attention) -> Tensor:
    queries = _heads(attention.norm_q(attention.to_q(x.flatten(1, 2))), attention)
    found = attend(queries, *words, None)
    return attention.to_out[0](found.flatten(2)).view_as(x)


def _norm(x: Tensor, eps: float) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], eps=eps)


def first_layers(network: CausalTransformer, count: int = 2) -> CausalTransformer:
    """A network of the first layers, which shares their weights."""
    wan, vace = copy(network.wan), copy(network.vace)
    blocks = nn.ModuleList([*wan.blocks][:count])
    vars(wan)["_modules"] = {**dict(wan.named_children()), "blocks": blocks}  # its own dict
    if vace is not None:
        vace.blocks = vace.blocks[:count]
        vace.after = {layer: layer for layer in range(len(vace.blocks))}
    return CausalTransformer(wan, network.attend, vace)


def _tables(blocks: Iterable[Block]) -> Tensor:
    return torch.stack([block.scale_shift_table[0] for block in blocks]).detach()


def _modulated(tables: Tensor, steps: Tensor) -> Tensor:
    """Every layer's modulation, (layers, 6, rows, frames, 1, dim), with 1 added to the scales."""
    modulation = tables[:, :, None, None, None] + steps[None, :, :, :, None]
    modulation[:, 1::3].add_(1)
    return modulation


def _heads(tokens: Tensor, attention: WanAttention) -> Tensor:
    return torch.unflatten(tokens, -1, (attention.heads, -1))
