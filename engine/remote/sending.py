"""Frames and files to the other end of a line: coded, counted, and never more than it carries.

`flow.py` decides whether the next frame is sent. One that is not is dropped before it is encoded,
so that those after it need no key frame.
"""

import threading
from collections import deque
from collections.abc import Callable
from time import perf_counter

from engine.pipeline import Image
from engine.remote.codec import DEFAULT, Codec, encoder_of
from engine.remote.flow import Flow, good_bitrate
from engine.remote.packet import Encoder
from engine.remote.wire import Header, Stream

FPS = 30  # frames a second of an encoder's bitrate
FAST = 2_000_000_000  # bits a second, at most, of what does not follow a bitrate
FEW = 32 << 13  # bits of a file that may always be on their way
BEHIND = 0.04  # seconds for which frames and values may wait behind those of a file


class FrameSender:
    """Sends to one end; any thread may call any method. `send` encodes; the others do not wait for
    that.
    """

    def __init__(
        self,
        send: Callable[[Header, bytes | memoryview], bool],
        codec: Codec,
        *,
        alpha: bool = False,
    ) -> None:
        """`send` passes a message on and says whether it could."""
        self.dropped = 0  # frames that the line could not carry
        self._send, self._codec, self._alpha = send, codec, alpha
        self._sent: deque[float] = deque(maxlen=2 * FPS)  # when
        self._encoders: dict[Stream, Encoder] = {}
        self._encoding = threading.Lock()
        self._counting = threading.Lock()
        self.restart()

    def restart(self) -> None:
        """There is a new connection: the first frames are key frames."""
        with self._counting:
            self._number = 0
            self._fresh = set[Stream](Stream)
            self._flow, self._files = Flow(FAST), Flow(FAST)

    def heard(self, number: int) -> None:
        """The other end has received everything up to this number."""
        with self._counting:
            self._flow.acked(number, perf_counter())
            self._files.acked(number, perf_counter())

    @property
    def bitrate(self) -> int:
        """Bits a second that the line carries now."""
        return self._flow.bitrate

    def send(
        self, stream: Stream, image: Image, time: float, tag: int = 0, *, own_time: bool = False
    ) -> bool:
        """Encode a frame and send it; False if the line cannot carry it now. CodecError for one
        that cannot be encoded.
        """
        height, width = image.shape[:2]
        with self._encoding:
            with self._counting:
                flow, now = self._flow, perf_counter()
                fps = self._fps(now)
                if self._codec.name == DEFAULT:
                    flow.most = round(good_bitrate(width, height) * fps / FPS)
                if not flow.may_send(now):
                    self.dropped += 1
                    return False
                bitrate, key = round(flow.bitrate * FPS / fps), stream in self._fresh
                self._fresh.discard(stream)
            encoder = self._encoders.get(stream)
            if encoder is None:
                encoder = encoder_of(self._codec, bitrate, alpha=self._alpha)
                self._encoders[stream] = encoder
            encoder.bitrate = bitrate
            packet = encoder.encode(image, key=key)
            with self._counting:
                if self._flow is not flow:  # there is another connection since
                    return False
                number = self._number + 1
                header = Header(stream, packet.key, own_time, width, height, number, tag, time)
                return self._pass_on(flow, header, packet.data)

    def piece(self, data: bytes, wanted: int) -> bool | None:
        """Send a piece of the file that was `wanted` by this number: None if it must wait, False if
        there is no line.
        """
        with self._counting:
            files, now = self._files, perf_counter()
            if files.waiting > max(FEW, files.throughput(now) * (files.line + BEHIND)):
                return None
            header = Header(Stream.FILE, number=self._number + 1, tag=wanted)
            return self._pass_on(self._files, header, data)

    def _pass_on(self, flow: Flow, header: Header, data: bytes) -> bool:
        self._number += 1
        flow.sent(self._number, len(data), perf_counter())
        return self._send(header, data)

    def _fps(self, now: float) -> float:
        """Frames a second that are sent now; at least FPS."""
        self._sent.append(now)
        span = now - self._sent[0]
        return max(FPS, (len(self._sent) - 1) / span) if span > 0.5 else FPS
