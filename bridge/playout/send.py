"""The sending end of the frame path."""

import threading
from collections.abc import Callable
from time import perf_counter

from bridge.frames.frame import Frame
from bridge.playout.endpoint import TELL, WAIT, Endpoint, Word
from bridge.playout.outbox import HELD, Outbox
from bridge.state.status import Counters
from bridge.transports import Sink


class Sending(Endpoint[Sink]):
    """Hands over composed frames; a failing sink is reported, the rest continues."""

    verb = "accepted a frame"

    def __init__(
        self, uri: str, open_: Callable[[str], Sink], counters: Counters, outbox: Outbox
    ) -> None:
        super().__init__("send", uri, open_)
        self.begun = threading.Event()  # the sink has a frame
        self._counters = counters
        self._outbox = outbox
        self._sent_at = 0.0

    @property
    def word(self) -> Word:
        """What the sink in use says about itself."""
        using = self._using
        return using.word if using else Word()

    def lacking(self, now: float) -> float:
        """For how many seconds the sink has lacked what was composed, or is missing; 0 while it has
        it.
        """
        between = now - self._sent_at if self._sent_at else 0.0
        if self._using is None or self.word.needs_beat:
            return between
        return max(self._outbox.lacking(now), between - HELD if self.word.keeps_last else 0.0)

    @property
    def absence(self) -> str:
        """That the sink gets no frames, in a sentence; empty if it does."""
        if not self._sent_at or self.lacking(perf_counter()) < TELL:
            return ""
        return f"No frame reaches the sink {self.wanted}."

    def _step(self, transport: Sink, in_use: Callable[[], bool]) -> None:
        if not self._outbox.wait(1, WAIT):
            return
        for frame in self._outbox.fetch():
            try:
                transport.send(frame)
            except BaseException:
                self._outbox.failed()
                raise
            self.begun.set()
            self.error, self._well_at = "", perf_counter()
            self._measure(frame)

    def _measure(self, frame: Frame) -> None:
        """How long the sink lacked what was composed. One with a fixed rate lacks a frame between
        any two; one that keeps the last frame also if it was not sent again in time. And how
        old a new frame is.
        """
        now, counters, word = perf_counter(), self._counters, self.word
        between = now - self._sent_at if self._sent_at else 0.0
        gap = self._outbox.sent(frame)
        if word.needs_beat:
            gap = between
        elif word.keeps_last:
            gap = max(gap, between - HELD)
        self._sent_at, counters.longest_gap = now, max(counters.longest_gap, gap)
        counters.output_rate.tick(now)
        if frame.fresh:
            counters.latency.add(now - frame.time)
