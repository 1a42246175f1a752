"""OSC in: one thread that receives, thins, parses and sets; it waits for nothing but the socket."""

import ipaddress
import logging
import selectors
import socket
import struct
import threading
from contextlib import suppress
from itertools import islice
from time import perf_counter, sleep
from typing import Any

from pythonosc.osc_bundle import OscBundle
from pythonosc.osc_bundle import ParseError as BundleError
from pythonosc.osc_message import OscMessage, ParseError

from bridge.control.desk import Desk
from bridge.control.osc_feedback import Feedback
from bridge.control.osc_inbox import BUNDLE, Inbox, Later, Sender
from bridge.control.osc_routes import (
    ROOT,
    addresses,
    buttons,
    is_pattern,
    matching,
    triggered,
    value,
)
from bridge.settings import Settings

log = logging.getLogger(__name__)

LARGEST = 65_507  # bytes of a datagram
BUFFER = 4 << 20  # bytes that the system keeps for us
GATHER = 0.002  # seconds in which a burst is gathered before it is parsed
DRAIN = 2048  # datagrams taken in a row before the newest are applied
DEEPEST = 4  # bundles in bundles
LOG_EVERY = 1.0  # seconds between log lines


class OscServer:
    """Controls a desk by OSC. `bind`, then `start`; `close` at the end."""

    def __init__(self, desk: Desk, settings: Settings) -> None:
        self._desk = desk
        self._counters = desk.counters
        self._lan = settings.osc_lan
        self._allowed = [ipaddress.ip_network(text, strict=False) for text in settings.osc_allow]
        self._specs = addresses(desk.store.specs.values())
        self._buttons = buttons(desk)
        self._feedback = Feedback(desk, [_target(text) for text in settings.osc_feedback])
        ordered = [*self._buttons, *(ROOT + name for name in ("subscribe", "unsubscribe", "ping"))]
        self._inbox = Inbox(frozenset(address.encode() for address in ordered))
        self._later = Later()
        self._sockets: list[socket.socket] = []
        self._log_at = 0.0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="OSC", daemon=True)
        self.port = 0

    def bind(self, port: int) -> None:
        """Take the port; OSError when another has it."""
        self._sockets.append(_bound(socket.AF_INET, "0.0.0.0" if self._lan else "127.0.0.1", port))
        self.port = self._sockets[0].getsockname()[1]
        # "localhost" is ::1 for some programs; machines without IPv6 do without.
        with suppress(OSError):
            self._sockets.append(_bound(socket.AF_INET6, "::1", self.port))

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()
        self._feedback.start()

    def close(self) -> None:
        """Listen no more."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(1)
        self._feedback.close()
        for sock in self._sockets:
            sock.close()

    def _run(self) -> None:
        """The story of a message: received, thinned, parsed, looked up, set, told."""
        with selectors.DefaultSelector() as selector:
            for sock in self._sockets:
                selector.register(sock, selectors.EVENT_READ)
            while not self._stopped.is_set():
                wait = self._later.wait
                ready = selector.select(0.2 if wait is None else min(wait, 0.2))
                if ready:
                    self._gather([key.fileobj for key, _ in ready])
                items = [*self._later.due(), *self._inbox.take()]
                self._counters.osc_coalesced = self._inbox.coalesced
                for data, sender in items:
                    self._handle(data, sender)

    def _gather(self, sockets: list[Any]) -> None:
        """Empty the sockets for a moment; one message alone is not made to wait."""
        taken = sum(self._drain(sock) for sock in sockets)
        until = perf_counter() + GATHER
        while taken > 1 and perf_counter() < until and not self._inbox.full:
            sleep(0)
            more = sum(self._drain(sock) for sock in sockets)
            if more == 0:
                break
            taken += more

    def _drain(self, sock: socket.socket) -> int:
        taken = 0
        for taken in range(DRAIN):
            try:
                data, sender = sock.recvfrom(LARGEST)
            except (BlockingIOError, ConnectionResetError):
                return taken
            self._counters.osc_messages += 1
            if not self._may(sender[0]):
                self._refuse(f"OSC from {sender[0]} is not allowed; see --osc-allow.")
            elif not self._later.add(data, sender[:2]):
                self._inbox.add(data, sender[:2])
        return taken

    def _may(self, host: str) -> bool:
        if host in ("127.0.0.1", "::1"):
            return True
        address = ipaddress.ip_address(host)
        return address.is_loopback or any(address in network for network in self._allowed)

    def _handle(self, data: bytes, sender: Sender) -> None:
        """One datagram: its parameters are set together, in one snapshot."""
        try:
            messages = list(islice(_messages(data), 1000))
        except (ParseError, BundleError, ValueError, IndexError, struct.error, OverflowError):
            self._refuse("A datagram was no OSC.")
            return
        changes: dict[str, object] = {}
        for message in messages:
            for address in self._meant(message.address):
                self._do(address, message.params, sender, changes)
        self._set(changes, sender)

    def _meant(self, address: str) -> list[str]:
        if not is_pattern(address):
            return [address]
        return matching(address, [*self._specs, *self._buttons])

    def _do(
        self, address: str, arguments: list[Any], sender: Sender, changes: dict[str, object]
    ) -> None:
        """One message to one address."""
        spec = self._specs.get(address)
        try:
            if arguments == ["?"]:
                self._answer(address, sender)
            elif spec:
                given = value(spec, arguments, self._desk.assets)
                changes[spec.name] = spec.coerce(given)
                self._feedback.received(spec, changes[spec.name] if given == changes[spec.name]
                                        else None, sender)  # fmt: skip
            elif address in self._buttons:
                if triggered(arguments):
                    self._buttons[address]()
            else:
                self._command(address.removeprefix(ROOT), arguments, sender)
        except (ValueError, LookupError) as error:
            text = error.args[0] if isinstance(error, LookupError) else str(error)
            self._refuse(f"{address}: {text}")

    def _command(self, name: str, arguments: list[Any], sender: Sender) -> None:
        """What is neither a parameter nor a button."""
        if name == "pipeline":
            self._desk.switch(self._pipeline(arguments))
        elif name == "ping":
            self._feedback.tell(ROOT + "pong", 1, sender)
        elif name == "query":
            self._feedback.tell_all(_reply_to(arguments, sender))
        elif name == "subscribe":
            if not self._feedback.subscribe(_reply_to(arguments, sender)):
                raise ValueError("There are eight subscribers already; unsubscribe one.")
        elif name == "unsubscribe":
            self._feedback.unsubscribe(_reply_to(arguments, sender))
        else:
            raise ValueError("There is nothing at this address; `spout-bridge list` shows what is.")

    def _pipeline(self, arguments: list[Any]) -> str:
        """A pipeline by its id, or by its place in the list."""
        first = arguments[0] if arguments else ""
        if isinstance(first, (int, float)) and not isinstance(first, bool):
            rows = self._desk.pipelines()
            place = round(first) if first == first and abs(first) < 1e6 else -1
            if 0 <= place < len(rows):
                return str(rows[place]["id"])
        return str(first)

    def _answer(self, address: str, sender: Sender) -> None:
        spec = self._specs.get(address)
        if spec:
            self._feedback.tell(address, self._desk.store.snapshot.values[spec.name], sender)
        elif address == ROOT + "pipeline":
            self._feedback.tell(address, self._desk.status().pipeline, sender)
        else:
            raise ValueError("There is no value at this address.")

    def _set(self, changes: dict[str, object], sender: Sender) -> None:
        if changes:
            self._desk.store.update(changes, f"osc:{sender[0]}", lenient=True)

    def _refuse(self, text: str) -> None:
        """Count it, and say it at most once a second."""
        self._counters.osc_refused += 1
        now = perf_counter()
        if now >= self._log_at:
            self._log_at = now + LOG_EVERY
            log.warning(text)
            self._feedback.tell(ROOT + "error", text[:1000])


def _bound(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        sock.bind((host, port))
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock


def _messages(data: bytes, depth: int = 0) -> "list[OscMessage]":
    if len(data) % 4:
        raise ValueError("an OSC packet is made of whole groups of four bytes")
    if not data.startswith(BUNDLE):
        return [OscMessage(data)]
    if depth >= DEEPEST:
        raise ValueError("bundles too deep")
    return _unpacked(OscBundle(data), depth)


def _unpacked(bundle: OscBundle, depth: int) -> "list[OscMessage]":
    if depth >= DEEPEST:
        raise ValueError("bundles too deep")
    found: list[OscMessage] = []
    for item in bundle:
        found += _unpacked(item, depth + 1) if isinstance(item, OscBundle) else [item]
    return found


def _reply_to(arguments: list[Any], sender: Sender) -> Sender:
    """Where answers go: the sender's own machine, at the port it names or sent from."""
    port = arguments[0] if arguments else sender[1]
    if isinstance(port, bool) or not isinstance(port, (int, float)) or not 0 < port < 65536:
        raise ValueError("The port must be a number from 1 to 65535.")
    return sender[0], int(port)


def _target(text: str) -> Sender:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(f"--osc-feedback takes HOST:PORT such as 127.0.0.1:9000, not {text!r}.")
    return host, int(port)
