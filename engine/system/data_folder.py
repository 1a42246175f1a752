"""The folder for this program's own files, unless another is chosen."""

import os
import sys
from collections.abc import Callable
from pathlib import Path


def data_folder() -> Path:
    """The folder for this program's own files; RuntimeError if there is no home folder.

    Not platformdirs, which honours XDG_DATA_HOME on macOS and ignores LOCALAPPDATA on Windows:
    journals would be lost, and TouchDesigner's loader, which has no packages, must find the same
    folder.
    """
    if sys.platform == "win32":
        return _named("LOCALAPPDATA", Path.home) / "spout-bridge"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "spout-bridge"
    return _named("XDG_DATA_HOME", lambda: Path.home() / ".local" / "share") / "spout-bridge"


def _named(variable: str, usual: Callable[[], Path]) -> Path:
    """The folder named by an environment variable; a relative path is ignored."""
    named = Path(os.environ.get(variable, ""))
    return named if named.is_absolute() else usual()
