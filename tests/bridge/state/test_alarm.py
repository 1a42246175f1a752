"""The webhook: what it posts and when; nothing waits for it."""

import json
import logging
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bridge.settings import webhook
from bridge.state.alarm import Alarm
from bridge.state.status import EngineState
from tests.support.rig import running_session

RUNNING, FAILED, DEGRADED = EngineState.RUNNING, EngineState.FAILED, EngineState.DEGRADED


@contextmanager
def listening(*statuses: int, slow: threading.Event | None = None, headers=()):
    """A server that answers with these statuses in turn, and then with 200; what it was sent."""
    came, left = [], list(statuses)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            came.append((self.path, dict(self.headers), json.loads(body)))
            if slow:
                slow.wait(10)
            self.send_response(left.pop(0) if left else 200)
            for name, value in headers:
                self.send_header(name, value)
            self.end_headers()

        do_GET = do_POST

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", came
    finally:
        if slow:
            slow.set()
        server.shutdown()
        server.server_close()


@contextmanager
def alarm(url: str, state=RUNNING):
    now = [state]
    made = Alarm(url, "Show", lambda: (now[0], f"It is {now[0].lower()}."))
    made.start()
    try:
        yield now, made
    finally:
        made.stop()


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr("bridge.state.alarm.LOOK", 0.01)
    monkeypatch.setattr("bridge.state.alarm.PAUSE", 0.02)


def until(true, seconds=40.0):
    end = time.perf_counter() + seconds
    while not true():
        assert time.perf_counter() < end, "it did not come"
        time.sleep(0.005)


def test_failure_reduction_and_recovery_are_told_each_once():
    with listening() as (url, came), alarm(url + "/hook?room=1") as (now, _):
        time.sleep(0.1)
        assert not came, "all is well from the start: nobody is told"
        for state in (FAILED, EngineState.RESTARTING, RUNNING, DEGRADED, RUNNING):
            now[0] = state
            count = len(came)
            if state is not EngineState.RESTARTING:
                until(lambda count=count: len(came) > count)
            time.sleep(0.05)
        assert [news["state"] for _, _, news in came] == [
            "FAILED",
            "RUNNING",
            "DEGRADED",
            "RUNNING",
        ]
        path, headers, news = came[0]
        assert path == "/hook?room=1"
        assert headers["Content-Type"] == "application/json"
        assert (news["name"], news["reason"]) == ("Show", "It is failed.")
        assert news["time"].endswith("+00:00")


def test_one_that_was_refused_is_tried_again():
    with listening(500, 503) as (url, came), alarm(url, FAILED) as (_, made):
        until(lambda: len(came) == 3)
        until(lambda: made.problem == "")
        time.sleep(0.1)
        assert len(came) == 3


def test_while_one_hangs_nothing_waits_and_the_newest_is_told_after_it(monkeypatch, caplog):
    monkeypatch.setattr("bridge.state.alarm.DEADLINE", 0.2)
    hold = threading.Event()
    with listening(slow=hold) as (url, came), alarm(url, FAILED) as (now, made):
        until(lambda: came and "no reply" in made.problem)
        now[0] = DEGRADED
        time.sleep(0.3)
        hold.set()
        until(lambda: came[-1][2]["state"] == "DEGRADED")
    assert threading.active_count() < 20


def test_a_redirect_is_not_followed():
    with listening() as (elsewhere, lured):
        answer = [("Location", elsewhere + "/trap")]
        with listening(302, 307, headers=answer) as (url, came), alarm(url, FAILED):
            until(lambda: len(came) >= 3)
        assert not lured


def test_secrets_are_sent_and_stay_out_of_the_log(caplog):
    with caplog.at_level(logging.DEBUG), listening(401) as (url, came):
        secret = url.replace("http://", "http://user:pass%20word@") + "/sesame?key=open"
        with alarm(secret, FAILED):
            until(lambda: len(came) == 2)
    assert came[0][1]["Authorization"] == "Basic dXNlcjpwYXNzIHdvcmQ="
    assert "was not delivered" in caplog.text
    for word in ("sesame", "open", "word", "user:"):
        assert word not in caplog.text


@pytest.mark.parametrize(
    "url", ["ftp://x/y", "example.org", "http://", "file:///etc/passwd", "http://[", "http://a:99999",
            "http://a/\r\nX: y", "http://a b/", "https://:1/secret"],
)  # fmt: skip
def test_what_is_no_address_is_refused_without_repeating_it(url):
    with pytest.raises(ValueError, match="takes a URL") as caught:
        webhook(url)
    assert "secret" not in str(caught.value)


@pytest.mark.slow
def test_an_alarm_that_does_not_arrive_is_told_until_one_does(tmp_path, monkeypatch):
    monkeypatch.setattr("bridge.workers.breaker.BACKOFF", (0.0, 0.05, 0.05))
    with listening(500, 500, 500, 500) as (url, came), running_session(
        tmp_path, load={"frames": 1}, alarm=url, pipeline="painter", settle_s=60
    ) as rig:  # fmt: skip
        session = rig.session
        stop = rig.steady_input()
        rig.running()
        assert session.status().alarm_problem == ""
        for _ in range(3):
            rig.running()
            rig.crash()
            rig.until(lambda: session.status().state != "RUNNING")
        told = "The last alarm was not delivered: the answer was 500."
        rig.until(lambda: session.status().alarm_problem == told)
        until(lambda: len(came) >= 5)
        rig.until(lambda: session.status().alarm_problem == "")
        stop()


def test_what_did_not_arrive_stands_in_the_error_where_nothing_is_worse(tmp_path):
    with running_session(tmp_path, pipeline="passthrough", alarm="http://127.0.0.1:9/x") as rig:
        rig.session._alarm.problem = "there was no answer within 5 s."
        rig.until(lambda: "The last alarm was not delivered: there" in rig.session.status().error)


@pytest.mark.slow
def test_a_show_whose_engine_fails_says_so_and_says_when_it_is_back(tmp_path, monkeypatch):
    monkeypatch.setattr("bridge.workers.breaker.BACKOFF", (0.0, 0.05, 0.05))
    chosen = {"pipeline": "painter", "settle_s": 60}
    with listening() as (url, came), running_session(
        tmp_path, load={"frames": 1}, alarm=url, **chosen
    ) as rig:  # fmt: skip
        stop = rig.steady_input()
        for _ in range(3):
            rig.running()
            rig.crash()
            rig.until(lambda: rig.session.status().state != "RUNNING")
        until(lambda: came)
        assert came[0][2]["state"] == "FAILED"
        assert "reload" in came[0][2]["reason"]
        rig.session.actions["reload"].run()
        until(lambda: len(came) == 2)
        assert came[1][2]["state"] == "RUNNING"
        stop()
