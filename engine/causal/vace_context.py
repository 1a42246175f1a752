"""The VACE context, channel by channel, in its authors' layout. `Steering` in
engine/causal/block_inputs.py decides what is encoded, and when.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.causal.network.vace import CONTEXT

CELL = 8  # pixels per latent pixel, in both directions


def split(video: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """The pixels to keep and the pixels to change, to be encoded; the rest of each is mid grey.

    `video` is (1, 3, frames, H, W) from -1 to 1, `mask` is (1, 1, frames, H, W) from 0 (keep) to 1
    (change); above 0.5 counts as change.
    """
    changes = (mask > 0.5).to(video.dtype)
    return video * (1 - changes), video * changes


def folded(mask: Tensor) -> Tensor:
    """A mask as 64 channels at latent size, (1, 64, latent frames, H / 8, W / 8): each cell's
    pixels row by row, from the frames nearest in time.
    """
    changes = (mask > 0.5).to(mask.dtype)[:, 0]
    cells = torch.unflatten(torch.unflatten(changes, -1, (-1, CELL)), -3, (-1, CELL))
    channels = cells.permute(0, 3, 5, 1, 2, 4).flatten(1, 2)
    frames = (mask.shape[2] + 3) // 4
    size = (frames, *channels.shape[-2:])
    return F.interpolate(channels.float(), size, mode="nearest-exact").to(mask.dtype)


def control_context(inactive: Tensor, reactive: Tensor, mask: Tensor) -> Tensor:
    """The 96 channels of a block: the latents of the pixels to keep and to change, each (1, 16,
    frames, h, w), and the folded mask.
    """
    return torch.cat((inactive, reactive, mask.to(inactive.dtype)), 1)


def reference_context(latents: Tensor) -> Tensor:
    """The 96 channels of reference images (1, 16, images, h, w), which are kept in full."""
    rest = torch.zeros_like(latents[:, :1]).expand(-1, CONTEXT - latents.shape[1], -1, -1, -1)
    return torch.cat((latents, rest), 1)
