"""A bounded place between two threads in which the newest wins."""

import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """`put` never waits; what fell out unread is counted in `dropped`.

    `size` is how many items are kept. Any thread may call any method.
    """

    def __init__(self, size: int) -> None:
        self._items: deque[T] = deque(maxlen=size)
        self._size = size
        self._changed = threading.Condition()
        self._last: T | None = None
        self.dropped = 0

    def put(self, item: T) -> None:
        """Add the newest item; the oldest falls out when there is no room."""
        with self._changed:
            self.dropped += len(self._items) == self._size
            self._items.append(item)
            self._last = item
            self._changed.notify_all()

    @property
    def newest(self) -> T | None:
        """The last item that was put, taken or not; None when there was never one."""
        return self._last

    def wait(self, count: int, timeout: float) -> int:
        """Wait until `count` items are there or `timeout` seconds passed; say how many are."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._items) >= count, timeout)
            return len(self._items)

    def take(self, count: int) -> list[T]:
        """Take `count` items: spread evenly over those waiting, oldest first, newest included.

        Where fewer wait, the newest is repeated; all waiting ones are gone afterwards, and those
        passed over are counted as dropped. Empty when there was never an item.
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
    """Which of `waiting` items to take for `count`: evenly spread, rising, the last included."""
    if waiting <= count:
        return [*range(waiting), *[waiting - 1] * (count - waiting)]
    return [(place + 1) * waiting // count - 1 for place in range(count)]
