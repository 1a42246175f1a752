"""`spout-bridge autostart`: start the bridge at every logon, with the flags of `run`."""

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from bridge.errors import CommandError
from bridge.settings import PREFIX, Settings
from bridge.system import logon
from bridge.system.logon import Entry, LogonError

HIDDEN = "…"  # in place of a secret that is printed


def on(flags: Sequence[str], settings: Settings, console: Console) -> None:
    """Start `run --keep` with these flags, which are valid, at every logon; CommandError if this
    machine cannot.
    """
    # -P, or a module in the folder could pass for one of ours
    command = [sys.executable, "-P", "-m", "bridge.cli", "run", "--keep", *flags]
    entry = Entry(settings.name, command, Path.cwd())
    try:
        path = logon.add(entry)
    except (LogonError, OSError, ValueError) as error:
        raise CommandError(_told(error)) from None
    console.print(
        f"{settings.name} starts at every logon from now on; {path} says so:", soft_wrap=True
    )
    console.print(f"  {shown(entry, settings.secrets)}", soft_wrap=True)
    own = sorted(name for name in os.environ if name.upper().startswith(PREFIX))
    if own:
        console.print(
            f"It will not have {', '.join(own)} of this shell; give flags instead.", soft_wrap=True
        )


def off(name: str, console: Console) -> None:
    """Undo every `on`, or that of a bridge of this name; what runs goes on."""
    found = [entry for entry in _entries() if name in ("", entry.name)]
    for entry in found:
        try:
            logon.remove(entry)
        except (LogonError, OSError) as error:
            raise CommandError(_told(error)) from None
        console.print(
            f"{entry.name} starts at logon no more; {entry.file} is removed.", soft_wrap=True
        )
    if not found:
        console.print(f"{name or 'Nothing'} was {'not ' if name else ''}started at logon.")


def status(console: Console) -> None:
    """Print what starts at logon."""
    found = _entries()
    for entry in found:
        console.print(f"{entry.name} starts at every logon; {entry.file} says so:", soft_wrap=True)
        console.print(f"  {shown(entry)}", soft_wrap=True)
    if not found:
        console.print(
            "Nothing is started at logon; `spout-bridge autostart on -- FLAGS` does it.",
            soft_wrap=True,
        )


def shown(entry: Entry, secrets: Sequence[str] = ()) -> str:
    """A command as it may be typed, with its folder, and without a token."""
    hidden = [HIDDEN if word in secrets and word else word for word in entry.command]
    for place, word in enumerate(hidden[:-1]):
        if word == "--token":
            hidden[place + 1] = HIDDEN
    hidden = [f"--token={HIDDEN}" if word.startswith("--token=") else word for word in hidden]
    join = subprocess.list2cmdline if sys.platform == "win32" else shlex.join
    return f"{join(hidden)}  (in {entry.folder})"


def _entries() -> list[Entry]:
    try:
        return logon.entries()
    except (LogonError, OSError) as error:
        raise CommandError(_told(error)) from None


def _told(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{error.filename or 'A file'} cannot be changed ({error.strerror or error})."
    text = str(error)
    return text if text.endswith(".") else f"{text[:1].upper()}{text[1:]}."
