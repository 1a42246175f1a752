"""`bench bridge`: the figures from outside, beside the least relay and the aims."""

import pytest

from bridge.cli import bench
from bridge.cli.bench import BENCHES, LONG, Figure
from bridge.cli.probe import Seen, memcpy
from bridge.errors import UsageError

OURS = Seen([0.010, 0.012, 0.030], [], 4, 0.001, 0.5, 0.25)
LEAST = Seen([0.002, 0.003, 0.004], [], 3, 0.001, 0.1, 0.0)


@pytest.fixture
def staged(monkeypatch):
    def through(width, height, seconds, *, relayed):
        return LEAST if relayed else OURS

    monkeypatch.setattr(bench, "_through", through)


def test_ours_the_least_relay_and_the_aim_stand_side_by_side(staged):
    rows = {figure.name: figure for figure in bench.latency(1)}
    median = rows["1080p60: input to output, median"]
    assert (median.value, median.limit) == ("12.00 ms", "3.00 ms")
    assert median.aim == "the least relay + 2 ms"
    assert rows["720p60: input to output, p99"].value == "30.00 ms"
    arrived = rows["1080p60: frames that arrived"]
    assert (arrived.value, arrived.limit) == ("75.0%", "100.0%")
    cost = rows["1080p60: bridge, of a core"]
    assert (cost.value, cost.limit, cost.aim) == ("50%", "10%", "15%")
    assert rows["1080p60: worker, of a core"].value == "25%"


def test_the_copy_is_printed_as_the_peak_of_this_machine(staged):
    rows = {figure.name: figure for figure in bench.latency(1, (1080,))}
    copy = rows["1080p60: one copy in memory"]
    assert (copy.limit, copy.aim) == ("1.00 ms, 17 GB/s", "")


def test_4k_is_measured_only_where_it_is_asked_for(monkeypatch, capsys):
    played = []
    for name in BENCHES:
        monkeypatch.setitem(BENCHES, name, lambda seconds, name=name: played.append(name) or [])
    bench.bench([], 1)
    assert played == [name for name in BENCHES if name not in LONG]
    played.clear()
    bench.bench([], 1, full=True)
    assert played == list(BENCHES)
    played.clear()
    bench.bench(["4k"], 1)
    assert played == ["4k"]
    with pytest.raises(UsageError, match=r"'4kk'; choose .*Did you mean 4k"):
        bench.bench(["4kk"], 1)


def test_the_table_names_what_each_column_is(capsys):
    bench.show("bench x", [("one", [Figure("speed", "3 ms", "2 ms", "1 ms")])])
    said = capsys.readouterr().out.split()
    at = [said.index(word) for word in ("ours", "limit", "aim")]
    assert at == sorted(at)
    assert said.index("3") < said.index("1") < said.index("2")


@pytest.mark.slow
def test_frames_pass_a_real_bridge_and_the_least_relay():
    for relayed in (False, True):
        seen = bench._through(320, 180, 0.5, relayed=relayed)
        assert seen.sent > 10
        assert len(seen.delays) > seen.sent / 2
        assert relayed or seen.bridge > 0


@pytest.mark.slow
def test_a_frame_crosses_the_workers_border_in_more_than_a_copy():
    times = bench._crossings(320, 180, 0.2)
    assert len(times) >= 19
    assert sorted(times)[len(times) // 2] > memcpy(320, 180)
