"""VACE: a second, thinner stack of layers whose hints steer the network (Jiang et al. 2025).

It reads a context of 96 channels: what to keep, what to change, and where. Each of its layers
makes a hint that is added after one layer of the network. It sees only the current block, from
position 0 on, as it was trained; reference images come before the block.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from diffusers.models.transformers.transformer_wan_vace import WanVACETransformerBlock
from torch import Tensor, nn

from engine.catalog.specs import CausalSpec, NetworkSize
from engine.causal.network.cache import PassShape, PassView, TextCache, per_token
from engine.causal.network.rope import Rotation
from engine.causal.network.wan_weights import vace_state
from engine.weights.checkpoint import fill

CONTEXT = 96  # channels: 16 of what to keep, 16 of what to change, 64 of the mask
REFERENCES = 3  # most images


class Vace(nn.Module):
    """Holds a VACE module's weights, with the names of diffusers' WanVACETransformer3DModel.

    `after` maps layers of the network to the VACE layer that follows.
    """

    def __init__(self, size: NetworkSize) -> None:
        super().__init__()
        self.after = {layer: place for place, layer in enumerate(size.vace_layers)}
        patch = (1, 2, 2)
        self.vace_patch_embedding = nn.Conv3d(CONTEXT, size.dim, patch, patch)
        self.blocks = tuple(
            WanVACETransformerBlock(
                dim=size.dim,
                ffn_dim=size.ffn,
                num_heads=size.heads,
                cross_attn_norm=True,
                apply_input_projection=not place,
                apply_output_projection=True,
            )
            for place in range(len(size.vace_layers))
        )
        self.vace_blocks = nn.ModuleList(self.blocks)  # their name in files


def empty_vace(size: NetworkSize) -> Vace:
    """The module without weights (all on `meta`), in eval mode, without gradients."""
    with torch.device("meta"):
        return Vace(size).eval().requires_grad_(False)


def load_vace(
    size: NetworkSize,
    tensors: Mapping[str, Tensor],
    dtype: torch.dtype,
    device: torch.device | str,
    *,
    source: str | Path = "The checkpoint",
) -> Vace:
    """The module with the weights of a file with only the module or a whole VACE network.

    CheckpointError as in `engine.causal.network.wan_weights.load_transformer`.
    """
    state = vace_state(tensors, source=source)
    return fill(empty_vace(size), state, f"{size.name} VACE module", dtype, device, source)


class Hints:
    """The VACE inputs of one stream: allocated once, written in place.

    `scale` is the weight of the hints, `references` the number of reference images.
    """

    def __init__(
        self,
        spec: CausalSpec,
        height: int,
        width: int,
        rows: int,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        """`height` and `width` in tokens, `rows` of the batch."""
        network = spec.network
        frames = REFERENCES + spec.most_frames
        shape = (rows, frames, height * width, network.dim)
        self.embedded = torch.zeros(shape, dtype=dtype, device=device)
        self.scale = torch.ones(1, dtype=dtype, device=device)
        self.text = TextCache(spec, rows, dtype, device, len(network.vace_layers))
        places = torch.arange(frames, device=device)[None]
        self._angles = Rotation(network.head_dim, height, width, device).at(places)
        self.references = 0

    def sight(self, plan: PassShape) -> PassView:
        """A pass as VACE's layers see it: only the block, from position 0 on."""
        own = slice(None), slice(plan.references + plan.frames)
        nothing = self.scale[:0]
        angles = per_token(self._angles, own)
        return PassView(plan=plan, window=0, slots=nothing, asked=angles, read=None, bias=None)

    def shown(self, plan: PassShape) -> Tensor:
        """The embedded context of a pass: (rows, references + frames, tokens, dim), a view."""
        return self.embedded[: plan.rows, : plan.references + plan.frames]

    def write(self, references: Tensor | None, block: Tensor) -> None:
        """Write the embedded contexts of the references and of a block, (1, frames, tokens, dim)
        each, to row 0; the contexts of earlier blocks move down one row.

        A short block is padded with zeros, as in training.
        """
        for row in range(self.embedded.shape[0] - 1, 0, -1):
            self.embedded[row].copy_(self.embedded[row - 1])
        self.references = 0 if references is None else references.shape[1]
        if references is not None:
            self.embedded[:, : self.references].copy_(references)
        end = self.references + block.shape[1]
        self.embedded[0, self.references : end].copy_(block[0])
        self.embedded[0, end:].zero_()
