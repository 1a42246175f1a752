"""The sizes and rates of a camera, and which one to use."""

import os
import re
import struct
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import log
from pathlib import Path

import av
import av.logging
from av.error import FFmpegError

from bridge.transports import Options, TransportError
from bridge.transports.base import number, wished
from engine import sizes

DEVICES = Path("/dev")
SLOWEST, FASTEST = 1.0, 240.0  # frames per second
FLUENT = 24.0  # frames per second; up to here, rate matters more than size
MJPG = "MJPG"
FORMAT = re.compile("[A-Za-z0-9]{4}")
EXAMPLE = "as in camera:0?size=1920x1080&fps=60&format=MJPG"
MOST = 1000  # modes read per camera
# Video4Linux ioctls: formats, sizes of a format, frame intervals of a size
FORMATS, SIZES, INTERVALS = 0xC0405602, 0xC02C564A, 0xC034564B
CAPTURE, DISCRETE = 1, 1
COMMON = ((640, 480), (1280, 720), (1920, 1080))  # tried on a camera that scales freely
LISTED = re.compile(
    r"(vcodec|pixel_format)=(\w+)\s+min s=\d+x\d+ fps=[\d.]+ max s=(\d+)x(\d+) fps=([\d.]+)"
)
LETTERS = {"mjpeg": MJPG, "yuyv422": "YUY2", "uyvy422": "UYVY", "nv12": "NV12", "h264": "H264"}


@dataclass(frozen=True, slots=True)
class Mode:
    """Size in pixels, frames per second, and the four-letter pixel format."""

    width: int
    height: int
    fps: float
    letters: str

    @property
    def packed(self) -> bool:
        """Whether it is compressed."""
        return self.letters in (MJPG, "JPEG", "H264", "HEVC")

    def __str__(self) -> str:
        return f"{self.width}x{self.height} at {self.fps:.4g}"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a URI requests; empty fields request nothing."""

    size: tuple[int, int] | None = None
    fps: float | None = None
    letters: str = ""

    def __str__(self) -> str:
        size = "x".join(map(str, self.size)) if self.size else ""
        rate = f"at {self.fps:.4g}" if self.fps else ""
        return " ".join(part for part in (size, rate, self.letters) if part)

    def best(self, modes: Sequence[Mode], options: Options) -> Mode:
        """The mode to request: the best that the camera has, else as requested."""
        width, height = self.size or options.limit or options.output or (1280, 720)
        fps = self.fps or options.output_fps
        fitting = [mode for mode in modes if self.letters in ("", mode.letters)]

        def worth(mode: Mode) -> tuple[float, ...]:
            same = (mode.width, mode.height) == (width, height)
            return (
                same if self.size else False,
                min(mode.fps, fps if self.fps else min(fps, FLUENT)),
                mode.width >= width and mode.height >= height,
                -abs(log(mode.width * mode.height / (width * height))),
                min(mode.fps, fps),
                not mode.packed,
                -mode.fps,
            )

        if fitting:
            return max(fitting, key=worth)
        # Over USB, large uncompressed frames reach only low rates.
        large = width * height > COMMON[0][0] * COMMON[0][1]
        return Mode(width, height, fps, self.letters or (MJPG if large else ""))

    def met(self, got: Mode) -> bool:
        """Whether a mode meets the request; a rate or format that is not reported counts as met."""
        return (
            self.size in (None, (got.width, got.height))
            and (not self.fps or not got.fps or abs(self.fps - got.fps) < 1)
            and (not self.letters or not got.letters or self.letters == got.letters)
        )


def asked(name: str) -> tuple[str, Wish]:
    """Split a camera's name from its options; TransportError for invalid options."""
    name, wishes = wished(name, ("size", "fps", "format"), "a camera")
    size: tuple[int, int] | None = None
    fps: float | None = None
    letters = wishes.get("format", "")
    if "size" in wishes:
        try:
            size = sizes.exact_sides(wishes["size"])
        except ValueError as error:
            raise TransportError(f"A camera's size {error}.") from None
    if "fps" in wishes:
        fps = number("fps", wishes["fps"], SLOWEST, FASTEST)
    if "format" in wishes and not FORMAT.fullmatch(letters):
        raise TransportError(
            f"format={letters:.80} is not a format; write four letters, {EXAMPLE}."
        )
    return name, Wish(size, fps, letters.upper())


def told(modes: Sequence[Mode]) -> str:
    """A camera's largest sizes with the best rate of each, in a few words."""
    best: dict[tuple[int, int], Mode] = {}
    for mode in sorted(modes, key=lambda mode: (mode.width * mode.height, mode.fps)):
        best[mode.width, mode.height] = mode
    return ", ".join(str(mode) for mode in [*best.values()][: -len(COMMON) - 1 : -1])


def of_linux(number: int) -> list[Mode]:
    """The modes that Video4Linux reports; empty if none. Does not start the camera."""
    if sys.platform != "linux":
        return []
    import fcntl

    try:
        device = os.open(DEVICES / f"video{number}", os.O_RDWR | os.O_NONBLOCK)
    except OSError:
        return []
    try:
        return list(_modes(lambda what, data: fcntl.ioctl(device, what, data)))
    finally:
        os.close(device)


def _modes(ask: Callable[[int, bytes], bytes]) -> Iterator[Mode]:
    """`ask` is ioctl: a request and its structure, returned filled in."""
    for known in _each(ask, FORMATS, "<II56x", CAPTURE):
        (code,) = struct.unpack_from("<I", known, 44)
        letters = code.to_bytes(4, "little").decode("latin-1")
        for size in _each(ask, SIZES, "<II36x", code):
            kind, *sides = struct.unpack_from("<7I", size, 8)
            pairs = [(sides[0], sides[1])]
            if kind != DISCRETE:
                least, most, _, low, high, _ = sides
                pairs = [pair for pair in COMMON if least <= pair[0] <= most
                         and low <= pair[1] <= high]  # fmt: skip
            for width, height in pairs:
                head = struct.pack("<III", code, width, height)
                for interval in _each(ask, INTERVALS, "<I12s36x", head):
                    _, over, under = struct.unpack_from("<3I", interval, 16)
                    if over:  # stepwise intervals start with the shortest
                        yield Mode(width, height, under / over, letters)


def _each(
    ask: Callable[[int, bytes], bytes], what: int, form: str, about: int | bytes
) -> Iterator[bytes]:
    """The entries of an enumeration, until it ends."""
    for place in range(MOST):
        try:
            answer = ask(what, struct.pack(form, place, about))
        except OSError:
            return
        yield answer


def of_directshow(name: str) -> list[Mode]:
    """The modes that FFmpeg prints for a Windows camera; empty if none."""
    before = av.logging.get_level()
    av.logging.set_level(av.logging.INFO)
    try:
        # FFmpeg exits after the list, which raises an error.
        with av.logging.Capture() as lines, suppress(FFmpegError, OSError, ValueError):
            av.open(f"video={name}", format="dshow", options={"list_options": "true"}).close()
    finally:
        av.logging.set_level(before)
    return printed("".join(line for _, _, line in lines))


def printed(text: str) -> list[Mode]:
    """The modes in FFmpeg's list of camera options."""
    found: dict[Mode, None] = {}
    for _, name, width, height, fps in LISTED.findall(text):
        letters = LETTERS.get(name) or str(name).upper()[:4]
        found[Mode(int(width), int(height), float(fps), letters)] = None
    return list(found)
