"""Reference images as input of the `stylize` encoder."""

from pathlib import Path
from typing import cast

import cv2

from engine.images.decoding import Need, read
from engine.pipeline import Image

SIDE = 256  # pixels of the encoder's input; larger images are reduced on reading


def load(path: Path) -> Image:
    """The image (256, 256, 3) of a file in RGB; see `engine.images.decoding.read`."""
    return fitted(read(path, Need(SIDE, SIDE, cover=True), "reference"))


def fitted(image: Image) -> Image:
    """An image (H, W, 3 or 4) of any size as encoder input (256, 256, 3)."""
    shrinks = min(image.shape[:2]) > SIDE
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    # cast: cv2's types say any array
    return cast(Image, cv2.resize(image[..., :3], (SIDE, SIDE), interpolation=method))
