"""Delivers changes to listeners: every change to each, in order; none can break another.

A setting thread appends its change to each listener's queue, then delivers what is queued. Only one
thread at a time delivers to a listener; any other leaves its change in the queue for that thread
and continues. So when `update` returns, all listeners have seen the change, except one that another
thread is calling at that moment; and a listener that never returns blocks only the thread that
called it. That thread is not kept busy for long by other threads' changes: making a change takes
longer than delivering it.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import TypeAlias

from bridge.state.change import Change
from bridge.system.faults import Faults

log = logging.getLogger(__name__)

MOST = 1024  # changes queued for a listener; beyond that, a new one is merged with the last

Listener: TypeAlias = Callable[[Change], None]


class Listeners:
    """Any thread may call any method but `put`, whose caller ensures the order. The first error of
    each kind from a listener is logged; all are counted in `faults`.
    """

    def __init__(self) -> None:
        self.faults = Faults()
        self._lines: tuple[_Line, ...] = ()
        self._lock = threading.Lock()

    @property
    def joined(self) -> int:
        """How many changes were merged for slow listeners."""
        return sum(line.joined for line in self._lines)

    def add(self, listener: Listener) -> None:
        """Call `listener` with every change from now on."""
        with self._lock:
            self._lines = (*self._lines, _Line(listener, self.faults))

    def put(self, change: Change) -> None:
        """Queue a change for every listener. Never waits."""
        for line in self._lines:
            line.put(change)

    def hand_on(self) -> None:
        """Deliver queued changes to the listeners that no other thread is calling."""
        for line in self._lines:
            line.hand_on()


class _Line:
    """One listener and its queue of changes."""

    def __init__(self, listener: Listener, faults: Faults) -> None:
        self.joined = 0
        self._listener = listener
        self._name = getattr(listener, "__qualname__", repr(listener))
        self._faults = faults
        self._told = False  # whether being behind was logged
        self._waiting: deque[Change] = deque()
        self._lock = threading.Lock()  # of the queue
        self._calling = threading.Lock()  # held while calling the listener

    def put(self, change: Change) -> None:
        with self._lock:
            if len(self._waiting) >= MOST:
                change = self._waiting.pop().then(change)
                self.joined += 1
            self._waiting.append(change)

    def hand_on(self) -> None:
        # Checked again after the lock is released: changes put meanwhile are left to this thread.
        while self._waiting and self._calling.acquire(blocking=False):
            try:
                while change := self._next():
                    self._call(change)
            finally:
                self._calling.release()
        if self.joined and not self._told:
            self._told = True
            log.error("%s is %d changes behind; new changes are merged", self._name, MOST)

    def _next(self) -> Change | None:
        with self._lock:
            return self._waiting.popleft() if self._waiting else None

    def _call(self, change: Change) -> None:
        try:
            self._listener(change)
        except Exception as error:  # noqa: BLE001 - one listener must not stop the setter or the others
            self._faults.tell(f"{self._name} failed on a parameter change", error)
