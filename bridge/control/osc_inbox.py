"""What arrives between two looks: per parameter the newest datagram, all others in their order.

A flood of one fader is thinned here, by its raw bytes, before anything is parsed: that keeps
50,000 messages a second from starving the rest of the process.
"""

import heapq
from collections.abc import Iterable
from itertools import count
from time import perf_counter, time
from typing import TypeAlias

from bridge.control.osc_packets import BUNDLE

Sender: TypeAlias = tuple[str, int]
Item: TypeAlias = tuple[bytes, Sender]

QUESTION = b",s\x00\x00?\x00\x00\x00"
NTP = 2_208_988_800  # seconds from 1900 to 1970
FURTHEST = 5.0  # seconds ahead that a time tag is honoured
MOST_LATER = 1000  # bundles kept for later


class Inbox:
    """Filled and emptied by one thread.

    Only messages that set a parameter are thinned, and never across one of another kind: of
    `vace 1, reset, vace 2` nothing may go. Older datagrams of an address are kept unparsed until
    the newest has proved to be good, so that a damaged one cannot take a good value with it.
    """

    def __init__(self, thinned: Iterable[str]) -> None:
        """`thinned` are the addresses of which only the newest message counts."""
        self._thinned = frozenset(address.encode() for address in thinned)
        self._newest: dict[bytes, list[Item]] = {}
        self._ready: list[list[Item]] = []

    def add(self, data: bytes, sender: Sender) -> None:
        """Keep a datagram."""
        address = data[: data.find(b"\x00")]
        if address not in self._thinned or data.endswith(QUESTION):
            self._seal()
            self._ready.append([(data, sender)])
            return
        versions = self._newest.pop(address, None)
        if versions is None:
            versions = []
        versions.append((data, sender))
        # Taken out and put in again: the order of the newest is what the senders meant.
        self._newest[address] = versions

    def take(self) -> list[list[Item]]:
        """All that came since the last time, in order; of each the versions, newest last."""
        self._seal()
        ready, self._ready = self._ready, []
        return ready

    def _seal(self) -> None:
        if self._newest:
            self._ready += self._newest.values()
            self._newest = {}


class Later:
    """Bundles whose time has not come; bounded, and nothing ever waits for it."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Item]] = []
        self._count = count()

    def add(self, data: bytes, sender: Sender) -> bool:
        """Keep a bundle that is tagged up to five seconds ahead; False when it is for now.

        The tag of the outermost bundle holds for all that is in it.
        """
        if not data.startswith(BUNDLE) or len(data) < 16 or len(self._heap) >= MOST_LATER:
            return False
        # The wall clock is asked once: what it does later moves nothing that waits here.
        ahead = int.from_bytes(data[8:16], "big") / 2**32 - NTP - time()
        if not 0 < ahead <= FURTHEST:
            return False
        heapq.heappush(self._heap, (perf_counter() + ahead, next(self._count), (data, sender)))
        return True

    @property
    def wait(self) -> float | None:
        """Seconds until the first is due; None when there is none."""
        return max(0.0, self._heap[0][0] - perf_counter()) if self._heap else None

    def due(self) -> list[Item]:
        """Those whose time has come."""
        found: list[Item] = []
        while self._heap and self._heap[0][0] <= perf_counter():
            found.append(heapq.heappop(self._heap)[2])
        return found
