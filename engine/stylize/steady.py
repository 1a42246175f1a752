"""Reduce the flicker of a network that paints every frame independently.

Where the last frame, warped by the input's motion, still matches the input, part of its paint is
kept. Motion is estimated at a quarter of the size, by dense inverse search (Kroeger et al. 2016, in
OpenCV); where it does not explain the new input, only the new paint is used, so nothing leaves a
trail.
"""

from typing import Any, cast

import cv2 as opencv
import numpy as np

from engine.pipeline import Image

cv2: Any = opencv  # its stubs reject the None and arrays that it accepts

KEEP = 0.8  # largest share of the old paint, at strength 1
AGREES, DIFFERS = 6.0, 26.0  # of 255: differences at which old paint starts to fade, and is gone
SMALL = 4  # motion is estimated at 1/4 of the size
LEAST = 48  # pixels; smaller frames are unchanged


class Steady:
    """One stream's memory: the last input and the last paint."""

    def __init__(self) -> None:
        self._flow: Any = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self.reset()

    def reset(self) -> None:
        """Forget the last frame."""
        self._grey: Image | None = None
        self._input: Image | None = None
        self._paint: Image | None = None

    def __call__(self, image: Image, paint: Image, strength: float) -> Image:
        """Stabilise `paint` (H, W, 3) of the input `image` (H, W, 4); strength 0 to 1."""
        if strength <= 0 or min(image.shape[:2]) < LEAST:
            self.reset()
            return paint
        size = image.shape[1] // SMALL, image.shape[0] // SMALL
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        grey = cast(Image, cv2.cvtColor(small, cv2.COLOR_RGBA2GRAY))  # cv2's types say any array
        if self._grey is not None and self._grey.shape == grey.shape:
            paint = self._kept(grey, small, paint, strength)
        # cast: what cv2 gives is untyped here
        self._grey, self._input, self._paint = grey, cast(Image, small), paint
        return paint

    def _kept(self, grey: Image, small: Any, paint: Image, strength: float) -> Image:
        flow = self._flow.calc(grey, self._grey, None)
        rows: int = grey.shape[0]
        columns: int = grey.shape[1]
        grid = np.dstack(np.meshgrid(np.arange(columns), np.arange(rows))).astype(np.float32)
        moved = cv2.remap(self._input, grid + flow, None, cv2.INTER_LINEAR,
                          borderMode=cv2.BORDER_REPLICATE)  # fmt: skip
        difference = cv2.absdiff(moved, small)[..., :3].max(-1).astype(np.float32)
        difference = cv2.GaussianBlur(cv2.dilate(difference, np.ones((3, 3))), (0, 0), 1.0)
        gate = np.clip((DIFFERS - difference) / (DIFFERS - AGREES), 0, 1) * (KEEP * strength)
        height, width = paint.shape[:2]
        where = _enlarged(flow, width, height)
        old = cv2.remap(self._paint, where, None, cv2.INTER_LINEAR,
                        borderMode=cv2.BORDER_REPLICATE)  # fmt: skip
        gate = cv2.resize(gate, (width, height), interpolation=cv2.INTER_LINEAR)
        # cast: what cv2 gives is untyped here
        return cast(Image, cv2.blendLinear(old, paint, gate, 1 - gate))


def _enlarged(flow: Any, width: int, height: int) -> Any:
    """Positions in the last frame from which the pixels of a full-size frame come."""
    large = cv2.resize(flow, (width, height), interpolation=cv2.INTER_LINEAR) * SMALL
    large[..., 0] += np.arange(width, dtype=np.float32)
    large[..., 1] += np.arange(height, dtype=np.float32)[:, None]
    return large
