"""A decoded frame as it should be seen: RGBA, upright, with square pixels."""

import struct
from collections.abc import Mapping
from fractions import Fraction
from typing import cast

import cv2
import numpy as np
from av.sidedata.sidedata import SideData, Type
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from bridge.frames.frame import Image

BT709, UNSPECIFIED, HD_ROWS = 1, 2, 720
ODDEST = 5  # largest pixel aspect ratio, or its inverse; beyond it, the tag is wrong
WIDEST = 16_384  # pixels of a rescaled row


class Upright:
    """The converter for one clip's frames; used by one thread."""

    def __init__(self) -> None:
        self._converter = VideoReformatter()

    def drawn(self, picture: VideoFrame, aspect: Fraction | None) -> Image:
        """The frame as RGBA; `aspect` is a pixel's width divided by its height."""
        convert = self._converter.reformat
        untagged = picture.colorspace == UNSPECIFIED and picture.height >= HD_ROWS
        matrix = BT709 if untagged else None
        clear = any(part.is_alpha for part in picture.format.components)
        width = _width(picture.width, aspect)
        if width == picture.width and width % 8:
            # FFmpeg's fast conversions from subsampled colour leave the last columns empty here.
            between = "yuva444p" if clear else "yuv444p"
            picture = convert(picture, format=between, src_colorspace=matrix, dst_colorspace=matrix)
        to = "rgba" if clear else "rgb24"
        flat = convert(picture, width=width, format=to, src_colorspace=matrix).to_ndarray()
        if not clear:
            flat = cv2.cvtColor(flat, cv2.COLOR_RGB2RGBA)  # FFmpeg takes twice as long
        return _turned(cast(Image, flat), picture)  # rgba is 8 bits


def _width(width: int, aspect: Fraction | None) -> int:
    """The width in square pixels."""
    if not aspect or not Fraction(1, ODDEST) <= aspect <= ODDEST:
        return width
    found = round(width * aspect)
    return found if 0 < found <= WIDEST else width


def _turned(image: Image, picture: VideoFrame) -> Image:
    """Rotate by quarters and mirror per display matrix: column a x + c y, row b x + d y."""
    sides = cast(Mapping[Type, SideData], picture.side_data)  # PyAV's type is that of its entries
    if told := sides.get(Type.DISPLAYMATRIX):
        a, b, _, c, d, *_ = struct.unpack("=9i", bytes(told))
        if abs(b) + abs(c) > abs(a) + abs(d):
            image, a, d = image.transpose(1, 0, 2), c, b
        image = image[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1]
    return np.ascontiguousarray(image)
