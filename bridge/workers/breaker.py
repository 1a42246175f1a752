"""Breaker: when a worker that died is started again, and when not for a while.

It decides alone: it has no clock and no thread. Times are seconds of any one clock.
"""

from collections import deque

DEATHS, WITHIN = 3, 60.0  # so many deaths in so many seconds open the breaker
BACKOFF = 0.0, 1.0, 2.0  # seconds until the next start after one, two, three deaths
RETRY = 60.0  # seconds until the next start while the breaker is open
APART = 0.5  # seconds between the starts of workers that are asked to die as soon as they come


class Breaker:
    """One thread calls it; `open` may be read by any."""

    def __init__(self, settle: float) -> None:
        """A worker that has run for `settle` seconds ends what there was of deaths."""
        self.open = False
        self._settle = settle
        self._deaths: deque[float] = deque(maxlen=DEATHS)
        self._next: float | None = None  # when a worker is to be started

    def died(self, now: float) -> None:
        """A worker died by itself, or could not be started."""
        if self._deaths and now - self._deaths[0] > WITHIN:
            self._deaths.popleft()
        self._deaths.append(now)
        if len(self._deaths) == DEATHS and now - self._deaths[0] <= WITHIN:
            self.open, self._next = True, now + RETRY
        else:
            self._next = now + BACKOFF[len(self._deaths) - 1]

    def dismissed(self, started: float, now: float) -> None:
        """A worker died because somebody asked for that: it is replaced and counts for nothing,
        however often that is asked.
        """
        self._next = max(now, started + APART)

    def runs(self, seconds: float) -> bool:
        """Whether a worker that has run for so long runs well, which ends what there was."""
        well = seconds > self._settle
        if well:
            self._deaths.clear()
        return well

    def due(self, now: float) -> bool:
        """Whether a worker is to be started now."""
        return self._next is not None and now >= self._next

    def starting(self) -> None:
        """What was due is being tried."""
        self._next = None

    def started(self) -> None:
        """It is there, for as long as that lasts."""
        self.open = False

    def reset(self) -> None:
        """Somebody asked for a worker: all begins anew."""
        self._deaths.clear()
        self.open, self._next = False, None
