"""The stages of the frame path: steps repeated until the end, whatever goes wrong."""

import logging
import threading
from collections.abc import Callable

from bridge.system import logs

log = logging.getLogger(__name__)


def repeat(
    step: Callable[[], None],
    stopped: threading.Event,
    failed: Callable[[Exception], None],
    pause: float,
) -> None:
    """Call `step` until `stopped` is set. Its errors go to `failed`, and after `pause` seconds the
    next step begins: a stage's thread ends with the session and not before.
    """
    while not stopped.is_set():
        try:
            step()
        except Exception as error:  # noqa: BLE001 - from a driver, codec or plug-in: the show must go on
            failed(error)
            stopped.wait(pause)


class Loop:
    """A thread that repeats a step, which waits for work."""

    def __init__(
        self,
        name: str,
        step: Callable[[], None],
        failed: Callable[[Exception], None],
        pause: float,
    ) -> None:
        self.stopped = threading.Event()
        self._work = threading.Event()
        self._thread = threading.Thread(
            target=repeat, args=(step, self.stopped, failed, pause), name=name, daemon=True
        )

    def start(self) -> None:
        """Begin the first step."""
        self._thread.start()

    def stop(self, patience: float = 1.0) -> None:
        """Let the step that runs end, for these seconds at most, and begin no other."""
        self.stopped.set()
        self._work.set()
        if self._thread.is_alive():
            self._thread.join(patience)

    def wake(self) -> None:
        """There is work for the step."""
        self._work.set()

    def wait(self, most: float | None) -> None:
        """In the step: until there is work, or for these seconds at most."""
        self._work.wait(most)
        self._work.clear()


def explained(error: BaseException, *expected: type[Exception]) -> str:
    """An error in one sentence. One that is not of the `expected` kinds, whose texts are sentences
    for users, is logged with its traceback.
    """
    if isinstance(error, expected):
        return str(error)
    log.error("unexpected in %s", threading.current_thread().name, exc_info=error)
    return f"{type(error).__name__}: {error}{logs.see()}"
