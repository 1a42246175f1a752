"""Calls that may never return, into drivers, plug-ins and disks: made aside, with a deadline."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from time import perf_counter
from typing import Any, TypeVar, cast

T = TypeVar("T")


class SlowError(Exception):
    """A call has not returned yet; the text is one sentence."""


class Aside:
    """Makes each call in a thread of its own, one at a time for each name: a call that never
    returns costs one thread, however often it is asked for. Any thread may ask.
    """

    def __init__(self) -> None:
        self._running: dict[str, tuple[float, Future[Any]]] = {}
        self._lock = threading.Lock()

    def ask(self, name: str, call: Callable[[], T], patience: float) -> T:
        """What `call` gives or raises; SlowError where that takes longer than `patience` seconds.
        Whoever asks for the same name meanwhile is given the same, and does not wait for what has
        been waited for in vain.
        """
        with self._lock:
            began, promise = self._running.get(name, (0.0, None))
            if promise is None or promise.done():
                began, promise = perf_counter(), Future[Any]()
                self._running[name] = began, promise
                threading.Thread(target=_keep, args=(promise, call), name=name, daemon=True).start()
        try:
            return cast(T, promise.result(max(0.0, began + patience - perf_counter())))
        except TimeoutError:
            if promise.done():  # a TimeoutError of the call's own
                raise
        raise SlowError(f"{name} has not answered for {perf_counter() - began:.1f} s.")


def _keep(promise: "Future[Any]", call: Callable[[], object]) -> None:
    try:
        promise.set_result(call())
    except BaseException as error:  # noqa: BLE001 - raised again by whoever asks
        promise.set_exception(error)
