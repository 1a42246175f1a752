"""Even motion: when to show each generated frame, although they arrive in blocks.

Pure logic with times in seconds, so that it can be tested without a clock.
"""

from collections.abc import Sequence
from statistics import median

EARLY = 0.3  # a frame stays at least this fraction of its even time
LATE = 1.6  # and at most this fraction, as long as another one waits
# Fraction of a block's usual time in which waiting frames are shown. Simulated with blocks of 4, 9
# and 12 that take 0.3 to 0.9 s: at 1.0 delays of 1.4 blocks occur, at 0.8 the holds between blocks
# grow; at 0.9 at least 98 % of the frames are shown and none waits longer than 1.2 blocks.
HORIZON = 0.9
# Ticks in a row that leave a frame waiting until it counts as standing: it only delays the frames
# behind it. Frames that arrive unevenly leave none at one tick or another.
STANDING = 12


class Pacer:
    """Decides at each tick how many of the waiting frames to use up.

    Goal: show waiting frames evenly until the next block is expected, so that the delay stays
    within a block and no frame is lost. At most a block and a quarter ever waits. With blocks of
    one frame, a frame that waits tick after tick is skipped.
    """

    def __init__(self) -> None:
        self._shown_at = float("-inf")
        self._stood = 0  # ticks in a row that left a frame waiting

    def pick(
        self, waiting: int, frames: int, intervals: Sequence[float], ended: float, now: float
    ) -> int:
        """How many of `waiting` frames to take now; the last of them is shown, 0 holds.

        `frames` is the size of a block, `intervals` are the times between the ends of the last few
        blocks, `ended` is when the last one was done.
        """
        if waiting == 0:
            self._stood = 0
            return 0
        taken = max(1, waiting - _most(frames))
        if frames == 1:
            taken = self._shortened(waiting, taken)
        else:
            self._stood = 0
        if now < self.due(waiting, frames, intervals, ended):
            return 0
        self._shown_at = now
        return taken

    def due(self, waiting: int, frames: int, intervals: Sequence[float], ended: float) -> float:
        """When the next of `waiting` frames is to be shown, if no other arrives before; -inf for at
        once. The others are as in `pick`, and `waiting` is at least 1.
        """
        if frames == 1 or not intervals or waiting > _most(frames) + 1:
            return float("-inf")
        even = median(intervals) / frames
        # They share the time up to the horizon: due - shown = (horizon - due) / waiting.
        horizon = ended + HORIZON * median(intervals)
        stay = (horizon - self._shown_at) / (waiting + 1)
        return self._shown_at + min(max(stay, EARLY * even), LATE * even)

    def _shortened(self, waiting: int, taken: int) -> int:
        """One more than `taken` if what it leaves has waited for `STANDING` ticks: a stall on
        either side leaves frames that would delay all later ones permanently.
        """
        self._stood = self._stood + 1 if waiting > taken else 0
        if self._stood < STANDING:
            return taken
        self._stood = 0
        return taken + 1


def _most(frames: int) -> int:
    """How many frames may wait, at most, behind the one shown."""
    return max(2, frames + frames // 4)
