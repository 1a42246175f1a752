"""OSC in: the sockets and the thread that empties them; `handler.py` thins, parses and sets.

Which machines may send: `OscServer._may`.
"""

import ipaddress
import logging
import select
import socket
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from time import perf_counter, sleep
from typing import Any, Self

from bridge.control.bridge_api import BridgeApi
from bridge.control.osc.feedback import Feedback
from bridge.control.osc.handler import Handler
from bridge.control.osc.inbox import Later, Sender
from bridge.settings import Settings
from bridge.system.loops import repeat
from bridge.system.networks import is_loopback, networks, within
from bridge.system.ports import bound, deaf

log = logging.getLogger(__name__)

EVERYWHERE = "0.0.0.0"
LARGEST = 1 << 16  # bytes; the maximum size of a datagram
BUFFER = 4 << 20  # bytes of the system's receive buffer
APART = 0.0005  # seconds from one turn to the next: datagrams arriving meanwhile are thinned
DRAIN = 4096  # datagrams read in one turn
LONGEST = 0.005  # seconds per look
PAUSE = 0.05  # seconds to wait after a failed turn
MOST_TROUBLE = 64  # kinds of errors logged
REMEMBERED = 256  # senders whose permission is cached


class OscServer:
    """Controls a desk by OSC. `bind`, then `start`; `close` at the end."""

    def __init__(self, desk: BridgeApi, settings: Settings, *, patterns: bool = True) -> None:
        """ValueError for an invalid feedback target or allowed address.

        `patterns` enables address patterns with `*` and the like.
        """
        self._counters = desk.counters
        self._lan = settings.osc_lan
        allow, feedback = settings.said("osc_allow"), settings.said("osc_feedback")
        self._allowed = networks(settings.osc_allow, allow)
        self._known: dict[str, bool] = {}
        self._own: dict[str, bool] = {}
        targets = [_target(text, feedback) for text in settings.osc_feedback]
        self._feedback = Feedback(desk, self._send, targets)
        self._handler = Handler(desk, self._feedback, patterns)
        self._inbox = self._handler.inbox()
        self._timetags = settings.osc_timetags
        self._turn = desk.store.turn
        self._now = 0  # the turn of arriving messages if bundles may wait, else 0
        self._later = Later()
        self._sockets: dict[socket.AddressFamily, socket.socket] = {}
        self._outward: dict[socket.AddressFamily, socket.socket] = {}
        self._ended = 0.0  # when the last turn did
        self._wait: float | None = None  # seconds until the next must begin, message or not
        self._trouble: set[str] = set()
        self._stopped = threading.Event()
        self._bell, self._button = socket.socketpair()
        self._put: deque[tuple[bytes, Sender]] = deque()
        self._replies: dict[Sender, Callable[[bytes], bool]] = {}
        self._thread = threading.Thread(target=self._run, name="OSC", daemon=True)
        self.port = 0

    def bind(self, port: int) -> None:
        """Bind the port; OSError if it is in use."""
        family = socket.AF_INET
        self._sockets[family] = _bound(self._host(family), port)
        self.port = self._sockets[family].getsockname()[1]
        # "localhost" is ::1 for some programs; ignored on machines without IPv6.
        with suppress(OSError):
            family = socket.AF_INET6
            self._sockets[family] = _bound(self._host(family), self.port)

    def _host(self, family: socket.AddressFamily) -> str:
        """The address to listen on."""
        if family == socket.AF_INET6:
            return "::1"
        return EVERYWHERE if self._lan else "127.0.0.1"

    def start(self) -> None:
        """Start listening."""
        self._thread.start()
        log.info("OSC is received on UDP %s:%d", self._host(socket.AF_INET), self.port)
        self._feedback.start()

    def join(self, sender: Sender, reply: Callable[[bytes], bool]) -> None:
        """From now on, answer `sender` by `reply` instead of UDP: it sends by `put`. `reply` never
        waits, and returns False if it takes no more now. Any thread.
        """
        self._replies[sender] = reply

    def leave(self, sender: Sender) -> None:
        """It has gone. Any thread."""
        self._replies.pop(sender, None)

    def put(self, data: bytes, sender: Sender) -> bool:
        """Take a packet that came another way, as one received; False if too many wait. Any
        thread.
        """
        if len(self._put) >= DRAIN:
            return False
        self._put.append((data, sender))
        with suppress(OSError):  # closed meanwhile
            self._button.send(b"!")
        return True

    def close(self) -> None:
        """Stop listening."""
        self._stopped.set()
        self._button.send(b"!")
        if self._thread.is_alive():
            self._thread.join(2)
        self._feedback.close()
        self._handler.close()
        sockets = (*self._sockets.values(), *self._outward.values())
        for sock in (*sockets, self._bell, self._button):
            sock.close()

    def _run(self) -> None:
        """The path of a message: received, thinned, parsed, looked up, set, reported."""
        with Ears() as ears:
            for sock in (*self._sockets.values(), self._bell):
                ears.add(sock)
            repeat(lambda: self._step(ears), self._stopped, self._failed, PAUSE)

    def _step(self, ears: "Ears") -> None:
        try:
            self._look(ears)
        except OSError:  # Windows' select fails for all sockets once one is dead
            self._mend(ears)
            raise

    def _mend(self, ears: "Ears") -> None:
        """Rebind sockets that the system has closed; OSError while that fails."""
        for family, sock in list(self._sockets.items()):
            if deaf(sock):
                ears.remove(sock)
                fresh = _bound(self._host(family), self.port)
                ears.add(fresh)
                self._sockets[family] = fresh
                sock.close()
                log.warning("OSC is listening on UDP port %d again.", self.port)

    def _look(self, ears: "Ears") -> None:
        wait = self._wait
        if self._timetags and (later := self._later.wait) is not None:
            wait = later if wait is None else min(wait, later)
        ready = ears.wait(wait)
        began = perf_counter()
        # A message that comes alone is handled at once, and no second read looks for more. In a
        # flood the next turn waits a moment, so that messages can be thinned and other threads get
        # the interpreter.
        early = self._ended + APART - began
        if early > 0:
            sleep(early)
            began = perf_counter()
        alone = early <= 0
        if self._timetags:
            for item in self._later.due():
                self._inbox.add(*item)
                alone = False
            self._now = self._turn()
        for sock in ready:
            try:
                self._drain(sock, began + LONGEST, alone)
            except OSError as error:  # this socket failed: the other one continues
                self._failed(error)
                self._mend(ears)
                self._stopped.wait(PAUSE)
        # All values of one turn become one snapshot.
        self._wait = self._handler.done() if alone else self._handler.look(self._inbox)
        self._ended = perf_counter()

    def _failed(self, error: Exception) -> None:
        """A turn failed; continue: a network may come back, an error may concern one message only.
        Each kind of error is logged once.
        """
        kind = f"{type(error).__name__}: {error}"
        if kind not in self._trouble and len(self._trouble) < MOST_TROUBLE:
            self._trouble.add(kind)
            log.error("OSC continues after: %s", kind, exc_info=error)

    def _drain(self, sock: Any, until: float, alone: bool = False) -> None:
        """Empty a socket; bounded, so that a flood cannot delay its own messages for ever. If a
        datagram is likely to be `alone`, handle one, and leave any others to the next turn.
        """
        if sock is self._bell:
            self._drain_put(alone)
            return
        take, most = (self._handler.alone, 1) if alone else (self._inbox.add, DRAIN)
        later = self._later.add if self._timetags else None
        known, may, port = self._known, self._may, self.port
        for _ in range(most):
            try:
                data, sender = sock.recvfrom(LARGEST)
            except ConnectionResetError:  # how Windows reports that an answer was not received
                continue
            except BlockingIOError:
                return
            host = sender[0]
            if sender[1] == port and self._is_own(host):
                continue  # our own broadcast comes back
            self._counters.osc_messages += 1
            if not known.get(host) and not may(host):
                text = f"{host} is not allowed to send; see --osc-allow."
                self._handler.refuse("sender", text, None)
            elif later and later(data, sender[:2], self._turn):
                self._now = self._turn()
            else:
                take(data, sender[:2], self._now)
            if perf_counter() > until:
                return

    def _drain_put(self, alone: bool) -> None:
        """The same for what came by `put`."""
        self._bell.recv(DRAIN)
        take = self._handler.alone if alone else self._inbox.add
        for _ in range(min(len(self._put), 1 if alone else DRAIN)):
            self._counters.osc_messages += 1
            take(*self._put.popleft(), self._now)
        if self._put:
            self._button.send(b"!")

    def _handle(self, data: bytes, sender: Sender) -> None:
        """Handle a single datagram, as tests send it."""
        self._handler.take(data, sender)
        self._handler.flush()
        self._handler.tell()

    def _may(self, host: str) -> bool:
        """Whether a sender is this machine or allowed."""
        if host not in self._known:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[host] = is_loopback(host) or within(host, self._allowed)
        return self._known[host]

    def _send(self, data: bytes, target: Sender) -> bool:
        """Send from our listening port: some programs accept answers only from there."""
        if reply := self._replies.get(target):
            return reply(data)
        # With our own port as a target, every answer would come back as a message.
        if target[1] == self.port and self._is_own(target[0]):
            return True
        if self._stopped.is_set():  # a closed server opens no new socket
            return True
        try:
            self._way(target[0]).sendto(data, target)
        except BlockingIOError:
            return False
        except OSError as error:  # no listener, no route, too long: a debug line is enough
            log.debug("OSC to %s:%d: %s", *target, error)
        return True

    def _way(self, host: str) -> socket.socket:
        """The socket for sending to a machine; OSError if there is none for its family. A socket
        bound to loopback sends only to this machine.
        """
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listens = self._sockets.get(family)
        everywhere = self._host(family) == EVERYWHERE
        if listens and (everywhere or ipaddress.ip_address(host).is_loopback):
            return listens
        if family not in self._outward:
            made = _sending(socket.socket(family, socket.SOCK_DGRAM))
            if self._outward.setdefault(family, made) is not made:  # another thread was faster
                made.close()
        return self._outward[family]

    def _is_own(self, host: str) -> bool:
        """Whether an address belongs to this machine: only those can be bound."""
        if host not in self._own:
            if len(self._own) >= REMEMBERED:
                self._own.clear()
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            with socket.socket(family, socket.SOCK_DGRAM) as sock:
                try:
                    sock.bind((host, 0))
                    self._own[host] = True
                except OSError:
                    self._own[host] = False
        return self._own[host]


class Ears:
    """The sockets to wait for: as in `selectors`, but with less to do for each datagram."""

    def __init__(self) -> None:
        self._sockets: dict[int, socket.socket] = {}
        self._epoll = select.epoll() if sys.platform == "linux" else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._epoll:
            self._epoll.close()

    def add(self, sock: socket.socket) -> None:
        """Wait for this one too."""
        self._sockets[sock.fileno()] = sock
        if sys.platform == "linux" and self._epoll:
            self._epoll.register(sock, select.EPOLLIN)

    def remove(self, sock: socket.socket) -> None:
        """Wait no longer for one that the system has closed; one unknown is ignored."""
        gone = [fd for fd, each in self._sockets.items() if each is sock]
        self._sockets = {fd: each for fd, each in self._sockets.items() if each is not sock}
        if sys.platform == "linux" and self._epoll:
            for fd in gone:
                with suppress(OSError):  # closed: the system has forgotten it
                    self._epoll.unregister(fd)

    def wait(self, seconds: float | None) -> list[socket.socket]:
        """Those that have a datagram, waited for at most so long; None for ever."""
        if sys.platform == "linux" and self._epoll:
            heard = [self._sockets.get(fd) for fd, _ in self._epoll.poll(seconds)]
            return [sock for sock in heard if sock]
        return select.select([*self._sockets.values()], [], [], seconds)[0]


def _bound(host: str, port: int) -> socket.socket:
    sock = bound(socket.SOCK_DGRAM, host, port)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    return _sending(sock)


def _sending(sock: socket.socket) -> socket.socket:
    """Make a socket non-blocking, and allow it to broadcast."""
    sock.setblocking(False)
    if sock.family == socket.AF_INET:  # IPv6 has no broadcast
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    return sock


def _target(text: str, setting: str) -> Sender:
    """HOST:PORT as a target address; a name is resolved once, at startup."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(f"{setting} takes HOST:PORT such as 127.0.0.1:9000, not {text!r}.")
    try:
        # IPv4 first if a name has both.
        found = sorted(socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_DGRAM))
    except OSError:
        raise ValueError(f"{setting}: host {host!r} not found.") from None
    return str(found[0][4][0]), int(port)
