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
ALPHA = np.uint32(0xFF000000)  # also opaque black
SKIPS = 2.3  # times more pixels, from which linear interpolation skips some: 1.5 a side uses all


def blank(width: int, height: int) -> Image:
    """An opaque black image."""
    image = np.zeros((height, width, 4), np.uint8)
    image[..., 3] = OPAQUE
    return image


def fit(image: Image, width: int, height: int, how: Fit = "cover") -> Image:
    """Scale an image to `width` x `height` pixels in one pass; the same object if it fits already.

    `cover` fills and crops to the centre, `contain` keeps everything and adds opaque black bars,
    `stretch` ignores the aspect ratio.
    """
    if image.shape[:2] == (height, width):
        return image
    result = np.empty((height, width, 4), np.uint8)
    fit_into(result, image, how)
    return result


def fit_into(place: Image, image: Image, how: Fit = "cover") -> None:
    """The same, into an existing image, without an extra copy."""
    rows, columns = image.shape[:2]
    height, width = place.shape[:2]
    if (rows, columns) == (height, width):
        place[:] = image
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


def blend(under: Image, over: Image, amount: float) -> Image:
    """Mix two images of the same size: 0 is exactly `under`, 1 exactly `over`."""
    if amount <= 0:
        return under
    if amount >= 1:
        return over
    # cast: cv2's types say any array
    return cast(Image, cv2.addWeighted(under, 1 - amount, over, amount, 0))


def darken(image: Image, amount: float) -> Image:
    """Fade to black: 0 is exactly the image, 1 all black; alpha is unchanged."""
    if amount <= 0:
        return image
    table = np.round(np.arange(256) * (1 - min(amount, 1.0))).astype(np.uint8)
    keep = np.arange(256, dtype=np.uint8)
    # cast: cv2's types say any array
    return cast(Image, cv2.LUT(image, np.stack([table, table, table, keep], -1)[None]))


def opaque(image: Image) -> Image:
    """The image with full alpha; the same object if it already has that."""
    # Four times as fast as checking each alpha: whole pixels, with alpha as their highest byte.
    if int(np.bitwise_and.reduce(image.view("<u4"), axis=None)) >> 24 == OPAQUE:
        return image
    result = image.copy()
    result[..., 3] = OPAQUE
    return result


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
    # cast: cv2's types say Mat, and any array
    dst = cast("cv2.Mat | None", place)
    return cast(Image, cv2.resize(image, (width, height), dst, interpolation=method))
