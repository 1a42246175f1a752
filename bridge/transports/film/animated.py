"""Animated WebP: FFmpeg cannot read it, so its frames are composited here."""

import struct
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from bridge.frames.frame import Image
from bridge.transports.film.pictures import (
    check_size,
    contents,
    rgba,
    riff_chunks,
    unreadable,
)  # fmt: skip
from bridge.transports.film.player import Shot
from engine.images.decoding import header

SOON, INSTEAD = 0.011, 0.1  # seconds: a shorter duration is replaced, as browsers do
REPLACES, CLEARED = 2, 1  # flags of a frame: no blending; cleared afterwards
ALPHA = 16  # a flag of the file


@dataclass(frozen=True, slots=True)
class Part:
    """One frame: the rectangle it changes, its duration in seconds, and its WebP data."""

    x: int
    y: int
    width: int
    height: int
    length: float
    flags: int
    data: bytes


class AnimatedWebp:
    """An animated WebP file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.name, self.rate = path.name, ""

    def once(self) -> Generator[Shot, None, None]:
        """The shots of one loop; TransportError for an unreadable file."""
        data = contents(self._path)
        found = header(data)
        width, height = (found.width, found.height) if found else (0, 0)
        check_size(width, height, self._path)
        parts = list(_parts(data))
        if not parts:
            raise unreadable(self._path)
        self.rate = f"{len(parts) / sum(part.length for part in parts):.4g}"
        canvas, at = np.zeros((height, width, 4), np.uint8), 0.0
        for part in parts:
            place = canvas[part.y : part.y + part.height, part.x : part.x + part.width]
            if not _lay(part, place):
                raise unreadable(self._path)
            yield Shot(at, part.length, partial(_same, canvas.copy()))
            at += part.length
            if part.flags & CLEARED:
                place[:] = 0


def _same(image: Image) -> Image:
    return image


def _parts(data: bytes) -> Iterator[Part]:
    for kind, begin, end in riff_chunks(data, 12, len(data)):
        if kind == b"ANMF" and begin + 16 <= end:
            x, y, width, height, shown = (
                int.from_bytes(data[at : at + 3], "little") for at in range(begin, begin + 15, 3)
            )
            length = shown / 1000 if shown / 1000 >= SOON else INSTEAD
            inside = _alone(data[begin + 16 : end], width, height)
            yield Part(2 * x, 2 * y, width + 1, height + 1, length, data[begin + 15], inside)


def _alone(frame: bytes, width: int, height: int) -> bytes:
    """A frame's chunks as a separate file; both sides minus one."""
    sides = width.to_bytes(3, "little") + height.to_bytes(3, "little")
    head = struct.pack("<4sII", b"VP8X", 10, ALPHA) + sides if frame[:4] == b"ALPH" else b""
    return struct.pack("<4sI4s", b"RIFF", 4 + len(head) + len(frame), b"WEBP") + head + frame


def _lay(part: Part, place: Image) -> bool:
    """Draw a frame into the canvas; False if it is damaged or exceeds it."""
    found = cv2.imdecode(np.frombuffer(part.data, np.uint8), cv2.IMREAD_UNCHANGED)
    if found is None or found.shape[:2] != place.shape[:2]:
        return False
    image = rgba(found)
    if part.flags & REPLACES or found.shape[2] == 3:
        place[:] = image
        return True
    over, under = (pixels[..., 3:].astype(np.float32) / 255 for pixels in (image, place))
    under *= 1 - over
    both = over + under
    colours = image[..., :3] * over + place[..., :3] * under
    place[..., :3] = np.rint(colours / np.maximum(both, 1e-6))
    place[..., 3:] = np.rint(both * 255)
    return True
