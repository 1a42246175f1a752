"""`spout-bridge send`: a source's pictures to a sink, unchanged, without any engine."""

import threading
from time import perf_counter

from rich.console import Console

from bridge.command import Refused
from bridge.transports import Options, TransportError, open_sink, open_source


def relay(uri: str, to: str, seconds: float, stop: threading.Event, console: Console) -> None:
    """Hand on every picture until `stop` is set or `seconds` have passed."""
    until = perf_counter() + seconds
    try:
        with open_source(uri, Options()) as source, open_sink(to, Options()) as sink:
            console.print(f"{uri} → {to} ({sink.status}); Ctrl-C ends.", soft_wrap=True)
            while not stop.is_set() and perf_counter() < until:
                frame = source.receive(0.1)
                if frame:
                    sink.send(frame)
    except TransportError as error:
        raise Refused(str(error)) from error
