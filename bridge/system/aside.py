"""Calls that may never return, into drivers, plug-ins and disks: made aside, with a deadline."""

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from functools import partial
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


class Disk:
    """Looks at one place on a disk that may sleep, or never answer: one at a time, each made aside.
    So a disk that hangs costs one thread, and whoever asks once it is known to hang does not wait.
    Any thread may ask.
    """

    def __init__(self, name: str) -> None:
        """`name` begins the sentence of a `SlowError`."""
        self._name = name
        self._aside = Aside()

    def ask(self, what: Hashable, look: Callable[[], T], patience: float) -> T:
        """What `look` gives or raises; SlowError where that, and what was looked at before it,
        takes longer than `patience` seconds. Who asks for the same `what` may be given the same.
        """
        until = perf_counter() + patience
        while True:
            left = max(0.0, until - perf_counter())
            seen, found, error = self._aside.ask(self._name, partial(_seen, what, look), left)
            if seen != what:  # that was somebody else's look
                continue
            if error is not None:
                raise error
            return cast(T, found)


def _seen(what: Hashable, look: Callable[[], object]) -> tuple[Hashable, object, Exception | None]:
    try:
        return what, look(), None
    except Exception as error:  # noqa: BLE001 - raised again by whoever asked for this
        return what, None, error


def _keep(promise: "Future[Any]", call: Callable[[], object]) -> None:
    try:
        promise.set_result(call())
    except BaseException as error:  # noqa: BLE001 - raised again by whoever asks
        promise.set_exception(error)
