"""The network uses idle cores and gives them back; it is rebuilt while the old one runs."""

import threading

import pytest

from engine.stylize import cores
from engine.stylize.cores import MOST, RISES, SpareCores
from engine.stylize.network import Renewed


def spare(monkeypatch: pytest.MonkeyPatch, physical: int) -> SpareCores:
    monkeypatch.setattr(cores, "cores", lambda: physical)
    return SpareCores()


@pytest.mark.parametrize(
    ("physical", "others", "wanted"),
    [(1, 0.0, 1), (2, 0.0, 1), (2, 0.3, 1), (4, 0.1, 2), (4, 1.9, 1), (4, 0.0, 3), (8, 0.5, MOST),
     (8, 5.2, 1), (8, 4.0, 3), (4, 9.0, 1), (4, -0.1, 3)],
)  # fmt: skip
def test_threads_are_the_idle_cores_but_one(monkeypatch, physical, others, wanted):
    now = spare(monkeypatch, physical)
    assert now() == 1, "one until it is known better"
    for _ in range(RISES):
        now.measured(others)
    assert now() == wanted


def test_a_moment_of_quiet_adds_no_thread_and_a_moment_of_load_takes_them(monkeypatch):
    now = spare(monkeypatch, 8)
    for others in [0.0] * (RISES - 1) + [7.0] + [0.0] * (RISES - 1):
        now.measured(others)
        assert now() == 1
    now.measured(0.0)
    assert now() == MOST
    now.measured(5.0)
    assert now() == 2
    now.measured(0.0)
    assert now() == 2, "they come back when it stays quiet"


def test_its_own_work_is_not_taken_for_that_of_others(monkeypatch):
    clock = iter([0.0, 1.0, 2.5, 5.0, 7.5])
    own = iter([0.0, 2.5, 5.0, 7.5])  # one core, all the time
    busy = iter([0.0, 12.5, 12.5, 12.5])  # percent of eight: that one core
    monkeypatch.setattr(cores, "monotonic", lambda: next(clock))
    monkeypatch.setattr(cores, "process_time", lambda: next(own))
    monkeypatch.setattr(cores.psutil, "cpu_percent", lambda: next(busy))
    monkeypatch.setattr(cores.psutil, "cpu_count", lambda **_: 8)
    now = spare(monkeypatch, 4)
    assert [now() for _ in range(4)] == [1, 1, 1, 3], "measured in intervals, not at each frame"


def test_cores_are_no_more_than_this_process_may_use():
    assert 1 <= cores.cores() <= (cores.os.cpu_count() or 1)


def renewed_at(renewed: Renewed[int, str], key: int) -> None:
    """Ask until it is made for `key`, at most some 20 s."""
    for _ in range(2000):
        if renewed.at(key) == f"for {key}":
            return
        threading.Event().wait(0.01)
    raise AssertionError("it was never made")


def test_the_old_network_runs_until_the_new_one_is_made():
    go, asked = threading.Event(), []

    def make(key: int) -> str:
        asked.append(key)
        assert go.wait(10)
        return f"for {key}"

    renewed = Renewed(1, "for 1", make)
    try:
        assert [renewed.at(key) for key in (1, 2, 2, 3)] == ["for 1"] * 4
        go.set()
        renewed_at(renewed, 3)
        assert (renewed.key, asked) == (3, [2, 3]), "each once, one at a time"
        assert renewed.at(3) == "for 3"
    finally:
        go.set()
        renewed.close()


def test_what_cannot_be_made_is_said():
    def make(key: int) -> str:
        raise MemoryError("no room")

    renewed = Renewed(1, "for 1", make)
    assert renewed.at(2) == "for 1"
    with pytest.raises(MemoryError, match="no room"):
        renewed_at(renewed, 2)
    renewed.close()
