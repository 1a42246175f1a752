"""What arrives between two looks: per parameter the newest datagram, all others in their order.

A flood of one fader is thinned here, by its raw bytes, before anything is parsed: that keeps
50,000 messages a second from starving the rest of the process. What cannot be thinned is done as
far as the allowance goes, the newest first.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from itertools import count
from time import perf_counter, time
from typing import TypeAlias

from bridge.control.osc.packets import BUNDLE, HEAD
from bridge.control.osc.patterns import LONGEST, WILD

Sender: TypeAlias = tuple[str, int]
Item: TypeAlias = tuple[bytes, Sender]

QUESTION = b",s\x00\x00?\x00\x00\x00"
WILD_BYTES = frozenset("".join(WILD).encode())
NTP = 2_208_988_800  # seconds from 1900 to 1970
FURTHEST = 5.0  # seconds ahead that a time tag is honoured
MOST_LATER = 1000  # bundles kept for later
MOST_LATER_EACH = 250  # of them from one sender
MOST_LATER_BYTES = 4 << 20
# What is done in one look, where one is a message that is parsed and done: some 15 µs.
EACH = 128  # for one sender
ALL = 512  # for all senders
LITTLE = 8  # a sender that has not had so much yet has room where others took all


class Allowance:
    """What may still be done in this look, for each sender and for all together."""

    def __init__(self) -> None:
        self._left: dict[Sender, int] = {}
        self._all = ALL

    def renew(self) -> None:
        """Begin a look."""
        self._left.clear()
        self._all = ALL

    def has(self, sender: Sender) -> bool:
        """Whether more may be done for a sender; the last thing may cost more than is left."""
        left = self._left.get(sender, EACH)
        return left > 0 and self._all > (-ALL if left > EACH - LITTLE else 0)

    def spend(self, sender: Sender, cost: int) -> None:
        """Something was done for a sender."""
        cost = min(cost, EACH)
        self._left[sender] = self._left.get(sender, EACH) - cost
        self._all -= cost


class Inbox:
    """Filled and emptied by one thread.

    Only messages that set a parameter are thinned, by an address or by a pattern, and never across
    one of another kind: of `vace 1, reset, vace 2` nothing may go. Older datagrams of an address
    are kept unparsed until the newest has proved to be good, so that a damaged one cannot take a
    good value with it. Questions are answered with what holds then, so their place is of no matter.
    """

    def __init__(self, thinned: Iterable[bytes], others: Iterable[bytes] = ()) -> None:
        """`thinned` are the addresses of which only the newest message counts, `others` those at
        which something is done each time.
        """
        self._thinned = frozenset(thinned)
        self._known = self._thinned.union(others)
        self._newest: dict[Hashable, list[Item]] = {}
        self._ready: list[tuple[Hashable, list[Item]]] = []

    def add(self, data: bytes, sender: Sender) -> None:
        """Keep a datagram."""
        if data.startswith(BUNDLE):
            data = _unwrapped(data)
        address = address_of(data)
        if data.endswith(QUESTION) and not data.startswith(BUNDLE):
            self._newest[data, sender] = [(data, sender)]
            return
        if address not in self._thinned and WILD_BYTES.isdisjoint(address):
            self._seal()
            self._ready.append((address, [(data, sender)]))
            return
        versions = self._newest.pop(address, None)
        if versions is None:
            versions = []
        versions.append((data, sender))
        # Taken out and put in again: the order of the newest is what the senders meant.
        self._newest[address] = versions

    def take(self) -> list[list[Item]]:
        """All that came since the last time, in order; of each the versions, newest last."""
        return [versions for _, versions in self._taken()]

    def afford(
        self, allowance: Allowance, cost: Callable[[bytes], int]
    ) -> tuple[list[list[Item]], list[Item]]:
        """The same, and what is left out because its sender asks for more than may be done in one
        look. The newest message of every known address is never left out, and costs nothing: no
        flood takes a fader's last value, nor the panic button.
        """
        kept: list[list[Item]] = []
        left: list[Item] = []
        seen: set[Hashable] = set()
        for key, versions in reversed(self._taken()):
            data, sender = versions[-1]
            if key in self._known and key not in seen:
                seen.add(key)
            elif allowance.has(sender):
                allowance.spend(sender, cost(data))
            else:
                left += versions
                continue
            kept.append(versions)
        kept.reverse()
        return kept, left

    def _taken(self) -> list[tuple[Hashable, list[Item]]]:
        self._seal()
        ready, self._ready = self._ready, []
        return ready

    def _seal(self) -> None:
        if self._newest:
            self._ready += self._newest.items()
            self._newest = {}


def address_of(data: bytes) -> bytes:
    """The address of a message, unparsed; empty where it is too long to mean anything."""
    return data[: max(0, data.find(b"\x00", 0, LONGEST + 1))]


def _unwrapped(data: bytes) -> bytes:
    """A bundle of one message is that message: some programs send no other."""
    inner = data[HEAD + 4 :]
    if not inner.startswith(b"/"):
        return data
    return inner if int.from_bytes(data[HEAD : HEAD + 4], "big") == len(inner) else data


class Later:
    """Bundles whose time has not come; bounded, and nothing ever waits for it."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Item]] = []
        self._count = count()
        self._bytes = 0
        self._of: Counter[Sender] = Counter()

    def add(self, data: bytes, sender: Sender) -> bool:
        """Keep a bundle that is tagged up to five seconds ahead; False when it is for now, and
        when there, or for this sender, is no room.

        The tag of the outermost bundle holds for all that is in it.
        """
        if not data.startswith(BUNDLE) or len(data) < HEAD or not self._room(data, sender):
            return False
        # The wall clock is asked once: what it does later moves nothing that waits here.
        ahead = int.from_bytes(data[8:HEAD], "big") / 2**32 - NTP - time()
        if not 0 < ahead <= FURTHEST:
            return False
        heapq.heappush(self._heap, (perf_counter() + ahead, next(self._count), (data, sender)))
        self._bytes += len(data)
        self._of[sender] += 1
        return True

    @property
    def wait(self) -> float | None:
        """Seconds until the first is due; None when there is none."""
        return max(0.0, self._heap[0][0] - perf_counter()) if self._heap else None

    def due(self) -> list[Item]:
        """Those whose time has come."""
        found: list[Item] = []
        while self._heap and self._heap[0][0] <= perf_counter():
            data, sender = heapq.heappop(self._heap)[2]
            self._bytes -= len(data)
            self._of[sender] -= 1
            if not self._of[sender]:
                del self._of[sender]
            found.append((data, sender))
        return found

    def _room(self, data: bytes, sender: Sender) -> bool:
        return (
            len(self._heap) < MOST_LATER
            and self._of[sender] < MOST_LATER_EACH
            and self._bytes + len(data) <= MOST_LATER_BYTES
        )
