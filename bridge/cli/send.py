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
OPENING, WAITING = 60.0, 10.0  # seconds allowed for opening, then for the first frame, at least
GRACE, CLOSING = 1.5, 10.0  # seconds allowed for closing: without and with frames written


class Limit:
    """How long frames are passed on: opening a source and a sink does not count."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.start(OPENING)

    def start(self, least: float = 0.0) -> None:
        """Count from now, up to `least` seconds if more were asked for."""
        self.allowed = max(least, self._seconds)
        self._until = perf_counter() + self.allowed

    @property
    def reached(self) -> bool:
        """Whether the time is over."""
        return perf_counter() >= self._until


class Passing:
    """Passes a source's frames on to a sink, and keeps count."""

    def __init__(self, source: Source, sink: Sink, console: Console) -> None:
        self.source, self.sink = source, sink
        self._console = console
        self._taken = 0
        self._trouble = ""  # with the last frame

    @property
    def written(self) -> int:
        """How many frames the sink wrote; of one that does not count them, how many it took."""
        return getattr(self.sink, "written", self._taken)

    @property
    def why_none(self) -> str:
        """Why no frame was written, as far as known. A plug-in may predate some attributes."""
        problem = self._trouble or getattr(self.sink, "problem", "")
        return problem or self.away or f"{self.source.status} sent no frame"

    @property
    def away(self) -> str:
        """Why the source delivers nothing, in a few words; empty if it is connected and still."""
        problem, there = getattr(self.source, "problem", ""), getattr(self.source, "there", True)
        return problem or ("" if there else self.source.status)

    def send(self, frame: Frame) -> None:
        """Pass one frame on; a problem is reported once."""
        try:
            self.sink.send(frame)
        except TransportError as error:
            if str(error) != self._trouble:
                _tell(self._console, str(error))
            self._trouble = str(error)
            return
        if self._trouble:
            _tell(self._console, "Sending again.")
        self._trouble = ""
        self._taken += 1


def send_frames(uri: str, to: str, seconds: float, stop: threading.Event, console: Console) -> None:
    """Pass on every frame until `stop` is set, or `seconds` have passed since the sink wrote the
    first one; CommandError if it wrote none by itself. Source and sink are opened, used and closed
    in another thread: whatever a driver or disk does, Ctrl-C works.
    """
    try:
        check_sink(to)
    except TransportError as error:
        raise CommandError(str(error)) from None
    wake_in_time()
    limit = Limit(seconds)
    done = threading.Event()
    opened: list[Passing] = []
    failure: list[BaseException] = []

    def work() -> None:
        try:
            over = lambda: stop.is_set() or limit.reached  # noqa: E731
            with awake(True), open_source(uri, Options()) as source:
                first = _first(source, over)  # a sink is opened for the size of its frames
                height, width = first.image.shape[:2] if first else (0, 0)
                known = Options(width=width, height=height) if first else Options()
                with open_sink(to, known) as sink:
                    passing = Passing(source, sink, console)
                    limit.start(WAITING)
                    opened.append(passing)
                    told = f"{uri} → {to}" + (f" ({sink.status})" if first else "")
                    _tell(console, f"{told}; Ctrl-C to stop.")
                    _hand_on(passing, first, limit, over, console)
        except BaseException as error:  # noqa: BLE001 - raised again below
            failure.append(error)
        finally:
            done.set()

    threading.Thread(target=work, name="send", daemon=True).start()
    tell_at = perf_counter() + TELL
    while not done.wait(GLANCE) and not stop.is_set() and not limit.reached:
        if perf_counter() > tell_at and not opened:
            tell_at = float("inf")
            _tell(console, f"Still waiting for {uri} or {to} to open; Ctrl-C to stop.")
    written = opened[0].written if opened else 0
    closed = done.wait(CLOSING if written else GRACE)
    if failure and isinstance(failure[0], TransportError):
        raise CommandError(str(failure[0])) from failure[0]
    if failure:
        raise failure[0]
    written = opened[0].written if opened else 0
    if not written and not stop.is_set():
        why = opened[0].why_none if opened else f"{uri} or {to} has not opened"
        raise CommandError(f"No frame was written in {limit.allowed:.0f} s: {why.rstrip('.')}.")
    if written and not closed:
        raise CommandError(f"{uri} or {to} has not closed for {CLOSING:.0f} s.")
    _tell(console, f"{written} {'frame' if written == 1 else 'frames'} written.")


def _first(source: Source, over: Callable[[], bool]) -> Frame | None:
    """The first frame; None if none arrives in time: the sink then opens before its sender."""
    until, frame = perf_counter() + FIRST, None
    while frame is None and not over() and perf_counter() < until:
        frame = source.receive(GLANCE)
    return frame


def _hand_on(
    passing: Passing, frame: Frame | None, limit: Limit, over: Callable[[], bool], console: Console
) -> None:
    """Pass on this first frame, if it arrived in time, and those that follow."""
    begun, late, away = False, frame is None, ""
    came = perf_counter()
    while True:
        if frame:
            came, away = perf_counter(), ""
            passing.send(frame)
            if not begun and passing.written:
                begun = True
                limit.start()
                if late:
                    _tell(console, f"First frame received ({passing.sink.status}).")
        elif perf_counter() - came > TELL and (why := passing.away) and why != away:
            away = why
            _tell(console, f"No frames: {why.rstrip('.')}. Ctrl-C to stop.")
        if over():
            return
        frame = passing.source.receive(GLANCE)


def _tell(console: Console, text: str) -> None:
    """A line on the terminal; no frame waits for it."""
    logs.say(lambda: console.print(text, soft_wrap=True))
