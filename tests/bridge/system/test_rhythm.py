"""When to look for events that come evenly, or not: in virtual time."""

import random

import pytest

from bridge.system.timing import Quantiles, Rhythm


def looked(events, until) -> tuple[list[float], int]:
    """How late each event was found, and the number of looks; of two the newer is found."""
    rhythm, now, late, looks = Rhythm(), 0.0, [], 0
    waiting = list(events)
    while now < until:
        looks += 1
        here = [at for at in waiting if at <= now]
        if here:
            waiting = waiting[len(here) :]
            late += [now - at for at in here]
            rhythm.came(now)
        else:
            pause = rhythm.pause(now)
            assert 0 < pause < 1
            now += pause
    return late, looks


def series(rate, seconds, jitter=0.0, start=0.0, seed=1) -> list[float]:
    chance = random.Random(seed)
    times = [start + n / rate for n in range(int(rate * seconds))]
    return sorted(at + chance.uniform(-jitter, jitter) for at in times)


@pytest.mark.parametrize("rate", [23.976, 30, 60])
@pytest.mark.parametrize("jitter", [0.0, 0.0002, 0.001])
def test_an_even_series_is_found_sooner_with_fewer_looks(rate, jitter):
    late, looks = looked(series(rate, 10, jitter), 10)
    settled = late[20:]
    assert max(settled) < 0.003
    assert sum(settled) / len(settled) < 0.0006
    assert looks < 10 / Rhythm.USUAL / 1.5


@pytest.mark.parametrize("jitter", [0.004, 0.012])
def test_an_uneven_series_is_found_as_soon_as_before(jitter):
    late, _ = looked(series(30, 10, jitter), 10)
    assert max(late[20:]) < 0.004
    assert sorted(late)[len(late) // 2] <= Rhythm.USUAL


@pytest.mark.parametrize(("before", "after"), [(30, 60), (30, 40), (60, 24), (25, 240)])
def test_a_change_of_rate_costs_one_late_event(before, after):
    late, _ = looked(series(before, 3) + series(after, 3, start=3.0), 6)
    assert len([each for each in late if each > 0.002]) <= 1 + after // before
    assert max(late) < 1 / before


def test_two_series_at_once_are_found_as_soon_as_before():
    late, _ = looked(sorted(series(30, 5) + series(50, 5, start=0.003)), 5)
    assert sorted(late)[len(late) * 9 // 10] <= 0.003


def test_figures_follow_a_change_within_two_seconds_and_keep_the_last_value(monkeypatch):
    now, figure = [0.0], Quantiles()
    monkeypatch.setattr("bridge.system.timing.perf_counter", lambda: now[0])
    assert figure.at(0.5, 0.95) == [0.0, 0.0]
    for number in range(100):
        now[0] = number / 10
        figure.add(0.02 if now[0] < 8 else 0.2)
    now[0] = 10.1
    assert figure.at(0.5, 0.95) == [0.2, 0.2]
    now[0] = 60.0
    assert figure.at(0.5) == [0.2], "a block may take longer than the window"
