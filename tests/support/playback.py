"""Blocks played in virtual time, beside the rule of before the lock."""

from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from statistics import median, pstdev

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


def play(pacer, frames, ends, *, grid=0.0, lead=0.0, skip=15):
    """Show blocks that end at these times: exactly when due or, with `grid`, at its ticks. The
    images are there `lead` seconds before a block ends. The first `skip` blocks do not count.
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
        if came and now > ends[skip]:
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
