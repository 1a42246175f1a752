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


def explained(error: BaseException, *expected: type[Exception]) -> str:
    """An error in one sentence. One that is not of the `expected` kinds, whose texts are sentences
    for users, is logged with its traceback.
    """
    if isinstance(error, expected):
        return str(error)
    log.error("unexpected in %s", threading.current_thread().name, exc_info=error)
    return f"{type(error).__name__}: {error}{logs.see()}"
