"""What arrives between two looks: per parameter the newest datagram, all others in their order.

A flood of one fader is thinned here, by its raw bytes, before anything is parsed: that keeps
50,000 messages a second from starving the rest of the process. What cannot be thinned is done as
far as the allowance goes, the newest first.
"""

import heapq
import math
from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from time import perf_counter, time
from typing import NamedTuple, TypeAlias

from bridge.control.osc.packets import BUNDLE, HEAD
from bridge.control.osc.patterns import LONGEST, WILD

Sender: TypeAlias = tuple[str, int]


class Item(NamedTuple):
    """A datagram. `turn` is the store's when it came, where some wait for their time; else 0."""

    data: bytes
    sender: Sender
    turn: int = 0


QUESTION = b",s\x00\x00?\x00\x00\x00"
WILD_BYTES = frozenset("".join(WILD).encode())
NTP = 2_208_988_800  # seconds from 1900 to 1970
AT_ONCE = 1  # the time tag for that; some programs send 0
SOON = 0.001  # seconds that are not worth a wait
FURTHEST = 1.0  # seconds that a bundle may wait for its time
LEAST_OF = 30.0  # seconds of which the least lead counts, and those before: clocks drift
MOST_CLOCKS = 256  # senders whose clocks are remembered
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

    def add(self, data: bytes, sender: Sender, turn: int = 0) -> None:
        """Keep a datagram."""
        if data.startswith(BUNDLE):
            data = _unwrapped(data)
        address, item = address_of(data), Item(data, sender, turn)
        if data.endswith(QUESTION) and not data.startswith(BUNDLE):
            self._newest[data, sender] = [item]
            return
        if address not in self._thinned and WILD_BYTES.isdisjoint(address):
            self._seal()
            self._ready.append((address, [item]))
            return
        versions = self._newest.pop(address, None)
        if versions is None:
            versions = []
        versions.append(item)
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
            data, sender, _ = versions[-1]
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


class Clock:
    """How far the clock of a sender is ahead of ours: the least lead that its time tags had over
    the last half to whole minute, since clocks drift and are set.
    """

    def __init__(self, now: float) -> None:
        self._leads = math.inf, math.inf  # the least of the half minute before, and of this one
        self._since = now

    def ahead(self, lead: float, now: float) -> float:
        """Seconds, from 0 on, that a tag is ahead of its sender's clock, and `lead` of ours."""
        before, least = self._leads
        if now - self._since >= LEAST_OF:
            before, least, self._since = least, math.inf, now
        self._leads = before, min(least, lead)
        return lead - min(self._leads)


class Later:
    """Bundles whose time has not come; bounded, and nothing ever waits for it.

    A sender's clock may be hours ahead: what counts of a time tag is how much further ahead it is
    than the least of its sender's.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Item]] = []
        self._clocks: dict[Sender, Clock] = {}
        self._bytes = 0
        self._of: Counter[Sender] = Counter()

    def add(self, data: bytes, sender: Sender, turn: Callable[[], int]) -> bool:
        """Keep a bundle that is to wait for a second at most; False when it is for now, and when
        there, or for this sender, is no room. `turn` gives the turn that it has in the store.

        The tag of the outermost bundle holds for all that is in it.
        """
        if not data.startswith(BUNDLE) or len(data) < HEAD:
            return False
        tag, now = int.from_bytes(data[8:HEAD], "big"), perf_counter()
        if tag <= AT_ONCE:
            return False
        # The wall clock is asked once: what it does later moves nothing that waits here.
        wait = self._clock(sender, now).ahead(tag / 2**32 - NTP - time(), now)
        if not SOON < wait <= FURTHEST or not self._room(data, sender):
            return False
        at = turn()
        heapq.heappush(self._heap, (now + wait, at, Item(data, sender, at)))
        self._bytes += len(data)
        self._of[sender] += 1
        return True

    @property
    def wait(self) -> float | None:
        """Seconds until the first is due; None when there is none."""
        return max(0.0, self._heap[0][0] - perf_counter()) if self._heap else None

    def due(self) -> list[Item]:
        """Those whose time has come, in the order in which they were sent."""
        found: list[Item] = []
        while self._heap and self._heap[0][0] <= perf_counter():
            item = heapq.heappop(self._heap)[2]
            self._bytes -= len(item.data)
            self._of[item.sender] -= 1
            if not self._of[item.sender]:
                del self._of[item.sender]
            found.append(item)
        return sorted(found, key=lambda item: item.turn)

    def _clock(self, sender: Sender, now: float) -> Clock:
        clock = self._clocks.get(sender)
        if clock is None:
            if len(self._clocks) >= MOST_CLOCKS:
                self._clocks.clear()
            clock = self._clocks[sender] = Clock(now)
        return clock

    def _room(self, data: bytes, sender: Sender) -> bool:
        return (
            len(self._heap) < MOST_LATER
            and self._of[sender] < MOST_LATER_EACH
            and self._bytes + len(data) <= MOST_LATER_BYTES
        )
