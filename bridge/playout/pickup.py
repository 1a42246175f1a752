"""Takes a worker's frames when they are due, and never waits for one."""

from collections import deque
from statistics import median

from bridge.playout.delay import Latencies, Line
from bridge.playout.pacer import Pacer
from bridge.workers.client import Block, Frames, WorkerClient
from engine.ipc.ring import Slot


class Pickup:
    """The frames of successive workers: at an even pace, or a constant delay after their inputs.
    For one thread.

    A frame made of an input that was used before, as with a still one, has no time of its own. It
    is due an even step after the frame before it.
    """

    def __init__(self) -> None:
        self.dropped = 0  # frames that arrived too fast to be shown
        self.latencies = Latencies()
        self.line = Line[Slot]()  # frames that wait for the end of the delay
        self._pacer = Pacer()
        self._came: deque[float] = deque()  # when each frame that waits in the ring arrived
        self._time = self._even_time = float("-inf")  # of the last frame's input

    def take(
        self, link: WorkerClient | None, now: float, *, newest: bool = False, delay: float = 0.0
    ) -> Slot | None:
        """The frame due now; None for none. Of blocks of one frame, the `newest` can be asked for:
        then none waits behind it. With a `delay` in seconds, frames made of an input are due that
        long after it. The image may be borrowed: it is copied before the next call.
        """
        delayed = self._gather(link, now, delay)
        if len(self.line):
            return self._end_of_line(link, now, delay)
        ring = link.ring if link else None
        if link is None or ring is None or delayed:
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
        slot = self._next(ring, borrowed=True) if count else None
        if slot:
            self._clocked(slot, block, self._arrived(count, now))
        return slot

    def next_due(
        self, link: WorkerClient | None, now: float, *, delay: float = 0.0
    ) -> float | None:
        """When `take` will return a frame if no other arrives before (perf_counter, seconds); `now`
        if it would at once, None if none waits.
        """
        delayed = self._gather(link, now, delay)
        if (due := self.line.due(delay)) is not None:
            return max(now, due)
        ring = link.ring if link else None
        if link is None or ring is None or delayed or (waiting := ring.waiting) <= 0:
            return None
        block = link.block
        due = self._pacer.due(waiting, block.frames, list(block.intervals), block.ended, now)
        return max(now, due)

    def _gather(self, link: WorkerClient | None, now: float, delay: float) -> bool:
        """Note what has arrived and, with a delay, move it into the line; returns whether frames
        are delayed.
        """
        delayed = delay > 0 and link is not None and not link.invents
        if delay <= 0:
            self.dropped += self.line.clear()
        ring = link.ring if link else None
        if link is None or ring is None:
            return delayed
        waiting = ring.waiting
        if len(self._came) > waiting:  # another ring
            self._came.clear()
        self._came.extend([now] * (waiting - len(self._came)))
        for _ in range(waiting if delayed else 0):
            if slot := self._next(ring):
                self.line.put(slot, self._clocked(slot, link.block, self._arrived(1, now)))
        return delayed

    def _next(self, ring: Frames, *, borrowed: bool = False) -> Slot | None:
        """The next frame in the ring; those that it has lost are counted."""
        before = ring.dropped
        slot = ring.next(borrowed=borrowed)
        self.dropped += ring.dropped - before
        return slot

    def _end_of_line(self, link: WorkerClient | None, now: float, delay: float) -> Slot | None:
        """The oldest frame of the line if it is due. Late ones are shown one by one, unless more
        than a block is due.
        """
        block = link.block.frames if link else 1
        while (later := self.line.due(delay, max(2, block))) is not None and later <= now:
            self.line.take()
            self.dropped += 1
        due = self.line.due(delay)
        return self.line.take() if due is not None and due <= now else None

    def _arrived(self, count: int, now: float) -> float:
        """When the last of the next `count` frames arrived."""
        came = now
        for _ in range(min(count, len(self._came))):
            came = self._came.popleft()
        return came

    def _clocked(self, slot: Slot, block: Block, came: float) -> float:
        """The time of a frame's input; its latency is noted, unless it waited for loading."""
        if slot.time > self._time:
            self._time = self._even_time = slot.time
            if slot.time >= block.warm:
                self.latencies.add(came, came - slot.time)
            return slot.time
        usual = median(block.intervals) if block.intervals else block.seconds
        most = self.latencies.most(came) or 2 * usual
        even = self._even_time + usual / block.frames
        self._even_time = min(max(even, came - most), came)
        return self._even_time
