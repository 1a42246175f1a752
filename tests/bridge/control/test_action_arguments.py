"""An action's argument: one declaration, one check, the same at OSC, REST, layouts and the kit."""

import re
from functools import partial

import pytest

from bridge.control.bridge_api import Action
from bridge.control.layouts.model import layout
from bridge.control.osc.routes import buttons, indexed, pressed
from bridge.control.schema import schema
from bridge.state.actions import ActionError, Argument
from engine.parameters import Kind
from td_components import bridge_pages

PLACE = Argument(
    name="number", kind=Kind.INT, help="Its number.", minimum=1, maximum=999, index=True
)
NEEDED = Argument(
    name="number", kind=Kind.INT, help="Its number.", minimum=1, maximum=999, index=True,
    needed=True,
)  # fmt: skip
LEVEL = Argument(name="level", kind=Kind.FLOAT, help="How much.", minimum=0, maximum=2, needed=True)
WORD = Argument(name="word", kind=Kind.TEXT, help="A word.")


@pytest.fixture(name="acting")
def _acting(desk):
    """The desk with one action of each kind of argument."""
    rows = {"cue": NEEDED, "cue/keep": PLACE, "dim": LEVEL, "say": WORD}
    for name, argument in rows.items():
        desk.actions[name] = Action("Of a test.", partial(desk._act, name), argument)
    return desk


@pytest.mark.parametrize(
    ("name", "arguments", "runs"),
    [
        ("cue", [3], (3,)), ("cue", [3.0], (3,)), ("cue", ["3"], (3,)), ("cue", [1], (1,)),
        ("cue", [0], None), ("cue", [False], None),
        ("cue/keep", [], ()), ("cue/keep", [1], ()), ("cue/keep", [1.0], ()),
        ("cue/keep", [True], ()), ("cue/keep", [0.0], None), ("cue/keep", [7], (7,)),
        ("dim", [0], (0.0,)), ("dim", [0.0], (0.0,)), ("dim", [1], (1.0,)),
        ("dim", ["0,5"], (0.5,)),
        ("say", ["warm", "gold"], ("warm gold",)), ("say", [], ()), ("say", [0], None),
        ("reset", [1], ()), ("reset", [0], None),
    ],
)  # fmt: skip
def test_what_a_message_runs_an_action_with(acting, name, arguments, runs):
    assert pressed(acting.actions[name], arguments) == runs


@pytest.mark.parametrize(
    ("name", "arguments", "why"),
    [
        ("cue", [], "The number is missing: a whole number from 1 to 999."),
        *(
            (name, ["?"], "A button has no value to ask for; send 1 to press it.")
            for name in ("reset", "cue", "say")
        ),
        ("cue", [1000], "number takes a whole number from 1 to 999, not 1000."),
        ("cue", [2.5], "number takes a whole number from 1 to 999, not 2.5."),
        ("cue", [-1], "number takes a whole number from 1 to 999, not -1."),
        ("dim", [float("nan")], "level takes a number from 0 to 2, not nan."),
        ("dim", ["loud"], "level takes a number from 0 to 2, not 'loud'."),
    ],
)
def test_a_value_that_an_action_does_not_take_is_refused_in_a_sentence(
    acting, name, arguments, why
):
    with pytest.raises(ValueError, match=f"^{re.escape(why)}$"):
        pressed(acting.actions[name], arguments)


def test_a_number_in_an_address_is_the_argument(acting):
    found = buttons(acting)
    assert indexed(found, "/bridge/cue/3") == ("/bridge/cue", 3)
    assert indexed(found, "/bridge/cue/keep/12") == ("/bridge/cue/keep", 12)
    for other in ("/bridge/dim/1", "/bridge/reset/3", "/bridge/cue/x", "/bridge/cue/", "/bridge/3"):
        assert indexed(found, other) is None
    for beyond in ("0", "1000", "9" * 5000):
        with pytest.raises(ValueError, match="whole number from 1 to 999"):
            indexed(found, f"/bridge/cue/{beyond}")


def test_the_same_over_http(acting, client):
    def press(name, *body):
        answer = client.post(f"/api/v1/actions/{name}", **({"json": body[0]} if body else {}))
        return answer.status_code, answer.json()

    assert press("cue", {"value": 3}) == (200, {"done": "cue", "value": "cue 3"})
    kept = {"done": "cue/keep", "value": "cue/keep"}
    assert press("cue/keep") == press("cue/keep", {}) == (200, kept)
    assert press("dim", {"value": "0,5"})[0] == 200
    assert acting.acted == ["cue 3", "cue/keep", "cue/keep", "dim 0.5"]
    assert press("cue") == (
        409,
        {"detail": "cue: The number is missing: a whole number from 1 to 999."},
    )
    for wrong in (1000, 2.5, [1], {"a": 1}, True):
        status, told = press("cue", {"value": wrong})
        assert status == 422
        assert told["detail"].startswith("cue: number takes a whole number from 1 to 999, not ")
    assert press("reset", {"value": 1}) == (409, {"detail": "reset: This action takes no value."})
    assert len(acting.acted) == 4


def test_an_action_answers_or_fails_with_a_sentence(desk, client):
    def full():
        raise ActionError("The disk is full.", 507)

    desk.actions["cue"] = Action("Of a test.", lambda: 4)
    desk.actions["live"] = Action("Of a test.", full)
    assert client.post("/api/v1/actions/cue").json() == {"done": "cue", "value": 4}
    answer = client.post("/api/v1/actions/live")
    assert (answer.status_code, answer.json()) == (507, {"detail": "The disk is full."})


def test_schema_layouts_and_kit_read_the_argument(acting):
    told = schema(acting)
    (row,) = (row for row in told["actions"] if row["name"] == "cue")
    assert row["argument"] == {
        "name": "number", "kind": "int", "help": "Its number.", "minimum": 1, "maximum": 999,
        "unit": "", "needed": True, "index": True,
    }  # fmt: skip
    addresses = layout(told).addresses
    assert {"/bridge/cue/1", "/bridge/cue/8", "/bridge/cue/keep"} < addresses
    assert "/bridge/cue" not in addresses, "a button sends 1, which would always be the first"
    assert "/bridge/dim" not in addresses, "a fader would press it all the way"
    pulses = {row.key for row in bridge_pages.plan(told) if row.kind == "action"}
    assert {"cue/keep", "say", "reset"} <= pulses
    assert not {"cue", "dim"} & pulses
