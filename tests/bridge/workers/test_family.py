"""Pipelines of one family are swapped within one worker, however little memory is free."""

import pytest

from tests.support.doubles import FARM
from tests.support.rig import Rig, running_session


@pytest.fixture
def rig(tmp_path):
    with running_session(tmp_path, FARM, pipeline="hog") as started:
        started.running("hog")
        yield started


def goes_on(rig: Rig, pipeline: str) -> None:
    """Wait until new pictures of that pipeline are shown."""
    shown = rig.session.counters.shown
    rig.until(lambda: rig.session.status().pipeline == pipeline)
    made = shown["new"]
    rig.until(lambda: shown["new"] > made + 8)
    status = rig.session.status()
    assert (status.pipeline, status.state, status.black_frames) == (pipeline, "RUNNING", 0)
    assert status.loading == ""


@pytest.mark.parametrize("appetite", [3, pytest.param(8, marks=pytest.mark.slow)])
def test_one_takes_the_place_of_another_whether_or_not_both_fit(rig, appetite):
    worker = rig.session.status().worker
    for name in ("sow", "boar", "hog"):
        rig.session.switch(name, {"appetite": appetite})
        goes_on(rig, name)
    status = rig.session.status()
    assert (status.worker, status.restarts, status.error) == (worker, 0, "")
    herd = [6, appetite, appetite, appetite]
    rig.until(lambda: rig.session.status().notes["herd"] == herd)  # they share what they leave


@pytest.mark.slow
def test_the_old_one_is_built_again_where_the_new_one_never_fits(rig):
    worker = rig.session.status().worker
    rig.session.switch("sow", {"appetite": 11})
    rig.until(lambda: rig.session.status().error)
    assert "sow could not be loaded" in rig.session.status().error
    assert "There is no memory of 11." in rig.session.status().error
    goes_on(rig, "hog")
    assert (rig.session.status().worker, rig.session.status().restarts) == (worker, 0)
    rig.session.switch("sow", {"appetite": 4})
    goes_on(rig, "sow")
    assert rig.session.status().error == ""


@pytest.mark.slow
def test_another_worker_brings_the_old_one_back_where_this_one_cannot(rig):
    worker = rig.session.status().worker
    rig.session.switch("sow", {"appetite": 99})
    rig.until(lambda: rig.session.status().restarts == 1)
    goes_on(rig, "hog")
    assert rig.session.status().worker != worker
    assert "sow could not be loaded" in rig.session.status().error
