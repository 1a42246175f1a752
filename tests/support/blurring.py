"""A pipeline for tests whose images get softer with every block, until it is reset."""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from engine.catalog.controls import size_control
from engine.catalog.rows import BUILT_IN, Catalog, PipelineRow
from engine.parameters import Load, Parameters, Size, control
from engine.pipeline import Image


class BlurringLoad(Load):
    size: Size = size_control()


class BlurringParameters(Parameters):
    prompt: str = control("", "Words, which it ignores.")


class Blurring:
    def __init__(self, load: BlurringLoad, context) -> None:
        self._blocks = 0

    def wanted(self, parameters: BlurringParameters) -> int:
        return 1

    def __call__(self, images: Sequence[Image], parameters: BlurringParameters) -> Iterator[Image]:
        self._blocks += 1
        noise = np.random.default_rng(self._blocks).integers(0, 256, images[0].shape, np.uint8)
        noise[..., 3] = 255
        yield cv2.GaussianBlur(noise, (0, 0), 0.3 + self._blocks / 60)

    def reset(self) -> None:
        self._blocks = 0

    def report(self):
        return {"blocks": self._blocks}


ROW = PipelineRow(
    id="blurring", title="Blurring", load=BlurringLoad, parameters=BlurringParameters,
    target="tests.support.blurring:Blurring", block=1,
)  # fmt: skip
CATALOG = Catalog((*BUILT_IN, ROW))
