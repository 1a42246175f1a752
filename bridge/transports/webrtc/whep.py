"""Browsers and players that ask for the output over WebRTC (WHEP): many viewers, one encoder."""

from bridge.frames.frame import Frame
from bridge.transports import Options, TransportError
from bridge.transports.base import TransportBase, number, wished
from bridge.transports.webrtc import signalling
from bridge.transports.webrtc.child import Child
from bridge.transports.webrtc.messages import (
    MOST_MBIT,
    MOST_VIEWERS,
    FrameMade,
    FromProcess,
    RingMade,
    Start,
)
from engine.ipc.ring import RingWriter
from engine.ipc.segments import RingError, private_name

SLOTS = 3
LEAST_MBIT = 0.1
VIEWERS = 8  # at once, unless told otherwise
MBIT = 6.0  # of 720p


class WhepSink(TransportBase):
    """Hands frames to the process that encodes them; it does so while somebody looks."""

    keeps_last, needs_beat = True, False

    def __init__(self, start: Start) -> None:
        self._viewers = start.viewers
        self._ring: RingWriter | None = None
        self._rings = 0
        self._child = Child("whep", start, self._take)
        signalling.opened("whep", self._child)

    def send(self, frame: Frame) -> None:
        """Pass one frame on. TransportError once the process has ended, or without room."""
        self._child.check()
        height, width = frame.image.shape[:2]
        ring = self._ring
        if ring is None or (ring.width, ring.height) != (width, height):
            ring = self._renewed(width, height)
        ring.write(frame.image, frame.time, frame.index)
        self._child.say(FrameMade())

    def close(self) -> None:
        """End the connections."""
        signalling.closed("whep", self._child)
        self._child.close()
        if self._ring:
            self._ring.unlink()
            self._ring.close()

    @property
    def status(self) -> str:
        """Where to look, and how many do."""
        return f"open /view on the page's address; {self._child.connected} of {self._viewers} watch"

    @property
    def problem(self) -> str:
        """Why frames cannot be encoded."""
        return self._child.trouble

    def _renewed(self, width: int, height: int) -> RingWriter:
        self._rings += 1
        name = private_name(0, "whep", self._rings)
        try:
            ring = RingWriter(name, width, height, SLOTS, self._rings)
        except RingError as error:
            raise TransportError(f"whep: {error}") from error
        old, self._ring = self._ring, ring
        self._child.say(RingMade(name=name))
        if old:
            old.unlink()
            old.close()
        return ring

    def _take(self, message: FromProcess) -> None:
        raise AssertionError(f"{message} is no sink's")


def check_sink(name: str) -> None:
    """TransportError for invalid options."""
    _start(name, ())


def open_sink(name: str, options: Options) -> WhepSink:
    """`whep:`, with `?mbit=` and `viewers=`."""
    return WhepSink(_start(name, options.ice))


def _start(name: str, ice: tuple[str, ...]) -> Start:
    rest, wishes = wished(name, ("mbit", "viewers"), "whep:")
    if rest:
        raise TransportError(f"whep:{rest:.80} is not a sink; write whep: without a name.")
    viewers = number("viewers", wishes.get("viewers", str(VIEWERS)), 1, MOST_VIEWERS)
    mbit = number("mbit", wishes.get("mbit", str(MBIT)), LEAST_MBIT, MOST_MBIT)
    return Start(viewers=int(viewers), mbit=mbit, ice=ice)
