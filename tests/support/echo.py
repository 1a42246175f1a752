"""Pipelines whose images tell by which parameters they were made: they return what they get, with
a grey corner that survives H.264 and its halved colours.

`echo` takes an input; `echo-text` draws a moving bar without one. `installed` has other processes
find both by the same entry points; `CATALOG` is for a session of the test itself.
"""

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from engine import sizes
from engine.catalog.controls import size_control
from engine.catalog.rows import BUILT_IN, ENTRY_POINTS, Catalog, PipelineRow
from engine.parameters import Load, Parameters, Size, control
from engine.pipeline import Image
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


def mark_of(image: Image) -> int:
    """The mark of an image of the engine's size, within 3 after H.264."""
    inside = image[CORNER // 4 : CORNER * 3 // 4, CORNER // 4 : CORNER * 3 // 4, :3]
    return round(float(inside.mean()))


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


def _row(name: str, made: type[Echo], *, text: bool) -> PipelineRow:
    return PipelineRow(
        id=name, title="Echo, with a mark of its parameters", target=f"{__name__}:{made.__name__}",
        load=EchoLoad, parameters=EchoParameters, multiple=CORNER, block=MOST, text=text,
    )  # fmt: skip


ECHO = _row("echo", Echo, text=False)
ECHO_TEXT = _row("echo-text", EchoText, text=True)
CATALOG = Catalog((*BUILT_IN, ECHO, ECHO_TEXT))


def installed(folder: Path) -> dict[str, str]:
    """The environment of processes that have both as plug-ins, by a folder that is made."""
    points = {"echo": f"{__name__}:ECHO", "echo-text": f"{__name__}:ECHO_TEXT"}
    install(folder, ENTRY_POINTS, "echo", points)
    path = [str(folder), str(ROOT), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path))}
