"""A seed keeps all digits that a float holds; -1 draws one, which every surface shows."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from starlette.testclient import TestClient

from bridge.control.http.app import create_app
from bridge.control.http.rules import Rules
from bridge.state.store import ParameterStore
from engine.catalog.controls import CausalParameters
from engine.catalog.rows import BUILT_IN, Catalog
from engine.parameters import DRAWN, EXACT, Parameters, control, describe
from tests.bridge.control.osc.test_osc import osc
from tests.support.desk import FakeDesk
from tests.support.rig import running_session

LARGEST = 2**53 - 1


def store() -> ParameterStore:
    return ParameterStore(describe(CausalParameters))


@given(st.integers(0, LARGEST))
def test_every_seed_is_kept_as_it_is_typed_and_sent(number):
    kept = store()
    for written in (number, str(number)):
        kept.update({"seed": 1})
        kept.update({"seed": written}, lenient=True)
        assert kept.snapshot.values["seed"] == number
    assert CausalParameters(seed=number).seed == number
    assert json.loads(json.dumps(number)) == number == int(float(number))


def test_minus_one_draws_another_each_time_and_a_seed_that_is_drawn_can_be_set_again():
    kept, seen = store(), set()
    for draw in ({"seed": -1}, {"seed": -1.0}, {"seed": "-1"}, {"seed": -99}) * 3:
        drawn = kept.update(draw, lenient=True)["seed"]
        assert drawn == kept.snapshot.values["seed"]
        assert 0 <= drawn < DRAWN
        assert kept.update({"seed": drawn}) == {"seed": drawn}
        seen.add(drawn)
    assert len(seen) > 9


def test_what_does_not_draw_may_be_minus_one():
    class Made(Parameters):
        dice: int = control(1, "Dice.", minimum=-1, maximum=6, draws=True)
        shift: int = control(0, "Shift.", minimum=-1, maximum=1)

    kept = ParameterStore(describe(Made))
    assert kept.update({"shift": -1}) == {"shift": -1}
    assert kept.update({"dice": -1})["dice"] >= 0


def test_osc_tells_a_seed_with_all_its_digits_and_the_one_that_was_drawn(tmp_path):
    with osc(tmp_path) as o:
        for types, given_ in (("h", LARGEST), ("s", str(LARGEST)), ("h", 2**63 - 1)):
            o.send("/bridge/seed", given_, types=types)
            o.hears("/bridge/seed", str(LARGEST))
            o.send("/bridge/seed", 7)
            o.hears("/bridge/seed", 7)
        o.send("/bridge/seed", -1)
        o.until(lambda: o.value("seed") != 7)
        o.hears("/bridge/seed", o.value("seed"))


@pytest.mark.parametrize(
    ("given_", "types", "holds"),
    [
        (2**53, "h", LARGEST), (2**63 - 1, "h", LARGEST), (str(2**64), "s", LARGEST),
        (1e30, "d", LARGEST), (4.7, "d", 5),
    ],
)  # fmt: skip
def test_osc_says_that_another_seed_holds_than_the_one_that_was_sent(
    tmp_path, given_, types, holds
):
    with osc(tmp_path) as o:
        o.send("/bridge/seed", given_, types=types)
        told = o.heard("/bridge/error")
        assert told.startswith(f"/bridge/seed: seed takes a whole number from -1 to {LARGEST}, not")
        assert told.endswith(f"; using {holds}.")
        assert o.value("seed") == holds
        assert o.desk.counters.osc_refused == 0


@pytest.mark.parametrize("given_", [-5, "-5", -2.0])
def test_osc_says_which_seed_was_drawn_for_one_below_minus_one(tmp_path, given_):
    with osc(tmp_path) as o:
        o.send("/bridge/seed", given_)
        told = o.heard("/bridge/error")
        assert told.endswith(f"; using {o.value('seed')}.")


@pytest.mark.parametrize("given_", [-1, 42.0, "42"])
def test_osc_says_nothing_of_a_seed_that_is_taken_as_it_was_sent(tmp_path, given_):
    with osc(tmp_path) as o:
        o.send("/bridge/seed", given_)
        o.until(lambda: o.value("seed") != 42 or given_ != -1)
        o.send("/bridge/nothing", 1)
        assert o.heard("/bridge/error") == "Unknown address '/bridge/nothing'."


def test_rest_answers_with_the_seed_that_was_drawn_and_refuses_what_is_none(tmp_path):
    desk = FakeDesk(tmp_path)
    with TestClient(create_app(desk, Rules()), "http://127.0.0.1:8000") as client:
        drawn = client.patch("/api/v1/parameters", json={"seed": -1}).json()["seed"]
        assert drawn == desk.store.snapshot.values["seed"] >= 0
        for odd in (-2, 2**53, 2**64 - 1, 1.5, "x"):
            answer = client.patch("/api/v1/parameters", json={"seed": odd})
            assert answer.status_code == 422
            assert f"a whole number from -1 to {EXACT - 1}" in answer.text
        assert client.get("/api/v1/parameters").json()["seed"] == drawn


def test_a_pipeline_takes_no_more_than_the_door():
    for odd in (-2, 2**53):
        with pytest.raises(ValidationError):
            CausalParameters(seed=odd)


def test_a_running_bridge_keeps_the_seed_that_it_drew(tmp_path):
    with running_session(tmp_path, Catalog(BUILT_IN), pipeline="passthrough") as rig:
        drawn = rig.session.store.update({"seed": -1})["seed"]
        kept = tmp_path / f"{rig.session.settings.name}.journal.json"
        rig.until(lambda: kept.is_file() and json.loads(kept.read_text())["values"])
    assert json.loads(kept.read_text())["values"]["seed"] == drawn
