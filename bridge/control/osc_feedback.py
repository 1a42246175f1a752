"""OSC out: the true value of what changed, to those who are to know it.

Plain messages with f, i or s only, since some programs read nothing else; at most one burst of
datagrams every 16 ms, newest value of each address; never an answer to an address that was not
configured, did not subscribe, or is neither this machine nor allowed.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from time import perf_counter

from bridge.control.desk import Desk
from bridge.control.osc_inbox import Sender
from bridge.control.osc_packets import PacketError, encoded
from bridge.control.osc_routes import ROOT
from bridge.control.store import Change
from bridge.state import STATUS
from engine.parameters import ParameterSpec, Value

log = logging.getLogger(__name__)

BEAT = 0.016  # seconds between bursts
LOOK = 0.2  # seconds between looks at the state
QUIET = 0.1  # seconds after its last message in which a sender does not hear its own value back
MOST_QUIET = 512  # senders' values remembered for that; old ones are swept beyond
SUBSCRIBERS = 8
SUBSCRIBED = 600.0  # seconds that a subscription lasts unless it is renewed
ASKERS = 64  # addresses that answers wait for at a time, between two bursts

Send = Callable[[bytes, Sender], bool]


class Feedback:
    """Runs a thread of its own; every method may be called from any thread and never waits."""

    def __init__(self, desk: Desk, send: Send, targets: Iterable[Sender]) -> None:
        """`send` puts a datagram on its way, and returns False when there is no room for it."""
        self._desk = desk
        self._send = send
        self._targets = tuple(targets)
        self._subscribers: dict[Sender, float] = {}
        self._pending: dict[Sender, dict[str, Value]] = {}
        self._told: dict[str, Value] = {}
        self._quiet: dict[tuple[str, str], float] = {}
        self._lock = threading.Lock()
        self._work = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="OSC feedback", daemon=True)

    def start(self) -> None:
        """Begin to send: all there is at first, then what changes."""
        self._desk.store.listen(self._changed)
        for target in self._targets:
            self.tell_all(target)
        self._thread.start()

    def close(self) -> None:
        """Send no more."""
        self._stopped.set()
        self._work.set()
        if self._thread.is_alive():
            self._thread.join(2)

    def received(self, spec: ParameterSpec, sender: Sender, as_sent: bool) -> None:
        """A sender sets a value. What is taken `as_sent` it need not hear while it goes on sending;
        what had to be made to fit it hears at once, even where that changes nothing.
        """
        address = ROOT + spec.osc
        with self._lock:
            if as_sent:
                self._quiet[sender[0], address] = perf_counter() + QUIET
            else:
                self._quiet.pop((sender[0], address), None)

    def subscribe(self, target: Sender) -> None:
        """Tell `target` everything from now on, beginning with all there is; ValueError when there
        are too many. Once more renews it, and tells only what changes.
        """
        with self._lock:
            self._expire()
            known = target in self._subscribers
            if not known and len(self._subscribers) >= SUBSCRIBERS:
                raise ValueError(f"There are {SUBSCRIBERS} subscribers already; unsubscribe one.")
            self._subscribers[target] = perf_counter() + SUBSCRIBED
        if not known:
            self.tell_all(target)

    def unsubscribe(self, target: Sender) -> None:
        """Tell `target` no more."""
        with self._lock:
            self._subscribers.pop(target, None)
            if target not in self._targets:
                self._pending.pop(target, None)

    def tell(self, values: Mapping[str, Value], only: Iterable[Sender] = ()) -> None:
        """Send some values to `only`, or to all."""
        with self._lock:
            for target in only or (*self._targets, *self._subscribers):
                if target in self._pending or len(self._pending) < ASKERS:
                    self._pending.setdefault(target, {}).update(values)
        self._work.set()

    def answer(self, values: Mapping[str, Value], asker: Sender) -> None:
        """Answer to where a question came from, and to the targets configured on that machine: the
        program that asked may listen there.
        """
        self.tell(values, {asker, *(t for t in self._targets if t[0] == asker[0])})

    def tell_all(self, target: Sender) -> None:
        """Send every parameter and the state to one target."""
        values = self._desk.store.snapshot.values
        specs = self._desk.store.specs.items()
        parameters = {ROOT + spec.osc: values[name] for name, spec in specs}
        self.tell({**parameters, **self._state()}, [target])

    def _changed(self, change: Change) -> None:
        specs = self._desk.store.specs
        self.tell({ROOT + specs[name].osc: value for name, value in change.changed.items()})

    def _state(self) -> dict[str, Value]:
        status = self._desk.status()
        every = {row.name: getattr(status, row.name) for row in STATUS}
        told = {n: v for n, v in every.items() if isinstance(v, (bool, int, float, str))}
        return {
            **{f"{ROOT}state/{n}": v for n, v in told.items()},
            f"{ROOT}pipeline": status.pipeline,
        }

    def _run(self) -> None:
        look_at = 0.0
        while not self._stopped.is_set():
            self._work.wait(max(0.0, look_at - perf_counter()))
            self._work.clear()
            if perf_counter() >= look_at:
                look_at = perf_counter() + LOOK
                self._look()
            if self._burst():
                self._work.set()
            self._stopped.wait(BEAT)

    def _look(self) -> None:
        """Tell what is new about the state; its uptime is the heartbeat."""
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

    def _burst(self) -> bool:
        """Send what may be sent now; whether there is more to come."""
        for target, values in self._due().items():
            unsent = {a: v for a, v in values.items() if not self._sent(a, v, target)}
            with self._lock:
                if unsent:  # no room: the next burst, where nothing newer has come
                    self._pending[target] = {**unsent, **self._pending.get(target, {})}
        return bool(self._pending)

    def _due(self) -> dict[Sender, dict[str, Value]]:
        """Take out what is to be sent; a value that its own sender still moves stays behind."""
        now = perf_counter()
        due: dict[Sender, dict[str, Value]] = {}
        with self._lock:
            for target, values in self._pending.items():
                due[target] = {
                    a: v for a, v in values.items() if self._quiet.get((target[0], a), 0) <= now
                }
            left = {t: {a: v for a, v in values.items() if a not in due[t]}
                    for t, values in self._pending.items()}  # fmt: skip
            self._pending = {target: values for target, values in left.items() if values}
        return due

    def _sent(self, address: str, value: Value, target: Sender) -> bool:
        try:
            return self._send(encoded(address, value), target)
        except PacketError as error:
            log.warning("%s", error)
            return True
