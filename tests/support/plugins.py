"""Processes that find no plug-ins that happen to be installed here."""

import os
from collections.abc import Mapping
from pathlib import Path

HIDES = Path(__file__).parent / "no_plugins"


def without(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment of such a process."""
    path = os.pathsep.join(filter(None, [str(HIDES), environment.get("PYTHONPATH", "")]))
    return {**environment, "PYTHONPATH": path}


def install(folder: Path, group: str, name: str, points: Mapping[str, str] | None = None) -> None:
    """What is there of a plug-in when it is installed into a folder: that it is one, by its entry
    points, or one of its own name.
    """
    found = points or {name: name}
    about = folder / f"{name}-1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
    lines = [f"[{group}]", *(f"{point} = {target}" for point, target in found.items())]
    (about / "entry_points.txt").write_text("\n".join(lines) + "\n")
