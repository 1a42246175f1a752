"""What every codec does: images to packets and back."""

from dataclasses import dataclass
from typing import Protocol, TypeAlias

from engine.ipc.ring import LARGEST
from engine.pipeline import Image

Size: TypeAlias = tuple[int, int]  # width, height


class CodecError(Exception):
    """An image that cannot be encoded, or a packet without a usable one; one sentence."""


@dataclass(frozen=True, slots=True)
class Packet:
    """One encoded image; a `key` is decoded without those before it."""

    data: bytes
    key: bool


class Encoder(Protocol):
    """Used by one thread. `bitrate` is in bits a second at 30 frames a second; it may be set at any
    time, and holds from the next image on where the codec has a bitrate.
    """

    bitrate: int

    def encode(self, image: Image, *, key: bool = False) -> Packet:
        """The packet of an image (H, W, 4) of any size; with `key`, a key frame. CodecError if it
        cannot be encoded.
        """
        ...


class Decoder(Protocol):
    """Used by one thread."""

    def decode(self, data: bytes, size: Size) -> Image:
        """The image (H, W, 4) of a packet; its `size` travels beside it. CodecError for anything
        else; the next key frame is decoded again.
        """
        ...


def size_of(image: Image) -> Size:
    """Width and height."""
    return image.shape[1], image.shape[0]


def check_size(size: Size) -> None:
    """CodecError for a size that no image may have."""
    width, height = size
    if min(size) < 1 or width * height > LARGEST:
        raise CodecError(
            f"A frame of {width}x{height} cannot be sent: at least 1 and at most "
            f"{LARGEST >> 20} million pixels are taken; choose another size."
        )
