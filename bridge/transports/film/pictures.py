"""Pictures from files: RGBA, 8 bits, turned as the camera was held."""

import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import cast

import cv2
import numpy as np

from bridge.frames.frame import Frame, Image
from bridge.system.timing import Deadline
from bridge.transports import TransportError
from bridge.transports.base import ClockedSource
from engine.images.decoding import MOST_BYTES, header, otherwise, too_thin, turns

MOST_PIXELS = 40_000_000  # of a picture, which is held whole
ORIENTATION, WIDTH, HEIGHT = 274, 256, 257  # tags of a TIFF, and of EXIF, which is one
TIFF = b"II*\0", b"MM\0*"
ANIMATED = 2  # among the flags of a WebP
TWELVE_BITS = 0x20  # among the flags of an AVIF
HEAD = 1 << 20  # bytes of a file in which it says what it is
PNG = b"\x89PNG\r\n\x1a\n"
# What makes upright, by EXIF's number
TURNS: dict[int, Callable[[Image], Image]] = {
    2: np.fliplr,
    3: lambda image: np.rot90(image, 2),
    4: np.flipud,
    5: lambda image: image.transpose(1, 0, 2),
    6: lambda image: np.rot90(image, -1),
    7: lambda image: np.rot90(image, 2).transpose(1, 0, 2),
    8: np.rot90,
}


class StillSource(ClockedSource):
    """A picture, given at once and again every half second, for those who come later."""

    def __init__(self, path: Path) -> None:
        super().__init__(Deadline(2))
        self._image = read(path)
        self._name = path.name

    def _draw(self, index: int) -> Frame:
        return Frame(self._image, perf_counter(), index)

    @property
    def status(self) -> str:
        """Size and name."""
        return f"{self._image.shape[1]}x{self._image.shape[0]}, {self._name}"


def read(path: Path) -> Image:
    """The picture in a file; TransportError for what is none or too large."""
    return unpacked(contents(path), path)


def contents(path: Path) -> bytes:
    """The bytes of a picture's file, at most `MOST_BYTES`; TransportError."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise TransportError(
                f"{path} has more than {MOST_BYTES // 10**6} MB; scale it down first."
            )
        return path.read_bytes()
    except OSError as error:
        raise TransportError(f"{path} cannot be opened: {error.strerror or error}.") from error


def unpacked(data: bytes, path: Path) -> Image:
    """The same of a file's bytes."""
    check_kind(data, path)
    check_size(*_size_of(data), path)
    # imread cannot read a path with an umlaut on Windows, imdecode does not care.
    packed = np.frombuffer(data, np.uint8)
    jpeg = data.startswith(b"\xff\xd8")  # OpenCV turns it, and knows its inks
    found = cv2.imdecode(packed, cv2.IMREAD_COLOR if jpeg else cv2.IMREAD_UNCHANGED)
    if found is not None and found.dtype == np.uint16:
        found = cv2.convertScaleAbs(found, alpha=255 / _white(data))
    if found is not None and found.dtype != np.uint8:
        found = cv2.imdecode(packed, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if found is None:
        raise unreadable(path)
    image = rgba(found)
    for turn in [] if jpeg else _turns(data):
        image = turn(image)
    return np.ascontiguousarray(image)


def check_kind(data: bytes, path: Path) -> None:
    """TransportError for what is neither picture nor film, by its first bytes, where that is known:
    a web page that was saved in their place.
    """
    if found := otherwise(data):
        raise TransportError(f"{path} is {found[0]}, no film or picture; {found[1]}.")


def unreadable(path: Path) -> TransportError:
    """What is said of a file that is damaged, or no picture at all."""
    return TransportError(f"{path} is not a picture that can be read; try a PNG or JPEG.")


def check_size(width: int, height: int, path: Path) -> None:
    """TransportError for a size in pixels, as a header tells it, that is not to be unpacked: a
    small file may hold so many.
    """
    if width < 1 or height < 1:
        raise unreadable(path)
    if thin := too_thin(width, height):
        raise TransportError(f"{path} has pictures of {thin}.")
    if width * height > MOST_PIXELS:
        raise TransportError(
            f"{path} has pictures of {width}x{height} where {MOST_PIXELS // 10**6} megapixels are "
            "the most; scale it down first."
        )


def rgba(found: np.ndarray) -> Image:
    """RGBA of what OpenCV gives: gray, BGR or BGRA of 8 bits."""
    if found.ndim == 2:
        to = cv2.COLOR_GRAY2RGBA
    else:
        to = cv2.COLOR_BGRA2RGBA if found.shape[2] == 4 else cv2.COLOR_BGR2RGBA
    return cast(Image, cv2.cvtColor(found, to))  # cv2's types say any array


def moves(data: bytes) -> str:
    """Which kind of moving picture a file's first bytes begin: `apng`, `webp`, `avif`, or none."""
    if data.startswith(PNG):
        kinds = [kind for kind, _, _ in _png_chunks(data)]
        before = kinds[: kinds.index(b"IDAT")] if b"IDAT" in kinds else kinds
        return "apng" if b"acTL" in before else ""
    if data[:4] == b"RIFF" and data[8:16] == b"WEBPVP8X":
        return "webp" if data[20:21] and data[20] & ANIMATED else ""
    return "avif" if data[4:12] == b"ftypavis" else ""


def riff_chunks(data: bytes, begin: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """The chunks of a stretch of a WebP: kind, and where their content begins and ends."""
    while begin + 8 <= end:
        kind, length = struct.unpack_from("<4sI", data, begin)
        begin += 8
        yield kind, begin, min(end, begin + length)
        begin += length + length % 2


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    begin = len(PNG)
    while begin + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, begin)
        begin += 8
        yield kind, begin, begin + length
        begin += length + 4  # behind its checksum


def _turns(data: bytes) -> list[Callable[[Image], Image]]:
    """What makes a picture upright, one after the other: as its boxes say, else its EXIF."""
    found = header(data)
    if found and found.kind == "AVIF":
        return turns(data, found)
    turn = TURNS.get(_tags(_exif(data), ORIENTATION)[0])
    return [turn] if turn else []


def _white(data: bytes) -> int:
    """The largest value in a picture of more than 8 bits; an AVIF keeps its 10 or 12."""
    place = data.find(b"av1C", 0, HEAD)
    if data[4:8] != b"ftyp" or place < 0:
        return 0xFFFF
    return 0xFFF if data[place + 6] & TWELVE_BITS else 0x3FF


def _exif(data: bytes) -> bytes:
    """The EXIF of a PNG or WebP, the whole of a TIFF."""
    if data[:4] in TIFF:
        return data
    chunks = _png_chunks(data) if data.startswith(PNG) else riff_chunks(data, 12, len(data))
    if not data.startswith((PNG, b"RIFF")):
        return b""
    found = (data[begin:end] for kind, begin, end in chunks if kind in (b"eXIf", b"EXIF"))
    return next(found, b"").removeprefix(b"Exif\0\0")


def _size_of(data: bytes) -> tuple[int, int]:
    """Width and height, as the header says; 0 where that is none of a picture."""
    if found := header(data):
        return found.width, found.height
    width, height = _tags(data, WIDTH, HEIGHT)
    return width, height


def _tags(data: bytes, *wanted: int) -> list[int]:
    """Numbers that stand in the first folder of a TIFF; 0 for what does not."""
    if data[:4] not in TIFF:
        return [0 for _ in wanted]

    def number(place: int, count: int) -> int:
        return int.from_bytes(data[place : place + count], "little" if data[0] == 73 else "big")

    found: dict[int, int] = {}
    first = number(4, 4)
    for entry in range(first + 2, first + 2 + 12 * number(first, 2), 12):
        if (tag := number(entry, 2)) in wanted:
            found[tag] = number(entry + 8, 2 if number(entry + 2, 2) == 3 else 4)
    return [found.get(tag, 0) for tag in wanted]
