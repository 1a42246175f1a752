"""Every change knows who made it."""

import json

import pytest
from starlette.testclient import TestClient

from bridge.cli import run
from bridge.control.http.app import create_app
from bridge.control.http.rules import Rules
from bridge.control.osc.feedback import Feedback
from bridge.control.osc.handler import Handler
from bridge.control.osc.packets import encoded
from bridge.session import Session
from bridge.settings import Settings
from bridge.state.change import By, Setter
from tests.support.desk import HERE
from tests.support.doubles import CATALOG

SENDER = "192.168.1.7", 5005


def setters(desk):
    """Who changes something from now on, and what."""
    heard = []
    desk.store.listen(lambda change: heard.append((change.setter, dict(change.changed))))
    return heard


@pytest.mark.parametrize(("headers", "kind"), [({}, By.REST), ({"origin": HERE}, By.PAGE)])
@pytest.mark.parametrize("change", [{"vace_scale": 0.5}, {"prompt": "sea", "reference": ""}])
def test_a_page_and_another_client_of_http(desk, headers, kind, change):
    heard = setters(desk)
    with TestClient(create_app(desk, Rules()), HERE, client=SENDER) as client:
        answer = client.patch("/api/v1/parameters", json=change, headers=headers)
    assert answer.status_code == 200
    ((setter, _),) = heard
    assert setter == Setter(kind, "192.168.1.7:5005")


def test_an_osc_message_by_its_sender_and_address(desk):
    heard = setters(desk)
    handler = Handler(desk, Feedback(desk, lambda *_: True, ()))
    handler.take(encoded("/bridge/vace", 0.5), SENDER)
    handler.flush()
    handler.tell()
    for address in ("vace_scale", "mix", "hold_s", "fade"):
        handler.take(encoded(f"/bridge/{address}", 0.25), SENDER)
    handler.flush()
    handler.tell()
    handler.close()
    assert [setter for setter, _ in heard] == [
        Setter(By.OSC, "192.168.1.7:5005 /bridge/vace"),
        Setter(By.OSC, "192.168.1.7:5005 /bridge/vace_scale /bridge/mix /bridge/hold_s …"),
    ]


def test_an_osc_message_that_has_to_be_looked_for(desk):
    (desk.assets / "sea.png").touch()
    heard = setters(desk)
    handler = Handler(desk, Feedback(desk, lambda *_: True, ()))
    handler.take(encoded("/bridge/ref", "sea.png"), SENDER)
    handler._look_aside(handler._looks)
    handler._look_for("pictures")
    handler._looks = {}
    handler.close()
    assert heard == [
        (Setter(By.OSC, "192.168.1.7:5005 /bridge/ref"), {"reference": "sea.png"}),
    ]


def test_the_command_and_the_journal(tmp_path, monkeypatch):
    heard = []
    made = Session.__init__

    def init(session, *given):
        made(session, *given)
        session.store.listen(lambda change: heard.append((change.setter, dict(change.changed))))

    monkeypatch.setattr(Session, "__init__", init)
    settings = Settings(folder=tmp_path, source="demo:", sink="null:")
    left = {"values": {"mix": 0.25}, "pipeline": "passthrough", "source": "demo:", "ended": True}
    (tmp_path / f"{settings.name}.journal.json").write_text(json.dumps(left))
    session = run.session_of(settings, {"vace_scale": "0.5"})
    session._restore.take_up({"vace_scale"})
    session.let_go()
    assert heard == [
        (Setter(By.START, "--set"), {"vace_scale": 0.5}),
        (Setter(By.JOURNAL), {"mix": 0.25}),
    ]


def test_buttons_and_a_switch_of_a_session(tmp_path):
    session = Session(Settings(folder=tmp_path, pipeline="painter"), CATALOG)
    heard = setters(session)
    for name in ("panic", "defaults", "live"):
        session.store.update({"mix": 0.5})
        session.actions[name].run()
    session.switch("painter", {"ink": "red"})
    own = [(setter, what) for setter, what in heard if setter.kind is not By.UNSAID]
    assert own == [
        (Setter(By.ACTION, "panic"), {"black": True, "freeze": True}),
        (Setter(By.ACTION, "defaults"), {"mix": 1.0}),  # it stays black and frozen
        (Setter(By.ACTION, "live"), {"black": False, "freeze": False}),
        (Setter(By.SWITCH, "painter"), {"ink": "red"}),
    ]


@pytest.mark.parametrize(
    ("setter", "hand"),
    [
        (Setter(By.OSC, "192.168.1.7:5005 /bridge/vace"), "OSC 192.168.1.7"),
        (Setter(By.PAGE, "127.0.0.1:50123"), "page 127.0.0.1"),
        (Setter(By.REST, "::1:50123"), "REST ::1"),
        (Setter(By.REST), "REST"),
        (Setter(By.ACTION, "defaults"), "action defaults"),
        (Setter(By.ROLLBACK, "the image was flat"), "rollback"),
    ],
)
def test_a_hand_is_the_same_during_a_gesture(setter, hand):
    assert setter.hand == hand


def test_who_moved_each_value_last_is_known(desk):
    handler = Handler(desk, Feedback(desk, lambda *_: True, ()))
    store, other = desk.store, ("192.168.1.8", 5005)
    assert store.moved("vace_scale") is None
    handler.take(encoded("/bridge/vace", 0.5), SENDER)
    handler.take(encoded("/bridge/mix", 0.5), other)
    handler.flush()
    assert [store.moved(name).setter.hand for name in ("vace_scale", "mix")] == [
        "OSC 192.168.1.7", "OSC 192.168.1.8",
    ]  # fmt: skip
    heard = []
    store.listen(heard.append)
    handler.tell()
    handler.close()
    ((first, _), (second, _)) = heard[0].parts
    assert (first.hand, second.hand) == ("OSC 192.168.1.7", "OSC 192.168.1.8")
    before = store.moved("mix")
    store.update({"mix": 0.5}, Setter(By.PAGE, "x:1"))
    assert store.moved("mix") == before, "it was not moved"
    merged = heard[0].then(heard[0])
    assert [setter for setter, _ in merged.parts] == [first, second]
