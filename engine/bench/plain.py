"""The baseline: the same passes in plain diffusers code.

Diffusers' own blocks do the work, with an attention processor that clones the window and appends
the block's keys; the keys of the text are computed in every pass, as those blocks do. Weights,
window and result are those of `CausalTransformer`.
"""

import torch
import torch.nn.functional as F
from diffusers.models.transformers.transformer_wan import WanAttention
from torch import Tensor

from engine.causal.network.cache import Angles, KVCache, PassShape, PassView
from engine.causal.network.rope import rotated
from engine.causal.network.transformer import CausalTransformer


class Plain:
    """A `Run` with diffusers' eager blocks. It replaces the processors of the network's attention
    modules, which `CausalTransformer` does not use.
    """

    def __init__(self, network: CausalTransformer, window: KVCache, embeddings: Tensor) -> None:
        """`embeddings` is the prompt, (1, text tokens, text width)."""
        self._network, self._window, self._wan = network, window, network.wan
        self._text = embeddings.to(network.device, network.dtype)
        self._processors = [_Concatenating() for _ in self._wan.blocks]
        for block, processor in zip(self._wan.blocks, self._processors, strict=True):
            block.attn1.set_processor(processor)

    def __call__(self, plan: PassShape, latents: Tensor, timesteps: Tensor) -> Tensor:
        """The flow of a pass; see `CausalTransformer.forward`."""
        wan, sight = self._wan, self._window.sight(plan)
        hidden = wan.patch_embedding(latents.to(self._network.dtype)).flatten(2).transpose(1, 2)
        prompts = self._text.expand(plan.rows, -1, -1)
        time, steps, text, _ = wan.condition_embedder(timesteps[:, 0], prompts)
        steps = steps.unflatten(1, (6, -1))
        for layer, block in enumerate(wan.blocks):
            past = self._window.keys[layer], self._window.values[layer]
            self._processors[layer].show(sight, *past)
            hidden = block(hidden, text, steps, sight.asked)
        shift, scale = (wan.scale_shift_table + time[:, None]).chunk(2, 1)
        hidden = wan.proj_out((wan.norm_out(hidden.float()) * (1 + scale) + shift).type_as(hidden))
        return _unpatched(hidden, latents.shape).float()


class _Concatenating:
    """Attention over a copy of the window with the block's own keys appended."""

    def show(self, sight: PassView, keys: Tensor, values: Tensor) -> None:
        self._sight, self._keys, self._values = sight, keys, values

    def __call__(
        self,
        attn: WanAttention,
        hidden_states: Tensor,
        *_: object,
        rotary_emb: Angles | None = None,
        **__: object,
    ) -> Tensor:
        sight = self._sight
        queries = rotated(_heads(attn.norm_q(attn.to_q(hidden_states)), attn), *sight.asked)
        keys = _heads(attn.norm_k(attn.to_k(hidden_states)), attn)
        values = _heads(attn.to_v(hidden_states), attn)
        if sight.read is None:
            keys = rotated(keys, *sight.asked)
        sight.store(self._keys, keys)
        sight.store(self._values, values)
        rows = (-1, sight.window)
        shown = [
            torch.unflatten(cache.clone(), 0, rows)[: sight.plan.rows, : sight.plan.visible]
            for cache in (self._keys, self._values)
        ]
        frames = sight.plan.frames
        keys, values = (torch.cat([s[:, :frames], s[:, frames:]], 1).flatten(1, 2) for s in shown)
        if sight.read is not None:
            keys = rotated(keys, *sight.read)
        mask = None if sight.bias is None else sight.bias[:, None, None].to(queries.dtype)
        q, k, v = (part.transpose(1, 2) for part in (queries, keys, values))
        found = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return attn.to_out[0](found.transpose(1, 2).flatten(2).type_as(queries))


def _heads(tokens: Tensor, attention: WanAttention) -> Tensor:
    return torch.unflatten(tokens, -1, (attention.heads, -1))


def _unpatched(cells: Tensor, shape: torch.Size) -> Tensor:
    rows, channels, frames, height, width = shape
    cells = cells.view(rows, frames, height // 2, width // 2, 2, 2, channels)
    return cells.permute(0, 6, 1, 2, 4, 3, 5).reshape(shape)
