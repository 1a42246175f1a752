"""Actions are data: listing them needs no session, and a session binds each."""

import pytest

import bridge.session
from bridge.cli import tables
from bridge.control import layouts
from bridge.settings import Settings
from bridge.state.actions import ACTIONS, ActionSpec
from engine.catalog.rows import Catalog


def test_a_session_binds_each_action(tmp_path):
    session = bridge.session.Session(Settings(folder=tmp_path), Catalog())
    assert {name: action.help for name, action in session.actions.items()} == {
        row.name: row.help for row in ACTIONS
    }


@pytest.mark.parametrize(
    ("rows", "named"),
    [
        ((*ACTIONS, ActionSpec("deck", "x.")), "deck: "),
        (ACTIONS[1:], f"{ACTIONS[0].name}: "),
        ((ActionSpec("amp", "x."), *ACTIONS, ActionSpec("deck", "x.")), "amp, deck: "),
    ],
)
def test_an_action_without_its_binding_is_named_at_the_start(tmp_path, monkeypatch, rows, named):
    monkeypatch.setattr(bridge.session, "ACTIONS", rows)
    with pytest.raises(LookupError, match=f"^{named}an action needs its row .* and its binding"):
        bridge.session.Session(Settings(folder=tmp_path), Catalog())


def test_lists_and_layouts_build_no_session(monkeypatch):
    monkeypatch.setattr(bridge.session.Session, "__init__", lambda *_: pytest.fail("built"))
    _, _, rows = tables.actions()
    assert [name for name, *_ in rows] == [row.name for row in ACTIONS]
    addresses = layouts.installed().addresses
    pressed = {row.name for row in ACTIONS if not (row.argument and row.argument.needed)}
    assert {f"/bridge/{name}" for name in pressed} < addresses
    assert {"/bridge/prompt", "/bridge/mix", "/bridge/pipeline/longlive"} < addresses
