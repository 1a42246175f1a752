"""Takes a worker's frames when they are due, and never waits for one."""

from bridge.playout.pacer import Pacer
from bridge.workers.client import WorkerClient
from engine.ipc.ring import Slot


class Pickup:
    """The frames of successive workers, at an even pace; for one thread."""

    def __init__(self) -> None:
        self.dropped = 0  # frames that arrived too fast to be shown
        self._pacer = Pacer()

    def take(self, link: WorkerClient | None, now: float, *, newest: bool = False) -> Slot | None:
        """The frame due now; None for none. Of blocks of one frame, the `newest` can be asked for:
        then none waits behind it.
        """
        ring = link.ring if link else None
        if link is None or ring is None:
            return None
        block = link.block
        count = self._pacer.pick(
            ring.waiting, block.frames, list(block.intervals), block.ended, now
        )
        if newest and block.frames == 1:
            count = ring.waiting
        if count > 1:
            ring.skip(count - 1)
            self.dropped += count - 1
        before = ring.dropped
        slot = ring.next() if count else None
        self.dropped += ring.dropped - before
        return slot

    def next_due(self, link: WorkerClient | None, now: float) -> float | None:
        """When `take` will return a frame if no other arrives before (perf_counter, seconds); `now`
        if it would at once, None if none waits.
        """
        ring = link.ring if link else None
        if link is None or ring is None or (waiting := ring.waiting) <= 0:
            return None
        block = link.block
        due = self._pacer.due(waiting, block.frames, list(block.intervals), block.ended, now)
        return max(now, due)
