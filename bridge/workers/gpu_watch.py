"""How warm, full and slowed the GPU of the engine is, for the state: asked of the driver aside."""

import threading
from collections.abc import Sequence
from time import perf_counter

from engine.system import devices
from engine.system.devices import Gpu, Load

EVERY = 1.0  # seconds between two questions
STALE = 10.0  # seconds until the answer of a driver that hangs counts no more


class GpuWatch:
    """Asks the driver while somebody reads the state, in a thread of its own. Any thread may call
    `now`, which never waits.
    """

    def __init__(self, found: Sequence[Gpu], number: int | None) -> None:
        """`found` are the GPUs of this machine, `number` the user's choice; ValueError if it is
        not among them.
        """
        self._found = found
        self._chosen = devices.chosen(number, found)
        self._load = Load()
        self._asked = self._answered = float("-inf")
        self._lock = threading.Lock()

    def now(self, device: str) -> Load:
        """The last answer for the chosen GPU, or else the one named `device`; an empty `Load`
        without one or before the first answer.
        """
        gpu = self._chosen or next((gpu for gpu in self._found if gpu.name == device), None)
        if gpu is None:
            return Load()
        now = perf_counter()
        with self._lock:
            waits = self._asked > self._answered
            if not waits and now - self._asked > EVERY:
                self._asked = now
                threading.Thread(
                    target=self._ask, args=(gpu.number,), name="GPU load", daemon=True
                ).start()
            return Load() if waits and now - self._asked > STALE else self._load

    def _ask(self, number: int) -> None:
        load = devices.load_of(number)
        with self._lock:
            self._load, self._answered = load, perf_counter()
