"""OSC out: the actual values of changed parameters, sent to targets and subscribers.

Plain messages with f, i or s only, since some programs read nothing else; at most one burst of
datagrams every 16 ms, of guests apart from the others, with the newest value of each address; never
an answer to a machine that is not a configured target, a subscriber, this machine, or allowed.
Senders that only query are guests: the total sent to all guests is bounded, so that a flood of
queries causes no flood of answers.
"""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from math import inf
from time import perf_counter

from bridge.control.bridge_api import BridgeApi
from bridge.control.osc.inbox import Sender
from bridge.control.osc.packets import PacketError, encoded
from bridge.control.osc.routes import ROOT, addresses, former_words
from bridge.state.change import Change
from bridge.state.inputs import ROLES
from bridge.state.status import STATUS, Status
from bridge.system.loops import Loop
from engine.parameters import ParameterSpec, Value

log = logging.getLogger(__name__)

BEAT = 0.016  # seconds between bursts
LOOK = 0.2  # seconds between checks of the state
QUIET = 0.1  # seconds after its last message for which a sender gets no echo of its own value
MOST_QUIET = 512  # values remembered for that; beyond it old ones are dropped
SUBSCRIBERS = 8
SUBSCRIBED = 600.0  # seconds that a subscription lasts unless renewed
SILENT = 10.0  # seconds of silence after which a subscriber may be replaced; clients renew sooner
GUESTS = 64  # addresses with pending answers, beside targets and subscribers
GUESTS_EACH = 32  # of one machine
BURST = 64  # datagrams per target in a burst
WHOLE = 1.0  # seconds between two full dumps to one target
RATE = 256_000  # bytes per second for all guests
CREDIT = 16_000  # bytes that guests may receive at once
PIPELINE = ROOT + "pipeline"
INPUTS = {ROOT + role: role for role in ROLES}
PLAIN = (bool, int, float, str)  # types that OSC can carry
STATES = {
    f"{ROOT}state/{row.name}": row.name
    for row in STATUS
    if isinstance(getattr(Status(), row.name), PLAIN)
}

Send = Callable[[bytes, Sender], bool]


class Feedback:
    """Runs its own thread; every method may be called from any thread and never waits."""

    def __init__(self, desk: BridgeApi, send: Send, targets: Iterable[Sender]) -> None:
        """`send` sends a datagram, and returns False if the socket's buffer is full."""
        self._desk = desk
        self._send = send
        self._targets = tuple(targets)
        self._subscribers: dict[Sender, float] = {}
        self._names = {a: spec.name for a, spec in addresses(desk.store.specs.values()).items()}
        self._words = former_words(desk.store.specs.values())
        # None means the value at the time of sending.
        self._pending: dict[Sender, dict[str, Value | None]] = {}
        self._wholes: dict[Sender, None] = {}  # targets waiting for a full dump
        self._whole_at: dict[Sender, float] = {}  # when a target may get its next full dump
        self._credit = float(CREDIT)
        self._burst_at = self._look_at = 0.0
        # When the next burst may begin, of those we know and of guests, while it may not yet.
        self._rests: dict[bool, float] = {}
        self._trouble = ""
        self._told: dict[str, Value] = {}
        self._former: dict[str, set[str]] = {}  # former addresses in use, by current address
        self._quiet: dict[tuple[str, str], float] = {}
        self._lock = threading.Lock()
        self._loop = Loop("OSC feedback", self._step, self._failed, LOOK)

    def start(self) -> None:
        """Start sending: everything first, then changes."""
        self._desk.store.listen(self._changed)
        for target in self._targets:
            self.tell_all(target)
        self._loop.start()

    def close(self) -> None:
        """Stop sending."""
        self._loop.stop(2)

    def received(self, spec: ParameterSpec, sender: Sender, as_sent: bool) -> None:
        """A sender set a value. A value accepted `as_sent` is not echoed while the sender keeps
        sending; an adjusted one is echoed at once, even if nothing changed.
        """
        if not self._targets and not self._subscribers:
            return  # nobody to echo it to
        address = ROOT + spec.osc
        with self._lock:
            if sender in self._subscribers:
                self._subscribers[sender] = perf_counter() + SUBSCRIBED
            for each in self._all(address):
                if as_sent:
                    self._quiet[sender[0], each] = perf_counter() + QUIET
                else:
                    self._quiet.pop((sender[0], each), None)

    def answer_at(self, former: str, address: str) -> None:
        """Send feedback of `address` to its former address too: a controller uses that one."""
        with self._lock:
            self._former.setdefault(address, set()).add(former)

    def subscribe(self, target: Sender) -> None:
        """Send everything to `target`, then all changes. Subscribing again renews it without a new
        dump. If there are too many subscribers, the longest silent one is replaced; ValueError if
        none is silent.
        """
        with self._lock:
            self._expire()
            known = target in self._subscribers
            if not known and len(self._subscribers) >= SUBSCRIBERS:
                self._make_way()
            self._subscribers[target] = perf_counter() + SUBSCRIBED
        if not known:
            self.tell_all(target)

    def unsubscribe(self, target: Sender) -> None:
        """Stop sending to `target`."""
        with self._lock:
            self._leave(target)

    def _make_way(self) -> None:
        """Drop the subscriber that has been silent longest (neither renewed nor set anything), and
        notify it: chosen among the machines with most subscribers, so that none can push out the
        others. ValueError if none has been silent for a while, or they would replace each other.
        """
        of_each = Counter(host for host, _ in self._subscribers)
        most = max(of_each.values())
        ends = {t: end for t, end in self._subscribers.items() if of_each[t[0]] == most}
        oldest = min(ends, key=ends.__getitem__)
        if ends[oldest] - SUBSCRIBED > perf_counter() - SILENT:
            raise ValueError(f"There are already {SUBSCRIBERS} subscribers; unsubscribe one.")
        self._leave(oldest)
        log.warning("OSC: a new subscriber replaces the longest silent one, %s:%d",
                    *oldest)  # fmt: skip
        with suppress(ValueError):
            self._admit(oldest)
            text = f"Unsubscribed: more than {SUBSCRIBERS} subscribers, and you were silent longest"
            told = {ROOT + "error": f"{text}; subscribe again to get updates."}
            self._pending.setdefault(oldest, {}).update(told)

    def _leave(self, target: Sender) -> None:
        self._subscribers.pop(target, None)
        if target not in self._targets:
            self._pending.pop(target, None)
            self._wholes.pop(target, None)

    def tell(self, values: Mapping[str, Value | None], sender: Sender | None = None) -> None:
        """Send values to all targets and subscribers, and to the `sender` whose message they
        answer, if there is room for another guest; None means the value when sent.
        """
        with self._lock:
            heard = {*self._targets, *self._subscribers}
            if sender:
                with suppress(ValueError):  # too many at once: the others and the log have it
                    self._admit(sender)
                    heard.add(sender)
            if not heard:
                return
            told = {a: v for address, v in values.items() for a in self._all(address)}
            for target in heard:
                self._pending.setdefault(target, {}).update(told)
            self._wake(heard)

    def _all(self, address: str) -> Iterable[str]:
        """An address, and its former ones in use."""
        return address, *self._former.get(address, ())

    def answer(self, values: Mapping[str, Value | None], asker: Sender) -> None:
        """Answer a query to its sender, and to the targets and subscribers on that machine: the
        program that asked may listen there. ValueError for too many queries.
        """
        with self._lock:
            self._admit(asker)
            heard = (*self._targets, *self._subscribers)
            for target in {asker, *(t for t in heard if t[0] == asker[0])}:
                self._pending.setdefault(target, {}).update(values)
            self._wake({asker, *heard})

    def ask(self, address: str, asker: Sender) -> bool:
        """Answer with the current value of an address; False if it cannot be queried. ValueError
        for too many queries.
        """
        if address not in self._names and address not in (PIPELINE, *INPUTS, *STATES):
            return False
        self.answer({address: None}, asker)
        return True

    def tell_all(self, target: Sender) -> None:
        """Send every parameter and the state to one target, at most twice in a row and then once a
        second: more frequent requests are answered later. ValueError for too many queries.
        """
        with self._lock:
            self._admit(target)
            self._wholes[target] = None
            self._wake({target})

    def _wake(self, heard: Iterable[Sender]) -> None:
        """There is something for them; in a rest the thread wakes by itself at its end."""
        for target in heard:
            if self._known(target) not in self._rests:
                self._loop.wake()
                return

    def _known(self, target: Sender) -> bool:
        return target in self._targets or target in self._subscribers

    def _admit(self, asker: Sender) -> None:
        """ValueError if there is no room for another guest."""
        guests = {t for t in (*self._pending, *self._wholes) if not self._known(t)}
        if self._known(asker) or asker in guests:
            return
        if len(guests) >= GUESTS or sum(t[0] == asker[0] for t in guests) >= GUESTS_EACH:
            raise ValueError("Too many queries at once; try again.")

    def _changed(self, change: Change) -> None:
        specs = self._desk.store.specs
        self.tell({ROOT + specs[name].osc: value for name, value in change.changed.items()})

    def _state(self) -> dict[str, Value]:
        status = self._desk.status()
        told = {address: getattr(status, name) for address, name in STATES.items()}
        return {**told, PIPELINE: status.pipeline}

    def _step(self) -> None:
        """Wait for something to send, then send what is allowed now."""
        now = perf_counter()
        until = min(self._look_at, *self._rests.values(), now + BEAT if self._wholes else inf)
        self._loop.wait(max(0.0, until - now))
        if perf_counter() >= self._look_at:
            self._look_at = perf_counter() + LOOK
            self._look()
        self._whole()
        self._burst()

    def _failed(self, error: Exception) -> None:
        """A step failed, in the state or the socket; continue, and log the same error only once."""
        if str(error) != self._trouble:
            self._trouble = str(error)
            log.error("OSC feedback continues after: %s", error, exc_info=error)

    def _whole(self) -> None:
        """Queue full dumps for the targets that are due."""
        now = perf_counter()
        with self._lock:
            due = [t for t in self._wholes if self._whole_at.get(t, 0.0) <= now]
        if not due:
            return
        specs = self._desk.store.specs.values()
        parameters = {address: None for spec in specs for address in self._all(ROOT + spec.osc)}
        every = {**parameters, **self._state()}
        with self._lock:
            for target in due:
                if target in self._wholes:  # it may have unsubscribed
                    del self._wholes[target]
                    # Two in a row are allowed: a new subscriber gets a dump, and may query one too.
                    self._whole_at[target] = (
                        max(self._whole_at.get(target, 0.0), now - WHOLE) + WHOLE
                    )
                    self._pending.setdefault(target, {}).update(every)

    def _look(self) -> None:
        """Send changes of the state; its uptime is the heartbeat."""
        with self._lock:
            self._expire()
        if self._targets or self._subscribers:
            state = self._state()
            self.tell({a: v for a, v in state.items() if self._told.get(a) != v})
            self._told = state

    def _expire(self) -> None:
        now = perf_counter()
        self._subscribers = {t: end for t, end in self._subscribers.items() if end > now}
        if len(self._quiet) > MOST_QUIET:
            self._quiet = {key: end for key, end in self._quiet.items() if end > now}
        self._whole_at = {t: at for t, at in self._whole_at.items() if at > now - WHOLE}

    def _burst(self) -> None:
        """Send what is allowed now. An answer to a guest does not wait until those whom we know
        have rested from the last change of the state.
        """
        now = perf_counter()
        self._credit = min(CREDIT, self._credit + (now - self._burst_at) * RATE)
        self._burst_at = now
        with self._lock:
            self._rests = {who: end for who, end in self._rests.items() if end > now}
            known = {target: self._known(target) for target in self._pending}
            due = {target: who for target, who in known.items() if who not in self._rests}
            self._rests |= dict.fromkeys(due.values(), now + BEAT)
        holds = Holding(self._desk, self._names, self._words)
        for target, of_ours in due.items():
            if of_ours or self._credit > 0:
                sent = self._serve(target, holds)
                self._credit -= 0 if of_ours else sent

    def _serve(self, target: Sender, holds: "Holding") -> int:
        """Send one target its part of this burst; returns the bytes sent."""
        sent, unsent = 0, dict[str, Value | None]()
        for address, value in self._part(target).items():
            size = 0 if unsent else self._sent(address, holds(address, value), target)
            sent += size or 0
            if size is None or unsent:
                unsent[address] = value
        if unsent:  # buffer full: next burst, unless a newer value has come
            with self._lock:
                self._pending[target] = {**unsent, **self._pending.get(target, {})}
        return sent

    def _part(self, target: Sender) -> dict[str, Value | None]:
        """Take out what is due now; a value that its own sender is still moving stays. The rest
        goes to the end of the queue.
        """
        now = perf_counter()
        with self._lock:
            values = self._pending.pop(target, {})
            due = [a for a in values if self._quiet.get((target[0], a), 0) <= now][:BURST]
            part = {address: values.pop(address) for address in due}
            if values:
                self._pending[target] = values
        return part

    def _sent(self, address: str, value: Value, target: Sender) -> int | None:
        """Send one value; returns its bytes, or None if the buffer was full."""
        try:
            data = encoded(address, value)
        except PacketError as error:
            log.warning("%s", error)
            return 0
        return len(data) if self._send(data, target) else None


class Holding:
    """Current values during one burst: read once, and only when needed. A former address gets its
    former words.
    """

    def __init__(
        self, desk: BridgeApi, names: Mapping[str, str], words: Mapping[str, Mapping[str, str]]
    ) -> None:
        self._desk = desk
        self._names = names
        self._words = words
        self._values: Mapping[str, Value] | None = None
        self._status: Status | None = None

    def __call__(self, address: str, value: Value | None) -> Value:
        """`value`, or the current value of its address."""
        held = self._held(address) if value is None else value
        return self._words.get(address, {}).get(held, held) if isinstance(held, str) else held

    def _held(self, address: str) -> Value:
        if address in self._names:
            if self._values is None:
                self._values = self._desk.store.snapshot.values
            return self._values[self._names[address]]
        if self._status is None:
            self._status = self._desk.status()
        if address == PIPELINE:
            return self._status.pipeline
        if address in STATES:
            return getattr(self._status, STATES[address])
        return self._status.uri_of(INPUTS[address])
