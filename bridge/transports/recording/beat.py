"""The ticks of a recording at a fixed rate, by the clock."""


class Beat:
    """Numbers ticks from 0, at the first frame. Frames that come a little unevenly have one tick
    after another; those by which the clock is ahead then, if any, were missed. Times in seconds.
    """

    def __init__(self, rate: float) -> None:
        self.next = 0  # the tick of the next frame, unless some are missed
        self._rate = rate
        self._began: float | None = None

    def missed(self, now: float) -> int:
        """How many ticks passed without a frame before the one that comes now."""
        ahead = self._ahead(now)
        return round(ahead) if ahead >= 1 else 0

    def due(self, now: float) -> bool:
        """Whether a held frame has a tick of its own now, which may come a little early."""
        return self._ahead(now) > -1

    def _ahead(self, now: float) -> float:
        """By how many ticks the clock is ahead of the next one."""
        if self._began is None:
            self._began = now
        return (now - self._began) * self._rate - self.next
