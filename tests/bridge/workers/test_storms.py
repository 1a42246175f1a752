"""Storms of reload, switch, load, kill and defaults: few workers, the last request wins, the output
continues.
"""

import itertools
import threading
import time
from contextlib import contextmanager
from time import perf_counter

import psutil
import pytest

from tests.bridge.test_session import longest_gap, no_black
from tests.support.doubles import FARM
from tests.support.rig import running_session

pytestmark = pytest.mark.slow

STORM = 0.6  # seconds
MOST = 3  # workers: what is shown, what is coming, and one that is ending


def workers() -> int:
    found = 0
    for child in psutil.Process().children():
        try:
            found += "engine.worker" in child.cmdline() and child.status() != "zombie"
        except psutil.NoSuchProcess:
            continue
    return found


@contextmanager
def counted():
    """The numbers of workers that there were meanwhile."""
    seen, stop = [0], threading.Event()

    def count():
        while not stop.wait(0.02):
            seen.append(workers())

    thread = threading.Thread(target=count, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()


def storm(ask) -> None:
    """Ask 60 times a second."""
    until = perf_counter() + STORM
    for number in itertools.count():
        ask(number)
        if perf_counter() > until:
            return
        time.sleep(1 / 60)


def settled(rig, true) -> None:
    """One worker, running, and as it was asked for last."""
    host = rig.session._host
    rig.until(
        lambda: rig.session.status().state == "RUNNING" and not host.loading and workers() == 1
    )
    assert true(host.current.orders), host.current.orders


def test_reload_without_end_runs_one_worker_at_a_time_beside_the_shown_one(tmp_path):
    with running_session(tmp_path, pipeline="painter", load={"frames": 1}) as rig:
        stop = rig.steady_input()
        rig.running()
        first = rig.session.status().worker
        with counted() as seen:
            storm(lambda _: rig.session.actions["reload"].run())
            settled(rig, lambda orders: orders.row.id == "painter")
        stop()
        assert max(seen) <= MOST
        assert rig.session.status().worker != first, "it was built anew"
        assert no_black(rig)
        assert longest_gap(rig) < 0.5


def test_the_last_of_many_switches_arrives(tmp_path):
    with running_session(tmp_path, pipeline="passthrough") as rig:
        stop = rig.steady_input()
        rig.running()
        with counted() as seen:
            storm(lambda number: rig.session.switch(("painter", "passthrough")[number % 2]))
            rig.session.switch("painter", {"frames": 7})
            settled(rig, lambda orders: orders.row.id == "painter" and orders.load.frames == 7)
        stop()
        assert max(seen) <= MOST
        assert no_black(rig)
        assert longest_gap(rig) < 0.5


def test_the_last_of_many_load_values_arrives_for_the_pipeline_that_is_to_come(tmp_path):
    with running_session(tmp_path, pipeline="passthrough") as rig:
        stop = rig.steady_input()
        rig.running()
        rig.session.switch("painter")
        with counted() as seen:
            storm(lambda number: rig.session.store.update({"frames": 1 + number % 16}))
            rig.session.store.update({"frames": 5})
            settled(rig, lambda orders: orders.row.id == "painter" and orders.load.frames == 5)
        stop()
        assert max(seen) <= MOST
        assert no_black(rig)


def test_defaults_between_other_values_leave_the_defaults(tmp_path):
    with running_session(tmp_path, pipeline="painter") as rig:
        stop = rig.steady_input()
        rig.running()

        def ask(number):
            rig.session.store.update({"frames": 2 + number % 2})
            rig.session.actions["defaults"].run()

        with counted() as seen:
            storm(ask)
            settled(rig, lambda orders: orders.load.frames == 4)
        stop()
        assert max(seen) <= MOST


def test_kills_without_end_leave_one_worker_at_most_and_open_no_breaker(tmp_path):
    with running_session(tmp_path, pipeline="painter", load={"frames": 1}, settle_s=60) as rig:
        stop = rig.steady_input()
        rig.running()
        states = set()

        def kill(_):
            rig.session.actions["kill_engine"].run()
            states.add(rig.session.status().state)

        with counted() as seen:
            for _ in range(3):
                storm(kill)
            settled(rig, lambda orders: orders.row.id == "painter")
        assert "FAILED" not in states
        assert rig.session.status().restarts > 2
        assert "`kill_engine`" in rig.session.status().error
        for _ in range(2):  # what nobody asked for counts as ever
            rig.crash()
            rig.until(lambda: rig.session.status().state != "RUNNING")
            rig.running()
        rig.crash()
        rig.until(lambda: rig.session.status().state == "FAILED")
        stop()
        assert max(seen) <= MOST
        assert no_black(rig)


def test_many_switches_within_a_family_stay_in_one_worker(tmp_path):
    with running_session(tmp_path, FARM, pipeline="hog") as rig:
        rig.running()
        first = rig.session.status().worker
        with counted() as seen:
            storm(lambda number: rig.session.switch(("sow", "boar")[number % 2]))
            rig.session.switch("sow")
            settled(rig, lambda orders: orders.row.id == "sow")
        assert max(seen) == 1
        assert rig.session.status().worker == first


def test_who_is_slow_to_end_is_gone_before_the_next_one_comes(tmp_path):
    with running_session(tmp_path, pipeline="painter", load={"frames": 1}) as rig:
        stop = rig.steady_input()
        rig.running()
        rig.session.store.update({"stall": 1.5})  # in the middle of a block nobody hears a stop
        with counted() as seen:
            for number in range(5):
                rig.session.store.update({"frames": 2 + number})
                time.sleep(0.6)
            rig.session.store.update({"stall": 0.0})
            settled(rig, lambda orders: orders.load.frames == 6)
        stop()
        assert max(seen) <= MOST
        assert longest_gap(rig) < 0.5
