"""Images at other sizes."""

import cv2
import numpy as np

from engine.pipeline import Image


def half_size(image: Image) -> Image:
    """The image at half its size, for a GPU that ran out of memory."""
    size = max(4, image.shape[1] // 8 * 4), max(4, image.shape[0] // 8 * 4)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def resized(image: Image, width: int, height: int) -> Image:
    """The image at this size; the same object if it has that size."""
    if image.shape[:2] == (height, width):
        return image
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
