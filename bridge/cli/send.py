"""`spout-bridge send`: a source's frames to a sink, unchanged, without an engine."""

import threading
from collections.abc import Callable
from time import perf_counter

from rich.console import Console

from bridge.errors import CommandError
from bridge.frames.frame import Frame
from bridge.system import logs
from bridge.system.windows import awake
from bridge.transports import (
    Options,
    Sink,
    Source,
    TransportError,
    check_sink,
    open_sink,
    open_source,
)
from engine.system.waking import wake_in_time

GLANCE = 0.1  # seconds: Windows handles Ctrl-C between two waits only
TELL = 2.0  # seconds of silence before it is reported
FIRST = 1.0  # seconds that the sink waits for the first frame
GRACE = 1.5  # seconds allowed for closing


class Limit:
    """How long frames are passed on: opening a source and a sink does not count."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.start()

    def start(self) -> None:
        """Count from now."""
        self._until = perf_counter() + self._seconds

    @property
    def reached(self) -> bool:
        """Whether the time is over."""
        return perf_counter() >= self._until


def send_frames(uri: str, to: str, seconds: float, stop: threading.Event, console: Console) -> None:
    """Pass on every frame until `stop` is set, or `seconds` have passed since the first one was
    sent, or without one. Source and sink are opened, used and closed in another thread: whatever a
    driver or disk does, Ctrl-C works.
    """
    try:
        check_sink(to)
    except TransportError as error:
        raise CommandError(str(error)) from None
    wake_in_time()
    limit = Limit(seconds)
    opened, done = threading.Event(), threading.Event()
    failure: list[BaseException] = []

    def work() -> None:
        try:
            over = lambda: stop.is_set() or limit.reached  # noqa: E731
            with awake(True), open_source(uri, Options()) as source:
                first = _first(source, over)  # a sink is opened for the size of its frames
                height, width = first.image.shape[:2] if first else (0, 0)
                known = Options(width=width, height=height) if first else Options()
                with open_sink(to, known) as sink:
                    opened.set()
                    told = f"{uri} → {to}" + (f" ({sink.status})" if first else "")
                    _tell(console, f"{told}; Ctrl-C to stop.")
                    _hand_on(source, sink, first, limit, over, console)
        except BaseException as error:  # noqa: BLE001 - raised again below
            failure.append(error)
        finally:
            done.set()

    threading.Thread(target=work, name="send", daemon=True).start()
    tell_at = perf_counter() + TELL
    while not done.wait(GLANCE) and not stop.is_set() and not limit.reached:
        if perf_counter() > tell_at and not opened.is_set():
            tell_at = float("inf")
            _tell(console, f"{uri} or {to} has not opened for {TELL:.0f} s; Ctrl-C to stop.")
    done.wait(GRACE)
    if failure and isinstance(failure[0], TransportError):
        raise CommandError(str(failure[0])) from failure[0]
    if failure:
        raise failure[0]


def _first(source: Source, over: Callable[[], bool]) -> Frame | None:
    """The first frame; None if none arrives in time: the sink then opens before its sender."""
    until, frame = perf_counter() + FIRST, None
    while frame is None and not over() and perf_counter() < until:
        frame = source.receive(GLANCE)
    return frame


def _hand_on(
    source: Source,
    sink: Sink,
    first: Frame | None,
    limit: Limit,
    over: Callable[[], bool],
    console: Console,
) -> None:
    trouble = _sent(sink, first, "", console) if first else ""
    away, sent = "", first is not None
    came = perf_counter()
    if sent:
        limit.start()
    while not over():
        frame = source.receive(GLANCE)
        if frame:
            came, away = perf_counter(), ""
            trouble = _sent(sink, frame, trouble, console)
            if not sent:
                sent = True
                limit.start()
                _tell(console, f"First frame received ({sink.status}).")
        elif perf_counter() - came > TELL and (why := _away(source)) and why != away:
            away = why
            _tell(console, f"No frames: {why.rstrip('.')}. Ctrl-C to stop.")


def _away(source: Source) -> str:
    """Why a source delivers nothing, in a few words; empty if it is connected and still. A plug-in
    may predate some of these attributes.
    """
    problem, there = getattr(source, "problem", ""), getattr(source, "there", True)
    return problem or ("" if there else source.status)


def _sent(sink: Sink, frame: Frame, trouble: str, console: Console) -> str:
    """Pass one frame on; a problem is reported once, and returned."""
    try:
        sink.send(frame)
    except TransportError as error:
        if str(error) != trouble:
            _tell(console, str(error))
        return str(error)
    if trouble:
        _tell(console, "Sending again.")
    return ""


def _tell(console: Console, text: str) -> None:
    """A line on the terminal; no frame waits for it."""
    logs.say(lambda: console.print(text, soft_wrap=True))
