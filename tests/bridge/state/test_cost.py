"""The cost of setting a parameter, in counted calls: seconds depend on the machine."""

import sys

import engine.parameters
from bridge.control.http.streams import Streams
from bridge.control.osc.feedback import Feedback
from bridge.state.controls import all_specs
from bridge.state.store import ParameterStore
from engine.catalog.rows import BUILT_IN, Catalog
from tests.support.rig import running_session

STORED = 21  # calls to Python functions that it takes to store a float that nobody listens to
TOLD = 130  # the same with all listeners of a bridge, and a worker that has every parameter


def calls(work) -> int:
    """How many Python functions this thread calls for `work`."""
    counted = 0

    def count(frame, event, argument):
        nonlocal counted
        counted += event == "call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return counted - 1  # the work itself


def test_to_store_a_value_takes_a_few_calls():
    store = ParameterStore(all_specs(Catalog(BUILT_IN)))
    store.update({"vace_scale": 0.25})  # what is asked for once has been, such as the log's level
    assert calls(lambda: store.update({"vace_scale": 0.5})) <= STORED


def test_with_all_that_listen_no_parameter_is_described_anew(tmp_path, monkeypatch):
    described = []
    with running_session(tmp_path, Catalog(BUILT_IN), pipeline="stylize", engine="thread") as rig:
        store = rig.session.store
        rig.until(lambda: rig.session._host.current)
        feedback = Feedback(rig.session, lambda *_: True, [("127.0.0.1", 9)])
        feedback.start()
        Streams(rig.session)
        store.update({"vace_scale": 0.25})
        real = engine.parameters._spec
        monkeypatch.setattr(engine.parameters, "_spec", lambda *g: described.append(g) or real(*g))
        assert calls(lambda: store.update({"vace_scale": 0.5})) <= TOLD
        monkeypatch.undo()
        feedback.close()
    assert not described
