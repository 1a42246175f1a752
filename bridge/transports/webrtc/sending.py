"""Frames for every viewer, encoded once."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from time import perf_counter
from typing import Any

import av
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCRtpSender

from bridge.transports.webrtc.messages import FromProcess, Trouble
from engine.ipc.ring import RingReader
from engine.ipc.segments import RingError
from engine.remote.h264 import H264Encoder
from engine.remote.packet import CodecError, Packet

log = logging.getLogger(__name__)

CLOCK = 90_000  # of RTP
WAITING = 4  # packets for a viewer; more and it goes on with a key frame
KEYS = 0.25  # seconds between two key frames that viewers ask for


class Track(MediaStreamTrack):
    """What one viewer gets: packets from a key frame on."""

    kind = "video"

    def __init__(self, ask: Callable[[], None]) -> None:
        super().__init__()
        self._ask = ask
        self._packets: asyncio.Queue[av.Packet[Any]] = asyncio.Queue()
        self._lost = True

    def put(self, packet: "av.Packet[Any]", *, key: bool) -> None:
        """Add a packet; a viewer that does not keep up skips to the next key frame."""
        if self._packets.qsize() >= WAITING:
            self._lost = True
            while not self._packets.empty():
                self._packets.get_nowait()
            self._ask()
        if key:
            self._lost = False
        if not self._lost:
            self._packets.put_nowait(packet)

    async def recv(self) -> "av.Packet[Any]":
        """See aiortc, which passes packets on as they are."""
        return await self._packets.get()


class Sending:
    """Encodes the newest frame while there are viewers."""

    def __init__(self, mbit: float, tell: Callable[[FromProcess], None]) -> None:
        self._bitrate, self._tell = round(mbit * 1e6), tell
        self._encoder: H264Encoder | None = None
        self._tracks: dict[RTCPeerConnection, Track] = {}
        self._ring: RingReader | None = None
        self._fresh = asyncio.Event()
        self._wants_key = True
        self._key_at = 0.0
        self._stamp = 0
        self._trouble = ""
        self._pool = ThreadPoolExecutor(1, "encode")

    def prepare(self, connection: RTCPeerConnection) -> None:
        """See `Media`."""
        track = Track(self.ask_key)
        transceiver = connection.addTransceiver(track, "sendonly")
        transceiver.setCodecPreferences(
            [each for each in RTCRtpSender.getCapabilities("video").codecs
             if each.mimeType.lower() in ("video/h264", "video/rtx")]
        )  # fmt: skip
        # Where aiortc's own encoder would be asked for a key frame (PLI, FIR).
        transceiver.sender._send_keyframe = self.ask_key
        self._tracks[connection] = track
        self.ask_key()

    def left(self, connection: RTCPeerConnection) -> None:
        """See `Media`."""
        self._tracks.pop(connection, None)

    def ask_key(self) -> None:
        """A viewer cannot go on without a key frame."""
        self._wants_key = True
        self._fresh.set()

    def renew(self, name: str) -> None:
        """Frames are in this segment from now on."""
        try:
            self._ring = RingReader(name)
        except (FileNotFoundError, RingError) as error:  # a newer one follows
            log.warning("no frames: %s", error)

    def wake(self) -> None:
        """There is another frame."""
        self._fresh.set()

    async def run(self) -> None:
        """Encode and hand out, for ever."""
        loop = asyncio.get_running_loop()
        while True:
            await self._fresh.wait()
            self._fresh.clear()
            if not self._tracks or self._ring is None:
                continue
            key = self._wants_key and perf_counter() - self._key_at >= KEYS
            packet = await loop.run_in_executor(self._pool, self._encoded, self._ring, key)
            if packet:
                self._hand_out(packet)

    def _encoded(self, ring: RingReader, key: bool) -> Packet | None:
        slot = ring.newest()
        if slot is None:
            return None
        try:
            if self._encoder is None:
                self._encoder = H264Encoder(self._bitrate)
            packet = self._encoder.encode(slot.image, key=key)
        except CodecError as error:
            self._report(str(error))
            return None
        self._report("")
        return packet

    def _report(self, text: str) -> None:
        if text != self._trouble:
            self._trouble = text
            self._tell(Trouble(text=text))

    def _hand_out(self, packet: Packet) -> None:
        now = perf_counter()
        if packet.key:
            self._wants_key, self._key_at = False, now
        self._stamp = max(self._stamp + 1, round(now * CLOCK))
        one: av.Packet[Any] = av.Packet(packet.data)
        one.pts, one.time_base = self._stamp, Fraction(1, CLOCK)
        for track in self._tracks.values():
            track.put(one, key=packet.key)
