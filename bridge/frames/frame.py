"""One frame on its way through the bridge."""

from dataclasses import dataclass

from engine.pipeline import Image

__all__ = ["Frame", "Image"]


@dataclass(frozen=True, slots=True)
class Frame:
    """`image` (H, W, 4) uint8 RGBA with row 0 on top, `time` of reception (perf_counter, seconds),
    `index` that increases by one with every new frame of its source.
    """

    image: Image
    time: float
    index: int
