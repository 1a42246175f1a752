"""Even motion over blocks of many lengths, in virtual time, beside the rule of before the lock; and
of real workers.
"""

import random
from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from statistics import mean, median, pstdev
from time import perf_counter

import pytest

from bridge.playout.pacer import Pacer
from tests.support.rig import running_session

TICK = 1 / 60


class Share:
    """The rule that shares out the waiting frames up to a horizon, of which a tenth of each block
    is held: what regular blocks are compared with.
    """

    def __init__(self):
        self.shown_at = float("-inf")

    def due(self, waiting, frames, intervals, ended, now):
        if not intervals or waiting > self.most(frames) + 1:
            return float("-inf")
        even = median(intervals) / frames
        stay = (ended + 0.9 * median(intervals) - self.shown_at) / (waiting + 1)
        return self.shown_at + min(max(stay, 0.3 * even), 1.6 * even)

    def pick(self, waiting, frames, intervals, ended, now):
        if waiting == 0 or now < self.due(waiting, frames, intervals, ended, now):
            return 0
        self.shown_at = now
        return max(1, waiting - self.most(frames))

    @staticmethod
    def most(frames):
        return max(2, frames + frames // 4)


@dataclass
class Played:
    times: list[float]  # when frames were shown
    delays: list[float]  # from their arrival
    lost: int

    def std(self):
        """Of the display intervals, in ms."""
        return pstdev(later - earlier for earlier, later in pairwise(self.times)) * 1e3


def play(pacer, frames, ends, *, grid=0.0, lead=0.0):
    """Show blocks that end at these times: exactly when due or, with `grid`, at its ticks. The
    images are there `lead` seconds before a block ends. The first fifteen blocks do not count.
    """
    news = sorted([(end - lead, True) for end in ends] + [(end, False) for end in ends])
    place, now, waiting = 0, 0.0, deque()
    intervals, ended, played = deque(maxlen=9), 0.0, Played([], [], 0)
    while place < len(news):
        now, before = (now + grid if grid else news[place][0]), now
        if not grid and waiting:
            due = pacer.due(len(waiting), frames, list(intervals), ended, before)
            now = min(now, max(due, before))
        while place < len(news) and news[place][0] <= now:
            time, images = news[place]
            place += 1
            if images:
                waiting.extend([time] * frames)
            else:
                intervals.extend([time - ended] if ended else [])
                ended = time
        taken = pacer.pick(len(waiting), frames, list(intervals), ended, now)
        came = [waiting.popleft() for _ in range(taken)]
        played.lost += max(0, taken - 1)
        if came and now > ends[15]:
            played.times.append(now)
            played.delays.append(now - came[-1])
    return played


def ends(rng, count, seconds, spread, *, later=1.0, stall=0.0):
    """When blocks of about `seconds` end; `later` is the factor of the second half, `stall` an
    extra time in the middle.
    """
    now, found = 1.0, []
    for number in range(count):
        now += seconds * (1 + rng.uniform(-spread, spread))
        if number >= count // 2:
            now += seconds * (later - 1)
        if number == count // 2:
            now += stall
        found.append(now)
    return found


# frames of a block, its seconds, their spread, later rate, stall
REGULAR = [
    (3, 0.2, 0.05, 1.0, 0.0),
    (4, 0.3, 0.05, 1.0, 0.0),
    (9, 0.3, 0.05, 1.0, 0.0),
    (12, 0.4, 0.05, 1.0, 0.0),
    (12, 0.9, 0.05, 1.0, 0.0),
]
LESS = [(3, 0.2, 0.15, 1.0, 0.0), (9, 0.3, 0.15, 1.0, 0.0)]
IRREGULAR = [(4, 0.3, 0.4, 1.0, 0.0), (12, 0.4, 0.4, 1.0, 0.0)]
CHANGING = [
    (12, 0.4, 0.05, 1.3, 0.0),
    (9, 0.4, 0.05, 0.7, 0.0),
    (12, 0.4, 0.05, 1.0, 2.0),
]


def both(schedule, seed, **how):
    """The pacer and the rule before it over the same blocks."""
    frames, seconds, spread, later, stall = schedule
    when = ends(random.Random(seed), 120, seconds, spread, later=later, stall=stall)
    return play(Pacer(), frames, when, **how), play(Share(), frames, when, **how)


@pytest.mark.parametrize("schedule", REGULAR, ids=str)
@pytest.mark.parametrize("seed", range(2))
def test_regular_blocks_play_as_evenly_as_a_clock(schedule, seed):
    pacer, share = both(schedule, seed)
    assert pacer.std() <= 3
    assert pacer.std() <= 0.25 * share.std()
    assert max(pacer.delays) <= 1.15 * schedule[1]
    assert pacer.lost == 0


@pytest.mark.parametrize("schedule", [REGULAR[0], REGULAR[2], REGULAR[3]], ids=str)
def test_frames_that_last_whole_ticks_are_even_on_a_display_of_ticks(schedule):
    """Where they last half a tick more, every other one must stay a tick longer."""
    pacer, share = both(schedule, 0, grid=TICK)
    assert pacer.std() <= 3.5
    assert pacer.std() <= 0.6 * share.std()
    assert max(pacer.delays) <= 1.15 * schedule[1] + TICK
    assert pacer.lost == 0


@pytest.mark.parametrize("schedule", LESS, ids=str)
def test_less_regular_blocks_are_twice_as_even_as_shared_out(schedule):
    pacer, share = both(schedule, 0)
    assert pacer.std() <= 0.5 * share.std()
    assert sorted(pacer.delays)[len(pacer.delays) * 99 // 100] <= 1.15 * schedule[1]
    assert pacer.lost == 0


@pytest.mark.parametrize("schedule", IRREGULAR, ids=str)
@pytest.mark.parametrize("grid", [0.0, TICK])
def test_irregular_blocks_play_no_worse_than_shared_out(schedule, grid):
    pairs = [both(schedule, seed, grid=grid) for seed in range(4)]
    assert mean(p.std() for p, _ in pairs) <= 1.01 * mean(s.std() for _, s in pairs)
    assert sum(p.lost for p, _ in pairs) <= sum(s.lost for _, s in pairs)
    delays = mean(mean(p.delays) for p, _ in pairs), mean(mean(s.delays) for _, s in pairs)
    assert delays[0] <= delays[1] + 0.03 * schedule[1]


@pytest.mark.parametrize("schedule", CHANGING, ids=str)
def test_a_change_of_rate_and_a_stall_lose_nothing_and_are_over_soon(schedule):
    _, seconds, _, later, _ = schedule
    pacer, share = both(schedule, 0)
    assert pacer.lost == 0
    assert pacer.std() < share.std()
    rest = int(len(pacer.times) * 0.7)
    assert max(pacer.delays[rest:]) <= 1.15 * seconds * later
    after = Played(pacer.times[rest:], [], 0)
    assert after.std() <= 3


@pytest.mark.parametrize("stalls", [1, 2, 3])
def test_stalls_in_a_row_are_not_taken_for_another_rate(stalls):
    """The next blocks come as fast as before: nothing of them is lost, nor shown in a burst."""
    rng, now, when = random.Random(0), 1.0, []
    for number in range(60):
        now += 0.4 * rng.uniform(0.95, 1.05) + 1.5 * (40 <= number < 40 + stalls)
        when.append(now)
    played = play(Pacer(), 12, when)
    assert played.lost == 0
    quick = min(later - earlier for earlier, later in pairwise(played.times))
    assert quick >= 0.5 * 0.4 / 12


def test_a_rate_that_triples_loses_no_more_than_a_block():
    now, when = 1.0, []
    for number in range(90):
        now += 0.9 if number < 40 else 0.3
        when.append(now)
    played = play(Pacer(), 9, when)
    assert played.lost <= 9
    assert max(played.delays[-90:]) <= 1.15 * 0.3


def test_images_that_are_there_before_their_block_ends_play_as_evenly():
    """As those of pipelines whose last pass makes no image."""
    when = ends(random.Random(0), 120, 0.4, 0.05)
    pacer = play(Pacer(), 12, when, lead=0.08)
    assert pacer.std() <= 3
    assert max(pacer.delays) <= 1.15 * 0.4
    assert pacer.lost == 0


def test_images_that_come_one_by_one_are_not_kept_for_a_block():
    """A pipeline that hands them over evenly: each waits for a few steps only."""
    pacer, rng, step = Pacer(), random.Random(0), 0.4 / 12
    arrivals = [1 + number * step + rng.uniform(0, 0.004) for number in range(12 * 60)]
    waiting, shown, delays = deque(), [], []
    for number, time in enumerate(arrivals):
        until = arrivals[number + 1] if number + 1 < len(arrivals) else time
        waiting.append(time)
        done = (number + 1) // 12
        known = [0.4] * min(9, done - 1), arrivals[12 * done - 1] if done else 0.0
        now = time
        while waiting:
            taken = pacer.pick(len(waiting), 12, *known, now)
            for _ in range(taken):
                delays.append(now - waiting.popleft())
            shown += [now] * bool(taken)
            if not waiting:
                break
            now = max(now, pacer.due(len(waiting), 12, *known, now))
            if now >= until:
                break
    assert pstdev(later - earlier for earlier, later in pairwise(shown[200:])) <= 0.003
    assert max(delays[200:]) <= 0.1


def test_another_worker_of_another_block_is_not_paced_by_the_one_before():
    pacer = Pacer()
    play(pacer, 12, ends(random.Random(0), 30, 0.4, 0.0))
    later = [100 + end for end in ends(random.Random(0), 60, 0.2, 0.05)]
    played = play(pacer, 3, later)
    assert played.lost == 0
    assert played.std() <= 3


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.parametrize(("frames", "seconds"), [(12, 0.4), (9, 0.3), (3, 0.2)])
def test_a_real_worker_is_shown_without_holds_and_from_its_first_frame(tmp_path, frames, seconds):
    about = {"frames": frames, "shortest": 0.95 * seconds, "longest": 1.05 * seconds, "text": True}
    with running_session(tmp_path, load=about, on_arrival=True, pipeline="painter") as rig:
        rig.running()
        rig.until(lambda: rig.session._host.current.block.made >= 10)
        since = perf_counter()
        rig.until(lambda: perf_counter() - since > 6 * seconds)
        assert rig.session.status().dropped_output == 0
        seen = [one for one in rig.place.seen if one.time > since]
        times = [b.time for a, b in pairwise(seen) if b.frame.index != a.frame.index]
        steps = [later - earlier for earlier, later in pairwise(times)]
        longest = [max(steps[at : at + frames]) for at in range(0, len(steps), frames)]
        assert median(longest) <= 1.7 * seconds / frames, "else a tenth of each block is held"
