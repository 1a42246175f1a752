"""Load diffusers' Wan2.1 transformer from the checkpoints of the pipelines' authors.

Five families of files contain the same network. They differ in the container, which
`engine.weights.checkpoint` reads, and in the prefixes that training left on the keys; the rest of a
key is Wan's own name. The prefixes are stripped, and diffusers' converter translates the names.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from diffusers.loaders.single_file_utils import convert_wan_transformer_to_diffusers
from diffusers.models.transformers.transformer_wan import WanTransformer3DModel
from torch import Tensor

from engine.catalog.specs import NetworkSize
from engine.files.errors import CheckpointError
from engine.files.wrappers import ANYWHERE, AROUND
from engine.weights.checkpoint import fill, randomised
from engine.weights.scaled import check_plain, unscaled
from engine.weights.unwrap import unwrapped

# Parts of keys that name no layer: anywhere in a key, and at its start, where more names can occur
WRAPPERS = ANYWHERE | {"model", "diffusion_model"}
IN_FRONT = WRAPPERS | AROUND
OWN = re.compile(r"(vace_)?blocks\.\d+\.self_attn\.")  # keys that occur only with Wan's own names
VACE = ("vace_blocks.", "vace_patch_embedding.")


def transformer_state(
    tensors: Mapping[str, Tensor], size: NetworkSize, *, source: str | Path = "The checkpoint"
) -> dict[str, Tensor]:
    """The transformer's tensors under the names of diffusers' WanTransformer3DModel.

    `tensors` have Wan's own names, with or without wrappers; the mapping is not changed, and no
    tensor is copied. A VACE module in the same file is ignored.

    CheckpointError, naming `source`, if the number of layers is not that of `size` or two keys
    become the same.
    """
    plain = unwrapped(_plain(tensors, source), source, IN_FRONT, WRAPPERS)
    own = {key: tensor for key, tensor in plain.items() if not key.startswith(VACE)}
    layers = len({key.split(".")[1] for key in own if key.startswith("blocks.")})
    if layers != size.layers:
        raise CheckpointError(
            f"{source} contains {layers} layers of a Wan2.1 transformer, but the {size.name} has "
            f"{size.layers}; choose a checkpoint of the {size.name}."
        )
    return _converted(own, source)


def vace_state(
    tensors: Mapping[str, Tensor], *, source: str | Path = "The checkpoint"
) -> dict[str, Tensor]:
    """The VACE module's tensors under the names of diffusers' WanVACETransformer3DModel.

    `tensors` is a file with only the module or the whole network; see `transformer_state`.

    CheckpointError, naming `source`, if there is no VACE module or two keys become the same.
    """
    plain = unwrapped(_plain(tensors, source), source, IN_FRONT, WRAPPERS)
    own = {key: tensor for key, tensor in plain.items() if key.startswith(VACE)}
    if not own:
        raise CheckpointError(
            f"{source} contains no VACE module (no key begins with {' or '.join(VACE)}); choose "
            "a VACE module or a whole Wan2.1 VACE network."
        )
    return _converted(own, source)


def empty_transformer(size: NetworkSize) -> WanTransformer3DModel:
    """The network without weights (all on `meta`), in eval mode, without gradients.

    Its `rope` is removed: we compute positions, and its tables, which no file contains, would stay
    empty.
    """
    with torch.device("meta"):
        model = WanTransformer3DModel(
            patch_size=(1, 2, 2),
            num_attention_heads=size.heads,
            attention_head_dim=size.head_dim,
            in_channels=size.channels,
            out_channels=size.channels,
            text_dim=size.text_dim,
            freq_dim=size.frequencies,
            ffn_dim=size.ffn,
            num_layers=size.layers,
            cross_attn_norm=True,
            qk_norm="rms_norm_across_heads",
            eps=1e-6,
        )
    del model.rope
    return model.eval().requires_grad_(False)


def load_transformer(
    size: NetworkSize,
    tensors: Mapping[str, Tensor],
    dtype: torch.dtype,
    device: torch.device | str,
    *,
    source: str | Path = "The checkpoint",
) -> WanTransformer3DModel:
    """The network with the weights of a checkpoint, all in `dtype` on `device`.

    `tensors` comes from `engine.weights.checkpoint.read`; see `transformer_state` and `fill`, whose
    errors use diffusers' names for the keys.
    """
    state = transformer_state(tensors, size, source=source)
    return fill(empty_transformer(size), state, size.name, dtype, device, source)


def random_transformer(
    size: NetworkSize,
    dtype: torch.dtype,
    device: torch.device | str,
    seed: int = 0,
    std: float = 0.02,
) -> WanTransformer3DModel:
    """The network with random weights; see `randomised`."""
    return randomised(empty_transformer(size), dtype, device, seed, std)


def _plain(tensors: Mapping[str, Tensor], source: str | Path) -> dict[str, Tensor]:
    check_plain(tensors, source)
    return unscaled(tensors, source)


def _converted(own: dict[str, Tensor], source: str | Path) -> dict[str, Tensor]:
    """`own` with diffusers' names, which it may have already; the converter empties `own`."""
    if not any(OWN.match(key) for key in own):
        return own  # already diffusers' names; the converter would swap two norms
    count = len(own)
    state = convert_wan_transformer_to_diffusers(own)
    if len(state) < count:
        raise CheckpointError(
            f"{source} contains some tensors twice, with Wan's names and with diffusers'; "
            "choose a file with Wan's names only."
        )
    return state
