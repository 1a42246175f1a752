"""Small JPEGs of the newest frame, made only while viewed, once for all viewers."""

import threading
from collections.abc import Callable
from typing import cast

import cv2
import numpy as np

from bridge.frames.frame import Frame, Image

QUALITY = 80


class Preview:
    """JPEGs of `look`'s frame, cached for the newest. Any thread may ask."""

    def __init__(self, look: Callable[[], Frame | None]) -> None:
        self._look = look
        self._index = -1
        self._made: dict[int, bytes] = {}
        self._lock = threading.Lock()

    def newer(self, index: int, width: int) -> tuple[int, bytes] | None:
        """Index and JPEG of the newest frame, at most `width` wide; None if that is `index`."""
        frame = self._look()
        if frame is None or frame.index == index:
            return None
        with self._lock:
            if self._index != frame.index:
                self._index, self._made = frame.index, {}
            if width not in self._made:
                self._made[width] = jpeg(frame.image, width)
            return frame.index, self._made[width]


def jpeg(image: Image, width: int) -> bytes:
    """An image (H, W, 4) as JPEG, scaled down to `width` if it is wider."""
    if image.shape[1] > width:
        size = width, max(1, round(image.shape[0] * width / image.shape[1]))
        # cast: cv2's types say any array
        image = cast(Image, cv2.resize(image, size, interpolation=cv2.INTER_AREA))
    bgr = cv2.cvtColor(image, cv2.COLOR_RGBA2BGR)
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return data.tobytes()


def png(image: Image) -> bytes:
    """An image (H, W, 4) as PNG, lossless."""
    _, data = cv2.imencode(".png", np.asarray(cv2.cvtColor(image, cv2.COLOR_RGBA2BGRA)))
    return data.tobytes()
