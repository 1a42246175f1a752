"""A port in use: which program has it, the cure, and how long binding is retried."""

import errno
import io
import socket
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest
from rich.console import Console

from bridge.cli.run import run_bridge
from bridge.errors import CommandError
from bridge.settings import Settings
from bridge.system import ports
from tests.support.bridge import refused, running

HOLDER = """
import socket, sys
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
with socket.socket() as tcp:  # nobody else has the number for TCP
    tcp.bind(("127.0.0.1", 0))
    sock.bind(tcp.getsockname())
print(sock.getsockname()[1], flush=True)
sys.stdin.read()
"""
TCP, UDP = socket.SOCK_STREAM, socket.SOCK_DGRAM


def free() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def held(kind, host: str, port: int = 0) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind)
    sock.bind((host, port))
    if kind == TCP:
        sock.listen()
    return sock


@pytest.fixture
def windows(monkeypatch):
    """The rules of Windows where this system has its own."""
    monkeypatch.setattr(ports, "sys", SimpleNamespace(platform="win32"))
    monkeypatch.setattr(socket, "SO_EXCLUSIVEADDRUSE", socket.SO_KEEPALIVE, raising=False)


@pytest.mark.slow
def test_of_a_udp_port_its_own_holder_is_named_and_not_ourselves(tmp_path):
    """We have the TCP port of that number by then."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        port = holder.stdout.readline().strip()
        status, text = refused("run", "--port", port, "--folder", str(tmp_path))
        holder.stdin.close()
    assert status == 3
    assert f"Port {port} is in use by" in text
    assert f"(process {holder.pid}) for UDP; close it, or choose another port with --port." in text


def test_a_page_that_is_open_there_is_not_taken_for_the_holder():
    with held(TCP, "127.0.0.1") as listener:
        port = listener.getsockname()[1]
        code = ("import socket, sys; s = socket.create_connection(('127.0.0.1', int(sys.argv[1])));"
                "print('in', flush=True); sys.stdin.read()")  # fmt: skip
        with subprocess.Popen(
            [sys.executable, "-c", code, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as page:
            page.stdout.readline()
            text = ports.refusal("127.0.0.1", port)
            page.stdin.close()
        assert text.count("process") == 1
        assert str(page.pid) not in text


@pytest.mark.parametrize(("kind", "protocol"), [(TCP, "tcp"), (UDP, "udp")])
def test_a_port_that_windows_keeps_for_itself_is_said_so(windows, kind, protocol):
    error = OSError(errno.EACCES, "An attempt was made to access a socket in a way forbidden")
    text = ports.taken(kind, "127.0.0.1", free(), error)
    assert "is reserved by Windows" in text
    assert f"excludedportrange protocol={protocol}`" in text
    assert "--port" in text


def test_what_else_keeps_a_port_is_said_with_its_cure(tmp_path, monkeypatch):
    error = OSError(errno.EACCES, "Permission denied")
    assert "above 1023" in ports.taken(TCP, "127.0.0.1", 80, error)
    monkeypatch.setattr("bridge.cli.run.stop_event", threading.Event)
    for host in ("192.0.2.7", "no.such.machine.invalid"):
        asked = Settings(host=host, token="t" * 20, port=free(), folder=tmp_path)
        with pytest.raises(
            CommandError, match=f"--host {host} is not an address of this machine"
        ) as told:
            run_bridge(asked, {}, Console(file=io.StringIO()))
        assert told.value.status == 3


@pytest.mark.parametrize("kind", [TCP, UDP])
@pytest.mark.parametrize(
    ("theirs", "ours"), [("0.0.0.0", "127.0.0.1"), ("127.0.0.1", "0.0.0.0"), ("::", "::1")]
)
def test_windows_would_give_both_addresses_of_a_port_so_both_are_tried(
    windows, monkeypatch, kind, theirs, ours
):
    """Windows' part is played by a socket that is given our own address whoever has the other."""
    given = []

    class Giving(socket.socket):
        def bind(self, address):
            given.append(address[0])
            if address[0] != ours:
                super().bind(address)

    with held(kind, theirs) as other:
        port = other.getsockname()[1]
        monkeypatch.setattr(socket, "socket", Giving)
        with pytest.raises(OSError, match="in use"):
            ports.bound(kind, ours, port)
        assert given == [theirs]
    ports.bound(kind, ours, port).close()
    assert given == [theirs, theirs, ours]


def test_it_is_tried_for_so_long_and_no_longer():
    stop = threading.Event()
    with held(TCP, "127.0.0.1") as other:
        port = other.getsockname()[1]
        bind = lambda: ports.bound(TCP, "127.0.0.1", port).close()  # noqa: E731
        with pytest.raises(OSError, match="in use"):
            ports.tried(bind, 0.2, stop)
        stop.set()
        with pytest.raises(OSError, match="in use"):
            ports.tried(bind, 60, stop)
        stop.clear()
        threading.Timer(0.3, other.close).start()
        ports.tried(bind, 10, stop)


@pytest.mark.slow
def test_after_a_death_the_ports_are_waited_for_and_what_comes_back_is_told(tmp_path):
    """Also to who sees no terminal: as the reason of the state."""
    port = free()
    more = ("--port", str(port), "--sink", "null:", "--pipeline", "passthrough", "--name", "Xport",
            "--output-size", "64x48")  # fmt: skip
    with running(tmp_path, *more) as bridge:
        bridge.until(lambda state: state["state"] == "RUNNING")
        bridge.until(lambda _: (tmp_path / "Xport.journal.json").is_file())
        bridge.process.kill()
        bridge.process.wait()
    for seconds, kind in ((1.5, TCP), (2.5, UDP)):
        other = socket.socket(socket.AF_INET, kind)
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(kind == TCP))
        other.bind(("127.0.0.1", port))
        if kind == TCP:
            other.listen()
        threading.Timer(seconds, other.close).start()
    with running(tmp_path, *more) as bridge:
        state = bridge.until(lambda state: state["state"] == "RUNNING")
        assert "Restored the look of the last run, which crashed" in state["reason"]
    with running(tmp_path, *more) as bridge:
        state = bridge.until(lambda state: state["state"] == "RUNNING")
        assert state["reason"] == "", "a normal end is no news"
