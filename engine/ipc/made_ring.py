"""The ring of a worker's images: it follows their size, and survives a lack of room."""

from collections.abc import Callable
from time import perf_counter

from engine.ipc.messages import FrameMade, RingMade, RingShort, WorkerMessage, brief
from engine.ipc.ring import RingWriter
from engine.ipc.segments import RingError, private_name
from engine.pipeline import Image

ROOM_AGAIN = 1.0  # seconds until a ring that did not fit is tried again


class MadeRing:
    """One worker's; called by one thread at a time. It tells the bridge of its rings itself."""

    def __init__(self, tell: Callable[[WorkerMessage], None]) -> None:
        self.worker = 0  # its number, for the names of the rings
        self.slots = 2  # of the next ring
        self._tell = tell
        self._ring: RingWriter | None = None
        self._rings = 0
        self._short = ""  # why the images do not fit
        self._room_at = 0.0  # when to try again

    def put(
        self, width: int, height: int, fill: Callable[[Image], object], time: float, index: int,
        tag: int,
    ) -> bool:  # fmt: skip
        """Have an image of this size filled in, and pass it to the bridge; False if there is no
        room, which has been told. Without room for its size, it is filled in at the last one.
        """
        ring = self._ring_for(width, height)
        if ring is None:
            return False
        fill(ring.reserve())
        ring.commit(time, index, tag)
        self._tell(FrameMade())
        return True

    def renew(self) -> None:
        """The bridge could not open the ring: the next image creates another."""
        ring, self._ring = self._ring, None
        if ring:
            ring.unlink()
            ring.close()

    def close(self) -> None:
        """Nothing more follows."""
        if self._ring:
            self._ring.close()

    def _ring_for(self, width: int, height: int) -> RingWriter | None:
        """The ring for images of a size; if there is no room for it, the current one."""
        ring, now = self._ring, perf_counter()
        if ring and (ring.width, ring.height, ring.slots) == (width, height, self.slots):
            self._tell_short("")
            return ring
        if self._short and now < self._room_at:
            return ring
        self._rings += 1
        try:
            name = private_name(self.worker, "out", self._rings)
            self._ring = RingWriter(name, width, height, self.slots, self._rings)
        except RingError as error:
            self._room_at = now + ROOM_AGAIN
            self._tell_short(brief(str(error)))
            return ring
        self._tell_short("")
        self._tell(RingMade(name=name))
        if ring:
            ring.close()
        return self._ring

    def _tell_short(self, text: str) -> None:
        if text != self._short:
            self._short = text
            self._tell(RingShort(text=text))
