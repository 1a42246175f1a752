"""Whatever is done in whatever order, by whichever surface: all surfaces end with the same state,
and the output is black while it is to be, and never otherwise.
"""

import json
import socket
import threading
import time
import urllib.request
from contextlib import contextmanager, suppress
from functools import partial
from urllib.error import HTTPError

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pythonosc.osc_message import OscMessage
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from bridge.control.osc.packets import encoded
from bridge.show.undo import REST
from tests.support.bridge import read, running

pytestmark = pytest.mark.slow
LONG = 20.0  # seconds against hanging
OUTPUT = "any-sequence"
KEYS = ("pipeline", "undo", "redo", "look", "look_changed", "cue", "cue_next", "cue_waits", "blind")
# Controllers, and the buttons of notes
FADERS = {"mix": 1, "vace_scale": 2, "fade": 4, "black": 3}
BUTTONS = ("undo", "redo", "go", "cue/back", "look 1", "look 2", "blind/take", "panic", "live")
MAPS = [
    *({"kind": "cc", "number": number, "parameter": name, "pickup": False}
      for name, number in FADERS.items()),
    *({"kind": "note", "number": number, "action": name.partition(" ")[0],
       **({"value": int(name[-1])} if name[-1].isdecimal() else {})}
      for number, name in enumerate(BUTTONS)),
]  # fmt: skip


def until(true, what="it"):
    end = time.perf_counter() + LONG
    while not true():
        assert time.perf_counter() < end, f"{what() if callable(what) else what} did not come"
        time.sleep(0.01)


def alike(one, other) -> bool:
    """Whether they are the same value, as OSC has it."""
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    return float(one) == pytest.approx(float(other), rel=1e-6)


class Output:
    """Who looks at the output of another process: that it is black while it is to be."""

    def __init__(self) -> None:
        self.black = False  # what the last frame was
        self.wanted: bool | None = None  # what each frame must be; None while that changes
        self.frames, self.wrong = 0, 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        with read(OUTPUT) as ring:
            while not self._ended.wait(0.004):
                wanted = self.wanted
                while slot := ring.next():
                    self.black = not slot.image[..., :3].any()
                    self.frames += 1
                    self.wrong += self.wanted is wanted not in (None, self.black)

    def end(self) -> None:
        self._ended.set()
        self._thread.join(LONG)


class Surfaces:
    """A running bridge as each of its surfaces moves it and is told of it."""

    def __init__(self, bridge, events, query, midi, ear) -> None:
        self.bridge, self.values, self.state, self.heard = bridge, {}, {}, {}
        self._events, self._query, self._midi, self._ear = events, query, midi, ear
        self.addresses = {
            f"/bridge/{row['osc']}": row["name"] for row in bridge.ask("schema")["parameters"]
        }
        unread = (partial(self._drop, each) for each in (query, midi))
        for follow in (self._follow_events, self._follow_osc, *unread):
            threading.Thread(target=self._follow, args=[follow], daemon=True).start()

    def _follow(self, follow) -> None:
        with suppress(ConnectionClosed, OSError):
            follow()

    def _drop(self, socket) -> None:
        """Read what is said: who reads nothing is left."""
        for _ in socket:
            pass

    def _follow_events(self) -> None:
        for text in self._events:
            message = json.loads(text)
            kept = self.values if message["type"] == "parameters" else self.state
            kept.update(message.get("values", {}))

    def _follow_osc(self) -> None:
        port = self._ear.getsockname()[1]
        for command in ("subscribe", "query"):
            self._ear.sendto(encoded(f"/bridge/{command}", port), ("127.0.0.1", self.bridge.port))
        while True:
            message = OscMessage(self._ear.recv(65536))
            self.heard[message.address] = message.params[0] if message.params else None

    def put(self, name, value, by) -> None:
        """Set a parameter."""
        if by == "REST":
            self.bridge.ask("parameters", {name: value}, "PATCH")
        elif by == "OSC":
            self.bridge.osc(f"/bridge/{name}", value)
        elif by == "OSCQuery":
            self._query.send(encoded(f"/bridge/{name}", value))
        else:
            self._midi.send(bytes((0xB0, FADERS[name], 127 if value else 0)))

    def press(self, button, by) -> None:
        """Run an action; what it refuses changes nothing."""
        name, *value = button.split()
        if by == "REST":
            with suppress(HTTPError):
                self.bridge.ask(f"actions/{name}", {"value": int(value[0])} if value else {})
        elif by == "MIDI":
            self._midi.send(bytes((0x90, BUTTONS.index(button), 127)))
            self._midi.send(bytes((0x80, BUTTONS.index(button), 0)))
        else:
            address = "/".join(["/bridge", name, *value])
            if by == "OSC":
                self.bridge.osc(address, 1)
            else:
                self._query.send(encoded(address, 1))

    def settle(self) -> dict:
        """Wait until all that was sent is done and told; all tell the same then."""
        self.bridge.until(lambda state: not state["loading"] and not state["cue_waits"])
        until(lambda: not self.odd(), lambda: f"the same at {self.odd()}")
        return self.bridge.ask("parameters")

    def odd(self) -> list:
        """Where a surface tells another value than REST."""
        told, state = self.bridge.ask("parameters"), self.bridge.state()
        values, events, heard = {**self.values}, {**self.state}, {**self.heard}
        found = [("events", name) for name in told if values.get(name) != told[name]]
        found += [("events", name) for name in KEYS if events.get(name) != state[name]]
        for address, name in self.addresses.items():
            if address not in heard or not alike(heard[address], told[name]):
                found.append(("OSC", name, heard.get(address), told[name]))
        with urllib.request.urlopen(f"{self.bridge.url}/bridge", timeout=10) as answer:
            nodes = [json.load(answer)]
        while nodes:
            node = nodes.pop()
            nodes += node.get("CONTENTS", {}).values()
            name = self.addresses.get(node["FULL_PATH"])
            if name and not alike(node["VALUE"][0], told[name]):
                found.append(("OSCQuery", name, node["VALUE"], told[name]))
        return found


@contextmanager
def surfaces(folder):
    ends = ["--source", "demo:", "--sink", f"shm:{OUTPUT}", "--pipeline", "passthrough",
            "--output-size", "64x48", "--size", "64x48", "--engine", "thread",
            "--set", "black_fade=0"]  # fmt: skip
    with running(folder, *ends) as bridge:
        at = f"ws://127.0.0.1:{bridge.port}"
        bridge.until(lambda state: state["state"] == "RUNNING")
        with (
            connect(f"{at}/api/v1/events") as events,
            connect(f"{at}/") as query,
            connect(f"{at}/api/v1/midi/port?name=pad") as midi,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear,
        ):
            ear.bind(("127.0.0.1", 0))
            bridge.ask("midi", {"maps": MAPS}, "PUT")
            yield Surfaces(bridge, events, query, midi, ear)


@pytest.fixture(scope="module", name="desk")
def _desk(tmp_path_factory):
    with surfaces(tmp_path_factory.mktemp("bridge")) as desk:
        yield desk


def test_steps_of_one_hand_are_taken_back_by_two_to_where_they_began(desk):
    bridge = desk.bridge
    time.sleep(2 * REST)
    begun = desk.settle()
    pipeline, steps = bridge.state()["pipeline"], bridge.state()["undo_steps"]
    for number in range(3):
        time.sleep(2 * REST)
        bridge.ask("parameters", {"mix": (number + 1) / 10, "prompt": f"{number}."}, "PATCH")
    other = {"passthrough": "stylize", "stylize": "passthrough"}[pipeline]
    bridge.ask("pipeline", {"pipeline": other})
    bridge.until(lambda state: state["pipeline"] == other)
    assert bridge.state()["undo_steps"] == steps + 4
    for _ in range(2):
        desk.press("undo", "REST")
        desk.press("undo", "OSC")
        until(lambda: bridge.state()["redo_steps"] % 2 == 0)
    bridge.until(lambda state: state["pipeline"] == pipeline)
    assert desk.settle() == begun
    assert bridge.ask("who")["mix"]["hand"] == "undo"


BY = st.sampled_from(["REST", "OSC", "OSCQuery", "MIDI"])
TYPED = st.sampled_from(["REST", "OSC", "OSCQuery"])
STEPS = st.one_of(
    st.tuples(st.just("put"), st.sampled_from(["mix", "vace_scale", "fade"]), st.booleans(), BY),
    st.tuples(st.just("put"), st.just("prompt"), st.sampled_from(["sea", "land", ""]), TYPED),
    st.tuples(st.just("put"), st.just("vace_scale"), st.floats(0, 2, width=32), TYPED),
    st.tuples(st.just("press"), st.sampled_from([*BUTTONS[:-2], "undo", "redo", "go"]), BY),
    st.tuples(st.just("black"), BY),
    st.tuples(st.just("blind"), st.sampled_from(["gold", "blue"])),
    st.tuples(st.just("switch"), st.sampled_from(["passthrough", "stylize"]), TYPED),
)


def do(desk, output, deed, *given) -> None:
    bridge = desk.bridge
    match deed, *given:
        case "put", name, value, by:
            desk.put(name, float(value) if isinstance(value, bool) else value, by)
        case "press", name, by:
            desk.press(name, by)
        case "blind", text:
            bridge.ask("parameters?blind=1", {"prompt": text}, "PATCH")
        case "switch", pipeline, "REST":
            bridge.ask("pipeline", {"pipeline": pipeline})
        case "switch", pipeline, by:
            desk.press(f"pipeline/{pipeline}", by)
        case "black", by:
            on, output.wanted = not output.black, None
            if by == "MIDI":
                desk.press("panic" if on else "live", by)
            else:
                desk.put("black", int(on) if by != "REST" else on, by)
            until(lambda: output.black is on, f"black {on} by {by}")
            output.wanted = on


@settings(
    max_examples=25, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
    suppress_health_check=[*HealthCheck],
)  # fmt: skip
@given(st.lists(STEPS, min_size=15, max_size=40))
def sequences(desk, output, steps):
    for step in steps:
        do(desk, output, *step)
    assert desk.settle()["black"] is output.wanted
    assert not output.wrong, f"of {output.frames} frames, {output.wrong} were wrong: {steps}"


@pytest.mark.timeout(300)
def test_any_sequence_by_any_surface_ends_the_same_and_black_stays_black(desk):
    bridge = desk.bridge
    for pipeline, prompt in (("passthrough", "one"), ("stylize", "two")):
        bridge.ask("pipeline", {"pipeline": pipeline})
        bridge.until(lambda state, pipeline=pipeline: state["pipeline"] == pipeline)
        bridge.ask("parameters", {"prompt": prompt, "look_fade": 0.2}, "PATCH")
        bridge.ask("looks", {})
    for look in (1, 2, 1, 2):
        bridge.ask("cues", {"look": look})
    output = Output()
    try:
        until(lambda: output.frames and not output.black, "a frame")
        output.wanted = False
        sequences(desk, output)
        assert output.frames > 100
    finally:
        output.end()
