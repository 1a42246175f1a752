"""The soak says what grew, and what the output showed."""

import sys

import pytest

from tests.attack.reader import Figures
from tests.soak import HEAD, Held, grown, peak, row, soak

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /dev/shm")


def test_a_row_has_a_cell_for_each_heading():
    seen = Figures(rises=600, gap=0.0253, still=1.5, black=2, torn=3)
    line = row(2.0, [Held(80.0, 40, 20), Held(300.0, 9, 8)], seen)
    cells = line.strip("| ").split(" | ")
    assert len(cells) == len(HEAD)
    assert cells == ["2.0", "80.0, 40, 20", "300.0, 9, 8", "600", "25", "1.50", "2", "3"]


def test_a_bridge_without_a_worker_has_a_row_too():
    line = row(2.0, [Held(80.0, 40, 20)], Figures())
    assert line.strip("| ").split(" | ")[1:3] == ["80.0, 40, 20", "none"]


def test_growth_is_told_for_each_process_with_its_sign():
    before = [Held(80.0, 40, 20), Held(300.0, 9, 8)]
    after = [Held(81.5, 39, 20), Held(290.0, 12, 9)]
    assert grown(before, after) == (
        "bridge +1.5 MB, -1 descriptors, +0 threads; worker -10.0 MB, +3 descriptors, +1 threads"
    )


def test_what_is_freed_and_taken_again_is_no_growth():
    high, low = [Held(142.0, 10, 9)], [Held(120.0, 9, 10)]
    assert peak([], low) == low
    assert peak(high, low) == peak(low, high) == [Held(142.0, 10, 10)]
    assert grown(peak(high, low), high) == "bridge +0.0 MB, +0 descriptors, -1 threads"


@pytest.mark.slow
def test_a_short_soak_sees_new_frames_and_none_that_is_black():
    arguments = ("--source", "demo:", "--pipeline", "passthrough", "--output-size", "320x180")
    *_, one, two, last = soak(arguments, 1.0, 0.5)
    for line in (one, two):
        cells = line.strip("| ").split(" | ")
        assert int(cells[-5]) > 2
        assert cells[-2] == "0"
    assert last.startswith("\nGrown beyond minute 0.0: bridge ")
