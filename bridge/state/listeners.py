"""Who hears of changes: every listener of each, in their order, and none can break another.

Whoever sets puts its change into each listener's line, and then hands on what stands in the lines.
One thread at a time does so for a listener; another leaves its change in the line, where that one
finds it, and goes on. So all have heard of a change when `update` returns, but for a listener that
another thread is calling at that moment; and one that does not return keeps nobody but the thread
that called it. That thread is not kept by the others' changes for long: to make one takes longer
than to hand it on.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import TypeAlias

from bridge.state.change import Change
from bridge.system.faults import Faults

log = logging.getLogger(__name__)

MOST = 1024  # changes that wait for a listener; what comes beyond becomes one with the last

Listener: TypeAlias = Callable[[Change], None]


class Listeners:
    """Any thread may call any method but `put`, whose caller sees to the order. What a listener
    raises is logged where it is the first of its kind, and counted in `faults`.
    """

    def __init__(self) -> None:
        self.faults = Faults()
        self._lines: tuple[_Line, ...] = ()
        self._lock = threading.Lock()

    @property
    def joined(self) -> int:
        """How many changes had to become one with another, for listeners that are behind."""
        return sum(line.joined for line in self._lines)

    def add(self, listener: Listener) -> None:
        """Let `listener` hear of every change from now on."""
        with self._lock:
            self._lines = (*self._lines, _Line(listener, self.faults))

    def put(self, change: Change) -> None:
        """Put a change into every line. Never waits."""
        for line in self._lines:
            line.put(change)

    def hand_on(self) -> None:
        """Call the listeners that nobody is calling with what waits for them."""
        for line in self._lines:
            line.hand_on()


class _Line:
    """One listener, and the changes that it has still to hear of."""

    def __init__(self, listener: Listener, faults: Faults) -> None:
        self.joined = 0
        self._listener = listener
        self._name = getattr(listener, "__qualname__", repr(listener))
        self._faults = faults
        self._told = False  # that it is behind
        self._waiting: deque[Change] = deque()
        self._lock = threading.Lock()  # of what waits
        self._calling = threading.Lock()  # held by who calls the listener

    def put(self, change: Change) -> None:
        with self._lock:
            if len(self._waiting) >= MOST:
                change = self._waiting.pop().then(change)
                self.joined += 1
            self._waiting.append(change)

    def hand_on(self) -> None:
        # Asked again after the lock is let go: what was put meanwhile was left to this thread.
        while self._waiting and self._calling.acquire(blocking=False):
            try:
                while change := self._next():
                    self._call(change)
            finally:
                self._calling.release()
        if self.joined and not self._told:
            self._told = True
            log.error("%s is behind by %d changes; those that come are joined", self._name, MOST)

    def _next(self) -> Change | None:
        with self._lock:
            return self._waiting.popleft() if self._waiting else None

    def _call(self, change: Change) -> None:
        try:
            self._listener(change)
        except Exception as error:  # noqa: BLE001 - of one listener: who sets and all others go on
            self._faults.tell(f"{self._name} failed on a change of the parameters", error)
