"""Whether frames can be encoded for bridges elsewhere, tried as a session does it."""

from time import perf_counter

import numpy as np

from engine.remote.codec import DEFAULT, codec_of, decoder_of, encoder_of
from engine.remote.h264 import working
from engine.remote.packet import CodecError

SIZE = 640, 360
BITRATE = 3_000_000
TIMES = 10


def tried() -> tuple[str, float]:
    """The encoder's name, and milliseconds of a frame of SIZE there and back; ValueError, in a
    sentence, if none works.
    """
    codec = codec_of(DEFAULT)
    width, height = SIZE
    images = np.random.default_rng(0).integers(0, 255, (2, height, width, 4), np.uint8)
    began = perf_counter()
    try:
        name, encoder, decoder = working().name, encoder_of(codec, BITRATE), decoder_of(codec)
        for number in range(1 + TIMES):
            if number == 1:
                began = perf_counter()  # the first one opens them
            decoder.decode(encoder.encode(images[number % 2]).data, SIZE)
    except CodecError as error:
        raise ValueError(str(error)) from None
    return name, (perf_counter() - began) / TIMES * 1000
