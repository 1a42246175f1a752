"""Images from files: RGBA, 8 bits, rotated as the camera was held."""

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

MOST_PIXELS = 40_000_000  # of an image, which is held in memory
ORIENTATION, WIDTH, HEIGHT = 274, 256, 257  # tags of TIFF, and of EXIF, which is TIFF
TIFF = b"II*\0", b"MM\0*"
ANIMATED = 2  # among the flags of a WebP
TWELVE_BITS = 0x20  # among the flags of an AVIF
HEAD = 1 << 20  # bytes read to recognise a file
PNG = b"\x89PNG\r\n\x1a\n"
# Transforms to upright, by EXIF orientation
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
    """An image, sent at once and again every half second, for late receivers."""

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
    """The image in a file; TransportError if it is not an image or too large."""
    return unpacked(contents(path), path)


def contents(path: Path) -> bytes:
    """The bytes of an image file, at most `MOST_BYTES`; TransportError otherwise."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise TransportError(
                f"{path} is larger than {MOST_BYTES // 10**6} MB; scale it down first."
            )
        return path.read_bytes()
    except OSError as error:
        raise TransportError(f"{path} cannot be opened: {error.strerror or error}.") from error


def unpacked(data: bytes, path: Path) -> Image:
    """The same from a file's bytes."""
    check_kind(data, path)
    check_size(*_size_of(data), path)
    # On Windows imread fails on paths that are not ASCII; imdecode takes bytes.
    packed = np.frombuffer(data, np.uint8)
    jpeg = data.startswith(b"\xff\xd8")  # OpenCV rotates it, and handles CMYK
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
    """TransportError if the first bytes show that a file is neither image nor video, such as a web
    page saved instead.
    """
    if found := otherwise(data):
        raise TransportError(f"{path} is {found[0]}, not a video or image; {found[1]}.")


def unreadable(path: Path) -> TransportError:
    """The error for a damaged file, or one that is not an image."""
    return TransportError(f"{path} is not a readable image; try a PNG or JPEG.")


def check_size(width: int, height: int, path: Path) -> None:
    """TransportError for a header's size in pixels that must not be decoded: a small file may
    decode to very many.
    """
    if width < 1 or height < 1:
        raise unreadable(path)
    if thin := too_thin(width, height):
        raise TransportError(f"{path} has images of {thin}.")
    if width * height > MOST_PIXELS:
        raise TransportError(
            f"{path} has images of {width}x{height}, over the limit of {MOST_PIXELS // 10**6} "
            "megapixels; scale it down first."
        )


def rgba(found: np.ndarray) -> Image:
    """OpenCV's 8-bit gray, BGR or BGRA as RGBA."""
    if found.ndim == 2:
        to = cv2.COLOR_GRAY2RGBA
    else:
        to = cv2.COLOR_BGRA2RGBA if found.shape[2] == 4 else cv2.COLOR_BGR2RGBA
    return cast(Image, cv2.cvtColor(found, to))  # cv2's types say any array


def moves(data: bytes) -> str:
    """The type of animated image, by the first bytes: `apng`, `webp`, `avif`, or empty."""
    if data.startswith(PNG):
        kinds = [kind for kind, _, _ in _png_chunks(data)]
        before = kinds[: kinds.index(b"IDAT")] if b"IDAT" in kinds else kinds
        return "apng" if b"acTL" in before else ""
    if data[:4] == b"RIFF" and data[8:16] == b"WEBPVP8X":
        return "webp" if data[20:21] and data[20] & ANIMATED else ""
    return "avif" if data[4:12] == b"ftypavis" else ""


def riff_chunks(data: bytes, begin: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """The chunks in a range of a WebP: type, and start and end of the content."""
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
        begin += length + 4  # past its checksum


def _turns(data: bytes) -> list[Callable[[Image], Image]]:
    """The transforms that make an image upright, in order: from its boxes, else its EXIF."""
    found = header(data)
    if found and found.kind == "AVIF":
        return turns(data, found)
    turn = TURNS.get(_tags(_exif(data), ORIENTATION)[0])
    return [turn] if turn else []


def _white(data: bytes) -> int:
    """The largest value in an image of more than 8 bits; AVIF keeps its 10 or 12."""
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
    """Width and height from the header; 0 if it is not an image header."""
    if found := header(data):
        return found.width, found.height
    width, height = _tags(data, WIDTH, HEIGHT)
    return width, height


def _tags(data: bytes, *wanted: int) -> list[int]:
    """Numbers from the first directory of a TIFF; 0 for missing tags."""
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
