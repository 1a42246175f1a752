"""Frames of the one sender, decoded."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from time import perf_counter

import aiortc.codecs
import av
import numpy as np
from aiortc import MediaStreamTrack, RTCPeerConnection
from aiortc.codecs.h264 import H264Decoder
from aiortc.mediastreams import MediaStreamError
from av.codec.context import Flags
from av.video.frame import VideoFrame

from bridge.transports.webrtc.messages import FrameMade, FromProcess, RingMade, Trouble
from engine.ipc.ring import RingWriter
from engine.ipc.segments import RingError, private_name

log = logging.getLogger(__name__)

LARGEST = 4096 * 4096  # pixels of a sender's frames
SLOTS = 4


class Receiving:
    """Writes the newest frame into shared memory; those that come meanwhile are skipped."""

    def __init__(self, tell: Callable[[FromProcess], None]) -> None:
        self._tell = tell
        self._newest: VideoFrame | None = None
        self._fresh = asyncio.Event()
        self._ring: RingWriter | None = None
        self._rings = self._count = 0
        self._trouble = ""
        self._pool = ThreadPoolExecutor(1, "convert")
        self._reading: dict[RTCPeerConnection, asyncio.Task[None]] = {}
        aiortc.codecs.H264Decoder = LimitedDecoder

    def prepare(self, connection: RTCPeerConnection) -> None:
        """See `Media`."""
        connection.on("track", partial(self._take, connection))

    def left(self, connection: RTCPeerConnection) -> None:
        """See `Media`."""
        # The track of a connection that was never made does not end by itself.
        if reading := self._reading.pop(connection, None):
            reading.cancel()

    def renew(self, name: str) -> None:
        """Only a sink's frames come from the bridge."""

    def wake(self) -> None:
        """The same."""

    async def run(self) -> None:
        """Convert and pass on, for ever."""
        loop = asyncio.get_running_loop()
        while True:
            await self._fresh.wait()
            self._fresh.clear()
            frame, self._newest = self._newest, None
            if frame:
                await loop.run_in_executor(self._pool, self._pass, frame)

    def _take(self, connection: RTCPeerConnection, track: MediaStreamTrack) -> None:
        if track.kind == "video" and connection not in self._reading:
            self._reading[connection] = asyncio.ensure_future(self._read(track))

    async def _read(self, track: MediaStreamTrack) -> None:
        with suppress(MediaStreamError):  # the sender has gone
            while True:
                frame = await track.recv()
                if isinstance(frame, VideoFrame):
                    self._newest = frame
                    self._fresh.set()

    def _pass(self, frame: VideoFrame) -> None:
        width, height = frame.width, frame.height
        if width * height > LARGEST:
            most = f"{LARGEST >> 20} million pixels"
            self._report(f"The sender's frames have {width}x{height} pixels; send at most {most}.")
            return
        ring = self._ring
        if ring is None or (ring.width, ring.height) != (width, height):
            self._rings += 1
            name = private_name(0, "whip", self._rings)
            try:
                ring = RingWriter(name, width, height, SLOTS, self._rings)
            except RingError as error:
                self._report(str(error))
                return
            old, self._ring = self._ring, ring
            self._tell(RingMade(name=name))
            if old:
                old.close()
        self._report("")
        self._count += 1
        np.copyto(ring.reserve(), frame.reformat(format="rgba").to_ndarray())
        ring.commit(perf_counter(), self._count)
        self._tell(FrameMade())

    def _report(self, text: str) -> None:
        if text != self._trouble:
            self._trouble = text
            self._tell(Trouble(text=text))


class LimitedDecoder(H264Decoder):
    """No stream makes it allocate more than `LARGEST` pixels, and no frame is held back."""

    def __init__(self) -> None:
        super().__init__()
        self.codec = av.CodecContext.create("h264", "r")
        self.codec.flags |= Flags.low_delay
        self.codec.options = {"max_pixels": str(LARGEST)}
