"""The web server in a thread, on sockets that are bound before anything starts.

FastAPI and uvicorn are slow to import, so that `start` imports them: the output runs meanwhile, and
early connections wait in the system's queue.
"""

import logging
import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import psutil

from bridge.control.bridge_api import BridgeApi
from bridge.control.http.rules import HOST, Rules
from bridge.control.http.seats import Limits
from bridge.settings import Settings
from bridge.system.faults import Faults
from bridge.system.networks import networks
from bridge.system.ports import bound

if TYPE_CHECKING:
    from starlette.types import ASGIApp
    from uvicorn import Config

    from bridge.control.http.oscquery import OscQuery
    from bridge.control.http.serving import Serving

log = logging.getLogger(__name__)

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
EVERYWHERE = ("0.0.0.0", "::")
QUEUE = 1024  # connections that the system queues until they are accepted
AGAIN = 1.0  # seconds until a stopped server restarts


class HttpServer:
    """Serves a desk. `bind`, then `start`; `close` at the end."""

    def __init__(
        self,
        desk: BridgeApi | None,
        settings: Settings,
        token: str = "",
        limits: Limits | None = None,
        holders: tuple[tuple[str, str], ...] = (),
    ) -> None:
        """Without a desk, only `serve` may start it. `holders` as in `Rules`. ValueError for an
        invalid name in `allow_host` or address in `osc_allow`.
        """
        readers = networks(settings.osc_allow, settings.said("osc_allow"))
        readers = readers if settings.osc_lan else ()
        self._here = settings.host.lower() in LOOPBACK and not settings.lan
        wide = settings.lan or (self._here and readers)
        self._host = "0.0.0.0" if wide else settings.host
        self._port = settings.port
        self._desk = desk
        self._limits = limits or Limits()
        names = _names(self._host, settings.allow_host)
        try:
            here = bool(self._here and readers)
            self._rules = Rules(names, token, readers, here=here, holders=holders)
        except ValueError as error:
            raise ValueError(f"{settings.said('allow_host')}: {error}") from None
        self._faults = Faults()
        self._stopped = threading.Event()
        self._sockets: list[socket.socket] = []
        self._server: Serving | None = None
        self._thread: threading.Thread | None = None
        self.port = 0

    def bind(self) -> None:
        """Bind the port; OSError if it is in use."""
        self._sockets.append(_bound(self._host, self.port or self._port))
        self.port = self._sockets[0].getsockname()[1]
        if self._here and ":" not in self._host:
            # "localhost" is ::1 for some programs; ignored on machines without IPv6.
            with suppress(OSError):
                self._sockets.append(_bound("::1", self.port))

    def start(self, query: "OscQuery | None" = None) -> None:
        """Start serving the desk; takes a part of a second. `query` describes the OSC addresses."""
        assert self._desk
        from bridge.control.http.serving import configured

        self._serve(configured(self._desk, self._rules, self._limits, query))

    def serve(
        self,
        app: "Callable[[Rules], ASGIApp]",
        largest: int,
        tls: Callable[[], ssl.SSLContext] | None = None,
    ) -> None:
        """Start serving another app, made with the rules; `largest` is the size of a WebSocket's
        message, in bytes. `tls` gives what each new connection is encrypted with.
        """
        from bridge.control.http.serving import config_of

        self._serve(config_of(app(self._rules), self._limits, largest), tls)

    def _serve(self, config: "Config", tls: Callable[[], ssl.SSLContext] | None = None) -> None:
        from bridge.control.http.serving import Serving

        made = partial(Serving, config, self._limits, tls)
        self._thread = threading.Thread(target=self._run, args=(made,), name="HTTP", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self._stopped.set()
        if self._server:
            self._server.should_exit = True
        if self._thread:
            self._thread.join(1.5)
        for sock in self._sockets:
            sock.close()

    def _run(self, made: Callable[[], "Serving"]) -> None:
        """Serve until `close`; a server that stops, for whatever reason, is replaced."""
        while True:
            self._server = server = made()
            if self._stopped.is_set():  # `close` has stopped the one before
                server.should_exit = True
            try:
                server.run(self._sockets)
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
        return True


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
