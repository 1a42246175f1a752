"""The web server's connections: which ones stay, which are closed, what invalid requests get."""

import asyncio
import json
import os
import re
import socket
import struct
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPConnection
from statistics import median
from time import perf_counter

import psutil
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from bridge.control.http import server as http_server
from bridge.control.http.rules import Rules
from bridge.control.http.seats import Limits, Phase, Seats, Why
from bridge.control.http.server import HttpServer
from bridge.control.http.serving import configured
from bridge.settings import Settings
from tests.support.bridge import COMMAND, refused_here, running
from tests.support.desk import FakeDesk
from tests.support.slow_cases import rest_slow

SOON = 40.0  # seconds after which something that must come will not


# The table, on a clock of its own


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class Client:
    """A connection's two sides as the table sees them."""

    def __init__(self):
        self.unsent, self.why, self.pings = 0, None, 0

    def get_write_buffer_size(self):
        return self.unsent

    def dismiss(self, why):
        self.why = why

    def ping(self):
        self.pings += 1


class Table:
    def __init__(self, **limits):
        self.clock = Clock()
        self.seats = Seats(Limits(**limits), self.clock)

    def idle(self):
        client = Client()
        client.seat = self.seats.take(client, client)
        self.clock.now += 0.001
        return client

    def busy(self):
        client = self.idle()
        client.seat.head_came()
        client.seat.body_ended()
        return client

    def kept(self):
        client = self.busy()
        client.seat.answered()
        return client

    def served(self):
        client = self.busy()
        self.seats.serve(client.seat, client)
        return client

    def wait(self, seconds):
        """Look as often as the server does."""
        end = self.clock.now + seconds
        while self.clock.now < end:
            self.clock.now += self.seats.limits.look
            self.seats.look()


def test_the_longest_idle_one_makes_room():
    table = Table(seats=4, sockets=2)
    served, busy, first, second = table.served(), table.busy(), table.idle(), table.kept()
    for _ in range(3):
        table.idle()
    assert (first.why, second.why) == (Why.ROOM, Why.ROOM)
    assert (served.why, busy.why) == (None, None)
    assert len(table.seats) == 4


def test_eleven_hundred_idle_ones_push_no_page_out():
    table = Table()
    events, pictures, asking = table.served(), table.served(), table.busy()
    idle = [table.idle() for _ in range(1100)]
    assert [client.why for client in (events, pictures, asking)] == [None] * 3
    assert sum(client.why is None for client in idle) == 61
    assert all(client.why is None for client in idle[-61:])


def test_sixty_four_pages_lock_nobody_out():
    table = Table()
    pages = [[table.served() for _ in range(3)] for _ in range(64)]
    newest = table.served()
    asking = [table.busy() for _ in range(16)]
    assert newest.why is None
    assert not any(client.why for client in asking)
    assert all(client.why is None for page in pages[-15:] for client in page)
    assert all(client.why is Why.ROOM for page in pages[:48] for client in page)


def test_where_nobody_is_idle_the_longest_request_makes_room():
    table = Table(seats=2, sockets=1)
    first, second = table.busy(), table.busy()
    table.idle()
    assert (first.why, second.why) == (Why.ROOM, None)


@pytest.mark.parametrize(
    ("does", "stays", "goes"),
    [
        ("says nothing", 9, 11),
        ("sends a head slowly", 9, 11),
        ("was answered", 29, 31),
        ("was answered and sends a head slowly", 9, 11),
        ("sends a body slowly", 9, 11),
        ("was answered before its body", 9, 11),
        ("was refused", 1.5, 3),
        ("takes nothing of an answer", 9, 11),
        ("is a socket that answers no ping", 9, 11),
        ("is a socket that takes nothing", 9, 11),
    ],
)
def test_what_is_overdue_goes(does, stays, goes):
    table = Table()
    client = {"was": table.kept, "is": table.served}.get(does.split()[0], table.idle)()
    seat = client.seat
    if "head slowly" in does:
        seat.bytes_came()
    if "body" in does:
        seat.head_came()
        seat.body_came(1)
    if does == "was answered before its body":
        seat.answered()
    if does == "was refused":
        seat.refused()
    if does == "takes nothing of an answer":
        seat.head_came()
        seat.body_ended()
    client.unsent = 9000 if "takes nothing" in does else 0
    for _ in range(int(stays)):
        table.wait(1)
        if "slowly" in does or does == "is a socket that takes nothing":
            seat.bytes_came()
    table.wait(stays % 1)
    assert client.why is None
    table.wait(goes - stays)
    assert client.why is not None


@pytest.mark.parametrize("does", ["asks", "uploads", "takes", "listens"])
def test_whoever_goes_on_stays(does):
    table = Table()
    client = table.served() if does == "listens" else table.busy()
    if does == "uploads":
        client.seat.head_came()
    for second in range(120):
        if does == "uploads":
            client.seat.body_came(40_000)
        elif does == "takes":
            client.unsent = 60_000 - second
        elif does == "listens":
            client.seat.bytes_came()
        table.wait(1)
    assert client.why is None
    assert client.pings == (40 if does == "listens" else 0)


def test_after_sleep_nobody_is_blamed_for_it():
    table = Table()
    clients = [table.idle(), table.kept(), table.served()]
    table.wait(5)
    table.clock.now += 7200
    table.seats.look()
    table.wait(5)
    assert [client.why for client in clients] == [None] * 3


# The server, with limits that a test can wait for

QUICK = Limits(seats=8, sockets=5, head=0.4, kept=0.8, body=0.4, unread=0.6, ping=0.2,
               leaving=0.3, look=0.05)  # fmt: skip


@contextmanager
def serving(folder, limits=QUICK, token=""):
    desk = FakeDesk(folder)
    server = HttpServer(desk, Settings(port=0, folder=folder), token, limits)
    desk.served_by = server
    server.bind()
    server.start()
    try:
        yield server.port, desk
    finally:
        server.close()


@pytest.fixture(scope="module")
def one_port(tmp_path_factory):
    """Of a server for all who only look at one answer."""
    with serving(tmp_path_factory.mktemp("assets")) as (port, _):
        yield port


@pytest.fixture
def port(tmp_path):
    with serving(tmp_path) as (port, _):
        yield port


def opened(port, data=b""):
    sock = socket.create_connection(("127.0.0.1", port), SOON)
    sock.sendall(data)
    return sock


def all_of(sock):
    """What is still said until the other end closes."""
    data = b""
    with suppress(ConnectionResetError):
        while more := sock.recv(1 << 16):
            data += more
    return data


def first_of(sock):
    """One answer, by the length that it says it has: the other end may stay."""
    data = b""
    while more := sock.recv(1 << 16):
        data += more
        head, _, body = data.partition(b"\r\n\r\n")
        length = re.search(rb"\r\ncontent-length: (\d+)", head, re.IGNORECASE)
        if length and len(body) >= int(length[1]):
            break
    return data


def told(data):
    """The status and the sentence of an answer."""
    head, _, body = data.partition(b"\r\n\r\n")
    assert b"content-type: application/json" in head.lower(), data[:300]
    detail = json.loads(body)["detail"]
    sentence = detail if isinstance(detail, str) else detail[0]["msg"]
    assert sentence.endswith("."), sentence
    return int(head.split()[1]), sentence


def close_code(page):
    """Of a WebSocket that is read to its end."""
    try:
        while True:
            page.recv(SOON)
    except ConnectionClosed as closed:
        return closed.rcvd and closed.rcvd.code


def answers(port):
    client = HTTPConnection("127.0.0.1", port, timeout=SOON)
    client.request("GET", "/healthz")
    with client.getresponse() as answer:
        answer.read()
    client.close()
    return answer.status == 200


def wait(true):
    end = perf_counter() + SOON
    while not true():
        assert perf_counter() < end
        time.sleep(0.01)


def inside(port):
    """Connections that the server holds."""
    here = psutil.Process().net_connections("tcp")
    return sum(c.laddr.port == port and c.status == "ESTABLISHED" for c in here)


def test_idle_connections_beyond_the_seats_end_the_longest_idle(port):
    with connect(f"ws://127.0.0.1:{port}/api/v1/events") as page:
        idle = [opened(port) for _ in range(60)]
        assert answers(port)
        assert page.recv(SOON)
        wait(lambda: inside(port) <= QUICK.seats)
        assert all_of(idle[0]) == b""
        for sock in idle:
            sock.close()


def test_a_page_more_than_there_is_room_for_takes_the_place_of_the_oldest(port):
    url = f"ws://127.0.0.1:{port}/api/v1/events"
    with ExitStack() as all_pages:
        pages = [all_pages.enter_context(connect(url)) for _ in range(QUICK.sockets + 2)]
        assert [close_code(page) for page in pages[:2]] == [1013, 1013]
        for page in pages[2:]:
            assert page.recv(SOON)
            assert page.recv(SOON)
        assert answers(port)


HEADERS = b" HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: "
PATCH = b"PATCH /api/v1/parameters" + HEADERS + b"application/json\r\n"
RESET = b"POST /api/v1/actions/reset" + HEADERS + b"application/json\r\n"
UPLOAD = b"POST /api/v1/assets?name=a.png" + HEADERS + b"image/png\r\n"


@pytest.mark.parametrize(
    ("first", "then", "status"),
    rest_slow(
        [
            (b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: ", b"a", 408),
            (PATCH + b"content-length: 90\r\n\r\n", b" ", 408),
            (PATCH + b"transfer-encoding: chunked\r\n\r\n", b"1\r\n \r\n", 408),
            (b"", b"", None),
        ]
    ),
)
def test_a_request_that_trickles_ends(one_port, first, then, status):
    with opened(one_port, first) as sock:
        sock.settimeout(0.05)
        end, data = perf_counter() + SOON, b""
        while not data:
            assert perf_counter() < end
            try:
                data = sock.recv(1 << 16)
                break
            except TimeoutError:
                sock.sendall(then)
        if status is None:
            assert data == b""
        else:
            assert told(data)[0] == status
        sock.settimeout(SOON)
        assert all_of(sock) == b""


def test_a_kept_connection_ends_when_it_is_not_used(one_port):
    with opened(one_port, b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n") as sock:
        began = perf_counter()
        assert b"200 OK" in all_of(sock)
        assert perf_counter() - began > QUICK.kept / 2, "it is kept for a while"


@pytest.mark.slow
def test_an_answer_that_nobody_takes_is_given_up(tmp_path):
    (tmp_path / "big.png").write_bytes(b"x" * (20 << 20))
    with serving(tmp_path) as (port, _), socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", port))
        sock.sendall(b"GET /api/v1/assets/big.png HTTP/1.1\r\nhost: localhost\r\n\r\n")
        wait(lambda: inside(port) == 1)
        wait(lambda: inside(port) == 0)


@pytest.mark.slow
@pytest.mark.parametrize("path", rest_slow(["events", "preview?side=output"]))
def test_a_socket_that_reads_nothing_is_left_and_one_that_does_stays(port, path):
    upgrade = (
        b"GET /api/v1/%s HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\n"
        b"upgrade: websocket\r\nsec-websocket-version: 13\r\n"
        b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ) % path.encode()
    with (
        connect(f"ws://127.0.0.1:{port}/api/v1/{path}") as reading,
        opened(port, upgrade) as silent,
    ):
        threading.Thread(target=list, args=(reading,), daemon=True).start()
        assert silent.recv(8) == b"HTTP/1.1", "it is in; from now on it reads nothing"
        wait(lambda: inside(port) == 1)
        time.sleep(2 * QUICK.unread)
        assert inside(port) == 1


@pytest.mark.alone
def test_a_small_answer_on_a_kept_connection_waits_for_nothing(one_port):
    """Without TCP_NODELAY each takes 40 ms longer than a fresh connection."""
    kept = HTTPConnection("127.0.0.1", one_port, timeout=SOON)
    times = {"kept": [], "fresh": []}
    for _ in range(20):
        for name in times:
            client = kept if name == "kept" else HTTPConnection("127.0.0.1", one_port, timeout=SOON)
            began = perf_counter()
            client.request("GET", "/api/v1/parameters")
            client.getresponse().read()
            times[name].append(perf_counter() - began)
            if client is not kept:
                client.close()
    kept.close()
    assert median(times["kept"]) < 3 * median(times["fresh"])


def test_the_last_descriptors_are_not_taken(tmp_path, monkeypatch):
    with serving(tmp_path) as (port, _):
        idle = opened(port)
        wait(lambda: inside(port) == 1)
        monkeypatch.setattr("bridge.control.http.serving.scarce", lambda descriptor: True)
        assert answers(port), "in the place of the idle one"
        assert all_of(idle) == b""
        idle.close()
        wait(lambda: inside(port) == 0)
        with opened(port) as sock:
            assert all_of(sock) == b"", "there is none to be spared"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="has no limit of descriptors")
def test_without_a_descriptor_left_it_waits_and_goes_on():
    code = """
        import os, pathlib, resource, socket, sys, tempfile, time
        from bridge.control.http.server import HttpServer
        from bridge.settings import Settings
        from tests.support.desk import FakeDesk
        from tests.bridge.control.http.test_connections import answers
        folder = pathlib.Path(tempfile.mkdtemp())
        server = HttpServer(FakeDesk(folder), Settings(port=0, folder=folder))
        server.bind()
        server.start()
        assert answers(server.port)
        client = socket.socket()
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        held = []
        try:
            while True:
                held.append(os.open(os.devnull, os.O_RDONLY))
        except OSError:
            pass
        client.connect(("127.0.0.1", server.port))
        client.sendall(b"GET /healthz HTTP/1.1\\r\\nhost: localhost\\r\\n\\r\\n")
        used = time.process_time()
        time.sleep(1)
        print(time.process_time() - used)
        for one in held:
            os.close(one)
        client.settimeout(10)
        assert client.recv(99).startswith(b"HTTP/1.1 200")
        server.close()
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 0.5, "it does not spin"
    assert done.stderr.count("Traceback") == 1, "told once"


# Odd requests, as bytes


def request(line, *headers, body=b""):
    return b"\r\n".join([line, *headers, b"", body])


HOST = b"host: localhost"
JSON = (b"content-type: application/json", HOST)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (request(b"GET /healthz HTTP/1.1", HOST, b"x: " + b"a" * 17_000), 431),
        (request(b"GET /healthz HTTP/1.1", HOST, *[b"x%d: " % i + b"a" * 700 for i in range(30)]),
         431),
        (request(b"GET /healthz?" + b"a" * 17_000 + b" HTTP/1.1", HOST), 431),
        (request(b"GET /api/v1/events HTTP/1.1", HOST, b"connection: upgrade",
                 b"upgrade: websocket", b"x: " + b"a" * 9000), 431),
        (request(b"PATCH /api/v1/parameters HTTP/1.1", *JSON, b"origin: http://["), 403),
        (request(b"PATCH /api/v1/parameters HTTP/1.1", *JSON, b"origin: http://localhost",
                 b"origin: http://evil.example"), 403),
        (request(b"GET /api/v1/events HTTP/1.1", HOST, b"connection: upgrade",
                 b"upgrade: websocket", b"sec-websocket-version: 13", b"origin: http://[",
                 b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ=="), 403),
        (request(b"GET //evil.example/?token=x HTTP/1.1", HOST), 404),
        (request(b"GET /\\evil.example HTTP/1.1", HOST), 404),
        (request(b"GET /%2f/evil.example HTTP/1.1", HOST), 404),
        (request(b"GET /%5cevil.example HTTP/1.1", HOST), 404),
        (request(b"GET /// HTTP/1.1", HOST), 404),
        (request(b"GET /docs/ HTTP/1.1", HOST), 404),
        (request(b"GET /nothing HTTP/1.1", HOST), 404),
        (request(b"GET http://evil.example/ HTTP/1.1", HOST), 400),
        (request(b"CONNECT evil.example:443 HTTP/1.1", HOST), 400),
        (request(b"GET /page/%00 HTTP/1.1", HOST), 400),
        (request(b"GET /api/v1/assets/a%0A.png HTTP/1.1", HOST), 400),
        (request(b"DELETE /api/v1/assets/a.png%0A HTTP/1.1", HOST), 400),
        (request(b"POST /api/v1/assets?name=a.png%0A HTTP/1.1", HOST, b"content-type: image/png",
                 b"content-length: 1", body=b"x"), 400),
        (request(b"GET / HTTP/1.1", b"host: ["), 421),
        (request(b"GET / HTTP/1.1", b"host: evil.example@localhost"), 421),
        (request(b"GET / HTTP/1.1", b"host: localhost/evil.example"), 421),
        (request(b"GET / HTTP/1.1", b"host:"), 421),
        (request(b"GET / HTTP/1.0"), 421),
        (request(b"GET / HTTP/1.1", HOST, HOST), 400),
        (request(b"GET / HTTP/1.1"), 400),
        (request(b"BREW / HTTP/1.1", HOST), 405),
        (request(b"DELETE / HTTP/1.1", HOST), 405),
        (request(b"PATCH /api/v1/parameters HTTP/1.1", *JSON, b"content-length: -1"), 400),
        (request(b"PATCH /api/v1/parameters HTTP/1.1", *JSON, b"content-length: " + b"9" * 5000),
         400),
        (request(b"PATCH /api/v1/parameters HTTP/1.1", *JSON, b"content-length: 1", b"x: \xff",
                 b"content-length: 2"), 400),
        (request(b"PATCH /api/v1/parameters HTTP/1.1", *JSON, b"transfer-encoding: gzip"), 501),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200) + b"\r\n\r\n", 400),
        (b"\r\n\r\nGET\r\n\r\n", 400),
    ],
)  # fmt: skip
def test_an_odd_request_gets_one_sentence(one_port, data, status):
    with opened(one_port, data) as sock:
        answer = first_of(sock)
        assert told(answer)[0] == status
        assert b"location:" not in answer.lower()
    assert answers(one_port)


def test_a_cookie_in_no_alphabet_is_only_wrong(tmp_path):
    with serving(tmp_path, token="the-token-of-this-test") as (port, _):
        data = request(b"GET / HTTP/1.1", HOST, b"cookie: spout_bridge_token=\xff\xfe\xf0",
                       b"connection: close")  # fmt: skip
        with opened(port, data) as sock:
            assert told(all_of(sock))[0] == 401


@pytest.mark.parametrize(
    ("head", "chunks"),
    [
        (PATCH + b"transfer-encoding: chunked\r\n\r\n", 20 * 16),
        (UPLOAD + b"transfer-encoding: chunked\r\n\r\n", 48 * 16),
        (RESET + b"transfer-encoding: chunked\r\n\r\n", 20 * 16),
    ],
)
def test_a_body_that_grows_past_its_limit_is_too_large(one_port, head, chunks):
    with opened(one_port, head) as sock:
        for _ in range(chunks):
            sock.sendall(b"10000\r\n" + b" " * 65536 + b"\r\n")
        sock.sendall(b"0\r\n\r\n")
        status, sentence = told(all_of(sock))
        assert (status, sentence) == (413, f"At most {25 if chunks > 400 else 1} MB are accepted.")


# A whole bridge


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [
        (["--host", "0.0.0.0", "--token", "x"], {}),
        (["--lan", "--token", "fifteen-letters"], {}),
        (["--token", "sixteen letters!"], {}),
        (["--lan"], {"SPOUT_BRIDGE_TOKEN": "short"}),
    ],
)
def test_a_token_that_can_be_guessed_or_not_be_typed_is_refused(
    arguments, variables, monkeypatch, capsys
):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    status, text = refused_here(monkeypatch, capsys, "run", "--port", "0", *arguments)
    assert status == 2, text
    assert f"{(*variables, '--token')[0]} takes 16 to 256 letters" in text


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="has no limit of descriptors")
def test_eleven_hundred_idle_connections_stop_no_show_and_no_page(tmp_path, monkeypatch):
    """Under the usual limit of files; and then with nobody who takes what it prints."""
    import resource

    usual = resource.getrlimit(resource.RLIMIT_NOFILE)
    monkeypatch.setitem(
        globals(), "COMMAND", ["sh", "-c", 'ulimit -n 1024; exec "$@"', "sh", *COMMAND]
    )
    monkeypatch.setattr("tests.support.bridge.COMMAND", COMMAND)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, usual[1]), usual[1]))
    try:
        with running(
            tmp_path, "--pipeline", "passthrough", "--source", "demo:", "--sink", "null:",
            "--output-size", "320x180", "--name", "Xhttp",
        ) as bridge:  # fmt: skip
            bridge.until(lambda state: state["frames_new"] > 30)
            for head in (b"", b"GET / HTTP/1.1\r\nhost: localhost\r\nx: "):
                before = bridge.state()
                crowd = [opened(bridge.port, head) for _ in range(1100 if not head else 64)]
                began = perf_counter()
                for path in ("/", "/page/app.js", "/page/connection.js", "/page/style.css",
                             "/api/v1/schema"):  # fmt: skip
                    page = HTTPConnection("127.0.0.1", bridge.port, timeout=SOON)
                    page.request("GET", path, headers={"accept": "text/html"})
                    assert page.getresponse().read()
                    page.close()
                assert perf_counter() - began < SOON / 2
                bridge.until(lambda state, n=before["frames_new"]: state["frames_new"] > n + 30)
                state = bridge.state()
                assert (state["black_frames"], state["error"], state["restarts"]) == (0, "", 0)
                for sock in crowd:
                    sock.close()
            used = psutil.Process(bridge.process.pid).num_fds()
            assert used < 200
            assert bridge.process.poll() is None
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, usual)


def test_the_phases_are_in_the_order_in_which_they_must_go():
    assert Phase.IDLE < Phase.BUSY < Phase.SERVED


# What ends a server does not end the page


def reset_by_client(port, data=b""):
    """A connection that its client throws away: it does not even say goodbye."""
    sock = opened(port, data)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def test_three_hundred_resets_and_the_page_still_answers(port, caplog):
    for number in range(300):
        reset_by_client(port, (b"", b"GET /healthz HTTP/1.1\r\n", RESET)[number % 3])
    assert answers(port)
    assert not any("The web server stopped" in record.message for record in caplog.records)


@pytest.mark.slow
def test_connections_that_are_reset_before_they_are_taken_cost_no_time(tmp_path, monkeypatch):
    """Windows tells of each of them when it is to be taken, and other systems may."""
    left, real = [ConnectionResetError(10054, "reset")] * 299 + [OSError(10057, "gone")], []

    async def sock_accept(loop, listener):
        taken = await real[0](loop, listener)
        if left:
            taken[0].close()
            raise left.pop()
        return taken

    with monkeypatch.context() as patch:
        real.append(asyncio.SelectorEventLoop.sock_accept)
        patch.setattr(asyncio.SelectorEventLoop, "sock_accept", sock_accept)
        with serving(tmp_path) as (port, _):
            for _ in range(300):
                opened(port).close()
            assert answers(port)


def test_the_loop_is_the_one_that_resets_do_not_end_on_windows(tmp_path):
    config = configured(FakeDesk(tmp_path), Rules(), Limits())
    assert config.get_loop_factory() is asyncio.SelectorEventLoop


def _raise(error):
    async def ends(*_):
        raise error

    return ends


@pytest.mark.parametrize(
    "end",
    rest_slow([OSError(10038, "not a socket"), SystemExit(3), RuntimeError("made up")]),
    ids=repr,
)
def test_a_server_that_ends_is_bound_again(tmp_path, monkeypatch, caplog, end):
    monkeypatch.setattr(http_server, "AGAIN", 0.05)
    with serving(tmp_path) as (port, desk):
        assert answers(port)
        desk.served_by._server.on_tick = _raise(end)  # of this one alone: others run beside it
        wait(
            lambda: any(f"is running on port {port}" in record.message for record in caplog.records)
        )
        assert any("The web server stopped" in record.message for record in caplog.records)
        assert answers(port)


@pytest.mark.parametrize("how", rest_slow(["by us", "by the system"]))
def test_a_listener_that_is_closed_is_bound_again(tmp_path, monkeypatch, how):
    monkeypatch.setattr(http_server, "AGAIN", 0.05)
    server = HttpServer(FakeDesk(tmp_path), Settings(port=0, folder=tmp_path), limits=QUICK)
    server.bind()
    server.start()
    try:
        assert answers(server.port)
        old = server._sockets[0]
        if how == "by us":
            old.close()
        else:
            old.shutdown(socket.SHUT_RDWR)
            os.close(old.detach())
        wait(lambda: server._sockets and server._sockets[0] is not old)
        wait(lambda: server._server.started)
        assert answers(server.port)
    finally:
        server.close()


def test_a_port_that_is_taken_meanwhile_is_had_when_it_is_free(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(http_server, "AGAIN", 0.05)
    with serving(tmp_path) as (port, desk):
        with monkeypatch.context() as taken:

            def no_port(*_):
                raise OSError(98, "in use")

            taken.setattr(http_server, "_bound", no_port)
            desk.served_by._server.on_tick = _raise(OSError("made up"))
            wait(lambda: any("cannot reopen port" in record.message for record in caplog.records))
        wait(
            lambda: any(f"is running on port {port}" in record.message for record in caplog.records)
        )
        assert answers(port)
