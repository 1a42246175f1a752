"""Breaker: decides when a dead worker is restarted, and when not for a while.

Pure logic: no clock, no thread. Times are in seconds of any one clock.
"""

from collections import deque

DEATHS, WITHIN = 3, 60.0  # this many deaths within so many seconds open the breaker
BACKOFF = 0.0, 1.0, 2.0  # seconds until the next start after one, two, three deaths
RETRY = 60.0  # seconds until the next start while the breaker is open
APART = 0.5  # seconds between starts when workers are killed on request as soon as they run


class Breaker:
    """Called by one thread; `open` may be read from any."""

    def __init__(self, settle: float) -> None:
        """A worker that has run for `settle` seconds clears the count of deaths."""
        self.open = False
        self._settle = settle
        self._deaths: deque[float] = deque(maxlen=DEATHS)
        self._next: float | None = None  # when to start a worker

    def died(self, now: float) -> None:
        """A worker died by itself or could not be started."""
        if self._deaths and now - self._deaths[0] > WITHIN:
            self._deaths.popleft()
        self._deaths.append(now)
        if len(self._deaths) == DEATHS and now - self._deaths[0] <= WITHIN:
            self.open, self._next = True, now + RETRY
        else:
            self._next = now + BACKOFF[len(self._deaths) - 1]

    def dismissed(self, started: float, now: float) -> None:
        """A worker was killed on request: it is replaced and does not count, however often this
        happens.
        """
        self._next = max(now, started + APART)

    def runs(self, seconds: float) -> bool:
        """Whether a worker up for `seconds` runs well; that clears the count of deaths."""
        well = seconds > self._settle
        if well:
            self._deaths.clear()
        return well

    def due(self, now: float) -> bool:
        """Whether a worker should be started now."""
        return self._next is not None and now >= self._next

    def starting(self) -> None:
        """A due start is being attempted."""
        self._next = None

    def started(self) -> None:
        """The worker runs."""
        self.open = False

    def reset(self) -> None:
        """A worker was requested: start from zero."""
        self._deaths.clear()
        self.open, self._next = False, None
