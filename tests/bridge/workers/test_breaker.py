"""When a dead worker is restarted. Times are whole seconds, and nothing waits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.workers.breaker import DEATHS, RETRY, WITHIN, Breaker

SETTLE = 5


def died(*times: int) -> Breaker:
    breaker = Breaker(SETTLE)
    for now in times:
        breaker.died(now)
    return breaker


def next_start(breaker: Breaker, now: int) -> int:
    return next(second for second in range(now, now + 1000) if breaker.due(second))


@pytest.mark.parametrize(
    ("deaths", "start"),
    [
        ([100], 100),
        ([100, 101], 102),  # the second one waits a second
        ([100, 101, 102], 162),
        ([100, 101, 160], 220),
        ([100, 101, 161], 162),  # of the three the first is too long ago
        ([100, 170, 240], 240),  # each of them is the first one
    ],
)
def test_a_worker_that_died_is_started_again_at_growing_intervals(deaths, start):
    breaker = died(*deaths)
    assert next_start(breaker, deaths[-1]) == start
    assert breaker.open is (start - deaths[-1] == RETRY)


def test_what_is_being_tried_is_due_no_more_until_it_fails():
    breaker = died(100)
    assert breaker.due(100)
    breaker.starting()
    assert not breaker.due(10**6)
    breaker.died(100)
    assert not breaker.due(100)
    assert breaker.due(101)


def test_a_worker_that_has_run_for_long_enough_ends_what_there_was_of_deaths():
    breaker = died(100, 101)
    assert not breaker.runs(SETTLE)
    assert breaker.runs(SETTLE + 1)
    breaker.died(110)
    assert not breaker.open
    assert breaker.due(110)


def test_deaths_that_were_asked_for_open_nothing_and_are_made_up_for_a_little_apart():
    breaker = Breaker(SETTLE)
    for now in range(100, 200):
        breaker.dismissed(now, now)
        assert not breaker.due(now)
        assert breaker.due(now + 1)
        breaker.dismissed(now - 1, now)
        assert breaker.due(now)
    breaker.died(200)
    assert not breaker.open
    assert breaker.due(200)


def test_the_slow_retry_closes_the_breaker_only_when_a_worker_is_there():
    breaker = died(100, 101, 102)
    assert breaker.due(162)
    breaker.starting()
    assert breaker.open
    breaker.started()
    assert not breaker.open


def test_who_asks_for_a_worker_closes_the_breaker_and_begins_anew():
    breaker = died(100, 101, 102)
    breaker.reset()
    assert not breaker.open
    assert not breaker.due(10**6)
    breaker.died(103)
    assert breaker.due(103)


def test_a_worker_that_never_lives_is_started_three_times_a_minute_at_most():
    breaker, starts = died(0), 0
    for now in range(3600):
        if breaker.due(now):
            breaker.starting()
            breaker.started()
            starts += 1
            breaker.died(now)
    assert 60 <= starts <= DEATHS * 60 + 2


EVENTS = ["died"] * 4 + ["dismissed", "ran shortly", "ran well", "asked for"]


@given(st.lists(st.tuples(st.sampled_from([0, 1, 2, 20, 59, 60, 61]), st.sampled_from(EVENTS))))
def test_any_history_opens_it_for_three_deaths_in_a_minute_and_for_nothing_else(history):
    breaker, now = Breaker(SETTLE), 0
    deaths: list[int] = []  # that count
    for wait, event in history:
        now += wait
        if breaker.due(now):
            breaker.starting()
            breaker.started()
        before, opens = breaker.open, False
        if event == "died":
            breaker.died(now)
            deaths.append(now)
            opens = len(deaths) >= DEATHS and now - deaths[-DEATHS] <= WITHIN
            assert next_start(breaker, now) - now in ([RETRY] if opens else [0, 1, 2])
        elif event == "dismissed":
            breaker.dismissed(now, now)
            assert next_start(breaker, now) == now + 1
        elif event == "ran shortly":
            assert not breaker.runs(SETTLE)
        elif event == "ran well":
            assert breaker.runs(SETTLE + 1)
            deaths.clear()
        else:
            breaker.reset()
            deaths.clear()
            before = False
        assert breaker.open is (before or opens)
