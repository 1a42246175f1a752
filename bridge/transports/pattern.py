"""A test card with name, size, frame counter, colour bars and an alpha ramp."""

from collections.abc import Sequence
from time import perf_counter
from typing import cast

import cv2
import numpy as np

from bridge.frames.frame import Frame, Image
from bridge.system.timing import Deadline
from bridge.transports import Options
from bridge.transports.base import ClockedSource, wished

CELLS = 32  # of the counter: 24 bits, then 8 check bits
BARS = ((235, 235, 235), (235, 235, 16), (16, 235, 235), (16, 235, 16),
        (235, 16, 235), (235, 16, 16), (16, 16, 235), (40, 40, 40))  # fmt: skip
INK, SHADE = (240, 240, 240, 255), (0, 0, 0, 255)


def draw(name: str, width: int, height: int, counter: int) -> Image:
    """One test card image (height, width, 4). Any size from 1x1 up."""
    image = _ground(name, width, height).copy()
    x = counter * max(1, width // 120) % width
    image[height // 8 : height // 2, x : x + max(1, width // 160), :3] = 255
    _write(image, f"{counter}", 0.78)
    write_counter(image, counter)
    return image


def card(width: int, height: int, lines: Sequence[str]) -> Image:
    """A plain opaque card that says why there is no frame. Any size from 1x1 up."""
    image = np.empty((height, width, 4), np.uint8)
    image[:] = (34, 38, 52, 255)
    for place, line in enumerate(lines):
        _write(image, line, 0.4 + 0.12 * place)
    return image


def write_counter(image: Image, counter: int) -> None:
    """Write a number as black and white cells along the top, if the image is wide enough."""
    height, width = image.shape[:2]
    if width < CELLS:
        return
    word = counter & 0xFFFFFF
    word |= (word ^ word >> 8 ^ word >> 16) % 256 << 24
    tall = max(1, height // 24)
    for cell in range(CELLS):
        left, right = cell * width // CELLS, (cell + 1) * width // CELLS
        image[:tall, left:right, :3] = 235 if word >> cell & 1 else 16
        image[:tall, left:right, 3] = 255


def read_counter(image: Image) -> int | None:
    """The number that `write_counter` wrote, even after scaling or JPEG; None if absent."""
    height, width = image.shape[:2]
    if width < CELLS:
        return None
    row = image[max(1, height // 24) // 2, :, :3].mean(-1)
    bright = [row[(2 * cell + 1) * width // (2 * CELLS)] for cell in range(CELLS)]
    if any(70 < value < 180 for value in bright):
        return None
    word = sum(int(value > 127) << cell for cell, value in enumerate(bright))
    counter, check = word & 0xFFFFFF, word >> 24
    return counter if (counter ^ counter >> 8 ^ counter >> 16) % 256 == check else None


class PatternSource(ClockedSource):
    """The test card, a new one for every frame."""

    def __init__(self, name: str, options: Options) -> None:
        super().__init__(Deadline(options.fps))
        self._name = name or "spout-bridge"
        self._options = options

    def _draw(self, index: int) -> Frame:
        image = draw(self._name, self._options.width, self._options.height, index)
        return Frame(image, perf_counter(), index)

    @property
    def status(self) -> str:
        """Size and rate."""
        return f"{self._options.width}x{self._options.height} at {self._options.fps:g}"


def check_source(name: str) -> None:
    """TransportError for options after a `?`: it has none."""
    wished(name, (), "pattern:")


def open_source(name: str, options: Options) -> PatternSource:
    """`pattern:NAME`; the name is written on the card."""
    check_source(name)
    return PatternSource(name, options)


_grounds: dict[tuple[str, int, int], Image] = {}


def _ground(name: str, width: int, height: int) -> Image:
    """The still part, drawn once."""
    key = name, width, height
    if key not in _grounds:
        if len(_grounds) > 8:
            _grounds.clear()
        _grounds[key] = _draw_ground(name, width, height)
    return _grounds[key]


def _draw_ground(name: str, width: int, height: int) -> Image:
    image = np.empty((height, width, 4), np.uint8)
    columns = np.arange(width)
    image[..., :3] = np.array(BARS, np.uint8)[columns * len(BARS) // width]
    image[..., 3] = 255
    image[height * 11 // 20 : height * 9 // 10, :, :3] = (34, 38, 52)
    ramp = np.linspace(0, 255, width).astype(np.uint8)
    image[height * 9 // 10 :, :, :3] = ramp[:, None]
    image[height * 9 // 10 :, :, 3] = ramp
    _write(image, "TOP", 0.2)
    _write(image, f"{name}  {width}x{height}", 0.66)
    return image


def _write(image: Image, text: str, at: float) -> None:
    """Write a centred line at a fraction of the height, as large as fits."""
    height, width = image.shape[:2]
    text = text.encode("ascii", "replace").decode()
    (wide, tall), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 1.0, 1)
    scale = min(0.9 * width / max(wide, 1), 0.07 * height / max(tall, 1))
    if scale < 0.2:
        return
    place = round((width - wide * scale) / 2), round(height * at + tall * scale / 2)
    thick = max(1, round(scale * 1.6))
    font, line = cv2.FONT_HERSHEY_SIMPLEX, cv2.LINE_AA
    cv2.putText(
        cast("cv2.Mat", image),  # cv2's types say Mat
        text,
        (place[0] + thick, place[1] + thick),
        font,
        scale,
        SHADE,
        thick,
        line,
    )
    # cast: cv2's types say Mat
    cv2.putText(cast("cv2.Mat", image), text, place, font, scale, INK, thick, line)
