"""Undo and redo: a real store, a host that only remembers, and a clock that the test holds."""

import random
import threading
from contextlib import suppress
from dataclasses import replace
from functools import partial
from time import perf_counter, sleep

import pytest

from bridge.control.osc.handler import _named_setter
from bridge.show import undo
from bridge.show.control import ShowControl
from bridge.show.undo import Undo
from bridge.state.actions import ActionError
from bridge.state.change import By, Setter
from bridge.state.controls import OutputParameters, all_specs
from bridge.state.inputs import ROLES
from bridge.state.loads import checked_load
from bridge.state.references import refer
from bridge.state.status import Readiness, StandbyTold
from bridge.state.store import ParameterStore
from engine.catalog.rows import BUILT_IN, Catalog
from engine.parameters import Kind, describe

ROWS = Catalog(BUILT_IN).rows
PAGE = Setter(By.PAGE, "127.0.0.1:50123")
SAME_PAGE = Setter(By.PAGE, "127.0.0.1:50124")  # a browser has several connections
DESK = Setter(By.OSC, "192.168.1.20:9000 /bridge/vace")
MOMENTARY = {s.name for s in describe(OutputParameters) if s.momentary}
PROMPT = "starry night"
EMPTY = {"undo": "", "undo_steps": 0, "redo": "", "redo_steps": 0, "undo_note": ""}


class Played:
    """The store, the host and the clock, and what is done with them."""

    def __init__(self, folder):
        self.folder = folder
        self.store = ParameterStore(all_specs(Catalog(BUILT_IN)), partial(refer, folder))
        self.now = 1000.0
        self.pipeline = "stylize"
        self.gone: set[str] = set()  # pipelines whose files are missing
        self.inputs = dict.fromkeys(ROLES, "none")
        self.undo = Undo(
            self.store, lambda: self.pipeline, self._go, self.inputs.__getitem__, self._choose,
            lambda: self.now,
        )  # fmt: skip
        self.undo.start()

    def _go(self, pipeline, values):
        """As the session does."""
        if pipeline in self.gone:
            raise ValueError(f"{pipeline} lacks its files.")
        checked_load(ROWS[pipeline], self.store.snapshot.values, {})
        self.store.update(values, Setter(By.UNDO, pipeline))
        self.pipeline = pipeline

    def _choose(self, uri, role):
        if uri in self.gone:
            raise ValueError(f"{role} cannot be used: {uri} is gone.")
        self.inputs[role] = uri

    def chooses(self, uri, role="source"):
        before, self.inputs[role] = self.inputs[role], uri
        self.undo.sourced(role, before, uri)

    def sets(self, by=PAGE, *, rest=1.0, **values):
        self.now += rest
        return self.store.update(values, by)

    def switches(self, pipeline, **load):
        self.now += 1.0
        by, before = Setter(By.SWITCH, pipeline), self.pipeline
        self.store.update(load, by)
        self.pipeline = pipeline
        self.undo.switched(before, pipeline, by)

    @property
    def held(self):
        return {"pipeline": self.pipeline, **self.store.snapshot.values}

    def back(self, times=1):
        for _ in range(times):
            self.undo.undo()

    def again(self, times=1):
        for _ in range(times):
            self.undo.redo()

    @property
    def note(self):
        return self.undo.told()["undo_note"]


@pytest.fixture
def played(tmp_path):
    return Played(tmp_path)


@pytest.mark.parametrize(
    ("rest", "steps"), [(0.25, 1), (0.3125, 4)], ids=["without a rest", "with rests"]
)
@pytest.mark.parametrize("by", [[PAGE], [PAGE, SAME_PAGE], [DESK]])
def test_a_step_is_what_one_hand_changes_without_a_rest(played, by, rest, steps):
    begun = played.held
    values = {"vace_scale": 0.1}, {"vace_scale": 0.2}, {"prompt": "sea"}, {"mix": 0.5}
    for place, change in enumerate(values):
        played.sets(by[place % len(by)], rest=rest, **change)
    told = played.undo.told()
    assert told["undo_steps"] == steps
    assert told["undo"] == ("vace_scale, prompt, mix" if steps == 1 else "mix")
    ended = played.held
    played.back(steps)
    assert played.held == begun
    assert played.undo.told()["undo"] == ""
    played.again(steps)
    assert played.held == ended


def test_two_hands_at_once_make_a_step_each(played):
    for _ in range(5):
        played.sets(PAGE, rest=0.05, prompt=f"sea {played.now}")
        played.sets(DESK, rest=0.05, vace_scale=played.now % 1)
    assert played.undo.told()["undo_steps"] == 2
    played.back()
    assert (played.undo.told()["undo"], played.undo.told()["redo"]) == ("prompt", "vace_scale")
    assert played.store.snapshot.values["vace_scale"] == 1.0


def test_hands_that_osc_merges_into_one_change_are_told_apart(played):
    other = Setter(By.OSC, "192.168.1.21:9000 /bridge/mix")
    played.store.put({"vace_scale": 0.3}, DESK)
    played.store.put({"mix": 0.3}, other)
    played.store.tell()
    assert played.undo.told()["undo_steps"] == 2
    assert played.store.moved("vace_scale").setter == DESK
    assert played.store.moved("mix").setter == other


@pytest.fixture(name="show")
def _show(desk):
    """Looks and cues whose recalls are steps."""
    made = Undo(desk.store, lambda: desk.now["pipeline"], desk.switch, str, lambda *_: None)
    ready = StandbyTold(Readiness.READY)
    lent = replace(desk.show.looks._lent, standby=lambda: ready, recalls=made.recalls,
                   recalled=made.recalled)  # fmt: skip
    show = ShowControl(desk.show.files._around, desk.store, lent)
    show.undo, made.marks = made, show.marks
    for prompt, scale in (("one", 0.5), ("two", 2.0)):
        desk.store.update({"prompt": prompt, "vace_scale": scale})
        show.save(name=prompt.capitalize())
        show.cues.add({"look": show.looks.all[-1].number, "fade": 0})
    show.start()
    made.start()
    yield show
    show.stop()


def until(true):
    end = perf_counter() + 20
    while not true():
        assert perf_counter() < end
        sleep(0.005)


def test_undo_of_a_go_brings_back_the_place_in_the_list_and_the_look(desk, show):
    show.recall(1, 0)
    before = desk.store.snapshot.values
    desk.store.update({"prompt": "by hand"}, PAGE)
    for number in "1212":
        show.cues.to(number)
        until(lambda number=number: show.cues.place == number)
    assert [show.undo.told()[name] for name in ("undo", "undo_steps")] == ["cue 2", 6]
    show.undo.undo()
    assert show.undo.told()["undo"] == "cue 1"
    for _ in range(3):
        show.undo.undo()
    assert (show.cues.place, show.recalls.number, show.undo.told()["redo"]) == ("", 1, "cue 1")
    show.undo.undo()
    assert desk.store.snapshot.values == before
    assert (show.undo.told()["undo"], show.told()["look_changed"]) == ("look 1 One", False)
    show.undo.undo()
    assert show.told()["look"] == 2
    for _ in range(4):
        show.undo.redo()
    told = show.told()
    assert (told["cue"], told["cue_next"], told["look"]) == ("2", "", 2)
    show.undo.forget_marks()  # another show is there
    show.undo.undo()
    assert (show.cues.place, desk.store.snapshot.values["prompt"]) == ("2", "one")


@pytest.mark.parametrize("gone", [0.0, 0.2], ids=["at its start", "midway"])
def test_a_fade_that_is_undone_ends_and_is_made_again_at_its_goal(desk, show, gone):
    def scale():
        return desk.store.snapshot.values["vace_scale"]

    show.recall(1, 60)
    show.recall(1, 1)  # the same, faster
    until(lambda: scale() <= 2 - gone)
    assert show.undo.told()["undo_steps"] == 1
    show.undo.undo()
    assert (scale(), show.undo.told()["undo"]) == (2, "")
    assert not show.recalls.glide.owned
    show.undo.redo()
    assert (scale(), show.told()["look_changed"], show.undo.told()["redo"]) == (0.5, False, "")


def test_what_is_moved_during_a_fade_returns_to_where_that_would_have_ended(desk, show):
    show.recall(1, 60)
    desk.store.update({"vace_scale": 1.0}, PAGE)
    show.undo.undo()
    assert desk.store.snapshot.values["vace_scale"] == 0.5
    show.undo.undo()
    assert desk.store.snapshot.values["vace_scale"] == 2.0


@pytest.mark.parametrize("kind", [By.START, By.UNSAID, By.ACTION, By.OSC])
def test_what_is_momentary_makes_no_step_and_stays(played, kind):
    every = dict.fromkeys(MOMENTARY, True)
    played.sets(Setter(kind, "x"), **every)
    assert played.undo.told() == EMPTY
    with pytest.raises(ActionError, match="There is nothing to undo"):
        played.back()
    played.sets(PAGE, prompt="sea", **dict.fromkeys(MOMENTARY, False))
    played.sets(PAGE, rest=0.1, **every)
    played.back()
    held = played.store.snapshot.values
    assert (held["prompt"], [held[name] for name in MOMENTARY]) == (PROMPT, [True] * len(MOMENTARY))
    played.again()
    assert all(played.store.snapshot.values[name] for name in MOMENTARY)


def test_what_the_bridge_sets_by_itself_makes_no_step(played):
    played.sets(PAGE, prompt="sea")
    for kind in (By.JOURNAL, By.MISSED, By.SET_BACK, By.ROLLBACK):
        played.sets(Setter(kind, "it was NaN"), mix=played.now % 1)
    assert (played.undo.told()["undo"], played.undo.told()["undo_steps"]) == ("prompt", 1)


def test_a_value_that_another_hand_has_moved_since_stays_and_is_said(played):
    played.sets(DESK, vace_scale=0.1, prompt="x", mix=0.1)  # begins first, and goes on below
    played.sets(PAGE, rest=0.1, vace_scale=0.2, prompt="sea", mix=0.2, fade=2.0)
    played.sets(DESK, rest=0.1, vace_scale=0.3)
    played.back()
    held = played.store.snapshot.values
    assert (held["vace_scale"], held["prompt"], held["fade"]) == (0.3, "x", 1.0)
    assert played.note == "Undone; vace_scale stays as OSC 192.168.1.20 set it."
    played.again()
    assert (played.store.snapshot.values["prompt"], played.note) == ("sea", "")
    played.sets(DESK, rest=0.1, prompt="y", mix=0.4, fade=3.0)
    played.back()
    assert played.note == ("Nothing undone; prompt, mix, fade stay as OSC 192.168.1.20 set them.")


def test_a_value_that_was_rolled_back_stays_as_the_bridge_set_it(played):
    played.sets(PAGE, prompt="sea", mix=0.5)
    played.sets(Setter(By.ROLLBACK, "NaN"), prompt="calm")
    played.back()
    assert played.note == "Undone; prompt stays as the bridge set it."


def test_undoing_two_hands_that_fought_ends_at_the_start(played):
    begun = played.held
    for by, value in ((DESK, 0.1), (PAGE, 0.2), (DESK, 0.3), (PAGE, 0.4)):
        played.sets(by, rest=0.05, vace_scale=value)
    played.back(2)
    assert played.held == begun


@pytest.mark.parametrize("button", ["defaults", "look 3"])
def test_what_a_button_changes_is_one_step_beside_the_same_hands_faders(played, button):
    played.sets(PAGE, prompt="sea", mix=0.5)
    before = played.held
    by = Setter(By.ACTION, button)
    played.sets(by, rest=0.1, prompt="", mix=1.0, fade=3.0, vace_scale=0.2)
    assert played.undo.told()["undo"] == "prompt, mix, fade and 1 more"
    played.back()
    assert played.held == before
    played.back()
    assert played.undo.told()["undo"] == ""


def test_a_switch_is_one_step_and_is_switched_back_with_its_load_values(played):
    begun = played.held
    played.switches("longlive", vace_load=True)
    assert played.undo.told()["undo"] == "vace_load, pipeline"
    ended = played.held
    played.back()
    assert played.held == begun
    played.again()
    assert played.held == ended
    played.switches("longlive", vace_load=False)
    assert played.undo.told()["undo"] == "vace_load"


def test_a_pipeline_whose_files_are_gone_stays_and_the_rest_is_restored(played):
    played.switches("longlive", vace_load=True)
    played.gone.add("stylize")
    played.back()
    assert (played.pipeline, played.store.snapshot.values["vace_load"]) == ("longlive", False)
    assert played.note == "Undone; pipeline stays: stylize lacks its files."


def test_a_file_that_is_gone_is_named_and_the_rest_is_restored(played):
    for name in ("a.png", "b.png"):
        (played.folder / name).touch()
    played.sets(PAGE, reference="a.png", prompt="one")
    played.sets(PAGE, reference="b.png", prompt="two")
    (played.folder / "a.png").unlink()
    played.back()
    held = played.store.snapshot.values
    assert (held["reference"], held["prompt"]) == ("b.png", "one")
    assert played.note.startswith("Undone; reference stays: ")
    assert "a.png" in played.note
    assert played.note.count(".") - played.note.count(".png") == 1, "one sentence"
    played.again()
    assert played.store.snapshot.values["prompt"] == "two"


def test_a_new_change_clears_redo(played):
    played.sets(PAGE, prompt="sea")
    played.back()
    assert played.undo.told()["redo"] == "prompt"
    played.sets(DESK, black=True)
    assert played.undo.told()["redo"] == "prompt", "no step"
    played.sets(DESK, vace_scale=0.5)
    assert played.undo.told()["redo"] == ""
    with pytest.raises(ActionError, match="There is nothing to redo"):
        played.again()


def test_a_gesture_that_continues_after_undo_is_a_step_of_its_own(played):
    played.sets(PAGE, mix=0.1)
    played.back()
    played.sets(PAGE, rest=0.1, mix=0.2)
    assert (played.undo.told()["undo"], played.undo.told()["redo"]) == ("mix", "")
    played.back()
    assert played.store.snapshot.values["mix"] == 1.0


def test_what_no_listener_has_heard_of_is_taken_back_too(played):
    played.store.put({"vace_scale": 0.3}, DESK)
    played.back()
    assert played.store.snapshot.values["vace_scale"] == 1.0
    assert played.undo.told()["redo"] == "vace_scale"


def test_a_value_that_returned_by_itself_is_passed_over(played):
    played.sets(PAGE, prompt="sea")
    played.sets(PAGE, mix=0.5)
    played.sets(PAGE, rest=0.1, mix=1.0)
    assert (played.undo.told()["undo"], played.undo.told()["undo_steps"]) == ("prompt", 1)
    played.back()
    assert played.store.snapshot.values["prompt"] == PROMPT


def test_a_stream_that_never_rests_keeps_nothing_from_being_taken_back(played):
    played.sets(PAGE, prompt="sea")

    def stream(seconds):
        for _ in range(int(seconds / 0.25)):
            played.sets(DESK, rest=0.25, vace_scale=(played.now * 0.7) % 1)

    stream(undo.STREAM + 1)
    assert played.undo.told()["undo"] == "prompt"
    played.sets(DESK, rest=0, mix=0.5)  # a fader of the same machine
    stream(1)
    assert played.undo.told()["undo"] == "mix"
    played.back(2)
    stream(1)
    assert played.undo.told()["redo"] == "prompt", "the stream is no new step"
    played.now += 1
    assert played.undo.told()["undo"] == "vace_scale"
    played.back()
    assert played.store.snapshot.values["vace_scale"] == 1.0


def test_steps_are_bounded_in_number_and_in_size(played):
    for number in range(undo.MOST + 50):
        played.sets(PAGE, mix=number / 1000)
    assert played.undo.told()["undo_steps"] == undo.MOST
    for number in range(undo.MOST):
        played.sets(PAGE, prompt=f"{number:03}" + "x" * 60_000)
    held = sum(len(s.before["prompt"]) + len(s.after["prompt"]) for s in played.undo._done)
    assert held <= undo.LARGEST < held + 130_000
    played.back(played.undo.told()["undo_steps"])
    assert played.undo.told()["undo"] == ""


def test_a_source_is_a_step_and_one_that_cannot_be_chosen_stays_and_is_named(played):
    played.sets(PAGE, prompt="sea")
    played.chooses("demo:")  # without a rest
    played.chooses("spout:A", "mask")
    played.chooses("demo:")  # which is in use
    assert (played.undo.told()["undo"], played.undo.told()["undo_steps"]) == ("mask", 3)
    played.back(2)
    assert [*played.inputs.values()] == ["none", "none", "none"]
    assert played.held["prompt"] == "sea"
    played.again()
    assert played.inputs["source"] == "demo:"
    played.gone.add("none")
    played.back()
    assert played.inputs["source"] == "demo:"
    assert played.note == "Nothing undone; source stays: source cannot be used: none is gone."
    assert played.undo.told()["undo"] == "prompt"


def test_it_is_all_over_with_the_run(played):
    played.sets(PAGE, prompt="sea")
    again = Undo(played.store, lambda: "stylize", lambda *_: None, str, lambda *_: None)
    again.start()
    assert again.told() == EMPTY


def test_the_listener_makes_few_calls(played, monkeypatch):
    """The cost of a fader's change, in counted calls."""
    from tests.bridge.state.test_cost import calls

    sender = "10.0.0.7", 9000
    changes = []
    monkeypatch.setattr(played.store.listeners, "put", changes.append)
    for number in range(3):
        played.store.update({"vace_scale": number / 10}, _named_setter(sender, "/bridge/vace"))
    for change in changes[:2]:
        played.undo.changed(change)
    assert calls(lambda: played.undo.changed(changes[2])) <= 20


def test_hands_that_move_while_steps_are_taken_back_break_nothing(played):
    played.sets(PAGE, black=True)
    ended = threading.Event()

    def moves(by, name):
        number = 0
        while not ended.is_set():
            number += 1
            played.now += 0.01
            played.store.update({name: (number % 100) / 100}, by)

    hands = [threading.Thread(target=moves, args=each) for each in
             ((PAGE, "mix"), (DESK, "vace_scale"), (Setter(By.REST, "a:1"), "mix"))]  # fmt: skip
    for hand in hands:
        hand.start()
    for press in (played.undo.undo, played.undo.redo, played.undo.undo) * 50:
        with suppress(ActionError):
            press()
        told = played.undo.told()
        assert told["undo_steps"] <= undo.MOST
    ended.set()
    for hand in hands:
        hand.join()
    assert not played.store.listeners.faults.counts
    assert played.store.snapshot.values["black"]
    played.now += 1
    before = played.held
    played.sets(PAGE, prompt="last")
    played.back()
    assert played.held == before


def value(spec, rng):
    match spec.kind:
        case Kind.BOOL:
            return rng.random() < 0.5
        case Kind.INT:
            return rng.randint(int(spec.minimum or 0), int(min(spec.maximum or 9, 1e6)))
        case Kind.FLOAT:
            return rng.uniform(spec.minimum or 0, spec.maximum or 1)
        case Kind.CHOICE:
            return rng.choice([c for c in spec.choices if c not in {*spec.packages, *spec.on_gpu}])
        case _:
            return f"text {rng.randint(0, 9)}"


@pytest.mark.parametrize("seed", range(20))
def test_any_sequence_can_be_walked_back_and_again(played, seed):
    """Of several hands, among switches, buttons and black: back to the start, and to the end."""
    rng = random.Random(seed)
    specs = [s for s in played.store.specs.values()
             if s.kind not in (Kind.SIZE, Kind.STEPS) and not (s.asset or s.lora)]  # fmt: skip
    rows = [name for name in ROWS if name != "passthrough"]
    played.sets(PAGE, **dict.fromkeys(MOMENTARY, True))
    path = [played.held]
    for _ in range(60):
        chosen = {s.name: value(s, rng) for s in rng.sample(specs, rng.randint(1, 4))}
        match rng.randint(0, 5):
            case 0:
                played.switches(rng.choice(rows))
            case 1:
                played.sets(Setter(By.ACTION, "look"), **{**chosen, "black": True})
            case _:
                played.sets(rng.choice([PAGE, SAME_PAGE, DESK]), **{**chosen, "black": True})
        if any(played.held[n] != path[-1][n] for n in played.held.keys() - MOMENTARY):
            path.append(played.held)
        walked = rng.randint(0, min(3, len(path) - 1)) if rng.random() < 0.3 else 0
        played.back(walked)
        played.again(rng.randint(0, walked) if walked else 0)
        del path[len(played.undo._done) + 1 :]
        played.sets(PAGE, black=True)
        assert played.store.snapshot.values["black"]

    def plain(held):
        return {name: v for name, v in held.items() if name not in MOMENTARY}

    assert plain(played.held) == plain(path[-1])
    for expected in reversed(path[:-1]):
        played.back()
        assert plain(played.held) == plain(expected)
    assert played.undo.told()["undo"] == ""
    for expected in path[1:]:
        played.again()
        assert plain(played.held) == plain(expected)
    assert played.store.snapshot.values["black"], "black stays black"
