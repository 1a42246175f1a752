"""WHIP and WHEP at the door: who may offer what, and what is answered."""

from concurrent.futures import Future

import pytest
from starlette.testclient import TestClient

from bridge.control.http.app import create_app
from bridge.control.http.rules import Rules
from bridge.transports.webrtc import signalling
from bridge.transports.webrtc.signalling import RefusedError
from tests.support.desk import FakeDesk

KIND = {"content-type": "application/sdp"}


class Answers:
    """An open source or sink without a process: it gives the `answer`, and notes who left."""

    def __init__(self, answer) -> None:
        self.answer, self.left = answer, []

    def offer(self, peer, sdp):
        promise = Future()
        if isinstance(self.answer, Exception):
            promise.set_exception(self.answer)
        else:
            promise.set_result(f"{self.answer} {sdp}")
        return promise

    def leave(self, peer):
        self.left.append(peer)


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    rules = Rules(frozenset({"studio"}), "secret-of-16-letters")
    desk = FakeDesk(tmp_path_factory.mktemp("assets"))
    with TestClient(create_app(desk, rules), "http://studio:8000") as client:
        yield client, {"authorization": f"Bearer {rules.token}"}, rules.view_token


@pytest.fixture
def opened():
    """Opens a source or sink, and closes it at the end."""
    found = []

    def opened(kind, answer):
        found.append((kind, Answers(answer)))
        signalling.opened(*found[-1])
        return found[-1][1]

    yield opened
    for each in found:
        signalling.closed(*each)


@pytest.mark.parametrize("kind", ["whip", "whep"])
def test_an_offer_is_answered_with_where_to_end_it(app, opened, kind):
    client, full, _ = app
    first = opened(kind, "older")
    there = opened(kind, "answer to")
    signalling.closed(kind, first)
    answer = client.post(f"/{kind}", content="v=0", headers=KIND | full)
    assert (answer.status_code, answer.text) == (201, "answer to v=0")
    assert answer.headers["content-type"] == "application/sdp"
    place = answer.headers["location"]
    assert client.delete(f"/{place}", headers=full).status_code == 200
    assert there.left == [place.removeprefix(f"{kind}/")]


def test_what_is_no_offer_or_not_allowed_is_refused_in_a_sentence(app, opened):
    client, full, view = app
    there = opened("whip", RefusedError("All places are taken.", full=True))

    def asked(path="/whip", method="POST", content="v=0", **headers):
        answer = client.request(method, path, content=content, headers=KIND | full | headers)
        return answer.status_code, answer.json()["detail"]

    assert asked() == (503, "All places are taken.")
    there.answer = RefusedError("Send an offer.")
    assert asked() == (400, "Send an offer.")
    assert asked("/whep") == (
        409, "The output is not whep: now; start the bridge with --sink whep:."
    )  # fmt: skip
    assert asked(**{"content-type": "application/json"}) == (415, "Send this as application/sdp.")
    assert asked(content="v" * 65537) == (413, "At most 64 KB are accepted.")
    assert asked(content=b"\xff") == (400, "The offer is not UTF-8.")
    assert asked(f"/whip/{'p' * 22}", "PATCH")[0] == 405
    assert asked("/whip/none", "DELETE") == (404, "No connection has such a name.")
    assert asked(authorization="Bearer no")[0] == 401
    viewer = {"authorization": f"Bearer {view}"}
    assert asked(**viewer) == (403, "This link shows the page and controls nothing.")


def test_a_link_for_viewing_may_watch(app, opened):
    client, _, view = app
    opened("whep", "seen")
    page = client.get(f"/view?token={view}")
    assert page.status_code == 200
    assert "page/view.js" in page.text
    answer = client.post("/whep", content="v=0", headers=KIND)
    assert answer.status_code == 201
    assert client.delete(f"/{answer.headers['location']}").status_code == 200
    client.cookies.clear()
