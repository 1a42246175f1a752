"""The web server: uvicorn in a thread, on sockets that are bound before anything is started.

Connections are taken here and not by asyncio: one after the other, each on a seat of the table in
`seats`, never with the last descriptors, and whatever goes wrong with one ends only that one.
"""

import asyncio
import socket
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress

import uvicorn

from bridge.control.connections import SEND_BUFFER, HttpConnection, SocketConnection
from bridge.control.desk import Desk
from bridge.control.guard import Rules
from bridge.control.http import create_app
from bridge.control.seats import Limits, Seats
from bridge.descriptors import scarce
from bridge.faults import Faults
from bridge.settings import Settings

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
QUEUE = 1024  # connections that the system holds until they are taken
PAUSE = 0.2  # seconds until connections are taken again after that failed


class HttpServer:
    """Serves a desk. `bind`, then `start`; `close` at the end."""

    def __init__(
        self, desk: Desk, settings: Settings, token: str = "", limits: Limits | None = None
    ) -> None:
        self._host = "0.0.0.0" if settings.lan else settings.host
        self._port = settings.port
        hosts = {*LOOPBACK, settings.host, *settings.allow_host}
        if settings.lan:
            hosts |= {socket.gethostname(), *_own_addresses()}
        limits = limits or Limits()
        config = uvicorn.Config(
            create_app(desk, Rules(frozenset(hosts), token)),
            log_config=None,
            log_level="error",  # a warning for each bad request would fill the log
            access_log=False,
            lifespan="off",
            http=HttpConnection,
            ws=SocketConnection,
            ws_max_size=1 << 20,
            ws_ping_interval=None,  # `Seats.look` asks
            ws_per_message_deflate=False,  # pictures are packed already
            timeout_keep_alive=round(limits.kept),
            timeout_graceful_shutdown=1,
        )
        self._server = _Server(config, Seats(limits))
        self._sockets: list[socket.socket] = []
        self._thread = threading.Thread(target=self._run, name="HTTP", daemon=True)
        self.port = 0

    def bind(self) -> None:
        """Take the port; OSError when another has it."""
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        self._sockets.append(_bound(family, self._host, self._port))
        self.port = self._sockets[0].getsockname()[1]
        if self._host in LOOPBACK and family == socket.AF_INET:
            # "localhost" is ::1 for some programs; machines without IPv6 do without.
            with suppress(OSError):
                self._sockets.append(_bound(socket.AF_INET6, "::1", self.port))

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def close(self) -> None:
        """Serve no more."""
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(1.5)
        for sock in self._sockets:
            sock.close()

    def _run(self) -> None:
        self._server.run(self._sockets)


class _Server(uvicorn.Server):
    """Takes the connections itself, and leaves signals alone: they belong to the main thread."""

    def __init__(self, config: uvicorn.Config, seats: Seats) -> None:
        super().__init__(config)
        self._seats = seats
        self._faults = Faults()
        self._tasks: list[asyncio.Task[None]] = []

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Nothing to capture."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As in uvicorn, which itself listens on none."""
        await super().startup(sockets=[])
        work = [self._take(listener) for listener in sockets or ()]
        self._tasks = [asyncio.create_task(one) for one in (*work, self._look())]

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As in uvicorn."""
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        await super().shutdown(sockets)

    async def _take(self, listener: socket.socket) -> None:
        """Take connections, for ever."""
        listener.setblocking(False)
        while True:
            try:
                sock, _ = await asyncio.get_running_loop().sock_accept(listener)
            except OSError as error:  # no descriptor is left, or the client is gone already
                self._faults.tell("A connection could not be taken", error)
                await asyncio.sleep(PAUSE)
                continue
            with self._faults.survived("A connection could not be served", sock.close):
                await self._seat(sock)
            await asyncio.sleep(0)  # those that are here have their turn between two new ones

    async def _seat(self, sock: socket.socket) -> None:
        if scarce(sock.fileno()) and not self._seats.spare():
            sock.close()
            return
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        await asyncio.get_running_loop().connect_accepted_socket(
            lambda: HttpConnection(self.config, self.server_state, {}, self._seats), sock
        )

    async def _look(self) -> None:
        """End what is overdue, for ever."""
        while True:
            await asyncio.sleep(self._seats.limits.look)
            with self._faults.survived("A look at the connections failed"):
                self._seats.look()


def _bound(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    # Named by its protocol: only then asyncio lets small answers go at once (TCP_NODELAY).
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform == "win32":  # there SO_REUSEADDR would let two programs share the port
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((host, port))
        sock.listen(QUEUE)
    except OSError:
        sock.close()
        raise
    return sock


def _own_addresses() -> set[str]:
    with suppress(OSError):
        return {str(info[4][0]) for info in socket.getaddrinfo(socket.gethostname(), None)}
    return set()
