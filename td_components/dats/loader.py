# pyright: basic, reportUndefinedVariable=false
"""Build SpoutBridge from the installed kit where this is dragged in, then remove this.

A .tox of this never becomes outdated: an update of the bridge brings a new kit.
"""

import json
import os
import sys
from pathlib import Path


def onCreate():
    """The .tox was dragged in. Build one frame later, since it is still loading."""
    if parent(2).allowCooking:  # else it is just being built
        run("args[0]()", load, delayFrames=1, fromOP=op("/"))


def data_folder():
    """The bridge's own folder, as in bridge/settings.py."""
    home = Path.home()
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / "spout-bridge"
    windows = sys.platform == "win32"
    named = Path(os.environ.get("LOCALAPPDATA" if windows else "XDG_DATA_HOME", ""))
    usual = home if windows else home / ".local" / "share"
    return (named if named.is_absolute() else usual) / "spout-bridge"


def load():
    """Run the builder recorded by the latest `spout-bridge td`."""
    try:
        kit = json.loads((data_folder() / "td.json").read_text("utf-8"))
        source = Path(kit["builder"]).read_bytes()
    except (OSError, ValueError, KeyError, TypeError) as error:
        cure = "run `spout-bridge td` in a terminal, then drag this in again."
        print(f"SpoutBridge: kit not found ({error}): {cure}")  # noqa: T201
        return
    names = {"__name__": "__main__", "__file__": kit["builder"], "COMMAND": kit["command"],
             "PLACE": parent(2)}  # fmt: skip
    exec(compile(source, kit["builder"], "exec"), names)
    run("args[0].destroy()", parent(), delayFrames=1, fromOP=op("/"))
