"""A relay's line to one server: a WebSocket that is opened again until the relay ends.

Whatever happens to it, messages arrive in order and once (`outbox.py`), and the session continues:
the server knows it by its name. The thread "line" connects, receives and answers pings; "to line"
sends what any thread has said, so that none of them waits for the line.
"""

import queue
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import replace
from time import perf_counter
from typing import TypeAlias

from websockets.exceptions import (
    ConnectionClosed,
    InvalidStatus,
    WebSocketException,
)
from websockets.sync.client import ClientConnection, connect

from engine.ipc.typed import ProtocolError, UnknownKindError
from engine.remote.address import STATUSES, Server, why_not
from engine.remote.asking import RefusedError
from engine.remote.outbox import Inbox, Outbox
from engine.remote.placing import Placing, QueuedError
from engine.remote.wire import (
    FROM_SERVER,
    LARGEST_FRAME,
    LOSSY,
    PATH,
    PING,
    SILENT,
    Header,
    Ping,
    Pong,
    RelayHello,
    RelayMessage,
    RunPipeline,
    ServerHello,
    ServerMessage,
    numbered,
    written,
)

OPENING = 5.0  # seconds for a connection to open
SOON, LATER = 0.1, 2.0  # seconds until it is tried again: at first, and after many failures
LASTING = 1.0  # seconds for which a line holds that is no failure
QUEUED = 1.0  # the same while a cluster has no place
REFUSED = 5.0  # the same after a refusal, which only a person can change
CLOCKS = 10  # answers to pings of which the quickest tells the clock

# What waits to be sent: a message; of those that may be lost, the kind; None for nothing more
Waiting: TypeAlias = "str | bytes | type | None"


class Line:
    """`start` it, then send; `end` it. The callbacks are called by the thread "line"."""

    def __init__(
        self,
        server: Server,
        hello: RelayHello,
        heard: Callable[["Line", ServerMessage], None],
        frame: Callable[["Line", Header, memoryview], None],
        changed: Callable[["Line"], None],
        wanted: Callable[[], RunPipeline | None] = lambda: None,
    ) -> None:
        """`heard` gets each message, `frame` each binary one; `changed` is called after
        `connected` or `trouble` has changed. `wanted` is the pipeline that is to run: by it a
        cluster chooses the server.
        """
        self.server = server
        self.connected = False
        self.resumed = False  # whether the session was there before this connection
        self.trouble = ""  # why there is no line, in a sentence
        self.lost_at = perf_counter()
        self.round_trip = 0.0
        self._hello, self._heard, self._frame, self._changed = hello, heard, frame, changed
        self._placing = Placing(server, hello.session, hello.ends, wanted)
        self._outbox, self._inbox = Outbox(), Inbox()
        self._connection: ClientConnection | None = None
        self._queue: queue.SimpleQueue[Waiting] = queue.SimpleQueue()
        self._newest: dict[type, str] = {}  # what may be lost and waits, by its kind
        self._sender: threading.Thread | None = None
        self._sending = threading.Lock()
        self._ended = threading.Event()
        self._clocks: deque[tuple[float, float]] = deque(maxlen=CLOCKS)  # round trip, offset
        self._thread = threading.Thread(target=self._run, name="line", daemon=True)

    def start(self) -> None:
        """Begin to connect."""
        self._thread.start()

    def end(self, patience: float) -> None:
        """Close the line, once what was said has been sent, at most `patience` seconds later."""
        self._ended.set()
        with self._sending:
            connection, sender = self._connection, self._sender
            self._queue.put(None)
        if connection and sender:
            until = perf_counter() + patience
            sender.join(patience)
            # Not cut off: what was said last would be lost with what has not been read here.
            closing = threading.Thread(target=_closed, args=(connection,), daemon=True)
            closing.start()
            closing.join(max(0.0, until - perf_counter()))

    def say(self, message: RelayMessage) -> None:
        """Send a message, now or once there is a line again; those that may be lost only now, and
        the newest of a kind alone.
        """
        with self._sending:
            if isinstance(message, LOSSY):
                self._say_newest(type(message), written(0, message))
                return
            text = written(self._outbox.next_number, message)
            self._outbox.keep(text)
            if self.connected:
                self._queue.put(text)

    def _say_newest(self, kind: type, text: str) -> None:
        if self.connected:
            if kind not in self._newest:
                self._queue.put(kind)
            self._newest[kind] = text

    def send(self, header: Header, data: bytes | memoryview) -> bool:
        """Send a frame; False if there is no line."""
        with self._sending:
            if self.connected:
                self._queue.put(header.packed(data))
            return self.connected

    def here(self, time: float) -> float:
        """A time of the server's clock by this machine's; now, until the two have been compared."""
        return time - min(self._clocks)[1] if self._clocks else perf_counter()

    def _send(self, connection: ClientConnection, waiting: "queue.SimpleQueue[Waiting]") -> None:
        """The thread "to line"."""
        with suppress(WebSocketException, OSError):  # the thread "line" sees it too
            while (message := waiting.get()) is not None:
                if isinstance(message, type):
                    with self._sending:
                        if self._queue is not waiting:
                            return  # there is another connection since
                        message = self._newest.pop(message)
                connection.send(message)

    # The thread "line".

    def _run(self) -> None:
        failures = 0
        while not self._ended.is_set():
            refused, began = False, perf_counter()
            with ExitStack() as opened:
                try:
                    if (server := self._placing.find()) is None:
                        self._ended.wait(SOON)
                        continue
                    connection = opened.enter_context(self._opening(server))
                except QueuedError as error:
                    self._lost(str(error))
                    self._ended.wait(QUEUED)
                    continue
                except (OSError, WebSocketException, ValueError) as error:
                    failures, refused = failures + 1, _is_refusal(error)
                    self._placing.lost()
                    self._lost(_why(self.server, error))
                else:
                    refused = self._served(connection, server.name)
                    failures = 0 if perf_counter() - began > LASTING else failures + 1
            pause = REFUSED if refused else min(SOON * 2**failures, LATER)
            self._ended.wait(pause)

    def _opening(self, server: Server) -> AbstractContextManager[ClientConnection]:
        if server != self.server:
            self.server = server
            self._clocks.clear()
        return connect(
            server.socket(PATH), ssl=server.context(), additional_headers=server.headers,
            compression=None, proxy=None if server.is_here else True,
            open_timeout=OPENING, close_timeout=1, ping_interval=None, max_size=LARGEST_FRAME,
        )  # fmt: skip

    def _served(self, connection: ClientConnection, name: str) -> bool:
        """Use a connection until it is lost, or this line ends; whether it was refused."""
        refused = False
        with suppress(OSError):
            connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self._serve(connection)
            why = "it closed the line"
        except (OSError, WebSocketException) as error:
            why = _why_closed(error)
            refused = not self.connected and _reason(error) != ""
        except ProtocolError as error:
            why, refused = str(error).rstrip("."), True
        if self._ended.is_set():
            return False  # it is closed in order
        if self.connected:
            self._part(connection, f"The line to the engine on {name} is lost: {why}.")
        else:  # it did not even greet
            self._part(connection, f"The engine on {name} cannot be used: {why}.")
        return refused

    def _serve(self, connection: ClientConnection) -> None:
        """Greet, send again what was not confirmed, then receive until the line is lost."""
        hello = replace(self._hello, heard=self._inbox.heard)
        connection.send(written(0, hello))
        _, data = numbered(connection.recv(timeout=OPENING))
        greeting = FROM_SERVER.decode(data, first=True)
        assert isinstance(greeting, ServerHello)  # the first of its vocabulary
        with self._sending:
            if greeting.resumed:
                self._outbox.confirm(greeting.heard)
            else:
                self._outbox, self._inbox = Outbox(), Inbox()
                self._clocks.clear()
            self.resumed, self._connection = greeting.resumed, connection
            self._queue, self._newest = queue.SimpleQueue(), {}
            for text in self._outbox.unconfirmed:
                self._queue.put(text)
            self._sender = threading.Thread(
                target=self._send, args=(connection, self._queue), name="to line", daemon=True
            )
            self._sender.start()
            self.connected, self.trouble = True, ""
        self._placing.reached()
        self._changed(self)
        said, heard = float("-inf"), perf_counter()
        while not self._ended.is_set():
            now = perf_counter()
            if now - said >= PING:
                said = now
                self.say(Ping(at=now, heard=self._inbox.heard))
            try:
                message = connection.recv(timeout=max(0.0, said + PING - now))
            except TimeoutError:
                if perf_counter() - heard > SILENT:
                    raise TimeoutError(f"nothing has come for {SILENT:g} s") from None
                continue
            heard = perf_counter()
            self._take(message)

    def _take(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            self._frame(self, *Header.of(message))
            return
        number, data = numbered(message)
        if not self._inbox.takes(number):
            return
        with suppress(UnknownKindError):
            self._note(FROM_SERVER.decode(data))

    def _note(self, message: ServerMessage) -> None:
        match message:
            case Ping(at=at, heard=heard):
                with self._sending:
                    self._outbox.confirm(heard)
                self.say(Pong(at=at, now=perf_counter()))
            case Pong(at=at, now=there):
                now = perf_counter()
                self.round_trip = now - at
                self._clocks.append((now - at, there - (at + now) / 2))
            case _:
                self._heard(self, message)

    def _part(self, connection: ClientConnection, why: str) -> None:
        """Give up a connection, also for the thread that sends on it."""
        _shut(connection)
        self._placing.lost()
        with self._sending:
            self._connection, self.connected = None, False
            self._queue.put(None)
        self.lost_at = perf_counter()
        self._lost(why)

    def _lost(self, why: str) -> None:
        if not self._ended.is_set() and why != self.trouble:
            self.trouble = why
            self._changed(self)


def _closed(connection: ClientConnection) -> None:
    with suppress(OSError, WebSocketException):
        connection.close()


def _shut(connection: ClientConnection) -> None:
    """End a connection at once: a silent line answers no goodbye."""
    with suppress(OSError):
        connection.socket.shutdown(socket.SHUT_RDWR)
    _closed(connection)


def _is_refusal(error: Exception) -> bool:
    """Whether trying again soon cannot help; a proxy's 502 means that its server is not up yet."""
    if isinstance(error, InvalidStatus):
        return error.response.status_code in STATUSES
    return isinstance(error, ssl.SSLCertVerificationError | ValueError)


def _why(server: Server, error: Exception) -> str:
    """Why no connection could be opened, in a sentence."""
    if isinstance(error, RefusedError):
        return why_not(server, error, error.status)
    status = error.response.status_code if isinstance(error, InvalidStatus) else 0
    return why_not(server, error, status)


def _why_closed(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return str(error) or "it does not answer"
    return _reason(error) or "it was closed"


def _reason(error: Exception) -> str:
    """What the server said as it closed the line, if anything."""
    closed = isinstance(error, ConnectionClosed) and error.rcvd
    return closed.reason.rstrip(".") if closed else ""
