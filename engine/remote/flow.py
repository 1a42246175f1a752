"""How much a connection carries: whether the next frame may be sent, and its bitrate.

A frame that may not be sent is dropped before it is encoded, so the stream goes on without a key
frame. Pure logic with times in seconds; the receiver acknowledges each frame.
"""

from collections import deque
from dataclasses import dataclass

LEAST = 300_000  # bits a second
KNOWN, KNOWN_BITRATE = 640 * 360, 2_500_000  # pixels of a size, and what looks good there
GROWTH = 0.63  # power by which a good bitrate grows with the pixels: 6 Mbit/s at 1280x720
SHUT = 0.150  # seconds of queue beyond which no frame is sent
FULL, CALM = (
    0.080,
    0.030,
)  # seconds of queue above which the bitrate falls, and under which it rises
FALL, PAUSE = 0.7, 0.5  # how far it falls, and seconds until it may fall again
RISE = 1.08  # by how much it rises in a second
MEMORY = 10.0  # seconds for which a round trip is remembered
LONGEST = 0.5  # seconds between two acknowledgements; a longer pause is a stall, and not counted
UNKNOWN = 0.3  # seconds of round trip, until there is one


def good_bitrate(width: int, height: int) -> int:
    """Bits a second that a stream of this size may use, at 30 frames a second."""
    return max(LEAST, round(KNOWN_BITRATE * (width * height / KNOWN) ** GROWTH))


@dataclass(frozen=True, slots=True)
class _Sent:
    number: int
    at: float
    size: int


class Flow:
    """One direction of one connection; used by one thread.

    The least round trip of the last seconds is the line's; by how much the oldest frame that is not
    acknowledged is older than that is the queue. Nor is more on its way than the bitrate allows for
    a round trip and that queue: so it holds for codecs too that know of none.
    """

    def __init__(self, most: int) -> None:
        """`most` is the highest bitrate, in bits a second; see `good_bitrate`."""
        self._most = max(LEAST, most)
        self._bitrate = float(self._most)
        self._waiting: deque[_Sent] = deque()
        self._bits_waiting = 0
        self._trips: deque[tuple[float, float]] = deque()  # line time and seconds, rising
        self._line_time = 0.0  # passes only while frames are acknowledged
        self._acked_at, self._fell_at = float("inf"), float("-inf")
        self._returned = self._probed = False  # after a stall
        self._carried: deque[tuple[float, int]] = deque()  # when acknowledged, and bits

    @property
    def bitrate(self) -> int:
        """For the encoder, in bits a second."""
        return round(self._bitrate)

    @property
    def most(self) -> int:
        """The highest bitrate; may be set at any time."""
        return self._most

    @most.setter
    def most(self, most: int) -> None:
        self._most = max(LEAST, most)
        self._bitrate = min(self._bitrate, self._most)

    @property
    def line(self) -> float:
        """The least round trip, in seconds."""
        return self._trips[0][1] if self._trips else UNKNOWN

    @property
    def waiting(self) -> int:
        """Bits on their way."""
        return self._bits_waiting

    def queue(self, now: float) -> float:
        """Seconds by which the oldest frame on its way is late."""
        return max(0.0, now - self._waiting[0].at - self.line) if self._waiting else 0.0

    def throughput(self, now: float) -> int:
        """Bits a second that arrived during the last second."""
        while self._carried and now - self._carried[0][0] > 1:
            self._carried.popleft()
        return sum(bits for _, bits in self._carried)

    def may_send(self, now: float) -> bool:
        """Whether the next frame is encoded and sent; ask for each. When a line returns from a
        stall, one frame goes at once: those on their way are old, though no queue may be left.
        """
        queue = self.queue(now)
        self._ease(queue, now)
        if queue <= SHUT:
            self._returned = self._probed = False
            return self._bits_waiting <= self._bitrate * (self.line + SHUT)
        return self._returned and not self._probed

    def sent(self, number: int, size: int, now: float) -> None:
        """A frame of `size` bytes is sent; numbers rise."""
        self._waiting.append(_Sent(number, now, size))
        self._bits_waiting += size * 8
        self._probed = self._returned

    def acked(self, number: int, now: float) -> None:
        """The receiver has this frame, and all before it."""
        queue, newest = self.queue(now), None
        while self._waiting and self._waiting[0].number <= number:
            newest = self._waiting.popleft()
            self._bits_waiting -= newest.size * 8
            self._carried.append((now, newest.size * 8))
        if newest is None:
            return
        passed = min(max(0.0, now - self._acked_at), LONGEST)
        self._acked_at = now
        self._returned = self._returned or passed == LONGEST
        self._line_time += passed
        self._learn(now - newest.at)
        self._ease(queue, now)
        if queue < CALM:
            self._bitrate = min(self._most, self._bitrate * RISE**passed)
        self.throughput(now)

    def _ease(self, queue: float, now: float) -> None:
        if queue > FULL and now - self._fell_at >= PAUSE:
            self._bitrate = max(LEAST, self._bitrate * FALL)
            self._fell_at = now

    def _learn(self, trip: float) -> None:
        """Keep the round trips that are, or will be, the least of the last MEMORY seconds."""
        while self._trips and self._trips[-1][1] >= trip:
            self._trips.pop()
        self._trips.append((self._line_time, trip))
        while self._line_time - self._trips[0][0] > MEMORY:
            self._trips.popleft()
