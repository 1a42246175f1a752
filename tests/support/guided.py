"""A pipeline that shows which pictures it was given beside which: three stripes, each of the
number that a picture of input, control and mask says it is.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from engine.catalog.rows import BUILT_IN, Catalog, PipelineRow
from engine.parameters import Load, Parameters, control
from engine.pipeline import NO_GUIDES, Guides, Image

BLOCK = 3
NOTHING = 0xFFFFFF  # the number of what was not given
GREY = 0x808080  # of what stands in for a control that has not come


class StripesLoad(Load):
    guides: bool = control(True, "Whether it takes control and mask.")


class StripesParameters(Parameters):
    prompt: str = control("", "Words.")
    reference: str = control("", "A picture's name.", osc="ref", asset=True)


def numbered(number: int, width: int = 64, height: int = 48) -> Image:
    """A picture that is a number, at any size that it is scaled to."""
    image = np.full((height, width, 4), 255, np.uint8)
    image[..., :3] = number & 255, number >> 8 & 255, number >> 16 & 255
    return image


@dataclass(frozen=True)
class Given:
    """What a picture was made of, by their numbers."""

    input: int
    control: int
    mask: int


def given(image: Image) -> Given:
    """What a picture that was made here tells."""
    third = image.shape[1] // 3
    codes = (image[2, third * place + third // 2, :3].tolist() for place in range(3))
    return Given(*(low | middle << 8 | high << 16 for low, middle, high in codes))


class Stripes:
    def __init__(self, load: StripesLoad, context) -> None:
        self._load = load
        self._sizes: set[tuple[int, ...]] = set()

    def wanted(self, parameters) -> int:
        return BLOCK

    def guided(self, parameters) -> int:
        return BLOCK if self._load.guides else 0

    def __call__(
        self, images: Sequence[Image], parameters, guides: Guides = NO_GUIDES
    ) -> Iterator[Image]:
        kinds = images, guides.control, guides.mask
        self._sizes = {image.shape[:2] for kind in kinds for image in kind}
        assert len(self._sizes) <= 1, "all are of one size"
        assert {len(kind) for kind in kinds} <= {0, BLOCK}, "as many of each as there are"
        for place in range(BLOCK):
            # A corner that varies: a picture of one colour is taken for none.
            whole = np.full((48, 66, 4), 255, np.uint8)
            whole[:, -4:, :3] = np.arange(48, dtype=np.uint8)[:, None, None] * 5
            for kind, at in zip(kinds, (0, 22, 44), strict=True):
                colour = kind[place][1, 1, :3] if kind else (255, 255, 255)
                whole[:, at : at + 18, :3] = colour
            yield whole

    def reset(self) -> None:
        pass

    def report(self):
        return {"sizes": sorted(map(list, self._sizes))}

    def close(self) -> None:
        pass


STRIPES = PipelineRow(
    id="stripes", title="Stripes", target="tests.support.guided:Stripes", load=StripesLoad,
    parameters=StripesParameters, block=BLOCK, text=True, guided="guides",
)  # fmt: skip
CATALOG = Catalog((*BUILT_IN, STRIPES))
