"""Decode images from file bytes: the header first, then no more than needed.

A small file can contain a huge image. So the header is checked against a pixel budget before
decoding, codecs that can reduce while decoding do so, and only one thread of a process decodes at a
time.

Headers are read here rather than by Pillow, which agrees on every valid file (a test compares) but
not on hostile ones: it creates a WebP's decoder with two canvases before reporting the size; it
takes 20 s for a JPEG with 20 MB of empty segments, where this takes 0.01 s; it reports no size for
an AVIF that libavif finds too large, or a PNG whose header has a wrong checksum.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, cast

import cv2
import numpy as np

from engine.pipeline import Image
from engine.system.commit import MORE, short_of_memory

MOST_BYTES = 100_000_000  # of a file
KINDS = "PNG, JPEG, WebP, BMP or AVIF"
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".avif")
# Reduction to a half, a quarter, an eighth: JPEG while decoding, others right after
REDUCED = {8: cv2.IMREAD_REDUCED_COLOR_8, 4: cv2.IMREAD_REDUCED_COLOR_4,
           2: cv2.IMREAD_REDUCED_COLOR_2, 1: cv2.IMREAD_COLOR}  # fmt: skip
THINNEST = 4096  # largest aspect ratio of an image, either way
# Files often mistaken for images or videos, by their first bytes, and the cure
INSTEAD = f"save it as one of {KINDS}"
PAGE = "a web page", "get the file itself, with the download link on that page"
POINTER = "a Git LFS pointer", "get the file itself with `git lfs pull`"
ANSWER = "a server's response saved as a file", "get the file itself"
NO_FILMS = {
    b"<!doctype html": PAGE, b"<html": PAGE, b"<head": PAGE, b"<body": PAGE,
    b"version https://git-lfs": POINTER, b'{"': ANSWER, b"entry not found": ANSWER,
    b"%pdf": ("a PDF", "export its images"), b"pk\x03\x04": ("a ZIP archive", "unpack it"),
    b"rar!": ("a RAR archive", "unpack it"), b"7z\xbc\xaf": ("a 7z archive", "unpack it"),
}  # fmt: skip
NO_PICTURES = {
    **NO_FILMS, b"<svg": ("an SVG", INSTEAD), b"<?xml": ("an SVG or other XML", INSTEAD),
    b"gif8": ("a GIF", INSTEAD), b"ii*\0": ("a TIFF", INSTEAD), b"mm\0*": ("a TIFF", INSTEAD),
    b"8bps": ("a Photoshop file", INSTEAD), b"\x76\x2f\x31\x01": ("an OpenEXR", INSTEAD),
    b"\x1a\x45\xdf\xa3": ("a video", "use a still frame of it"),
}  # fmt: skip
HEIC = (b"heic", b"heix", b"hevc", b"heim")  # brands of iPhone photos
UNCHANGED = cv2.IMREAD_UNCHANGED
STRIPE = 32  # rows composited on white at a time, to limit memory
WHITE = 255
ALPHA = b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha"  # its name in an AVIF
PARTS = 10_000  # of a file examined for its size
# AVIF boxes that contain others, and the bytes before those
INSIDE = {b"meta": 4, b"iprp": 0, b"ipco": 0, b"moov": 0, b"trak": 0, b"mdia": 0, b"minf": 0,
          b"stbl": 0, b"stsd": 8}  # fmt: skip

_turn = threading.Lock()


def _transposed(image: Image) -> Image:
    return image.swapaxes(0, 1)


def _half(image: Image) -> Image:
    return np.rot90(image, 2)


# By EXIF orientation
UPRIGHT: dict[int, list[Callable[[Image], Image]]] = {
    2: [np.fliplr], 3: [_half], 4: [np.flipud], 5: [_transposed],
    6: [_transposed, np.fliplr], 7: [_transposed, _half], 8: [_transposed, np.flipud],
}  # fmt: skip


class PictureError(ValueError):
    """A file without a usable image, in one sentence; `status` is the HTTP status."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


class Header(NamedTuple):
    """An image's header; `most` is the pixel limit for such a file, and `cut` means that some
    pixels may be transparent.
    """

    kind: str
    width: int
    height: int
    most: int
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Need:
    """The resolution needed: that of the image fitted within `width` x `height`, or with `cover`
    covering them.
    """

    width: int
    height: int
    cover: bool = False

    def reduction(self, header: Header) -> int:
        """The possible reduction while decoding, 1 to 8. The image may be rotated."""
        choose = min if self.cover else max
        turned = (header.width, header.height), (header.height, header.width)
        spare = min(choose(wide / self.width, high / self.height) for wide, high in turned)
        spare = min(spare, header.width, header.height)  # at least one pixel remains per side
        return next((by for by in REDUCED if by <= spare), 1)


def read(path: Path, need: Need, what: str = "image") -> Image:
    """The image (H, W, 3) of a file in RGB, upright, reduced by up to 8 if more is not needed.
    Transparent pixels become white, as in VACE's reference code.

    `what` names it in errors. PictureError if it is not an image, damaged or over the budget.
    Blocks for the disk, and for other decodes.
    """
    name = f"The {what} {path.name!r}"
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise PictureError(f"{name} cannot be read ({error.strerror or error}).", 404) from error
    return decoded(data, need, name)


def decoded(data: bytes, need: Need, name: str = "The image") -> Image:
    """As `read`, from a file's bytes."""
    header = checked(data, name)
    with _turn:
        try:
            by, upright = need.reduction(header), turns(data, header)
            if header.cut:  # OpenCV does not rotate images with alpha
                upright = upright or _turns_of(_exif(data, header))
                raw = cv2.imdecode(np.frombuffer(data, np.uint8), UNCHANGED)
                image = _on_white(cast(Image | None, raw), by)  # None where it is damaged
            else:
                # If the boxes give the rotation, EXIF would apply it a second time.
                flags = REDUCED[by] | (cv2.IMREAD_IGNORE_ORIENTATION if upright else 0)
                image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
            if image is not None:
                for turn in upright:
                    # cast: cv2's types say any array
                    image = np.ascontiguousarray(turn(cast(Image, image)))
                cv2.cvtColor(image, cv2.COLOR_BGR2RGB, image)
        except (cv2.error, MemoryError) as error:
            if short_of_memory(error):
                raise PictureError(
                    f"{name} cannot be decoded: this machine has too little free memory; {MORE}.",
                    507,
                ) from error
            image = None  # damaged
    if image is None:
        raise PictureError(
            f"{name} is a damaged or unsupported {header.kind}; save it again.",
            415,
        )
    return cast(Image, image)  # cv2's types say any array


def checked(data: bytes, name: str = "The image") -> Header:
    """The header of a file's image within the budget; else PictureError."""
    if len(data) > MOST_BYTES:
        raise PictureError(
            f"{name} is larger than {MOST_BYTES // 10**6} MB; scale it down first.", 413
        )
    found = header(data)
    if found is None:
        what, cure = otherwise(data, NO_PICTURES) or ("", "save it as one of these")
        raise PictureError(f"{name} is {what and f'{what}, '}not {KINDS}; {cure}.", 415)
    if found.width < 1 or found.height < 1:
        raise PictureError(
            f"{name} is damaged: its {found.kind} header gives no size; save it again.", 415
        )
    if thin := too_thin(found.width, found.height):
        raise PictureError(f"{name} is {found.kind} of {thin}.", 413)
    if found.width * found.height > found.most:
        raise PictureError(
            f"{name} is {found.kind} of {found.width}x{found.height} pixels, but "
            f"at most {found.most // 10**6} megapixels are supported; scale it down first.",
            413,
        )
    return found


def too_thin(width: int, height: int) -> str:
    """If an image is too thin, words that follow `of`, with the cure; else empty. Nothing of it
    would remain at any pipeline's size.
    """
    if max(width, height) <= THINNEST * min(width, height):
        return ""
    how = "wide" if width > height else "high"
    return f"{width}x{height} pixels, which is too {how} for an image; crop it"


def otherwise(
    data: bytes, known: Mapping[bytes, tuple[str, str]] = NO_FILMS
) -> tuple[str, str] | None:
    """What a file mistaken for a video or image is, by its first bytes, and the cure; None if not
    `known`.
    """
    begin = data[:512].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    found = next((told for mark, told in known.items() if begin.startswith(mark.lower())), None)
    if found is None and known is NO_PICTURES and data[4:8] == b"ftyp":
        return ("a HEIC", INSTEAD) if data[8:12] in HEIC else ("a video", "use a still frame of it")
    return found


def header(data: bytes) -> Header | None:
    """The header in a file's first bytes; None if it is not an image of `KINDS`. The size is 0 if
    not given.
    """
    if data.startswith(b"\x89PNG\r\n\x1a\n") and data[12:16] == b"IHDR":
        return _of_png(data)
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg(data)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return Header("WebP", *_webp(data), 40_000_000, _webp_cut(data))
    if data.startswith(b"BM"):
        cut = _little(data, 28, 2) == 32 and _little(data, 14, 4) >= 56 and any(data[66:70])
        return Header("BMP", *_bmp(data), 40_000_000, cut)
    if data[4:8] == b"ftyp" and data[8:12] in (b"avif", b"avis", b"mif1", b"msf1"):
        # decoding takes 16 bytes per pixel
        return Header("AVIF", *_avif(data), 16_000_000, ALPHA in data)
    return None


def _of_png(data: bytes) -> Header:
    """Transparency is indicated by the colour type, or by a tRNS chunk."""
    depth, colours = _big(data, 24, 1), _big(data, 25, 1)
    cut = colours in (4, 6) or _part(data, b"tRNS", b"IDAT") is not None
    most = 20_000_000 if cut and depth == 16 else 40_000_000  # decoded to 8 bytes per pixel
    return Header("PNG", _big(data, 16, 4), _big(data, 20, 4), most, cut)


def _part(data: bytes, kind: bytes, end: bytes) -> bytes | None:
    """The content of a PNG's first chunk of this kind; None if `end` comes first."""
    place = 8
    for _ in range(PARTS):
        found = data[place + 4 : place + 8]
        if len(found) < 4 or found == end:
            return None
        length = _big(data, place, 4)
        if found == kind:
            return data[place + 8 : place + 8 + length]
        place += 12 + length
    return None


def _jpeg(data: bytes) -> Header:
    """A baseline JPEG is reduced while decoding and only costs time; a progressive one is held in
    memory in full first.
    """
    place = 2
    for _ in range(PARTS):
        if place + 9 >= len(data) or data[place] != 0xFF:
            break
        marker = data[place + 1]
        if marker == 0xFF:  # padding
            place += 1
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            most = 200_000_000 if marker in (0xC0, 0xC1) else 40_000_000
            return Header("JPEG", _big(data, place + 7, 2), _big(data, place + 5, 2), most)
        else:
            place += 2 + _big(data, place + 2, 2)
    return Header("JPEG", 0, 0, 0)


def _webp(data: bytes) -> tuple[int, int]:
    kind = data[12:16]
    if kind == b"VP8X":
        return _little(data, 24, 3) + 1, _little(data, 27, 3) + 1
    if kind == b"VP8L":
        bits = _little(data, 21, 4)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return _little(data, 26, 2) & 0x3FFF, _little(data, 28, 2) & 0x3FFF


def _webp_cut(data: bytes) -> bool:
    kind = data[12:16]
    return bool(
        (kind == b"VP8X" and _little(data, 20, 1) & 0x10)
        or (kind == b"VP8L" and _little(data, 21, 4) >> 28 & 1)
    )


def _bmp(data: bytes) -> tuple[int, int]:
    if _little(data, 14, 4) == 12:
        return _little(data, 18, 2), _little(data, 20, 2)
    sides = [int.from_bytes(data[at : at + 4], "little", signed=True) for at in (18, 22)]
    return abs(sides[0]), abs(sides[1])  # a negative height means top row first


def _avif(data: bytes) -> tuple[int, int]:
    """The largest size in an AVIF, which also lists those of tiles and tracks."""
    sizes = [(0, 0)]
    waiting = [(0, len(data))]  # ranges of consecutive boxes
    for _ in range(PARTS):
        if not waiting:
            return max(sizes, key=lambda size: size[0] * size[1])
        begin, end = waiting.pop()
        length, kind, inner = _big(data, begin, 4), data[begin + 4 : begin + 8], begin + 8
        if length == 1:
            length, inner = _big(data, begin + 8, 8), begin + 16
        close = min(end, begin + length) if length else end
        if close + 8 <= end:
            waiting.append((close, end))
        if kind == b"ispe":
            sizes.append((_big(data, inner + 4, 4), _big(data, inner + 8, 4)))
        elif kind == b"av01":
            sizes.append((_big(data, inner + 24, 2), _big(data, inner + 26, 2)))
        elif kind in INSIDE and inner + INSIDE[kind] + 8 <= close:
            waiting.append((inner + INSIDE[kind], close))
    return 0, 0


def turns(data: bytes, header: Header) -> list[Callable[[Image], Image]]:
    """The rotations and mirrorings of an AVIF, in order, from the boxes of its primary item. OpenCV
    handles the other formats.
    """
    if header.kind != "AVIF":
        return []
    boxes = _boxes(data, 0, len(data))
    meta = next((box for box in boxes if box[0] == b"meta"), None)
    if meta is None:
        return []
    inside = {box[0]: box for box in _boxes(data, meta[1] + 4, meta[2])}
    if not inside.keys() >= {b"pitm", b"iprp"}:
        return []
    begin = inside[b"pitm"][1]
    shown = _big(data, begin + 4, 4 if _big(data, begin, 1) else 2)
    properties = _boxes(data, *inside[b"iprp"][1:])
    ipco = next((box for box in properties if box[0] == b"ipco"), None)
    there = _boxes(data, *ipco[1:]) if ipco else []
    found: list[Callable[[Image], Image]] = []
    for kind, first, last in properties:
        for index in _of_item(data, first, last, shown) if kind == b"ipma" else ():
            if 0 < index <= len(there):
                what, place, _ = there[index - 1]
                found += [turn] if (turn := _turn_of(what, data[place : place + 1])) else []
    return found


def _on_white(image: Image | None, by: int) -> Image | None:
    """An image (H, W, 4) in BGRA of any depth as 8-bit (H, W, 3), reduced by `by`."""
    if image is None or image.ndim == 2 or image.shape[2] == 3:  # opaque after all
        return None if image is None else _on_white(_opaque(image), by)
    most = int(image.max(initial=0))
    whole = next(top for top in (255, 1023, 4095, 65535) if top >= most)
    if image.dtype != np.uint8:  # AVIF's 10 and 12 bits are recognised by the largest value
        whole = max(whole, 1023)
    height, width = max(1, image.shape[0] // by), max(1, image.shape[1] // by)
    made = np.empty((height, width, 3), np.uint8)
    for first in range(0, height, STRIPE):
        last = min(height, first + STRIPE)
        part = image[first * by : max(last * by, first * by + 1)].astype(np.float32) / whole
        alpha = part[..., 3:]
        laid = (part[..., :3] * alpha + (1 - alpha)) * WHITE
        if by > 1:
            laid = cv2.resize(laid, (width, last - first), interpolation=cv2.INTER_AREA)
        made[first:last] = np.rint(laid)
    return made


def _opaque(image: Image) -> Image:
    colours = image if image.ndim == 3 else cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    top = np.iinfo(image.dtype).max
    # cast: both are 8 bits
    return cast(Image, np.dstack((colours, np.full(image.shape[:2], top, image.dtype))))


def _exif(data: bytes, header: Header) -> bytes:
    """The EXIF data of a PNG or WebP; empty if none."""
    if header.kind == "PNG":
        return _part(data, b"eXIf", b"IEND") or b""
    place = 12
    for _ in range(PARTS if header.kind == "WebP" else 0):
        length = _little(data, place + 4, 4)
        if data[place : place + 4] == b"EXIF":
            return data[place + 8 : place + 8 + length].removeprefix(b"Exif\0\0")
        if place >= len(data):
            break
        place += 8 + length + length % 2
    return b""


def _turns_of(exif: bytes) -> list[Callable[[Image], Image]]:
    """The operations that make an image with EXIF orientation 1 to 8 upright."""
    read = _big if exif[:2] == b"MM" else _little
    at = read(exif, 4, 4)
    for entry in range(at + 2, min(at + 2 + 12 * read(exif, at, 2), len(exif) - 11), 12):
        if read(exif, entry, 2) == 0x0112:
            return UPRIGHT.get(read(exif, entry + 8, 2), [])
    return []


def _turn_of(kind: bytes, how: bytes) -> Callable[[Image], Image] | None:
    if kind == b"irot" and how:
        return lambda image: np.rot90(image, how[0] & 3)  # quarter turns, counter-clockwise
    if kind == b"imir" and how:
        return np.fliplr if how[0] & 1 else np.flipud
    return None


def _of_item(data: bytes, begin: int, end: int, item: int) -> list[int]:
    """The property indexes of an item in an `ipma` box, from 1, in order."""
    wide, long = _big(data, begin + 3, 1) & 1, 4 if _big(data, begin, 1) else 2
    place, length = begin + 8, 2 if wide else 1
    for _ in range(min(_big(data, begin + 4, 4), PARTS)):
        if place + long >= end:
            break
        count, first = data[place + long], place + long + 1
        place_after = first + count * length
        if _big(data, place, long) == item and place_after <= end:
            mask = 0x7FFF if wide else 0x7F
            return [_big(data, at, length) & mask for at in range(first, place_after, length)]
        place = place_after
    return []


def _boxes(data: bytes, begin: int, end: int) -> list[tuple[bytes, int, int]]:
    """The boxes in a range, in order: the kind of each, and the range of its content."""
    found: list[tuple[bytes, int, int]] = []
    while begin + 8 <= end and len(found) < PARTS:
        length, inner = _big(data, begin, 4), begin + 8
        if length == 1:
            length, inner = _big(data, begin + 8, 8), begin + 16
        close = min(end, begin + length) if length else end
        if close < inner:
            break
        found.append((data[begin + 4 : begin + 8], inner, close))
        begin = close
    return found


def _big(data: bytes, place: int, count: int) -> int:
    return int.from_bytes(data[place : place + count], "big")


def _little(data: bytes, place: int, count: int) -> int:
    return int.from_bytes(data[place : place + count], "little")
