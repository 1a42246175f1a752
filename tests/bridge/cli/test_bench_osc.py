"""`bench osc`: what a sender outside sees of the port, ours and those of other servers."""

from contextlib import contextmanager
from time import sleep

import pytest
from pythonosc.osc_message import OscMessage

from bridge.cli import bench_osc
from bridge.cli.bench_osc import DATAGRAMS, FADER, RATES, Port, _foreign, _kept, _ours, _whole


class Lossy(Port):
    """A server that receives no more than so many messages of one go."""

    def __init__(self, most: int) -> None:
        self.most, self._seen, self.goes = most, 0, []

    def count(self) -> int:
        return self._seen

    def send(self, rate: float, seconds: float, burst: int = 1) -> int:
        sent = int(rate * seconds)
        self.goes.append(rate)
        self._seen += min(sent, self.most)
        return sent


@pytest.fixture(autouse=True)
def _in_no_time(monkeypatch):
    monkeypatch.setattr(bench_osc, "SETTLE", 0.05)


def test_the_rate_is_the_last_at_which_nothing_is_lost():
    assert _whole(Lossy(20_000), 1.0) == 20_000
    assert _whole(Lossy(10**9), 1.0) == RATES[-1]
    assert _whole(Lossy(10), 1.0) == 0


def test_a_rate_is_tried_twice_before_it_counts_as_lost():
    port = Lossy(10_000)
    _whole(port, 1.0)
    assert port.goes == [5_000, 10_000, 20_000, 20_000]


def test_a_sender_that_is_too_slow_proves_nothing():
    class Slow(Lossy):
        def send(self, rate, seconds, burst=1):
            return super().send(rate / 2, seconds)

    assert not _kept(Slow(10**9), 1000, 1.0)


def test_every_message_moves_the_fader():
    values = {(message := OscMessage(data)).address + str(message.params) for data in DATAGRAMS}
    assert len(values) == len(DATAGRAMS)
    assert all(text.startswith(FADER) for text in values)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) for name in bench_osc.SERVERS]
)
def test_a_foreign_server_counts_what_it_is_sent(name):
    if name == "pyliblo3":
        pytest.importorskip(name)
    with _foreign(name) as port:
        sent = port.send(500, 0.3)
        assert sent
        assert port.count() == sent
        assert 0 < port.trip() < 10
        assert port.pid


@pytest.mark.slow
def test_a_bridge_counts_what_it_is_sent_and_shows_black():
    with _ours() as port:
        before = port.count()
        sent = port.send(500, 0.3)
        sleep(0.5)
        assert port.count() - before == sent
        assert 0 < port.trip() < 10
        delays = bench_osc._shown(port, 1.0)
        assert len(delays) > 2
        assert min(delays) > 0


@pytest.mark.slow
@pytest.mark.parametrize("there", [True, False])
def test_ours_the_limit_and_other_servers_stand_side_by_side(monkeypatch, there):
    @contextmanager
    def staged(most):
        yield Lossy(most)

    most = {bench_osc.LOOP: 160_000, "python-osc": 20_000, "pyliblo3": 40_000}
    monkeypatch.setattr(bench_osc, "_ours", lambda: staged(120_000))
    monkeypatch.setattr(bench_osc, "_foreign", lambda name: staged(most[name]))
    monkeypatch.setattr(bench_osc, "find_spec", lambda name: there)
    monkeypatch.setattr(bench_osc, "_cost", lambda port, seconds: port.most / 1e6)
    monkeypatch.setattr(bench_osc, "_answered", lambda port, seconds: str(port.most))
    monkeypatch.setattr(bench_osc, "_shown", lambda port, seconds: [0.004, 0.005, 0.016])
    cost, osc, liblo, trip, *_, median, p99, whole, _, last = bench_osc.measure(7.0)
    assert (cost.value, cost.limit, cost.aim) == ("12.0%", "16.0%", "6%")
    assert (osc.name, osc.value) == ("  the same by python-osc", "2.0%")
    assert liblo.value == ("4.0%" if there else "pip install pyliblo3")
    assert (trip.value, trip.limit) == ("120000", "160000")
    assert (median.value, p99.value) == ("5.0 ms", "16.0 ms")
    assert (whole.value, whole.limit, whole.aim) == ("120,000/s", "160,000/s", "120,000/s")
    assert last.value == ("40,000/s" if there else "pip install pyliblo3")
