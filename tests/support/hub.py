"""A server that speaks the Hugging Face hub's protocol for files, and fails on request."""

import hashlib
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0" * 40
PIECE = 1 << 16


@dataclass
class Hub:
    """What the server has, by "owner/name/file"; what it does wrong; what it was asked.

    tags      instead of the content's SHA-256, sizes instead of its length
    broken    a download breaks off after so many bytes, so many times
    slow      seconds that it waits after each piece of 64 KiB
    status    instead of an answer, to every request
    elsewhere host that the files are redirected to
    """

    files: dict[str, bytes] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    broken: tuple[int, int] = (0, 0)
    slow: float = 0.0
    status: int = 0
    elsewhere: str = ""
    ranges: bool = True
    sent: int = 0
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    url: str = ""

    def tag(self, name: str) -> str:
        """As the hub has it for large files: the SHA-256."""
        return self.tags.get(name) or hashlib.sha256(self.files[name]).hexdigest()


@contextmanager
def running(hub: Hub) -> Generator[Hub]:
    """The server on a port of its own; `hub.url` is what HF_ENDPOINT takes."""
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        hub = self.hub
        hub.asked.append((self.command, self.path, self.headers.get("Range", "")))
        if hub.status:
            self._empty(hub.status)
            return
        if self.path.startswith("/cdn/"):
            self._content(self.path.removeprefix("/cdn/"), body)
            return
        repository, _, rest = self.path.lstrip("/").partition("/resolve/")
        name = f"{repository}/{rest.partition('/')[2]}"
        if name not in hub.files:
            self._empty(404, {"X-Error-Code": "EntryNotFound"})
            return
        self._empty(302, {
            "Location": f"{hub.elsewhere or hub.url.replace('127.0.0.1', 'localhost')}/cdn/{name}",
            "X-Repo-Commit": COMMIT,
            "X-Linked-Size": str(hub.sizes.get(name, len(hub.files[name]))),
            "X-Linked-Etag": f'"{hub.tag(name)}"',
        })  # fmt: skip

    def _content(self, name: str, body: bool) -> None:
        hub, content = self.hub, self.hub.files[name]
        first, last = 0, len(content) - 1
        asked = self.headers.get("Range", "") if hub.ranges else ""
        if asked:
            start, _, end = asked.removeprefix("bytes=").partition("-")
            first, last = int(start), min(int(end) if end else last, last)
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(last - first + 1))
        self.send_header("ETag", f'"{hub.tag(name)}"')
        self.end_headers()
        if body:
            self._send(content[first : last + 1])

    def _send(self, content: bytes) -> None:
        hub = self.hub
        after, times = hub.broken
        sent = 0
        for at in range(0, len(content), PIECE):
            piece = content[at : at + PIECE]
            if times and sent + len(piece) > after:
                hub.broken = after, times - 1
                self.wfile.write(piece[: after - sent])
                self.close_connection = True
                self.connection.close()
                return
            try:
                self.wfile.write(piece)
            except OSError:
                return
            sent += len(piece)
            hub.sent += len(piece)
            time.sleep(hub.slow)

    def _empty(self, status: int, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass
