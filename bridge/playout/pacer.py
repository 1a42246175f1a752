"""Even motion: when to show each generated frame, although they arrive in blocks.

Pure logic with times in seconds, so that it can be tested without a clock.

Regular blocks are played by a phase-locked clock: one frame per step, the block's time divided by
its frames, and the clock is corrected slowly, so that each frame is due a margin after it arrived.
Frames that would wait too long share the time that is left. Irregular blocks leave no rate to lock
to: their frames share the time until the next block.
`tests/bridge/playout/test_pacer.py` plays both over many schedules; it shows what the numbers do.
"""

from collections import deque
from collections.abc import Sequence
from statistics import mean, median

from bridge.workers.feeder import surplus

EARLY = 0.3  # a frame stays at least this fraction of its even time
LATE = 1.6  # and at most this fraction, as long as another one waits
# Fraction of an irregular block's usual time in which waiting frames are shown: at 1.0 delays of
# 1.4 blocks occur, at 0.8 the holds between blocks grow.
HORIZON = 0.9
# Seconds after which a frame that waits at every look counts as standing: it only delays those
# behind it. Frames that arrive unevenly leave none at one look or another.
STANDING = 0.18
# Of an interval between blocks: how far it is from the period, on average, of the last `HEARD`.
# Below the first part of the period the clock is trusted, above the second no longer. `ODD` of them
# do not count: a stall or a change of rate ends no trust.
REGULAR, IRREGULAR = 0.09, 0.12
HEARD, ODD = 20, 2
KNOWN = 16  # intervals until this is judged in full; fewer must be more regular
# Another rate: the last three differ by this part of the period, and this multiple of the spread.
OTHER, WIDE = 0.1, 3.5
STALL = 1.5  # a block that takes this many periods has stalled
JITTER = 6.5  # margin for late blocks, as a multiple of the spread
ROOM = 0.09  # the margin is at most this part of a period, and half a frame
GAIN = 0.6  # fraction of an error as large as the most margin that is corrected within a block
LONGEST = 1.04  # periods that the clock lets a frame wait
LAG = 0.02  # seconds by which a tick may show a frame late without shifting the clock


class Rhythm:
    """How long blocks take and how regularly they come, from the times between their ends."""

    def __init__(self) -> None:
        self.period = 0.0  # seconds from block to block
        self.spread = 0.0  # seconds by which an interval differs from the period, on average
        self.regular = False  # the period can be relied on
        self._ended = 0.0
        self._steady: deque[float] = deque(maxlen=40)  # what the period is the mean of
        self._off: deque[float] = deque(maxlen=HEARD)

    def hear(self, intervals: Sequence[float], ended: float) -> None:
        """Take in the last few blocks; `ended` is when the newest was done."""
        if ended == self._ended or not intervals:
            return
        self._ended, newest = ended, intervals[-1]
        self._off.append(abs(newest - (self.period or newest)))
        self._follow(intervals)
        off = sorted(self._off)
        off = off[:-ODD] if len(off) >= 8 else off
        if len(off) >= 4:
            self.spread = mean(off)
            limit = IRREGULAR if self.regular else REGULAR * min(1.0, len(self._off) / KNOWN)
            self.regular = self.spread < limit * self.period

    def _follow(self, intervals: Sequence[float]) -> None:
        """Correct the period: slowly, unless the last three blocks have another rate."""
        usual, counted = median(intervals[-3:]), intervals[-1:]
        if usual > STALL * self.period:  # two stalls in a row are no other rate
            usual = median(intervals)
        other = max(OTHER * self.period, WIDE * self.spread)
        if len(intervals) > 2 and abs(usual - self.period) > other:
            self._steady.clear()
            counted = [one for one in intervals[-3:] if abs(one - usual) <= other]
        self._steady.extend(one for one in counted if one < STALL * usual)
        self.period = mean(self._steady or [usual])


class Pacer:
    """Decides at each look how many of the waiting frames to use up, and when to look again.

    No frame is lost unless more than a block and a third would wait; the delay stays about a block.
    With blocks of one frame, each is shown at once, and one that waits look after look is skipped.
    """

    def __init__(self) -> None:
        self._rhythm = Rhythm()
        self._shown_at = float("-inf")
        self._base = float("-inf")  # the same by the phase-locked clock
        self._taken = 0  # frames taken so far
        self._left = 0  # frames that waited after the last look
        self._arrivals: deque[tuple[int, float]] = deque()  # numbers of frames, and when they came
        self._stood_since: float | None = None  # frames waited at every look since

    def pick(
        self, waiting: int, frames: int, intervals: Sequence[float], ended: float, now: float
    ) -> int:
        """How many of `waiting` frames to take now; the last of them is shown, 0 holds.

        `frames` is the size of a block, `intervals` are the times between the ends of the last few
        blocks, `ended` is when the last one was done.
        """
        taken = self._count(waiting, frames, intervals, ended, now)
        self._taken += taken
        self._left = waiting - taken
        return taken

    def due(
        self, waiting: int, frames: int, intervals: Sequence[float], ended: float, now: float
    ) -> float:
        """When the next of `waiting` frames is to be shown, if no other arrives before; -inf for at
        once. The others are as in `pick`, and `waiting` is at least 1.
        """
        self._notice(waiting, frames, now)
        self._rhythm.hear(intervals, ended)
        if frames == 1 or not intervals or waiting > _most(frames) + 1:
            return float("-inf")
        if self._rhythm.regular and self._arrivals:
            return self._base + self._locked(waiting, frames)
        # They share the time up to the horizon: due - shown = (horizon - due) / waiting.
        horizon = ended + HORIZON * median(intervals)
        stay = (horizon - self._shown_at) / (waiting + 1)
        return self._shown_at + _bounded(stay, median(intervals) / frames)

    def _count(
        self, waiting: int, frames: int, intervals: Sequence[float], ended: float, now: float
    ) -> int:
        if waiting == 0:
            self._stood_since = None
            return 0
        due = self.due(waiting, frames, intervals, ended, now)
        if now < due:
            return 0
        taken = max(1, waiting - _most(frames))
        if frames == 1:
            taken = self._shortened(waiting, taken, now)
        else:
            self._stood_since = None
        self._shown_at = now
        self._base = max(due, now - LAG) if self._rhythm.regular else now
        return taken

    def _notice(self, waiting: int, frames: int, now: float) -> None:
        """Note frames that arrived since the last look."""
        if waiting < self._left:  # they wait in another ring
            self._arrivals.clear()
            self._left = 0
        if waiting > self._left:
            self._arrivals.append((self._taken + self._left, now))
            self._left = waiting
        oldest = self._taken + waiting - frames
        while len(self._arrivals) > 1 and self._arrivals[1][0] <= oldest:
            self._arrivals.popleft()

    def _locked(self, waiting: int, frames: int) -> float:
        """Seconds until the next frame by the phase-locked clock."""
        period, step = self._rhythm.period, self._rhythm.period / frames
        most = (ROOM + 0.5 / frames) * period
        margin = min(JITTER * self._rhythm.spread, most)
        late = max(
            came + margin - self._base - (number + 1 - self._taken) * step
            for number, came in self._arrivals
        )
        part = min(GAIN * (late / most) ** 2, 1.0)  # a small error is hardly corrected
        left = self._arrivals[-1][1] + LONGEST * period - self._base
        return _bounded(min(step + part * late / frames, left / waiting), step)

    def _shortened(self, waiting: int, taken: int, now: float) -> int:
        """One more than `taken` if what it leaves has waited for `STANDING`: a stall on either side
        leaves frames that would delay all later ones permanently.
        """
        if waiting <= taken:
            self._stood_since = None
            return taken
        if self._stood_since is None:
            self._stood_since = now
        if now - self._stood_since < STANDING:
            return taken
        self._stood_since = None
        return taken + 1


def _most(frames: int) -> int:
    """How many frames may wait, at most, behind the one shown."""
    return frames + surplus(frames) + 1


def _bounded(stay: float, even: float) -> float:
    return min(max(stay, EARLY * even), LATE * even)
