"""Images to the tensor that the VAE takes; the reverse is `_pictures` in `pipeline.py`."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from engine.pipeline import Image


def to_tensor(images: Sequence[Image], device: torch.device) -> Tensor:
    """Images (H, W, 4) of the same size as (1, 3, frames, H, W) from -1 to 1, float32."""
    whole = torch.as_tensor(np.stack([image[..., :3] for image in images])).to(device)
    return whole.permute(3, 0, 1, 2)[None].float() / 127.5 - 1
