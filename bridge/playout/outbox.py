"""What the output clock hands to the sink's thread."""

from dataclasses import replace
from time import perf_counter

from bridge.frames.frame import Frame
from bridge.frames.mailbox import Mailbox

HELD = 0.25  # seconds after which a held frame is sent again to a sink that keeps the last one


class Outbox(Mailbox[Frame]):
    """Composed frames: the newest wins. Knows since when the sink lacks what was composed: one that
    is slow, fails or is missing lacks it until it has sent that frame or a newer one.
    """

    def __init__(self) -> None:
        super().__init__(1)
        self._has = -1  # index of the frame that the sink has
        self._owed: float | None = None  # since when it lacks the frame it is sending
        self._waits: float | None = None  # since when it lacks the one that waits

    def put(self, item: Frame) -> None:
        """Add the newest frame. It is owed from now on, unless the sink has the same image."""
        with self._changed:
            if self._waits is None and item.index != self._has:
                self._waits = perf_counter()
            if self._items and self._items[-1].fresh and self._items[-1].time == item.time:
                item = replace(item, fresh=True)  # the same frame, a step of a fade later
            super().put(item)

    def fetch(self) -> list[Frame]:
        """The frame to send, if there is one. The sink's thread."""
        with self._changed:
            frames = self.take(1)
            if self._owed is None:
                self._owed = self._waits
            self._waits = None
            return frames

    def failed(self) -> None:
        """The sink refused the frame, and may have lost the last one. The sink's thread."""
        with self._changed:
            self._has = -1
            if self._owed is None:
                self._owed = perf_counter()

    def lacking(self, now: float) -> float:
        """For how many seconds the sink has lacked what was composed; 0 while it has it."""
        with self._changed:
            since = [time for time in (self._owed, self._waits) if time is not None]
            return max(0.0, now - min(since, default=now))

    def sent(self, frame: Frame) -> float:
        """The sink has it now; for how many seconds it lacked it. The sink's thread."""
        with self._changed:
            since, self._owed, self._has = self._owed, None, frame.index
            return perf_counter() - since if since is not None else 0.0
