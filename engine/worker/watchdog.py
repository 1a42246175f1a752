"""The worker's own watchdog: it ends the process if work gives no sign of life for too long.
`Limits` in `engine/system/overdue.py` sets the limit.
"""

import faulthandler
import os
import threading
from collections.abc import Generator
from contextlib import contextmanager
from time import perf_counter, sleep

from engine.ipc.messages import Exit
from engine.system.overdue import Overdue

STDERR = 2  # the descriptor: the bridge reads it even if sys.stderr is replaced
LOOK = 0.2  # seconds between checks for a hang
FIRST = 60.0  # seconds, until a limit is set
STACKS = 1.5  # seconds beyond the limit, less than the bridge waits


class Watchdog:
    """Ends this process, with all stacks on stderr, if work gives no sign of life for too long.

    A thread checks: unlike a timer it notices when it was suspended itself; a timer would end a
    healthy process on waking. A call that blocks the interpreter blocks that thread too: then a
    timer writes the stacks, and the bridge ends the silent process. Unless `armed` it does nothing:
    a worker that is a thread of the bridge must not end it.
    """

    def __init__(self, *, armed: bool) -> None:
        self._overdue = Overdue(FIRST, perf_counter())
        self._working = False
        self._armed = armed
        if armed:
            threading.Thread(target=self._watch, name="hang", daemon=True).start()

    @contextmanager
    def within(self, seconds: float) -> Generator[None]:
        """Work inside may take this long between two calls of `reset`."""
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
        """There was progress: the time starts again."""
        self._overdue.sign(perf_counter())

    def _watch(self) -> None:
        """The thread "hang"."""
        while True:
            sleep(LOOK)
            working = self._working  # read first: the time restarts when work does
            late = self._overdue.late(perf_counter())  # at every check, or it would seem suspended
            if working and late:
                faulthandler.dump_traceback(STDERR)
                os._exit(Exit.BROKE)
            self._set_timer()

    def _set_timer(self) -> None:
        """Only for the stacks: it fires if the thread does not run in time."""
        if self._armed:
            faulthandler.dump_traceback_later(self._overdue.limit + STACKS, file=STDERR)
