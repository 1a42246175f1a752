"""Slow calls, to a disk or for a long computation, made beside a stream that must not wait."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from time import perf_counter
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Errands(Generic[T]):
    """Calls made one after the other in a separate thread, each identified by a key. All methods
    are called from one thread; only `taken` waits, at most its `patience`.
    """

    def __init__(self, name: str, most: int) -> None:
        """`name` is the thread's name; beyond `most` calls, the oldest are dropped."""
        self._most = most
        self._asked: OrderedDict[Hashable, tuple[float, Future[T]]] = OrderedDict()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)

    def ask(self, key: Hashable, call: Callable[[], T]) -> None:
        """Have the call made, unless it is already pending."""
        if key in self._asked:
            return
        self._asked[key] = perf_counter(), self._thread.submit(call)
        while len(self._asked) > self._most:
            self._asked.popitem(last=False)[1][1].cancel()

    def taken(self, key: Hashable, patience: float | None = 0.0) -> "Future[T] | None":
        """The result of a call, returned once; None if it is not done within `patience` seconds
        (None: wait without limit).
        """
        future = self._asked[key][1]
        if not future.done() and patience != 0:
            wait([future], patience)
        if not future.done():
            return None
        del self._asked[key]
        return future

    def __contains__(self, key: Hashable) -> bool:
        """Whether the call has been asked for and its result not returned yet."""
        return key in self._asked

    @property
    def done(self) -> list[Hashable]:
        """The keys of finished calls whose result has not been returned yet."""
        return [key for key, (_, future) in self._asked.items() if future.done()]

    def leave(self) -> None:
        """Drop all calls except the one in progress."""
        for key, (_, future) in [*self._asked.items()]:
            if future.cancel():
                del self._asked[key]

    @property
    def waiting(self) -> int:
        """Number of unfinished calls."""
        return sum(not future.done() for _, future in self._asked.values())

    @property
    def longest(self) -> float:
        """Seconds since the oldest of those calls was asked for; 0 if there are none."""
        now = perf_counter()
        undone: list[Any] = [now - began for began, each in self._asked.values() if not each.done()]
        return max(undone, default=0.0)

    def close(self) -> None:
        """End the thread after its current call; the others are dropped."""
        self._thread.shutdown(wait=False, cancel_futures=True)
