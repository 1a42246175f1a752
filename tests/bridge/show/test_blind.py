"""What is set blind is checked as always, touches nothing, and is shown or dropped as a whole."""

import pytest

from bridge.show.blind import Blind
from bridge.state.actions import ActionError
from bridge.state.change import UNSAID
from bridge.state.controls import OutputParameters
from bridge.state.store import ParameterError, ParameterStore
from engine.catalog.controls import StylizeParameters
from engine.parameters import describe


class Booth:
    def __init__(self) -> None:
        specs = [*describe(OutputParameters), *describe(StylizeParameters)]
        self.store, self.shown, self.refusal = ParameterStore(specs), [], ""
        self.blind = Blind(self.store, self.show)

    def show(self, values, fade):
        if self.refusal:
            raise ActionError(self.refusal)
        self.shown.append((dict(values), fade))


def test_what_is_set_blind_is_shown_at_once_and_touches_nothing_before():
    booth = Booth()
    blind, before = booth.blind, booth.store.snapshot
    with pytest.raises(ActionError, match="Nothing was set blind"):
        blind.take()
    blind.begin()
    assert blind.told() == {"blind": True, "blind_values": {}}
    blind.set({"prompt": "sea"}, UNSAID)
    assert blind.set({"vace_scale": 9.0}, UNSAID, lenient=True) == {"vace_scale": 2.0}
    for bad in ({"prompt": 3}, {"vace_scale": 9.0}, {"nothing": 1}):
        with pytest.raises(ParameterError):
            blind.set({"prompt": "none of these", **bad}, UNSAID)
    with pytest.raises(ParameterError, match="of the pipeline that runs; make a cue"):
        blind.set({"prompt": "none of these", "pipeline": "longlive"}, UNSAID)
    whole = {"prompt": "sea", "vace_scale": 2.0}
    assert blind.told() == {"blind": True, "blind_values": whole}
    assert booth.store.snapshot is before
    booth.refusal = "There is no such reference."
    with pytest.raises(ActionError, match="no such reference"):
        blind.take(2.0)
    assert blind.values == whole, "it can be mended"
    booth.refusal = ""
    blind.take(2.0)
    assert booth.shown == [(whole, 2.0)]
    assert blind.told() == {"blind": False, "blind_values": {}}
    blind.set({"prompt": "other"}, UNSAID)
    blind.discard()
    assert blind.told() == {"blind": False, "blind_values": {}}
