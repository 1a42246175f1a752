"""What a block is steered by beside its prompt: the input's motion, and the context of VACE."""

# pyright: basic, reportMissingImports=false

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from engine.causal.network.vace import CONTEXT
from engine.pipeline import Image

CELL = 8  # pixels a side that one latent pixel stands for
EVERY = 4  # pixels each way from one that motion looks at to the next
FULL_MOTION = 0.2  # root mean square change, of a range from -1 to 1, that counts as all motion
MOTION_PART = 0.1  # of noise that full motion takes away
KEPT = 0.1  # part of the last noise scale in the next: it follows within a few blocks


class Motion:
    """The noise scale of a block, less where its input moves, so that motion is followed and
    stillness is not frozen (Feng et al. 2025, StreamDiffusionV2).
    """

    def __init__(self) -> None:
        self._last: float | None = None

    def __call__(self, images: Sequence[Image], noise_scale: float) -> float:
        """The scale (0 to 1) for a block's images (H, W, 4), where `noise_scale` is asked for."""
        small = [image[::EVERY, ::EVERY, :3].astype(np.float32) / 127.5 for image in images]
        changes = [float(np.sqrt(np.mean((b - a) ** 2))) for a, b in pairwise(small)]
        motion = min(1.0, max(changes, default=0.0) / FULL_MOTION)
        last = noise_scale if self._last is None else self._last
        found = (1 - KEPT) * (noise_scale - MOTION_PART * motion) + KEPT * last
        self._last = min(1.0, max(0.0, found))
        return self._last


def pixels(images: Sequence[Image], device: torch.device) -> Tensor:
    """Images (H, W, 4) of one size as (1, 3, frames, H, W) from -1 to 1, float32."""
    whole = torch.from_numpy(np.stack([image[..., :3] for image in images])).to(device)
    return whole.permute(3, 0, 1, 2)[None].float() / 127.5 - 1


def split(video: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """What stays and what may change, as pixels to be encoded: the other part is mid grey.

    `video` is (1, 3, frames, H, W) from -1 to 1, `mask` (1, 1, frames, H, W) from 0, keep, to 1,
    change; above a half counts as change.
    """
    changes = (mask > 0.5).to(video.dtype)
    return video * (1 - changes), video * changes


def folded(mask: Tensor) -> Tensor:
    """A mask as 64 channels at latent size, (1, 64, latent frames, H / 8, W / 8): the pixels of
    each cell row by row, of the frames nearest in time.
    """
    cells = (mask > 0.5).to(mask.dtype)[:, 0].unflatten(-1, (-1, CELL)).unflatten(-3, (-1, CELL))
    channels = cells.permute(0, 3, 5, 1, 2, 4).flatten(1, 2)
    frames = (mask.shape[2] + 3) // 4
    size = (frames, *channels.shape[-2:])
    return F.interpolate(channels.float(), size, mode="nearest-exact").to(mask.dtype)


def control_context(inactive: Tensor, reactive: Tensor, mask: Tensor) -> Tensor:
    """The 96 channels of a block from the latents of what stays and of what may change, each
    (1, 16, frames, h, w), and the folded mask.
    """
    return torch.cat((inactive, reactive, mask.to(inactive.dtype)), 1)


def reference_context(latents: Tensor) -> Tensor:
    """The 96 channels of reference images (1, 16, images, h, w): all of them stays."""
    rest = torch.zeros_like(latents[:, :1]).expand(-1, CONTEXT - latents.shape[1], -1, -1, -1)
    return torch.cat((latents, rest), 1)
