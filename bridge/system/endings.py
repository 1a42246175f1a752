"""What ends a command: a signal, or the end of the program that started it."""

import os
import signal
import stat
import sys
import threading

from bridge.errors import CommandError
from bridge.system import windows

GLANCE = 0.1  # seconds between polls of a pipe where reading must not block


def stop_event() -> threading.Event:
    """An event set by Ctrl-C, a polite kill or a closed terminal; on Windows also by logoff."""
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
    """Set `stop` when the program at the other end of standard input closes it or ends, however
    that happens; CommandError if there is no other end.
    """
    try:
        mode = os.fstat(0).st_mode
    except OSError:
        mode = 0
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or (mode and os.isatty(0))):
        raise CommandError(
            "--stop-on-stdin-end needs a pipe as standard input, and this one has no other end; "
            "leave the flag out, or start the bridge from a program that keeps a pipe open."
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
    except OSError:  # gone, which is an end too
        pass
    stop.set()
