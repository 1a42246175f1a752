"""Processes that find no plug-ins that happen to be installed here."""

import os
from collections.abc import Mapping
from pathlib import Path

HIDES = Path(__file__).parent / "no_plugins"


def without(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment of such a process."""
    path = os.pathsep.join(filter(None, [str(HIDES), environment.get("PYTHONPATH", "")]))
    return {**environment, "PYTHONPATH": path}


def install(folder: Path, group: str, name: str) -> None:
    """What is there of a plug-in when it is installed into a folder: that it is one."""
    about = folder / f"{name}-1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
    (about / "entry_points.txt").write_text(f"[{group}]\n{name} = {name}\n")
