"""One picture on its way through the bridge."""

from dataclasses import dataclass

from engine.pipeline import Image

__all__ = ["Frame", "Image"]


@dataclass(frozen=True, slots=True)
class Frame:
    """`image` (H, W, 4) uint8 RGBA with row 0 on top, `time` it was received (perf_counter,
    seconds), `index` that goes up by one with every new picture of its source.
    """

    image: Image
    time: float
    index: int
