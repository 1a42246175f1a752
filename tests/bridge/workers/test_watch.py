"""A worker that hangs is ended, one that slept is not: the watchdogs inside and outside."""

import re
import signal
import sys
import time
from itertools import pairwise
from time import perf_counter

import psutil
import pytest

from bridge.system.timing import Ticker
from engine.system.overdue import BLOCKS, DOUBT, LATE, SHAPES, Limits, Overdue
from tests.support.bridge import running
from tests.support.rig import running_session

STOP, CONT = getattr(signal, "SIGSTOP", None), getattr(signal, "SIGCONT", None)


def looks(watch: Overdue, start: float, end: float, step: float = 0.25) -> bool:
    """Look from start to end; whether it was found late at any time."""
    count = round((end - start) / step)
    return True in [watch.late(start + step * number) for number in range(1, count + 1)]


def test_a_sign_that_does_not_come_is_overdue_and_one_that_comes_is_not():
    watch = Overdue(3.0, 0.0)
    assert not looks(watch, 0.0, 3.0)
    watch.sign(3.0)
    assert not looks(watch, 3.0, 6.0)
    assert looks(watch, 6.0, 6.5 + DOUBT)


def test_what_waits_to_be_read_is_read_before_silence_is_judged():
    watch = Overdue(3.0, 0.0)
    assert not looks(watch, 0.0, 3.25), "beyond the limit there is a doubt at first"
    watch.sign(3.3)
    assert not looks(watch, 3.25, 6.25)


@pytest.mark.parametrize("asleep", [LATE + 0.1, 60.0, 8 * 3600.0])
def test_a_watcher_that_slept_itself_begins_anew(asleep):
    watch = Overdue(3.0, 0.0)
    assert not looks(watch, 0.0, 2.0)
    assert not watch.late(2.0 + asleep)
    assert not looks(watch, 2.0 + asleep, 5.0 + asleep), "the whole limit, from waking on"
    assert looks(watch, 5.0 + asleep, 6.0 + asleep), "and then it is judged as ever"


def test_the_output_clock_makes_up_for_nothing_after_a_sleep(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("bridge.system.timing.perf_counter", lambda: now[0])
    monkeypatch.setattr("time.sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    ticker = Ticker(50)
    ticker.wait()
    now[0] += 3600
    due = [ticker.wait() for _ in range(4)]
    assert [round(b - a, 6) for a, b in pairwise(due)] == [0.02] * 3


def test_the_first_pass_of_a_shape_may_take_as_long_as_loading():
    limits = Limits(3.0, 600.0)
    assert limits.of("small") == 600.0
    limits.took("small", 40.0)
    assert limits.of("small") == BLOCKS * 40.0, "all that is known of it"
    limits.took("small", 0.2)
    assert limits.of("small") == 3.0, "the first one compiled, the others do not"
    assert limits.of("large") == 600.0
    limits.took("small", 2.0)
    assert limits.of("small") == BLOCKS * 2.0


def test_shapes_are_not_remembered_without_end():
    limits = Limits(3.0, 600.0)
    for number in range(SHAPES + 1):
        limits.took(number, 0.1)
    assert limits.of(0) == 600.0
    assert limits.of(1) == 3.0


@pytest.mark.slow
def test_the_first_block_of_a_shape_is_no_hang_and_what_hangs_after_it_is(tmp_path):
    load = {"frames": 1, "first": 1.2}
    with running_session(tmp_path, pipeline="painter", load=load, hang_s=0.5) as rig:
        stop = rig.steady_input()
        rig.running()
        worker, block = rig.session.status().worker, rig.session._host.current.block
        longest = lambda: max([*block.intervals], default=0.0)  # noqa: E731 - of the last few
        for change, sizes in (({"size": "32x32"}, "32x32"), ({"steps": 2}, "32x32")):
            shown = rig.session.status().frames_new
            rig.session.store.update(change)
            rig.until(lambda: longest() > 1.2)
            rig.until(lambda: longest() < 1.2)
            rig.until(lambda shown=shown: rig.session.status().frames_new > shown + 10)
            assert rig.session.status().engine_size == sizes
        assert rig.session.status().worker == worker, rig.session.status().error
        rig.session.store.update({"trouble": "hang"})
        began = perf_counter()
        rig.until(lambda: rig.session.status().restarts == 1)
        assert perf_counter() - began < 10, "by the short limit, not by that of loading"
        stop()


FIRST = re.compile(
    r"The first block of painter has taken (\d+) s of at most \d+ s; `kill_engine` ends it\."
)


@pytest.mark.slow
@pytest.mark.parametrize("text", [False, True])
def test_a_first_block_longer_than_a_hang_is_waited_for_and_counted(tmp_path, text):
    """With frames the worker is still the coming one; in text mode it is already the current."""
    arguments = (
        "--pipeline", "painter", "--source", "null:" if text else "pattern:", "--sink", "null:",
        "--hang-s", "1", "--set", "first=3", "--set", f"text={text}",
    )  # fmt: skip
    impatient = [sys.executable, "-c", "from tests.support.impatient import main; main()"]
    with running(tmp_path, *arguments, command=impatient) as bridge:
        told = bridge.until(lambda state: FIRST.fullmatch(state["reason"]))
        assert told["state"] == "WARMUP"
        assert int(FIRST.fullmatch(told["reason"])[1]) >= 1
        state = bridge.until(lambda state: state["frames_new"])
        assert (state["state"], state["reason"], state["error"]) == ("RUNNING", "", "")
        assert state["restarts"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("hang", ["hang", "hold"])
def test_a_hang_is_ended_be_it_in_python_or_below_it(tmp_path, monkeypatch, hang):
    monkeypatch.setattr("bridge.workers.client.SILENCE", 2.5)
    chosen = {"pipeline": "painter", "hang_s": 0.5}
    with running_session(tmp_path, load={"frames": 1}, **chosen) as rig:
        stop = rig.steady_input()
        rig.running()
        hung = rig.session._host.current
        rig.session.store.update({"trouble": hang})
        rig.until(lambda: rig.session.status().restarts)
        rig.session.store.update({"trouble": ""})
        rig.until(lambda: rig.session._host.current is not hung)
        rig.running()
        stop()
        assert any("_trouble" in line for line in hung.log), "the stack names where it hung"


@pytest.fixture(scope="module")
def bridge(tmp_path_factory):
    """One for all who sleep and wake."""
    arguments = (
        "--pipeline", "painter", "--source", "pattern:", "--sink", "null:", "--hang-s", "0.5",
        "--set", "frames=1", "--set", "shortest=0.15", "--set", "longest=0.15",
    )  # fmt: skip
    soon = [sys.executable, "-c", "from tests.support.impatient import main; main()"]
    with running(tmp_path_factory.mktemp("bridge"), *arguments, command=soon) as bridge:
        yield bridge


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no signal stops a process there")
@pytest.mark.parametrize(("who", "seconds"), [("both", 2.5), ("bridge", 2.5), ("worker", 0.95)])
def test_a_machine_that_wakes_finds_its_worker_alive(bridge, who, seconds):
    """Both slept, or the bridge in a debugger, or the worker for longer than its own limit."""
    before = bridge.until(lambda state: state["state"] == "RUNNING")
    processes = {"bridge": psutil.Process(bridge.process.pid),
                 "worker": psutil.Process(before["worker"])}  # fmt: skip
    stopped = ["worker", "bridge"] if who == "both" else [who]
    for name in stopped:
        processes[name].send_signal(STOP)
    time.sleep(seconds)
    for name in reversed(stopped):
        processes[name].send_signal(CONT)
    bridge.until(lambda state: state["frames_new"] > before["frames_new"] + 5)
    # Longer than a doubt: the host looks many times in a second.
    bridge.until(lambda state: state["uptime"] > before["uptime"] + seconds + 2 * DOUBT)
    after = bridge.state()
    told = after["worker"], after["restarts"]
    assert told == (before["worker"], before["restarts"]), after["error"]
