"""OSC floods and time tags: of the datagrams of one turn, only the newest per parameter is kept.

A flood from one fader is thinned here, by its raw bytes, before anything is parsed, so that
50,000 messages a second do not starve the rest of the process. Messages that cannot be thinned are
handled within the allowance, the newest first.

Bundles for later wait in `Later`, only with `--osc-timetags`.
"""

import heapq
import math
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Mapping
from time import perf_counter, time
from typing import NamedTuple, TypeAlias

from bridge.control.osc.packets import BUNDLE, HEAD
from bridge.control.osc.patterns import LONGEST, WILD

Sender: TypeAlias = tuple[str, int]


class Item(NamedTuple):
    """A datagram. `turn` is the store's turn on arrival if bundles may be delayed, else 0."""

    data: bytes
    sender: Sender
    turn: int = 0


QUESTION = b",s\x00\x00?\x00\x00\x00"
WILD_BYTES = frozenset("".join(WILD).encode())
NTP = 2_208_988_800  # seconds from 1900 to 1970
AT_ONCE = 1  # the time tag for "immediately"; some programs send 0
SOON = 0.001  # seconds too short to wait for
FURTHEST = 1.0  # seconds that a bundle may wait for its time
LEAST_OF = 30.0  # seconds over which, and the period before, the least lead counts: clocks drift
MOST_CLOCKS = 256  # senders whose clocks are remembered
MOST_LATER = 1000  # delayed bundles
MOST_LATER_EACH = 250  # of them from one sender
MOST_LATER_BYTES = 4 << 20
# Work, in messages parsed and applied (about 15 µs each), that is refilled in `REFILL` seconds.
REFILL = 0.008
EACH = 128  # for one sender
ALL = 512  # for all senders
LITTLE = 8  # a sender below this still has room when others used up the total


class Allowance:
    """The work left, for each sender and in total: turns that follow each other at once share it,
    so that a flood leaves time to read what others send.
    """

    def __init__(self) -> None:
        self._left: dict[Sender, float] = {}
        self._all = float(ALL)
        self._at = 0.0

    def renew(self) -> None:
        """Start a turn: refill what the time since the last one allows."""
        now = perf_counter()
        part, self._at = min(1.0, (now - self._at) / REFILL), now
        self._all = min(ALL, self._all + ALL * part)
        left = ((sender, some + EACH * part) for sender, some in self._left.items())
        self._left = {sender: some for sender, some in left if some < EACH}

    def has(self, sender: Sender) -> bool:
        """Whether a sender has work left; its last item may cost more than that."""
        left = self._left.get(sender, EACH)
        return left > 0 and self._all > (-ALL if left > EACH - LITTLE else 0)

    def spend(self, sender: Sender, cost: int) -> None:
        """Charge a sender for work done."""
        cost = min(cost, EACH)
        self._left[sender] = self._left.get(sender, EACH) - cost
        self._all -= cost


class Inbox:
    """Filled and emptied by one thread.

    Only messages that set a parameter are thinned, by parameter or by pattern, and never across
    another kind: of `vace 1, reset, vace 2` all are kept. Older datagrams of a parameter are kept
    unparsed until the newest proves valid, so that a damaged one does not lose a good value.
    Queries are answered with the current value, so their order does not matter.
    """

    def __init__(self, thinned: Mapping[bytes, str], others: Collection[bytes] = ()) -> None:
        """Of the addresses in `thinned` only the newest message counts for each of the parameters
        that they name; at the `others` every message counts. One that ends with a slash stands for
        all those with a number behind it.
        """
        self._thinned = thinned
        self._others = others
        self._newest: dict[Hashable, list[Item]] = {}
        self._ready: list[tuple[Hashable, list[Item]]] = []

    def add(self, data: bytes, sender: Sender, turn: int = 0) -> None:
        """Keep a datagram."""
        data = unwrapped(data)
        address, item = address_of(data), Item(data, sender, turn)
        if data.endswith(QUESTION) and not data.startswith(BUNDLE):
            self._newest[data, sender] = [item]
            return
        name = self._thinned.get(address)
        if name is None and WILD_BYTES.isdisjoint(address):
            self._seal()
            self._ready.append((address, [item]))
            return
        key = name or address
        versions = self._newest.pop(key, None)
        if versions is None:
            versions = []
        versions.append(item)
        # Removed and inserted again, so that the order is that of the newest messages.
        self._newest[key] = versions

    def take(self) -> list[list[Item]]:
        """Everything since the last call, in order; each with its versions, newest last."""
        return [versions for _, versions in self._taken()]

    def afford(
        self, allowance: Allowance, cost: Callable[[bytes], int]
    ) -> tuple[list[list[Item]], list[Item]]:
        """The same, plus what is dropped because its sender exceeds its allowance. The newest
        message of every parameter and known address is free and never dropped: no flood loses a
        fader's last value or the panic button.
        """
        kept: list[list[Item]] = []
        left: list[Item] = []
        seen: set[Hashable] = set()
        for key, versions in reversed(self._taken()):
            data, sender, _ = versions[-1]
            known = self._known(key)
            if known is not None and known not in seen:
                seen.add(known)
            elif allowance.has(sender):
                allowance.spend(sender, cost(data))
            else:
                left += versions
                continue
            kept.append(versions)
        kept.reverse()
        return kept, left

    def _known(self, key: Hashable) -> Hashable:
        """What a free message is of: a parameter, or an address; None if it is not known."""
        if not isinstance(key, bytes):
            return key if isinstance(key, str) else None
        above, slash, number = key.rpartition(b"/")
        known = above + slash if number.isdigit() else key
        return next((each for each in (key, known) if each in self._others), None)

    def _taken(self) -> list[tuple[Hashable, list[Item]]]:
        self._seal()
        ready, self._ready = self._ready, []
        return ready

    def _seal(self) -> None:
        if self._newest:
            self._ready += self._newest.items()
            self._newest = {}


def address_of(data: bytes) -> bytes:
    """The address of a message, unparsed; empty if it is too long to be valid."""
    return data[: max(0, data.find(b"\x00", 0, LONGEST + 1))]


def unwrapped(data: bytes) -> bytes:
    """Treat a bundle of one message as that message: some programs send only bundles."""
    if not data.startswith(BUNDLE):
        return data
    inner = data[HEAD + 4 :]
    if not inner.startswith(b"/"):
        return data
    return inner if int.from_bytes(data[HEAD : HEAD + 4], "big") == len(inner) else data


class Clock:
    """How far a sender's clock is ahead of ours: the least lead of its time tags over the last 30
    to 60 seconds, since clocks drift and are reset.
    """

    def __init__(self, now: float) -> None:
        self._leads = math.inf, math.inf  # the least of the previous half minute, and of this one
        self._since = now

    def ahead(self, lead: float, now: float) -> float:
        """Seconds (at least 0) that a tag is ahead of its sender's clock, `lead` of ours."""
        before, least = self._leads
        if now - self._since >= LEAST_OF:
            before, least, self._since = least, math.inf, now
        self._leads = before, min(least, lead)
        return lead - min(self._leads)


class Later:
    """Bundles whose time has not come; bounded, and nothing waits for it.

    A sender's clock may be hours ahead: a time tag counts by how much it exceeds its sender's least
    lead.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Item]] = []
        self._clocks: dict[Sender, Clock] = {}
        self._bytes = 0
        self._of: Counter[Sender] = Counter()

    def add(self, data: bytes, sender: Sender, turn: Callable[[], int]) -> bool:
        """Keep a bundle that must wait, at most a second; False if it is due now, or if there is no
        room in total or for this sender. `turn` gives its turn in the store.

        The tag of the outermost bundle applies to everything inside.
        """
        if not data.startswith(BUNDLE) or len(data) < HEAD:
            return False
        tag, now = int.from_bytes(data[8:HEAD], "big"), perf_counter()
        if tag <= AT_ONCE:
            return False
        # The wall clock is read once: later changes of it do not affect waiting bundles.
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
        """The bundles that are due, in the order they were sent."""
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
