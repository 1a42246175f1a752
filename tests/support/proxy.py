"""A proxy that shows a bridge under a path of its own, as nginx does by `location /show/`."""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer


class Proxy(ThreadingTCPServer):
    """Takes `prefix` off each path, unless it is to be `kept`; `told` says whether a header has it.
    `outside` are the paths that did not begin with it.
    """

    daemon_threads = True

    def __init__(self, prefix: str, port: int, *, kept: bool, told: bool) -> None:
        super().__init__(("127.0.0.1", 0), _One)
        self.prefix, self.behind = prefix, port
        self.kept, self.told = kept, told
        self.outside: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}{prefix}"


class _One(BaseRequestHandler):
    server: Proxy

    def handle(self) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            if not (data := self.request.recv(65536)):
                return
            head += data
        method, path, rest = head.split(b" ", 2)
        prefix = self.server.prefix.encode()
        if not path.startswith(prefix + b"/"):
            self.server.outside.append(path.decode())
            self.request.sendall(b"HTTP/1.1 404 Outside\r\ncontent-length: 0\r\n\r\n")
            return
        if b"\r\nupgrade:" not in rest.lower():
            rest = re.sub(rb"(?i)\r\nconnection:[^\r]*", b"\r\nConnection: close", rest, count=1)
        with socket.create_connection(("127.0.0.1", self.server.behind)) as behind:
            if self.server.told:
                rest = rest.replace(b"\r\n", b"\r\nX-Forwarded-Prefix: " + prefix + b"\r\n", 1)
            inside = path if self.server.kept else path.removeprefix(prefix)
            behind.sendall(b" ".join([method, inside, rest]))
            up = threading.Thread(target=_pass, args=(self.request, behind), daemon=True)
            up.start()
            _pass(behind, self.request)
            with suppress(OSError):
                self.request.shutdown(socket.SHUT_RDWR)
            up.join()


def _pass(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
        other.shutdown(socket.SHUT_WR)


@contextmanager
def proxied(prefix: str, port: int, *, kept: bool = False, told: bool = False) -> Iterator[Proxy]:
    """The proxy of a bridge's port."""
    with Proxy(prefix, port, kept=kept, told=told) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            thread.join()
