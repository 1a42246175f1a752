"""Copy images to the device, as the VAE's input tensor, and decoded pixels back as images.

The copies to the host run in a lane of their own: while one latent's pixels are copied, the next
latent is decoded. Nothing here waits for any copy but the one that it returns.
"""

import weakref
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.causal.lanes import Lane, Point
from engine.causal.network.upload import host_memory, uploaded
from engine.pipeline import Image, UnusableOutput

MORE = 2  # buffers besides the `ahead`: one is being copied to, one image of another is in use


def to_tensor(images: Sequence[Image], device: torch.device) -> Tensor:
    """Images (H, W, 4) of the same size as (1, 3, frames, H, W) from -1 to 1, float32."""
    height, width = images[0].shape[:2]
    whole = host_memory((len(images), height, width, 3), torch.uint8, device)
    np.stack([image[..., :3] for image in images], out=whole.numpy())
    return uploaded(whole, device).permute(3, 0, 1, 2)[None].float() / 127.5 - 1


@dataclass(frozen=True, slots=True)
class _Copy:
    """A latent's images being copied: `done` is reached once both host tensors are complete."""

    images: Tensor  # (frames, H, W, 4), bytes, on the host
    usable: Tensor  # a bool, on the host
    made: tuple[Tensor, Tensor]  # the same on the device, kept until then
    done: Point


class ImageReader:
    """Decoded pixels to images: the bytes are made on the device and copied in a lane.

    The host memory is a ring: a buffer is reused once none of its images is in use.
    """

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._free = deque[Tensor](maxlen=lane.ahead + MORE)

    def __call__(self, chunks: Iterable[Tensor]) -> Iterator[Image]:
        """Yield the images (H, W, 4) of pixels (1, 3, frames, H, W), about -1 to 1, in order.

        With a lane that is `ahead`, the next chunk is requested, which queues its work, before the
        copy of the last one is waited for; else a chunk's images come before the next is requested.
        UnusableOutput in place of a chunk with NaN or infinity.
        """
        copies = deque[_Copy]()
        for chunk in chunks:
            copies.append(self._begun(chunk))
            if len(copies) > self._lane.ahead:
                yield from self._ended(copies.popleft())
        while copies:
            yield from self._ended(copies.popleft())

    def _begun(self, chunk: Tensor) -> _Copy:
        frames = (chunk[0].permute(1, 2, 3, 0) * 127.5 + 128).clamp(0, 255)
        usable = chunk.isfinite().all()  # before infinity is clamped
        opaque = torch.full_like(frames[..., :1], 255)
        images = torch.cat((frames, opaque), -1).to(torch.uint8)
        lane, copy = self._lane, self._buffer(images.shape)
        flag = lane.buffer((), torch.bool)
        lane.follow()
        with lane.queued():
            copy.copy_(images, non_blocking=True)
            flag.copy_(usable, non_blocking=True)
        return _Copy(copy, flag, (images, usable), lane.point())

    def _buffer(self, shape: torch.Size) -> Tensor:
        """A free buffer of that shape; buffers of other shapes are dropped."""
        while self._free:
            buffer = self._free.popleft()
            if buffer.shape == shape:
                return buffer
        return self._lane.buffer(shape, torch.uint8)

    def _ended(self, copy: _Copy) -> Iterator[Image]:
        copy.done.wait()
        if not copy.usable:
            raise UnusableOutput("The pipeline's output contains NaN or infinity.")
        images = copy.images.numpy()
        # each image refers to `images`, so this is called when the last of them is gone
        weakref.finalize(images, self._free.append, copy.images).atexit = False
        yield from images
