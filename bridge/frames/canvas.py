"""Images as the output shows them: of its size and alpha, in memory that is used again."""

import numpy as np

from bridge.frames import pixels
from bridge.frames.frame import Image
from bridge.frames.pixels import Fit, draw, fit_into, is_opaque
from engine.system.buffers import Buffers


class Canvas:
    """Makes images of one size, all opaque unless `alpha`. Any thread may call."""

    def __init__(self, size: tuple[int, int], how: Fit, *, alpha: bool) -> None:
        """`size` is width and height; `how` an image of another shape is fitted, see `fit_into`."""
        self._buffers = Buffers(*size)
        self._shape = size[1], size[0], 4
        self._how: Fit = how
        self._alpha = alpha

    def fit(self, image: Image, *, borrowed: bool = False) -> Image:
        """The image scaled; itself if it can be shown as it is, unless it is `borrowed`."""
        if image.strides[2] != 1:  # colours apart, as of an image whose channels a plug-in reorders
            image = np.ascontiguousarray(image)
        if not borrowed and image.shape == self._shape and (self._alpha or is_opaque(image)):
            return image
        out = self._buffers.take()
        (fit_into if self._alpha else draw)(out, image, self._how)
        return out

    def blend(self, under: Image, over: Image, amount: float) -> Image:
        """See `bridge.frames.pixels`."""
        return pixels.blend(under, over, amount, self._buffers.take())

    def darken(self, image: Image, amount: float) -> Image:
        """See `bridge.frames.pixels`."""
        return pixels.darken(image, amount, self._buffers.take())
