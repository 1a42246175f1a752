"""Calls that may never return, into drivers, plug-ins and disks: in a thread, with a deadline."""

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
    """Makes each call in a thread of its own, one at a time per name: a call that never returns
    costs one thread, however often it is repeated. Any thread may ask.
    """

    def __init__(self) -> None:
        self._running: dict[str, tuple[float, Future[Any]]] = {}
        self._lock = threading.Lock()

    def ask(self, name: str, call: Callable[[], T], patience: float) -> T:
        """Return or raise the result of `call`; SlowError if it takes longer than `patience`
        seconds. Callers of the same name share the result, and do not wait again for a call that
        has already exceeded its time.
        """
        with self._lock:
            began, promise = self._running.get(name, (0.0, None))
            if promise is None or promise.done():
                began, promise = perf_counter(), Future[Any]()
                self._running[name] = began, promise
                threading.Thread(target=_keep, args=(promise, call), name=name, daemon=True).start()
        try:
            # cast: one name is one call
            return cast(T, promise.result(max(0.0, began + patience - perf_counter())))
        except TimeoutError:
            if promise.done():  # the call's own TimeoutError
                raise
        raise SlowError(f"{name} has not answered for {perf_counter() - began:.1f} s.")


class Disk:
    """Reads one place on a disk that may be asleep or never answer: one access at a time, in a
    thread. So a hanging disk costs one thread, and callers do not wait once it is known to hang.
    Any thread may ask.
    """

    def __init__(self, name: str) -> None:
        """`name` begins the sentence of a `SlowError`."""
        self._name = name
        self._aside = Aside()

    def ask(self, what: Hashable, look: Callable[[], T], patience: float) -> T:
        """Return or raise the result of `look`; SlowError if that, and the access before it, take
        longer than `patience` seconds. Callers with the same `what` may share a result.
        """
        until = perf_counter() + patience
        while True:
            left = max(0.0, until - perf_counter())
            seen, found, error = self._aside.ask(self._name, partial(_seen, what, look), left)
            if seen != what:  # another caller's access
                continue
            if error is not None:
                raise error
            return cast(T, found)  # the result of this access


def _seen(what: Hashable, look: Callable[[], object]) -> tuple[Hashable, object, Exception | None]:
    try:
        return what, look(), None
    except Exception as error:  # noqa: BLE001 - raised again in the caller
        return what, None, error


def _keep(promise: "Future[Any]", call: Callable[[], object]) -> None:
    try:
        promise.set_result(call())
    except BaseException as error:  # noqa: BLE001 - raised again in the caller
        promise.set_exception(error)
