"""HTTP: who may ask, what is answered, how a client hears of changes."""

import io
import itertools
import json
import logging
import re
import socket
import subprocess
import sys
import threading
import time
import unicodedata
from contextlib import contextmanager
from http.client import HTTPConnection
from importlib.machinery import ModuleSpec
from pathlib import Path
from time import perf_counter
from types import SimpleNamespace
from unittest.mock import Mock
from urllib.parse import quote, urljoin

import cv2
import httpx2
import numpy as np
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from bridge import __version__
from bridge.control.http import json_bodies
from bridge.control.http.app import PAGE, create_app
from bridge.control.http.docs import FILES as SWAGGER_UI
from bridge.control.http.files import TYPES
from bridge.control.http.guard import (
    GUESSERS,
    JSON_LIMIT,
    PENALTY,
    TRIES,
    UPLOAD_LIMIT,
    Guesses,
)
from bridge.control.http.rules import Rules
from bridge.control.http.server import HttpServer
from bridge.frames.frame import Frame
from bridge.settings import Settings
from bridge.state import references as assets
from bridge.state.status import STATUS
from bridge.system import logs
from bridge.transports import BUILT_IN, Offer, offers
from engine.ipc.ring import RingWriter
from engine.sizes import engine_size
from tests.support.desk import HERE, FakeDesk
from tests.support.slow_cases import rest_slow

SOCKETS = "ws://127.0.0.1:8000/api/v1"


@pytest.fixture(scope="module")
def still(tmp_path_factory):
    """A client and its desk for all whose requests change nothing: an app takes a while to make."""
    desk = FakeDesk(tmp_path_factory.mktemp("assets"))
    with TestClient(create_app(desk, Rules()), HERE) as client:
        yield client, desk


@pytest.mark.parametrize("kind", ["text/plain", None])
def test_a_registry_that_knows_other_types_leaves_the_page_as_it_is(
    client, desk, monkeypatch, kind
):
    guess = lambda *_, **__: (kind, None)  # noqa: E731
    monkeypatch.setattr("mimetypes.guess_type", guess)
    monkeypatch.setattr("starlette.responses.guess_type", guess)
    page = client.get("/", headers={"accept": "text/html"})
    assert page.headers["content-type"].startswith("text/html")
    docs = client.get("/docs")
    paths = [
        "/" + path for path in re.findall(r'(?:src|href)="(page/[^"]+)"', page.text + docs.text)
    ]
    assert {path.rpartition("/")[2] for path in paths} >= {*SWAGGER_UI, "app.js", "docs.js"}
    for path in paths:
        answer = client.get(path)
        wanted = "text/css" if path.endswith(".css") else "text/javascript"
        assert answer.headers["content-type"] == f"{wanted}; charset=utf-8", path
        again = client.get(path, headers={"if-none-match": answer.headers["etag"]})
        assert again.status_code == 304
    for name in ("a.png", "b.webp", "c.avif"):
        (desk.assets / name).write_bytes(b"picture")
        kept = client.get(f"/api/v1/assets/{name}").headers["content-type"]
        assert kept == f"image/{name[2:]}", "or the list of references stays blank"


@pytest.mark.parametrize("found", [None, ModuleSpec("fastapi_swagger", None, is_package=True)],
                         ids=["not installed", "without its files"])  # fmt: skip
def test_without_swagger_ui_only_docs_is_missing_and_says_so(desk, monkeypatch, found):
    monkeypatch.setattr("bridge.control.http.docs.find_spec", lambda name: found)
    with TestClient(create_app(desk, Rules()), HERE) as client:
        answer = client.get("/docs")
        assert answer.status_code == 503
        assert "pip install fastapi-swagger" in answer.json()["detail"]
        for path in ("/page/app.js", "/openapi.json", "/api/v1/schema"):
            assert client.get(path).status_code == 200, path


def test_every_file_of_the_page_has_a_type_of_ours():
    assert {path.suffix for path in PAGE.rglob("*") if path.is_file()} <= set(TYPES)


def test_nothing_on_the_page_is_asked_for_from_the_root():
    """Or a proxy could not show it under a path of its own."""
    for file in PAGE.iterdir():
        found = re.findall(r"""["'`(]/(?!bridge/)[\w.]""", file.read_text("utf-8"))
        assert found == [], file.name


def test_a_token_in_an_address_leads_back_to_what_was_asked_for(desk):
    with TestClient(create_app(desk, Rules(token="secret")), HERE) as client:
        for path in ("/", "/docs", "/api/v1/state", "/page/app.js"):
            client.cookies.clear()
            answer = client.get(f"{path}?token=secret", follow_redirects=False)
            assert answer.status_code == 303
            back = answer.headers["location"]
            assert urljoin(f"{HERE}/show{path}", back) == f"{HERE}/show{path}"


def picture(width=40, height=30, kind=".png", **content):
    rng = np.random.default_rng(3)
    image = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    return cv2.imencode(kind, image)[1].tobytes()


def upload(client, data, name="painting.png", kind="image/png", **more):
    return client.post(
        "/api/v1/assets",
        params={"name": name},
        content=data,
        headers={"content-type": kind},
        **more,
    )


def unchanged(desk):
    told = desk.switched, desk.acted, desk.attached
    return desk.store.snapshot.number == 1 and not any(told)


# Who may ask


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": "text/plain"}, 415),  # what a form or a no-cors fetch can send
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({"content-type": "multipart/form-data; boundary=x"}, 415),
        ({"content-type": ""}, 415),
        ({"origin": "https://evil.example", "content-type": "application/json"}, 403),
        ({"origin": "null", "content-type": "application/json"}, 403),
        ({"origin": "http://127.0.0.1.evil.example", "content-type": "application/json"}, 403),
        ({"host": "evil.example", "content-type": "application/json"}, 421),
        ({"host": "evil.example:8000", "content-type": "application/json"}, 421),
        ({"host": "127.0.0.1@evil.example", "content-type": "application/json"}, 421),
        ({"host": "[", "content-type": "application/json"}, 421),
    ],
)
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "/api/v1/parameters", {"vace_scale": 2.0}),
        ("POST", "/api/v1/pipeline", {"pipeline": "passthrough"}),
        ("POST", "/api/v1/actions/kill_engine", {}),
        ("POST", "/api/v1/source", {"uri": "demo:"}),
    ],
)
def test_another_site_in_the_artists_browser_changes_nothing(
    still, headers, status, method, path, body
):
    client, desk = still
    answer = client.request(method, path, content=json.dumps(body), headers=headers)
    assert answer.status_code == status
    assert answer.json()["detail"].endswith(".")
    assert unchanged(desk)


def test_the_same_requests_are_taken_from_the_own_page(client, desk):
    """The control of the test above."""
    headers = {"origin": HERE}
    client.patch("/api/v1/parameters", json={"vace_scale": 2.0}, headers=headers)
    client.post("/api/v1/pipeline", json={"pipeline": "passthrough"}, headers=headers)
    client.post("/api/v1/actions/kill_engine", json={}, headers=headers)
    client.post("/api/v1/source", json={"uri": "demo:"}, headers=headers)
    assert desk.store.snapshot.values["vace_scale"] == 2.0
    assert desk.switched == [("passthrough", {})]
    assert desk.acted == ["kill_engine"]
    assert desk.attached == ["demo:"]


@pytest.mark.parametrize("path", ["preview?side=output", "events"])
@pytest.mark.parametrize(
    "headers", [{"origin": "https://evil.example"}, {"origin": "null"}, {"host": "evil.example"}]
)
def test_a_foreign_websocket_is_refused_before_it_opens(client, path, headers):
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect(f"{SOCKETS}/{path}", headers=headers),
    ):
        pass


def test_reading_from_elsewhere_is_not_shared(client):
    answer = client.get("/api/v1/state", headers={"origin": "https://evil.example"})
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    preflight = client.options("/api/v1/parameters", headers={"origin": "https://evil.example"})
    assert preflight.status_code == 403


def test_pages_may_load_nothing_from_elsewhere(client):
    for path in ("/", "/docs"):
        answer = client.get(path, headers={"accept": "text/html"})
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert "http://" not in answer.text.replace("http://www.w3.org", "")
        assert "https://" not in answer.text


def test_too_much_is_refused_before_it_is_read(client, desk):
    big = b" " * (JSON_LIMIT + 1)
    headers = {"content-type": "application/json"}
    assert client.patch("/api/v1/parameters", content=big, headers=headers).status_code == 413
    assert upload(client, b"x" * (UPLOAD_LIMIT + 1)).status_code == 413
    assert unchanged(desk)


def test_a_body_that_grows_without_saying_so_is_refused(tmp_path):
    desk = FakeDesk(tmp_path)
    server = HttpServer(desk, Settings(port=0, folder=tmp_path))
    server.bind()
    server.start()
    try:
        answer = httpx2.patch(
            f"http://127.0.0.1:{server.port}/api/v1/parameters",
            content=itertools.chain(
                [b'{"vace_scale": 2.0'], (b" " * 65536 for _ in range(32)), [b"}"]
            ),
            headers={"content-type": "application/json"},
        )
        assert answer.status_code == 413
    finally:
        server.close()
    assert unchanged(desk)


@pytest.mark.parametrize("way", [{"host": "0.0.0.0"}, {"lan": True}])
def test_whatever_opens_the_page_knows_this_machines_names_in_any_spelling(desk, way):
    settings = Settings(port=0, folder=desk.assets, allow_host="Studio.Local,[FE80::1]", **way)
    server = HttpServer(desk, settings, "s" * 16)
    own = {
        address.address
        for addresses in psutil.net_if_addrs().values()
        for address in addresses
        if address.family == socket.AF_INET
    }
    name = socket.gethostname()
    try:
        server.bind()
        server.start()
        for host in (*own, name, name.upper(), f"{name.lower()}.", "STUDIO.local", "[fe80::1]"):
            headers = {"Host": f"{host}:{server.port}", "Authorization": f"Bearer {'s' * 16}"}
            line = HTTPConnection("127.0.0.1", server.port, timeout=10)
            line.request("GET", "/api/v1/state", headers=headers)
            assert line.getresponse().status == 200, host
            line.close()
        line.request("GET", "/healthz", headers={"Host": "elsewhere.example"})
        assert line.getresponse().status == 421
        line.close()
    finally:
        server.close()


def test_an_origin_is_ours_in_any_spelling(desk):
    app = create_app(desk, Rules(frozenset({"Studio"})))
    with TestClient(app, "http://STUDIO:8000") as client:
        for origin, status in (("http://sTudio:8000", 200), ("http://other", 403)):
            answer = client.post("/api/v1/actions/reset", json={}, headers={"Origin": origin})
            assert answer.status_code == status


@pytest.mark.parametrize("name", ["a b", "http://studio", "", "studio/"])
def test_a_name_that_no_browser_can_ask_for_is_refused(desk, name):
    with pytest.raises(ValueError, match="is not a host name"):
        HttpServer(desk, Settings(port=0, folder=desk.assets, allow_host=(name,)))


def test_off_loopback_a_token_is_needed_and_guessing_is_slow(desk):
    app = create_app(desk, Rules(frozenset({"studio"}), "secret"))
    with TestClient(app, "http://studio:8000") as client:
        assert client.get("/healthz").status_code == 200
        for header in ({}, {"authorization": "Bearer wrong"}, {"cookie": "spout_bridge_token=x"}):
            answer = client.get("/api/v1/state", headers=header)
            assert answer.status_code == 401
            assert "token" in answer.json()["detail"]
        bearer = {"authorization": "Bearer secret"}
        assert client.get("/api/v1/state", headers=bearer).status_code == 200
        with client.websocket_connect("ws://studio:8000/api/v1/events", headers=bearer) as socket:
            assert socket.receive_json()["type"] == "parameters"
        answer = client.get("/?token=secret", follow_redirects=False)
        assert answer.status_code == 303
        assert "httponly" in answer.headers["set-cookie"].lower()
        assert client.get("/api/v1/state").status_code == 200, "the cookie is enough from here"
        client.cookies.clear()
        for number in range(TRIES):
            client.get("/api/v1/state", headers={"authorization": f"Bearer guess {number}"})
        assert client.get("/api/v1/state", headers=bearer).status_code == 429


def test_a_link_for_viewing_shows_the_page_takes_nothing_away_and_changes_nothing(desk):
    rules = Rules(frozenset({"studio"}), "secret-of-16-letters")
    view = {"authorization": f"Bearer {rules.view_token}"}
    full = {"authorization": f"Bearer {rules.token}"}
    assert len(rules.view_token) == 32
    assert rules.view_token != Rules(token="another-of-16-let").view_token
    assert Rules().view_token == ""
    with TestClient(create_app(desk, rules), "http://studio:8000") as client:
        for path in ("/api/v1/state", "/api/v1/schema", "/api/v1/frame/output.png"):
            answer = client.get(path, headers=view)
            assert (answer.status_code, answer.headers["x-view-only"]) == (200, "yes")
        desk.now |= {"blind": True, "blind_values": {"prompt": "the surprise"}}
        for shown, found in (view, {}), (full, {"prompt": "the surprise"}):
            state = client.get("/api/v1/state", headers=shown).json()
            with client.websocket_connect(
                "ws://studio:8000/api/v1/events", headers=shown
            ) as socket:
                assert socket.receive_json()["type"] == "parameters"
                events = socket.receive_json()["values"]
            for told in state, events:
                assert (told["blind"], told["blind_values"]) == (True, found)
        for method, path, body in [
            ("PATCH", "/api/v1/parameters", {"mix": 0.5}), ("POST", "/api/v1/actions/panic", {}),
            ("POST", "/api/v1/source", {"uri": "demo:"}), ("DELETE", "/api/v1/assets/a.png", None),
            ("POST", "/api/v1/pipeline", {"pipeline": "longlive"}),
        ]:  # fmt: skip
            answer = client.request(method, path, json=body, headers=view)
            assert answer.status_code == 403, path
            assert answer.json()["detail"] == "This link shows the page and controls nothing."
        assert unchanged(desk)
        desk.show.save(1, "not shown yet")
        for path in ("show", "log", "log?after=3", "looks/1", "looks/1/export", "looks/1/../1"):
            for method in ("GET", "HEAD"):
                answer = client.request(method, f"/api/v1/{path}", headers=view)
                assert answer.status_code == 403, path
        for path in ("looks", "cues", "parked", "midi", "assets", "sources", "models"):
            assert client.get(f"/api/v1/{path}", headers=view).status_code == 200, "it is shown"
        place = str(desk.weights.library.models)
        assert place in client.get("/api/v1/models", headers=full).text
        assert place not in client.get("/api/v1/models", headers=view).text
        client.get(f"/?token={rules.view_token}")
        assert client.post("/api/v1/actions/panic", json={}).status_code == 403
        assert client.get("/?token=secret-of-16-letters").headers.get("x-view-only") is None
        assert client.post("/api/v1/actions/panic", json={}).status_code == 200
        client.cookies.clear()
        for number in range(TRIES):
            client.get(f"/?token=guess-{number}")
        assert client.get("/api/v1/state", headers=view).status_code == 429


def test_who_shows_no_token_or_an_old_one_has_not_guessed(desk):
    app = create_app(desk, Rules(frozenset({"studio"}), "secret"))
    old = {"cookie": "spout_bridge_token=of-yesterday"}
    with TestClient(app, "http://studio:8000") as client:
        for _ in range(2 * TRIES):
            answer = client.get("/", headers={"accept": "text/html"})
            assert answer.status_code == 401
            assert client.get("/api/v1/state", headers=old).status_code == 401
        assert client.get("/api/v1/state?token=secret").status_code == 200
        client.cookies.clear()
        for number in range(TRIES):
            client.get(f"/?token=guess-{number}")
        assert client.get("/?token=secret").status_code == 429


def test_wrong_tokens_are_forgotten_in_time_and_never_fill_the_memory():
    now = [0.0]
    guesses = Guesses(lambda: now[0])
    for number in range(TRIES):
        guesses.wrong("192.168.1.9", str(number))
    assert guesses.waits("192.168.1.9")
    assert not guesses.waits("192.168.1.10")
    now[0] += PENALTY
    assert not guesses.waits("192.168.1.9")
    for number in range(TRIES):
        guesses.wrong(f"2001:db8::{number:x}", str(number))
    assert guesses.waits("2001:db8::ffff"), "a household has as many addresses as it likes"
    for number in range(3 * GUESSERS):
        guesses.wrong(f"10.0.{number >> 8}.{number & 255}", "x")
    assert len(guesses) == GUESSERS
    guesses.right("10.0.11.255")
    assert len(guesses) == GUESSERS - 1


# What is answered


def test_what_is_right_and_cannot_be_used_now_is_409(client, desk, monkeypatch):
    """As what lacks its files is, which a switch meets; a value that is wrong by itself is 422."""
    full = "size 4096x4096: stylize has no room for it."
    monkeypatch.setattr(desk.store, "_fits", lambda changes, setter: {"size": full})
    answer = client.patch("/api/v1/parameters", json={"size": "4096x4096"})
    assert (answer.status_code, answer.json()["detail"][0]["msg"]) == (409, full)
    answer = client.patch("/api/v1/parameters", json={"size": "4096x4096", "mix": 2})
    assert answer.status_code == 422
    monkeypatch.setattr(desk, "switch", Mock(side_effect=ValueError(full)))
    answer = client.post("/api/v1/pipeline", json={"pipeline": "stylize"})
    assert (answer.status_code, answer.json()["detail"]) == (409, full)
    assert unchanged(desk)


def test_the_newest_log_lines_are_read_in_parts(still, tmp_path):
    client, _ = still
    assert client.get("/api/v1/log").json() == {"newest": 0, "lines": []}
    logs.to_file(tmp_path, "Cam", logging.INFO)
    try:
        log = logging.getLogger("bridge.test")
        log.warning("of the token=abcdefgh")
        log.error("second")
        told = client.get("/api/v1/log").json()
        first, second = (line for line in told["lines"] if line["text"] != "")
        assert (first["text"], first["level"]) == ("of the token=***", "WARNING")
        assert told["newest"] == second["number"]
        assert client.get(f"/api/v1/log?after={first['number']}").json()["lines"] == [second]
        for bad in ("-1", "x", "1e400", str(2**53)):
            assert client.get(f"/api/v1/log?after={bad}").status_code == 422
    finally:
        logs.end()


METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW")


@pytest.mark.parametrize("kind", rest_slow(["application/json", "text/plain", ""]))
def test_a_method_that_a_path_has_not_is_405_and_says_which_it_has(still, kind):
    client, desk = still
    paths = client.get("/openapi.json").json()["paths"]
    known = {path: {*map(str.upper, methods)} for path, methods in paths.items()}
    known |= {"/": {"GET"}, "/docs": {"GET"}, "/openapi.json": {"GET"}, "/page/app.js": {"GET"}}
    for path, methods in known.items():
        for method in {*METHODS} - methods:
            answer = client.request(
                method, path.format(name="x", side="input", number=1, peer="x"), content=b"{}",
                headers={"content-type": kind},
            )  # fmt: skip
            assert answer.status_code == 405, (method, path)
            head = {"HEAD"} if "GET" in methods else set()
            assert {*answer.headers["allow"].split(", ")} == methods | head, (method, path)
    for method in {*METHODS} - {"GET"}:
        answer = client.request(method, "/api/v1/nothing", headers={"content-type": kind})
        assert answer.status_code == 404, method
    assert unchanged(desk)


@pytest.mark.parametrize(
    "path", ["healthz", "readyz", "metrics", "", "docs", "openapi.json", "page/app.js",
             "api/v1/state", "api/v1/frame/output.png", "api/v1/nothing"]
)  # fmt: skip
def test_head_is_get_without_the_body(still, path):
    client, _ = still
    head, whole = client.head(f"/{path}"), client.get(f"/{path}")
    assert (head.status_code, head.content) == (whole.status_code, b"")
    assert head.headers["content-type"] == whole.headers["content-type"]


@pytest.mark.parametrize("more", [{}, {"content": b""}, {"json": {}}])
def test_what_takes_no_body_needs_none(client, desk, more):
    assert client.post("/api/v1/actions/reset", **more).json() == {"done": "reset"}
    assert client.post("/api/v1/models/cancel", **more).json() == {"done": "cancel"}
    assert desk.acted == ["reset"]
    for path in ("pipeline", "source", "models/download"):
        assert client.post(f"/api/v1/{path}", **more).status_code == 422
    assert client.patch("/api/v1/parameters").status_code == 422


@pytest.mark.parametrize("origin", [HERE, "http://127.0.0.1:9"])
def test_a_browser_must_say_json_without_a_body_too(still, origin):
    """Another program's page on this machine could send no type without asking first."""
    client, desk = still
    answer = client.post("/api/v1/actions/panic", headers={"origin": origin})
    assert answer.status_code == 415
    assert unchanged(desk)


@pytest.mark.parametrize(
    ("path", "body"),
    rest_slow(
        [
            ("parameters", {f"name {number}": 1 for number in range(60_000)}),
            ("parameters", {f"name {number}": 1 for number in range(900)}),
            ("parameters", {"x" * 900_000: 1}),
            ("parameters", {f"{number}{'x' * 1000}": 1 for number in range(900)}),
            ("pipeline", {"pipeline": "stylize", **{f"name {n}": 1 for n in range(60_000)}}),
            ("pipeline", {"pipeline": "x" * 900_000}),
            ("source", {"uri": "x" * 900_000}),
            ("models/download", {"pipeline": "x" * 900_000}),
        ]
    ),
)
def test_whatever_is_unknown_is_answered_in_a_few_words(still, path, body):
    client, desk = still
    method = "PATCH" if path == "parameters" else "POST"
    answer = client.request(method, f"/api/v1/{path}", json=body)
    assert answer.status_code in (404, 422)
    assert len(answer.content) < 40_000
    assert answer.json()["detail"]
    assert unchanged(desk)


def test_a_long_body_is_looked_at_while_others_are_answered(client, monkeypatch):
    asked, look = threading.Event(), json_bodies.taken
    monkeypatch.setattr(json_bodies, "taken", lambda body: asked.wait(30) and look(body))
    answers = []

    def send():
        body = {f"name {number}": 1 for number in range(60_000)}
        answers.append(client.patch("/api/v1/parameters", json=body))

    thread = threading.Thread(target=send)
    thread.start()
    assert client.get("/healthz").status_code == 200
    asked.set()
    thread.join(30)
    assert answers[0].status_code == 422
    assert "At most 1000 names" in answers[0].text


def test_values_are_set_all_or_none(client, desk):
    answer = client.patch("/api/v1/parameters", json={"vace_scale": 0.5, "prompt": "gold"})
    assert answer.json() == {"vace_scale": 0.5, "prompt": "gold"}
    answer = client.patch(
        "/api/v1/parameters", json={"prompt": "silver", "vace_scale": 9, "nothing": 1}
    )
    assert answer.status_code == 422
    told = {tuple(row["loc"]): row["msg"] for row in answer.json()["detail"]}
    assert told[("body", "vace_scale")] == "vace_scale takes a number from 0 to 2, not 9."
    assert ("body", "nothing") in told
    assert desk.store.snapshot.values["prompt"] == "gold"


@pytest.mark.parametrize("content", ["", "{", "[]", "1", "NaN", '{"vace_scale": NaN}', "\xff"])
def test_a_body_that_is_no_object_of_values_is_refused(still, content):
    client, desk = still
    answer = client.patch(
        "/api/v1/parameters",
        content=content.encode("latin-1"),
        headers={"content-type": "application/json"},
    )
    assert answer.status_code in (400, 422)
    assert unchanged(desk)


@pytest.mark.parametrize(
    ("content", "says"),
    rest_slow(
        [
            ('{"vace_scale": %s}' % ("1" * 4000), "at most 20 digits"),
            ('{"vace_scale": %s}' % ("1" * 5000), "at most 20 digits"),
            ('{"seed": -%s}' % ("9" * 400), "at most 20 digits"),
            ('{"vace_scale": 1e999}', "too large for a number"),
            ('{"vace_scale": -Infinity}', "is not accepted as a number"),
            ('{"vace_scale": NaN}', "is not accepted as a number"),
            ('{"prompt": "a", "prompt": "b"}', "'prompt' appears twice in the body"),
            ("[" * 100_000, "deeper than 32"),
            ('{"a":' * 33 + "1" + "}" * 33, "deeper than 32"),
            ('{"prompt": [[[[[[[[]]]]]]]]}', ""),
            ("{" + ",".join(f'"{n}": 1, "{n}": 2' for n in range(40_000)) + "}", "twice"),
            ('[{"vace_scale": 1}]', ""),
            ('{"vace_scale": 1}}', "(line 1, column 18): extra data after the end."),
            ("{'vace_scale': 1}", "expected a name in double quotes."),
            ('{"prompt": ocean}', "expected a value; put text in double quotes."),
            ('{"prompt": "a" "seed": 1}', "expected a comma or the end."),
            ('{"prompt" "a"}', "expected a colon."),
            ('{"prompt": "a', "a string has no closing quote."),
            ('{"prompt": "a\nb"}', "a string contains a line break or tab; write \\n or \\t."),
            ('{"source": "C:\\films"}', ""),
            ('{"source": "C:\\Users"}', "invalid backslash; write two."),
            ("5", "The body must be an object of names and values"),
            ("", "The body is missing."),
        ]
    ),
)
@pytest.mark.parametrize(
    ("method", "path"), [("PATCH", "parameters"), ("POST", "pipeline"), ("POST", "source")]
)
def test_json_that_no_parameter_could_be_is_refused_in_a_sentence(
    still, content, says, method, path
):
    client, desk = still
    answer = client.request(
        method, f"/api/v1/{path}", content=content, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 422
    assert says in answer.json()["detail"][0]["msg"]
    assert unchanged(desk)


HTML = {"accept": "text/html"}


@pytest.mark.parametrize(
    ("path", "headers", "status", "kind"),
    rest_slow([
        ("/show/api/v1/parameters", {}, 200, "application/json"),
        ("/a/b/healthz", {}, 200, "application/json"),
        ("/show/page/app.js", {}, 200, "text/javascript"),
        ("/show/", HTML, 200, "text/html"),
        ("/show/", {}, 404, "application/json"),
        ("/show", HTML, 404, "application/json"),
        ("/show/x", HTML, 404, "application/json"),
        ("/show/", {"x-forwarded-prefix": "/show"}, 200, "text/html"),
        ("/b c/docs", {"x-forwarded-prefix": "/b%20c/"}, 200, "text/html"),
        ("/api/v1/parameters", {"x-forwarded-prefix": "/show"}, 200, "application/json"),
        ("/api/v1/api/v1/state", {"x-forwarded-prefix": "/api/v1"}, 200, "application/json"),
        ("/show//api/v1/state", {"x-forwarded-prefix": "/show"}, 404, "application/json"),
        ("/api/v1/assets/a/docs", {}, 404, "application/json"),
        ("/api/v1/nothing/api/v1/state", {}, 404, "application/json"),
    ], quick=2),
)  # fmt: skip
def test_a_path_of_a_proxys_own_may_stand_before_ours(client, path, headers, status, kind):
    answer = client.get(path, headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith(kind)


def test_a_page_without_its_slash_is_led_to_it(client):
    headers = {"x-forwarded-prefix": "/a/my show"}
    answer = client.get("/a/my%20show", headers=headers, follow_redirects=False)
    assert urljoin(f"{HERE}/a/my%20show", answer.headers["location"]) == f"{HERE}/a/my%20show/"


@pytest.mark.parametrize("headers", [{}, {"x-forwarded-prefix": "/show"}])
def test_what_guards_the_doors_holds_under_a_proxys_path_too(client, desk, headers):
    plain, json_ = {"content-type": "text/plain"}, {"content-type": "application/json"}
    path = "/show/api/v1/parameters"
    for more, status in ((plain, 415), ({**json_, "origin": "http://evil.example"}, 403),
                         ({**json_, "host": "evil.example"}, 421), (json_, 200)):  # fmt: skip
        answer = client.patch(path, content='{"vace_scale": 1.5}', headers={**headers, **more})
        assert answer.status_code == status
    with TestClient(create_app(desk, Rules(token="secret")), HERE) as guarded:
        assert guarded.get(path, headers=headers).status_code == 401
        assert guarded.get("/show/healthz", headers=headers).status_code == 200


THEIRS = re.compile(r"Expecting|[Dd]elimiter|Field required|Input should|Extra inputs|JSON decode")


@pytest.mark.parametrize(
    ("method", "path", "content", "says"),
    [
        ("POST", "pipeline", "{}", 'pipeline is missing; send {"pipeline": "longlive"}.'),
        ("POST", "pipeline", '{"id": "stylize"}', 'missing; send {"pipeline": "stylize"}.'),
        ("POST", "pipeline", '{"pipeline_id": "krea", "load_params": {}}',
         'pipeline is missing beside load_params; send {"pipeline": "krea"}.'),
        ("POST", "pipeline", '{"pipeline": "longlive", "x": 1}', "Unknown parameter 'x'."),
        ("POST", "actions/panic", '{"val": 1}', "val is an unknown name."),
        ("POST", "looks", '{"number": 1000}', "number takes a whole number from 1 to 999, not 10"),
        ("POST", "looks/1/recall", '{"fade": -1}', "fade takes a number from 0 to 60, not -1."),
        ("PUT", "parked", '{"parked": "mix"}', "parked must be a list."),
        ("PUT", "looks", '{"order": ["a"]}', "order.0 must be a whole number."),
        ("PUT", "midi", '{"maps": [{"kind": "note", "number": 128}]}', "must be 127 or less."),
        ("POST", "pipeline", '{"id": 7}', 'pipeline is missing; send {"pipeline": "longlive"}.'),
        ("POST", "models/download", '{"id": "longlive"}', '{"pipeline": "longlive"}.'),
        ("POST", "source", '{"source": "camera:0"}', 'uri is missing; send {"uri": "camera:0"}.'),
        ("POST", "mask", '{"url": "shm:Mask"}', 'uri is missing; send {"uri": "shm:Mask"}.'),
        ("POST", "pipeline", '{"pipeline": 5}', "pipeline must be text."),
        ("POST", "source", '{"uri": "demo:", "x": 1}', "x is an unknown name."),
        ("POST", "models/download", "null", "The body must be an object of names and values."),
        ("GET", "thumbnail", "", "uri is missing."),
        ("PATCH", "parameters", '{"seed": }', "expected a value"),
    ],
)  # fmt: skip
def test_no_word_of_a_library_is_told(client, method, path, content, says):
    answer = client.request(method, f"/api/v1/{path}", content=content,
                            headers={"content-type": "application/json"})  # fmt: skip
    told = answer.json()["detail"][0]["msg"]
    assert says in told
    assert told.endswith(".")
    assert not THEIRS.search(told)


def test_bodies_together_have_a_limit(client, desk, monkeypatch):
    monkeypatch.setattr("bridge.control.http.guard.BODIES_LIMIT", 1000)
    for _ in range(3):
        assert client.patch("/api/v1/parameters", json={"prompt": "x" * 900}).status_code == 200
    assert client.patch("/api/v1/parameters", json={"prompt": "x" * 1100}).status_code == 503


def test_a_defect_is_one_sentence_too(desk):
    desk.pipelines = lambda: 1 / 0
    with TestClient(create_app(desk, Rules()), HERE, raise_server_exceptions=False) as client:
        answer = client.get("/api/v1/pipelines")
        assert (answer.status_code, answer.json()) == (
            500, {"detail": "ZeroDivisionError: division by zero"},
        )  # fmt: skip


def test_a_report_that_is_no_json_ends_nobodys_state(client, desk):
    desk.now["notes"] = {"loss": float("nan"), "shape": (2, np.float32(3)), "of": {1: object}}
    report = client.get("/api/v1/state").json()["notes"]
    assert report["loss"] is None
    assert report["shape"][0] == 2
    with client.websocket_connect(f"{SOCKETS}/events") as socket:
        assert socket.receive_json()["type"] == "parameters"
        assert socket.receive_json()["values"]["notes"] == report


def test_switches_and_actions(client, desk):
    answer = client.post("/api/v1/pipeline", json={"pipeline": "stylize", "size": "320x180"})
    assert answer.status_code == 202
    assert desk.switched == [("stylize", {"size": "320x180"})]
    answer = client.post("/api/v1/pipeline", json={"pipeline": "nothing"})
    assert answer.status_code == 404
    assert "choose stylize" in answer.json()["detail"]
    assert client.post("/api/v1/pipeline", json={}).status_code == 422
    answer = client.post("/api/v1/pipeline", json={"pipeline": "stylize", "backend": "abacus"})
    assert answer.status_code == 422
    assert len(desk.switched) == 1
    assert client.post("/api/v1/actions/nothing", json={}).status_code == 404


def test_the_schema_says_all_that_a_control_needs(client, desk):
    schema = client.get("/api/v1/schema").json()
    assert schema["version"] == __version__
    by_name = {row["name"]: row for row in schema["parameters"]}
    assert set(by_name) == set(desk.store.snapshot.values)
    strength = by_name["vace_scale"]
    assert (strength["minimum"], strength["maximum"], strength["osc"]) == (0.0, 2.0, "vace")
    sizes = {row["value"]: row["words"] for row in by_name["size"]["suggestions"]}
    assert {"auto", "512x288", "640x360", "768x432", "1280x720", "512x512", "320x576"} == set(sizes)
    assert all(engine_size(size, 16, (16, 9)) for size in sizes)
    assert all(sizes.values())
    assert {row["name"] for row in schema["actions"]} == set(desk.actions)
    assert {row["name"] for row in schema["state"]} == {row.name for row in STATUS}
    document = client.get("/openapi.json").json()
    described = document["components"]["schemas"]["Parameters"]["properties"]
    assert set(described) == set(by_name)
    assert described["vace_scale"]["maximum"] == 2.0


@pytest.mark.parametrize(
    ("now", "ready", "engine", "source", "word"),
    rest_slow([
        ({"state": "RUNNING"}, True, True, True, ""),
        ({"state": "RUNNING", "input": "still"}, True, True, True, ""),
        ({"state": "RUNNING", "input": "unneeded"}, True, True, True, ""),
        ({"state": "RUNNING", "picture_age": 6.0}, False, False, True, "no frame for 6 s"),
        ({"state": "RUNNING", "picture_age": 6.0, "block_time": 4000.0}, True, True, True, ""),
        ({"state": "RUNNING", "input": "failed", "input_problem": "camera:0 is gone"},
         False, True, False, "camera:0 is gone"),
        ({"state": "RUNNING", "input": "waiting", "source": "shm:Cam · waiting"},
         False, True, False, "shm:Cam"),
        ({"state": "WARMUP", "input": "opening"}, False, True, False, "not opened"),
        ({"state": "WARMUP", "reason": "compiling"}, False, False, True, "compiling"),
        ({"state": "LOADING", "input": "opening", "reason": "weights"},
         False, False, False, "weights"),
        ({"state": "FAILED", "reason": "died 3 times"}, False, False, True, "died 3 times"),
        ({"state": "RESTARTING", "error": "KeyError"}, False, False, True, "KeyError"),
        ({"state": "IDLE"}, False, False, True, "IDLE"),
    ], quick=3),
)  # fmt: skip
def test_a_dead_input_and_a_dead_engine_are_told_apart(
    client, desk, now, ready, engine, source, word
):
    desk.now = now
    answer = client.get("/readyz")
    told = answer.json()
    assert answer.status_code == (200 if ready else 503)
    assert (told["ready"], told["engine"]["ready"], told["input"]["ready"]) == (
        ready, engine, source)  # fmt: skip
    assert word in told["reason"]


def test_health_state_and_metrics(client, desk):
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").status_code == 200
    desk.now = {"state": "LOADING", "reason": "weights", "progress": 0.5}
    assert client.get("/readyz").status_code == 503
    assert client.get("/readyz").json()["reason"] == "weights"
    desk.now = {"latency": 125.0, "black_frames": 3}
    found = {
        sample.name: sample.value
        for family in text_string_to_metric_families(client.get("/metrics").text)
        for sample in family.samples
    }
    assert found["bridge_latency_seconds"] == 0.125
    assert found["bridge_black_frames_total"] == 3
    assert client.get("/api/v1/state").json()["black_frames"] == 3


def test_a_frame_is_exact_and_a_preview_moves(client, desk):
    data = client.get("/api/v1/frame/input.png").content
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert image.shape == (180, 320, 4)
    assert image[0, 0].tolist() == [20, 60, 200, 255]
    with client.websocket_connect(f"{SOCKETS}/preview?side=output&width=160") as socket:
        first, second = (
            cv2.imdecode(np.frombuffer(socket.receive_bytes(), np.uint8), cv2.IMREAD_COLOR)
            for _ in range(2)
        )
    assert first.shape == (90, 160, 3)
    assert not np.array_equal(first, second)


def test_every_input_can_be_looked_at_and_one_that_there_is_none_of_is_told(client, desk):
    def told(side):
        answer = client.get(f"/api/v1/frame/{side}.png")
        return answer.json()["detail"] if answer.status_code == 404 else answer.status_code

    for side in ("control", "mask"):
        says = f"No live {side} is set; POST its URI to /api/v1/{side}."
        assert told(side) == says
        desk.now[side] = "shm:depth · 64x48"
        assert told(side) == 200
        with client.websocket_connect(f"{SOCKETS}/preview?side={side}") as socket:
            assert socket.receive_bytes().startswith(b"\xff\xd8")
    assert told("output") == 200
    desk.now["source"], desk.latest_frame = "shm:cam · waiting", lambda side: None
    assert told("mask") == "The mask shm:depth has sent no frame yet."
    assert told("input") == "The input shm:cam has sent no frame yet."
    assert told("output") == "No frame has been shown yet."
    there = "choose input, control, mask, output."
    assert told("elsewhere") == f"Unknown side 'elsewhere'; {there}"
    assert told("source").endswith(there)
    [route] = [p for p in client.get("/openapi.json").json()["paths"] if "/frame/" in p]
    about = client.get("/openapi.json").json()["paths"][route]["get"]["parameters"][0]["schema"]
    assert about["enum"] == ["input", "control", "mask", "output"]


def test_a_change_from_anywhere_reaches_an_open_page_newest_first(client, desk):
    with client.websocket_connect(f"{SOCKETS}/events") as socket:
        told = socket.receive_json()
        assert told["values"]["vace_scale"] == 1.0
        stop = threading.Event()

        def fader():
            step = 0
            while not stop.is_set():
                step += 1
                desk.store.update({"vace_scale": step % 100 / 100})
                time.sleep(0.0005)
            desk.store.update({"vace_scale": 1.75})

        thread = threading.Thread(target=fader)
        thread.start()
        seen = []
        while len(seen) < 10:
            told = socket.receive_json()
            if told["type"] == "parameters":
                seen.append(told["values"]["vace_scale"])
        stop.set()
        thread.join()
        while seen[-1] != 1.75:
            told = socket.receive_json()
            if told["type"] == "parameters":
                seen.append(told["values"]["vace_scale"])
        assert len(seen) < 30, "newest wins; no queue of old values"


# Sources


@contextmanager
def sending(name, width=64, height=36, colour=(200, 60, 20)):
    """A sender in shared memory that holds still; without a colour, one that never sends."""
    writer = RingWriter(name, width, height)
    if colour:
        writer.write(np.full((height, width, 4), (*colour, 255), np.uint8), perf_counter(), 1)
    try:
        yield Offer(uri=f"shm:{name}", text=f"{width}x{height}")
    finally:
        writer.unlink()
        writer.close()


def thumbnail(client, uri):
    return client.get("/api/v1/thumbnail", params={"uri": uri})


def colour(answer):
    """The size of a JPEG, and its colour in RGB."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/jpeg"
    image = cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_COLOR)
    return image.shape[1::-1], image[4, 4, ::-1].astype(int)


def test_all_that_can_be_received_from_is_one_list(client):
    rows = client.get("/api/v1/sources").json()
    assert rows[0] == {
        "uri": "spout:Cam", "text": "640x360 BGRA8 from Host", "problem": "", "live": True,
    }  # fmt: skip
    assert rows[1]["problem"] == "Set it to 8 bits."
    others = {row["uri"]: row for row in rows[2:]}
    assert set(others) >= {"demo:", "file:", "shm:"}
    assert not any(row["live"] or row["problem"] for row in others.values())
    assert "20 lines of code" in others["shm:"]["text"]


def test_a_source_is_chosen_or_refused_in_one_sentence(client, desk):
    answer = client.post("/api/v1/source", json={"uri": "spout:Cam"})
    assert (answer.status_code, answer.json()) == (202, {"source": "spout:Cam"})
    for uri in ("", "nothing:", "clip"):
        answer = client.post("/api/v1/source", json={"uri": uri})
        assert answer.status_code == 422
        assert "is not a source; use one of" in answer.json()["detail"]
    for body in ({}, {"uri": None}, {"uri": 1}, [], {"uri": "demo:", "url": "demo:"}):
        assert client.post("/api/v1/source", json=body).status_code == 422
    assert desk.attached == ["spout:Cam"]
    whole = f"file:{Path.cwd() / 'clip.mp4'}"
    for uri in ("clip.mp4", " clip.mp4\n", "file:clip.mp4", "./clip.mp4"):
        answer = client.post("/api/v1/source", json={"uri": uri})
        assert (answer.status_code, answer.json()) == (202, {"source": whole})
        assert desk.attached.pop() == whole


@pytest.mark.parametrize("role", ["control", "mask"])
def test_control_and_mask_are_chosen_or_refused_in_one_sentence(client, desk, role):
    answer = client.post(f"/api/v1/{role}", json={"uri": "shm:Depth"})
    assert (answer.status_code, answer.json()) == (202, {role: "shm:Depth"})
    assert client.post(f"/api/v1/{role}", json={"uri": "none"}).status_code == 202
    assert desk.attached == [(role, "shm:Depth"), (role, "none")]
    answer = client.post(f"/api/v1/{role}", json={"uri": "nothing:"})
    assert answer.status_code == 422
    assert "is not a source; use one of" in answer.json()["detail"]
    assert client.post(f"/api/v1/{role}", json={}).status_code == 422


def test_an_action_may_have_a_path(client, desk):
    assert client.post("/api/v1/actions/ref/snap", json={}).json() == {"done": "ref/snap"}
    assert desk.acted == ["ref/snap"]
    assert client.post("/api/v1/actions/ref/none", json={}).status_code == 404


def test_a_sender_that_comes_is_listed_shown_and_gone_again(client, desk):
    """With the real list of offers, and another program that sends."""
    desk.offers = offers
    name = "test-thumb-other"
    with subprocess.Popen(
        [sys.executable, "-c", SENDER, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as sender:
        assert sender.stdout.readline()
        rows = {row["uri"]: row for row in client.get("/api/v1/sources").json()}
        assert rows[f"shm:{name}"]["text"] == f"320x180 from process {sender.pid}"
        size, found = colour(thumbnail(client, f"shm:{name}"))
        assert size == (160, 90)
        assert np.abs(found - (10, 200, 90)).max() < 6
        sender.stdin.close()
    assert thumbnail(client, f"shm:{name}").status_code == 404
    assert f"shm:{name}" not in {row["uri"] for row in client.get("/api/v1/sources").json()}


SENDER = """
import sys
from engine.ipc.ring import RingWriter
ring = RingWriter(sys.argv[1], 320, 180)
ring.reserve()[:] = (10, 200, 90, 255)
ring.commit(1.0, 1)
print("there", flush=True)
sys.stdin.read()
ring.unlink()
"""


def test_nothing_is_opened_for_a_thumbnail_but_what_is_offered(client, desk, tmp_path):
    path = tmp_path / "secret.png"
    path.write_bytes(picture())
    with sending("test-thumb-unlisted"):
        for uri in (f"file:{path}", "demo:", "shm:test-thumb-unlisted", "", "shm:nobody"):
            answer = thumbnail(client, uri)
            assert answer.status_code == 404
            assert answer.json()["detail"].startswith("No sender found at")
    assert client.get("/api/v1/thumbnail").status_code == 422
    assert (
        client.get("/api/v1/thumbnail?uri=x", headers={"host": "evil.example"}).status_code == 421
    )


@pytest.mark.slow
def test_why_there_is_no_thumbnail_is_one_sentence_within_a_second(client, desk):
    with sending("test-thumb-silent", colour=None) as silent:
        desk.offers = lambda: [
            silent,
            Offer(uri="shm:nobody", text="gone since"),
            Offer(uri="spout:Deep", text="RGBA16F", problem="Set it to 8 bits."),
            Offer(uri="camera:0", text="a camera", exclusive=True),
        ]
        told = {}
        for offer in desk.offers():
            began = perf_counter()
            answer = thumbnail(client, offer.uri)
            assert perf_counter() - began < 30
            assert answer.status_code == 404
            told[offer.uri] = answer.json()["detail"]
    assert told == {
        silent.uri: "shm:test-thumb-silent sent no frame within 0.7 seconds.",
        "shm:nobody": "shm:nobody sent no frame within 0.7 seconds.",
        "spout:Deep": "Set it to 8 bits.",
        "camera:0": "camera:0 serves one program at a time; select it to see it.",
    }


@pytest.mark.slow
def test_a_source_that_hangs_costs_an_asker_a_second_and_the_server_nothing(
    client, desk, monkeypatch
):
    go_on = threading.Event()
    stuck = SimpleNamespace(open_source=lambda name, options: go_on.wait(20))
    monkeypatch.setitem(sys.modules, "stuck_transport", stuck)
    monkeypatch.setitem(BUILT_IN, "stuck", "stuck_transport")
    desk.offers = lambda: [Offer(uri="stuck:", text="a driver that hangs")]
    began = perf_counter()
    answer = thumbnail(client, "stuck:")
    assert (answer.status_code, answer.json()["detail"]) == (
        404, "No frame arrived within a second.",
    )  # fmt: skip
    assert 0.9 < perf_counter() - began < 30
    assert client.get("/api/v1/state").status_code == 200
    go_on.set()


def test_the_source_in_use_shows_what_comes_in_and_is_not_opened_again(client, desk):
    desk.offers = lambda: [Offer(uri="camera:0", text="a camera", exclusive=True)]
    desk.now = {"source": "camera:0 · 320x180"}
    size, found = colour(thumbnail(client, "camera:0"))
    assert size == (160, 90)
    assert np.abs(found - (200, 60, 20)).max() < 6
    old = Frame(np.zeros((9, 16, 4), np.uint8), perf_counter() - 5, 1)
    desk.latest_frame = lambda side: old
    assert thumbnail(client, "camera:0").status_code == 404, "that may be of the source before"


# Reference images


@pytest.mark.parametrize("kind", [".png", ".jpg", ".webp"])
def test_an_upload_is_kept_as_pixels_under_a_safe_name(client, desk, kind):
    answer = upload(client, picture(kind=kind) + b"<script>", f"my painting{kind}")
    assert answer.status_code == 201, answer.text
    kept = answer.json()
    assert kept["name"].startswith("my painting-")
    assert (kept["width"], kept["height"]) == (40, 30)
    data = client.get(f"/api/v1/assets/{kept['name']}").content
    assert b"<script>" not in data
    assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape == (30, 40, 3)
    assert client.get("/api/v1/assets").json() == [kept["name"]]
    assert client.delete(f"/api/v1/assets/{kept['name']}").status_code == 200
    assert client.get("/api/v1/assets").json() == []


def test_a_picture_is_found_and_removed_by_what_its_upload_returned(client, desk):
    first, again = (upload(client, picture(), name).json() for name in ("a.png", "b.png"))
    other = upload(client, picture(41), "c.png").json()
    assert first["id"] == again["id"] != other["id"], "it is of the content"
    for kept in (first, other):
        by_id, by_name = (client.get(f"/api/v1/assets/{kept[key]}") for key in ("id", "name"))
        assert by_id.status_code == 200
        assert by_id.content == by_name.content
        answer = client.patch("/api/v1/parameters", json={"reference": kept["id"]})
        assert answer.json() == {"reference": kept["name"]}
    assert client.delete(f"/api/v1/assets/{first['id']}").status_code == 200
    assert client.get("/api/v1/assets").json() == [other["name"]]
    for gone in (first["id"], first["name"], again["name"], "f" * 16, first["id"][:6]):
        for method in ("GET", "DELETE"):
            answer = client.request(method, f"/api/v1/assets/{gone}")
            assert answer.status_code == 404
            assert answer.json()["detail"] == f"Asset {gone!r} not found."


@pytest.mark.parametrize(
    ("name", "data", "status"),
    [
        ("../out.png", picture(), 400),
        ("a/b.png", picture(), 400),
        ("a\\b.png", picture(), 400),
        ("..", picture(), 400),
        (".hidden", picture(), 400),
        ("con.png", picture(), 400),
        ("x" * 200, picture(), 400),
        ("a.png\0", picture(), 400),
        ("a.png\n", picture(), 400),
        ("a\x7f.png", picture(), 400),
        ("a.png", b"", 415),
        ("a.png", b"GIF89a" + b"0" * 100, 415),
        ("a.png", b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415),
        ("a.png", picture()[:60], 415),
        ("a.jpg", b"\xff\xd8\xff" + b"\0" * 50, 415),
    ],
)
def test_an_upload_that_is_no_picture_or_would_lie_elsewhere_is_refused(still, name, data, status):
    client, desk = still
    answer = upload(client, data, name)
    assert answer.status_code == status, answer.text
    assert isinstance(answer.json()["detail"], str)
    assert list(desk.assets.iterdir()) == []


def test_a_picture_that_unpacks_to_gigabytes_is_not_opened(client, desk):
    head = bytearray(picture())
    head[16:24] = (60_000).to_bytes(4, "big") * 2
    assert upload(client, bytes(head)).status_code == 413


def test_assets_lie_in_the_folder_alone(client, desk, tmp_path):
    secret = tmp_path.parent / "secret.png"
    secret.write_bytes(picture())
    (desk.assets / "link.png").symlink_to(secret)
    for name in ("..%2Fsecret.png", "link.png", "%2Fetc%2Fpasswd"):
        assert client.get(f"/api/v1/assets/{name}").status_code in (400, 404)
    with pytest.raises(assets.AssetError):
        assets.find(desk.assets, "../secret.png")


def test_an_upload_is_also_refused_from_another_site(client, desk):
    assert upload(client, picture(), kind="text/plain").status_code == 415
    answer = client.post(
        "/api/v1/assets",
        params={"name": "a.png"},
        content=picture(),
        headers={"content-type": "image/png", "origin": "https://evil.example"},
    )
    assert answer.status_code == 403
    form = {"file": ("a.png", io.BytesIO(picture()), "image/png")}
    assert client.post("/api/v1/assets", params={"name": "a"}, files=form).status_code == 415
    assert list(desk.assets.iterdir()) == []


@pytest.mark.parametrize(
    "name",
    rest_slow(
        ["Größe [1] (café).png", "Gro\u0308ße {2}.png", "é & 日本 #3 100%.jpg", "a\u202f9.41.png"]
    ),
)
def test_a_picture_keeps_the_name_by_which_people_call_it(client, name):
    picture = cv2.imencode(".png", np.full((9, 9, 3), 90, np.uint8))[1].tobytes()
    kind = {"content-type": "image/png"}
    answer = client.post("/api/v1/assets", params={"name": name}, content=picture, headers=kind)
    kept, mark = answer.json()["name"], answer.json()["id"]
    assert kept == f"{unicodedata.normalize('NFC', Path(name).stem)}-{mark[:6]}.png"
    assert client.get("/api/v1/assets").json() == [kept]
    for called in (kept, mark, unicodedata.normalize("NFD", kept), Path(kept).stem):
        answer = client.patch("/api/v1/parameters", json={"reference": called})
        assert answer.json() == {"reference": kept}
        assert client.get(f"/api/v1/assets/{quote(called)}").status_code == 200
