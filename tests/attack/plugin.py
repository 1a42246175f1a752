"""Plug-ins of strangers for the attacks: a pipeline with a mistake, a source whose driver hangs."""

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bridge.transports import Options, Source, TransportError
from engine.parameters import Load, Parameters
from engine.pipeline import Image
from engine.pipelines.catalog import PipelineRow

DRIVER = 10.0  # seconds that the driver takes before it says no
NAMES = {
    "spout_bridge.pipelines": "keyerror = tests.attack.plugin:KEY_ERROR",
    "spout_bridge.transports": "stuck = tests.attack.plugin",
}


class KeyErrors:
    """Raises KeyError at every block."""

    def __init__(self, load: Load, context: Any) -> None:
        pass

    def wanted(self, parameters: Parameters) -> int:
        return 1

    def __call__(self, images: Sequence[Image], parameters: Parameters) -> Iterator[Image]:
        looks: dict[str, Image] = {}
        yield looks["the look of a stranger"]

    def reset(self) -> None:
        pass

    def report(self) -> Mapping[str, Any]:
        return {}


KEY_ERROR = PipelineRow(
    id="keyerror",
    title="A plug-in with a mistake",
    target="tests.attack.plugin:KeyErrors",
    load=Load,
    parameters=Parameters,
)


def open_source(name: str, options: Options) -> Source:
    """`stuck:` opens nothing, after a long while."""
    time.sleep(DRIVER)
    raise TransportError("stuck: has no camera.")


def install(folder: Path) -> None:
    """Make the plug-ins known to whoever has `folder` in its path."""
    info = folder / "attack_plugins-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: attack-plugins\nVersion: 1\n")
    points = "".join(f"[{group}]\n{point}\n" for group, point in NAMES.items())
    (info / "entry_points.txt").write_text(points)
