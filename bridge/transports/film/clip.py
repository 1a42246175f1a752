"""A video file decoded by FFmpeg, with timestamps, fields and pixel shape corrected."""

import logging
import re
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, cast

import av
import av.logging
from av.codec.context import CodecContext
from av.container import InputContainer
from av.error import FFmpegError
from av.filter import Graph
from av.format import Flags
from av.stream import Disposition
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from bridge.frames.frame import Image
from bridge.transports import TransportError
from bridge.transports.film.pictures import check_size
from bridge.transports.film.player import Shot
from bridge.transports.film.upright import Upright

log = logging.getLogger(__name__)

BACK = 0.5  # seconds backwards that count as a reset clock; less means frames out of order
# Seconds forwards up to which it is a gap without frames; more is a reset clock: for formats whose
# clock may jump at any time, and for others.
HOLE, LONG_HOLE = 5.0, 60.0
FASTEST = 1000  # frames per second; beyond, it is the rate of a clock
FEW = 3  # frame durations that any gap may last: some clips have one frame a minute
# FFmpeg's own decoders for these ignore transparency.
WITH_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
DEINTERLACE = "mode=send_field:deint=interlaced"  # one frame per field
NAMED = re.compile(r"Video: (?:none \()?(\w+)")  # the codec, as FFmpeg describes a stream


class Timeline:
    """When frames are due, from a file's timestamps, whose clock may have been reset."""

    def __init__(self, rate: float, hole: float) -> None:
        """`rate` in frames per second is used where the file has no durations."""
        self._usual = 1 / rate
        self._hole = max(hole, FEW * self._usual)
        self._first = self._last = 0.0
        self._begun = False
        self.at = self.length = 0.0  # of the newest frame, in seconds since the first

    def place(self, seen: float | None, length: float) -> None:
        """Place the next frame at the file's time, both in seconds; `length` may be 0."""
        if seen is None:
            seen = self._last + self.length
        if not self._begun:
            self._begun, self._first = True, seen
        elif not -BACK < seen - self._last <= self._hole:
            self._first = seen - self.at - self.length  # continue right after the previous one
        self.at = max(seen - self._first, self.at)
        self.length = length if 0 < length <= self._hole else self._usual
        self._last = seen


class Clip:
    """A video file, decoded in the playing thread. A damaged one loops up to the damage."""

    def __init__(self, path: Path, kind: str = "") -> None:
        """`kind` is FFmpeg's format name, if its guess cannot be trusted."""
        self._path, self._kind = path, kind
        self._upright, self._cover = Upright(), Upright()
        self.name, self.rate = path.name, ""

    def once(self) -> Generator[Shot, None, None]:
        """The shots of one loop; TransportError for an unplayable file."""
        with self._opened() as (container, stream):
            aside = _alpha_of(container, stream) if self._kind else None
            rates = (stream.average_rate, stream.guessed_rate)
            rate = next((float(found) for found in rates if found and found <= FASTEST), 30.0)
            self.rate = f"{rate:.4g}"
            jumps = bool(container.format.flags & Flags.ts_discont.value)
            line = Timeline(rate, HOLE if jumps else LONG_HOLE)
            coded = stream.codec_context
            # The container's pixel aspect ratio wins over the frames'.
            told = stream.sample_aspect_ratio
            own = told != coded.sample_aspect_ratio
            try:
                plain = ((*one, None) for one in progressive(_decoded(container, stream)))
                both = _beside(container, stream, aside) if aside else plain
                for picture, fields, alpha in both:
                    self.rate = f"{rate * fields:.4g}"
                    check_size(picture.width, picture.height, self._path)
                    seen = picture.time if picture.pts is not None else None
                    line.place(seen, float((picture.duration or 0) * (picture.time_base or 0)))
                    aspect = told if own else coded.sample_aspect_ratio or told
                    draw = partial(self._drawn, picture, aspect, alpha)
                    yield Shot(line.at, line.length, draw)
            except FFmpegError as error:
                # A defect in the middle ends the loop; the next one starts over.
                log.warning("%s is damaged after %.1f s (%s)", self._path, line.at, error.strerror)

    def _drawn(
        self, picture: VideoFrame, aspect: Fraction | None, alpha: VideoFrame | None
    ) -> Image:
        """A frame as image, with alpha from a second, gray frame if there is one."""
        image = self._upright.drawn(picture, aspect)
        if alpha is not None:
            image[..., 3] = self._cover.drawn(alpha, aspect)[..., 0]
        return image

    @contextmanager
    def _opened(self) -> Generator[tuple[InputContainer, VideoStream]]:
        try:
            container = av.open(str(self._path), format=self._kind or None)
        except (FFmpegError, OSError) as error:
            raise TransportError(f"{self._path} cannot be played: {error.strerror}.") from error
        with container:
            yield container, self._stream(container)

    def _stream(self, container: InputContainer) -> VideoStream:
        """The first video stream that can be decoded."""
        films = [
            stream
            for stream in container.streams.video
            if not stream.disposition & Disposition.attached_pic
        ]
        if not films and container.streams.video:
            raise TransportError(
                f"{self._path} is audio with cover art, not a video; use another file, or save the "
                "cover as an image."
            )
        if not films:
            raise TransportError(f"No video found in {self._path}; try another file.")
        for stream in sorted(
            films, key=lambda found: found.frames == 1
        ):  # a single frame is a poster
            if getattr(stream, "codec_context", None) is not None:
                if stream.width and stream.height:  # else the first frame decides
                    check_size(stream.width, stream.height, self._path)
                stream.thread_type = "AUTO"
                return stream
        raise TransportError(
            f"{self._path} cannot be played: no decoder for its codec {_codec(container)}; "
            "save it as H.264, HEVC, ProRes or VP9."
        )


def progressive(pictures: Iterable[VideoFrame]) -> Iterator[tuple[VideoFrame, int]]:
    """Frames as they are; from the first interlaced one on, one frame per field. Each with the
    number of frames made from one.
    """
    graph, shape = None, ()
    for picture in pictures:
        if graph is not None and _shape(picture) != shape:
            yield from _pushed(graph, None)
            graph = None
        if graph is None and picture.interlaced_frame:
            graph, shape = _deinterlacer(picture), _shape(picture)
        if graph is None:
            yield picture, 1
        else:
            yield from _pushed(graph, picture)
    if graph is not None:
        yield from _pushed(graph, None)


def _shape(picture: VideoFrame) -> tuple[object, ...]:
    return picture.width, picture.height, picture.format.name, picture.time_base


def _deinterlacer(picture: VideoFrame) -> Graph:
    graph = Graph()
    begin = graph.add_buffer(
        width=picture.width, height=picture.height, format=picture.format,
        time_base=picture.time_base,
    )  # fmt: skip
    graph.link_nodes(begin, graph.add("bwdif", DEINTERLACE), graph.add("buffersink")).configure()
    return graph


def _pushed(graph: Graph, picture: VideoFrame | None) -> Iterator[tuple[VideoFrame, int]]:
    """The filter's output for a frame, or at the end: two for each."""
    graph.vpush(picture)
    while True:
        try:
            found = graph.vpull()
        except (BlockingIOError, EOFError):
            return
        yield found, 2


def _decoded(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    decoder = stream.codec_context
    better = WITH_ALPHA.get(decoder.codec.name)
    if better and stream.metadata.get("alpha_mode") == "1":
        try:
            # cast: it is a video stream
            decoder = cast(VideoCodecContext, CodecContext.create(better, "r"))
        except ValueError:  # depends on how PyAV was built
            log.warning("this PyAV has no %s: transparency is ignored", better)
    for packet in container.demux(stream):
        yield from decoder.decode(packet)


def _alpha_of(container: InputContainer, stream: VideoStream) -> VideoStream | None:
    """The gray track that holds an animated AVIF's transparency; None if there is none."""
    for other in container.streams.video:
        same = (other.width, other.height, other.frames) == (
            stream.width, stream.height, stream.frames
        )  # fmt: skip
        # cast: a track with an unknown codec has none
        decoder = cast(VideoCodecContext | None, getattr(other, "codec_context", None))
        gray = decoder is not None and (decoder.pix_fmt or "").startswith("gray")
        if gray and same and other.index > stream.index:
            return other
    return None


def _beside(
    container: InputContainer, stream: VideoStream, aside: VideoStream
) -> Iterator[tuple[VideoFrame, int, VideoFrame]]:
    """The frames of two tracks in pairs, in the format of `progressive`."""
    waiting: dict[int, deque[VideoFrame]] = {stream.index: deque(), aside.index: deque()}
    colours, alphas = waiting.values()
    for packet in container.demux(stream, aside):
        # cast: frames of a video track
        waiting[packet.stream.index].extend(cast("list[VideoFrame]", packet.decode()))
        while colours and alphas:
            yield colours.popleft(), 1, alphas.popleft()


def _codec(container: InputContainer) -> str:
    """FFmpeg's name for an unknown codec, which only its printed output contains."""
    before = av.logging.get_level()
    av.logging.set_level(av.logging.INFO)
    try:
        found = NAMED.search(str(cast(Any, container).dumps_format()))  # not in PyAV's types
    finally:
        av.logging.set_level(before)
    return f"'{found[1]}'" if found else "(unknown)"
