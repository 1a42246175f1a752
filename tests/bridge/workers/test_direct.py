"""Passthrough by the bridge itself: exact, at once, with no engine worker and nothing to kill."""

import time
from types import SimpleNamespace

import numpy as np
import psutil
import pytest

from bridge.state.actions import ActionError
from bridge.workers.client import WorkerConfig
from bridge.workers.direct import Direct
from engine.catalog.rows import BUILT_IN
from tests.support.bridge import running
from tests.support.rig import running_session, scene

ROW = next(row for row in BUILT_IN if row.id == "passthrough")


def workers() -> list[psutil.Process]:
    found = []
    for child in psutil.Process().children(recursive=True):
        try:
            if "engine.worker" in child.cmdline() and child.status() != psutil.STATUS_ZOMBIE:
                found.append(child)
        except psutil.NoSuchProcess:
            pass
    return found


@pytest.mark.slow
@pytest.mark.parametrize("on_arrival", [True, False])
def test_passthrough_runs_without_a_worker_bit_for_bit_and_says_so(tmp_path, on_arrival):
    with running_session(
        tmp_path, pipeline="passthrough", alpha="input", on_arrival=on_arrival
    ) as rig:
        rig.until(lambda: "passthrough waits for a frame" in rig.session.status().reason)
        for number in range(5):
            image = scene(64, 48, number)
            image[..., 3] = np.arange(64)
            rig.put(image)
            rig.wait(lambda frame, sent=image: np.array_equal(frame.image, sent))
        status = rig.session.status()
        assert (status.state, status.pipeline, status.reason) == ("RUNNING", "passthrough", "")
        assert (status.worker, status.worker_memory, status.device) == (0, 0.0, "none")
        assert workers() == []


def test_kill_engine_says_that_none_runs_and_reload_changes_nothing_to_see(tmp_path):
    with running_session(tmp_path, pipeline="passthrough") as rig:
        rig.put(scene(64, 48, 1))
        rig.running("passthrough")
        with pytest.raises(ActionError, match="No engine runs: passthrough needs none"):
            rig.session.actions["kill_engine"].run()
        for action in ("reset", "reload"):
            rig.session.actions[action].run()
        rig.put(scene(64, 48, 2))
        rig.wait(lambda frame: np.array_equal(frame.image, scene(64, 48, 2)))
        assert (rig.session.status().restarts, rig.session.status().error) == (0, "")


@pytest.mark.slow
def test_a_switch_to_it_ends_the_worker_and_a_switch_back_starts_one(tmp_path):
    with running_session(tmp_path, load={"frames": 1}, pipeline="painter") as rig:
        stop = rig.steady_input()
        rig.running("painter")
        worker = rig.session.status().worker
        rig.session.switch("passthrough")
        rig.running("passthrough")
        rig.until(lambda: not psutil.pid_exists(worker))
        assert rig.session.status().worker == 0
        rig.session.switch("painter")
        rig.running("painter")
        assert rig.session.status().worker > 0
        rig.session.actions["kill_engine"].run()
        rig.until(lambda: rig.session.status().restarts == 1)
        stop()


@pytest.mark.slow
def test_a_still_input_is_shown_after_a_switch_and_the_snapshot_is_the_newest(tmp_path):
    with running_session(tmp_path, load={"frames": 1}, pipeline="painter") as rig:
        rig.put(scene(64, 48, 1))
        rig.running("painter")
        rig.session.store.update({"mix": 0.9})
        number = rig.session.store.snapshot.number
        rig.session.switch("passthrough")
        rig.session.store.update({"mix": 1.0})
        rig.wait(lambda frame: np.array_equal(frame.image, scene(64, 48, 1)))
        rig.until(lambda: rig.session.status().snapshot >= number)


class Passed:
    """A `Direct` alone."""

    def __init__(self, **values) -> None:
        self.news = []
        orders = WorkerConfig(row=ROW, load=ROW.load(), hang_s=3.0, load_s=60.0)
        self.direct = Direct(orders, SimpleNamespace(), lambda link, news: self.news.append(news))
        self.direct.start(7, values)

    def put(self, number: int) -> None:
        self.direct.inbox.put(SimpleNamespace(index=number, time=float(number), image=number))


def test_of_frames_that_nobody_takes_the_newest_stay_and_the_rest_are_counted():
    passed = Passed()
    for number in range(10):
        passed.put(number)
    ring = passed.direct.ring
    assert (ring.waiting, ring.dropped, len(passed.news)) == (4, 6, 10)
    ring.skip(1)
    slot = ring.next()
    assert (slot.image, slot.time, slot.tag) == (7, 7.0, 7)
    assert [ring.next().image, ring.next().image, ring.next()] == [8, 9, None]


def test_max_fps_holds_for_it_too_with_the_newest_frame(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("bridge.workers.direct.perf_counter", lambda: now[0])
    passed = Passed(max_fps=10.0)
    shown = []
    for number in range(100):
        passed.put(number)
        if passed.direct.ring.waiting:
            shown.append(passed.direct.ring.next().image)
        now[0] += 1 / 60
    assert 16 <= len(shown) <= 17
    assert shown == sorted(shown)
    assert 99 - len(shown) <= passed.direct.inbox.dropped <= 100 - len(shown)
    passed.direct.set_parameters(8, {"max_fps": 0.0})
    for number in (100, 101):
        passed.put(number)
    passed.direct.ring.skip(passed.direct.ring.waiting - 2)
    assert [passed.direct.ring.next().image for _ in range(2)] == [100, 101]


@pytest.mark.slow
def test_as_the_fallback_it_needs_no_second_worker(tmp_path):
    chosen = {"pipeline": "painter", "fallback": "passthrough", "settle_s": 60, "hang_s": 20}
    with running_session(tmp_path, load={"frames": 1}, **chosen) as rig:
        stop = rig.steady_input()
        rig.running()
        rig.session.store.update({"hold_s": 0.3, "stall": 6.0})
        rig.until(lambda: rig.session.status().shown == "fallback")
        assert len(workers()) == 1
        stop()


@pytest.mark.slow
def test_the_doors_of_a_running_bridge_say_that_no_engine_runs(tmp_path):
    more = "--source", "pattern:", "--sink", "null:", "--pipeline", "passthrough"
    with running(tmp_path, *more, "--output-size", "64x48") as bridge:
        state = bridge.until(lambda state: state["state"] == "RUNNING")
        assert (state["worker"], state["device"]) == (0, "none")
        status, text = bridge.refused("actions/kill_engine", {})
        assert (status, text) == (409, "No engine runs: passthrough needs none.")
        refused = state["osc_refused"]
        bridge.osc("/bridge/kill_engine", 1)
        bridge.until(lambda state: state["osc_refused"] > refused)
        time.sleep(0.2)
        state = bridge.state()
        assert (state["state"], state["restarts"], state["error"]) == ("RUNNING", 0, "")
