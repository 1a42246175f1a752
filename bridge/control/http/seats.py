"""The web server's connections as a table of seats: which ones stay, which must close, and when.

A connection without a running request is idle: since it was opened, or since its last answer
finished. An incomplete request head does not change that. A request runs from its complete head to
the end of its answer. A WebSocket is served as long as its client answers pings, which requires
that it reads.

There are 64 seats. When all are used, a new connection replaces the longest idle one; if none is
idle, the longest running request. WebSockets hold at most 48 seats, so they are never replaced
this way: one more closes the one served longest, whose page reconnects when it is viewed. So
neither idle connections nor forgotten pages lock anyone out.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from time import perf_counter
from typing import Protocol

LATE = 2.0  # seconds: after a check this late the machine was asleep, and no client is dropped


@dataclass(frozen=True, slots=True)
class Limits:
    """Numbers of connections, and times in seconds."""

    seats: int = 64
    sockets: int = 48  # of these, WebSockets
    head: float = 10.0  # for a request's head, from its first byte or from the connection's start
    kept: float = 30.0  # between two requests
    body: float = 10.0  # for a request's body, plus a second for each `pace` bytes
    pace: int = 32 << 10
    unread: float = 10.0  # in which a client reads nothing pending, or answers no ping
    ping: float = 3.0  # between two pings
    leaving: float = 2.0  # for a refused client to read the reason
    look: float = 0.5  # between two checks of all of them


class Phase(IntEnum):
    """What a connection is doing; the lowest is closed first if there is no room."""

    IDLE = 0
    BUSY = 1
    SERVED = 2


class Why(Enum):
    """Why a connection must close."""

    ROOM = "another client needs its place"
    LATE = "its request did not arrive in full"
    SILENT = "it is idle, or reads nothing"


class Wire(Protocol):
    """The part of a transport that the table uses."""

    def get_write_buffer_size(self) -> int:
        """Bytes waiting for the client."""
        ...


class Holder(Protocol):
    """The protocol that serves a connection."""

    def dismiss(self, why: Why) -> None:
        """Close it, at once or after a last message; called in the server's loop."""
        ...

    def ping(self) -> None:
        """Ask whether the other end still reads; WebSockets only."""
        ...


@dataclass(slots=True, eq=False)
class Seat:
    """One connection. All times are of the table's clock."""

    holder: Holder
    wire: Wire
    clock: Callable[[], float]
    phase: Phase = Phase.IDLE
    since: float = field(init=False)  # of the phase
    heard: float = field(init=False)  # when bytes last arrived
    moved: float = field(init=False)  # when nothing was pending, or some of it was read
    pinged: float = field(init=False)
    begun: float | None = field(init=False)  # since when a request, or its rest, is expected
    left: float | None = None  # when it was refused
    waiting: int = 0  # bytes pending at the last check
    body: int = 0  # bytes of the body so far
    whole: bool = True  # no body is expected

    def __post_init__(self) -> None:
        self.begun = self.clock()
        self.rest(self.begun)
        self._now(Phase.IDLE)

    def rest(self, now: float) -> None:
        """Restart its timers."""
        self.since = self.heard = self.moved = self.pinged = now
        self.begun = None if self.begun is None else now
        self.left = None if self.left is None else now

    def bytes_came(self) -> None:
        """Bytes arrived from the client."""
        self.heard = self.clock()
        if self.phase is Phase.IDLE and self.begun is None:
            self.begun = self.heard

    def drained(self) -> None:
        """The client read most of its pending bytes."""
        self.moved = self.clock()

    def head_came(self) -> None:
        """A request's head is complete."""
        self.begun, self.body, self.whole = None, 0, False
        self._now(Phase.BUSY)

    def body_came(self, size: int) -> None:
        """Bytes of the body arrived."""
        self.body += size

    def body_ended(self) -> None:
        """The body is complete, if there is one."""
        self.whole = True
        if self.phase is Phase.IDLE:  # the answer did not wait for it
            self.begun = None

    def answered(self) -> None:
        """The answer is done; the rest of the request may take as long as a head."""
        self.begun = None if self.whole else self.clock()
        self._now(Phase.IDLE)

    def refused(self) -> None:
        """It was refused, and may still read the reason."""
        self.left = self.clock()
        self._now(Phase.IDLE)

    def _now(self, phase: Phase) -> None:
        self.phase, self.since = phase, self.clock()


class Seats:
    """The table; used only in the server's loop."""

    def __init__(
        self, limits: Limits | None = None, clock: Callable[[], float] = perf_counter
    ) -> None:
        self.limits = limits or Limits()
        self._clock = clock
        self._taken: dict[Seat, None] = {}
        self._looked = clock()

    def __len__(self) -> int:
        return len(self._taken)

    def take(self, holder: Holder, wire: Wire) -> Seat:
        """A seat for a new connection, if necessary by closing another."""
        while len(self._taken) >= self.limits.seats:
            self._dismiss(min(self._taken, key=lambda seat: (seat.phase, seat.since)), Why.ROOM)
        seat = Seat(holder, wire, self._clock)
        self._taken[seat] = None
        return seat

    def serve(self, seat: Seat, holder: Holder) -> None:
        """This connection has become a WebSocket."""
        served = [other for other in self._taken if other.phase is Phase.SERVED]
        if len(served) >= self.limits.sockets:
            self._dismiss(min(served, key=lambda other: other.since), Why.ROOM)
        seat.holder, seat.begun, seat.whole = holder, None, True
        seat.phase = Phase.SERVED
        seat.rest(self._clock())

    def leave(self, seat: Seat) -> None:
        """The connection is gone."""
        self._taken.pop(seat, None)

    def spare(self) -> bool:
        """Close the longest idle connection, if there is one."""
        idle = [seat for seat in self._taken if seat.phase is Phase.IDLE]
        if idle:
            self._dismiss(min(idle, key=lambda seat: seat.since), Why.ROOM)
        return bool(idle)

    def look(self) -> None:
        """Close overdue connections; ping the WebSockets."""
        now = self._clock()
        late, self._looked = now - self._looked > self.limits.look + LATE, now
        if late:  # this machine or process was suspended: nothing could be received meanwhile
            for seat in self._taken:
                seat.rest(now)
        for seat in list(self._taken):
            why = self._verdict(seat, now)
            if why is not None:
                seat.holder.dismiss(why)
            elif seat.phase is Phase.SERVED and now - seat.pinged >= self.limits.ping:
                seat.pinged = now
                seat.holder.ping()

    def _dismiss(self, seat: Seat, why: Why) -> None:
        del self._taken[seat]
        seat.holder.dismiss(why)

    def _verdict(self, seat: Seat, now: float) -> Why | None:
        limits = self.limits
        waiting = seat.wire.get_write_buffer_size()
        if waiting == 0 or waiting < seat.waiting:
            seat.moved = now
        seat.waiting = waiting
        if now - seat.moved > limits.unread:
            return Why.SILENT
        if seat.phase is Phase.SERVED:
            return Why.SILENT if now - seat.heard > limits.unread else None
        if seat.left is not None:
            return Why.SILENT if now - seat.left > limits.leaving else None
        if seat.phase is Phase.BUSY:
            allowed = limits.body + seat.body / limits.pace
            return None if seat.whole or now - seat.since <= allowed else Why.LATE
        if seat.begun is not None:
            return Why.LATE if now - seat.begun > limits.head else None
        return Why.SILENT if now - seat.since > limits.kept else None
