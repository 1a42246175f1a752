"""OBS, GStreamer or a browser that sends its picture over WebRTC (WHIP): the newest sender."""

import threading
from time import perf_counter

from bridge.frames.frame import Frame
from bridge.transports import Options, TransportError
from bridge.transports.base import TransportBase, wished
from bridge.transports.webrtc import signalling
from bridge.transports.webrtc.child import Child
from bridge.transports.webrtc.messages import FrameMade, FromProcess, RingMade, Start
from engine.ipc.ring import RingReader
from engine.ipc.segments import RingError, unlink

GONE = 5.0  # seconds without a frame until a sender counts as missing
EXCLUSIVE = True  # one sender's frames cannot be two inputs


class WhipSource(TransportBase):
    """The newest frame that the process has decoded."""

    def __init__(self, start: Start) -> None:
        if signalling.is_open("whip"):
            raise TransportError("whip: is already used by another input; choose another source.")
        self._ring: RingReader | None = None
        self._made = ""  # a segment not opened yet
        self._seen = 0  # frames of this segment
        self._index = 0
        self._came = 0.0
        self._news = threading.Condition()
        self._fresh = False
        self._child = Child("whip", start, self._take)
        signalling.opened("whip", self._child)

    def receive(self, timeout: float) -> Frame | None:
        """The newest frame. TransportError once the process has ended."""
        until = perf_counter() + timeout
        while True:
            with self._news:
                self._news.wait_for(lambda: self._fresh, max(0.0, until - perf_counter()))
                fresh, self._fresh = self._fresh, False
                made, self._made = self._made, ""
            self._child.check()
            if made:
                self._attach(made)
            ring = self._ring
            if not fresh or ring is None:
                return None
            slot = ring.newest()
            if slot and slot.number >= self._seen:
                self._seen = slot.number + 1
                self._index, self._came = self._index + 1, perf_counter()
                return Frame(slot.image, slot.time, self._index)

    def close(self) -> None:
        """End the connection."""
        signalling.closed("whip", self._child)
        self._child.close()
        if self._ring:
            self._ring.close()

    @property
    def there(self) -> bool:
        """Whether a sender is connected and sends."""
        return self._child.connected > 0 and perf_counter() - self._came < GONE

    @property
    def status(self) -> str:
        """Where to send to, or what comes."""
        ring = self._ring
        if self.there and ring:
            return f"{ring.width}x{ring.height} by WHIP"
        return "waiting for a sender at /whip on the page's address"

    @property
    def problem(self) -> str:
        """Why a sender's frames cannot be used."""
        return self._child.trouble

    def _attach(self, name: str) -> None:
        try:
            ring = RingReader(name)
        except (FileNotFoundError, RingError) as error:
            raise TransportError(f"whip: a frame could not be received: {error}") from error
        unlink(name)
        old, self._ring, self._seen = self._ring, ring, 0
        if old:
            old.close()

    def _take(self, message: FromProcess) -> None:
        with self._news:
            match message:
                case RingMade(name=name):
                    if self._made:
                        unlink(self._made)
                    self._made = name
                case FrameMade():
                    self._fresh = True
                    self._news.notify()
                case _:
                    raise AssertionError(f"{message} is no source's")


def check_source(name: str) -> None:
    """TransportError for a name or options: it has none."""
    rest, _ = wished(name, (), "whip:")
    if rest:
        raise TransportError(f"whip:{rest:.80} is not a source; write whip: without a name.")


def open_source(name: str, options: Options) -> WhipSource:
    """`whip:`; the sender need not be there yet."""
    check_source(name)
    return WhipSource(Start(ice=options.ice))
