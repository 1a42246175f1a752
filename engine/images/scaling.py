"""Images at other sizes."""

from typing import cast

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


def resize_into(place: Image, image: Image) -> None:
    """Copy an image into another one's pixels, at that one's size."""
    if image.shape == place.shape:
        np.copyto(place, image)
    else:
        # cast: cv2's types say Mat
        target = cast("cv2.Mat", place)
        cv2.resize(image, place.shape[1::-1], target, interpolation=cv2.INTER_AREA)
