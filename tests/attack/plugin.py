"""Plug-ins for the attacks: pipelines with mistakes, a source whose driver hangs."""

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bridge.transports import Options, Source, TransportError
from engine.catalog.controls import ConditionedParameters
from engine.catalog.rows import PipelineRow
from engine.parameters import Load, Parameters
from engine.pipeline import Image

DRIVER = 10.0  # seconds that the driver takes before it says no
GOOD_BLOCKS = 30  # that a pipeline makes before it hangs
POISON = "poison"  # a word that a pipeline answers with NaN
NAMES = {
    "spout_bridge.pipelines": ("KEY_ERROR", "MOODY", "HANGING"),
    "spout_bridge.transports": ("stuck",),
}


class Wrong:
    """What the pipelines below share."""

    def __init__(self, load: Load, context: Any) -> None:
        self._blocks = 0

    def wanted(self, parameters: Parameters) -> int:
        return 1

    def reset(self) -> None:
        pass

    def report(self) -> Mapping[str, Any]:
        return {}


class KeyErrors(Wrong):
    """Raises KeyError at every block."""

    def __call__(self, images: Sequence[Image], parameters: Parameters) -> Iterator[Image]:
        looks: dict[str, Image] = {}
        yield looks["the look of a stranger"]


class Moody(Wrong):
    """Gives NaN for one word, and for others what came."""

    def __call__(self, images: Sequence[Image], parameters: ConditionedParameters) -> Iterator[Any]:
        bad = POISON in parameters.prompt
        yield images[0].astype(np.float32) * np.nan if bad else images[0].copy()


class Hanging(Wrong):
    """Makes some blocks, and then none and no end."""

    def __call__(self, images: Sequence[Image], parameters: Parameters) -> Iterator[Image]:
        self._blocks += 1
        while self._blocks > GOOD_BLOCKS:
            time.sleep(0.1)
        yield images[0].copy()


def _row(name: str, made: type, parameters: type[Parameters] = Parameters) -> PipelineRow:
    return PipelineRow(
        id=name, title=f"A plug-in: {made.__doc__}", target=f"{__name__}:{made.__name__}",
        load=Load, parameters=parameters,
    )  # fmt: skip


KEY_ERROR = _row("key_error", KeyErrors)
MOODY = _row("moody", Moody, ConditionedParameters)
HANGING = _row("hanging", Hanging)


def open_source(name: str, options: Options) -> Source:
    """`stuck:` opens nothing, after a long while."""
    time.sleep(DRIVER)
    raise TransportError("stuck: has no camera.")


def install(folder: Path) -> None:
    """Make the plug-ins known to whoever has `folder` in its path."""
    info = folder / "attack_plugins-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: attack-plugins\nVersion: 1\n")
    lines: list[str] = []
    for group, names in NAMES.items():
        lines.append(f"[{group}]")
        lines += [f"{name.lower()} = {__name__}" + f":{name}" * name.isupper() for name in names]
    (info / "entry_points.txt").write_text("\n".join(lines))
