# pyright: basic, reportUndefinedVariable=false
"""Builds SpoutBridge from the kit that is installed, where this is dragged in, and goes away.

The network of a .tox of this never gets old: an update of the bridge brings a new kit.
"""

import json
import os
import sys
from pathlib import Path


def onCreate():
    """The .tox was dragged in. One frame later, since it is still being loaded now."""
    if parent(2).allowCooking:  # else it is being made just now
        run("args[0]()", load, delayFrames=1, fromOP=op("/"))


def data_folder():
    """Where the bridge keeps its own files: as bridge/settings.py has it."""
    home = Path.home()
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / "spout-bridge"
    windows = sys.platform == "win32"
    named = Path(os.environ.get("LOCALAPPDATA" if windows else "XDG_DATA_HOME", ""))
    usual = home if windows else home / ".local" / "share"
    return (named if named.is_absolute() else usual) / "spout-bridge"


def load():
    """Run the builder that the newest `spout-bridge td` told of."""
    try:
        kit = json.loads((data_folder() / "td.json").read_text("utf-8"))
        source = Path(kit["builder"]).read_bytes()
    except (OSError, ValueError, KeyError, TypeError) as error:
        cure = "type `spout-bridge td` once in a terminal, and drag this in again."
        print(f"SpoutBridge: no kit was found ({error}): {cure}")  # noqa: T201
        return
    names = {"__name__": "__main__", "__file__": kit["builder"], "COMMAND": kit["command"],
             "PLACE": parent(2)}  # fmt: skip
    exec(compile(source, kit["builder"], "exec"), names)
    run("args[0].destroy()", parent(), delayFrames=1, fromOP=op("/"))
