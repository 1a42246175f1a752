"""Constant delay: a frame is shown a chosen time after its input was received, for sound in sync.

Frames wait here, at the size at which they came. Pure logic with times in seconds, so that it can
be tested without a clock. `Pickup` keeps the engine's frames in a `Line`, `DelayedInput` the input.
"""

import threading
from collections import deque
from typing import Generic, Protocol, TypeVar

from bridge.frames.frame import Frame, Image

MOST_BYTES = 1 << 30  # of the images that wait in one line; two seconds of 1920x1080 at 60 fps
RECENT = 10.0  # seconds for which a frame's latency counts


class Timed(Protocol):
    """A frame in a line."""

    @property
    def image(self) -> Image:
        """The pixels (H, W, 4) uint8."""
        ...


def longest(size: int, rate: float) -> float:
    """Seconds for which frames of `size` bytes fit into a line, at `rate` a second; inf if either
    is 0, as before the first frame.
    """
    return MOST_BYTES / (size * rate) if size and rate > 0 else float("inf")


T = TypeVar("T", bound=Timed)


class Line(Generic[T]):
    """Frames in the order in which they came, each with the time of its input; for one thread, or
    with a lock of its user's.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._frames: deque[tuple[float, T]] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._frames)

    def put(self, frame: T, time: float) -> None:
        """Add a frame whose input was received at `time`."""
        self._frames.append((time, frame))
        self._bytes += frame.image.nbytes

    def due(self, delay: float, place: int = 0) -> float | None:
        """When the frame at that place is due; -inf for at once, because there is no memory for
        more. None if there is none.
        """
        if place >= len(self._frames):
            return None
        if place == 0 and self._bytes > self._most_bytes:
            return float("-inf")
        return self._frames[place][0] + delay

    def take(self) -> T:
        """The oldest frame; IndexError if there is none."""
        _, frame = self._frames.popleft()
        self._bytes -= frame.image.nbytes
        return frame

    def clear(self) -> int:
        """Forget all frames; returns how many."""
        count, self._bytes = len(self._frames), 0
        self._frames.clear()
        return count


class DelayedInput:
    """The received input, as it was a while ago. `put` is called by the receiving thread, the rest
    by that of the output.
    """

    def __init__(self) -> None:
        self._line = Line[Frame]()
        self._shown: Frame | None = None
        self._lock = threading.Lock()

    def put(self, frame: Frame, delay: float) -> None:
        """Add a received frame; without delay, it is the one shown."""
        with self._lock:
            if delay > 0:
                self._line.put(frame, frame.time)
            else:
                self._line.clear()
                self._shown = frame

    def shown(self, now: float, delay: float) -> Frame | None:
        """The newest frame that is due; None before the first."""
        with self._lock:
            while (due := self._line.due(delay)) is not None and due <= now:
                self._shown = self._line.take()
            return self._shown

    def due(self, delay: float) -> float | None:
        """When the next frame is due; None if none waits."""
        with self._lock:
            return self._line.due(delay)


class Latencies:
    """How long frames took lately, from their input to their arrival here. `add` is called by one
    thread.
    """

    def __init__(self) -> None:
        self._each: deque[tuple[float, float]] = deque(maxlen=2000)

    def add(self, now: float, seconds: float) -> None:
        """A frame that arrived took so long."""
        self._each.append((now, seconds))

    def most(self, now: float) -> float:
        """The longest of the last seconds; 0 without any. Any thread."""
        return max((took for at, took in [*self._each] if now - at <= RECENT), default=0.0)
