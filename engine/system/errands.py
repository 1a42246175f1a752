"""Slow calls (a disk, a long sum) in a thread of their own, beside a stream that must not wait."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from time import perf_counter
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Errands(Generic[T]):
    """Calls made one after the other in a thread of their own, each known by what it is for. All
    methods are called from one thread; only `taken` waits, and no longer than it is told to.
    """

    def __init__(self, name: str, most: int) -> None:
        """`name` is that of the thread; of more than `most` calls, those asked for first go."""
        self._most = most
        self._asked: OrderedDict[Hashable, tuple[float, Future[T]]] = OrderedDict()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)

    def ask(self, key: Hashable, call: Callable[[], T]) -> None:
        """Have the call made, unless it is asked for already."""
        if key in self._asked:
            return
        self._asked[key] = perf_counter(), self._thread.submit(call)
        while len(self._asked) > self._most:
            self._asked.popitem(last=False)[1][1].cancel()

    def taken(self, key: Hashable, patience: float | None = 0.0) -> "Future[T] | None":
        """What has come of a call that was asked for, handed out once; None where it is not done
        within `patience` seconds, None of which is for ever.
        """
        future = self._asked[key][1]
        if not future.done() and patience != 0:
            wait([future], patience)
        if not future.done():
            return None
        del self._asked[key]
        return future

    def __contains__(self, key: Hashable) -> bool:
        """Whether the call is asked for and not handed out yet."""
        return key in self._asked

    @property
    def done(self) -> list[Hashable]:
        """Those of which something has come that was not handed out yet."""
        return [key for key, (_, future) in self._asked.items() if future.done()]

    def leave(self) -> None:
        """Make no more of the calls, but for the one that is begun."""
        for key, (_, future) in [*self._asked.items()]:
            if future.cancel():
                del self._asked[key]

    @property
    def waiting(self) -> int:
        """How many calls are not done."""
        return sum(not future.done() for _, future in self._asked.values())

    @property
    def longest(self) -> float:
        """Seconds since the first of those calls was asked for; 0 where there is none."""
        now = perf_counter()
        undone: list[Any] = [now - began for began, each in self._asked.values() if not each.done()]
        return max(undone, default=0.0)

    def close(self) -> None:
        """End the thread after the call that it is in; the others are not made."""
        self._thread.shutdown(wait=False, cancel_futures=True)
