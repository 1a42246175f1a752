"""One frame on its way through the bridge."""

from dataclasses import dataclass

from engine.pipeline import Image

__all__ = ["Frame", "Image"]


@dataclass(frozen=True, slots=True)
class Frame:
    """`image` (H, W, 4) uint8 RGBA with row 0 on top, `time` at which it was seen at its source,
    before its pixels were read (perf_counter, seconds), `index` that increases by one with every
    new frame of its source. `fresh`: a composed one that shows a generated frame for the first
    time; `time` is then that of its input.
    """

    image: Image
    time: float
    index: int
    fresh: bool = False
