"""What a sender does on lines of any kind, in virtual time."""

import heapq
import random
from dataclasses import dataclass, field
from itertools import count, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.remote.flow import FULL, LEAST, PAUSE, SHUT, Flow, good_bitrate

WANTED = 2_500_000
BEAT = 1 / 30
LINES = list(product((10e6, 2e6, 1e6), (0.005, 0.04, 0.15)))  # bandwidth, delay


@dataclass
class Line:
    """A connection in order: `bandwidth` in bits a second, `delay` one way, `jitter` on top."""

    bandwidth: float
    delay: float
    jitter: float = 0.03
    stalls: list[tuple[float, float]] = field(default_factory=list)  # begin, length
    free: float = 0.0  # when everything sent so far has left
    there: float = 0.0  # when the newest frame arrives; the same for acknowledgements
    back: float = 0.0
    chance: random.Random = field(default_factory=lambda: random.Random(1))

    def queue(self, now):
        """Seconds that a frame sent now would wait."""
        return max(0.0, self.free - now)

    def send(self, size, now):
        """When the frame's acknowledgement arrives."""
        self.free = self._past(max(self.free, now)) + size * 8 / self.bandwidth
        self.free = self._past(self.free)
        self.there = max(self.there, self.free + self._way())
        self.back = max(self.back, self._past(self.there) + self._way())
        return self.back

    def _way(self):
        return self.delay + self.chance.random() * self.jitter / 2

    def _past(self, at):
        for begin, length in self.stalls:
            if begin <= at < begin + length:
                return begin + length
        return at


@dataclass
class Run:
    """What happened: when frames were sent, the line's queue then, the bitrate at each beat."""

    sent: list[float]
    queues: list[float]
    bitrates: list[int]
    flow: Flow

    def rate(self, begin, end):
        """Frames a second that were sent between two times."""
        return sum(begin <= at < end for at in self.sent) / (end - begin)


def run(line, seconds=30.0):
    """A source of 30 frames a second, each about as large as the flow's bitrate allows."""
    flow, acks, chance, numbers = Flow(WANTED), [], random.Random(2), count()
    made = Run([], [], [], flow)
    for beat in range(round(seconds / BEAT)):
        now = beat * BEAT
        while acks and acks[0][0] <= now:
            at, number = heapq.heappop(acks)
            flow.acked(number, at)
        if flow.may_send(now):
            number = next(numbers)
            size = flow.bitrate / 30 / 8 * (4 if number == 0 else chance.uniform(0.6, 1.4))
            flow.sent(number, round(size), now)
            heapq.heappush(acks, (line.send(size, now), number))
            made.sent.append(now)
            made.queues.append(line.queue(now))
        made.bitrates.append(flow.bitrate)
    return made


@pytest.mark.parametrize(("bandwidth", "delay"), LINES)
def test_the_queue_stays_short_and_the_line_is_used(bandwidth, delay):
    made = run(Line(bandwidth, delay))
    late = [queue for at, queue in zip(made.sent, made.queues, strict=True) if at >= 3]
    assert max(late) <= 0.3
    assert made.rate(5, 30) > 24
    mean = sum(made.bitrates[-450:]) / 450
    assert mean > 0.6 * min(WANTED, bandwidth)
    if bandwidth > 2 * WANTED:
        assert made.bitrates[-1] == WANTED


@pytest.mark.parametrize(
    ("bandwidth", "delay", "stall"), [(*line, stall) for line in LINES for stall in (0.2, 1.0)]
)
def test_it_sends_again_within_a_round_trip_of_the_end_of_a_stall(bandwidth, delay, stall):
    line = Line(bandwidth, delay, stalls=[(10.0, stall)])
    made = run(line, 14.0)
    back = 10 + stall
    trip = 2 * delay + line.jitter
    again = next(at for at in made.sent if at >= back)
    rest = 0 if stall == 1 else SHUT + FULL  # what was on its way goes first
    assert again <= back + trip + rest + 2 * BEAT
    if stall == 1:
        assert made.rate(10 + trip + SHUT + 2 * BEAT, back) == 0
    late = [queue for at, queue in zip(made.sent, made.queues, strict=True) if at >= back + 1]
    assert max(late) <= 0.3


def test_the_bitrate_comes_back_after_a_stall_by_eight_percent_a_second():
    made = run(Line(10e6, 0.005, stalls=[(5.0, 1.0)]))
    second = made.bitrates[::30]
    assert second[7] < 0.6 * WANTED
    assert 1.2 < second[11] / second[8] <= 1.08**3 * 1.01
    assert second[-1] == WANTED


def test_a_route_that_becomes_longer_is_learnt():
    line = Line(10e6, 0.02)
    flow = run(line, 5.0).flow
    assert 0.04 <= flow.line <= 0.08
    for number in range(1000, 1400):
        flow.sent(number, 1000, number / 30)
        flow.acked(number, number / 30 + 0.3)
    assert flow.line == pytest.approx(0.3)


def test_a_long_stall_is_not_taken_for_a_long_line():
    flow = Flow(WANTED)
    for number in range(30):
        flow.sent(number, 1000, number * BEAT)
        flow.acked(number, number * BEAT + 0.02)
    flow.sent(30, 1000, 1.0)
    flow.sent(31, 1000, 1.03)
    assert not flow.may_send(1.3)
    flow.acked(30, 61.0)
    assert flow.line == pytest.approx(0.02)
    assert flow.may_send(61.0)  # one frame, to see whether the line is there
    flow.sent(32, 1000, 61.0)
    assert not flow.may_send(61.0)
    flow.acked(31, 61.01)
    assert flow.may_send(61.01)


def test_a_codec_without_a_bitrate_has_two_frames_on_a_slow_line_at_most():
    flow, line, number, acks = Flow(WANTED), Line(500_000, 0.005), 0, []
    for beat in range(900):
        now = beat * BEAT
        while acks and acks[0] <= now:
            flow.acked(number - len(acks) + 1, acks.pop(0))
        if flow.may_send(now):
            number += 1
            flow.sent(number, 40_000, now)
            acks.append(line.send(40_000, now))
        assert len(acks) <= (2 if now > 5 else 5)
    assert number > 0.9 * 30 * 500_000 / 8 / 40_000


def test_what_arrives_is_counted():
    flow = Flow(WANTED)
    for number in range(60):
        flow.sent(number, 10_000, number * BEAT)
        flow.acked(number, number * BEAT + 0.01)
    assert flow.throughput(59 * BEAT + 0.01) == pytest.approx(2_400_000, rel=0.05)
    assert flow.throughput(9.0) == 0


def test_the_bitrates_that_are_known_to_look_good():
    assert good_bitrate(640, 360) == WANTED
    assert good_bitrate(1280, 720) == pytest.approx(6_000_000, rel=0.01)
    assert good_bitrate(8, 8) == LEAST


def test_a_smaller_size_lowers_the_bitrate_at_once():
    flow = Flow(WANTED)
    flow.most = 1_000_000
    assert flow.bitrate == 1_000_000
    flow.most = 10
    assert flow.bitrate == flow.most == LEAST


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["send", "ack"]),
        st.floats(0, 3, allow_nan=False),  # seconds later
        st.integers(-5, 40),  # what is acknowledged, counted from the last acknowledgement
    ),
    max_size=60,
)


@settings(max_examples=60, deadline=None)
@given(EVENTS)
def test_whatever_happens_the_bitrate_stays_in_bounds_and_the_gate_opens(events):
    flow, now, number, acked = Flow(WANTED), 0.0, 0, 0
    fell, before = -PAUSE, flow.bitrate
    for what, later, which in events:
        now += later
        if what == "send" and flow.may_send(now):
            number += 1
            flow.sent(number, 5000, now)
        elif what == "ack":
            acked = max(acked, acked + which)
            flow.acked(acked, now)
        assert LEAST <= flow.bitrate <= WANTED
        if flow.bitrate < before:
            assert now - fell >= PAUSE
            fell = now
        before = flow.bitrate
    flow.acked(number, now)
    assert flow.queue(now) == 0
    assert flow.may_send(now)
