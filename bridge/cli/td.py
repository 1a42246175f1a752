"""`spout-bridge td`: the files of the TouchDesigner component, and the line that builds it."""

import json
import logging
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from bridge.errors import CommandError
from bridge.settings import data_folder
from engine.system import held
from engine.system.drives import away

log = logging.getLogger(__name__)

KIT = Path(__file__).parents[2] / "td_components"  # beside the package, installed or not
BUILDER = "build_td.py"


def line(kit: Path = KIT) -> str:
    """The line to paste into TouchDesigner's Textport; it includes how to start this bridge."""
    builder = str((kit / BUILDER).resolve())
    names = {"__name__": "__main__", "__file__": builder, "COMMAND": command()}
    source = f"__import__('pathlib').Path({builder!r}).read_bytes()"
    return f"exec(compile({source}, {builder!r}, 'exec'), {names!r})"


def command() -> str:
    """The command line that starts this bridge, quoted for this system.

    -P, or a module in the patch's folder could shadow one of ours. The component fills in `{port}`.
    """
    words = [sys.executable, "-P", "-m", "bridge.cli", "run", "--keep"]
    if sys.platform == "win32":
        return subprocess.list2cmdline(words) + " --port {port}"
    return shlex.join(words) + " --port {port}"


def point(kit: Path = KIT) -> None:
    """Record for SpoutBridge_loader.tox where the kit is and how to start this bridge. Best effort:
    without a loader nothing is lost, and the loader says what to do if it finds nothing.
    """
    try:
        told = data_folder() / "td.json"
        told.parent.mkdir(parents=True, exist_ok=True)
        names = {"builder": str((kit / BUILDER).resolve()), "command": command()}
        beside = told.with_suffix(".part")
        beside.write_text(json.dumps(names), "utf-8")
        held.replace(beside, told)
    except (OSError, RuntimeError):  # the latter: no home folder
        log.debug("The kit's location cannot be recorded for the loader.", exc_info=True)


def write(folder: Path) -> Path:
    """Copy the kit into a folder and return its path; CommandError if it exists."""
    target = folder / KIT.name
    if target.exists():
        raise CommandError(f"{target} already exists; delete it, or choose another folder.")
    try:
        shutil.copytree(KIT, target, ignore=shutil.ignore_patterns("__pycache__"))
    except OSError as error:
        why = away(target) or f"{target} is not writable: {error.strerror or error}"
        raise CommandError(f"{why}; choose another folder.") from None
    return target
