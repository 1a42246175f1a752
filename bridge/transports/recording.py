"""Pictures into a video file, at the rate at which they were shown."""

import logging
from fractions import Fraction
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import cast

import av
import cv2
import numpy as np
from av.container import OutputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from bridge.frames.frame import Frame, Image
from bridge.transports import Options, TransportError
from bridge.transports.base import TransportBase
from engine.system import drives, held

log = logging.getLogger(__name__)

TICKS = 90_000  # of a second, the clock of the file
BT709, VIDEO_RANGE = 1, 1
H264 = {"preset": "veryfast", "crf": "19"}
# A file that was never closed (the power went) can be played up to its last fragment.
FRAGMENTS = {"movflags": "hybrid_fragmented", "frag_duration": "2000000"}
# Nor may what was written wait in memory until there are 32 KB: a still show makes few.
AT_ONCE = {"flush_packets": "1"}
KNOWS_FRAGMENTS = (62, 0, 0)  # FFmpeg 8


class Recording(TransportBase):
    """One file. Every picture gets the time at which it was sent, so a held one just lasts.

    A disk that is full ends the recording, not the show: `send` does nothing from then on, and
    `problem` tells for as long.
    """

    keeps_last, needs_beat = False, True

    def __init__(self, path: Path, options: Options) -> None:
        """Make the file; TransportError where that cannot be."""
        if not drives.is_folder(path.parent):
            if what := drives.away(path):
                cure = drives.cure(path)
                raise TransportError(f"{what} to record {path} on; {cure}, or choose another.")
            raise TransportError(f"There is no folder {path.parent} to record into; make it first.")
        if path.exists() and not path.is_file():  # a pipe would wait for whoever reads it
            raise TransportError(f"{path} is no file to record into; give another path.")
        self._path = _free(path)
        self._fps = options.fps
        self._container: OutputContainer | None = _create(self._path)
        self._stream: VideoStream | None = None
        self._converter = VideoReformatter()
        self._last: tuple[int, VideoFrame] | None = None  # index and picture
        self._zero = 0.0
        self._seen = 0.0
        self._count = 0
        self._trouble = ""

    def send(self, frame: Frame) -> None:
        """Record one picture; the same picture again only lasts longer."""
        self._seen = perf_counter()
        if self._container is None or (self._last and self._last[0] == frame.index):
            return
        try:
            self._record(self._container, frame)
        except (FFmpegError, OSError) as error:
            self._trouble = f"recording into {self._path} ended: {error.strerror}"
            log.warning("%s", self.problem)
            self._finish()

    def close(self) -> None:
        """Finish the file; the last picture lasts until now."""
        if self._container and self._stream and self._last:
            try:
                if self._seen - self._zero > self._last[1].time + 1.5 / self._fps:
                    self._encode(self._container, self._stream, self._last[1])
                self._mux(self._container, self._stream, None)
            except (FFmpegError, OSError) as error:
                log.warning("the end of %s is not recorded (%s)", self._path, error.strerror)
        self._finish()
        if not self._count:
            try:
                held.remove(self._path)
            except OSError as error:
                log.warning("%s is empty and stays (%s)", self._path, held.told(error))

    @property
    def status(self) -> str:
        """The file and how much is in it, or why it ended."""
        return self._trouble or f"{self._path.name}, {self._count} pictures"

    @property
    def problem(self) -> str:
        """That nothing is recorded any more, and why, in a sentence; empty where all is."""
        if not self._trouble:
            return ""
        trouble = f"{self._trouble[0].upper()}{self._trouble[1:]}"
        return f"{trouble}; the rest is not recorded. Make room and start the bridge again."

    def _record(self, container: OutputContainer, frame: Frame) -> None:
        if self._stream is None:
            self._zero = self._seen
            self._stream = self._start(container, frame.image)
        stream = self._stream
        image = _even(frame.image)
        if image.shape[:2] != (stream.height, stream.width):
            size = stream.width, stream.height
            image = cast(Image, cv2.resize(image, size, interpolation=cv2.INTER_AREA))
        picture = self._converter.reformat(
            VideoFrame.from_ndarray(np.ascontiguousarray(image), "rgba"),
            format="yuv420p",
            dst_colorspace=BT709,
            dst_color_range=VIDEO_RANGE,
        )
        self._encode(container, stream, picture)
        self._last = frame.index, picture
        self._count += 1

    def _start(self, container: OutputContainer, image: Image) -> VideoStream:
        height, width = _even(image).shape[:2]
        h264 = "libx264" in av.codecs_available
        stream = container.add_stream(
            "libx264" if h264 else "mpeg4", Fraction(self._fps).limit_denominator(1001)
        )
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        context = stream.codec_context
        context.time_base = Fraction(1, TICKS if h264 else 1000)  # mpeg4 counts in 16 bits
        context.colorspace = context.color_primaries = context.color_trc = BT709
        context.color_range = VIDEO_RANGE
        context.gop_size = max(1, round(2 * self._fps))
        if h264:
            stream.options = dict(H264)
        else:
            context.bit_rate = width * height * 8
        return stream

    def _encode(self, container: OutputContainer, stream: VideoStream, picture: VideoFrame) -> None:
        base = stream.codec_context.time_base
        pts = round((self._seen - self._zero) / base)
        last = self._last[1].pts if self._last else None
        picture.pts = pts if last is None else max(pts, last + 1)
        picture.time_base = base
        self._mux(container, stream, picture)

    def _mux(
        self, container: OutputContainer, stream: VideoStream, picture: VideoFrame | None
    ) -> None:
        for packet in stream.encode(picture):
            container.mux(packet)

    def _finish(self) -> None:
        container, self._container = self._container, None
        if container is None:
            return
        try:
            container.close()
        except (FFmpegError, OSError) as error:
            log.warning("the end of %s is not recorded (%s)", self._path, error.strerror)


def _even(image: Image) -> Image:
    """The same picture with even sides, its last row and column doubled where needed."""
    height, width = image.shape[:2]
    if height % 2 == 0 and width % 2 == 0:
        return image
    border = cv2.BORDER_REPLICATE
    return cast(Image, cv2.copyMakeBorder(image, 0, height % 2, 0, width % 2, border))


def _free(path: Path) -> Path:
    """A path where nothing is yet: `show.mp4`, then `show-2.mp4` …"""
    numbered = (path.with_stem(f"{path.stem}-{number}") for number in count(2))
    return path if not path.is_file() else next(free for free in numbered if not free.exists())


def _create(path: Path) -> OutputContainer:
    mp4 = path.suffix.lower() in {".mp4", ".mov", ".m4v"}
    whole = mp4 and av.library_versions["libavformat"] >= KNOWS_FRAGMENTS
    try:
        return av.open(str(path), "w", options=AT_ONCE | (FRAGMENTS if whole else {}))
    except (FFmpegError, OSError) as error:
        raise TransportError(f"{path} cannot be written: {error.strerror}.") from error
    except ValueError as error:  # from PyAV itself
        raise TransportError(f"{path.name} is no video file's name; end it in .mp4.") from error
