"""How much of a block's input is noise: less where the input moves."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from engine.pipeline import Image

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
