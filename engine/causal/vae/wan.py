"""The Wan2.1 VAE and its smaller variant LightVAE: diffusers' modules with our own caches.

diffusers' `encode` and `decode` take a whole clip and keep no state. The modules below them can
continue a stream: every causal convolution keeps its last two frames in a list owned by the caller.
The network is that of Wan et al. 2025 ("Wan: Open and Advanced Large-Scale Video Generative
Models").
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from diffusers.loaders.single_file_utils import convert_wan_vae_to_diffusers
from diffusers.models.autoencoders.autoencoder_kl_wan import AutoencoderKLWan, WanCausalConv3d
from torch import Tensor, nn

from engine.files.errors import CheckpointError

# per latent channel, over the images that the models were trained on
MEAN = (-0.7571, -0.7089, -0.9113, 0.1075, -0.1745, 0.9653, -0.1517, 1.5508,
        0.4134, -0.0715, 0.5517, -0.3632, -0.1922, -0.9497, 0.2503, -0.2921)  # fmt: skip
DEVIATION = (2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743,
             3.2687, 2.1526, 2.8652, 1.5579, 1.6382, 1.1253, 2.8251, 1.9160)  # fmt: skip


class WanCodec:
    """The network without weights (on `meta`); its first width is `width`: Wan 96, LightVAE 24.

    It keeps no state between calls: a stream's state is in the list passed to each call.
    """

    def __init__(self, width: int) -> None:
        with torch.device("meta"):
            self.module = AutoencoderKLWan(base_dim=width)
        self.module.eval().requires_grad_(False)
        self.encoder_slots = _convolutions(self.module.encoder)
        self.decoder_slots = _convolutions(self.module.decoder)

    def state(self, tensors: Mapping[str, Tensor], source: str | Path) -> dict[str, Tensor]:
        """A checkpoint's tensors, given with Wan's or diffusers' names, with diffusers' names.

        CheckpointError, naming `source`, if two keys become the same.
        """
        state = convert_wan_vae_to_diffusers(dict(tensors))
        if len(state) < len(tensors):
            raise CheckpointError(
                f"{source} contains some tensors twice, with Wan's names and with diffusers'; "
                "choose a file with Wan's names only."
            )
        return state

    def encode(self, pixels: Tensor, past: list[object]) -> Tensor:
        """One latent (1, 16, 1, H/8, W/8), the raw mean, in float32.

        `pixels` is (1, 3, frames, H, W) in -1..1: the stream's first frame, then 4 at a time.
        """
        dtype = self.module.quant_conv.weight.dtype
        hidden = self.module.encoder(pixels.to(dtype), feat_cache=past, feat_idx=[0])
        mean, _ = self.module.quant_conv(hidden).chunk(2, 1)
        return mean.float()

    def decode(self, latent: Tensor, past: list[object]) -> Tensor:
        """Pixels (1, 3, frames, H, W) in float32, not clamped: first one frame, then 4.

        `latent` is (1, 16, 1, H/8, W/8). A stream must begin with exactly one: diffusers accepts
        more without an error and returns too few frames.
        """
        hidden = self.module.post_quant_conv(latent.to(self.module.post_quant_conv.weight.dtype))
        return self.module.decoder(hidden, feat_cache=past, feat_idx=[0]).float()


def _convolutions(module: nn.Module) -> int:
    """Number of slots of a stream; the few convolutions without state leave theirs empty."""
    return sum(isinstance(part, WanCausalConv3d) for part in module.modules())
