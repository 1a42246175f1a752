"""Codecs that encode each image by itself: JPEG, and plain bytes."""

from typing import cast

import cv2
import numpy as np

from engine.images import decoding
from engine.pipeline import Image
from engine.remote.packet import CodecError, Packet, Size, check_size, size_of

QUALITY = 90
LONGEST = 65_500  # pixels of a JPEG's side, in libjpeg
END = b"\xff\xd9"  # of a JPEG
OPAQUE = 255
FLAGS = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION


class JpegEncoder:
    """JPEG; `bitrate` has no effect, the quality is always the same."""

    def __init__(self, bitrate: int) -> None:
        self.bitrate = bitrate

    def encode(self, image: Image, *, key: bool = False) -> Packet:
        """See `Encoder`; every image is a key frame."""
        check_size(size_of(image))
        if max(size_of(image)) > LONGEST:
            width, height = size_of(image)
            raise CodecError(
                f"JPEG cannot hold a frame of {width}x{height}: a side has at most {LONGEST} "
                "pixels; choose another size or codec."
            )
        bgr = cv2.cvtColor(image, cv2.COLOR_RGBA2BGR)
        _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        return Packet(data.tobytes(), key=True)


class JpegDecoder:
    """Of JPEGs that are complete; no other image format is read."""

    def decode(self, data: bytes, size: Size) -> Image:
        """See `Decoder`; the header is checked before anything is decoded."""
        check_size(size)
        found = decoding.header(data)
        if found is None or found.kind != "JPEG" or not data.endswith(END):
            raise CodecError("A frame was dropped: its packet is not a complete JPEG.")
        if (found.width, found.height) != size:
            raise CodecError(
                f"A frame was dropped: its JPEG has {found.width}x{found.height} pixels instead of "
                f"{size[0]}x{size[1]}."
            )
        image = _bgr(data)
        if image is None or size_of(image) != size:
            raise CodecError("A frame was dropped: its JPEG is damaged.")
        # cast: cv2's types say any array
        return cast(Image, cv2.cvtColor(image, cv2.COLOR_BGR2RGBA))


def _bgr(data: bytes) -> Image | None:
    try:
        # cast: cv2's types say any array; None where it is damaged
        return cast("Image | None", cv2.imdecode(np.frombuffer(data, np.uint8), FLAGS))
    except cv2.error:
        return None


class RawEncoder:
    """The image's own bytes; `bitrate` has no effect."""

    def __init__(self, bitrate: int) -> None:
        self.bitrate = bitrate

    def encode(self, image: Image, *, key: bool = False) -> Packet:
        """See `Encoder`; every image is a key frame."""
        check_size(size_of(image))
        return Packet(image.tobytes(), key=True)


class RawDecoder:
    """Of an image's own bytes; `alpha` keeps the alpha, else the image is opaque."""

    def __init__(self, *, alpha: bool = False) -> None:
        self._alpha = alpha

    def decode(self, data: bytes, size: Size) -> Image:
        """See `Decoder`."""
        check_size(size)
        width, height = size
        if len(data) != width * height * 4:
            raise CodecError(
                f"A frame was dropped: its packet has {len(data)} bytes, but {width}x{height} "
                f"pixels have {width * height * 4}."
            )
        image = np.frombuffer(data, np.uint8).reshape(height, width, 4).copy()
        if not self._alpha:
            image[..., 3] = OPAQUE
        return image
