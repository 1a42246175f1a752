"""How long a worker or a block may give no sign of life, as measured by a process that may itself
have been suspended.

Pure logic with times in seconds, so that it can be tested without a clock; the bridge uses it for
its workers, and a worker for its own passes.
"""

from collections import OrderedDict, deque
from collections.abc import Hashable
from dataclasses import dataclass, field

BLOCKS = 5  # multiples of the usual time that a pass may take
SHAPES = 64  # number of shapes whose times are remembered
LATE = 2.0  # seconds between two checks: more means that the observer itself was suspended
DOUBT = 0.5  # seconds of grace for an overdue sign, which may be waiting to be read


class Overdue:
    """`sign` may be called by any thread, `late` is polled by one.

    After a laptop wakes, a debugger continues or a machine runs short of memory, both sides were
    suspended equally long. So after a gap between two checks the time starts again.
    """

    def __init__(self, limit: float, now: float) -> None:
        """`limit` is the maximum time without a sign; it may be changed at any time."""
        self.limit = limit
        self._since = self._looked = now
        self._doubted: tuple[float, float] | None = None  # the last sign, and since when

    def sign(self, now: float) -> None:
        """Note a sign of life."""
        self._since = now

    def late(self, now: float) -> bool:
        """Whether the sign is overdue and no suspension explains it."""
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
    """How long a pass may take without output, by its shape: the first of a shape compiles,
    captures and reads what later ones reuse.
    """

    def __init__(self, least: float, first: float) -> None:
        """`least` is the minimum limit, `first` that of a shape's first pass."""
        self._least = least
        self._first = max(least, first)
        self._known: OrderedDict[Hashable, _Passes] = OrderedDict()

    def of(self, shape: Hashable) -> float:
        """The limit in seconds."""
        passes = self._known.get(shape)
        return max(self._least, BLOCKS * max(passes.times)) if passes else self._first

    def took(self, shape: Hashable, seconds: float) -> None:
        """A pass of that shape is done."""
        passes = self._known.setdefault(shape, _Passes())
        self._known.move_to_end(shape)
        passes.made += 1
        if passes.made == 2:
            passes.times.clear()  # the first says nothing about the others
        passes.times.append(seconds)
        if len(self._known) > SHAPES:
            self._known.popitem(last=False)
