"""A file on the hub, read in part, from a local server that behaves and misbehaves."""

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is MISSING: run `pip install 'spout-bridge[engine]'`")

import torch
from safetensors.torch import save_file

from engine.files.hub_file import BLOCK, RemoteError, RemoteFile, hub_file
from engine.weights.headers import header
from tests.support.slow_cases import rest_slow

SIZE = 50_000_000


class Hub(ThreadingHTTPServer):
    """Serves one file as the hub does: a redirect with the size, then ranges; `mode` is a fault."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.path, self.mode, self.status = Path(), "", 0
        self.seen: list[tuple[str, str, str]] = []  # path, range, authorization
        self.url = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_: object) -> None:
        """A client that hangs up is what these tests are about."""


class Handler(BaseHTTPRequestHandler):
    server: Hub  # type: ignore[assignment]

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        hub, asked = self.server, self.headers.get("Range", "")
        hub.seen.append((self.path, asked, self.headers.get("Authorization", "")))
        if hub.mode == "redirects for ever":
            self._redirect("/again")
        elif hub.mode.startswith("to "):
            self._redirect(hub.mode[3:])
        elif hub.status:
            self.send_error(hub.status)
        elif self.path.startswith("/cdn"):
            self._data(asked)
        else:
            self._redirect(f"http://localhost:{hub.server_port}/cdn?{len(hub.seen)}")

    def _redirect(self, target: str) -> None:
        size = self.server.path.stat().st_size if self.server.path.is_file() else 0
        self.send_response(302)
        self.send_header("Location", target)
        self.send_header("X-Linked-Size", str(size + (self.server.mode == "other size")))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _data(self, asked: str) -> None:
        mode, whole = self.server.mode, self.server.path.stat().st_size
        begin, last = (int(part) for part in asked.removeprefix("bytes=").split("-"))
        last = min(last, whole - 1)
        if mode == "expires" and self.path.endswith("?1") and len(self.server.seen) > 2:
            self.send_error(403)
            return
        if mode == "no ranges":
            self.send_response(200)
            self.send_header("Content-Length", str(whole))
            self.end_headers()
            return
        if begin >= whole:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{whole}")
            self.end_headers()
            return
        with self.server.path.open("rb") as file:
            file.seek(begin)
            data = file.read(last + 1 - begin)
        self.send_response(206)
        other = mode == "another range"
        self.send_header("Content-Range", f"bytes {begin + other}-{last + other}/{whole}")
        if mode == "silent":
            self.end_headers()
            time.sleep(1)
            return
        if mode == "drips":
            for place in range(0, len(data), 1000):
                self.wfile.write(data[place : place + 1000]) if place else self.end_headers()
                time.sleep(0.05)
            return
        if mode != "short":
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[: len(data) // 2] if mode == "short" else data)


@pytest.fixture
def hub() -> Iterator[Hub]:
    server = Hub()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def tensors() -> dict[str, torch.Tensor]:
    """As many as the 1.3B network has, 50 MB in all."""
    count, wide = 825, 30_300
    return {f"model.blocks.{n}.self_attn.q.weight": torch.zeros(wide // 2).bfloat16() + n
            for n in range(count)} | {"last": torch.zeros(12_500_000).bfloat16()}  # fmt: skip


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, tensors: dict[str, torch.Tensor]) -> Path:
    folder = tmp_path_factory.mktemp("files")
    save_file(tensors, folder / "x.safetensors")
    torch.save({"generator": tensors}, folder / "x.pt")
    (folder / "empty.pt").touch()
    return folder


@pytest.mark.parametrize(
    ("name", "most"), rest_slow([("x.safetensors", 4 * BLOCK), ("x.pt", 8 * BLOCK)])
)
def test_a_header_of_50_mb_comes_as_some_100_kb(
    hub: Hub, files: Path, tensors: dict[str, torch.Tensor], name: str, most: int
) -> None:
    hub.path = files / name
    with hub_file("owner/name", name, endpoint=hub.url) as file:
        found = header(file, file.name)
    assert {k: (t.shape, t.dtype) for k, t in found.items()} == {
        k: (t.shape, t.dtype) for k, t in tensors.items()
    }
    print(f"{name}: {file.received} bytes of {file.size} in {file.requests} requests")
    assert file.size == hub.path.stat().st_size >= SIZE
    assert 0 < file.received <= most
    assert file.requests <= 8
    assert hub.seen[0][0] == f"/owner/name/resolve/main/{name}"


def test_it_reads_what_a_file_of_this_machine_reads(hub: Hub, files: Path) -> None:
    hub.path = files / "x.safetensors"
    with hub.path.open("rb") as here, RemoteFile(hub.url, "x") as there:
        for place, size in ((0, 9), (BLOCK - 1, 2), (7, 3 * BLOCK), (there.size - 5, 99)):
            assert here.seek(place) == there.seek(place)
            assert here.read(size) == there.read(size)
            assert here.tell() == there.tell()
        assert here.seek(-70_000, 2) == there.seek(-70_000, 2)
        assert here.read() == there.read()
        assert there.read(1) == b""
        buffer = bytearray(4)
        there.seek(0)
        assert there.readinto(buffer) == 4
        assert buffer == hub.path.read_bytes()[:4]
        with pytest.raises(ValueError, match="Cannot seek to -1"):
            there.seek(-1)


def test_what_was_read_is_not_asked_for_again(hub: Hub, files: Path) -> None:
    hub.path = files / "x.safetensors"
    with RemoteFile(hub.url, "x") as file:
        before = file.received
        for place in (0, 100, 5):
            file.seek(place)
            file.read(1000)
        assert file.received == before == BLOCK


def test_the_token_goes_to_the_hub_and_no_further(hub: Hub, files: Path) -> None:
    hub.path = files / "x.safetensors"
    with RemoteFile(hub.url, "x", headers={"Authorization": "Bearer secret"}):
        pass
    assert [(path[:4], token) for path, _, token in hub.seen] == [("/", "Bearer secret"),
                                                                  ("/cdn", "")]  # fmt: skip


def test_a_place_that_has_expired_is_asked_for_anew(hub: Hub, files: Path) -> None:
    hub.path, hub.mode = files / "x.safetensors", "expires"
    with RemoteFile(hub.url, "x") as file:
        file.seek(10 * BLOCK)
        assert len(file.read(10)) == 10
    assert [path[:4] for path, _, _ in hub.seen] == ["/", "/cdn", "/cdn", "/", "/cdn"]


def test_an_empty_file_is_one(hub: Hub, files: Path) -> None:
    hub.path = files / "empty.pt"
    with RemoteFile(hub.url, "x") as file:
        assert (file.size, file.read()) == (0, b"")


FAULTS = {
    "no ranges": "x cannot be read in part, because localhost does not support ranges; down",
    "another range": "x cannot be read in part, because localhost does not support ranges; down",
    "short": "x returned 32768 bytes from position 0, but 65536 were requested; try again.",
    "other size": "x has 50 bytes, but 51 are expected: it may have changed in the meantime; try",
    "silent": "x timed out after 0.3 s at localhost; try again later.",
    "drips": "x timed out after 0.3 s at localhost; try again later.",
    "redirects for ever": "x redirects more than 5 times; try again later.",
    "to http://169.254.169.254/latest": "x redirects to http://169.254.169.254, which is not a",
    "to https://example.org/x": "x redirects to https://example.org, which is not a hub host;",
    "to http://[::1": "x redirects to an invalid address; try again later.",
    "to file:///etc/passwd": "x redirects to file://, which is not a hub host;",
}


@pytest.mark.parametrize("mode", FAULTS)
def test_each_fault_of_a_server_is_one_sentence(
    hub: Hub, files: Path, tmp_path: Path, mode: str
) -> None:
    hub.path, hub.mode = files / "x.safetensors", mode
    if mode == "other size":
        hub.path = tmp_path / "x"
        hub.path.write_bytes(bytes(50))
    with pytest.raises(RemoteError) as caught:
        RemoteFile(hub.url, "x", timeout=0.3)
    assert FAULTS[mode] in str(caught.value)
    assert str(caught.value).endswith(".")
    assert len(hub.seen) <= 7


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "x requires an account: run `hf auth login` or set HF_TOKEN (401)."),
        (403, "x is not open to this account: accept its terms on its page on the hub (403)."),
        (404, "x was not found: a newer spout-bridge may know its new location (404)."),
        (429, "x was requested too often: wait a few minutes (429)."),
        (500, "x failed with HTTP status 500; try again later."),
    ],
)
def test_each_refusal_is_one_sentence(hub: Hub, status: int, words: str) -> None:
    hub.status = status
    with pytest.raises(RemoteError) as caught:
        RemoteFile(hub.url, "x")
    assert str(caught.value) == words


def test_a_server_that_is_not_there_is_told(hub: Hub) -> None:
    with pytest.raises(RemoteError, match=r"x cannot be read from 127\.0\.0\.1 \(ConnectError"):
        RemoteFile("http://127.0.0.1:9", "x")


def test_offline_nothing_is_asked(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.is_offline_mode", lambda: True)
    with pytest.raises(RemoteError, match="HF_HUB_OFFLINE is set"):
        RemoteFile(hub.url, "x")
    assert not hub.seen


def test_a_network_that_fails_midway_is_not_taken_for_a_damaged_file(hub: Hub, files: Path) -> None:
    hub.path = files / "x.pt"
    with RemoteFile(hub.url, "x.pt") as file:
        hub.status = 500
        with pytest.raises(RemoteError, match="HTTP status 500"):
            header(file, file.name)
