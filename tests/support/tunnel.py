"""A proxy as companies have it: by CONNECT it leads anywhere, here always to this machine."""

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer


class Tunnel(ThreadingTCPServer):
    """`asked` are the places that were wanted; while it is `cut`, none is reached."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _One)
        self.asked = set[str]()
        self.cut = False
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class _One(BaseRequestHandler):
    server: Tunnel

    def handle(self) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            if not (data := self.request.recv(65536)):
                return
            head += data
        method, place, _ = head.decode("latin-1").split(" ", 2)
        assert method == "CONNECT", head
        self.server.asked.add(place)
        if self.server.cut:
            self.request.sendall(b"HTTP/1.1 502 Cut\r\ncontent-length: 0\r\n\r\n")
            return
        with socket.create_connection(("127.0.0.1", int(place.rpartition(":")[2]))) as there:
            self.request.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            ends = {self.request: there, there: self.request}
            with suppress(OSError):
                while not self.server.cut:
                    for end in select.select([*ends], [], [], 0.05)[0]:
                        if not (data := end.recv(65536)):
                            return
                        ends[end].sendall(data)


@contextmanager
def tunnel() -> Iterator[Tunnel]:
    """A proxy for the time of a test."""
    with Tunnel() as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        try:
            yield proxy
        finally:
            proxy.cut = True
            proxy.shutdown()
