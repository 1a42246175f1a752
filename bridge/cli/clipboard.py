"""Copies text to the clipboard with the system's own programs."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence

PATIENCE = 5.0  # seconds; some of these programs wait for a display that never answers
Run = Callable[..., "subprocess.CompletedProcess[bytes]"]


def programs() -> list[tuple[Sequence[str], str]]:
    """(command, input encoding) of each program that this system might have, best first."""
    if sys.platform == "win32":
        return [(("clip.exe",), "utf-16")]  # with a byte order mark, or it assumes the code page
    if sys.platform == "darwin":
        return [(("pbcopy",), "utf-8")]
    wayland: list[tuple[Sequence[str], str]] = [(("wl-copy",), "utf-8")]
    x11: list[tuple[Sequence[str], str]] = [
        (("xclip", "-selection", "clipboard"), "utf-8"),
        (("xsel", "--clipboard", "--input"), "utf-8"),
    ]
    return wayland + x11 if os.environ.get("WAYLAND_DISPLAY") else x11 + wayland


def copy(text: str, run: Run = subprocess.run) -> str:
    """Copy text to the clipboard; empty, or one sentence with the reason it failed."""
    why = "none of these is installed: " + ", ".join(command[0] for command, _ in programs())
    for command, encoding in programs():
        program = shutil.which(command[0])
        if program is None:
            continue
        try:
            # Output discarded: xclip keeps running as the clipboard's owner, and would hold a pipe
            # of ours open for ever.
            done = run(
                [program, *command[1:]], input=text.encode(encoding), timeout=PATIENCE, check=False,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            why = f"{command[0]} timed out"
        except OSError as error:
            why = f"{command[0]}: {error.strerror or error}"
        else:
            if done.returncode == 0:
                return ""
            why = f"{command[0]} failed with status {done.returncode}"
    return f"The line was not copied to the clipboard: {why}. Select and copy it here."
