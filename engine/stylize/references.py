"""A reference picture as the encoder of `stylize` sees it."""

from pathlib import Path
from typing import cast

import cv2

from engine.images.decoding import Need, read
from engine.pipeline import Image

SIDE = 256  # pixels that the encoder sees; a larger picture is made small where it is read


def load(path: Path) -> Image:
    """The picture (256, 256, 3) in RGB of a file; see `engine.images.decoding.read`."""
    return fitted(read(path, Need(SIDE, SIDE, cover=True), "reference"))


def fitted(image: Image) -> Image:
    """A picture (H, W, 3 or 4) of any size as the encoder sees it: (256, 256, 3)."""
    shrinks = min(image.shape[:2]) > SIDE
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    # cast: cv2's types say any array
    return cast(Image, cv2.resize(image[..., :3], (SIDE, SIDE), interpolation=method))
