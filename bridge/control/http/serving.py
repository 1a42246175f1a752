"""What one web server does: the app behind uvicorn, which accepts its connections here.

Connections are accepted here and not by asyncio: one by one, each with a seat from `seats`, never
with the last file descriptors, and an error in one closes only that one.
"""

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress

import uvicorn
from starlette.types import ASGIApp

from bridge.control.bridge_api import BridgeApi
from bridge.control.http.app import create_app
from bridge.control.http.connections import SEND_BUFFER, HttpConnection, SocketConnection
from bridge.control.http.oscquery import OscQuery
from bridge.control.http.rules import Rules
from bridge.control.http.seats import Limits, Seats
from bridge.system.descriptors import scarce
from bridge.system.faults import Faults
from bridge.system.ports import deaf

LARGEST = 1 << 20  # bytes
PAUSE = 0.2  # seconds until accepting is retried after a failure
SHORT = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)  # retrying at once would fail
GONE = 100  # consecutive connections lost before they were accepted, until there is a pause
# Not Windows' default loop, which closes a listener for good when a client resets its connection
# at the wrong moment (CPython 93821).
LOOP = "asyncio:SelectorEventLoop"


def configured(
    desk: BridgeApi, rules: Rules, limits: Limits, query: OscQuery | None = None
) -> uvicorn.Config:
    """What every `Serving` of a desk has in common."""
    return config_of(create_app(desk, rules, query), limits)


def config_of(app: ASGIApp, limits: Limits, largest: int = LARGEST) -> uvicorn.Config:
    """The same of an app; `largest` is the size of a WebSocket's message, in bytes."""
    return uvicorn.Config(
        app,
        log_config=None,
        loop=LOOP,
        log_level="error",  # a warning for each bad request would fill the log
        access_log=False,
        lifespan="off",
        http=HttpConnection,
        ws=SocketConnection,
        ws_max_size=largest,
        ws_ping_interval=None,  # `Seats.look` asks
        ws_per_message_deflate=False,  # images are compressed already
        timeout_keep_alive=round(limits.kept),
        timeout_graceful_shutdown=1,
    )


class Serving(uvicorn.Server):
    """Accepts connections itself, and leaves signals to the main thread."""

    def __init__(
        self,
        config: uvicorn.Config,
        limits: Limits,
        tls: Callable[[], ssl.SSLContext] | None = None,
    ) -> None:
        """`tls` gives what a new connection is encrypted with; without it, none is."""
        super().__init__(config)
        self._tls = tls
        self._greeting: dict[asyncio.Task[None], None] = {}  # connections that shake hands
        self._seats = Seats(limits)
        self._faults = Faults()
        self._tasks: list[asyncio.Task[None]] = []

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Nothing to capture."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As in uvicorn, which is given no sockets to listen on."""
        await super().startup(sockets=[])
        listeners = sockets or []
        work = [self._take(listener) for listener in listeners]
        self._tasks = [asyncio.create_task(one) for one in (*work, self._look(listeners))]

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As in uvicorn."""
        tasks = [*self._tasks, *self._greeting]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await super().shutdown(sockets)

    async def _take(self, listener: socket.socket) -> None:
        """Accept connections, for ever."""
        listener.setblocking(False)
        gone = 0  # in a row, before they were accepted
        while True:
            try:
                sock, _ = await asyncio.get_running_loop().sock_accept(listener)
            except (OSError, ValueError) as error:
                # Out of resources, or reset by the client; a closed listener, which fails for ever,
                # is detected by `_look`.
                self._faults.tell("A connection could not be accepted", error)
                gone += 1
                waits = getattr(error, "errno", 0) in SHORT or gone % GONE == 0
                await asyncio.sleep(PAUSE if waits else 0)
                continue
            gone = 0
            with self._faults.survived("A connection could not be served", sock.close):
                await self._seat(sock)
            await asyncio.sleep(0)  # existing connections get their turn between two new ones

    async def _seat(self, sock: socket.socket) -> None:
        if scarce(sock.fileno()) and not self._seats.spare():
            sock.close()
            return
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        if not self._tls:
            await self._connect(sock)
            return
        while len(self._greeting) >= self._seats.limits.seats:  # the oldest has waited longest
            oldest = next(iter(self._greeting))
            del self._greeting[oldest]
            oldest.cancel()
        task = asyncio.create_task(self._greet(sock, self._tls()))
        self._greeting[task] = None
        task.add_done_callback(lambda done: self._greeting.pop(done, None))

    async def _greet(self, sock: socket.socket, tls: ssl.SSLContext) -> None:
        """Shake hands, while others are accepted; a client that cannot is its own affair."""
        told = "A connection could not be encrypted"
        with self._faults.survived(told, sock.close), suppress(OSError):
            await self._connect(sock, tls, self._seats.limits.head)

    async def _connect(
        self, sock: socket.socket, tls: ssl.SSLContext | None = None, patience: float | None = None
    ) -> None:
        await asyncio.get_running_loop().connect_accepted_socket(
            lambda: HttpConnection(self.config, self.server_state, {}, self._seats), sock,
            ssl=tls, ssl_handshake_timeout=patience,
        )  # fmt: skip

    async def _look(self, listeners: list[socket.socket]) -> None:
        """Close overdue connections, for ever; stop this server once its listeners are dead."""
        while True:
            await asyncio.sleep(self._seats.limits.look)
            if any(map(deaf, listeners)):
                self.should_exit = True
            with self._faults.survived("Checking the connections failed"):
                self._seats.look()
