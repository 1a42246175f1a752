"""The web server: uvicorn in a thread, on sockets that are bound before anything starts.

Connections are accepted here and not by asyncio: one by one, each with a seat from `seats`, never
with the last file descriptors, and an error in one closes only that one.
"""

import asyncio
import errno
import logging
import socket
import threading
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress

import psutil
import uvicorn

from bridge.control.bridge_api import BridgeApi
from bridge.control.http.app import create_app
from bridge.control.http.connections import SEND_BUFFER, HttpConnection, SocketConnection
from bridge.control.http.guard import HOST, Rules
from bridge.control.http.seats import Limits, Seats
from bridge.settings import Settings
from bridge.system.descriptors import scarce
from bridge.system.faults import Faults
from bridge.system.ports import bound, deaf

log = logging.getLogger(__name__)

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
EVERYWHERE = ("0.0.0.0", "::")
QUEUE = 1024  # connections that the system queues until they are accepted
PAUSE = 0.2  # seconds until accepting is retried after a failure
SHORT = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)  # retrying at once would fail
GONE = 100  # consecutive connections lost before they were accepted, until there is a pause
AGAIN = 1.0  # seconds until a stopped server restarts
# Not Windows' default loop, which closes a listener for good when a client resets its connection
# at the wrong moment (CPython 93821).
LOOP = "asyncio:SelectorEventLoop"


class HttpServer:
    """Serves a desk. `bind`, then `start`; `close` at the end."""

    def __init__(
        self, desk: BridgeApi, settings: Settings, token: str = "", limits: Limits | None = None
    ) -> None:
        """ValueError for an invalid name in `allow_host`."""
        self._host = "0.0.0.0" if settings.lan else settings.host
        self._port = settings.port
        limits = limits or Limits()
        self._limits = limits
        self._config = uvicorn.Config(
            create_app(desk, Rules(_names(self._host, settings.allow_host), token)),
            log_config=None,
            loop=LOOP,
            log_level="error",  # a warning for each bad request would fill the log
            access_log=False,
            lifespan="off",
            http=HttpConnection,
            ws=SocketConnection,
            ws_max_size=1 << 20,
            ws_ping_interval=None,  # `Seats.look` asks
            ws_per_message_deflate=False,  # images are compressed already
            timeout_keep_alive=round(limits.kept),
            timeout_graceful_shutdown=1,
        )
        self._server = _Server(self._config, Seats(limits))
        self._faults = Faults()
        self._stopped = threading.Event()
        self._sockets: list[socket.socket] = []
        self._thread = threading.Thread(target=self._run, name="HTTP", daemon=True)
        self.port = 0

    def bind(self) -> None:
        """Bind the port; OSError if it is in use."""
        self._sockets.append(_bound(self._host, self.port or self._port))
        self.port = self._sockets[0].getsockname()[1]
        if self._host in LOOPBACK and ":" not in self._host:
            # "localhost" is ::1 for some programs; ignored on machines without IPv6.
            with suppress(OSError):
                self._sockets.append(_bound("::1", self.port))

    def start(self) -> None:
        """Start serving."""
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self._stopped.set()
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(1.5)
        for sock in self._sockets:
            sock.close()

    def _run(self) -> None:
        """Serve until `close`; a server that stops, for whatever reason, is replaced."""
        while True:
            try:
                self._server.run(self._sockets)
            except (
                BaseException
            ) as error:  # uvicorn also exits by SystemExit; the next server continues
                log.error("The web server stopped: %r", error, exc_info=error)
            while not self._stopped.wait(AGAIN):
                if self._renewed():
                    log.warning("The web server is running on port %d again.", self.port)
                    break
            else:
                return

    def _renewed(self) -> bool:
        """Rebind for the next server; False while the port is not available."""
        for sock in self._sockets:
            sock.close()
        self._sockets.clear()
        try:
            self.bind()
        except OSError as error:
            self._faults.tell(f"The web server cannot reopen port {self.port}", error)
            return False
        self._server = _Server(self._config, Seats(self._limits))
        if self._stopped.is_set():  # `close` has stopped the one before
            self._server.should_exit = True
        return True


class _Server(uvicorn.Server):
    """Accepts connections itself, and leaves signals to the main thread."""

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
        """As in uvicorn, which is given no sockets to listen on."""
        await super().startup(sockets=[])
        listeners = sockets or []
        work = [self._take(listener) for listener in listeners]
        self._tasks = [asyncio.create_task(one) for one in (*work, self._look(listeners))]

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As in uvicorn."""
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
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
        await asyncio.get_running_loop().connect_accepted_socket(
            lambda: HttpConnection(self.config, self.server_state, {}, self._seats), sock
        )

    async def _look(self, listeners: list[socket.socket]) -> None:
        """Close overdue connections, for ever; stop this server once its listeners are dead."""
        while True:
            await asyncio.sleep(self._seats.limits.look)
            if any(map(deaf, listeners)):
                self.should_exit = True
            with self._faults.survived("Checking the connections failed"):
                self._seats.look()


def _bound(host: str, port: int) -> socket.socket:
    sock = bound(socket.SOCK_STREAM, host, port)
    sock.listen(QUEUE)
    return sock


def _names(host: str, allowed: Iterable[str]) -> frozenset[str]:
    """The names by which browsers may call this machine: if it listens on all addresses, each of
    them and its own name. No name is resolved: that may take long.
    """
    found = {*LOOPBACK, host, *allowed}
    if host in EVERYWHERE:
        name = socket.gethostname()
        own = {name, f"{name.partition('.')[0]}.local"}
        found |= {name for name in own if HOST.fullmatch(name)}
        found |= {
            address.address
            for addresses in psutil.net_if_addrs().values()
            for address in addresses
            if address.family in (socket.AF_INET, socket.AF_INET6)
        }
    return frozenset(found)
