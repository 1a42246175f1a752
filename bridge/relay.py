"""`spout-bridge send`: a source's pictures to a sink, unchanged, without any engine."""

import threading
from time import perf_counter

from rich.console import Console

from bridge.command import Refused
from bridge.frame import Frame
from bridge.transports import Options, Sink, TransportError, open_sink, open_source


def relay(uri: str, to: str, seconds: float, stop: threading.Event, console: Console) -> None:
    """Hand on every picture until `stop` is set or `seconds` have passed."""
    until = perf_counter() + seconds
    try:
        with open_source(uri, Options()) as source, open_sink(to, Options()) as sink:
            console.print(f"{uri} → {to} ({sink.status}); Ctrl-C ends.", soft_wrap=True)
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
            console.print(str(error), soft_wrap=True)
        return str(error)
    if trouble:
        console.print("Pictures are handed on again.")
    return ""
