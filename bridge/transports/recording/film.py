"""One video file at a fixed rate, or with every frame at the time it was sent."""

import io
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import cv2
import numpy as np
from av.container import OutputContainer
from av.error import FFmpegError
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from bridge.frames.frame import Image
from bridge.frames.pixels import blank
from bridge.transports import TransportError
from bridge.transports.recording import kinds
from bridge.transports.recording.beat import Beat
from bridge.transports.recording.kinds import FRAGMENT, KEY, Container, Encoder

TICKS = 90_000  # per second, the file's time base
BT709, VIDEO_RANGE = 1, 1
MOST_KEPT = 3  # frames that an encoder may take before it returns one
AT_ONCE = {"flush_packets": "1"}  # do not hold output back until 32 KB have collected
# An unclosed fragmented file plays up to its last fragment; once closed it is a regular file.
HYBRID, FRAGMENTED = "hybrid_fragmented", "empty_moov+default_base_moof"
KNOWS_HYBRID = (62, 0, 0)  # FFmpeg 8; before that, the file stays fragmented


class FilmFile:
    """A file written by one thread. Failures raise FFmpegError or OSError."""

    def __init__(
        self,
        file: Path | io.BytesIO,
        kind: kinds.Film,
        encoder: Encoder,
        fps: float,
        *,
        steady: bool = False,
    ) -> None:
        """Create the file; its frame size is that of the first frame. If `steady`, its times are
        multiples of 1 / `fps`, and a held frame is recorded again at each. One that was missed is
        left out: the frame before lasts longer.
        """
        self.count = 0  # frames
        self.bytes = 0
        self.began = 0.0  # when its first frame was written
        self._kind, self._encoder, self._fps = kind, encoder, fps
        self._beat = Beat(fps) if steady else None
        self._container = _created(file, kind.container)
        self._stream: VideoStream | None = None
        self._converter = VideoReformatter()
        self._last: VideoFrame | None = None
        self._last_at = self._key_at = 0.0

    def write(self, image: Image, now: float) -> None:
        """Record a frame that is new at `now`, in seconds by any clock."""
        if self._stream is None:
            self.began = now
            self._stream = self._start(_even(image))
        self._encode(self._stream, self._converted(image, self._stream), now)
        self.count += 1

    def hold(self, now: float) -> None:
        """The last frame is still shown: it is recorded again, if a tick is due or, without a fixed
        rate, after a fragment's time.
        """
        if self._beat and not self._beat.due(now):
            return
        if self._beat or now - self._last_at >= FRAGMENT:
            self._again(now)

    def _again(self, now: float) -> None:
        if self._stream and self._last:
            self._encode(self._stream, self._last, now)

    def finish(self, now: float) -> None:
        """Close the file; the last frame lasts until `now`."""
        try:
            if now - self._last_at >= 1.5 / self._fps:
                self._again(now)
            if self._stream:
                self._mux(self._stream, None)
        finally:
            self._container.close()

    def abandon(self) -> None:
        """Close it after a failure."""
        self._container.close()

    def _start(self, image: Image) -> VideoStream:
        rate, encoder = Fraction(self._fps).limit_denominator(1001), self._encoder
        # cast: a video encoder
        stream = cast(VideoStream, self._container.add_stream(encoder.name, rate))
        stream.height, stream.width = image.shape[:2]
        stream.pix_fmt, stream.options = encoder.pixels, dict(encoder.options)
        context = stream.codec_context
        context.time_base = Fraction(1, TICKS)
        context.colorspace = context.color_primaries = context.color_trc = BT709
        context.color_range = VIDEO_RANGE
        context.gop_size = max(1, round(KEY * self._fps))
        if tag := self._kind.codec.tags.get(self._kind.container.muxer):
            context.codec_tag = tag
        return stream

    def _converted(self, image: Image, stream: VideoStream) -> VideoFrame:
        image = _even(image)
        if image.shape[:2] != (stream.height, stream.width):
            size = stream.width, stream.height
            # cast: cv2's types say any array
            image = cast(Image, cv2.resize(image, size, interpolation=cv2.INTER_AREA))
        return self._converter.reformat(
            VideoFrame.from_ndarray(np.ascontiguousarray(image), "rgba"),
            format=self._encoder.pixels,
            dst_colorspace=BT709,
            dst_color_range=VIDEO_RANGE,
        )

    def _encode(self, stream: VideoStream, picture: VideoFrame, now: float) -> None:
        pts = round(self._time(now) * TICKS)
        last = self._last.pts if self._last else None
        key = last is None or now - self._key_at >= KEY
        picture.pts = pts if last is None else max(pts, last + 1)
        picture.time_base = Fraction(1, TICKS)
        picture.pict_type = PictureType.I if key else PictureType.NONE
        self._mux(stream, picture)
        self._last, self._last_at = picture, now
        if key:
            self._key_at = now

    def _time(self, now: float) -> float:
        """Of a frame that comes now, in seconds from the first one."""
        if not self._beat:
            return now - self.began
        tick = self._beat.next + self._beat.missed(now)
        self._beat.next = tick + 1
        return tick / self._fps

    def _mux(self, stream: VideoStream, picture: VideoFrame | None) -> None:
        for packet in stream.encode(picture):
            self.bytes += packet.size
            self._container.mux(packet)


def working(kind: kinds.Film, size: tuple[int, int], fps: float) -> Encoder:
    """The first encoder that produces a playable video of this (width, height); TransportError,
    with an alternative, if none does.
    """
    whys: list[str] = []
    for encoder in kind.encoders:
        why = _trouble(kind, encoder, size, fps)
        if not why:
            return encoder
        whys.append(f"{encoder.name}: {why}")
    instead = _instead(kind, size, fps)
    cure = f"use {instead}" if instead else "reinstall the package av"
    raise TransportError(
        f"{kind.codec.title} cannot be recorded on this machine ({'; '.join(whys)}); {cure}."
    )


def _instead(kind: kinds.Film, size: tuple[int, int], fps: float) -> str:
    """Another format that works, as typed, preferably in the same container."""
    containers = sorted(kinds.CONTAINERS.items(), key=lambda item: item[1] != kind.container)
    for ending, container in containers:
        for codec in container.codecs:
            left = tuple(one for one in codec.encoders if one not in kind.encoders)
            other = kinds.Film(container, codec, left)
            if any(not _trouble(other, encoder, size, fps) for encoder in left):
                return f"{ending}?codec={codec.names[0]}"
    return ""


def _trouble(kind: kinds.Film, encoder: Encoder, size: tuple[int, int], fps: float) -> str:
    """Why an encoder and its muxer do not work here, in a few words; empty if they do."""
    file = io.BytesIO()
    try:
        film = FilmFile(file, kind, encoder, fps)
        try:
            image = blank(*size)
            for number in range(MOST_KEPT):
                film.write(image, number / fps)
            kept = not film.bytes
        finally:
            film.finish(MOST_KEPT / fps)
        if kept:
            return f"holds back {MOST_KEPT} frames"
        file.seek(0)
        with av.open(file, "r", format=kind.container.muxer) as played:
            return "" if next(played.decode(video=0), None) else "produces no frame"
    except FFmpegError as error:
        return error.strerror or str(error)
    except (OSError, ValueError) as error:  # an encoder or muxer missing in PyAV
        return str(error)


def _created(file: Path | io.BytesIO, container: Container) -> OutputContainer:
    options = AT_ONCE | dict(container.options)
    if "frag_duration" in options:
        hybrid = av.library_versions["libavformat"] >= KNOWS_HYBRID
        options["movflags"] = HYBRID if hybrid else FRAGMENTED
    place = file if isinstance(file, io.BytesIO) else str(file)
    return av.open(place, "w", format=container.muxer, options=options)


def _even(image: Image) -> Image:
    """The image with even sides, its last row and column duplicated if necessary."""
    height, width = image.shape[:2]
    if height % 2 == 0 and width % 2 == 0:
        return image
    border = cv2.BORDER_REPLICATE
    # cast: cv2's types say any array
    return cast(Image, cv2.copyMakeBorder(image, 0, height % 2, 0, width % 2, border))
