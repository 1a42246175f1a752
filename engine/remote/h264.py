"""H.264, one packet for each image and one image for each packet, by hardware where it works.

Both ends are ours, so the colours are those that cost least and keep most: the full range and
JPEG's matrix (BT.601), which OpenCV computes, with chroma averaged over 2x2 pixels. The stream says
so, and other programs play it.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from time import perf_counter
from typing import Any, cast

import av
import cv2
import numpy as np
from av.codec.context import Flags
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import VideoReformatter

from engine.pipeline import Image
from engine.remote.packet import CodecError, Packet, Size, check_size, size_of

log = logging.getLogger(__name__)

FPS = 30  # frames a second of a bitrate
ENDLESS = (1 << 31) - 1  # frames until a key frame that nobody asked for
BT601, FULL_RANGE = 5, 2  # FFmpeg's numbers
BURST = 0.1  # seconds of the bitrate that a frame may take at once
OFTEN = 1.0  # seconds between two changes of bitrate by an encoder that needs a key frame for them
NEAR = 0.9, 1.25  # of its bitrate: such an encoder does not change it for less
PATIENCE = 5.0  # seconds for finding the encoder that works
PROBED = 640, 352  # pixels
LIKE = 12  # levels that a flat colour may be off when an encoder is probed
ALIGNED = 64  # pixels: FFmpeg checks sizes after rounding them up


@dataclass(frozen=True, slots=True)
class Backend:
    """One of FFmpeg's encoders. A `steady` one changes its bitrate without a key frame."""

    name: str
    options: Mapping[str, str] = field(default_factory=dict[str, str])
    pixels: str = "nv12"
    steady: bool = False


SOFTWARE = Backend(
    "libx264",
    {"preset": "ultrafast", "tune": "zerolatency", "profile": "baseline"},
    pixels="yuv420p",
    steady=True,  # because it starts with a constant bitrate; see `_opened`
)
HARDWARE = (
    Backend(
        "h264_nvenc",
        {"preset": "p1", "tune": "ull", "rc": "cbr", "delay": "0", "zerolatency": "1",
         "forced-idr": "1", "profile": "baseline"},
    ),
    Backend("h264_qsv", {"preset": "veryfast", "async_depth": "1", "forced_idr": "1",
                         "low_delay_brc": "1", "profile": "baseline"}),
    Backend("h264_amf", {"usage": "ultralowlatency", "rc": "cbr", "forced_idr": "1",
                         "profile": "constrained_baseline"}),
    Backend("h264_videotoolbox", {"realtime": "1", "profile": "baseline"}),
)  # fmt: skip


class H264Encoder:
    """A stream without reordering; key frames come at the start, when asked for, and where the size
    changes. Hardware makes one too when its bitrate changes, at most once a second.
    """

    def __init__(
        self,
        bitrate: int,
        backend: Backend | None = None,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        """`backend` is the one that works, unless given; finding it takes up to PATIENCE once."""
        self.bitrate = bitrate
        self._backend = backend or working()
        self._clock = clock
        self._context: VideoCodecContext | None = None
        self._size: Size = 0, 0
        self._opened_at = self._opened_with = 0.0
        self._count = 0
        self._converter = VideoReformatter()

    def encode(self, image: Image, *, key: bool = False) -> Packet:
        """See `Encoder`. Where hardware fails, software goes on with a key frame."""
        check_size(size_of(image))
        planes = to_planes(_even(image))
        try:
            return self._encoded(planes, key)
        except (FFmpegError, _HeldBackError) as error:
            name, (width, height) = self._backend.name, size_of(image)
            if self._backend == SOFTWARE:
                raise CodecError(
                    f"{name} cannot encode a frame of {width}x{height} ({_why(error)}); choose "
                    "another size or codec."
                ) from error
            log.warning("%s failed at %dx%d (%s); %s goes on.", name, width, height, _why(error),
                        SOFTWARE.name)  # fmt: skip
        self._backend, self._context = SOFTWARE, None
        return self.encode(image, key=key)

    def _encoded(self, planes: Image, key: bool) -> Packet:
        context = self._ready((planes.shape[1], planes.shape[0] * 2 // 3))
        frame = VideoFrame.from_ndarray(planes, "yuv420p")
        if self._backend.pixels != frame.format.name:
            frame = self._converter.reformat(frame, format=self._backend.pixels)
        frame.pts, frame.time_base = self._count, Fraction(1, FPS)
        frame.pict_type = PictureType.I if key else PictureType.NONE
        frame.color_range, frame.colorspace = FULL_RANGE, BT601
        self._count += 1
        packets = _packets(context, frame)
        if len(packets) != 1:
            self._context = None
            raise _HeldBackError(f"{len(packets)} packets for a frame")
        return packets[0]

    def _ready(self, size: Size) -> VideoCodecContext:
        """The encoder, with the bitrate of the moment; a new one where it takes that."""
        now, context = self._clock(), self._context
        if context is not None and size == self._size:
            if self._backend.steady:
                context.bit_rate = self.bitrate
                return context
            least, most = (self._opened_with * part for part in NEAR)
            if least <= self.bitrate <= most or now - self._opened_at < OFTEN:
                return context
        context = self._context = _opened(self._backend, size, self.bitrate)
        self._size, self._opened_at, self._opened_with = size, now, self.bitrate
        return context


class H264Decoder:
    """By software; after an error it takes nothing but a key frame."""

    def __init__(self) -> None:
        self._size: Size = 0, 0
        self._context: VideoCodecContext | None = None
        self._converter = VideoReformatter()

    def decode(self, data: bytes, size: Size) -> Image:
        """See `Decoder`. No image larger than `size` is allocated, whatever the packet says."""
        check_size(size)
        width, height = size
        coded = width + width % 2, height + height % 2
        context = self._context
        if context is None or coded != self._size:
            context, self._size = _decoder(coded), coded
        self._context = None  # unless it decodes: what it refers to is lost
        try:
            frames = _frames(context, data)
        except FFmpegError as error:
            raise CodecError(
                f"A frame was dropped: its packet is no whole H.264 frame ({_why(error)})."
            ) from error
        if len(frames) != 1 or frames[0].is_corrupt:
            raise CodecError(
                "A frame was dropped: its packet is no whole H.264 frame, or follows a lost one."
            )
        frame = frames[0]
        if (frame.width, frame.height) != coded:
            raise CodecError(
                f"A frame was dropped: its packet has {frame.width}x{frame.height} pixels instead "
                f"of {width}x{height}."
            )
        self._context = context
        image = self._converter.reformat(
            frame,
            format="rgba",
            src_colorspace=BT601,
            src_color_range=FULL_RANGE,
            dst_color_range=FULL_RANGE,
        ).to_ndarray()
        # cast: 8 bits a channel
        return cast(Image, np.ascontiguousarray(image[:height, :width]))


def working(backends: Iterable[Backend] | None = None, patience: float = PATIENCE) -> Backend:
    """The first of the backends that encodes frames which can be decoded, each at once; software if
    none does within `patience` seconds. Without `backends`, the hardware's; looked for once.
    """
    if backends is None:
        with _turn:
            return _working_hardware()
    found: Future[Backend] = Future()
    threading.Thread(
        target=_probe, args=(backends, found), name="probe encoders", daemon=True
    ).start()
    try:
        return found.result(patience)
    except TimeoutError:
        log.warning("The H.264 encoders did not answer within %g s; %s is used.", patience,
                    SOFTWARE.name)  # fmt: skip
        return SOFTWARE


def to_planes(image: Image) -> Image:
    """An image (H, W, 4) with even sides as planes (H * 3 / 2, W): luma, then chroma."""
    height, width = image.shape[:2]
    planes = np.empty((height * 3 // 2, width), np.uint8)
    cv2.cvtColor(image, cv2.COLOR_RGBA2GRAY, planes[:height])
    half = cv2.resize(image, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    half = cv2.cvtColor(half, cv2.COLOR_RGB2YCrCb)
    chroma = planes[height:].reshape(2, height // 2, width // 2)
    cv2.extractChannel(half, 2, chroma[0])
    cv2.extractChannel(half, 1, chroma[1])
    return planes


class _HeldBackError(Exception):
    """An encoder that does not return each frame at once."""


_turn = threading.Lock()


@cache
def _working_hardware() -> Backend:
    return working(HARDWARE)


def _probe(backends: Iterable[Backend], found: "Future[Backend]") -> None:
    """Set the result to the first that works, or software. Runs in a thread of its own: a driver
    may never answer.
    """
    for backend in backends:
        why = _trouble(backend)
        if not why:
            log.info("H.264 is encoded by %s.", backend.name)
            found.set_result(backend)
            return
        log.debug("%s does not work here: %s", backend.name, why)
    found.set_result(SOFTWARE)


def _trouble(backend: Backend) -> str:
    """Why a backend does not do what `H264Encoder` needs; empty if it does."""
    context, decoder = None, H264Decoder()
    image = np.empty((PROBED[1], PROBED[0], 4), np.uint8)
    try:
        context = _opened(backend, PROBED, 1_000_000)
        for number, (colour, key) in enumerate((((200, 90, 40), True), ((40, 90, 200), False),
                                                ((90, 200, 40), True))):  # fmt: skip
            image[...] = (*colour, 255)
            frame = VideoFrame.from_ndarray(to_planes(image), "yuv420p")
            frame = frame.reformat(format=backend.pixels)
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            frame.pict_type = PictureType.I if key else PictureType.NONE
            packets = _packets(context, frame)
            if [packet.key for packet in packets] != [key]:
                return "holds frames back, or ignores requests for key frames"
            seen = decoder.decode(packets[0].data, PROBED)
            if np.abs(seen[PROBED[1] // 2, PROBED[0] // 2, :3].astype(int) - colour).max() > LIKE:
                return "its colours are off"
    except (FFmpegError, CodecError, OSError, ValueError) as error:  # ValueError: not in PyAV
        return str(error)
    return ""


def _opened(backend: Backend, size: Size, bitrate: int) -> VideoCodecContext:
    """An open encoder. x264 follows later changes of bitrate only if it starts with a constant one:
    `maxrate` equal to it, and a buffer.
    """
    # cast: a video encoder
    context = cast(VideoCodecContext, av.CodecContext.create(backend.name, "w"))
    context.width, context.height = size
    context.pix_fmt = backend.pixels
    context.time_base, context.framerate = Fraction(1, FPS), Fraction(FPS)
    context.bit_rate, context.gop_size, context.max_b_frames = bitrate, ENDLESS, 0
    context.thread_count = 1
    context.color_range, context.colorspace = FULL_RANGE, BT601
    burst = str(round(bitrate * BURST))
    context.options = {**backend.options, "maxrate": str(bitrate), "bufsize": burst}
    context.open()
    return context


def _decoder(size: Size) -> VideoCodecContext:
    context = av.CodecContext.create("h264", "r")
    context.thread_count = 1
    context.flags |= Flags.low_delay
    width, height = (-(-side // ALIGNED) * ALIGNED for side in size)
    context.options = {"max_pixels": str(width * height), "err_detect": "explode"}
    return context


def _packets(context: VideoCodecContext, frame: VideoFrame) -> list[Packet]:
    # cast: PyAV's types leave open what a packet's stream is
    packets = cast("list[Any]", cast(Any, context).encode(frame))
    return [Packet(bytes(packet), bool(packet.is_keyframe)) for packet in packets]


def _frames(context: VideoCodecContext, data: bytes) -> list[VideoFrame]:
    # an empty packet would end the stream; cast: as above
    return cast("list[VideoFrame]", cast(Any, context).decode(av.Packet(data))) if data else []


def _even(image: Image) -> Image:
    """The image with even sides, its last row and column duplicated if necessary."""
    height, width = image.shape[:2]
    if height % 2 == 0 and width % 2 == 0:
        return image
    border = cv2.BORDER_REPLICATE
    # cast: cv2's types say any array
    return cast(Image, cv2.copyMakeBorder(image, 0, height % 2, 0, width % 2, border))


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
