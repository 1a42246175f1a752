"""Stylize: repaints every frame in the look of references or words, on any machine.

It restyles the input and adds no content. The network is arbitrary style transfer (Ghiasi et al.
2017); besides the image it takes a vector of 100 numbers, which everything that controls the look
acts on.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import cv2
import numpy as np

from engine.catalog.controls import StylizeLoad, StylizeParameters
from engine.pipeline import Context, Image
from engine.stylize.flat import FlatPaint, is_flat
from engine.stylize.glide import StyleTransition
from engine.stylize.looks import Looks
from engine.stylize.network import Encoder, generator
from engine.stylize.steady import Steady
from engine.stylize.weights import Array

STEP = 4  # the network halves the size twice
LEAST = 16  # smallest side of the network, in pixels
CROSSFADE = 0.2  # below this strength the input shows through; at 0 only the input
OWN_EVERY = 16  # blocks between encodings of the input's own style
OWN_PART = 0.1  # share of the change applied per block, so that it does not flicker
LEAP = 0.25  # relative change of the style at which the old paint is dropped


class Stylize:
    """One frame per block."""

    def __init__(self, load: StylizeLoad, context: Context) -> None:
        context.progress("network", 0, 2)
        self._generator = generator(load.backend)
        context.progress("encoder", 1, 2)
        self._encoder, self._flat = Encoder(), FlatPaint()
        self._looks = Looks(self._encoder, context.assets)
        self._glide = StyleTransition()
        self._steady = Steady()
        self._size = (0, 0)
        self.reset()
        context.progress("ready", 2, 2)

    def wanted(self, parameters: StylizeParameters) -> int:
        """One frame per block."""
        return 1

    def __call__(self, images: Sequence[Image], parameters: StylizeParameters) -> Iterator[Image]:
        """Yield the repainted image with the input's alpha; the input itself without a look or at
        strength 0.
        """
        (image,) = images
        self._size = image.shape[1], image.shape[0]
        target = self._looks.target(parameters)
        if target is None and self._looks.arriving:
            yield image  # the very first look is still being drawn or read
            return
        look, presence = self._glide.at(target, parameters.fade)
        cover = presence * min(1.0, parameters.vace_scale / CROSSFADE)
        if look is None or cover <= 0:
            self._steady.reset()
            yield image
            return
        style = self._style(image, look, max(CROSSFADE, parameters.vace_scale))
        paint = self._steady(
            image, self._painted(image, style), parameters.anti_flicker * self._calm(style)
        )
        yield _joined(image, paint, cover)

    def prepare(self, parameters: StylizeParameters) -> int:
        """Have the images of a later look read and drawn; how many are still coming."""
        return self._looks.prepare(parameters)

    def reset(self) -> None:
        """Forget the last frame and the input's own style."""
        self._steady.reset()
        self._own: Array | None = None
        self._own_seen: Array | None = None
        self._last_style: Array | None = None
        self._blocks = 0

    def report(self) -> Mapping[str, Any]:
        """Used and unused words, the backend, and problems."""
        return {
            "backend": self._generator.name,
            "words_used": list(self._looks.used),
            "words_unused": list(self._looks.unused),
            "problems": list(self._looks.problems),
            "arriving": self._looks.arriving,
            "fade_left": round(self._glide.left(), 2),
            "size": f"{self._size[0]}x{self._size[1]}",
        }

    def close(self) -> None:
        """End the threads that read references, draw recipes and make networks."""
        self._looks.close()
        self._generator.close()

    def _style(self, image: Image, look: Array, scale: float) -> Array:
        """From the input's own style (0) to the look (1) and beyond."""
        if scale == 1:
            return look
        return _between(self._own_style(image), look, scale)

    def _own_style(self, image: Image) -> Array:
        """The input's own style, sampled occasionally and smoothed."""
        if self._own is None or self._own_seen is None:
            self._own = self._own_seen = self._encoder(image)
        elif self._blocks >= OWN_EVERY and not self._looks.encoded:
            self._own_seen, self._blocks = self._encoder(image), 0
        self._blocks += 1
        self._own = _between(self._own, self._own_seen, OWN_PART)
        return self._own

    def _calm(self, style: Array) -> float:
        """1 if the style is unchanged; less the more it changes, as old paint has the old style."""
        last, self._last_style = self._last_style, style
        if last is None or last is style:
            return 1.0
        change = np.linalg.norm(style - last) / max(1e-6, float(np.linalg.norm(style)))
        return max(0.0, 1 - float(change) / LEAP)

    def _painted(self, image: Image, style: Array) -> Image:
        """The network's output (H, W, 3) for an image of any size, padded at the right and bottom
        by repeating the edge.
        """
        if is_flat(image):
            return self._flat(image, style)
        height, width = image.shape[:2]
        more = [max(LEAST, -(-side // STEP) * STEP) - side for side in (height, width)]
        if any(more):
            image = cast(
                Image,
                # cast: cv2's types say any array
                cv2.copyMakeBorder(image, 0, more[0], 0, more[1], cv2.BORDER_REPLICATE),
            )
        return self._generator(image, style)[:height, :width]


def _between(one: Array, other: Array, part: float) -> Array:
    return (one + (other - one) * np.float32(part)).astype(np.float32)


def _joined(image: Image, paint: Image, cover: float) -> Image:
    """The paint over its input, with the input's alpha."""
    result = np.empty_like(image)
    if cover < 1:
        colours = np.ascontiguousarray(image[..., :3])
        # cast: cv2's types say any array
        paint = cast(Image, cv2.addWeighted(colours, 1 - cover, paint, cover, 0))
    cv2.mixChannels([paint, image], [result], [0, 0, 1, 1, 2, 2, 6, 3])
    return result
