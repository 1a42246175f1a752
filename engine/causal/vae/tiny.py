"""The tiny autoencoder for Wan2.1's latents, TAE and LightTAE: 2D convolutions, one past frame.

Only the blocks that also see the previous frame connect frames in time. So a stream keeps one
tensor for each of them: that block's last input. The network is Ollin Boer Bohan's TAEHV; modules
have the indices of their weights in its files.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

GROUP = 4  # frames per latent
LEAD = GROUP - 1  # extra frames that the first latent decodes to, before the stream's first


class MemBlock(nn.Module):
    """Three convolutions over a frame and the previous one, with a shortcut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            _conv(2 * width, width),
            nn.ReLU(inplace=True),
            _conv(width, width),
            nn.ReLU(inplace=True),
            _conv(width, width),
        )

    def forward(self, frames: Tensor, last: Tensor | None) -> tuple[Tensor, Tensor]:
        """The block's frames (frames, width, h, w), and the `last` of the next call.

        `last` is (1, width, h, w); at the start of a stream it is None, which means zeros.
        """
        if last is None:
            last = torch.zeros_like(frames[:1])
        before = torch.cat((last, frames[:-1]))
        seen = self.conv(torch.cat((frames, before), 1))
        # a copy: a view would keep all the frames in memory until the next call
        return seen.add_(frames).relu_(), frames[-1:].clone()


class TPool(nn.Module):
    """Merges each `stride` frames into one."""

    def __init__(self, width: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.conv = nn.Conv2d(stride * width, width, 1, bias=False)

    def forward(self, frames: Tensor) -> Tensor:
        """(frames, width, h, w) to (frames / stride, width, h, w)."""
        count, width, *size = frames.shape
        return self.conv(frames.reshape(count // self.stride, self.stride * width, *size))


class TGrow(nn.Module):
    """Expands each frame into `stride` frames."""

    def __init__(self, width: int, stride: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, stride * width, 1, bias=False)

    def forward(self, frames: Tensor) -> Tensor:
        """(frames, width, h, w) to (stride * frames, width, h, w)."""
        return self.conv(frames).reshape(-1, *frames.shape[1:])


class SoftClamp(nn.Module):
    """Keeps latents within -3..3, smoothly."""

    def forward(self, latents: Tensor) -> Tensor:
        """Latents of any shape."""
        return torch.tanh(latents / 3) * 3


class TinyCodec:
    """The network without weights (on `meta`); its narrowest width is `width`, 64 in all files.

    It keeps no state between calls: a stream's state is in the list passed to each call.
    """

    def __init__(self, width: int) -> None:
        with torch.device("meta"):
            self._encoder, self._decoder = _encoder(width), _decoder(width)
        encoder, decoder = nn.ModuleList(self._encoder), nn.ModuleList(self._decoder)
        self.module = nn.ModuleDict({"encoder": encoder, "decoder": decoder})
        self.module.eval().requires_grad_(False)
        self.encoder_slots = _blocks(self._encoder)
        self.decoder_slots = _blocks(self._decoder)

    def state(self, tensors: Mapping[str, Tensor], source: str | Path) -> dict[str, Tensor]:
        """A checkpoint's tensors, which have the same names here.

        Some files were trained to expand to more frames than these networks do; only the weights
        of the last ones are used.
        """
        state = dict(tensors)
        for index, layer in enumerate(self._decoder):
            key = f"decoder.{index}.conv.weight"
            if isinstance(layer, TGrow) and key in state and state[key].ndim:
                state[key] = state[key][-layer.conv.out_channels :]
        return state

    def encode(self, pixels: Tensor, past: list[object]) -> Tensor:
        """One latent (1, 16, 1, H/8, W/8) in float32.

        `pixels` is (1, 3, frames, H, W) in -1..1: the stream's first frame, then 4 at a time.
        The first frame is repeated 4 times, so that the others have the same groups as in Wan's
        VAE.
        """
        frames = (pixels[0].transpose(0, 1).float() + 1) / 2
        latent = self.encode_frames(frames.expand(GROUP, -1, -1, -1), past)
        return latent.transpose(0, 1)[None].float()

    def decode(self, latent: Tensor, past: list[object]) -> Tensor:
        """Pixels (1, 3, frames, H, W) in float32, in -1..1: first one frame, then 4.

        `latent` is (1, 16, 1, H/8, W/8).
        """
        first = past[0] is None
        frames = self.decode_frames(latent[0].transpose(0, 1), past)
        kept = frames[LEAD:] if first else frames
        return kept.transpose(0, 1)[None].float().clamp(0, 1) * 2 - 1

    def encode_frames(self, frames: Tensor, past: list[object]) -> Tensor:
        """The network itself: (4n, 3, H, W) in 0..1 to latents (n, 16, H/8, W/8)."""
        return _run(self._encoder, frames, past)

    def decode_frames(self, latents: Tensor, past: list[object]) -> Tensor:
        """The network itself: (n, 16, h, w) to (4n, 3, 8h, 8w), about 0..1."""
        return _run(self._decoder, latents, past)


def _run(layers: Sequence[nn.Module], frames: Tensor, past: list[object]) -> Tensor:
    """Run all layers; each block's slot of `past` is read and written."""
    frames = frames.to(next(layers[-1].parameters()).dtype)
    slot = 0
    for layer in layers:
        if isinstance(layer, MemBlock):
            frames, past[slot] = layer(frames, past[slot])
            slot += 1
        else:
            frames = layer(frames)
    return frames


def _encoder(width: int) -> list[nn.Module]:
    layers: list[nn.Module] = [_conv(3, width), nn.ReLU(inplace=True)]
    for stride in (2, 2, 1):
        shrink = nn.Conv2d(width, width, 3, stride=2, padding=1, bias=False)
        layers += [TPool(width, stride), shrink, *(MemBlock(width) for _ in range(3))]
    return [*layers, _conv(width, 16)]


def _decoder(width: int) -> list[nn.Module]:
    layers: list[nn.Module] = [SoftClamp(), _conv(16, 4 * width), nn.ReLU(inplace=True)]
    for before, after, stride in ((4, 2, 1), (2, 1, 2), (1, 1, 2)):
        inner = before * width
        narrow = nn.Conv2d(inner, after * width, 3, padding=1, bias=False)
        blocks = [MemBlock(inner) for _ in range(3)]
        layers += [*blocks, nn.Upsample(scale_factor=2), TGrow(inner, stride), narrow]
    return [*layers, nn.ReLU(inplace=True), _conv(width, 3)]


def _conv(before: int, after: int) -> nn.Conv2d:
    return nn.Conv2d(before, after, 3, padding=1)


def _blocks(layers: Sequence[nn.Module]) -> int:
    return sum(isinstance(layer, MemBlock) for layer in layers)
