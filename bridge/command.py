"""What the commands share: how one is refused, with which exit status, and what ends it."""

import secrets
import signal
import threading

USAGE, REFUSED, PORT_TAKEN = 1, 2, 3  # exit statuses
CRASHED = 70  # the same, for what nobody foresaw


class Refused(Exception):
    """What was asked for cannot be; one sentence with the cure, and the exit status."""

    def __init__(self, text: str, status: int = USAGE) -> None:
        super().__init__(text)
        self.status = status


def stop_event() -> threading.Event:
    """An event that Ctrl-C, a polite kill and a closed terminal set."""
    stop = threading.Event()
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"):  # the last is Windows' Ctrl-Break
        number = getattr(signal, name, None)
        if number and not (
            name == "SIGHUP" and signal.getsignal(number) is signal.SIG_IGN
        ):  # nohup
            signal.signal(number, lambda number, frame: stop.set())
    return stop


def new_token() -> str:
    """A secret for the page, where nobody chose one."""
    return secrets.token_urlsafe(24)
