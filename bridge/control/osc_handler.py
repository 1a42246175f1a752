"""What OSC messages do at the desk: values set, buttons pressed, questions answered."""

import logging
import threading
from collections.abc import Callable, Iterable
from functools import partial
from ipaddress import ip_address
from time import perf_counter
from typing import Any

from bridge.control.desk import Desk
from bridge.control.osc_errands import Errands
from bridge.control.osc_feedback import Feedback
from bridge.control.osc_inbox import Item, Sender
from bridge.control.osc_packets import BUNDLE, Arguments, PacketError, parse, split
from bridge.control.osc_patterns import is_pattern, matching
from bridge.control.osc_routes import ROOT, addresses, buttons, reply_to, triggered, value
from bridge.transports import TransportError
from engine.parameters import ParameterSpec, Value

log = logging.getLogger(__name__)

LOG_EVERY = 1.0  # seconds between log lines, and between errors told
ON_DISK = (ROOT + "pipeline", ROOT + "download")
OURS = (ROOT + "error", ROOT + "pong", ROOT + "state/")  # not errors when two bridges meet


class Handler:
    """Used by one thread. Values wait in `_changes` until `flush` stores them in one snapshot;
    what else was asked for waits in `_then` and is done after it, in order; of that, what looks
    at files (a pipeline's weights) is an errand, since a disk may sleep.
    """

    def __init__(self, desk: Desk, feedback: Feedback, patterns: bool = True) -> None:
        self._desk = desk
        self._feedback = feedback
        self._patterns = patterns
        self.specs = addresses(desk.store.specs.values())
        self._buttons = buttons(desk)
        self._commands: dict[str, Callable[[Arguments, Sender], None]] = {
            ROOT + "pipeline": self._pipeline,
            ROOT + "source": self._source,
            ROOT + "download": lambda args, _: desk.weights.download(str(args[0]) if args else ""),
            ROOT + "download/cancel": lambda _, __: desk.weights.cancel(),
            ROOT + "ping": lambda _, sender: feedback.answer({ROOT + "pong": 1}, sender),
            ROOT + "query": lambda args, sender: feedback.tell_all(reply_to(args, sender)),
            ROOT + "subscribe": lambda args, sender: feedback.subscribe(reply_to(args, sender)),
            ROOT + "unsubscribe": lambda args, sender: feedback.unsubscribe(reply_to(args, sender)),
        }
        self._changes: dict[str, object] = {}
        self._then: list[tuple[str, Callable[[], object]]] = []
        self._sender: Sender = ("", 0)
        self._refused_at: dict[str, float] = {}
        self._errands = Errands()
        self._lock = threading.Lock()

    def newest(self, versions: Iterable[Item]) -> int:
        """Take the newest datagram that is good; how many were looked at."""
        looked = 0
        for data, sender in reversed([*versions]):
            looked += 1
            if self.take(data, sender):
                break
        return looked

    def take(self, data: bytes, sender: Sender) -> bool:
        """Take one datagram in; whether all of it was good. A bundle is stored by itself."""
        bundle = data.startswith(BUNDLE)
        if bundle or self._then or sender != self._sender:
            self.flush()
        self._sender = sender
        try:
            messages = split(data)
        except PacketError as error:
            self.refuse("packet", str(error))
            return False
        self._desk.counters.osc_messages += len(messages) - 1
        good = [self._message(message, sender) for message in messages]
        if bundle:
            self.flush()
        return all(good)

    def flush(self) -> None:
        """Store what was gathered, in one snapshot; then do the rest."""
        changes, self._changes = self._changes, {}
        then, self._then = self._then, []
        if changes:
            host, port = self._sender
            update = partial(self._desk.store.update, lenient=True)
            self._attempt("value", update, changes, f"osc:{host}:{port}")
        for address, deed in then:
            if not address.startswith(ON_DISK):
                self._attempt(address, deed)
            elif not self._errands.put(partial(self._attempt, address, deed)):
                self.refuse(address, f"{address}: too many of these wait; try again.")

    def refuse(self, kind: str, text: str) -> None:
        """Count it; log and tell it at most once a second for each kind of trouble."""
        with self._lock:  # errands are refused too
            self._desk.counters.osc_refused += 1
            now = perf_counter()
            if now < self._refused_at.get(kind, 0.0):
                return
            self._refused_at[kind] = now + LOG_EVERY
        log.warning("OSC: %s", text)
        self._feedback.tell({ROOT + "error": text[:1000]})

    def _message(self, data: bytes, sender: Sender) -> bool:
        try:
            message = parse(data)
        except PacketError as error:
            self.refuse("packet", str(error))
            return False
        address = message.address
        if not is_pattern(address):
            return self._attempt(address, self._do, address, message.arguments, sender)
        # Commands are a conversation with one sender: no pattern means them.
        known = (*self.specs, *self._buttons) if self._patterns else ()
        found = matching(address, known)
        if not found:
            self.refuse("address", f"Nothing matches {address[:80]!r}.")
        good = [self._attempt(a, self._do, a, message.arguments, sender) for a in found]
        return bool(found) and all(good)

    def _do(self, address: str, arguments: Arguments, sender: Sender) -> None:
        """One message to one address."""
        if address in self.specs:
            self._value(self.specs[address], address, arguments, sender)
        elif address in self._buttons:
            if triggered(arguments):
                self._then.append((address, self._buttons[address]))
        elif address in self._commands:
            self._then.append((address, partial(self._commands[address], arguments, sender)))
        elif not address.startswith(OURS):
            self.refuse("address", f"There is nothing at {address[:80]!r}.")

    def _value(
        self, spec: ParameterSpec, address: str, arguments: Arguments, sender: Sender
    ) -> None:
        if arguments == ["?"]:
            self._then.append((address, partial(self._answer, spec.name, address, sender)))
            return
        given = value(spec, arguments)
        applied = self._desk.store.check({spec.name: given}, lenient=True)[spec.name]
        self._changes[spec.name] = applied
        self._feedback.received(spec, sender, as_sent=given == applied)
        if given != applied:
            self._then.append((address, partial(self._correct, spec, applied)))

    def _correct(self, spec: ParameterSpec, applied: Value) -> None:
        """Tell what a value was made to, although that may be what it was before."""
        self._feedback.tell({ROOT + spec.osc: applied})

    def _answer(self, name: str, address: str, asker: Sender) -> None:
        self._feedback.answer({address: self._desk.store.snapshot.values[name]}, asker)

    def _pipeline(self, arguments: Arguments, sender: Sender) -> None:
        """A pipeline by its id, or by its place in the list."""
        first = arguments[0] if arguments else ""
        if first == "?":
            pipeline = self._desk.status().pipeline
            self._feedback.answer({ROOT + "pipeline": pipeline}, sender)
            return
        rows = self._desk.pipelines()
        place = -1
        if isinstance(first, (int, float)) and not isinstance(first, bool):
            place = round(first) if abs(first) < len(rows) else -1
        self._desk.switch(str(rows[place]["id"]) if 0 <= place < len(rows) else str(first))

    def _source(self, arguments: Arguments, sender: Sender) -> None:
        """A source by its URI. Files are opened for this machine's own programs alone."""
        first = arguments[0] if arguments else ""
        if first == "?":
            uri = self._desk.status().source_uri
            self._feedback.answer({ROOT + "source": uri}, sender)
            return
        uri = str(first)
        if uri.startswith("file:") and not ip_address(sender[0]).is_loopback:
            raise ValueError("A file is opened by messages from this machine only.")
        self._desk.attach(uri)

    def _attempt(self, kind: str, deed: Callable[..., object], *arguments: Any) -> bool:
        """Do it; what goes wrong is told, and ends nothing."""
        try:
            deed(*arguments)
        except (ValueError, LookupError, TransportError) as error:
            self.refuse(kind, f"{kind}: {error.args[0] if error.args else error}")
            return False
        except Exception as error:  # an action's own mistake must not end the one who listens
            log.exception("OSC: %s", kind)
            self.refuse(kind, f"{kind}: {error}")
            return False
        return True
