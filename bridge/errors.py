"""What the commands share: how one is refused, with which exit status, and what ends it."""

import os
import re
import secrets
import signal
import stat
import sys
import threading

from bridge.system import windows

USAGE, REFUSED, PORT_TAKEN = 1, 2, 3  # exit statuses
CRASHED = 70  # the same, for what nobody foresaw
GLANCE = 0.1  # seconds between two looks at a pipe where reading must not wait


class CommandError(Exception):
    """What was asked for cannot be; one sentence with the cure, and the exit status."""

    def __init__(self, text: str, status: int = USAGE) -> None:
        super().__init__(text)
        self.status = status


def stop_event() -> threading.Event:
    """An event that Ctrl-C, a polite kill and a closed terminal set; on Windows logoff too."""
    stop = threading.Event()
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"):  # the last is Windows' Ctrl-Break
        number = getattr(signal, name, None)
        if number and not (
            name == "SIGHUP" and signal.getsignal(number) is signal.SIG_IGN
        ):  # nohup
            signal.signal(number, lambda number, frame: stop.set())
    windows.on_end(stop.set)
    return stop


def stop_with_stdin(stop: threading.Event) -> None:
    """Set `stop` when whoever holds the other end of standard input closes it or ends, in whatever
    way; CommandError where there is no other end.
    """
    try:
        mode = os.fstat(0).st_mode
    except OSError:
        mode = 0
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or (mode and os.isatty(0))):
        raise CommandError(
            "--stop-on-stdin-end needs a pipe as standard input, and this one has no other end; "
            "leave the flag out, or start it by a program that keeps a pipe open."
        )
    peek = sys.platform == "win32" and stat.S_ISFIFO(mode)
    threading.Thread(target=_follow, args=(stop, peek), name="stdin", daemon=True).start()


def _follow(stop: threading.Event, peek: bool) -> None:
    try:
        if peek:
            while not windows.pipe_ended(0):
                if stop.wait(GLANCE):
                    return
        else:
            while os.read(0, 1 << 16):
                pass
    except OSError:  # it is gone, which is an end too
        pass
    stop.set()


def speaking_utf8() -> dict[str, str]:
    """The environment of a child that runs Python: what it prints is UTF-8, also on Windows, unless
    somebody chose otherwise.
    """
    return {"PYTHONIOENCODING": "utf-8:backslashreplace", **os.environ}


def quoted(path: object) -> str:
    """A path to paste behind a flag: sh, cmd.exe and PowerShell all know these quotes."""
    return f"{path}" if re.fullmatch(r"[\w.:/\\-]+", str(path)) else f'"{path}"'


def new_token() -> str:
    """A secret for the page, where nobody chose one."""
    return secrets.token_urlsafe(24)
