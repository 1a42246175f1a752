"""Old names are still accepted at every door, and logged once with the new name."""

import json
import logging

import pytest
from pythonosc.osc_message import OscMessage

from bridge.state import renamed
from bridge.state.actions import ACTIONS
from bridge.state.controls import all_specs
from bridge.state.renamed import GONE_IN, RENAMED
from bridge.state.status import STATUS
from bridge.state.store import ParameterError, ParameterStore
from engine.catalog.rows import BUILT_IN, Catalog
from engine.parameters import Kind, Parameters, control, describe
from tests.bridge.control.osc.test_osc import osc
from tests.support.bridge import running
from tests.support.slow_cases import rest_slow

PARAMETERS = [row for row in RENAMED if row.what == "parameter"]
SPECS = {spec.name: spec for spec in all_specs(Catalog(BUILT_IN))}


@pytest.fixture(autouse=True)
def _untold(monkeypatch):
    monkeypatch.setattr(renamed, "_told", set())


def another(name):
    """A value of a parameter that is not its default."""
    spec = SPECS[name]
    match spec.kind:
        case Kind.BOOL:
            return not spec.default
        case Kind.CHOICE:
            return next(choice for choice in spec.choices if choice != spec.default)
        case Kind.TEXT:
            return "another"
        case _:
            return 0.25


def told(caplog):
    return [record.message for record in caplog.records if "is now called" in record.message]


def test_every_row_names_what_there_is_and_nothing_of_before_is_left():
    known = {
        "action": {action.name for action in ACTIONS},
        "parameter": SPECS.keys(),
        "address": {spec.osc for spec in SPECS.values()},
        "state": {row.name for row in STATUS},
    }
    for row in RENAMED:
        assert row.new in known[row.what], row
        assert row.old not in known[row.what], row
        for new in row.values.values():
            assert new in SPECS[row.new].choices
            assert not row.values.keys() & {*SPECS[row.new].choices}


@pytest.mark.parametrize("row", PARAMETERS, ids=lambda row: row.old)
def test_a_store_takes_both_names_and_tells_once(row, caplog):
    store = ParameterStore(SPECS.values())
    value = another(row.new)
    with caplog.at_level(logging.WARNING):
        assert store.update({row.old: value}) == {row.new: value}
        assert store.update({row.old: value}) == {row.new: value}
        assert store.waits([row.old]) == store.waits([row.new])
    assert told(caplog) == [
        f"{row.old} is now called {row.new}; the old name works until version {GONE_IN}."
    ]
    assert store.snapshot.values[row.new] == value
    assert row.old not in store.snapshot.values
    for old, new in row.values.items():
        caplog.clear()
        assert store.update({row.old: old}) == {row.new: new}
        assert store.update({row.new: old}, lenient=True) == {row.new: new}
        assert told(caplog)[0].startswith(f"{row.new}: {old} is now called {new}; the old name ")


def test_a_name_and_its_name_of_before_at_once_are_refused():
    store = ParameterStore(SPECS.values())
    with pytest.raises(ParameterError, match="on_loss is given twice"):
        store.update({"on_loss": "card", "no_picture": "hold"})
    assert store.snapshot.values["on_loss"] == "hold"


def test_a_plug_ins_own_parameter_keeps_its_name():
    class Own(Parameters):
        steady: float = control(0.5, "Of a plug-in.", minimum=0, maximum=5)

    store = ParameterStore([*SPECS.values(), *describe(Own)])
    assert store.update({"steady": 4.0}) == {"steady": 4.0}
    assert store.snapshot.values["anti_flicker"] == 0.5


@pytest.mark.parametrize(
    "row",
    rest_slow(row for row in RENAMED if row.what in ("parameter", "address")),
    ids=lambda row: row.old,
)
def test_osc_takes_an_old_address_and_answers_there_too(tmp_path, row):
    name = next(s.name for s in SPECS.values() if row.new in (s.name, s.osc))
    with osc(tmp_path) as o:
        value = another(name)
        o.send(f"/bridge/{row.old}", value)
        o.until(lambda: o.value(name) == value)
        o.desk.store.update({name: SPECS[name].default})
        new = SPECS[name].default
        old = next((old for old, now in row.values.items() if now == new), new)
        due, heard = {f"/bridge/{row.old}": old, f"/bridge/{SPECS[name].osc}": new}, {}
        while heard != due:
            message = OscMessage(o.feedback.recv(65507))
            if message.address in due:
                heard[message.address] = message.params[0]


WITH_VALUES = [row for row in PARAMETERS if row.values]


@pytest.mark.parametrize("row", WITH_VALUES, ids=lambda row: row.old)
def test_an_old_address_answers_in_its_old_words(tmp_path, row):
    was, now = f"/bridge/{row.old}", f"/bridge/{SPECS[row.new].osc}"
    with osc(tmp_path) as o:

        def told(old, new):
            heard = dict[str, object]()
            while (heard.get(was), heard.get(now)) != (old, new):
                message = OscMessage(o.feedback.recv(65507))
                if message.address in (was, now):
                    heard[message.address] = message.params[0]

        for old, new in (*row.values.items(), *reversed(row.values.items())):
            o.send(was, old)
            told(old, new)
        for old, new in reversed(row.values.items()):
            o.desk.store.update({row.new: new})
            told(old, new)
            o.send(was, "?")
            o.hears(was, old)
            o.send(now, "?")
            o.hears(now, new)


def test_an_old_address_is_silent_until_it_is_used(tmp_path):
    with osc(tmp_path) as o:
        o.desk.store.update({"cache_bias": 0.5})
        addresses = set()
        while "/bridge/state/uptime" not in addresses or "/bridge/cache_bias" not in addresses:
            addresses.add(OscMessage(o.feedback.recv(65507)).address)
        assert "/bridge/kv_cache_attention_bias" not in addresses


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("/bridge/*", []),
        ("/bridge/s*", []),
        ("/bridge/{mix,on_loss,anti_flicker}", []),
        ("/bridge/{fade,steady}", ["steady"]),
        ("/bridge/lora/[12]", ["lora/1", "lora/2"]),  # which matches no other
    ],
)
def test_a_pattern_means_an_old_address_only_if_it_says_so(tmp_path, caplog, pattern, said):
    with caplog.at_level(logging.WARNING), osc(tmp_path) as o:
        o.send(pattern, 0.75)
        o.send("/bridge/prompt", "sent later")
        o.until(lambda: o.value("prompt") == "sent later")
        meant, heard = {f"/bridge/{name}" for name in said}, set[str]()
        while not {"/bridge/prompt", *meant} <= heard:
            heard.add(OscMessage(o.feedback.recv(65507)).address)
    assert [line.partition(" is now")[0].removeprefix("/bridge/") for line in told(caplog)] == said
    assert heard & {f"/bridge/{row.old}" for row in RENAMED} == meant


@pytest.mark.parametrize("place", [1, 2, 3])
def test_the_file_of_a_lora_at_its_old_address_is_told_once_and_echoed(tmp_path, caplog, place):
    was, now, name = f"/bridge/lora_{place}", f"/bridge/lora/{place}/file", f"lora_{place}"
    with caplog.at_level(logging.WARNING), osc(tmp_path) as o:
        for _ in range(2):
            o.send(was, "style.safetensors")
        o.until(lambda: o.value(name) == "style.safetensors")
        o.hears(was, "style.safetensors")
        o.desk.store.update({name: ""})
        o.hears(was, "")
        o.send(f"/bridge/lora/{place}", 0.5)
        o.until(lambda: o.value(f"{name}_strength") == 0.5)
    assert [line.partition("; ")[0] for line in told(caplog)] == [
        f"{was} is now called {now}",
        f"/bridge/lora/{place} is now called /bridge/lora/{place}/strength",
    ]


def test_an_action_pressed_by_its_old_address_is_told_once(tmp_path, caplog):
    with caplog.at_level(logging.WARNING), osc(tmp_path) as o:
        for _ in range(2):
            o.send("/bridge/calm", 1)
        o.until(lambda: o.desk.acted == ["live", "live"])
    assert [line.partition(" is now")[0] for line in told(caplog)] == ["/bridge/calm"]


@pytest.mark.slow
def test_every_door_of_a_running_bridge_takes_them(tmp_path):
    """Command line, journal, REST, and what REST tells."""
    flags = ("--name", "Old", "--sink", "null:", "--source", "pattern:", "--engine", "thread")
    journal = {"values": {"no_picture": "card", "kv_recache": "before"}, "ended": False}
    (tmp_path / "Old.journal.json").write_text(json.dumps(journal))
    given = (*flags, "--set", "steady=0.25", "--set", "vace_use_input_video=false")
    with running(tmp_path, *given) as bridge:
        values = bridge.ask("parameters")
        assert values["anti_flicker"] == 0.25
        assert values["control_from_input"] is False
        assert (values["on_loss"], values["prompt_change"]) == ("card", "as_trained")
        bridge.ask("parameters", {"kv_cache_attention_bias": 0.5}, "PATCH")
        assert bridge.ask("parameters")["cache_bias"] == 0.5
        bridge.ask("parameters", {"black": True, "freeze": True}, "PATCH")
        bridge.ask("actions/calm", {})
        after = bridge.ask("parameters")
        assert (after["black"], after["freeze"]) == (False, False)
        state = bridge.until(lambda state: state["state"] == "RUNNING")
        assert state["report"] == state["notes"]
        rows = bridge.ask("schema")["renamed"]
        assert {(row["old"], row["new"]) for row in rows} == {(r.old, r.new) for r in RENAMED}
    log = (tmp_path / "logs" / "Old.log").read_text("utf-8")
    for old in ("steady", "no_picture", "kv_cache_attention_bias", "action calm"):
        assert log.count(f"{old} is now called") == 1, old
