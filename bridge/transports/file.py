"""A video file or picture, played in its own rhythm and over and over; or a recording into one."""

import logging
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, sleep
from typing import cast

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from bridge.frames.frame import Frame, Image
from bridge.system.paths import PICTURES, refusal
from bridge.system.timing import Deadline
from bridge.transports import Options, TransportError
from bridge.transports.base import ClockedSource, TransportBase
from bridge.transports.recording import Recording, asked
from engine.images.decoding import MOST_BYTES, header
from engine.system.drives import away, cure

log = logging.getLogger(__name__)

KERNEL = (Path("/proc"), Path("/sys"))  # what looks like files there may wait for ever
MOST_PIXELS = 40_000_000  # of a picture, which is held whole
STALL = 0.5  # seconds late from which on the clip goes on where it was instead of catching up
HURRY = 0.05  # seconds to spend on catching up before a picture is given all the same
BT709, UNSPECIFIED, HD_ROWS = 1, 2, 720


@dataclass(frozen=True, slots=True)
class Moment:
    """One decoded picture and when it is due, in seconds since the clip first began."""

    at: float
    picture: VideoFrame


class FileSource(TransportBase):
    """A clip. Who comes late gets the picture that is due now; the ones before are left out."""

    def __init__(self, path: Path) -> None:
        """Decode the first pictures, so that a bad file is refused here; TransportError."""
        self._path = path
        self._size = self._rate = ""
        self._converter = VideoReformatter()
        self._moments = self._for_ever()
        self._now: Moment | None = None  # to be given next
        self._image: Image | None = None  # of `_now`, converted while there is time
        self._after = self._pull()
        self._zero: float | None = None  # when the clip began, by perf_counter
        self._index = 0

    def receive(self, timeout: float) -> Frame | None:
        """The next picture when it is due."""
        until = perf_counter() + timeout
        due, moment = self._choose()
        if self._image is None:
            self._image = self._convert(moment.picture)
        sleep(max(0.0, min(due, until) - perf_counter()))
        if due > until:
            return None
        image, self._now, self._image = self._image, None, None
        self._index += 1
        return Frame(image, perf_counter(), self._index)

    def close(self) -> None:
        """Close the file."""
        self._moments.close()

    @property
    def status(self) -> str:
        """Size, rate and name."""
        return f"{self._size} at {self._rate}, {self._path.name}"

    def _choose(self) -> tuple[float, Moment]:
        """The picture to give next and when it is due: never one whose successor is due too."""
        if self._now is None:
            self._now, self._after = self._after, self._pull()
        now = perf_counter()
        zero = now - self._now.at if self._zero is None else self._zero
        if now - (zero + self._now.at) > STALL:
            zero = now - self._now.at  # go on from here instead of hurrying through all of it
        while zero + self._after.at <= perf_counter() < now + HURRY:
            self._now, self._after, self._image = self._after, self._pull(), None
        self._zero = zero
        return zero + self._now.at, self._now

    def _pull(self) -> Moment:
        try:
            return next(self._moments)
        except TransportError:
            self._moments = self._for_ever()  # for the next try: the file may come back
            raise

    def _for_ever(self) -> Generator[Moment, None, None]:
        """The pictures of one round after another, on one line of time."""
        start = 0.0
        while True:
            end = start
            for at, length, picture in self._once():
                yield Moment(start + at, picture)
                end = start + at + length
            if end == start:
                raise TransportError(f"There is no picture in {self._path}; try another file.")
            start = end

    def _once(self) -> Generator[tuple[float, float, VideoFrame], None, None]:
        """The pictures of one round: seconds since its first, seconds that it lasts, itself."""
        first, at, length = None, 0.0, 0.0
        with _opened(self._path) as (container, stream):
            rate = float(stream.average_rate or stream.guessed_rate or 30)
            self._rate = f"{rate:.4g}"
            try:
                for picture in container.decode(stream):
                    seen = picture.time if picture.pts is not None else at + length
                    first = seen if first is None else first
                    at = max(seen - first, at)
                    length = float((picture.duration or 0) * (stream.time_base or 0)) or 1 / rate
                    yield at, length, picture
            except FFmpegError as error:
                # What is broken in the middle ends the round; the next one starts afresh.
                log.warning("%s is damaged after %.1f s (%s)", self._path, at, error.strerror)

    def _convert(self, picture: VideoFrame) -> Image:
        untagged = picture.colorspace == UNSPECIFIED and picture.height >= HD_ROWS
        matrix = BT709 if untagged else None
        clear = any(part.is_alpha for part in picture.format.components)
        convert = self._converter.reformat
        if picture.width % 8:
            # FFmpeg's fast ways from subsampled colour leave the last columns empty there.
            between = "yuva444p" if clear else "yuv444p"
            picture = convert(picture, format=between, src_colorspace=matrix, dst_colorspace=matrix)
        to = "rgba" if clear else "rgb24"
        image = convert(picture, format=to, src_colorspace=matrix).to_ndarray()
        if not clear:
            image = cv2.cvtColor(image, cv2.COLOR_RGB2RGBA)  # FFmpeg takes twice as long for it
        image = np.ascontiguousarray(np.rot90(image, round(picture.rotation / 90)), np.uint8)
        self._size = f"{image.shape[1]}x{image.shape[0]}"
        return image


class StillSource(ClockedSource):
    """A picture, given at once and again every half second, for those who come later."""

    def __init__(self, path: Path) -> None:
        super().__init__(Deadline(2))
        self._image = _read_picture(path)
        self._name = path.name

    def _draw(self, index: int) -> Frame:
        return Frame(self._image, perf_counter(), index)

    @property
    def status(self) -> str:
        """Size and name."""
        return f"{self._image.shape[1]}x{self._image.shape[0]}, {self._name}"


def open_source(name: str, options: Options) -> FileSource | StillSource:
    """`file:PATH` of a video or picture."""
    path = _path(name)
    try:
        _check_file(path)
    except OSError as error:  # of a locked drive, or a share whose machine is off
        raise TransportError(f"{path} cannot be opened: {error.strerror or error}.") from error
    return StillSource(path) if path.suffix.lower() in PICTURES else FileSource(path)


def open_sink(name: str, options: Options) -> Recording:
    """`file:PATH` to record into, with wishes behind a `?`; an older recording is left alone, the
    new one gets a number.
    """
    path, wishes = asked(name)
    return Recording(_path(path), wishes, options)


def _check_file(path: Path) -> None:
    """TransportError where a path leads to no file, or to one that is none."""
    if not path.is_file():
        if path.exists() and not path.is_dir():  # to open one may wait for ever
            raise TransportError(f"{path} is no file but a pipe or device; give a file.")
        if what := away(path):
            raise TransportError(f"{what}, so no {path}; {cure(path)}, or check the path.")
        raise TransportError(f"There is no file {path}; check the path.")
    if any(path.resolve().is_relative_to(folder) for folder in KERNEL):
        raise TransportError(f"{path} is no clip: it is made by the system; give a file.")


def _path(name: str) -> Path:
    if not name:
        raise TransportError("file: needs a path, as in file:clip.mp4.")
    try:
        path = Path(name).expanduser().absolute()
    except RuntimeError:
        raise TransportError(
            f"There is no home directory for {name}; write the path out."
        ) from None
    if why := refusal(path):
        raise TransportError(why)
    return path


@contextmanager
def _opened(path: Path) -> Generator[tuple[InputContainer, VideoStream]]:
    try:
        container = av.open(str(path))
    except (FFmpegError, OSError) as error:
        raise TransportError(f"{path} cannot be played: {error.strerror}.") from error
    with container:
        if not container.streams.video:
            raise TransportError(f"There is no picture in {path}; try another file.")
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        yield container, stream


def _read_picture(path: Path) -> Image:
    if path.stat().st_size > MOST_BYTES:
        raise TransportError(f"{path} has more than {MOST_BYTES // 10**6} MB; scale it down first.")
    # imread cannot read a path with an umlaut on Windows, imdecode does not care.
    data = path.read_bytes()
    width, height = _size_of(data)
    if width * height > MOST_PIXELS:  # before anything is unpacked: a small file may hold so many
        raise TransportError(
            f"{path} is a picture of {width}x{height} where {MOST_PIXELS // 10**6} megapixels are "
            "the most; scale it down first."
        )
    packed = np.frombuffer(data, np.uint8)
    found = cv2.imdecode(packed, cv2.IMREAD_UNCHANGED) if width * height else None
    if found is not None and (found.ndim != 3 or found.shape[2] != 4 or found.dtype != np.uint8):
        found = cv2.imdecode(packed, cv2.IMREAD_COLOR)  # 8 bits, turned as the camera was held
    if found is None:
        raise TransportError(f"{path} is not a picture that can be read; try a PNG or JPEG.")
    to = cv2.COLOR_BGRA2RGBA if found.shape[2] == 4 else cv2.COLOR_BGR2RGBA
    return cast(Image, cv2.cvtColor(found, to))


def _size_of(data: bytes) -> tuple[int, int]:
    """Width and height, as the header says; 0 where that is none of a picture."""
    if found := header(data):
        return found.width, found.height
    if data[:4] not in (b"II*\0", b"MM\0*"):
        return 0, 0

    def number(place: int, count: int) -> int:
        return int.from_bytes(data[place : place + count], "little" if data[0] == 73 else "big")

    sides = {256: 0, 257: 0}  # the tags of a TIFF's width and height
    first = number(4, 4)
    for entry in range(first + 2, first + 2 + 12 * number(first, 2), 12):
        if (tag := number(entry, 2)) in sides:
            sides[tag] = number(entry + 8, 2 if number(entry + 2, 2) == 3 else 4)
    return sides[256], sides[257]
