"""The Wan2.1 transformer, causal: diffusers' modules hold the weights, the forward is our own.

One pass takes a block of frames, writes their keys and values into the window and looks at all
that the window shows. It makes no copy of the window, reads nothing back to the host and has one
fixed shape for each `Pass`, so that it can be captured as a CUDA graph. The network is that of
Wan et al. 2025 ("Wan: Open and Advanced Large-Scale Video Generative Models"), with one time
embedding per latent frame.
"""

# pyright: basic, reportMissingImports=false

import math
from typing import Any, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.cache import KVCache, Pass, Sight, TextCache
from engine.models.attention import Attention
from engine.models.rotation import rotated

Memory: TypeAlias = tuple[Tensor, Tensor]  # one layer's keys and values

PATCH = 2  # pixels of a latent that one token covers, each way


class CausalTransformer(nn.Module):
    """`wan` is diffusers' WanTransformer3DModel, all weights on one device in one dtype."""

    modulation: Tensor

    def __init__(self, wan: Any, attention: Attention) -> None:
        super().__init__()
        self.wan: Any = wan
        self.attend = attention
        self.layer = self._layer
        self.eps: float = wan.config["eps"]
        tables = [block.scale_shift_table[0] for block in wan.blocks]
        self.register_buffer("modulation", torch.stack(tables).detach(), persistent=False)

    def compile(self) -> None:
        """Let torch compile the layers (needs Triton): one program that all of them share."""
        self.layer = torch.compile(self._layer, fullgraph=True, dynamic=False)

    @property
    def dtype(self) -> torch.dtype:
        """What the network computes in."""
        return self.wan.patch_embedding.weight.dtype

    @property
    def device(self) -> torch.device:
        """Where the network computes."""
        return self.wan.patch_embedding.weight.device

    def forward(
        self, latents: Tensor, timesteps: Tensor, plan: Pass, window: KVCache, text: TextCache
    ) -> Tensor:
        """The flow of one block, in float32.

        `latents` is (rows, channels, frames, height, width), `timesteps` (rows, frames) from 0 to
        1000; `plan` is what `window.begin` said.
        """
        time, modulation = self._times(timesteps)
        tokens = self._tokens(latents.to(self.dtype))
        sight = window.sight(plan)
        for layer, block in enumerate(self.wan.blocks):
            past = window.keys[layer], window.values[layer]
            words = text.keys[layer, : plan.rows], text.values[layer, : plan.rows]
            tokens = self.layer(block, tokens, modulation[layer], sight, past, words)
        return self._flow(tokens, time, latents.shape).float()

    def remember(self, embeddings: Tensor, text: TextCache) -> None:
        """Write a prompt's keys and values into `text`, for all rows.

        `embeddings` is (rows or 1, text tokens, text width), zero beyond the prompt's own tokens:
        the padding is not masked, the models were trained with it.
        """
        hidden = self.wan.condition_embedder.text_embedder(embeddings.to(self.device, self.dtype))
        for layer, block in enumerate(self.wan.blocks):
            attention = block.attn2
            keys = attention.norm_k(attention.to_k(hidden))
            text.keys[layer].copy_(_heads(keys, attention))
            text.values[layer].copy_(_heads(attention.to_v(hidden), attention))

    def _layer(
        self,
        block: Any,
        x: Tensor,
        modulation: Tensor,
        sight: Sight,
        past: Memory,
        words: Memory,
    ) -> Tensor:
        """One layer; `x` is (rows, frames, tokens, dim), `modulation` (6, rows, frames, 1, dim)."""
        shift, scale, gate, shift_ffn, scale_ffn, gate_ffn = modulation.unbind()
        seen = torch.addcmul(shift, self._norm(x), scale)
        x = torch.addcmul(x, gate, self._look_back(block.attn1, seen, sight, past))
        seen = F.layer_norm(x, x.shape[-1:], block.norm2.weight, block.norm2.bias, self.eps)
        x = x + self._read_text(block.attn2, seen, words)
        seen = torch.addcmul(shift_ffn, self._norm(x), scale_ffn)
        up, down = block.ffn.net[0].proj, block.ffn.net[2]
        return torch.addcmul(x, gate_ffn, down(F.gelu(up(seen), approximate="tanh")))

    def _look_back(self, attention: Any, x: Tensor, sight: Sight, past: Memory) -> Tensor:
        """Attention of a block's tokens over the window, their own keys included."""
        flat = x.flatten(1, 2)
        queries = rotated(_heads(attention.norm_q(attention.to_q(flat)), attention), *sight.asked)
        keys = _heads(attention.norm_k(attention.to_k(flat)), attention)
        if sight.read is None:
            keys = rotated(keys, *sight.asked)
        held_keys, held_values = past
        sight.store(held_keys, keys)
        sight.store(held_values, _heads(attention.to_v(flat), attention))
        keys, values = sight.seen(held_keys), sight.seen(held_values)
        if sight.read is not None:
            keys = rotated(keys, *sight.read)
        found = self.attend(queries, keys, values, sight.bias)
        return attention.to_out[0](found.flatten(2)).view_as(x)

    def _read_text(self, attention: Any, x: Tensor, words: Memory) -> Tensor:
        queries = _heads(attention.norm_q(attention.to_q(x.flatten(1, 2))), attention)
        found = self.attend(queries, *words, None)
        return attention.to_out[0](found.flatten(2)).view_as(x)

    def _norm(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, x.shape[-1:], eps=self.eps)

    def _times(self, timesteps: Tensor) -> tuple[Tensor, Tensor]:
        """The time embedding (rows, frames, dim), and what it makes of every layer's modulation:
        (layers, 6, rows, frames, 1, dim), scales with their 1 added.
        """
        embedder = self.wan.condition_embedder
        half: int = self.wan.config["freq_dim"] // 2
        powers = torch.arange(half, device=timesteps.device, dtype=torch.float64) / half
        angles = timesteps.double()[..., None] * torch.exp(-math.log(10_000) * powers)
        waves = torch.cat((angles.cos(), angles.sin()), -1).to(self.dtype)
        time = embedder.time_embedder.linear_2(F.silu(embedder.time_embedder.linear_1(waves)))
        projected = embedder.time_proj(F.silu(time)).unflatten(-1, (6, -1)).permute(2, 0, 1, 3)
        modulation = self.modulation[:, :, None, None, None] + projected[None, :, :, :, None]
        modulation[:, 1::3].add_(1)
        return time, modulation

    def _tokens(self, latents: Tensor) -> Tensor:
        """Latents to tokens (rows, frames, tokens, dim). The patch convolution as the matrix that
        it is, so that no convolution kernel has to be found or trusted.
        """
        patch = self.wan.patch_embedding
        cells = latents.unflatten(-1, (-1, PATCH)).unflatten(-3, (-1, PATCH))
        rows, _, frames, height, _, width, _ = cells.shape
        flat = cells.permute(0, 2, 3, 5, 1, 4, 6).reshape(rows, frames, height * width, -1)
        return F.linear(flat, patch.weight.flatten(1), patch.bias)

    def _flow(self, tokens: Tensor, time: Tensor, shape: torch.Size) -> Tensor:
        """Tokens to the flow of the latents' shape."""
        rows, channels, frames, height, width = shape
        shift, scale = (self.wan.scale_shift_table[0] + time[:, :, None, None]).unbind(-2)
        cells = self.wan.proj_out(torch.addcmul(shift, self._norm(tokens), 1 + scale))
        cells = cells.view(rows, frames, height // PATCH, width // PATCH, PATCH, PATCH, channels)
        return cells.permute(0, 6, 1, 2, 4, 3, 5).reshape(shape)


def _heads(tokens: Tensor, attention: Any) -> Tensor:
    return tokens.unflatten(-1, (attention.heads, -1))
