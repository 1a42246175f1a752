"""Images to latents and back, as streams: four VAEs behind one interface.

A stream is an `Encoder` or a `Decoder` with its own caches, so that any number can run side by side
on one set of weights. The first latent of a stream covers one image, each later one four. Pixels
are -1..1, and latents are normalised as in training, both float32, whatever type the network
computes in.

The four: `wan`, the VAE of Wan2.1; `lightvae`, the same at a quarter of the width; `tae`, 25 times
less work; `lighttae`, the same network as `tae`, trained on latents that are not normalised.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

import torch
from torch import Tensor

from engine.causal.vae.tiny import TinyCodec
from engine.causal.vae.wan import DEVIATION, MEAN, WanCodec
from engine.files.wrappers import ANYWHERE
from engine.weights.checkpoint import fill
from engine.weights.unwrap import unwrapped

VaeKind: TypeAlias = Literal["wan", "lightvae", "tae", "lighttae"]
Codec: TypeAlias = WanCodec | TinyCodec  # both code the images of one latent at a time

COLOURS, CHANNELS = 3, 16
IN_FRONT = ANYWHERE | {
    "model", "vae", "first_stage_model", "autoencoder", "taehv", "net", "generator", "state_dict",
    "vae_model",
}  # fmt: skip
SIDE = 8  # pixels per latent pixel, in both directions
GROUP = 4  # images per latent, except the first


@dataclass(frozen=True)
class Row:
    """A kind of VAE: its network, the network's width, and whether the network normalises."""

    network: Callable[[int], Codec]
    width: int
    normalised: bool


KINDS: dict[VaeKind, Row] = {
    "wan": Row(WanCodec, 96, normalised=False),
    "lightvae": Row(WanCodec, 24, normalised=False),
    "tae": Row(TinyCodec, 64, normalised=True),
    "lighttae": Row(TinyCodec, 64, normalised=False),
}


class Past(list[object]):
    """The state of one stream, by slot, which each step reads and replaces."""


class Coder(Protocol):
    """Codes the images of one latent at a time; see `WanCodec` and `TinyCodec`."""

    def encode(self, pixels: Tensor, past: list[object]) -> Tensor:
        """One latent."""
        ...

    def decode(self, latent: Tensor, past: list[object]) -> Tensor:
        """The pixels of one latent."""
        ...


class Vae:
    """One set of weights, on which streams are opened. It has no state itself."""

    def __init__(self, codec: Codec, normalised: bool, coder: Coder | None = None) -> None:
        """`coder` runs the codec's steps in another way than the codec itself."""
        self.codec, self.normalised = codec, normalised
        self.coder: Coder = coder or codec
        # always float32: in bfloat16 they would shift every latent
        shape = (1, CHANNELS, 1, 1, 1)
        self.mean = torch.tensor(MEAN, device=self.device).view(shape)
        self.deviation = torch.tensor(DEVIATION, device=self.device).view(shape)

    @property
    def dtype(self) -> torch.dtype:
        """The type in which the network computes."""
        return next(self.codec.module.parameters()).dtype

    @property
    def device(self) -> torch.device:
        """The device on which the network computes, and of its results."""
        return next(self.codec.module.parameters()).device

    def encoder(self, normalised: bool = True) -> "Encoder":
        """A new stream of images to latents; the VAE's raw mean if not `normalised`."""
        return Encoder(self, normalised)

    def decoder(self) -> "Decoder":
        """A new stream of latents to images."""
        return Decoder(self)

    def still(self, picture: Tensor, normalised: bool = True) -> Tensor:
        """A single image (1, 3, 1, H, W) to its latent (1, 16, 1, H/8, W/8)."""
        return self.encoder(normalised)(picture)


class Stream:
    """What both directions share: the state, and one size until `reset`.

    After an error inside the network the state is incomplete: call `reset` before the next call.
    """

    def __init__(self, vae: Vae, slots: int) -> None:
        self.vae, self._slots = vae, slots
        self.reset()

    def reset(self) -> None:
        """Return to the state after opening; frees the memory of the state."""
        self._past = Past([None] * self._slots)
        self._size: tuple[int, ...] | None = None

    def _check(self, given: Tensor, channels: int, side: int) -> None:
        """ValueError if the shape of `given`, except its frames, does not fit this stream."""
        shape = tuple(given.shape)
        fits = len(shape) == 5 and shape[:2] == (1, channels) and all(shape)
        if not fits or shape[3] % side or shape[4] % side:
            sides = f", both sides multiples of {side}" if side > 1 else ""
            raise ValueError(
                f"A stream takes (1, {channels}, frames, height, width){sides}, not {shape}."
            )
        if self._size not in (None, shape[3:]):
            raise ValueError(
                f"A stream of {self._size} cannot continue with {shape[3:]}; reset it first."
            )


class Encoder(Stream):
    """A stream of images to latents."""

    def __init__(self, vae: Vae, normalised: bool) -> None:
        super().__init__(vae, vae.codec.encoder_slots)
        self.normalised = normalised

    def pictures(self, latents: int) -> int:
        """Number of images that the next call needs for `latents` latents, at least 1."""
        return GROUP * latents - self._lacking

    def __call__(self, pixels: Tensor) -> Tensor:
        """Latents (1, 16, n, H/8, W/8) of pixels (1, 3, frames, H, W) in -1..1.

        `frames` is 4n, and 3 less in the first call of a stream. ValueError if it is not, or if the
        shape does not fit; the stream is then unchanged.
        """
        self._check(pixels, COLOURS, SIDE)
        frames, lacking = pixels.shape[2], self._lacking
        if (frames + lacking) % GROUP:
            rule = "1, 5, 9 and so on in its first" if lacking else "a multiple of 4 in each later"
            raise ValueError(f"A stream takes {rule} call, not {frames} images.")
        self._size = tuple(pixels.shape[3:])
        # only ever the same two shapes, so that a long call needs no more memory than a short one
        sizes = [GROUP] * ((frames + lacking) // GROUP)
        sizes[0] -= lacking
        groups = torch.split(pixels.to(self.vae.device), sizes, 2)
        return torch.cat([self._encoded(group) for group in groups], 2)

    @property
    def _lacking(self) -> int:
        """How many images fewer than usual the next latent covers."""
        return GROUP - 1 if self._size is None else 0

    def _encoded(self, group: Tensor) -> Tensor:
        vae = self.vae
        latent = vae.coder.encode(group, self._past)
        if self.normalised and not vae.normalised:
            return (latent - vae.mean) / vae.deviation
        if vae.normalised and not self.normalised:
            return latent * vae.deviation + vae.mean
        return latent


class Decoder(Stream):
    """A stream of latents to images."""

    def __init__(self, vae: Vae) -> None:
        super().__init__(vae, vae.codec.decoder_slots)

    def __call__(self, latents: Tensor) -> Iterator[Tensor]:
        """Yield the pixels (1, 3, frames, H, W) of each of the latents (1, 16, n, H/8, W/8).

        The stream's first latent gives 1 frame, each later one 4. Values are about -1..1: the
        tiny VAEs stay within it, the Wan ones exceed it slightly. The caller clamps, because
        frames to be encoded again must not be clamped.

        Raises ValueError at once if the shape does not fit. A latent is decoded when its pixels
        are requested: consume all of them before the next call, or `reset`.
        """
        self._check(latents, CHANNELS, 1)
        self._size = tuple(latents.shape[3:])
        return self._decoded(latents.to(self.vae.device, torch.float32), self._past)

    def _decoded(self, latents: Tensor, past: Past) -> Iterator[Tensor]:
        vae = self.vae
        if not vae.normalised:
            latents = latents * vae.deviation + vae.mean
        for latent in torch.split(latents, 1, 2):
            yield vae.coder.decode(latent, past)


def empty_vae(kind: VaeKind, *, width: int | None = None) -> Vae:
    """The VAE without weights (all on `meta`), to count its parameters and work.

    `width` is that of its narrowest layer if not the kind's own (96, 24, 64 and 64).
    """
    row = KINDS[kind]
    return Vae(row.network(width or row.width), row.normalised)


def load_vae(
    kind: VaeKind,
    tensors: Mapping[str, Tensor],
    dtype: torch.dtype,
    device: torch.device | str,
    *,
    width: int | None = None,
    source: str | Path = "The checkpoint",
) -> Vae:
    """The VAE with the weights of a checkpoint, all in `dtype` on `device`.

    `tensors` comes from `engine.weights.checkpoint.read`, with the authors' or diffusers' names,
    with or without wrappers.

    CheckpointError, naming `source`, if a key is missing, unexpected or of the wrong shape; for
    `wan` and `lightvae` it uses diffusers' names.
    """
    empty = empty_vae(kind, width=width)
    plain = unwrapped(tensors, source, IN_FRONT, ANYWHERE)
    state = empty.codec.state(plain, source)
    fill(empty.codec.module, state, f"VAE {kind}", dtype, device, source)
    return Vae(empty.codec, empty.normalised)  # puts its constants on the weights' device


def random_vae(
    kind: VaeKind,
    dtype: torch.dtype,
    device: torch.device | str,
    seed: int = 0,
    *,
    width: int | None = None,
) -> Vae:
    """The VAE with random weights that roughly keep the scale of a signal.

    They are generated on the device; a seed reproduces them on the same kind of device.
    """
    empty = empty_vae(kind, width=width)
    generator = torch.Generator(device).manual_seed(seed)
    state = {
        key: torch.empty(tensor.shape, dtype=dtype, device=device).normal_(
            *_spread(key, tensor), generator=generator
        )
        for key, tensor in empty.codec.module.state_dict().items()
    }
    empty.codec.module.load_state_dict(state, assign=True)
    return Vae(empty.codec, empty.normalised)


def _spread(key: str, tensor: Tensor) -> tuple[float, float]:
    """Mean and deviation: norms around 1, biases around 0, the rest by number of inputs."""
    if key.endswith("gamma"):
        return 1.0, 0.02
    inputs = math.prod(tensor.shape[1:])
    return 0.0, 0.02 if tensor.ndim == 1 else inputs**-0.5
