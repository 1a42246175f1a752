"""Inputs that were lost, or were switched to and send nothing: told until frames come."""

import os
from functools import partial

import pytest
from starlette.testclient import TestClient

from bridge.control.http.app import create_app
from bridge.control.http.rules import Rules
from tests.bridge.playout.test_guides import shm
from tests.support.guided import CATALOG
from tests.support.rig import running_session, scene

HERE = "http://127.0.0.1:8000"
HELD = "; the last frame of the previous input is held."
start = partial(running_session, pipeline="passthrough", osc_feedback=())


@pytest.mark.slow
def test_an_input_that_sends_nothing_and_one_that_is_lost_are_told_until_it_is_back(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("bridge.playout.receive.STILL", 0.3)
    name = f"silent-{os.getpid()}"
    with start(tmp_path) as rig, TestClient(create_app(rig.session, Rules()), HERE) as client:
        status = rig.session.status
        rig.until(lambda: status().state == "WARMUP")
        assert (status().input, status().error) == ("waiting", ""), "nothing is lost yet"
        rig.put(scene(64, 48))
        rig.running()
        rig.until(lambda: status().input == "still")
        assert status().error == "", "as a sender of a single image is"
        assert client.post("/api/v1/source", json={"uri": f"shm:{name}"}).status_code < 300
        told = f"The input shm:{name} has sent no frame yet{HELD}"
        rig.until(lambda: status().error == told)
        assert (status().input, status().input_problem) == ("waiting", told)
        with shm(name, 20):
            rig.until(lambda: status().input == "live")
            assert (status().error, status().input_problem) == ("", "")
        lost = f"The input shm:{name} is lost; its last frame is held until it is back."
        rig.until(lambda: status().error == lost)
        with shm(name, 20, (32, 32)):
            rig.until(lambda: status().error == "")
        rig.until(lambda: status().error == lost)
        rig.session.set_source(f"memory:{rig.name}")  # which is there, and sends nothing
        told = f"The input memory:{rig.name} has sent no frame yet{HELD}"
        rig.until(lambda: status().error == told)
        rig.put(scene(64, 48))
        rig.until(lambda: status().error == "")


def test_one_that_is_switched_to_before_any_frame_came_is_told_too(tmp_path, monkeypatch):
    monkeypatch.setattr("bridge.playout.receive.STILL", 0.3)
    with start(tmp_path) as rig:
        rig.session.set_source("shm:nobody-at-all")
        told = "The input shm:nobody-at-all has sent no frame yet."
        rig.until(lambda: rig.session.status().error == told)


@pytest.mark.slow
def test_a_control_that_is_switched_to_and_sends_nothing_is_not_called_lost(tmp_path, monkeypatch):
    monkeypatch.setattr("bridge.playout.receive.STILL", 0.3)
    first, second = (f"silent-{n}-{os.getpid()}" for n in "ab")
    given = {"pipeline": "stripes", "size": "64x48", "control": f"shm:{first}"}
    with running_session(tmp_path, CATALOG, **given) as rig, shm(first, 20):
        stop = rig.steady_input()
        rig.until(lambda: rig.session.status().control_input == "live")
        rig.session.set_source(f"shm:{second}", "control")
        rig.until(lambda: rig.session.status().error == (
            f"The control shm:{second} has sent no frame yet; the last frame of the previous one "
            "is held."
        ))  # fmt: skip
        with shm(second, 20):
            rig.until(lambda: not rig.session.status().error)
        rig.until(lambda: f"{second} is lost; its last frame is held" in rig.session.status().error)
        stop()
