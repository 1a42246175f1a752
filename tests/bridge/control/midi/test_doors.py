"""MIDI through the bridge's doors: a WebSocket for each port, REST, and this machine's ports."""

import time
from time import perf_counter

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from bridge.control.http.app import create_app
from bridge.control.http.rules import Rules
from tests.support.bridge import running
from tests.support.desk import HERE

WS = HERE.replace("http", "ws")
LONG = 20.0  # seconds against hanging


def until(true):
    end = perf_counter() + LONG
    while not true():
        assert perf_counter() < end, "it did not come"
        time.sleep(0.01)


@pytest.mark.slow
def test_a_control_is_learned_and_plays_through_the_running_bridge(tmp_path):
    with running(tmp_path, "--pipeline", "passthrough") as bridge:
        address = f"ws://127.0.0.1:{bridge.port}/api/v1/midi/port?name=nano%201"
        with connect(address) as first, connect(address) as port:
            with pytest.raises(ConnectionClosed):  # one of a name plays, so that nothing is double
                first.recv(LONG)
            assert (first.close_code, first.close_reason) == (
                4409, "Another page plays this port now."
            )  # fmt: skip
            bridge.until(lambda state: state["midi"] == "nano 1")
            bridge.osc("/bridge/learn", "mix")
            bridge.until(lambda state: state["midi_learn"] == "Move a control for mix.")
            port.send(b"\xb0\x07")  # cut anywhere
            port.send(b"\x40")
            said = "Controller 7 on channel 1 of nano moves mix."
            bridge.until(lambda state: state["midi_learn"] == said)
            row = {"port": "nano", "channel": 1, "kind": "cc", "number": 7, "parameter": "mix",
                   "from": None, "to": None, "pickup": True}  # fmt: skip
            assert bridge.ask("midi") == {"ports": ["nano 1"], "learn": said, "maps": [row]}
            assert port.recv(LONG) == b"\xb0\x07\x7f"  # where the parameter is
            port.send(bytes((0xB0, 7, 127, 7, 0)))
            until(lambda: bridge.ask("parameters")["mix"] == 0)
            assert bridge.ask("who")["mix"]["hand"] == "MIDI nano"
            bridge.osc("/bridge/tempo", 90)
            for _ in range(3):
                bridge.osc("/bridge/tap")
            bridge.until(lambda state: 1 <= state["beat"] < 5)
            row["pickup"] = False
            told = bridge.ask("midi", {"maps": [{**row, "from": 0.5}]}, "PUT")
            assert told["maps"] == [{**row, "from": 0.5}]
            port.send(bytes((0xB0, 7, 0)))
            until(lambda: bridge.ask("parameters")["mix"] == 0.5)
        state = bridge.until(lambda state: state["midi"] == "")
        assert state["midi_messages"] == 4
        with pytest.raises(AssertionError):  # what REST answers with 409
            bridge.refused("midi", {"maps": []}, "PUT")
        assert bridge.refused("midi", {"maps": [{**row, "parameter": "mixx"}]}, "PUT") == (
            409, "Map 1: There is no parameter or action 'mixx'. Did you mean mix?"
        )  # fmt: skip
    with running(tmp_path, "--pipeline", "passthrough") as bridge:
        assert bridge.ask("midi")["maps"] == []


def test_maps_of_the_wrong_form_are_refused(client, desk):
    row = {"kind": "cc", "number": 1, "parameter": "mix"}
    assert client.put("/api/v1/midi", json={"maps": [row]}).status_code == 200
    for bad in ({"number": 128}, {"kind": "x"}, {"curve": 1}, {"channel": 1.5}, {"port": 3}):
        assert client.put("/api/v1/midi", json={"maps": [{**row, **bad}]}).status_code == 422, bad
    assert len(desk.midi.maps.rows) == 1


def test_a_port_without_a_name_is_closed(client):
    with (
        client.websocket_connect(f"{WS}/api/v1/midi/port?name=%07") as socket,
        pytest.raises(WebSocketDisconnect) as closed,
    ):
        socket.receive_bytes()
    assert closed.value.code == 4404


def test_a_link_for_viewing_plays_no_midi(desk):
    rules = Rules(token="0123456789abcdef")
    with TestClient(create_app(desk, rules), HERE) as client:
        for token, opens in ((rules.view_token, False), (rules.token, True), ("", False)):
            headers = {"authorization": f"Bearer {token}"}
            path = f"{WS}/api/v1/midi/port?name=nano"
            try:
                with client.websocket_connect(path, headers=headers):
                    opened = True
            except Exception:  # noqa: BLE001 - however a client says that it was refused
                opened = False
            assert opened is opens


def test_another_page_cannot_play(client):
    for origin, opens in ((HERE, True), ("http://evil.example", False)):
        try:
            headers = {"origin": origin}
            with client.websocket_connect(f"{WS}/api/v1/midi/port?name=nano", headers=headers):
                opened = True
        except Exception:  # noqa: BLE001 - however a client says that it was refused
            opened = False
        assert opened is opens
