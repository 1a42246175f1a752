"""The codecs by which frames travel to an engine on another machine and back.

Both ends choose the same row of `CODECS`, and whether alpha comes along.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from engine.pipeline import Image
from engine.remote.h264 import H264Decoder, H264Encoder
from engine.remote.packet import CodecError, Decoder, Encoder, Packet, Size
from engine.remote.stills import JpegDecoder, JpegEncoder, RawDecoder, RawEncoder

COVER = 0.2  # of the bitrate is the alpha's
LENGTH = struct.Struct("<I")
# Encoded alpha keeps this far from both ends of the range and is stretched again. What the codec is
# off by falls beyond the ends then: 0 and 255 come back exactly at any bitrate worth watching.
MARGIN = 24
LEVELS = np.arange(256)
SQUEEZED = np.rint(MARGIN + LEVELS * (255 - 2 * MARGIN) / 255).astype(np.uint8)
STRETCHED = np.rint((LEVELS - MARGIN) * 255 / (255 - 2 * MARGIN)).clip(0, 255).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class Codec:
    """A way to encode frames; `whole` packets have the alpha in any case."""

    name: str
    title: str
    encoder: Callable[[int], Encoder]
    decoder: Callable[[], Decoder]
    whole: bool = False


CODECS = {
    codec.name: codec
    for codec in (
        Codec("h264", "H.264, for any line", H264Encoder, H264Decoder),
        Codec("jpeg", "JPEG, for a fast line and a slow machine", JpegEncoder, JpegDecoder),
        Codec("raw", "plain RGBA, for a line within one house", RawEncoder, RawDecoder, whole=True),
    )
}
DEFAULT = "h264"


def codec_of(name: str) -> Codec:
    """The codec of a name; CodecError lists them all."""
    if found := CODECS.get(name.strip().lower()):
        return found
    *some, last = CODECS
    raise CodecError(f"A codec is {', '.join(some)} or {last}, not {name!r:.80}.")


def encoder_of(codec: Codec, bitrate: int, *, alpha: bool = False) -> Encoder:
    """A new encoder; without `alpha`, images are sent as opaque."""
    if alpha and not codec.whole:
        return AlphaEncoder(codec, bitrate)
    return codec.encoder(bitrate)


def decoder_of(codec: Codec, *, alpha: bool = False) -> Decoder:
    """A new decoder for what `encoder_of` with the same arguments encodes."""
    if codec.whole:
        return RawDecoder(alpha=alpha)
    return AlphaDecoder(codec) if alpha else codec.decoder()


class AlphaEncoder:
    """Packets of two parts: the length of the first (u32, little-endian), the colours, and the
    alpha. That is encoded like the colours, as a grey image; if it has one value only, it is that
    byte.
    """

    def __init__(self, codec: Codec, bitrate: int) -> None:
        self.bitrate = bitrate
        self._colour, self._cover = codec.encoder(bitrate), codec.encoder(bitrate)
        self._owed = True  # whether the next encoded alpha must be a key frame

    def encode(self, image: Image, *, key: bool = False) -> Packet:
        """See `Encoder`."""
        cover = cv2.extractChannel(image, 3)
        first = int(cover[0, 0])
        flat = bool((cover == first).all())
        self._cover.bitrate = round(self.bitrate * COVER)
        self._colour.bitrate = self.bitrate - (0 if flat else self._cover.bitrate)
        colour = self._colour.encode(image, key=key)
        self._owed = self._owed or colour.key
        if flat:
            rest = bytes([first])
        else:
            grey = cv2.cvtColor(cv2.LUT(cover, SQUEEZED), cv2.COLOR_GRAY2RGBA)
            rest = self._cover.encode(np.asarray(grey, np.uint8), key=self._owed).data
            self._owed = False
        return Packet(LENGTH.pack(len(colour.data)) + colour.data + rest, colour.key)


class AlphaDecoder:
    """Of an `AlphaEncoder`'s packets."""

    def __init__(self, codec: Codec) -> None:
        self._colour, self._cover = codec.decoder(), codec.decoder()

    def decode(self, data: bytes, size: Size) -> Image:
        """See `Decoder`."""
        end = LENGTH.size + int.from_bytes(data[: LENGTH.size], "little")
        if not LENGTH.size < end < len(data):
            raise CodecError("A frame was dropped: its packet has no colours or no alpha.")
        image = self._colour.decode(data[LENGTH.size : end], size)
        rest = data[end:]
        if len(rest) == 1:
            image[..., 3] = rest[0]
        else:
            cover = self._cover.decode(rest, size)
            image[..., 3] = cv2.LUT(np.ascontiguousarray(cover[..., 0]), STRETCHED)
        return image
