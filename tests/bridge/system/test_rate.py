"""Rates of events that come one by one or in blocks, at any moment at which they are asked for."""

import pytest

from bridge.system import timing
from bridge.system.timing import Rate


@pytest.mark.parametrize(
    ("count", "gap"), [(12, 0.3), (12, 0.45), (1, 1 / 30), (13, 1.3), (12, 3.0), (1, 4.0)]
)
def test_a_rate_is_that_of_whole_blocks_whenever_it_is_asked_for(monkeypatch, count, gap):
    rate, now = Rate(), 100.0
    monkeypatch.setattr(timing, "perf_counter", lambda: now)
    for _ in range(4):
        now += gap
        rate.tick(count=count)
    for place in range(20):
        now += gap / 20
        assert rate.value == pytest.approx(count / gap), place
    now += 60
    assert rate.value == 0
    rate.tick(count=count)
    assert rate.value == 0, "the pause is no gap between blocks"
    now += gap
    rate.tick(count=count)
    assert rate.value == pytest.approx(count / gap)


def test_a_gap_longer_than_usual_counts_before_it_ends(monkeypatch):
    rate, now = Rate(), 100.0
    monkeypatch.setattr(timing, "perf_counter", lambda: now)
    for count in (1, 12, 12, 6):  # the first block may differ, and the last
        now += 0.4
        rate.tick(count=count)
    assert rate.value == pytest.approx(25)
    now += 1.6
    assert rate.value < 15
