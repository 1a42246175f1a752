"""A head, as the line of a bridge sees it: over HTTP, with places that only answer questions."""

import json
import threading
import time
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bridge.cluster.app import app_of
from bridge.cluster.head import Head
from bridge.cluster.keeper import Report
from bridge.cluster.nodes import Seen
from bridge.cluster.places import Places
from bridge.control.http.server import HttpServer
from bridge.settings import Settings
from engine.remote.address import Server, key_of
from engine.remote.asking import RefusedError, answer
from engine.remote.placing import Placing, QueuedError
from engine.remote.wire import RunPipeline

TOKEN = "0123456789abcdef"
RUN = RunPipeline(pipeline="echo", values={"frames": 1}, size="auto", hang_s=3, load_s=60)


class Serve:
    """What a `spout-bridge serve` answers."""

    def __init__(self) -> None:
        self.sessions: dict[str, bool] = {}
        self.fit = {"needed": 1, "free": None, "remedies": [], "least": 0, "memory": "",
                    "part": "", "cure": ""}  # fmt: skip
        place = self

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                size = int(self.headers.get("content-length", 0))
                self.rfile.read(size)
                told = {
                    "/api/v1/sessions": {"draining": "", "most": 1, "sessions": [
                        {"key": key, "connected": is_there}
                        for key, is_there in place.sessions.items()
                    ]},
                    "/api/v1/machine/lack": {"lack": ""},
                }.get(self.path, place.fit)  # fmt: skip
                status = 200 if self.headers["authorization"] == "Bearer of-the-place" else 401
                data = json.dumps(told).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_POST = do_GET

            def log_message(self, *args) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self.url = f"ws://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class Nodes:
    """Nodes that have reported these places."""

    def __init__(self, *serves: Serve) -> None:
        self.serves = serves
        self.left: list[str] = []

    def look(self):
        return [
            Seen(f"{number}", f"node-{number}", Report(one.url, "of-the-place", running=True))
            for number, one in enumerate(self.serves)
        ]

    def leave(self, place: str) -> None:
        self.left.append(place)

    def stay(self, place: str) -> None:
        self.left.remove(place)


@pytest.fixture
def cluster(monkeypatch, tmp_path):
    monkeypatch.setattr("bridge.cluster.head.BEAT", 0.02)
    serves = Serve(), Serve()
    nodes = Nodes(*serves)
    http = HttpServer(None, Settings(port=0, folder=tmp_path), TOKEN)
    http.bind()
    head = Head(nodes, Places(), "")
    head.start()
    http.serve(app_of(head), 1)
    made = Server(f"cluster://127.0.0.1:{http.port}", TOKEN)
    end = time.perf_counter() + 20
    while [one["state"] for one in told(made)["places"]] != ["ready", "ready"]:
        assert time.perf_counter() < end
        time.sleep(0.01)
    yield made, serves, nodes, http
    http.close()
    head.close()
    for one in serves:
        with suppress(OSError):
            one.close()


def told(head: Server):
    return answer(head, "/api/v1/cluster")


def placing(head: Server, session: str) -> Placing:
    return Placing(head, session, (), lambda: RUN)


def test_a_line_is_given_a_place_another_when_that_is_gone_and_its_place_in_the_queue(cluster):
    head, (first, second), _, http = cluster
    artist = placing(head, "artist")
    assert artist.find() == Server(first.url, "of-the-place")
    assert placing(head, "other").find() == Server(second.url, "of-the-place")
    with pytest.raises(QueuedError, match=r"place 1 of 1 in the queue: all GPUs are in use\.$"):
        placing(head, "third").find()
    second.sessions[key_of("artist")] = second.sessions[key_of("other")] = True
    second.close()
    artist.lost()
    assert artist.find() == Server(first.url, "of-the-place"), "the head reaches it"
    first.close()
    artist.lost()
    with pytest.raises(QueuedError, match="place 1 of 2 in the queue"):
        artist.find()
    http.close()
    assert artist.find() == Server(first.url, "of-the-place"), "without the head, the last one"


def test_a_line_waits_until_something_is_to_run_and_needs_the_heads_token(cluster):
    head, *_ = cluster
    assert Placing(head, "artist", (), lambda: None).find() is None
    with pytest.raises(RefusedError) as refusal:
        placing(replace(head, token="another-0123456789"), "artist").find()
    assert refusal.value.status == 401


def test_what_fits_nowhere_waits_with_the_reason_and_the_machine_says_so(cluster):
    head, serves, *_ = cluster
    for one in serves:
        one.fit |= {"needed": 80e9, "free": 8e9, "memory": "GPU memory"}
    with pytest.raises(QueuedError, match=r"echo needs 80\.0 GB of GPU memory, but 8\.0 GB"):
        placing(head, "artist").find()
    serves[1].fit |= {"free": None}
    found = placing(head, "artist").find()
    assert (found and found.url) == serves[1].url
    asked = {"pipeline": "echo", "load": {}}
    assert answer(head, "/api/v1/machine/fit_beside", asked)["free"] is None
    serves[0].fit |= {"free": None}
    placing(head, "other").find()
    full = answer(head, "/api/v1/machine/fit_beside", asked)
    assert (full["free"], full["cure"]) == (0, "; all GPUs of the cluster are in use")


def test_a_node_is_drained_by_name_and_told_to_move_what_it_has(cluster):
    head, _, nodes, _ = cluster
    path = "/api/v1/nodes/node-0"
    answer(head, path, {"draining": True, "move": True}, method="PUT")
    assert nodes.left == ["0"]
    assert [one["draining"] for one in told(head)["places"]] == [True, False]
    answer(head, path, {"draining": False}, method="PUT")
    assert nodes.left == []
    with pytest.raises(RefusedError, match="no node 'none'; there are node-0, node-1"):
        answer(head, "/api/v1/nodes/none", {"draining": True}, method="PUT")
    assert "of-the-place" not in json.dumps(told(head))
