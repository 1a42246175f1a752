"""The VAEs as data: their layers, which determine their memory. Free of torch.

Each layer gives its number of weights and of values kept for a stream. The networks are in
`engine.causal.vae.wan` and `engine.causal.vae.tiny`; a test compares.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

LATENTS, COLOURS = 16, 3
TEMPORAL_DOWN = (1, 2)  # levels of Wan's encoder that halve the frame count
TEMPORAL_UP = (0, 1)  # levels of its decoder that double it
RES_BLOCKS = 2  # per encoder level; one more per decoder level
MEM_BLOCKS = 3  # per level of the tiny VAEs


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """`weights` parameters; keeps `past` values per `side` by `side` pixels for a stream."""

    weights: int
    past: int = 0
    side: int = 1


@dataclass(frozen=True, slots=True)
class VaeSize:
    """One VAE: its layers by direction for a narrowest width, and the released width.

    `encode` and `decode` are the peak values for one latent's images, per pixel of one image and
    per unit of the narrowest width: counted on the real modules in bfloat16, without convolution
    workspace.
    """

    layers: Callable[[int], tuple[list[Layer], list[Layer]]]
    width: int
    encode: float
    decode: float

    def weights(self, width: int | None = None) -> int:
        """Parameters in the checkpoint."""
        encoder, decoder = self.layers(width or self.width)
        return sum(layer.weights for layer in (*encoder, *decoder))

    def past(self, pixels: int, width: int | None = None) -> tuple[int, int]:
        """Values kept by one encoding and one decoding stream, for images of `pixels`."""
        encoder, decoder = self.layers(width or self.width)
        return _past(encoder, pixels), _past(decoder, pixels)


def _past(layers: list[Layer], pixels: int) -> int:
    return sum(layer.past * pixels // layer.side**2 for layer in layers)


def _conv(
    inputs: int, outputs: int, kernel: int, *, bias: bool = True, past: int = 0, side: int = 1
) -> Layer:
    weights = inputs * outputs * kernel + (outputs if bias else 0)
    return Layer(weights=weights, past=past, side=side)


def _causal(inputs: int, outputs: int, side: int) -> Layer:
    """3 frames by 3 by 3 pixels; keeps the last two frames."""
    return _conv(inputs, outputs, 27, past=2 * inputs, side=side)


def _residual(inputs: int, outputs: int, side: int) -> Iterator[Layer]:
    yield Layer(weights=inputs + outputs)  # two norms
    yield _causal(inputs, outputs, side)
    yield _causal(outputs, outputs, side)
    if inputs != outputs:
        yield _conv(inputs, outputs, 1)


def _middle(width: int) -> Iterator[Layer]:
    yield from _residual(width, width, 8)
    yield Layer(weights=width)
    yield _conv(width, 3 * width, 1)
    yield _conv(width, width, 1)
    yield from _residual(width, width, 8)


def wan(width: int) -> tuple[list[Layer], list[Layer]]:
    """Wan2.1's VAE, and LightVAE: encoder with the layer after it, decoder with the one before."""
    encoder = [_causal(COLOURS, width, 1)]
    before = width
    for level, times in enumerate((1, 2, 4, 4)):
        side, after = 2**level, times * width
        for _ in range(RES_BLOCKS):
            encoder += _residual(before, after, side)
            before = after
        if level < 3:
            encoder.append(_conv(after, after, 9))
        if level in TEMPORAL_DOWN:
            encoder.append(_conv(after, after, 3, past=after, side=2 * side))
    encoder += _middle(before)
    encoder += [Layer(weights=before), _causal(before, 2 * LATENTS, 8)]
    encoder.append(_conv(2 * LATENTS, 2 * LATENTS, 1))

    decoder = [_conv(LATENTS, LATENTS, 1), _causal(LATENTS, 4 * width, 8), *_middle(4 * width)]
    before = 4 * width
    for level, times in enumerate((4, 4, 2, 1)):
        side, after = 8 // 2**level, times * width
        for _ in range(RES_BLOCKS + 1):
            decoder += _residual(before, after, side)
            before = after
        if level in TEMPORAL_UP:
            decoder.append(_conv(after, 2 * after, 3, past=2 * after, side=side))
        if level < 3:
            before = after // 2
            decoder.append(_conv(after, before, 9))
    decoder += [Layer(weights=before), _causal(before, COLOURS, 1)]
    return encoder, decoder


def tiny(width: int) -> tuple[list[Layer], list[Layer]]:
    """TAE and LightTAE."""
    encoder = [_conv(COLOURS, width, 9)]
    for level, stride in enumerate((2, 2, 1)):
        encoder.append(_conv(stride * width, width, 1, bias=False))
        encoder.append(_conv(width, width, 9, bias=False))
        encoder += _memories(width, 2 ** (level + 1))
    encoder.append(_conv(width, LATENTS, 9))

    decoder = [_conv(LATENTS, 4 * width, 9)]
    for level, (before, after, stride) in enumerate(((4, 2, 1), (2, 1, 2), (1, 1, 2))):
        inner = before * width
        decoder += _memories(inner, 8 // 2**level)
        decoder.append(_conv(inner, stride * inner, 1, bias=False))
        decoder.append(_conv(inner, after * width, 9, bias=False))
    decoder.append(_conv(width, COLOURS, 9))
    return encoder, decoder


def _memories(width: int, side: int) -> Iterator[Layer]:
    for _ in range(MEM_BLOCKS):
        yield _conv(2 * width, width, 9, past=width, side=side)
        yield _conv(width, width, 9)
        yield _conv(width, width, 9)


VAES = {
    "wan": VaeSize(wan, 96, 24.5, 28.1),
    "lightvae": VaeSize(wan, 24, 25.8, 28.4),
    "tae": VaeSize(tiny, 64, 6.75, 8.01),
    "lighttae": VaeSize(tiny, 64, 6.75, 8.01),
}
