"""The worker's own watchdog: it ends the process where work gives no sign for too long. How long
that is says `Limits` in `engine/system/overdue.py`.
"""

import faulthandler
import os
import threading
from collections.abc import Generator
from contextlib import contextmanager
from time import perf_counter, sleep

from engine.ipc.messages import Exit
from engine.system.overdue import Overdue

STDERR = 2  # the descriptor: whoever replaces sys.stderr, the bridge still reads it
LOOK = 0.2  # seconds between looks at what may hang
FIRST = 60.0  # seconds, until a limit is given
STACKS = 1.5  # seconds beyond the limit, within those that the bridge waits beyond it


class Watchdog:
    """Ends this process, with all stacks on stderr, when work gives no sign for too long.

    A thread looks: it knows when it slept itself, as a timer does not, which would end a healthy
    process the moment it wakes. What holds the interpreter holds that thread too: then a timer
    writes the stacks, and the bridge ends the process for its silence. Where this is not `armed`
    nothing is done: a worker that is a thread of the bridge must not end it.
    """

    def __init__(self, *, armed: bool) -> None:
        self._overdue = Overdue(FIRST, perf_counter())
        self._working = False
        self._armed = armed
        if armed:
            threading.Thread(target=self._watch, name="hang", daemon=True).start()

    @contextmanager
    def within(self, seconds: float) -> Generator[None]:
        """What is done in here may take so long from one `reset` to the next."""
        if seconds != self._overdue.limit:
            self._overdue.limit = seconds
            self._set_timer()
        self.reset()
        self._working = True
        try:
            yield
        finally:
            self._working = False

    def reset(self) -> None:
        """There was progress: the time starts anew."""
        self._overdue.sign(perf_counter())

    def _watch(self) -> None:
        """The thread "hang"."""
        while True:
            sleep(LOOK)
            working = self._working  # before the time, which begins anew when work does
            late = self._overdue.late(perf_counter())  # at every look, or it would seem to sleep
            if working and late:
                faulthandler.dump_traceback(STDERR)
                os._exit(Exit.BROKE)
            self._set_timer()

    def _set_timer(self) -> None:
        """For the stacks alone: it fires only where the thread does not come to look again."""
        if self._armed:
            faulthandler.dump_traceback_later(self._overdue.limit + STACKS, file=STDERR)
