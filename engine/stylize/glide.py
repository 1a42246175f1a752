"""Style transitions: the style vector moves in a straight line and arrives exactly."""

from time import perf_counter
from typing import NamedTuple

import numpy as np

from engine.stylize.weights import Array


class Shown(NamedTuple):
    """The current style: a vector (100,), None for no look; and its coverage, 0 to 1."""

    vector: Array | None
    presence: float


class StyleTransition:
    """Transitions from look to look, and to and from no look by coverage.

    The first target applies at once; each later one takes `fade` seconds, from wherever the
    previous transition had got to.
    """

    def __init__(self) -> None:
        self._started = False
        self._target: Array | None = None
        self._from = self._to = Shown(None, 0.0)
        self._began = self._fade = 0.0

    def at(self, target: Array | None, fade: float, now: float | None = None) -> Shown:
        """The look now, on its way to `target`."""
        now = perf_counter() if now is None else now
        if not self._started:
            self._started = True
            self._target = target
            self._from = self._to = Shown(target, float(target is not None))
        elif not _same(target, self._target):
            self._from, self._target = self._here(now), target
            # Fading out keeps the old look; fading in starts with the new one.
            self._to = Shown(
                self._from.vector if target is None else target, float(target is not None)
            )
            if self._from.presence == 0:
                self._from = Shown(self._to.vector, 0.0)
            self._began, self._fade = now, fade
        return self._here(now)

    def left(self, now: float | None = None) -> float:
        """Seconds until the target is reached."""
        now = perf_counter() if now is None else now
        return max(0.0, self._began + self._fade - now) if self._from is not self._to else 0.0

    def _here(self, now: float) -> Shown:
        part = (now - self._began) / self._fade if self._fade > 0 else 1.0
        if part >= 1 or self._from is self._to:
            self._from = self._to
            return self._to
        old, new = self._from, self._to
        assert old.vector is not None
        assert new.vector is not None
        vector = (old.vector + (new.vector - old.vector) * np.float32(part)).astype(np.float32)
        return Shown(vector, old.presence + (new.presence - old.presence) * part)


def _same(one: Array | None, other: Array | None) -> bool:
    if one is None or other is None:
        return one is other
    return np.array_equal(one, other)
