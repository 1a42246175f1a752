"""Undo, redo and who moved what, as OSC, REST and the events tell and do it."""

import threading
import time
from dataclasses import replace

import pytest
from pythonosc.osc_message import OscMessage

from bridge.control.osc.feedback import Feedback
from bridge.control.osc.handler import Handler
from bridge.control.osc.packets import encoded
from bridge.state.change import By, Setter
from tests.bridge.control.osc.test_osc_streams import packed
from tests.support.desk import HERE
from tests.support.rig import running_session

SENDER = "127.0.0.1", 5005
LONG = 20.0  # seconds against hanging


def until(true):
    end = time.perf_counter() + LONG
    while not true():
        assert time.perf_counter() < end, "it did not come"
        time.sleep(0.01)


def test_each_press_by_osc_counts_in_order_while_a_disk_sleeps(desk):
    pressed, awake = [], threading.Event()

    def press(name):
        assert awake.wait(LONG)
        pressed.append(name)

    desk.actions = {
        name: replace(desk.actions[name], run=lambda name=name: press(name))
        for name in ("undo", "redo")
    }
    handler = Handler(desk, Feedback(desk, lambda *_: True, ()))
    wanted = ["undo"] * 5 + ["redo", "undo", "redo"]
    for name in wanted:
        handler.take(encoded(f"/bridge/{name}", 1), SENDER)
        handler.flush()
    awake.set()
    until(lambda: len(pressed) == len(wanted))
    handler.close()
    assert pressed == wanted


@pytest.mark.parametrize("beside", [(), ("/bridge/reference", "none.png")])
def test_each_save_by_osc_counts_while_a_disk_sleeps(desk, beside):
    saved, awake = [], threading.Event()

    def save(number):
        assert awake.wait(LONG)
        saved.append(number)

    desk.actions = {"look/save": replace(desk.actions["look/save"], run=save)}
    handler = Handler(desk, Feedback(desk, lambda *_: True, ()))
    for first in (1, 5):
        save_two = (("/bridge/look/save", first + number) for number in (1, 2))
        save_one = (f"/bridge/look/save/{first + 3}", 1)
        parts = [encoded(*each) for each in (*filter(None, [beside]), *save_two, save_one)]
        handler.take(packed(*parts), SENDER)
    awake.set()
    until(lambda: len(saved) == 6)
    handler.close()
    assert saved == [2, 3, 4, 6, 7, 8]


class Told:
    """The feedback's answers to one asker."""

    def __init__(self, desk):
        self.found = {}
        self.feedback = Feedback(desk, self._take, ())
        self.handler = Handler(desk, self.feedback)

    def _take(self, data, _):
        message = OscMessage(data)
        self.found[message.address] = message.params
        return True

    def ask(self, *words):
        self.handler.take(encoded("/bridge/who", " ".join(words)), SENDER)
        self.handler.flush()
        self.feedback._rests.clear()
        self.feedback._burst()
        return self.found


def test_osc_answers_who_moved_a_value(desk):
    told = Told(desk)
    assert told.ask("mix") == {"/bridge/who/mix": [""]}
    desk.store.update({"vace_scale": 0.5}, Setter(By.OSC, "192.168.1.20:9000 /bridge/vace"))
    assert told.ask("vace")["/bridge/who/vace"] == ["OSC 192.168.1.20, 0 s ago"]
    assert told.ask("/bridge/vace_scale")["/bridge/who/vace_scale"][0].startswith("OSC 192.")
    before = desk.counters.osc_refused
    told.ask("prompts")
    assert desk.counters.osc_refused == before + 1
    told.handler.close()


def test_rest_and_the_events_tell_who_moved_a_value(desk, client):
    assert client.get("/api/v1/who").json() == {}
    desk.store.update({"prompt": "sea"}, Setter(By.ACTION, "look 3"))
    with client.websocket_connect(f"ws{HERE[4:]}/api/v1/events") as events:
        first = events.receive_json()
        assert first["type"] == "parameters"
        assert list(first["who"]) == ["prompt"]
        assert client.patch("/api/v1/parameters", json={"mix": 0.5}).status_code == 200
        while (message := events.receive_json())["type"] != "parameters":
            pass
    assert message["who"]["mix"]["hand"] == "REST testclient"
    who = client.get("/api/v1/who").json()
    assert who == {**first["who"], **message["who"]}
    assert (who["prompt"]["hand"], who["prompt"]["kind"]) == ("action look 3", "action")
    assert abs(who["prompt"]["at"] - time.time()) < 60


@pytest.mark.slow
def test_a_session_switches_back_with_the_values_it_was_loaded_with(tmp_path):
    with running_session(tmp_path, pipeline="painter") as rig:
        stop = rig.steady_input()
        session, actions = rig.session, rig.session.actions
        rig.running("painter")
        session.store.update({"ink": "red"}, Setter(By.PAGE, "10.0.0.1:1"))
        rig.until(lambda: session._host.aim.load.ink == "red")
        session.switch("passthrough")
        rig.running("passthrough")
        session.store.update({"black": True})
        assert session.status().undo == "pipeline"
        actions["undo"].run()
        rig.running("painter")
        assert session._host.aim.load.ink == "red"
        actions["undo"].run()
        rig.until(lambda: session._host.aim.load.ink == "")
        assert session.status().undo == ""
        actions["redo"].run()
        actions["redo"].run()
        rig.running("passthrough")
        assert session.store.snapshot.values["ink"] == "red"
        assert session.store.snapshot.values["black"]
        # of a switch that failed nothing is left, not even of one that it overtook
        before = session.status().undo
        session.switch("painter", {"ink": "blue"})
        session.switch("painter", {"broken": "load"})
        rig.until(lambda: "painter" in session.status().error)
        rig.until(lambda: session.store.snapshot.values["broken"] == "")
        assert session.store.snapshot.values["ink"] == "red"
        assert (session.status().pipeline, session.status().undo) == ("passthrough", before)
        # of a source that could not be opened, nothing
        source = session._receiving.uri
        session.set_source(f"file:{tmp_path}/none.mp4")
        assert session.status().undo == "source"
        rig.until(lambda: "none.mp4" in session.status().input_problem)
        assert session.status().undo != "source"
        session.set_source("demo:")
        rig.until(lambda: session._receiving.uri == "demo:")
        actions["undo"].run()
        rig.until(lambda: session._receiving.uri == source)
        actions["redo"].run()
        rig.until(lambda: session._receiving.uri == "demo:")
        stop()
