"""Reduce the flicker of a network that paints every frame independently.

Where the last frame, warped by the input's motion, still matches the input, part of its paint is
kept. Motion is estimated at a quarter of the size, by dense inverse search (Kroeger et al. 2016, in
OpenCV); where it does not explain the new input, only the new paint is used, so nothing leaves a
trail.
"""

from functools import lru_cache
from typing import Any, cast

import cv2 as opencv
import numpy as np
import numpy.typing as npt

from engine.pipeline import Image

cv2: Any = opencv  # its stubs reject the None and arrays that it accepts

KEEP = 0.8  # largest share of the old paint, at strength 1
AGREES, DIFFERS = 6.0, 26.0  # of 255: differences at which old paint starts to fade, and is gone
SMALL = 4  # motion is estimated at 1/4 of the size
LEAST = 48  # pixels; smaller frames are unchanged
SHARES = 128  # steps in which old and new paint are blended: products of them fit 16 bits
NEAR = np.ones((3, 3), np.uint8)  # pixels around one, in which the largest difference counts


class Steady:
    """One stream's memory: the last input and the last paint."""

    def __init__(self) -> None:
        self._flow: Any = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._places = lru_cache(2)(_places)
        self.reset()

    def reset(self) -> None:
        """Forget the last frame."""
        self._grey: Image | None = None
        self._input: Image | None = None
        self._paint: Image | None = None  # (H, W, 4): cv2 moves that twice as fast as (H, W, 3)

    def __call__(self, image: Image, paint: Image, strength: float) -> Image:
        """Stabilise `paint` (H, W, 3) of the input `image` (H, W, 4); strength 0 to 1."""
        if strength <= 0 or min(image.shape[:2]) < LEAST:
            self.reset()
            return paint
        height, width = image.shape[0] // SMALL, image.shape[1] // SMALL
        half: Any = image[: height * SMALL, : width * SMALL]
        half = cv2.resize(half, (width * 2, height * 2), interpolation=cv2.INTER_AREA)
        # in halves: cv2 has a fast way for these
        small: Any = cv2.resize(half, (width, height), interpolation=cv2.INTER_AREA)
        grey = cast(Image, cv2.cvtColor(small, cv2.COLOR_RGBA2GRAY))  # cv2's types say any array
        if self._grey is not None and self._grey.shape == grey.shape:
            paint = self._kept(grey, small, paint, strength)
        self._grey, self._input = grey, cast(Image, small)  # cv2's types say any array
        # cast: likewise
        self._paint = cast(Image, cv2.cvtColor(paint, cv2.COLOR_RGB2RGBA))
        return paint

    def _kept(self, grey: Image, small: Any, paint: Image, strength: float) -> Image:
        size = paint.shape[1], paint.shape[0]
        flow = self._flow.calc(grey, self._grey, None)
        moved = self._moved(self._input, flow)
        red, green, blue, _ = cv2.split(cv2.absdiff(moved, small))
        difference = cv2.dilate(cv2.max(cv2.max(red, green), blue), NEAR).astype(np.float32)
        difference = cv2.GaussianBlur(difference, (0, 0), 1.0)
        gate = np.clip((DIFFERS - difference) / (DIFFERS - AGREES), 0, 1)
        old = self._moved(self._paint, cv2.resize(flow, size), SMALL)
        old = cv2.cvtColor(old, cv2.COLOR_RGBA2RGB)
        share = (gate * (KEEP * strength * SHARES)).astype(np.int16)
        share = cv2.merge([cv2.resize(share, size)] * 3)
        change = old.astype(np.int16)
        change -= paint.astype(np.int16)
        change *= share
        change += SHARES // 2
        change //= SHARES
        return paint + change.astype(np.uint8)  # modulo 256, from which the sum never differs

    def _moved(self, image: Any, flow: Any, scale: float = 1) -> Any:
        """The last image (H, W, 4) where `flow` (H, W, 2), times `scale`, says that it was."""
        where = cv2.scaleAdd(flow, scale, self._places(flow.shape[1], flow.shape[0]))
        return cv2.remap(image, where, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _places(width: int, height: int) -> npt.NDArray[np.float32]:
    """The position (height, width, 2) of each pixel: x, y."""
    return np.dstack(np.meshgrid(np.arange(width), np.arange(height))).astype(np.float32)
