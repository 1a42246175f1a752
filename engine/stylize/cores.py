"""How many threads the network may use: those that nothing else on this machine needs."""

import os
from time import monotonic, process_time

import psutil

EVERY = 2.0  # seconds between measurements
RISES = 3  # measurements in a row that must allow more threads; a single one takes them away
MOST = 4  # threads; more gain little, as not every layer divides well
RESERVED = 1.0  # cores left free: the bridge's frame path comes first


def cores() -> int:
    """Physical cores that this process may use: two threads of one core share its vector units."""
    allowed = getattr(os, "sched_getaffinity", None)
    usable = len(allowed(0)) if allowed else os.cpu_count() or 1
    return min(usable, psutil.cpu_count(logical=False) or usable)


class SpareCores:
    """The number of threads, measured again every `EVERY` seconds; one until it is known better.

    Call it for each frame. What other processes use is taken from the cores; a thread is added only
    if it stays free for several measurements, so that the network is seldom rebuilt.
    """

    def __init__(self) -> None:
        self._cores = cores()
        self._threads, self._allowed = 1, [1] * RISES
        self._when, self._own = monotonic(), process_time()
        psutil.cpu_percent()  # the next call measures from here

    def __call__(self) -> int:
        """Threads, from 1 to `MOST`."""
        now = monotonic()
        if now - self._when >= EVERY:
            own = process_time()
            busy = psutil.cpu_percent() / 100 * (psutil.cpu_count() or self._cores)
            self.measured(busy - (own - self._own) / (now - self._when))
            self._when, self._own = now, own
        return self._threads

    def measured(self, others: float) -> None:
        """Other processes used that many cores."""
        fits = max(1, min(MOST, int(self._cores - RESERVED - others + 1e-6)))
        self._allowed = [*self._allowed[1:], fits]
        self._threads = max(min(self._allowed), min(self._threads, fits))
