"""MIDI moves what its maps say: pick-up, learning, floods, feedback, and the file."""

import json
import time
from time import perf_counter

import pytest

from bridge.control.midi.control import Midi
from bridge.control.midi.maps import MapError
from bridge.control.midi.parser import What
from bridge.state.actions import ActionError
from bridge.state.change import By, Setter
from tests.support.desk import FakeDesk

PORT = "nanoKONTROL2 20:0"
LONG = 20.0  # seconds against hanging


def until(true):
    end = perf_counter() + LONG
    while not true():
        assert perf_counter() < end, "it did not come"
        time.sleep(0.002)


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """One for all that is refused: it changes nothing."""
    return FakeDesk(tmp_path_factory.mktemp("desk"))


class Player:
    """A desk whose MIDI runs."""

    def __init__(self, folder, *maps):
        self.desk = FakeDesk(folder)
        self.midi: Midi = self.desk.midi
        self.midi.start()
        if maps:
            self.midi.choose(maps)

    def send(self, *data, port=PORT):
        """Send bytes, and wait until they have been played."""
        for each in data:
            self.midi.receive(port, bytes(each))
            until(lambda: not (self.midi._moved or self.midi._presses or self.midi._work.is_set()))
            time.sleep(0.005)

    def value(self, name):
        return self.desk.store.snapshot.values[name]

    def learned(self, target, *data):
        self.midi.learn(target)
        for each in data:
            self.midi.receive(PORT, bytes(each))
        until(lambda: "moves" in self.midi.learnt)
        return self.midi.learnt


@pytest.fixture
def played(tmp_path):
    made = []

    def make(*maps):
        made.append(Player(tmp_path, *maps))
        return made[-1]

    yield make
    for each in made:
        each.midi.stop()


def cc(number, parameter, **more):
    return {"kind": "cc", "number": number, "parameter": parameter, **more}


@pytest.mark.slow
def test_a_fader_takes_hold_only_when_it_passes_the_value(played):
    player = played(cc(7, "mix"))
    store = player.desk.store
    store.update({"mix": 0.5})
    player.send((0xB0, 7, 10))
    assert player.value("mix") == 0.5
    player.send((0xB0, 7, 100))  # passed it on its way
    assert player.value("mix") == pytest.approx(100 / 127)
    player.send((0xB0, 7, 20))
    assert player.value("mix") == pytest.approx(20 / 127)
    assert str(store.moved("mix").setter) == "MIDI nanoKONTROL2"
    store.update({"mix": 1.0}, Setter(By.OSC, "1.2.3.4:5 /bridge/mix"))  # another hand
    player.send((0xB0, 7, 21))
    assert player.value("mix") == 1.0
    player.send((0xB0, 7, 127), (0xB0, 7, 0))
    assert player.value("mix") == 0.0


@pytest.mark.slow
def test_two_controls_move_one_parameter_each_with_its_own_range(played):
    player = played(
        cc(1, "mix", pickup=False), cc(2, "mix", pickup=False, **{"from": 1.0, "to": 0.5}),
        {"kind": "note", "number": 60, "parameter": "mix", "to": 0.25},
        {"kind": "pitch", "parameter": "mix", "pickup": False, "channel": 2},
    )  # fmt: skip
    for data, value in [
        ((0xB0, 1, 127), 1.0),
        ((0xBF, 2, 127), 0.5),
        ((0x90, 60, 1), 0.25),
        ((0x90, 60, 0), 0.25),
        ((0xE1, 0, 0x40), 8192 / 16383),
        ((0xE2, 0, 0), 8192 / 16383),  # another channel
    ]:
        player.send(data)
        assert player.value("mix") == pytest.approx(value), data


@pytest.mark.slow
def test_switches_choices_and_whole_numbers_follow_a_control(played):
    player = played(
        cc(1, "freeze"), {"kind": "note", "number": 1, "parameter": "black"}, cc(2, "on_loss"),
        {"kind": "note", "number": 2, "parameter": "on_loss"},
    )  # fmt: skip
    player.send((0xB0, 1, 127))
    assert player.value("freeze") is True
    player.send((0xB0, 1, 0), (0x90, 1, 9), (0x80, 1, 0))
    assert (player.value("freeze"), player.value("black")) == (False, True)
    player.send((0x90, 1, 9))
    assert player.value("black") is False
    player.send((0xB0, 2, 64))
    assert player.value("on_loss") == "passthrough"
    player.send((0x90, 2, 9))
    assert player.value("on_loss") == "card"


@pytest.mark.slow
def test_buttons_press_actions_once_per_press(played):
    player = played(
        {"kind": "note", "number": 1, "action": "panic"},
        {"kind": "cc", "number": 9, "action": "beat", "value": 3},
        {"kind": "program", "number": 4, "action": "live"},
    )  # fmt: skip
    player.send((0x90, 1, 9), (0x90, 1, 0), (0xB0, 9, 100), (0xB0, 9, 127), (0xB0, 9, 0))
    player.send((0xB0, 9, 70), (0xC0, 4), (0xC0, 5))  # 5: no map
    until(lambda: len(player.desk.acted) > 4)
    assert player.desk.acted == ["panic", "beat 3", "beat 3", "live", "look 6"]


@pytest.mark.slow
def test_presses_and_releases_in_one_flood_all_count(played):
    player = played({"kind": "cc", "number": 9, "action": "panic"})
    player.send((0xB0, 9, 127, 9, 0, 9, 127, 9, 0))
    assert player.desk.acted == ["panic"] * 2


@pytest.mark.slow
def test_a_flood_is_coalesced_and_its_last_value_holds(played):
    player = played(cc(7, "mix", pickup=False), {"kind": "note", "number": 1, "action": "panic"})
    seen = []
    player.desk.store.listen(lambda change: seen.append(change))
    for number in range(10_000):
        player.midi.receive(PORT, bytes((0xB0, 7, number % 127, 0x90, 1, 1)))
    player.send((0xB0, 7, 77))
    told = player.midi.told()
    assert player.value("mix") == pytest.approx(77 / 127)
    assert told["midi_messages"] == 20_001
    assert told["midi_coalesced"] > 10_000
    assert len(seen) < 5_000
    assert 1 <= len(player.desk.acted) <= 50 * 20


@pytest.mark.slow
def test_learn_says_which_control_it_found(played):
    player = played()
    assert player.learned("mix", (0xB2, 7, 64)) == (
        "Controller 7 on channel 3 of nanoKONTROL2 moves mix."
    )
    assert player.value("mix") == 1.0  # learning moves nothing
    assert player.learned("tempo", (0xB0, 3, 64, 35, 9)) == (
        "14-bit controller 3 on channel 1 of nanoKONTROL2 moves tempo."
    )
    assert "note 60" in player.learned("beat 2", (0x80, 60, 0), (0x90, 60, 5)).lower()
    assert player.learned("black_fade", (0xB2, 7, 64)).endswith("it moves mix too.")
    player.midi.forget("mix")
    assert [row.target for row in player.midi.maps.rows] == ["tempo", "beat 2", "black_fade"]
    with pytest.raises(ActionError, match="No MIDI control moves 'mix'"):
        player.midi.forget("mix")
    again = played()  # the next start
    assert again.midi.maps.rows == player.midi.maps.rows
    again.send((0xB0, 3, 0, 35, 0), (0xB0, 3, 127, 35, 127))
    assert again.value("tempo") == 300


@pytest.mark.slow
def test_learning_ends_by_itself_or_by_cancel(played, monkeypatch):
    monkeypatch.setattr("bridge.control.midi.control.LEARNING", 0.05)
    player = played()
    player.midi.learn("mix")
    until(lambda: player.midi.learnt == "No MIDI control moved for mix.")
    with pytest.raises(ActionError, match="No MIDI control is being"):
        player.midi.cancel()
    monkeypatch.setattr("bridge.control.midi.control.LEARNING", 20)
    player.midi.learn("mix")
    player.midi.cancel()
    player.send((0xB2, 7, 64))
    assert (player.midi.maps.rows, player.midi.learnt) == ((), "")


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("mixx", "There is no parameter or action 'mixx'. Did you mean mix?"),
        ("prompt", "prompt takes .*, which no MIDI control sends."),
        ("size", "size is for loading a pipeline"),
        ("learn", "learn needs its value"),
        ("beat 9000", ""),
        ("panic 3", "panic takes no value."),
        ("", "There is no parameter or action ''."),
    ],
)
def test_learn_refuses_what_no_control_can_move(desk, target, why):
    if target == "beat 9000":
        desk.midi.learn(target)
        assert desk.midi.learnt == "Move a control for beat 4."
        return
    with pytest.raises(ActionError, match=why):
        desk.midi.learn(target)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (3, "is an object"),
        ({}, "The kind of a map is one of cc, cc14"),
        ({"kind": ["cc"]}, "The kind of a map is one of"),
        (cc(128, "mix"), "whole number from 0 to 127"),
        (cc(True, "mix"), "whole number from 0 to 127"),
        (cc(-1, "mix"), "whole number from 0 to 127"),
        ({"kind": "cc14", "number": 32, "parameter": "mix"}, "from 0 to 31"),
        (cc(1, "mix", channel=17), "from 0 to 16"),
        (cc(1, "mix", port="\n"), "The port of a map is a text"),
        (cc(1, "mix", action="panic"), "either a parameter or an action"),
        ({"kind": "cc", "number": 1}, "either a parameter or an action"),
        (cc(1, ["mix"]), "either a parameter or an action"),
        (cc(1, "mix", to=2), "`to`: "),
        (cc(1, "mix", to=float("nan")), "`to`: "),
        (cc(1, "black", to=1), "black has no range; leave out `to`"),
        (cc(1, "mix", pickup=1), "true or false"),
        (cc(1, "mix", curve="log"), "A map has no 'curve'"),
        ({"kind": "cc", "number": 1, "action": "panic", "pickup": True}, "A map has no 'pickup'"),
        ({"kind": "cc", "number": 1, "action": "learn"}, "learn needs its value"),
        ({"kind": "cc", "number": 1, "action": "panik"}, "Did you mean panic"),
    ],
)  # fmt: skip
def test_a_bad_map_is_refused_with_its_place(desk, given, why):
    with pytest.raises(MapError, match=why) as refused:
        desk.midi.choose([cc(1, "mix"), given])
    assert str(refused.value).startswith("Map 2: ")
    assert desk.midi.maps.rows == ()


def test_maps_that_could_not_be_read_again_are_not_saved(desk):
    rows = [{"kind": "cc", "number": n, "action": "learn", "value": "x" * 60_000} for n in range(5)]
    with pytest.raises(ActionError, match="not saved: they are larger than 256 KB"):
        desk.midi.choose(rows)
    path = desk.midi.maps.path
    path.parent.mkdir(parents=True)
    path.write_text('{"maps": [{"parameter": "of_a_plug_in", "glow": NaN}]}')
    desk.midi.maps.read()
    assert desk.midi.maps.trouble == f"{path} is skipped: a number in it is not finite."


@pytest.mark.slow
def test_a_bad_file_is_told_and_kept_and_strange_targets_stay(tmp_path, played):
    path = tmp_path / "Desk.show" / "midi.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"maps": [{"kind": "cc", "number": 400, "parameter": "mix"}]}')
    player = played()
    assert "midi.json is skipped: The number of a map" in player.midi.trouble
    player.midi.choose([cc(1, "mix")])
    assert (path.with_suffix(".bad").exists(), player.midi.trouble) == (True, "")
    found = json.loads(path.read_text())
    strange = {"kind": "cc", "number": 5, "parameter": "of_a_plug_in", "glow": 3}
    path.write_text(json.dumps({"maps": [*found["maps"], strange]}))
    again = played()
    assert [row.target for row in again.midi.maps.rows] == ["mix"]
    again.midi.choose([])
    assert json.loads(path.read_text())["maps"] == [strange]


@pytest.mark.slow
def test_a_controller_shows_what_others_set(played):
    player = played(
        cc(7, "mix"), {"kind": "note", "number": 60, "parameter": "black", "channel": 2},
        {"kind": "cc14", "number": 3, "parameter": "black_fade", "port": "elsewhere"},
        {"kind": "pitch", "parameter": "tempo"},
    )  # fmt: skip
    sent = []
    player.midi.connect(PORT, sent.append)
    until(lambda: len(sent) == 3)  # all of it at first
    assert sorted(sent) == [b"\x91\x3c\x00", b"\xb0\x07\x7f", b"\xe0\x5b\x2d"]
    sent.clear()
    player.desk.store.update({"mix": 0.0, "black": True})
    until(lambda: len(sent) == 2)
    assert sorted(sent) == [b"\x91\x3c\x7f", b"\xb0\x07\x00"]
    sent.clear()
    player.send((0xB0, 7, 0), (0xB0, 7, 64))  # its own fader is not moved
    assert player.value("mix") == pytest.approx(64 / 127)
    player.desk.store.update({"black": False})
    until(lambda: sent)
    assert sent == [b"\x91\x3c\x00"]
    player.midi.disconnect(PORT, sent.append)
    sent.clear()
    player.midi.connect(PORT, sent.append)  # it is plugged in again, and dark
    until(lambda: len(sent) == 3)
    player.desk.store.update({"mix": 0.75})
    player.send((0xB0, 7, 127))
    assert player.value("mix") == 0.75, "its fader may stand elsewhere now"
    player.midi.disconnect(PORT, sent.append)


def test_stop_holds_the_beat_and_start_and_continue_let_it_go(tmp_path):
    desk = FakeDesk(tmp_path)
    beat = lambda: desk.show.tempo.told()["beat"]  # noqa: E731
    for begun in (b"\xfa", b"\xfb"):
        desk.midi.receive(PORT, begun + b"\xf8" * 24 + b"\xfc")
        held = beat()
        time.sleep(0.02)
        assert beat() == held
    assert held == 3, "two beats of clocks, of one bar"


@pytest.mark.slow
def test_a_refused_value_is_told_and_the_rest_is_set(played):
    player = played(cc(1, "delay", pickup=False), cc(2, "mix", pickup=False))
    player.desk.store._fits = lambda changes, _: {n: "No delay." for n in changes if n == "delay"}
    player.send((0xB0, 1, 5, 2, 0))
    assert (player.value("mix"), player.midi.trouble) == (0, "MIDI: No delay.")


def test_each_kind_is_named(desk):
    rows = desk.midi.maps.checked(
        [{"kind": what.value, "number": 0, "parameter": "mix"} for what in What]
    )
    assert len({row.control() for row in rows}) == len(What)
    assert desk.midi.maps.checked([row.told() for row in rows]) == rows
