"""What a source gave lately, to be found by the time it came."""

import threading
from collections import deque
from collections.abc import Iterable

from bridge.frames.frame import Frame

MOST = 128  # frames that are kept
MOST_BYTES = 256 << 20  # of them; at 1920x1080 those of a second


class History:
    """The newest frames of one source. Any thread may call any method; none waits."""

    def __init__(self) -> None:
        self._frames: deque[Frame] = deque(maxlen=MOST)
        self._bytes = 0
        self._lock = threading.Lock()

    def put(self, frame: Frame) -> None:
        """Keep the newest; the oldest go where there is no room, but for the newest itself."""
        with self._lock:
            if len(self._frames) == MOST:
                self._forget()
            self._frames.append(frame)
            self._bytes += frame.image.nbytes
            while self._bytes > MOST_BYTES and len(self._frames) > 1:
                self._forget()

    def at(self, times: Iterable[float], late: float) -> list[Frame]:
        """For each time (perf_counter, seconds) the frame that came nearest to it, though not more
        than `late` seconds after it, as far back as is kept. Empty before the first frame.
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
