"""When a worker or a block is overdue, judged by somebody who may have slept too.

Pure bookkeeping with times in seconds, so that it can be tested without a clock; the bridge judges
its workers by it, and a worker its own passes.
"""

from collections import OrderedDict, deque
from collections.abc import Hashable
from dataclasses import dataclass, field

BLOCKS = 5  # of the usual time that one may take
SHAPES = 64  # of passes whose times are remembered
LATE = 2.0  # seconds without a look after which whoever looks was asleep himself
DOUBT = 0.5  # seconds that what is overdue may still come: it may wait to be read


class Overdue:
    """`sign` from any thread, `late` again and again from one.

    A laptop that wakes, a debugger that goes on, a machine that was short of memory: who was
    watched slept as long as who watches. So after a gap between two looks the time starts anew.
    """

    def __init__(self, limit: float, now: float) -> None:
        """`limit` is how long there may be no sign; it may be set anew at any time."""
        self.limit = limit
        self._since = self._looked = now
        self._doubted: tuple[float, float] | None = None  # which sign was the last one, and when

    def sign(self, now: float) -> None:
        """There was a sign of life."""
        self._since = now

    def late(self, now: float) -> bool:
        """Whether the sign is overdue, and nobody can have slept."""
        gap, self._looked = now - self._looked, now
        since = self._since
        if gap > LATE:
            self._since = now
        if gap > LATE or now - since <= self.limit:
            self._doubted = None
            return False
        if self._doubted is None or self._doubted[0] != since:
            self._doubted = since, now
        return now - self._doubted[1] >= DOUBT


@dataclass(slots=True)
class _Passes:
    made: int = 0
    times: deque[float] = field(default_factory=lambda: deque[float](maxlen=9))


class Limits:
    """How long a pass may give nothing, by its shape: the first of a shape compiles, captures and
    reads what the others find ready.
    """

    def __init__(self, least: float, first: float) -> None:
        """`least` is the limit however quick passes are, `first` that of a shape's first one."""
        self._least = least
        self._first = max(least, first)
        self._known: OrderedDict[Hashable, _Passes] = OrderedDict()

    def of(self, shape: Hashable) -> float:
        """The limit in seconds."""
        passes = self._known.get(shape)
        return max(self._least, BLOCKS * max(passes.times)) if passes else self._first

    def took(self, shape: Hashable, seconds: float) -> None:
        """A pass of that shape was done."""
        passes = self._known.setdefault(shape, _Passes())
        self._known.move_to_end(shape)
        passes.made += 1
        if passes.made == 2:
            passes.times.clear()  # the first says nothing of the others
        passes.times.append(seconds)
        if len(self._known) > SHAPES:
            self._known.popitem(last=False)
