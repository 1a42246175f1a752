"""Random OSC packets change nothing that a show needs; the whole attack is `tests.attack.osc`."""

import pytest

from tests.attack import osc

pytestmark = pytest.mark.slow


def test_any_packet_is_parsed_or_refused_and_none_is_dear():
    done = osc.parse(30_000)
    assert done.refused > 5_000
    assert done.slowest_ms < 2_000
    assert done.grown_mb < 40


def test_a_bridge_under_a_flood_goes_on_answers_and_holds_its_memory():
    done = osc.flood(120_000, seconds=15, before=10)
    assert done.received > 10_000
    assert done.http_p99 < 10_000, "against hanging; by itself it is tens of ms"
    # The flood may set `delay` to its most: ten seconds of frames of 640x360, at 30 a second.
    assert done.memory_most < done.memory_before + 80 + 300 * 640 * 360 * 4 / 1e6
    assert done.output_a_second > 5
    assert done.pictures_after < 20
    assert done.longest_gap < 10_000
    assert done.black_frames == 0
    assert done.value_after < 10
    assert done.pong_after < 10
