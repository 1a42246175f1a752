"""`spout-bridge td`: the TouchDesigner component's kit, and the line that builds it in a patch."""

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
    """What to paste into TouchDesigner's Textport; it brings along how to start this bridge."""
    builder = str((kit / BUILDER).resolve())
    names = {"__name__": "__main__", "__file__": builder, "COMMAND": command()}
    source = f"__import__('pathlib').Path({builder!r}).read_bytes()"
    return f"exec(compile({source}, {builder!r}, 'exec'), {names!r})"


def command() -> str:
    """The command line that starts this bridge, in the quotes of this system.

    -P, or a module in the patch's folder could pass for one of ours. `{port}` is the component's.
    """
    words = [sys.executable, "-P", "-m", "bridge.cli", "run", "--keep"]
    if sys.platform == "win32":
        return subprocess.list2cmdline(words) + " --port {port}"
    return shlex.join(words) + " --port {port}"


def point(kit: Path = KIT) -> None:
    """Tell SpoutBridge_loader.tox where the kit is and how this bridge is started. Best effort: who
    has no loader misses nothing, and the loader says what to do where it finds nothing.
    """
    try:
        told = data_folder() / "td.json"
        told.parent.mkdir(parents=True, exist_ok=True)
        names = {"builder": str((kit / BUILDER).resolve()), "command": command()}
        beside = told.with_suffix(".part")
        beside.write_text(json.dumps(names), "utf-8")
        held.replace(beside, told)
    except (OSError, RuntimeError):  # the latter: this machine knows no home
        log.debug("The loader cannot be told of the kit.", exc_info=True)


def write(folder: Path) -> Path:
    """Copy the kit into a folder and return its path; CommandError where something is there."""
    target = folder / KIT.name
    if target.exists():
        raise CommandError(f"{target} is there already; take it away, or name another folder.")
    try:
        shutil.copytree(KIT, target, ignore=shutil.ignore_patterns("__pycache__"))
    except OSError as error:
        why = away(target) or f"{target} cannot be written: {error.strerror or error}"
        raise CommandError(f"{why}; name another folder.") from None
    return target
