"""Even motion over blocks of many lengths, in virtual time, beside the rule of before the lock; and
of real workers.
"""

import random
from collections import deque
from itertools import pairwise
from statistics import mean, median, pstdev
from time import perf_counter

import pytest

from bridge.playout.pacer import Pacer
from tests.support.playback import TICK, Played, Share, ends, play
from tests.support.rig import running_session
from tests.support.slow_cases import rest_slow

# frames of a block, its seconds, their spread, later rate, stall
REGULAR = [
    (3, 0.2, 0.05, 1.0, 0.0),
    (3, 0.9, 0.05, 1.0, 0.0),
    (4, 0.3, 0.05, 1.0, 0.0),
    (9, 0.3, 0.05, 1.0, 0.0),
    (12, 0.4, 0.05, 1.0, 0.0),
    (12, 0.9, 0.05, 1.0, 0.0),
]
LESS = [
    (3, 0.2, 0.15, 1.0, 0.0),
    (9, 0.3, 0.15, 1.0, 0.0),
    (12, 0.4, 0.15, 1.0, 0.0),
]
IRREGULAR = [(4, 0.3, 0.4, 1.0, 0.0), (9, 0.3, 0.4, 1.0, 0.0), (12, 0.4, 0.4, 1.0, 0.0)]
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
def test_regular_blocks_play_as_evenly_as_a_clock(schedule):
    pairs = [both(schedule, seed) for seed in range(24 // schedule[0])]
    assert mean(pacer.std() for pacer, _ in pairs) <= 3
    assert mean(pacer.std() / share.std() for pacer, share in pairs) <= 0.1
    assert max(max(pacer.delays) for pacer, _ in pairs) <= 1.07 * schedule[1]
    assert sum(pacer.lost for pacer, _ in pairs) == 0


@pytest.mark.parametrize("schedule", [REGULAR[0], REGULAR[3], REGULAR[4]], ids=str)
def test_frames_that_last_whole_ticks_are_even_on_a_display_of_ticks(schedule):
    """Where they last half a tick more, every other one must stay a tick longer."""
    pacer, share = both(schedule, 0, grid=TICK)
    assert pacer.std() <= 3.5
    assert pacer.std() <= 0.6 * share.std()
    assert max(pacer.delays) <= 1.15 * schedule[1]
    assert pacer.lost == 0


@pytest.mark.parametrize("schedule", LESS, ids=str)
@pytest.mark.parametrize(("grid", "part"), [(0.0, 0.35), (TICK, 0.65)])
def test_less_regular_blocks_are_far_more_even_than_shared_out(schedule, grid, part):
    pacer, share = both(schedule, 0, grid=grid)
    assert pacer.std() <= part * share.std()
    assert max(pacer.delays) <= 1.15 * schedule[1] + 1.5 * grid
    assert pacer.lost == 0


@pytest.mark.parametrize("schedule", IRREGULAR, ids=str)
@pytest.mark.parametrize("grid", rest_slow([0.0, TICK]))
def test_irregular_blocks_play_no_worse_than_shared_out(schedule, grid):
    pairs = [both(schedule, seed, grid=grid) for seed in range(4)]
    assert mean(p.std() for p, _ in pairs) <= 1.01 * mean(s.std() for _, s in pairs)
    assert sum(p.lost for p, _ in pairs) <= sum(s.lost for _, s in pairs)
    delays = mean(mean(p.delays) for p, _ in pairs), mean(mean(s.delays) for _, s in pairs)
    assert delays[0] <= delays[1] + 0.015 * schedule[1]
    longest = mean(max(p.delays) for p, _ in pairs), mean(max(s.delays) for _, s in pairs)
    assert longest[0] <= longest[1] + 0.06 * schedule[1], "but nothing is dropped for it"


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


@pytest.mark.parametrize("drift", [0.3, -0.3])
def test_a_rate_that_drifts_is_followed_without_a_hold(drift):
    """As of a GPU that becomes hot."""
    rng, now, when = random.Random(0), 1.0, []
    for number in range(120):
        now += 0.4 * (1 + drift * number / 120) * rng.uniform(0.95, 1.05)
        when.append(now)
    pacer, share = play(Pacer(), 12, when), play(Share(), 12, when)
    assert pacer.std() <= 0.4 * share.std()
    longest = max(later - earlier for earlier, later in pairwise(pacer.times))
    assert longest <= 2.2 * max(1, 1 + drift) * 0.4 / 12
    assert pacer.lost == 0


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
