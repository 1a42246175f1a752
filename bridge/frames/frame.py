"""One picture on its way through the bridge."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Image: TypeAlias = npt.NDArray[np.uint8]  # (height, width, 4) RGBA, row 0 on top


@dataclass(frozen=True, slots=True)
class Frame:
    """`image` (H, W, 4) uint8 RGBA with row 0 on top, `time` it was received (perf_counter,
    seconds), `index` that goes up by one with every new picture of its source.
    """

    image: Image
    time: float
    index: int
