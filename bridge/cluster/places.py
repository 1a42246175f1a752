"""Which place a session gets. A place is a server of engines on one GPU of a node.

Free of I/O and of Ray: what the servers answer is given to it, and the time by its clock.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum
from time import monotonic
from typing import Any

LEASE = 15.0  # seconds for which a place is held for a session that is not there yet
WAITING = 10.0  # seconds after which one in the queue that has not asked again is forgotten
SILENT = 5.0  # seconds without an answer until a place is lost
CLAIMS = 3  # times that a bridge cannot reach its place until it gets another, whoever else can
FORGET = 600.0  # seconds for which it is known where a session was last


class State(Enum):
    """Of a place, as `spout-bridge cluster status` shows it."""

    STARTING = "starting"
    READY = "ready"
    LOST = "lost"


@dataclass(slots=True)
class Place:
    """`keys` are of the sessions there, `kept` of those without a bridge."""

    name: str
    node: str
    url: str = ""
    token: str = ""
    state: State = State.STARTING
    why: str = ""
    keys: frozenset[str] = frozenset()
    kept: frozenset[str] = frozenset()
    most: int = 0
    answered: float = 0.0


@dataclass(frozen=True, slots=True)
class Wish:
    """What a bridge asks for. `key` tells its session from others; `lost` is the URL of the place
    that it cannot reach; `ends` are its sessions that this one replaces.
    """

    key: str
    pipeline: str
    load: Mapping[str, Any] = field(default_factory=dict[str, Any])
    size: str = "auto"
    lost: str = ""
    ends: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a place can take a session. `lacks`: files must be downloaded there first; `why` it
    does not fit, in words.
    """

    fits: bool
    lacks: bool = False
    why: str = ""


@dataclass(frozen=True, slots=True)
class Queued:
    """There is no place now: the session is number `place` of `of` that wait."""

    place: int
    of: int
    why: str

    def __str__(self) -> str:
        return f"place {self.place} of {self.of} in the queue: {self.why}"


@dataclass(slots=True)
class _Seat:
    place: str
    seen: float  # when its bridge asked, or its session was there
    held: float  # until then its place is taken, though its session has not come
    claims: int = 0  # times in a row that its bridge could not reach it


@dataclass(slots=True)
class _Waiting:
    asked: float
    again: bool  # it had a place, and lost it
    unfit: frozenset[str] = frozenset()  # the places that it would not take


class Places:
    """Not for several threads at once."""

    def __init__(self, spares: int = 0, clock: Callable[[], float] = monotonic) -> None:
        """New sessions leave so many places empty, for those that lose theirs."""
        self.all: dict[str, Place] = {}
        self.draining: dict[str, bool] = {}  # nodes; True: those there move too
        self._spares, self._clock = spares, clock
        self._seats: dict[str, _Seat] = {}
        self._queue: dict[str, _Waiting] = {}

    # What is known of the places.

    def found(self, name: str, node: str) -> None:
        """A place is there."""
        self.all.setdefault(name, Place(name, node)).node = node

    def serves(self, name: str, url: str, token: str) -> None:
        """Where a place is reached; it is used once it answers."""
        place = self.all[name]
        if (place.url, place.token) != (url, token):
            place.url, place.token, place.state = url, token, State.STARTING

    def answers(self, name: str, keys: Collection[str], kept: Collection[str], most: int) -> None:
        """A place has said what runs there."""
        place = self.all[name]
        place.keys, place.kept, place.most = frozenset(keys), frozenset(kept), most
        now = self._clock()
        place.state, place.why, place.answered = State.READY, "", now
        for key in keys:
            if (seat := self._seats.get(key)) and seat.place == name:
                seat.seen, seat.held = now, 0.0

    def is_silent(self, name: str, why: str) -> None:
        """A place has not answered."""
        place = self.all[name]
        place.why = why
        if place.state is State.READY and self._clock() - place.answered > SILENT:
            self.is_lost(name, why)

    def is_lost(self, name: str, why: str) -> None:
        """A place cannot be reached: those who ask for their place get another."""
        place = self.all[name]
        place.why, place.keys, place.kept = why, frozenset(), frozenset()
        if place.state is State.READY:
            place.state = State.LOST

    def gone(self, name: str) -> None:
        """A place is no more."""
        self.all.pop(name, None)
        nodes = {place.node for place in self.all.values()}
        self.draining = {node: move for node, move in self.draining.items() if node in nodes}

    def drain(self, node: str, *, move: bool) -> None:
        """Give no more sessions to a node; `move` those that are there too."""
        self._known(node)
        self.draining[node] = move

    def undrain(self, node: str) -> None:
        """Use a node again."""
        self._known(node)
        self.draining.pop(node, None)

    def _known(self, node: str) -> None:
        nodes = sorted({place.node for place in self.all.values()})
        if node not in nodes:
            raise LookupError(f"There is no node {node!r:.100}; there are {', '.join(nodes)}.")

    # Where a session goes.

    def mine(self, wish: Wish) -> Place | None:
        """The place that a session has already, if it may keep it."""
        now = self._clock()
        self._forget(now)
        seat = self._seats.get(wish.key) or self._inherited(wish)
        place = self.all.get(seat.place) if seat else None
        if not seat or not place:
            return None
        seat.claims = seat.claims + 1 if wish.lost and wish.lost == place.url else 0
        stays = not self.draining.get(place.node, False)
        if place.state is not State.READY or seat.claims >= CLAIMS or not stays:
            return None
        is_there = wish.key in self._taken(place)
        if not is_there and (place.node in self.draining or self._room(place) <= 0):
            return None
        seat.seen = now
        if wish.key not in place.keys:
            seat.held = now + LEASE
        return place

    def open(self, wish: Wish) -> list[Place]:
        """The places that might take a session, the best ones first; the one that it cannot reach
        only if there is no other.
        """
        seat = self._seats.get(wish.key)
        tried = seat.place if seat and seat.claims >= CLAIMS else ""
        found = [place for place in self._usable() if self._room(place) > 0]
        found.sort(key=lambda place: (len(self._taken(place)), place.name))
        return [place for place in found if place.name != tried] or found

    def settle(self, wish: Wish, verdicts: Mapping[str, Verdict]) -> Place | Queued:
        """The place of a session, by what the `open` ones have said, or its place in the queue."""
        now = self._clock()
        waiting = self._queue.setdefault(wish.key, _Waiting(now, wish.key in self._seats))
        waiting.asked = now
        may = [place for place in self.open(wish) if place.name in verdicts]
        fitting = [place for place in may if verdicts[place.name].fits]
        waiting.unfit = frozenset(name for name in verdicts if not verdicts[name].fits)
        order = self._ordered()
        before = order[: order.index(wish.key)]
        idle = sum(1 for place in self.open(wish) if not self._taken(place))
        fitting.sort(key=lambda place: verdicts[place.name].lacks)  # stable
        for place in fitting:
            ahead = sum(place.name not in self._queue[key].unfit for key in before)
            spared = not waiting.again and not self._taken(place) and idle <= self._spares
            if self._room(place) > ahead and not spared:
                del self._queue[wish.key]
                self._seats[wish.key] = _Seat(place.name, now, now + LEASE)
                return place
        return Queued(len(before) + 1, len(order), self._why(verdicts, bool(fitting)))

    @property
    def full(self) -> bool:
        """Whether one more session would wait."""
        return not any(self._room(place) > 0 for place in self._usable())

    @property
    def waiting(self) -> int:
        """How many wait."""
        self._forget(self._clock())
        return len(self._queue)

    def _why(self, verdicts: Mapping[str, Verdict], fits: bool) -> str:
        if not any(place.state is State.READY for place in self.all.values()):
            return "no GPU of the cluster is ready"
        told = [verdict.why for verdict in verdicts.values() if verdict.why]
        return "all GPUs are in use" if fits or not told else told[0]

    def _ordered(self) -> list[str]:
        """Who waits: those that have lost their place come first."""
        return sorted(self._queue, key=lambda key: not self._queue[key].again)

    def _usable(self) -> list[Place]:
        return [
            place for place in self.all.values()
            if place.state is State.READY and place.node not in self.draining
        ]  # fmt: skip

    def _room(self, place: Place) -> int:
        return place.most - len(self._taken(place) - place.kept)

    def _taken(self, place: Place) -> set[str]:
        """The sessions that are at a place, or on their way."""
        now = self._clock()
        coming = {
            key for key, seat in self._seats.items()
            if seat.place == place.name and now < seat.held
        }  # fmt: skip
        return coming | place.keys

    def _inherited(self, wish: Wish) -> _Seat | None:
        """The seat of a session that this one replaces: it ends there once this one has come."""
        for key in wish.ends:
            if seat := self._seats.pop(key, None):
                self._seats[wish.key] = seat
                return seat
        return None

    def _forget(self, now: float) -> None:
        self._queue = {
            key: one for key, one in self._queue.items() if now - one.asked < WAITING
        }  # fmt: skip
        self._seats = {
            key: seat for key, seat in self._seats.items()
            if now - seat.seen < FORGET
        }  # fmt: skip
