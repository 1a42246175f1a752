"""Small JPEGs of the newest frame, made only while viewed, once for all viewers."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import cast

import cv2
import numpy as np

from bridge.frames.frame import Frame, Image

QUALITY = 80
SHARED = 0.06  # seconds for which a JPEG is given to other viewers; shorter than a viewer's beat


@dataclass(frozen=True, slots=True)
class _Made:
    index: int
    at: float
    data: bytes


class Preview:
    """JPEGs of `look`'s frame, each made once for all who look in about the same beat, however many
    they are. Any thread may ask.
    """

    def __init__(self, look: Callable[[], Frame | None]) -> None:
        self._look = look
        self._made: dict[int, _Made] = {}  # the newest of each width
        self._lock = threading.Lock()

    def newer(self, index: int, width: int) -> tuple[int, bytes] | None:
        """Index and JPEG of the newest frame, or of one made within SHARED, at most `width` wide;
        None if that is `index`.
        """
        frame = self._look()
        if frame is None or frame.index == index:
            return None
        with self._lock:
            now, made = perf_counter(), self._made.get(width)
            if made is None or (made.index != frame.index and now - made.at >= SHARED):
                made = _Made(frame.index, now, jpeg(frame.image, width))
                fresh = {w: other for w, other in self._made.items() if now - other.at < SHARED}
                self._made = {**fresh, width: made}
            return None if made.index == index else (made.index, made.data)


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
