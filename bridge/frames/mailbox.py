"""A bounded queue between two threads in which the newest wins."""

import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """`put` never waits; items lost unread are counted in `dropped`.

    `size` is the number of items kept. Any thread may call any method.
    """

    def __init__(self, size: int) -> None:
        self._items: deque[T] = deque(maxlen=size)
        self._size = size
        self._changed = threading.Condition()
        self._last: T | None = None
        self.dropped = 0

    def put(self, item: T) -> None:
        """Add the newest item; the oldest is dropped if there is no room."""
        with self._changed:
            self.dropped += len(self._items) == self._size
            self._items.append(item)
            self._last = item
            self._changed.notify_all()

    @property
    def newest(self) -> T | None:
        """The last item put, taken or not; None if there was none."""
        return self._last

    def wait(self, count: int, timeout: float) -> int:
        """Wait for `count` items or `timeout` seconds; returns how many are waiting."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._items) >= count, timeout)
            return len(self._items)

    def take(self, count: int) -> list[T]:
        """Take `count` items: spread evenly over those waiting, oldest first, newest included.

        If fewer are waiting, the newest is repeated. The queue is empty afterwards, and items
        skipped are counted as dropped. Empty if there was never an item.
        """
        with self._changed:
            waiting = list(self._items)
            self._items.clear()
            if not waiting and self._last is not None:
                waiting = [self._last]
            if not waiting or count == 0:
                return []
            places = spread(len(waiting), count)
            self.dropped += max(0, len(waiting) - count)
            return [waiting[place] for place in places]


def spread(waiting: int, count: int) -> list[int]:
    """Indices of `count` out of `waiting` items: evenly spread, ascending, the last included."""
    if waiting <= count:
        return [*range(waiting), *[waiting - 1] * (count - waiting)]
    return [(place + 1) * waiting // count - 1 for place in range(count)]
