"""Pipelines that take as long as a causal one: 12 frames a block, given all at once at its end.

`install` makes them known to any bridge that has the folder in its path, of earlier commits too, so
this imports nothing but what they all have.
"""

import random
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.parameters import Load, Parameters
from engine.pipeline import Image

try:
    from engine.catalog.rows import PipelineRow
except ImportError:  # where it was before the rooms
    from engine.pipelines.catalog import PipelineRow  # type: ignore[import-not-found,no-redef]

FRAMES = 12
TIME = 0.4  # seconds of a block
NAMES = {"blocks_even": 0.05, "blocks_uneven": 0.4}  # part by which that time varies


class Blocks:
    """Gives the frames it takes, a block later."""

    varies = 0.0

    def __init__(self, load: Load, context: Any) -> None:
        self._random = random.Random(1)

    def wanted(self, parameters: Parameters) -> int:
        return FRAMES

    def __call__(self, images: Sequence[Image], parameters: Parameters) -> Iterator[Image]:
        time.sleep(TIME * self._random.uniform(1 - self.varies, 1 + self.varies))
        yield from (image.copy() for image in images)

    def reset(self) -> None:
        pass

    def report(self) -> Mapping[str, Any]:
        return {}


class Even(Blocks):
    varies = NAMES["blocks_even"]


class Uneven(Blocks):
    varies = NAMES["blocks_uneven"]


def _row(name: str, made: type) -> PipelineRow:
    return PipelineRow(
        id=name, title=name, target=f"paced:{made.__name__}", load=Load,
        parameters=Parameters, block=FRAMES, native_size=True,
    )  # fmt: skip


blocks_even, blocks_uneven = _row("blocks_even", Even), _row("blocks_uneven", Uneven)


def install(folder: Path) -> None:
    """Make them known to whoever has `folder` in its path, as the module `paced`."""
    shutil.copy(__file__, folder / "paced.py")
    info = folder / "paced-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: paced\nVersion: 1\n")
    lines = ["[spout_bridge.pipelines]", *(f"{name} = paced:{name}" for name in NAMES)]
    (info / "entry_points.txt").write_text("\n".join(lines))
