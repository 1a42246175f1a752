"""What arrives between two looks: the newest datagram of each address, and the bundles in order.

A flood of one fader is thinned here, by its raw bytes, before anything is parsed: that keeps
50,000 messages a second from starving the rest of the process.
"""

import heapq
from itertools import count
from time import time
from typing import TypeAlias

Sender: TypeAlias = tuple[str, int]
Item: TypeAlias = tuple[bytes, Sender]

BUNDLE = b"#bundle\x00"
NTP = 2_208_988_800  # seconds from 1900 to 1970
FURTHEST = 5.0  # seconds ahead that a time tag is honoured
MOST_LATER = 1000  # bundles kept for later
MOST_KEYS = 4096  # different addresses and bundles between two looks


class Inbox:
    """Filled and emptied by one thread."""

    def __init__(self, ordered: frozenset[bytes]) -> None:
        """`ordered` are the addresses of which every single message counts: buttons."""
        self._ordered = ordered
        self._newest: dict[object, Item] = {}
        self._count = count()
        self.coalesced = 0

    def add(self, data: bytes, sender: Sender) -> None:
        """Keep a datagram; a newer one of the same address takes an older one's place."""
        key: object = data[: data.find(b"\x00")]
        if key == b"#bundle" or key in self._ordered or data.endswith(b"?\x00\x00\x00"):
            key = next(self._count)
        else:
            key = key, sender
        if key in self._newest:
            # Taken out and put in again: the order of the newest is what the sender meant.
            del self._newest[key]
            self.coalesced += 1
        self._newest[key] = data, sender

    @property
    def full(self) -> bool:
        """Whether it must be emptied before more is taken."""
        return len(self._newest) >= MOST_KEYS

    def take(self) -> list[Item]:
        """All that came since the last time, in order."""
        items = list(self._newest.values())
        self._newest.clear()
        return items


class Later:
    """Bundles whose time has not come; bounded, and nothing ever waits for it."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Item]] = []
        self._count = count()

    def add(self, data: bytes, sender: Sender) -> bool:
        """Keep a bundle that is tagged up to five seconds ahead; False when it is for now."""
        if not data.startswith(BUNDLE) or len(data) < 16 or len(self._heap) >= MOST_LATER:
            return False
        tag = int.from_bytes(data[8:16], "big")
        due = tag / 2**32 - NTP
        if tag == 1 or not 0 < due - time() <= FURTHEST:
            return False
        heapq.heappush(self._heap, (due, next(self._count), (data, sender)))
        return True

    @property
    def wait(self) -> float | None:
        """Seconds until the first is due; None when there is none."""
        return max(0.0, self._heap[0][0] - time()) if self._heap else None

    def due(self) -> list[Item]:
        """Those whose time has come."""
        found: list[Item] = []
        while self._heap and self._heap[0][0] <= time():
            found.append(heapq.heappop(self._heap)[2])
        return found
