"""`bench relay`: an engine behind a server, beside a bare loop of the same codec."""

import pytest

from bridge.cli import bench_relay
from bridge.cli.bench_relay import _bare, _ours, measure
from bridge.cli.probe import Seen

OURS = Seen([0.010, 0.012, 0.030], sent=4, costs=[0.1, 0.2, 0.3, 0.04])
BARE = Seen([0.004, 0.005, 0.006], sent=3, costs=[0.08, 0.06])


def test_ours_and_the_bare_loop_stand_side_by_side(monkeypatch):
    monkeypatch.setattr(bench_relay, "_ours", lambda *how: OURS)
    monkeypatch.setattr(bench_relay, "_bare", lambda *how: BARE)
    rows = {figure.name: figure for figure in measure((640, 360), "h264", 1)}
    median = rows["there and back: median"]
    assert (median.value, median.limit) == ("12.0 ms", "5.0 ms")
    assert rows["there and back: p99"].value == "30.0 ms"
    beyond = rows["beyond the bare loop: median"]
    assert (beyond.value, beyond.aim) == ("7.0 ms", "5.0 ms")
    lost = rows["frames lost"]
    assert (lost.value, lost.limit) == ("1 of 4", "0 of 6")
    assert [
        rows[f"{name}, of a core"].value for name in ("bridge", "relay", "server", "engine")
    ] == ["10.0%", "20.0%", "30.0%", "4.0%"]
    assert [rows[f"{name}, of a core"].limit for name in ("relay", "server")] == ["8.0%", "6.0%"]


@pytest.mark.slow
def test_frames_pass_a_bridge_with_an_engine_elsewhere_and_the_bare_loop():
    ours, bare = _ours((320, 180), "jpeg", 0.5), _bare((320, 180), "jpeg", 0.5)
    for seen, processes in ((ours, 4), (bare, 2)):
        assert seen.sent > 10
        assert len(seen.delays) > seen.sent / 2
        assert len(seen.costs) == processes
        assert min(seen.costs) > 0
