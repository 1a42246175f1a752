"""The bad line, which judges how the engine on another machine holds out, is as bad as it says."""

import socket
import subprocess
import sys
import threading
from contextlib import suppress
from queue import SimpleQueue
from socketserver import BaseRequestHandler, ThreadingTCPServer
from time import perf_counter

import psutil
import pytest

from tests.support.line import LINGER, Line

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the line is for Linux")

LONG = 30.0  # seconds that anything may take on a busy machine
QUIET = 0.1  # in which what passes would have come


class Server(ThreadingTCPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Echo)
        self.port = self.server_address[1]
        self.resets: SimpleQueue[bool] = SimpleQueue()


class Echo(BaseRequestHandler):
    server: Server

    def handle(self) -> None:
        try:
            while data := self.request.recv(65536):
                self.request.sendall(data)
        except OSError:
            self.server.resets.put(True)


@pytest.fixture
def server():
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def line(server):
    with Line(to=server.port) as line:
        yield line


def client(line: Line) -> socket.socket:
    made = socket.create_connection(("127.0.0.1", line.port), LONG)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def take(one: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = one.recv(size - len(data))
        assert part, "it was closed"
        data += part
    return data


def there_and_back(one: socket.socket, data: bytes = b"hello") -> float:
    """Seconds until it is back."""
    began = perf_counter()
    one.sendall(data)
    assert take(one, len(data)) == data
    return perf_counter() - began


def until(line: Line, true):
    """The figures once something holds of them."""
    end = perf_counter() + LONG
    while not true(figures := line.set(figures=True)):
        assert perf_counter() < end, figures
    return figures


def is_quiet(one: socket.socket) -> bool:
    """Whether nothing comes, no end either."""
    one.settimeout(QUIET)
    try:
        one.recv(1, socket.MSG_PEEK)
    except TimeoutError:
        return True
    finally:
        one.settimeout(LONG)
    return False


def swallowed(one: socket.socket) -> int:
    """How many bytes it takes until it takes none for a moment."""
    one.settimeout(QUIET)
    sent = 0
    with suppress(TimeoutError):
        while sent < 10_000_000:
            sent += one.send(bytes(1000))
    one.settimeout(LONG)
    return sent


def test_a_delay_is_on_each_way_and_jitter_varies_it_but_not_the_order(line):
    with client(line) as one:
        assert min(there_and_back(one) for _ in range(3)) < 0.02
        assert line.set(delay=40)["delay"] == 40
        assert 0.08 <= min(there_and_back(one) for _ in range(5)) < 0.12
        line.set(delay=10, jitter=10)
        assert min(there_and_back(one) for _ in range(12)) < 0.02
        sent = b"".join(number.to_bytes(2) for number in range(300))
        for at in range(0, len(sent), 2):
            one.sendall(sent[at : at + 2])
        assert take(one, len(sent)) == sent


def test_a_rate_is_kept(line):
    line.set(rate=8000)  # a byte in a microsecond

    def measured() -> float:
        sending = threading.Thread(target=one.sendall, args=(bytes(400_000),))
        sending.start()
        take(one, 100_000)
        began = perf_counter()
        take(one, 250_000)
        seconds = perf_counter() - began
        take(one, 50_000)
        sending.join()
        return seconds

    with client(line) as one:  # the machine may be busy, but not each time
        assert any(measured() == pytest.approx(0.25, rel=0.1) for _ in range(4))


def test_the_queue_before_the_rate_is_bounded(line):
    with client(line) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
        line.set(rate=100, queue=20_000)
        small = swallowed(one)
        assert 20_000 < small < 100_000
        line.set(queue=220_000)
        large = swallowed(one)
        assert large > 180_000
        line.set(rate=0)
        take(one, small + large)


def test_after_a_stall_all_comes_in_its_order(line):
    with client(line) as one:
        there_and_back(one)
        began = perf_counter()
        line.set(stall=0.3)
        for number in range(50):
            one.sendall(bytes([number]))
        assert take(one, 50) == bytes(range(50))
        assert perf_counter() - began >= 0.3
        assert min(there_and_back(one) for _ in range(5)) < 0.1


def test_a_cut_is_seen_by_both_ends_and_refuses_until_it_is_mended(line):
    with client(line) as one:
        there_and_back(one)
        line.cut("closed")
        assert one.recv(1) == b""
        assert line.set(figures=True)["sockets"] == 0
        for _ in range(2):
            with pytest.raises(ConnectionRefusedError):
                client(line)
    line.cut()
    with client(line) as one:
        there_and_back(one)


def test_a_silent_cut_is_seen_by_nobody_and_gives_back_what_it_held(line):
    with client(line) as one, client(line) as ended:
        there_and_back(one)
        there_and_back(ended)
        line.cut("silent")
        one.sendall(b"held")
        ended.close()
        with client(line) as new:
            new.sendall(b"new")
            assert is_quiet(one)
            assert is_quiet(new)
            before = line.set(figures=True)
            assert (before["connections"], before["sockets"]) == (3, 6)
            line.cut()
            assert take(one, 4) == b"held"
            assert take(new, 3) == b"new"
    until(line, lambda figures: figures["sockets"] == 0)


def test_a_reset_is_seen_by_both_ends_and_the_next_connection_lives(line, server):
    with client(line) as one:
        there_and_back(one)
        line.set(drop=True)
        with pytest.raises(ConnectionResetError):
            one.recv(1)
    assert server.resets.get(timeout=LONG)
    with client(line) as one:
        there_and_back(one)


def test_it_says_what_it_did_not_understand_and_does_nothing_of_it(line):
    for wish, sentence in (
        ({"delay": 9, "dealy": 1}, "There is no 'dealy'"),
        ({"rate": 9, "delay": -1}, "delay is a number"),
        ({"delay": 9, "cut": "off"}, "cut cannot be 'off'"),
    ):
        with pytest.raises(ValueError, match=sentence):
            line.set(**wish)
    assert (line.set(figures=True)["delay"], line.set(figures=True)["rate"]) == (0, 0)


def test_it_keeps_no_descriptors_and_counts_what_passed(line):
    process = psutil.Process(line.process.pid)
    before = process.num_fds()
    for number in range(200):
        with client(line) as one:
            there_and_back(one)
            if number % 3 == 1:
                line.set(drop=True)
            elif number % 3 == 2:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER)
    figures = until(line, lambda figures: figures["sockets"] == 0)
    assert (figures["connections"], figures["up"], figures["down"]) == (200, 1000, 1000)
    assert process.num_fds() == before


@pytest.mark.slow
def test_it_ends_with_its_parent(server):
    """Also where that is killed."""
    code = f"""if True:
        import os, signal
        from tests.support.line import Line
        with Line(to={server.port}) as line:
            print(line.process.pid, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, timeout=LONG)
    with suppress(psutil.NoSuchProcess):
        psutil.Process(int(done.stdout)).wait(LONG)
