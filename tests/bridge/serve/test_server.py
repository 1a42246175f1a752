"""A server of engines by its doors, in this process: who may have which session, what is told."""

import socket
import ssl
from contextlib import ExitStack
from dataclasses import replace

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from bridge import __version__
from bridge.control.http.rules import Rules
from bridge.control.http.seats import Limits
from bridge.control.http.server import HttpServer
from bridge.errors import UsageError
from bridge.serve.app import created
from bridge.serve.certificate import Certificate
from bridge.serve.doors import Door
from bridge.serve.files import Store
from bridge.serve.holders import Holder, holders_in
from bridge.serve.server import Sessions
from bridge.serve.session import Ground
from bridge.settings import Settings
from bridge.state.catalog import installed_catalog
from bridge.workers.machine import LocalMachine
from engine.remote import wire
from engine.remote.codec import DEFAULT
from engine.remote.wire import FROM_SERVER, RelayHello, ServerHello, numbered, written
from tests.support.certificates import Authority
from tests.support.chromium import browsing

OWN = "the-servers-own-token"
ANNA = Holder("anna", "the-token-of-anna-1234", 1)
BEN = Holder("ben", "the-token-of-ben-12345")
HERE = "http://127.0.0.1:8000"
LINE = f"ws://127.0.0.1:8000{wire.PATH}"
HELLO = RelayHello(
    version=wire.VERSION, release=__version__, coding=DEFAULT, session="a-secret-of-the-relay",
    relay="relay 1",
)  # fmt: skip


class Served:
    """The server, and clients with a token each."""

    def __init__(self, folder, door: Door) -> None:
        machine = LocalMachine(
            Settings(folder=folder), installed_catalog(), lambda row: row.load(), lambda _: None
        )
        catalog = installed_catalog()
        ground = Ground(machine, catalog, Store(folder / "files"), folder / "sessions", __version__)
        self.sessions = Sessions(ground, 3, 600, [ANNA, BEN])
        rules = Rules(token=OWN, holders=tuple((each.token, each.name) for each in (ANNA, BEN)))
        self.made = created(self.sessions, machine, catalog, "Bridge", door)
        self.app = self.made(rules)

    def client(self, token: str = "", **headers) -> TestClient:
        given = {"Authorization": f"Bearer {token}"} if token else {}
        return TestClient(self.app, HERE, headers={**given, **headers})

    def seen(self, token: str) -> list[str]:
        told = self.client(token).get("/api/v1/sessions").json()["sessions"]
        return [session["holder"] for session in told]


@pytest.fixture
def served(tmp_path):
    made = Served(tmp_path, Door())
    yield made
    made.sessions.close()


def greeted(socket, **more) -> ServerHello | str:
    """What the server answers to a relay's greeting, or why it closes."""
    socket.send_text(written(0, replace(HELLO, **more)))
    try:
        return FROM_SERVER.decode(numbered(socket.receive_text())[1], first=True)
    except WebSocketDisconnect as closed:
        return closed.reason


def asked(served, token: str, **more) -> ServerHello | str:
    with served.client(token).websocket_connect(LINE) as socket:
        return greeted(socket, **more)


def test_each_token_has_sessions_of_its_own(served):
    with served.client(ANNA.token).websocket_connect(LINE) as socket:
        assert greeted(socket).resumed is False
        assert "another token" in asked(served, BEN.token), "the name alone opens nothing"
        other = {"session": "another-secret-of-a-relay"}
        assert asked(served, ANNA.token, **other) == "The token of anna is for 1 at a time."
        assert asked(served, BEN.token, **other, ends=(HELLO.session,)).resumed is False
        assert served.seen(ANNA.token) == ["anna"]
        assert served.seen(BEN.token) == ["ben"]
        told = served.client(OWN).get("/api/v1/sessions")
        assert [session["holder"] for session in told.json()["sessions"]] == ["anna", "ben"]
        for secret in (HELLO.session, ANNA.token, BEN.token):
            assert secret not in told.text
    later = {"session": "the-next-secret-of-a-relay"}
    assert asked(served, ANNA.token, **later).resumed is False, "hers without a line makes room"


def test_a_strangers_token_or_version_or_a_server_that_leaves_is_a_sentence(served):
    assert served.client("not-the-token-of-anyone").get("/").status_code == 401
    answer = served.client(Rules(token=OWN).view_token).get("/api/v1/sessions")
    assert answer.status_code == 200
    assert "runs nothing" in asked(served, Rules(token=OWN).view_token)
    assert "version" in asked(served, OWN, version=wire.VERSION + 1)
    assert served.client().get("/readyz").json() == {"ready": True, "reason": ""}
    served.sessions.drain("The server is being shut down.", 10)
    assert asked(served, OWN) == "The server is being shut down."
    assert served.client().get("/readyz").status_code == 503
    assert served.client().get("/healthz").status_code == 200


def test_behind_a_proxy_only_what_came_by_tls_is_answered(tmp_path):
    behind = Served(tmp_path, Door(proxied=True))
    try:
        around = behind.client(OWN).get("/api/v1/sessions")
        assert (around.status_code, "X-Forwarded-Proto" in around.text) == (403, True)
        assert behind.client().get("/readyz").status_code == 200
        by_tls = {"X-Forwarded-Proto": "https"}
        for turn in range(11):  # the guesser made up the first address; the proxy saw the second
            behind.client(
                f"a-guess-with-number-{turn}", **by_tls, **{"X-Forwarded-For": f"{turn}, 10.0.0.9"}
            ).get("/")
        for address, status in (("10.0.0.9", 429), ("10.0.0.8", 200)):
            told = behind.client(OWN, **by_tls, **{"X-Forwarded-For": address})
            assert told.get("/api/v1/sessions").status_code == status
    finally:
        behind.sessions.close()


def test_metrics_have_each_session_by_its_number_and_only_ones_own(served):
    with served.client(ANNA.token).websocket_connect(LINE) as socket:
        greeted(socket)
        asked(served, BEN.token, session="another-secret-of-a-relay")
        text = served.client(OWN).get("/metrics").text
        assert 'bridge_serve_session_connected{holder="anna",pipeline="",session="1"} 1.0' in text
        assert 'bridge_serve_session_connected{holder="ben",pipeline="",session="2"} 0.0' in text
        assert "bridge_serve_places 3.0" in text
        assert HELLO.session not in text
        assert "ben" not in served.client(ANNA.token).get("/metrics").text
    assert served.client().get("/metrics").status_code == 401


def test_clients_that_never_shake_hands_keep_nobody_out(served, tmp_path):
    authority = Authority(tmp_path)
    certificate = authority.certificate()
    used = Certificate(certificate.path, certificate.key)
    server = HttpServer(None, Settings(port=0, folder=tmp_path), OWN, Limits(seats=2))
    server.bind()
    server.serve(served.made, wire.LARGEST_FRAME, lambda: used.context)
    client = ssl.create_default_context(cafile=str(authority.path))
    with ExitStack() as stack:
        stack.callback(server.close)
        for _ in range(5):
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
        for asked, status in (
            (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n", 200),
            (b"?\r\n", 400),
        ):
            line = socket.create_connection(("127.0.0.1", server.port), 30)
            with client.wrap_socket(line, server_hostname="localhost") as tls:
                tls.sendall(asked + b"\r\n")
                assert tls.recv(64).startswith(b"HTTP/1.1 %d " % status)


@pytest.mark.slow
def test_the_page_shows_the_sessions_on_a_phone_too(served, tmp_path):
    with browsing(tmp_path / "browser") as browser, browser.page() as page:
        server = HttpServer(None, Settings(port=0, folder=tmp_path), OWN)
        server.bind()
        server.serve(served.made, wire.LARGEST_FRAME)
        try:
            with served.client(ANNA.token).websocket_connect(LINE) as socket:
                greeted(socket)
                page.size(390, 800)
                page.go(f"http://127.0.0.1:{server.port}/?token={OWN}")
                page.until("document.querySelector('#sessions h3') !== null")
                told = page.run("document.body.innerText")
                assert "1 of 3 places" in told
                assert "connected" in told
                assert "anna" in told
                assert page.run("document.documentElement.scrollWidth") <= 390
                assert page.run("getComputedStyle(document.documentElement).colorScheme") == "dark"
                assert page.complaints() == []
            page.until("document.body.innerText.includes('kept for')")
        finally:
            server.close()


def test_the_file_of_tokens_has_a_holder_a_line(tmp_path):
    path = tmp_path / "tokens"
    path.write_text(f"# who may\n{ANNA.name} {ANNA.token} 1\n\nben {BEN.token}  # our neighbour\n")
    assert holders_in(path, OWN) == [ANNA, BEN]
    for line, told in (
        ("carl short", "line 1 of"),
        (f"carl {BEN.token} none", "NAME TOKEN MOST"),
        (f"carl {BEN.token} 0", "NAME TOKEN MOST"),
        (f"carl {OWN}", "repeats"),
        (f"carl {BEN.token}\ncarl {ANNA.token}", "line 2 of .* repeats"),
    ):
        path.write_text(line)
        with pytest.raises(UsageError, match=told) as error:
            holders_in(path, OWN)
        assert BEN.token not in str(error.value)
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        holders_in(tmp_path / "none", OWN)
