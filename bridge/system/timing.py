"""Clocks and rates. Time is `perf_counter` everywhere: `monotonic` steps by 15 ms on Windows.

Where a test must not wait, the caller passes `now`, as to `OutputClock.tick`.
"""

import time
from collections import deque
from time import perf_counter


class Ticker:
    """A steady beat that does not drift: `wait` returns at the next tick.

    After a stall of more than one period the beat restarts; nothing is caught up.
    """

    def __init__(self, rate: float) -> None:
        self.period = 1 / rate
        self._next = perf_counter() + self.period

    def wait(self) -> float:
        """Sleep until the next tick and return the time it was due."""
        due = self._next
        now = perf_counter()
        if due > now:
            # Sleeping is late by up to a millisecond; that is 6 % of a tick and costs no CPU.
            time.sleep(due - now)
        elif now - due > self.period:
            due = now
        self._next = due + self.period
        return due


class Deadline:
    """When the next of a series of evenly spaced events is due, for callers that do not sleep."""

    def __init__(self, rate: float) -> None:
        self._period = 1 / rate
        self._due = perf_counter()

    def left(self, now: float) -> float:
        """Seconds until the event is due; negative when it is late."""
        return self._due - now

    def next(self, now: float) -> None:
        """The event happened. After a stall the series restarts; nothing is caught up."""
        self._due = max(self._due + self._period, now)


class Rhythm:
    """When to look for the next of a series of events that only a look can find: not at all while
    it cannot be due, and often when it is.

    Only an even series is known that well. An event that was already there after a long pause may
    have come at any time during it, so the series counts as uneven until it has proved otherwise.
    """

    USUAL, OFTEN = 0.001, 0.0004  # seconds between looks: in general, and when an event is due
    KNOWN = 8  # gaps that are compared
    EVEN = 0.004  # seconds by which the gaps of an even series differ at most
    EARLY = 0.0005  # seconds by which an event may be earlier than they say

    def __init__(self) -> None:
        self._gaps: deque[float] = deque(maxlen=self.KNOWN)
        self._came = float("-inf")
        self._blind = False  # during the pause before this look

    def came(self, now: float) -> None:
        """A look has found an event."""
        if self._blind:
            self._gaps.clear()
        else:
            self._gaps.append(now - self._came)
        self._came, self._blind = now, False

    def pause(self, now: float) -> float:
        """Seconds until the next look, if this one has found nothing."""
        self._blind = False
        if len(self._gaps) < self.KNOWN:
            return self.USUAL
        shortest, longest = min(self._gaps), max(self._gaps)
        margin = (longest - shortest) / 2 + self.EARLY
        if longest - shortest > self.EVEN or now > self._came + longest + margin:
            return self.USUAL
        left = self._came + shortest - margin - now
        self._blind = left > self.USUAL
        return left if self._blind else self.OFTEN


class Tokens:
    """A token bucket: how often something may happen. It holds at most `MOST` tokens and gains
    `rate` a second and a little, so that events which come slightly unevenly at that rate all have
    one. Without the surplus, a series at exactly that rate which has once emptied it, after a
    stall, would find each token as late as the first.
    """

    MOST = 2
    SURPLUS = 1.01

    def __init__(self, rate: float) -> None:
        self._rate = rate * self.SURPLUS
        self._count, self._at = float(self.MOST), float("-inf")

    def ahead(self, now: float) -> float:
        """Seconds until there is a token; 0 if there is one."""
        return max(0.0, (1 - self._counted(now)) / self._rate)

    def use(self, now: float) -> None:
        """Take one token, which must be there."""
        self._count, self._at = self._counted(now) - 1, now

    def _counted(self, now: float) -> float:
        return min(self.MOST, self._count + (now - self._at) * self._rate)


class Rate:
    """Events per second over the last `span` seconds. Those that come together, as the frames of a
    block do, came during the time since the block before them.
    """

    SLOWEST = 30.0  # seconds between events that still have a rate

    def __init__(self, span: float = 2.0) -> None:
        self._span = span
        self._blocks: deque[tuple[float, int]] = deque(maxlen=1000)

    def tick(self, now: float | None = None, count: int = 1) -> None:
        """Count one event, or a block of `count` events."""
        self._blocks.append((perf_counter() if now is None else now, count))

    @property
    def age(self) -> float:
        """Seconds since the last event; 0 if there was none."""
        return perf_counter() - self._blocks[-1][0] if self._blocks else 0.0

    @property
    def value(self) -> float:
        """Events per second; 0 if none came recently."""
        blocks, now = list(self._blocks), perf_counter()
        recent = [block for block in blocks if now - block[0] <= self._span]
        if len(recent) < 2:  # slow ones: the last gap, unless it should have ended long ago
            recent = blocks[-2:]
            usual = recent[-1][0] - recent[0][0] if recent else 0.0
            if not 0 < usual <= self.SLOWEST or now - recent[-1][0] > 2 * usual:
                return 0.0
        gaps = len(recent) - 1
        # The end of the last gap is unknown: count it once it is longer than usual.
        gap = max((recent[-1][0] - recent[0][0]) / gaps, (now - recent[-1][0]) / 2)
        return sum(count for _, count in recent[1:]) / gaps / gap if gap > 0 else 0.0


class Quantiles:
    """Exact quantiles of the values of the last `span` seconds (at most 2000 of them), and of the
    last one at least.
    """

    def __init__(self, span: float = 2.0) -> None:
        self._span = span
        self._values: deque[tuple[float, float]] = deque(maxlen=2000)

    def add(self, value: float) -> None:
        """Add one value, now."""
        self._values.append((perf_counter(), value))

    def at(self, *quantiles: float) -> list[float]:
        """The values at the given quantiles (0 to 1); zeros before the first."""
        values, since = list(self._values), perf_counter() - self._span
        if not values:
            return [0.0] * len(quantiles)
        recent = sorted(value for seen, value in values if seen >= since) or [values[-1][1]]
        return [recent[min(len(recent) - 1, int(q * len(recent)))] for q in quantiles]
