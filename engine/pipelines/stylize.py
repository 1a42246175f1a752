"""Stylize: every picture repainted in the look of references or words, on any machine.

It restyles what is there and invents nothing. The network is arbitrary style transfer (Ghiasi et
al. 2017); what it is given beside the picture is a vector of 100 numbers, and everything that
steers the look steers that vector.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import cv2
import numpy as np

from engine.pipeline import Context, Image, UnusableOutput
from engine.pipelines.catalog import StylizeLoad, StylizeParameters
from engine.stylize.looks import Glide, Looks
from engine.stylize.network import Encoder, generator
from engine.stylize.steady import Steady
from engine.stylize.weights import Array

STEP = 4  # the network halves the size twice
LEAST = 16  # pixels that the network needs on each side
CROSSFADE = 0.2  # below this strength the picture itself shows through, at 0 alone
OWN_EVERY = 16  # blocks from one look at the input's own style to the next
OWN_PART = 0.35  # of the new own style that is taken over: it must not flicker either


class Stylize:
    """One picture a block."""

    def __init__(self, load: StylizeLoad, context: Context) -> None:
        context.progress("network", 0, 2)
        self._generator = generator(load.backend)
        context.progress("encoder", 1, 2)
        self._encoder = Encoder()
        self._looks = Looks(self._encoder, context.assets)
        self._glide = Glide()
        self._steady = Steady()
        self._own: Array | None = None
        self._blocks = 0
        self._last: Array | None = None
        self._size = (0, 0)
        context.progress("ready", 2, 2)

    def wanted(self, parameters: StylizeParameters) -> int:
        """One frame a block."""
        return 1

    def __call__(self, images: Sequence[Image], parameters: StylizeParameters) -> Iterator[Image]:
        """Yield the repainted picture; alpha stays as it came."""
        (image,) = images
        self._size = image.shape[1], image.shape[0]
        target = self._looks.target(parameters)
        if target is None and self._looks.problems:
            target = self._last  # a bad reference leaves the look as it is
        if target is None or parameters.vace_scale <= 0:
            self._steady.reset()
            yield image
            return
        self._last = target
        style = self._style(image, self._glide.at(target, parameters.fade), parameters.vace_scale)
        paint = self._steady(image, self._painted(image, style), parameters.steady)
        yield _joined(image, paint, min(1.0, parameters.vace_scale / CROSSFADE))

    def reset(self) -> None:
        """Forget the last picture and the input's own style."""
        self._steady.reset()
        self._own = None

    def report(self) -> Mapping[str, Any]:
        """Which words had an influence, which had none, and what runs the network."""
        return {
            "backend": self._generator.name,
            "words_used": list(self._looks.used),
            "words_unused": list(self._looks.unused),
            "problems": list(self._looks.problems),
            "fade_left": round(self._glide.left(), 2),
            "size": f"{self._size[0]}x{self._size[1]}",
        }

    def _style(self, image: Image, look: Array, scale: float) -> Array:
        """From the input's own style (0) to the look (1) and on beyond it."""
        if scale == 1:
            return look
        own = self._own if self._own is not None else self._encoder(image)
        if self._blocks % OWN_EVERY == OWN_EVERY - 1:
            own = own + (self._encoder(image) - own) * np.float32(OWN_PART)
        self._blocks += 1
        self._own = own
        style = own + np.float32(scale) * (look - own)
        if not np.isfinite(style).all():
            raise UnusableOutput("The style vector is no number.")
        return style

    def _painted(self, image: Image, style: Array) -> Image:
        """The network's picture (H, W, 3) of an image of any size."""
        height, width = image.shape[:2]
        fits = max(LEAST, width - width % STEP), max(LEAST, height - height % STEP)
        if fits == (width, height):
            return self._generator(image, style)
        given = cv2.resize(image, fits, interpolation=cv2.INTER_LINEAR)
        result = self._generator(np.asarray(given, np.uint8), style)
        return cast(Image, cv2.resize(result, (width, height), interpolation=cv2.INTER_LINEAR))


def _joined(image: Image, paint: Image, amount: float) -> Image:
    """The paint over the picture it was made of, with the picture's alpha."""
    result = np.empty_like(image)
    if amount < 1:
        colours = np.ascontiguousarray(image[..., :3])
        paint = cast(Image, cv2.addWeighted(colours, 1 - amount, paint, amount, 0))
    cv2.mixChannels([paint, image], [result], [0, 0, 1, 1, 2, 2, 6, 3])
    return result
