"""A worker that ran out of memory shows a badge, with its reason, until the size is changed."""

import pytest

from engine.catalog.rows import BUILT_IN, Catalog
from tests.support.rig import running_session
from tests.support.roomy import ROOMY

ROWS = Catalog((*BUILT_IN, ROOMY))


@pytest.mark.slow
@pytest.mark.parametrize("text", [True, False])
def test_half_the_size_is_degraded_until_another_size_is_chosen(tmp_path, text):
    load = {"text": text, "room": 1000}
    with running_session(tmp_path, ROWS, load, pipeline="roomy") as rig:
        stop = rig.steady_input()
        rig.until(lambda: rig.session.status().state == "DEGRADED")
        rig.until(lambda: rig.session.status().engine_size == "32x24")
        rig.session.store.update({"room": 100_000})
        shown, states = rig.session.status().frames_new, set[str]()

        def made_more() -> bool:
            status = rig.session.status()
            states.add(status.state)
            return status.frames_new > shown + 30

        rig.until(made_more)
        status = rig.session.status()
        assert states == {"DEGRADED"}, "it does not try the whole size again by itself"
        assert status.reason == "Out of memory: now running at half the size."
        assert (status.engine_size, status.restarts) == ("32x24", 0)
        rig.session.store.update({"size": "96x64"})
        rig.until(lambda: rig.session.status().engine_size == "96x64")
        status = rig.session.status()
        assert (status.state, status.reason, status.restarts) == ("RUNNING", "", 0)
        stop()
