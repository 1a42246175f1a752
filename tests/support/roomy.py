"""A pipeline that runs out of memory above a number of pixels, with frames and in text mode. As
long as the block that failed holds its memory, or the size is the one that failed, it can do
nothing at all.
"""

from collections.abc import Iterator, Sequence
from typing import Any
from weakref import WeakSet

import numpy as np

from engine import sizes
from engine.catalog.controls import size_control
from engine.catalog.rows import PipelineRow
from engine.parameters import Load, Parameters, Size, control
from engine.pipeline import Context, Image


class RoomyLoad(Load):
    text: bool = control(False, "Text mode: takes no frames.")


class RoomyParameters(Parameters):
    size: Size = size_control()
    room: int = control(1000, "Pixels that fit.", minimum=0, maximum=100_000)


class Held:
    """The memory of a block."""


class Roomy:
    """Noise of the size that it is asked for, or of half that size."""

    def __init__(self, load: RoomyLoad, context: Context) -> None:
        self._text, self._halved = load.text, False
        self._random = np.random.default_rng(1)
        self._full = False  # until it is halved
        self._held: WeakSet[Held] = WeakSet()

    def wanted(self, parameters: RoomyParameters) -> int:
        return 0 if self._text else 1

    def __call__(self, images: Sequence[Image], parameters: RoomyParameters) -> Iterator[Image]:
        width, height = sizes.sides(parameters.size) or (64, 48)
        if images:
            height, width = images[0].shape[:2]
        elif self._halved:
            width, height = width // 2, height // 2
        held = Held()
        self._held.add(held)
        if width * height > parameters.room:
            self._full = True
            raise MemoryError(f"{width}x{height} does not fit.")
        yield self._random.integers(0, 256, (height, width, 4), np.uint8)

    def halve(self, halved: bool) -> None:
        self._halved, self._full = halved, False

    def reset(self) -> None:
        if self._held or self._full:
            raise MemoryError("A reset needs memory too.")

    def report(self) -> dict[str, Any]:
        return {}

    def close(self) -> None:
        pass


ROOMY = PipelineRow(
    id="roomy", title="Roomy", target=f"{__name__}:Roomy", load=RoomyLoad,
    parameters=RoomyParameters, text=True,
)  # fmt: skip
