"""What an OSC message asks for that may wait for a disk: done beside the thread that listens."""

import queue
import threading
from collections.abc import Callable

LONGEST_LIST = 64  # errands that may wait


class Errands:
    """One thread that does one thing after the other; it ends with the process."""

    def __init__(self) -> None:
        self._waiting: queue.Queue[Callable[[], object]] = queue.Queue(LONGEST_LIST)
        self._thread = threading.Thread(target=self._run, name="OSC errands", daemon=True)

    def put(self, errand: Callable[[], object]) -> bool:
        """Have it done soon, in order; False where too many wait. Never waits itself."""
        if not self._thread.is_alive():
            self._thread.start()
        try:
            self._waiting.put_nowait(errand)
        except queue.Full:
            return False
        return True

    def _run(self) -> None:
        while True:
            self._waiting.get()()
