"""`spout-bridge send`: a source's pictures to a sink, unchanged, without any engine."""

import threading
from time import perf_counter

from rich.console import Console

from bridge import logs
from bridge.command import Refused
from bridge.frame import Frame
from bridge.transports import Options, Sink, TransportError, open_sink, open_source
from bridge.windows import awake
from engine.waking import wake_in_time


def relay(uri: str, to: str, seconds: float, stop: threading.Event, console: Console) -> None:
    """Hand on every picture until `stop` is set or `seconds` have passed."""
    wake_in_time()
    until = perf_counter() + seconds
    try:
        with awake(True), open_source(uri, Options()) as source, open_sink(to, Options()) as sink:
            _tell(console, f"{uri} → {to} ({sink.status}); Ctrl-C ends.")
            trouble = ""
            while not stop.is_set() and perf_counter() < until:
                frame = source.receive(0.1)
                if frame:
                    trouble = _sent(sink, frame, trouble, console)
    except TransportError as error:
        raise Refused(str(error)) from error


def _sent(sink: Sink, frame: Frame, trouble: str, console: Console) -> str:
    """Hand one picture on; what is in the way of it is told once, and is the answer."""
    try:
        sink.send(frame)
    except TransportError as error:
        if str(error) != trouble:
            _tell(console, str(error))
        return str(error)
    if trouble:
        _tell(console, "Pictures are handed on again.")
    return ""


def _tell(console: Console, text: str) -> None:
    """A line on the terminal, which no picture waits for."""
    logs.say(lambda: console.print(text, soft_wrap=True))
