"""The web server: uvicorn in a thread, on sockets that are bound before anything is started."""

import socket
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress

import uvicorn

from bridge.control.desk import Desk
from bridge.control.guard import Rules
from bridge.control.http import create_app
from bridge.settings import Settings

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class HttpServer:
    """Serves a desk. `bind`, then `start`; `close` at the end."""

    def __init__(self, desk: Desk, settings: Settings, token: str = "") -> None:
        self._host = "0.0.0.0" if settings.lan else settings.host
        self._port = settings.port
        hosts = {*LOOPBACK, settings.host, *settings.allow_host}
        if settings.lan:
            hosts |= {socket.gethostname(), *_own_addresses()}
        config = uvicorn.Config(
            create_app(desk, Rules(frozenset(hosts), token)),
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="websockets-sansio",
            ws_max_size=1 << 20,
            limit_concurrency=64,
            h11_max_incomplete_event_size=16 << 10,
            timeout_keep_alive=10,
            timeout_graceful_shutdown=1,
        )
        self._server = _QuietServer(config)
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


class _QuietServer(uvicorn.Server):
    """Leaves signals alone: they belong to the main thread."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Nothing to capture."""
        yield


def _bound(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform == "win32":  # there SO_REUSEADDR would let two programs share the port
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((host, port))
        sock.listen(64)
    except OSError:
        sock.close()
        raise
    return sock


def _own_addresses() -> set[str]:
    with suppress(OSError):
        return {str(info[4][0]) for info in socket.getaddrinfo(socket.gethostname(), None)}
    return set()
