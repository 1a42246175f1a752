"""Layouts for OSC controllers, generated from the schema: all of its addresses and no others."""

from pathlib import Path

from bridge.control import schema
from bridge.control.layouts.model import Layout, layout
from bridge.control.layouts.stage_control import stage_control
from bridge.control.layouts.touchosc import touchosc

__all__ = ["Layout", "installed", "layout", "write"]


def installed(
    pipeline: str = "", picks: dict[str, list[str]] | None = None, reply_port: int = 9000
) -> Layout:
    """The layout for this installation; ValueError for unknown names."""
    return layout(schema.installed(), pipeline, picks, reply_port)


def write(made: Layout, folder: Path, name: str = "spout-bridge") -> list[Path]:
    """Write a file for each controller into `folder`, creating it if necessary."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        folder / f"{name}.tosc": touchosc(made),
        folder / f"{name}.open-stage-control.json": stage_control(made),
    }
    for path, content in files.items():
        path.write_bytes(content)
    return [*files]
