"""Scaling, cropping and blending of images, all (H, W, 4) uint8 RGBA, row 0 on top.

BGRA is converted on arrival: a Spout sender's texture inside Spout, since RGBA is requested
(`transports/spout`), OpenCV's images in `transports/camera.py` and `transports/film`.

Called by `WorkerClient.grant` for the engine and by `OutputClock` for the output.
"""

import math
from typing import Literal, TypeAlias, cast

import cv2
import numpy as np

from bridge.frames.frame import Image

Fit: TypeAlias = Literal["cover", "contain", "stretch"]

OPAQUE = 255
PIXEL = "<u4"  # four bytes as one number, alpha the highest
ALPHA, COLOUR = np.uint32(0xFF000000), np.uint32(0x00FFFFFF)  # ALPHA is also opaque black
SKIPS = 2.3  # times more pixels, from which linear interpolation skips some: 1.5 a side uses all
EXAMINED = 1 << 20  # bytes whose alpha is examined at once
STRIP = 256 << 10  # bytes that several steps work on before the next ones, to stay in a cache


def blank(width: int, height: int) -> Image:
    """An opaque black image."""
    image = np.zeros((height, width, 4), np.uint8)
    image[..., 3] = OPAQUE
    return image


def fit(
    image: Image, width: int, height: int, how: Fit = "cover", out: Image | None = None
) -> Image:
    """Scale an image to `width` x `height` pixels, into `out` if given; without it, the result is
    the same object if it fits already.

    `cover` fills and crops to the centre, `contain` keeps everything and adds opaque black bars,
    `stretch` ignores the aspect ratio.
    """
    if out is None:
        if image.shape[:2] == (height, width):
            return image
        out = np.empty((height, width, 4), np.uint8)
    fit_into(out, image, how)
    return out


def fit_into(place: Image, image: Image, how: Fit = "cover") -> None:
    """The same, into an existing image, without an extra copy."""
    rows, columns = image.shape[:2]
    height, width = place.shape[:2]
    if (rows, columns) == (height, width):
        np.copyto(place, image)
    elif how == "stretch" or columns * height == rows * width:
        _resize(image, place)
    elif how == "cover":
        _resize(_crop(image, width, height), place)
    else:
        scale = min(width / columns, height / rows)
        inner = max(1, round(columns * scale)), max(1, round(rows * scale))
        left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
        bottom, right = top + inner[1], left + inner[0]
        beside = place[top:bottom]
        _resize(image, beside[:, left:right])
        for bar in (place[:top], place[bottom:], beside[:, :left], beside[:, right:]):
            bar.view(PIXEL)[:] = ALPHA


def draw(out: Image, image: Image, how: Fit = "cover") -> None:
    """`fit_into` with full alpha, in one pass; the image may be overwritten afterwards."""
    if image.shape == out.shape:
        np.bitwise_or(image.view(PIXEL), ALPHA, out=out.view(PIXEL))
    elif image.size < out.size:
        fit_into(out, opaque(image), how)
    else:
        fit_into(out, image, how)
        np.bitwise_or(out.view(PIXEL), ALPHA, out=out.view(PIXEL))


def blend(under: Image, over: Image, amount: float, out: Image | None = None) -> Image:
    """Mix two images of the same size: 0 is exactly `under`, 1 exactly `over`; anything between is
    a new image, in `out` if given.
    """
    if amount <= 0:
        return under
    if amount >= 1:
        return over
    place = cast("cv2.Mat | None", out)  # as cv2's types call it
    # cast: they say any array
    return cast(Image, cv2.addWeighted(under, 1 - amount, over, amount, 0, place))


def darken(image: Image, amount: float, out: Image | None = None) -> Image:
    """Fade to black: 0 is exactly the image, 1 all black; alpha is unchanged. A new image, in `out`
    if given, unless `amount` is 0.
    """
    if amount <= 0:
        return image
    out = np.empty_like(image) if out is None else out
    if amount >= 1:
        np.bitwise_and(image.view(PIXEL), ALPHA, out=out.view(PIXEL))
        return out
    rows = max(1, STRIP // (image.shape[1] * 4))
    for top in range(0, image.shape[0], rows):
        part, place = image[top : top + rows], out[top : top + rows]
        # cast: cv2's types say Mat
        cv2.convertScaleAbs(part, cast("cv2.Mat", place), 1 - amount)
        alpha, pixels = ALPHA, place.view(PIXEL)
        if not is_opaque(part):
            alpha = np.bitwise_and(part.view(PIXEL), ALPHA)
            np.bitwise_and(pixels, COLOUR, out=pixels)
        np.bitwise_or(pixels, alpha, out=pixels)
    return out


def opaque(image: Image, out: Image | None = None) -> Image:
    """The image with full alpha: the same object if it already has that, else a new one, in `out`
    if given.
    """
    if is_opaque(image):
        return image
    out = np.empty_like(image) if out is None else out
    np.bitwise_or(image.view(PIXEL), ALPHA, out=out.view(PIXEL))
    return out


def is_opaque(image: Image) -> bool:
    """Whether every alpha is full."""
    # Four times as fast as checking each alpha: whole pixels, with alpha as their highest byte. If
    # any is not full, the first row or an early strip mostly shows it.
    pixels = image.view(PIXEL)
    rows = max(1, EXAMINED // (image.shape[1] * 4))
    tops = range(0, image.shape[0], rows)
    parts = (pixels[:1], *(pixels[top : top + rows] for top in tops))
    return all(np.bitwise_and.reduce(part, axis=None) >= ALPHA for part in parts)


def is_black(image: Image) -> bool:
    """Whether an image is black, judged by a grid of 32 x 32 points."""
    rows, columns = image.shape[:2]
    grid = image[:: max(1, rows // 32), :: max(1, columns // 32), :3]
    return int(grid.max()) <= 2


def _crop(image: Image, width: int, height: int) -> Image:
    rows, columns = image.shape[:2]
    scale = max(width / columns, height / rows)
    step = 1 << int(max(0.0, -math.log2(scale)))  # what is halved so often has no odd row
    keep_x = min(columns, max(1, round(width / scale / step) * step))
    keep_y = min(rows, max(1, round(height / scale / step) * step))
    left, top = (columns - keep_x) // 2, (rows - keep_y) // 2
    return image[top : top + keep_y, left : left + keep_x]


def _resize(image: Image, place: Image) -> None:
    """Scale by linear interpolation, or by areas where that would skip pixels.

    Areas of 2 x 2 pixels take a tenth of the time of others. So a large image is halved exactly, at
    the cost of an odd last row or column; what is left, up to 2, goes by linear interpolation to
    twice the size first.
    """
    height, width = place.shape[:2]
    rows, columns = image.shape[:2]
    while (
        rows >= 2 * height and columns >= 2 * width and (rows, columns) != (2 * height, 2 * width)
    ):
        rows, columns = rows // 2, columns // 2
        image = _scaled(image[: 2 * rows, : 2 * columns], columns, rows, cv2.INTER_AREA)
    method = cv2.INTER_AREA
    if rows * columns <= SKIPS * height * width:
        method = cv2.INTER_LINEAR
    elif rows < 2 * height and columns < 2 * width:
        image = _scaled(image, 2 * width, 2 * height, cv2.INTER_LINEAR)
    made = _scaled(image, width, height, method, place)
    if not np.may_share_memory(made, place):
        place[:] = made  # OpenCV cannot write into a slice of an image


def _scaled(
    image: Image, width: int, height: int, method: int, place: Image | None = None
) -> Image:
    dst = cast("cv2.Mat | None", place)  # as cv2's types call it
    # cast: they say any array
    return cast(Image, cv2.resize(image, (width, height), dst, interpolation=method))
