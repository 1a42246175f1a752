"""The two ends of the frame path: threads that own the source and the sink, GL context and all."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from time import perf_counter
from typing import Generic, TypeVar

from bridge.frame import Frame
from bridge.mailbox import Mailbox
from bridge.stage import explained, repeat
from bridge.state import Counters
from bridge.transports import Sink, Source, Transport, TransportError, check_source

WAIT = 0.1  # seconds that an end waits before it looks whether to go on
RETRY = 1.0  # seconds until a failed source or sink is tried again

T = TypeVar("T", bound=Transport)


class End(Generic[T]):
    """One end: `open_` gives its transport and is called in its own thread."""

    def __init__(self, name: str, uri: str, open_: Callable[[str], T]) -> None:
        self.uri = uri
        self.error = ""  # of the last step
        self.refused = ""  # what was asked for and cannot be had; stands until the next wish
        self.transport: T | None = None
        self._open = open_
        self._asked = ""  # what to open instead
        self._attached: Callable[[], None] = lambda: None
        self._stopped = threading.Event()
        self._leave = threading.Event()
        self._opened: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Open the transport and begin; TransportError where it cannot be had."""
        self._thread.start()
        self._opened.result()

    def stop(self) -> None:
        """Begin to end."""
        self._stopped.set()
        self._leave.set()

    def join(self) -> None:
        """Wait for the end."""
        if self._thread.is_alive():
            self._thread.join(2)

    @property
    def status(self) -> str:
        """The URI and what its transport says."""
        return f"{self.uri} · {self.transport.status}" if self.transport else ""

    def _run(self) -> None:
        transport = self._first()
        while transport is not None:
            self.transport = transport
            with transport:
                repeat(lambda end=transport: self._step(end), self._leave, self._failed, RETRY)
            if self._stopped.is_set():
                return
            self._leave.clear()
            transport = self._next()

    def _first(self) -> T | None:
        try:
            transport = self._open(self.uri)
            self._opened.set_result(None)
            return transport
        except Exception as error:  # noqa: BLE001 - raised again by `start`
            self._opened.set_exception(error)
            return None

    def _next(self) -> T | None:
        """What was asked for; where that cannot be had, what there was."""
        uri, self._asked, self.refused = self._asked or self.uri, "", ""
        while not self._stopped.is_set():
            try:
                transport = self._open(uri)
                self.uri = uri
                self._attached()
                return transport
            except Exception as error:  # noqa: BLE001 - of a driver or a plug-in: this end goes on
                self.refused = explained(error, TransportError)
                if uri == self.uri:
                    self._stopped.wait(RETRY)
                uri = self.uri
        return None

    def _step(self, transport: T) -> None:
        raise NotImplementedError

    def _failed(self, error: Exception) -> None:
        self.error = explained(error, TransportError)


class Receiving(End[Source]):
    """Takes what comes and never waits for the engine."""

    def __init__(
        self, uri: str, open_: Callable[[str], Source], counters: Counters,
        took: Callable[[Frame], None],
    ) -> None:  # fmt: skip
        """`took` is called with every frame."""
        super().__init__("receive", uri, open_)
        self.newest: Frame | None = None
        self._counters = counters
        self._took = took

    def attach(self, uri: str, attached: Callable[[], None]) -> None:
        """Receive from another source from now on, and call `attached`; TransportError for what is
        no URI. What cannot be opened is told in `refused`, and the source before it is taken up
        again.
        """
        check_source(uri)
        self._attached = attached
        self._asked = uri
        self._leave.set()

    @property
    def problem(self) -> str:
        """What is wrong at this end, in a sentence."""
        return self.refused or self.error or (self.transport.problem if self.transport else "")

    @property
    def alive(self) -> bool:
        """Whether there is an input: a source that gave a picture, is there, and is no stand-in."""
        source = self.transport
        if source is None or self.newest is None:
            return False
        stands_in = getattr(source, "stands_in", False)  # a plug-in may be older than this
        return not (stands_in or source.problem or self.error)

    def _step(self, transport: Source) -> None:
        frame = transport.receive(WAIT)
        self.error = ""
        if frame is None:
            return
        self.newest = frame
        self._counters.last_input = frame.time
        self._counters.input_rate.tick(frame.time)
        self._took(frame)


class Sending(End[Sink]):
    """Hands over what the clock composed; a sink that fails is told, the rest goes on."""

    def __init__(
        self, uri: str, open_: Callable[[str], Sink], counters: Counters, outbox: Mailbox[Frame]
    ) -> None:
        super().__init__("send", uri, open_)
        self._counters = counters
        self._outbox = outbox
        self._sent_at = 0.0

    def _step(self, transport: Sink) -> None:
        if not self._outbox.wait(1, WAIT):
            return
        for frame in self._outbox.take(1):
            transport.send(frame)
            self.error = ""
            self._measure()

    def _measure(self) -> None:
        now, counters = perf_counter(), self._counters
        if self._sent_at:
            counters.longest_gap = max(counters.longest_gap, now - self._sent_at)
        self._sent_at = now
        counters.output_rate.tick(now)
