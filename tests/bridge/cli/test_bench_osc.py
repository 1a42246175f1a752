"""`bench osc`: what a sender outside sees of the port, ours and python-osc's."""

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


def test_the_foreign_server_counts_what_it_is_sent():
    with _foreign() as port:
        sent = port.send(500, 0.3)
        assert sent
        assert port.count() == sent
        assert port.pid


@pytest.mark.slow
def test_a_bridge_counts_what_it_is_sent_and_shows_black():
    with _ours() as port:
        before = port.count()
        sent = port.send(500, 0.3)
        sleep(0.5)
        assert port.count() - before == sent
        delays = bench_osc._shown(port, 1.0)
        assert len(delays) > 2
        assert min(delays) > 0


def test_ours_and_the_foreign_server_stand_side_by_side(monkeypatch):
    @contextmanager
    def staged(most):
        yield Lossy(most)

    monkeypatch.setattr(bench_osc, "_ours", lambda: staged(120_000))
    monkeypatch.setattr(bench_osc, "_foreign", lambda: staged(20_000))
    monkeypatch.setattr(bench_osc, "_cost", lambda port, seconds: port.most / 1e6)
    monkeypatch.setattr(bench_osc, "_shown", lambda port, seconds: [0.004, 0.005, 0.016])
    cost, median, p99, whole = bench_osc.measure(7.0)
    assert (cost.value, cost.limit, cost.aim) == ("12.0%", "2.0%", "6%")
    assert (median.value, p99.value) == ("5.0 ms", "16.0 ms")
    assert (whole.value, whole.limit, whole.aim) == ("120,000/s", "20,000/s", "120,000/s")
