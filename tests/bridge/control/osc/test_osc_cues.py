"""Cues and blind by OSC."""

import pytest

from tests.bridge.control.osc.test_osc import osc

pytestmark = pytest.mark.slow


@pytest.fixture(name="o")
def _o(tmp_path):
    with osc(tmp_path) as o:
        yield o


@pytest.mark.parametrize(
    ("address", "arguments", "done"),
    [
        ("/bridge/go", (1,), "go"),
        ("/bridge/cue", (3.5,), "cue 3.5"),
        ("/bridge/cue", (3,), "cue 3.0"),
        ("/bridge/cue", ("3,5",), "cue 3.5"),
        ("/bridge/cue/back", (1,), "cue/back"),
        ("/bridge/cue/cancel", (1,), "cue/cancel"),
        ("/bridge/blind/take", (1,), "blind/take"),
    ],
)
def test_a_cue_goes_by_its_address(o, address, arguments, done):
    o.send(address, *arguments)
    o.until(lambda: o.desk.acted == [done])


def test_a_cue_that_is_none_is_refused(o):
    o.send("/bridge/go", 0)  # a button that is released
    o.send("/bridge/cue", "x")
    assert "/bridge/cue" in o.heard("/bridge/error")
    assert o.desk.acted == []


def test_values_are_set_blind_and_answered_at_their_own_addresses(o):
    before = o.desk.store.snapshot
    o.send("/bridge/blind/vace", 9.0)
    o.hears("/bridge/blind/vace", 2.0)
    o.send("/bridge/blind/prompt", "a", "red", "sea")
    o.hears("/bridge/blind/prompt", "a red sea")
    assert dict(o.desk.show.blind.values) == {"vace_scale": 2.0, "prompt": "a red sea"}
    o.send("/bridge/blind/ref", "missing.png")
    assert "missing.png" in o.heard("/bridge/error")
    o.send("/bridge/blind/black", 1)  # is in no look
    assert "blind/black" in o.heard("/bridge/error")
    o.send("/bridge/blind/pipeline", "longlive")
    assert "make a cue" in o.heard("/bridge/error")
    assert o.desk.store.snapshot is before
