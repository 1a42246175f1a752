"""How this program was installed, and the command that adds to it.

A cure must work as printed: from the folder or URL that this was installed from, with the running
Python, and never with a name that is on no index.
"""

import json
import sys
import urllib.request
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import urlsplit

from engine.system.texts import quoted

NAME = "spout-bridge"


@cache
def with_extra(extra: str) -> str:
    """The command that installs one of our extras, as the end of a sentence."""
    url, folder = _origin()
    if folder:
        constraints = folder / "constraints.txt"
        pinned = f" -c {quoted(constraints)}" if constraints.is_file() else ""
        return f"run `{pip()} install -e {quoted(f'{folder}[{extra}]')}{pinned}`"
    if url:
        return f"run `{pip()} install {quoted(f'{NAME}[{extra}] @ {url}')}`"
    return f"install {NAME} again as before, with its extra `{extra}`"


def pip() -> str:
    """pip of the running Python."""
    return f"{quoted(sys.executable)} -m pip"


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
    folder = Path(urllib.request.url2pathname(parts.path))  # pyright: ignore[reportDeprecated]  # its home on Windows is, not itself
    return ("", folder) if folder.is_dir() else (url, None)
