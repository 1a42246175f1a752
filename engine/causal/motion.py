"""How much of a block's input is noise: less while the input moves.

The noise itself: `seeded` in `stream.py`, its seed in `block_inputs.py`.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from engine.pipeline import Image

EVERY = 4  # motion is measured on every 4th pixel, in both directions
FULL_MOTION = 0.2  # root mean square change, in a range from -1 to 1, that counts as full motion
MOTION_PART = 0.1  # subtracted from the noise scale at full motion
KEPT = 0.1  # weight of the last noise scale in the next, which settles within a few blocks


class Motion:
    """The noise scale of a block, lower while its input moves, so that motion is followed and
    still scenes do not freeze (Feng et al. 2025, StreamDiffusionV2).
    """

    def __init__(self) -> None:
        self._last: float | None = None

    def __call__(self, images: Sequence[Image], noise_scale: float) -> float:
        """The scale (0 to 1) for a block's images (H, W, 4), if `noise_scale` is requested."""
        small = [image[::EVERY, ::EVERY, :3].astype(np.float32) / 127.5 for image in images]
        changes = [float(np.sqrt(np.mean((b - a) ** 2))) for a, b in pairwise(small)]
        motion = min(1.0, max(changes, default=0.0) / FULL_MOTION)
        last = noise_scale if self._last is None else self._last
        found = (1 - KEPT) * (noise_scale - MOTION_PART * motion) + KEPT * last
        self._last = min(1.0, max(0.0, found))
        return self._last
