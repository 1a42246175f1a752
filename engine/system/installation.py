"""How this program was installed, and the command that adds to it.

A cure must work as printed: from the folder or URL that this was installed from, with the running
Python, and never with a name that is on no index.
"""

import json
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from urllib.parse import urlsplit

from engine.system import devices
from engine.system.texts import quoted

NAME = "spout-bridge"
TORCHS = "engine"  # the extra that brings torch
NEWEST_DROPS = (7, 5)  # builds for CUDA 12.8 and newer have no code for older chips


@cache
def with_extra(extra: str) -> str:
    """The command that installs one of our extras, as the end of a sentence; if it includes torch,
    the build for the GPU.
    """
    gpu = devices.first_shown(devices.gpus()) if extra == TORCHS else None
    install = with_uv(gpu.capability) if gpu else f"{pip()} install"
    url, folder = _origin()
    if folder:
        constraints = folder / "constraints.txt"
        pinned = f" -c {quoted(constraints)}" if constraints.is_file() else ""
        return f"run `{install} -e {quoted(f'{folder}[{extra}]')}{pinned}`"
    if url:
        return f"run `{install} {quoted(f'{NAME}[{extra}] @ {url}')}`"
    return f"install {NAME} again as before, with its extra `{extra}`"


def with_uv(capability: tuple[int, int] | None) -> str:
    """The start of a command that installs packages with the torch build for the driver and a chip
    of this compute capability; two commands if uv is missing. pip would take PyPI's torch, which
    has no CUDA on Windows.
    """
    python = _python()
    old = capability is not None and capability < NEWEST_DROPS
    has = find_spec("uv") is not None
    uv = f"{python} -m uv" if has or not which("uv") else "uv"
    first = "" if has or uv == "uv" else f"{pip()} install uv` and then `"
    backend = "cu126" if old else "auto"
    return f"{first}{uv} pip install --python {quoted(sys.executable)} --torch-backend={backend}"


def pip() -> str:
    """pip of the running Python."""
    return f"{_python()} -m pip"


def _python() -> str:
    """The running Python as the start of a command: PowerShell runs a quoted path only after &."""
    path = quoted(sys.executable)
    return f"& {path}" if sys.platform == "win32" and path.startswith('"') else path


def _origin() -> tuple[str, Path | None]:
    """Where this was installed from: the URL, and the folder if it is one."""
    try:
        told = distribution(NAME).read_text("direct_url.json")
        url = str(json.loads(told or "{}").get("url", ""))
    except (PackageNotFoundError, ValueError, AttributeError, OSError):
        return "", None
    parts = urlsplit(url)
    if parts.scheme != "file":
        return url, None
    # Imported here, as it brings ssl; its home on Windows is deprecated, not itself.
    from urllib.request import url2pathname  # pyright: ignore[reportDeprecated]  # see above

    folder = Path(url2pathname(parts.path))  # pyright: ignore[reportDeprecated]  # its home on Windows is, not itself
    return ("", folder) if folder.is_dir() else (url, None)
