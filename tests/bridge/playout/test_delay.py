"""Constant delay: what waits, how long, and what is possible; in virtual time."""

import random
from itertools import pairwise
from time import perf_counter
from types import SimpleNamespace

import numpy as np
import pytest

from bridge.frames.frame import Frame
from bridge.playout.delay import DelayedInput, Latencies, Line, longest
from bridge.playout.pickup import Pickup
from bridge.workers.client import Block
from engine.ipc.ring import Slot
from tests.support.slow_cases import rest_slow

TICK = 1 / 60
IMAGE = np.zeros((4, 4, 4), np.uint8)


class Ring:
    """What a worker's ring is to its reader."""

    def __init__(self):
        self.slots, self.dropped, self.number = [], 0, 0

    @property
    def waiting(self):
        return len(self.slots)

    def next(self, *, borrowed=False):
        return self.slots.pop(0) if self.slots else None

    def skip(self, count):
        del self.slots[:count]

    def add(self, time):
        self.number += 1
        self.slots.append(Slot(self.number, self.number, time, 0, IMAGE))


def worker(frames=1, *, invents=False):
    return SimpleNamespace(ring=Ring(), block=Block(frames=frames), invents=invents)


def engine(frames, seconds, *, blocks, fps=30.0, still_after=float("inf")):
    """Blocks of an engine that takes the newest inputs, as (end, times of their inputs); `seconds`
    returns how long each takes. The input stops at `still_after`.
    """
    free, last, found = 1.0, 0, []
    for _ in range(blocks):
        newest = max(int(free * fps), last + frames)
        begin = max(free, newest / fps)
        while last < newest - 4 * frames:
            last += 1
        numbers = [last + (place + 1) * (newest - last) // frames for place in range(frames)]
        times = [min(number / fps, still_after) for number in numbers]
        free, last = begin + seconds(), newest
        found.append((free, times))
    return found


def play(made, frames, delay, *, grid=0.0, invents=False, link=None):
    """What is shown of these blocks, as (when, time of its input); exactly when it is due, or at
    the ticks of `grid`.
    """
    pickup, link, shown, now, place = Pickup(), link or worker(frames, invents=invents), [], 0.0, 0
    while place < len(made):
        if grid:
            now += grid
        else:
            due = pickup.next_due(link, now, delay=delay)
            now = min([made[place][0], *([] if due is None else [due])])
        while place < len(made) and made[place][0] <= now:
            end, times = made[place]
            for time in times:
                link.ring.add(time)
            if place:
                link.block.intervals.append(end - link.block.ended)
            link.block.ended, place = end, place + 1
            link.block.made += 1
        slot = pickup.take(link, now, delay=delay)
        if slot:
            shown.append((now, slot.time))
    return shown, pickup


@pytest.mark.parametrize("grid", rest_slow([0.0, TICK]))
@pytest.mark.parametrize(
    ("frames", "quick", "slow"), [(12, 0.40, 0.52), (3, 0.1, 0.13), (1, 0.02, 0.04), (9, 0.7, 0.9)]
)
def test_every_frame_is_shown_so_long_after_its_input(frames, quick, slow, grid):
    rng = random.Random(0)
    made = engine(frames, lambda: rng.uniform(quick, slow), blocks=3000 // frames)
    least = max(end - min(times) for end, times in made)
    for delay in (least + TICK, 2 * least, 3.0):
        shown, pickup = play(made, frames, delay, grid=grid)
        off = sorted(abs(now - time - delay) for now, time in shown)
        assert off[len(off) * 99 // 100] <= TICK + 1e-6
        assert pickup.dropped <= 0.02 * len(shown)
        assert len(shown) + len(pickup.line) + pickup.dropped == len(made) * frames


def test_the_least_possible_is_what_the_slowest_of_the_last_frames_took():
    made = engine(12, lambda: 0.45, blocks=60)
    for delay in (0.0, 1.5):
        _, pickup = play(made, 12, delay)
        longest = max(end - min(times) for end, times in made[30:])
        assert pickup.latencies.most(made[-1][0]) == pytest.approx(longest, abs=1e-6)
    assert pickup.latencies.most(made[-1][0] + 11) == 0, "it is forgotten"


def test_a_delay_that_is_too_short_loses_nothing():
    made = engine(12, lambda: 0.45, blocks=60)
    shown, pickup = play(made, 12, 0.5)
    assert pickup.dropped == 0
    assert len(shown) + len(pickup.line) == 12 * 60


def test_frames_of_a_still_input_play_evenly():
    """They all have its time; they are due at even steps, as late as those before."""
    made = engine(12, lambda: 0.45, blocks=80, still_after=8.0)
    shown, pickup = play(made, 12, 1.5)
    late = [now for now, time in shown if time == 8.0 and now > 11]
    assert len(late) > 300
    steps = [later - earlier for earlier, later in pairwise(late)]
    assert max(steps) <= 0.45 / 12 + TICK
    assert pickup.dropped == 0
    assert pickup.latencies.most(10.0) < 1.4, "its age is no latency"


def test_without_input_nothing_is_delayed():
    made = [(1 + 0.4 * number, [1 + 0.4 * number] * 12) for number in range(40)]
    shown, _ = play(made, 12, 2.0, invents=True)
    assert max(now - time for now, time in shown) <= 0.5


def test_what_waits_is_shown_to_the_end_although_its_worker_is_gone():
    link, pickup = worker(), Pickup()
    for number in range(5):
        link.ring.add(number * 0.1)
    assert pickup.take(link, 0.5, delay=2.0) is None
    shown = [
        (slot.time, now / 100)
        for now in range(51, 300)
        if (slot := pickup.take(None, now / 100, delay=2.0))
    ]
    assert shown == [(pytest.approx(number * 0.1), 2 + number * 0.1) for number in range(5)]


def test_without_delay_again_what_waited_is_skipped_and_counted():
    link, pickup = worker(), Pickup()
    for number in range(5):
        link.ring.add(number * 0.1)
    assert pickup.take(link, 0.5, delay=2.0) is None
    link.ring.add(0.6)
    assert pickup.take(link, 0.7).time == 0.6
    assert pickup.dropped == 5


def test_what_waits_never_takes_more_memory_than_it_may():
    line = Line[Frame](10 * IMAGE.nbytes)
    for number in range(30):
        line.put(Frame(IMAGE, float(number), number), float(number))
        while line.due(100.0) == float("-inf"):
            line.take()
    assert len(line) == 10
    assert line.due(100.0) == 20 + 100
    assert longest(8_294_400, 60.0) == pytest.approx(2.16, abs=0.01), "of 1920x1080"
    assert longest(0, 30.0) == longest(100, 0.0) == float("inf"), "unknown without a frame"


def test_the_input_is_shown_as_late_as_the_frames_made_of_it():
    delayed = DelayedInput()
    assert delayed.shown(0.0, 1.0) is None
    frames = [Frame(IMAGE, number / 30, number) for number in range(60)]
    for frame in frames:
        delayed.put(frame, 1.0)
    assert delayed.due(1.0) == 1.0
    assert delayed.shown(0.999, 1.0) is None
    for now in (1.0, 1.5, 2.9):
        seen = delayed.shown(now, 1.0)
        assert 0 <= now - seen.time - 1.0 < 1 / 30
    assert delayed.shown(2.9, 0.0) is frames[-1], "without delay, the newest at once"


@pytest.mark.parametrize("seed", range(20))
def test_the_input_is_never_shown_early_nor_twice_however_it_comes(seed):
    rng, delayed, now, delay, last = random.Random(seed), DelayedInput(), 0.0, 0.0, -1
    for number in range(300):
        now += rng.expovariate(60)
        if rng.random() < 0.02:
            delay = rng.choice([0.0, 0.2, 1.0])
        delayed.put(Frame(IMAGE, now, number), delay)
        if (seen := delayed.shown(now, delay)) and seen.index != last:
            assert seen.index > last
            last = seen.index
            assert now - seen.time >= delay - 1e-9


def test_latencies_are_those_of_the_last_seconds():
    latencies = Latencies()
    assert latencies.most(0.0) == 0.0
    for at, took in ((1.0, 3.0), (5.0, 0.5), (9.0, 0.7)):
        latencies.add(at, took)
    assert [latencies.most(at) for at in (9.0, 12.0, 18.0, 30.0)] == [3.0, 0.7, 0.7, 0.0]


def test_frames_whose_inputs_waited_for_loading_do_not_count():
    link, pickup, now = worker(), Pickup(), perf_counter()
    link.block = Block(warm=float("inf"))
    link.ring.add(now - 2.0)
    assert pickup.take(link, now).time == now - 2.0
    link.block.end(1, 1.9)
    link.ring.add(now - 1.2)
    assert pickup.take(link, now).time == now - 1.2
    assert pickup.latencies.most(now) == 0
    later = perf_counter()
    link.ring.add(later)
    pickup.take(link, later + 0.02)
    assert pickup.latencies.most(later + 0.02) == pytest.approx(0.02)
