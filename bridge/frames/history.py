"""A source's recent frames, found by their time of arrival."""

import threading
from collections import deque
from collections.abc import Iterable

from bridge.frames.frame import Frame

MOST = 128  # frames that are kept
MOST_BYTES = 256 << 20  # of all frames; about a second at 1920x1080


class History:
    """The newest frames of one source. Any thread may call any method; none waits."""

    def __init__(self) -> None:
        self._frames: deque[Frame] = deque(maxlen=MOST)
        self._bytes = 0
        self._lock = threading.Lock()

    def put(self, frame: Frame) -> None:
        """Add a frame; the oldest are dropped for room, never the newest."""
        with self._lock:
            if len(self._frames) == MOST:
                self._forget()
            self._frames.append(frame)
            self._bytes += frame.image.nbytes
            while self._bytes > MOST_BYTES and len(self._frames) > 1:
                self._forget()

    def at(self, times: Iterable[float], late: float) -> list[Frame]:
        """For each time (perf_counter, seconds) the kept frame nearest to it, but at most `late`
        seconds after it. Empty before the first frame.
        """
        with self._lock:
            frames = [*self._frames]
        if not frames:
            return []
        return [_nearest(frames, time, late) for time in times]

    def _forget(self) -> None:
        self._bytes -= self._frames.popleft().image.nbytes


def _nearest(frames: list[Frame], time: float, late: float) -> Frame:
    there = [frame for frame in frames if frame.time <= time + late] or frames[:1]
    return min(there, key=lambda frame: abs(frame.time - time))
