"""OSC out: the true value of what changed, to those who are to know it.

Plain messages with f, i or s only, since some programs read nothing else; at most one burst of
datagrams every 16 ms, newest value of each address; never an answer to an address that was not
configured, did not subscribe, or is neither this machine nor allowed.
"""

import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from time import perf_counter

from pythonosc.osc_message_builder import OscMessageBuilder

from bridge.control.desk import Desk
from bridge.control.osc_inbox import Sender
from bridge.control.osc_routes import ROOT
from bridge.control.store import Change
from bridge.state import STATUS
from engine.parameters import ParameterSpec, Value

BEAT = 0.016  # seconds between bursts
LOOK = 0.2  # seconds between looks at the state
QUIET = 0.1  # seconds in which a sender does not hear its own value back
SUBSCRIBERS = 8
SUBSCRIBED = 600.0  # seconds that a subscription lasts unless it is renewed


class Feedback:
    """Runs a thread of its own; every method may be called from any thread and never waits."""

    def __init__(self, desk: Desk, targets: list[Sender]) -> None:
        self._desk = desk
        self._targets = targets
        self._subscribers: dict[Sender, float] = {}
        self._pending: dict[Sender, dict[str, Value]] = {}
        self._told: dict[str, Value] = {}
        self._sent_by: dict[str, tuple[str, float, object]] = {}
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="OSC feedback", daemon=True)
        desk.store.listen(self._changed)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def close(self) -> None:
        """Send no more."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(1)
        self._socket.close()

    def received(self, spec: ParameterSpec, given: object, sender: Sender) -> None:
        """A sender set a value: it need not hear that same value back at once."""
        self._sent_by[spec.name] = sender[0], perf_counter(), given

    def subscribe(self, target: Sender) -> bool:
        """Tell `target` everything from now on, beginning with all there is."""
        with self._lock:
            now = perf_counter()
            self._subscribers = {
                t: at for t, at in self._subscribers.items() if now - at < SUBSCRIBED
            }
            if target not in self._subscribers and len(self._subscribers) >= SUBSCRIBERS:
                return False
            self._subscribers[target] = now
        self.tell_all(target)
        return True

    def unsubscribe(self, target: Sender) -> None:
        """Tell `target` no more."""
        with self._lock:
            self._subscribers.pop(target, None)

    def tell(self, address: str, value: Value, only: Sender | None = None) -> None:
        """Send one value to `only`, or to all."""
        with self._lock:
            for target in [only] if only else [*self._targets, *self._subscribers]:
                self._pending.setdefault(target, {})[address] = value

    def tell_all(self, target: Sender) -> None:
        """Send every parameter and the state to one target."""
        values = self._desk.store.snapshot.values
        for name, spec in self._desk.store.specs.items():
            self.tell(ROOT + spec.osc, values[name], target)
        for address, value in self._state().items():
            self.tell(address, value, target)

    def _changed(self, change: Change) -> None:
        for name, value in change.changed.items():
            spec = self._desk.store.specs[name]
            host, at, given = self._sent_by.get(name, ("", 0.0, None))
            same = (
                change.origin.startswith("osc") and perf_counter() - at < QUIET and given == value
            )
            with self._lock:
                for target in [*self._targets, *self._subscribers]:
                    # Several programs of one machine share its address: only what was clamped or
                    # came from elsewhere goes back to a subscriber on the sender's own address.
                    if not (same and target in self._subscribers and target[0] == host):
                        self._pending.setdefault(target, {})[ROOT + spec.osc] = value

    def _state(self) -> dict[str, Value]:
        status = self._desk.status()
        found: dict[str, Value] = {}
        for row in STATUS:
            value = getattr(status, row.name)
            if not isinstance(value, Mapping):
                found[f"{ROOT}state/{row.name}"] = str(value) if isinstance(value, str) else value
        found[f"{ROOT}pipeline"] = status.pipeline
        return found

    def _run(self) -> None:
        look_at = 0.0
        while not self._stopped.wait(BEAT):
            if perf_counter() >= look_at and (self._targets or self._subscribers):
                look_at = perf_counter() + LOOK
                for address, value in self._state().items():
                    if self._told.get(address) != value:
                        self._told[address] = value
                        self.tell(address, value)
            self._flush()

    def _flush(self) -> None:
        with self._lock:
            pending, self._pending = self._pending, {}
        for target, values in pending.items():
            for address, value in values.items():
                # Nobody there, or a full buffer: the next change goes out as well.
                with suppress(OSError):
                    self._socket.sendto(encoded(address, value), target)


def encoded(address: str, value: Value) -> bytes:
    """One message: f for a float, i for a whole number or a switch, s for text."""
    builder = OscMessageBuilder(address)
    if isinstance(value, str):
        builder.add_arg(value, "s")
    elif isinstance(value, float):
        builder.add_arg(value, "f")
    else:
        builder.add_arg(int(value), "i")
    return builder.build().dgram
