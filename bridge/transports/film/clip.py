"""A video file, as FFmpeg decodes it, put right: its times, its fields, its shape."""

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

BACK = 0.5  # seconds back, or more, are a clock that was set, and less only disorder
# Seconds ahead that are a hole in which nothing new was seen, and more are a clock that was set:
# where a format's clock may jump at any time, and elsewhere.
HOLE, LONG_HOLE = 5.0, 60.0
FASTEST = 1000  # pictures a second; beyond, it is the rate of a clock
FEW = 3  # pictures of an even rate that any hole may last: some clips show one in a minute
# FFmpeg's own decoders of these leave the transparency out.
WITH_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
DEINTERLACE = "mode=send_field:deint=interlaced"  # of each field a picture
NAMED = re.compile(r"Video: (?:none \()?(\w+)")  # the codec, as FFmpeg describes a stream


class Timeline:
    """When pictures are due, from what a file says, whose clock may have been set on the way."""

    def __init__(self, rate: float, hole: float) -> None:
        """`rate` in pictures a second holds where the file is silent."""
        self._usual = 1 / rate
        self._hole = max(hole, FEW * self._usual)
        self._first = self._last = 0.0
        self._begun = False
        self.at = self.length = 0.0  # of the newest picture, in seconds since the first

    def place(self, seen: float | None, length: float) -> None:
        """Put the next picture where the file has it, both in seconds; `length` may be 0."""
        if seen is None:
            seen = self._last + self.length
        if not self._begun:
            self._begun, self._first = True, seen
        elif not -BACK < seen - self._last <= self._hole:
            self._first = seen - self.at - self.length  # it goes on right after the one before
        self.at = max(seen - self._first, self.at)
        self.length = length if 0 < length <= self._hole else self._usual
        self._last = seen


class Clip:
    """A video file. Its pictures are decoded in the thread that plays."""

    def __init__(self, path: Path, kind: str = "") -> None:
        """`kind` is FFmpeg's name of the format where its guess is not to be trusted."""
        self._path, self._kind = path, kind
        self._upright, self._cover = Upright(), Upright()
        self.name, self.rate = path.name, ""

    def once(self) -> Generator[Shot, None, None]:
        """The shots of one round; TransportError for what cannot be played."""
        with self._opened() as (container, stream):
            aside = _alpha_of(container, stream) if self._kind else None
            rates = (stream.average_rate, stream.guessed_rate)
            rate = next((float(found) for found in rates if found and found <= FASTEST), 30.0)
            self.rate = f"{rate:.4g}"
            jumps = bool(container.format.flags & Flags.ts_discont.value)
            line = Timeline(rate, HOLE if jumps else LONG_HOLE)
            coded = stream.codec_context
            # What the container says of the pixels' shape wins over what the pictures say.
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
                # What is broken in the middle ends the round; the next one starts afresh.
                log.warning("%s is damaged after %.1f s (%s)", self._path, line.at, error.strerror)

    def _drawn(
        self, picture: VideoFrame, aspect: Fraction | None, alpha: VideoFrame | None
    ) -> Image:
        """A picture, with its transparency where that is another one, in gray."""
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
        """The first that is a film and can be decoded."""
        films = [
            stream
            for stream in container.streams.video
            if not stream.disposition & Disposition.attached_pic
        ]
        if not films and container.streams.video:
            raise TransportError(
                f"{self._path} is sound with a cover and no film; take another file, or save the "
                "cover as a picture."
            )
        if not films:
            raise TransportError(f"There is no picture in {self._path}; try another file.")
        for stream in sorted(films, key=lambda found: found.frames == 1):  # that is its poster
            if getattr(stream, "codec_context", None) is not None:
                if stream.width and stream.height:  # else its first picture tells
                    check_size(stream.width, stream.height, self._path)
                stream.thread_type = "AUTO"
                return stream
        raise TransportError(
            f"{self._path} cannot be played: no decoder here knows its codec "
            f"{_codec(container)}; save it as H.264, HEVC, ProRes or VP9."
        )


def progressive(pictures: Iterable[VideoFrame]) -> Iterator[tuple[VideoFrame, int]]:
    """Pictures as they are, and from the first one on that is of two fields, one for each field;
    with how many come of one.
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
    """What a filter gives for a picture, or at its end: two for each."""
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
            # cast: it is one of video
            decoder = cast(VideoCodecContext, CodecContext.create(better, "r"))
        except ValueError:  # PyAV is of those who build it
            log.warning("PyAV has no %s here: transparency is left out", better)
    for packet in container.demux(stream):
        yield from decoder.decode(packet)


def _alpha_of(container: InputContainer, stream: VideoStream) -> VideoStream | None:
    """The track in which a moving AVIF has its transparency, as a film in gray; None for none."""
    for other in container.streams.video:
        same = (other.width, other.height, other.frames) == (
            stream.width, stream.height, stream.frames
        )  # fmt: skip
        # cast: a track of a codec unknown has none
        decoder = cast(VideoCodecContext | None, getattr(other, "codec_context", None))
        gray = decoder is not None and (decoder.pix_fmt or "").startswith("gray")
        if gray and same and other.index > stream.index:
            return other
    return None


def _beside(
    container: InputContainer, stream: VideoStream, aside: VideoStream
) -> Iterator[tuple[VideoFrame, int, VideoFrame]]:
    """The pictures of two tracks side by side, as `progressive` has them."""
    waiting: dict[int, deque[VideoFrame]] = {stream.index: deque(), aside.index: deque()}
    colours, alphas = waiting.values()
    for packet in container.demux(stream, aside):
        # cast: of a track of video
        waiting[packet.stream.index].extend(cast("list[VideoFrame]", packet.decode()))
        while colours and alphas:
            yield colours.popleft(), 1, alphas.popleft()


def _codec(container: InputContainer) -> str:
    """What FFmpeg calls a codec that it does not know: only what it prints tells."""
    before = av.logging.get_level()
    av.logging.set_level(av.logging.INFO)
    try:
        found = NAMED.search(str(cast(Any, container).dumps_format()))  # no type names it
    finally:
        av.logging.set_level(before)
    return f"'{found[1]}'" if found else "by name"
