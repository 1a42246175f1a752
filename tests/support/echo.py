"""Pipelines whose images tell by which parameters they were made: they return what they get, with
a grey corner that survives H.264 and its halved colours.

`echo` takes an input; `echo-text` draws a moving bar without one. `echo-more` and `echo-most` are
of one family; they take a reference, a LoRA, a control video and a mask, and tell of each in a
corner of its own. `installed` has other processes find all by the same entry points; `CATALOG` is
for a session of the test itself.
"""

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from engine import sizes
from engine.catalog.controls import size_control
from engine.catalog.rows import BUILT_IN, ENTRY_POINTS, Catalog, PipelineRow
from engine.files.library import Library
from engine.parameters import Load, Parameters, Size, control
from engine.pipeline import NO_GUIDES, Context, Guides, Image
from tests.support.plugins import install

ROOT = Path(__file__).parents[2]
CORNER = 16  # pixels of a side: one macroblock
MOST = 12  # frames of a block


class EchoLoad(Load):
    frames: int = control(1, "Frames of a block.", minimum=1, maximum=MOST)


class EchoParameters(Parameters):
    mark: int = control(128, "Grey of the corner.", minimum=0, maximum=255)
    size: Size = size_control()
    wait: float = control(0.0, "Time of a block.", minimum=0, maximum=60, unit="s")


class MoreLoad(EchoLoad):
    guides: bool = control(True, "Whether it takes control video and mask.")
    file: str = control("", "A LoRA, of which the length is told.", osc="echo/file", lora=True)
    broken: bool = control(False, "Whether it cannot be loaded.")


class MoreParameters(EchoParameters):
    picture: str = control("", "A reference.", osc="echo/picture", asset=True)


def mark_of(image: Image) -> int:
    """The mark of an image of the engine's size, within 3 after H.264."""
    return mean(image[CORNER // 4 : CORNER * 3 // 4, CORNER // 4 : CORNER * 3 // 4])


def mean(image: Image) -> int:
    """Its grey."""
    return round(float(image[..., :3].mean()))


def corners_of(image: Image) -> tuple[int, int, int]:
    """What `echo-more` tells of its reference, its control frame and its mask."""
    flipped = image[:, ::-1], image[::-1], image[::-1, ::-1]
    picture, guide, mask = map(mark_of, flipped)
    return picture, guide, mask


class Echo:
    def __init__(self, load: EchoLoad, context: Any) -> None:
        self._frames, self._made = load.frames, 0

    def wanted(self, parameters: EchoParameters) -> int:
        return self._frames

    def __call__(self, images: Iterable[Image], parameters: EchoParameters) -> Iterator[Image]:
        time.sleep(parameters.wait)
        for image in images:
            made = image.copy()
            made[:CORNER, :CORNER, :3] = parameters.mark
            self._made += 1
            yield made

    def reset(self) -> None:
        self._made = 0

    def prepare(self, parameters: EchoParameters) -> int:
        return 0

    def report(self) -> Mapping[str, Any]:
        return {"made": self._made}

    def close(self) -> None: ...


class EchoText(Echo):
    def wanted(self, parameters: EchoParameters) -> int:
        return 0

    def __call__(self, images: Iterable[Image], parameters: EchoParameters) -> Iterator[Image]:
        return super().__call__((self._bar(parameters) for _ in range(self._frames)), parameters)

    def _bar(self, parameters: EchoParameters) -> Image:
        width, height = sizes.engine_size(parameters.size, CORNER, sizes.WIDE)
        image = np.full((height, width, 4), (40, 40, 40, 255), np.uint8)
        left = self._made * 4 % width
        image[:, left : left + CORNER, :3] = 200
        return image


class EchoMore(Echo):
    def __init__(self, load: MoreLoad, context: Context) -> None:
        super().__init__(load, context)
        if load.broken:
            raise ValueError("This one is broken.")
        self._assets, self._load, self._lora = context.assets, load, 0
        if load.file:
            library = Library(context.models, context.more_models)
            self._lora = library.lora(load.file).path.stat().st_size

    def guided(self, parameters: MoreParameters) -> int:
        return self._frames if self._load.guides else 0

    def __call__(
        self, images: Iterable[Image], parameters: MoreParameters, guides: Guides = NO_GUIDES
    ) -> Iterator[Image]:
        path = self._assets / parameters.picture
        picture = cv2.imread(str(path)) if parameters.picture else None
        grey = 0 if picture is None else round(float(picture.mean()))
        for place, made in enumerate(super().__call__(images, parameters)):
            made[:CORNER, -CORNER:, :3] = grey
            for guide, part in (
                (guides.control, made[-CORNER:, :CORNER]), (guides.mask, made[-CORNER:, -CORNER:])
            ):  # fmt: skip
                part[..., :3] = mean(guide[place]) if guide else 0
            yield made

    def report(self) -> Mapping[str, Any]:
        return {**super().report(), "lora": self._lora}


def _row(name: str, made: type[Echo], *, text: bool) -> PipelineRow:
    return PipelineRow(
        id=name, title="Echo, with a mark of its parameters", target=f"{__name__}:{made.__name__}",
        load=EchoLoad, parameters=EchoParameters, multiple=CORNER, block=MOST, text=text,
    )  # fmt: skip


ECHO = _row("echo", Echo, text=False)
ECHO_TEXT = _row("echo-text", EchoText, text=True)
ECHO_MORE, ECHO_MOST = (
    replace(
        _row(name, EchoMore, text=False), load=MoreLoad, parameters=MoreParameters, family="echo",
        guided="guides",
    )
    for name in ("echo-more", "echo-most")
)  # fmt: skip
CATALOG = Catalog((*BUILT_IN, ECHO, ECHO_TEXT, ECHO_MORE, ECHO_MOST))


def installed(folder: Path) -> dict[str, str]:
    """The environment of processes that have them as plug-ins, by a folder that is made."""
    names = "ECHO", "ECHO_TEXT", "ECHO_MORE", "ECHO_MOST"
    points = {name.lower().replace("_", "-"): f"{__name__}:{name}" for name in names}
    install(folder, ENTRY_POINTS, "echo", points)
    path = [str(folder), str(ROOT), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path))}
