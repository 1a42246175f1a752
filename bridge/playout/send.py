"""The sending end of the frame path."""

from collections.abc import Callable
from time import perf_counter

from bridge.frames.frame import Frame
from bridge.frames.mailbox import Mailbox
from bridge.playout.endpoint import WAIT, Endpoint
from bridge.state.status import Counters
from bridge.transports import Sink


class Sending(Endpoint[Sink]):
    """Hands over composed frames; a failing sink is reported, the rest continues."""

    verb = "accepted a frame"

    def __init__(
        self, uri: str, open_: Callable[[str], Sink], counters: Counters, outbox: Mailbox[Frame]
    ) -> None:
        super().__init__("send", uri, open_)
        self._counters = counters
        self._outbox = outbox
        self._sent_at = 0.0

    def _step(self, transport: Sink, in_use: Callable[[], bool]) -> None:
        if not self._outbox.wait(1, WAIT):
            return
        for frame in self._outbox.take(1):
            transport.send(frame)
            self.error, self._well_at = "", perf_counter()
            self._measure()

    def _measure(self) -> None:
        now, counters = perf_counter(), self._counters
        if self._sent_at:
            counters.longest_gap = max(counters.longest_gap, now - self._sent_at)
        self._sent_at = now
        counters.output_rate.tick(now)
