"""Check by its header that a file is the one that a pipeline needs: every key and shape.

The loading code itself does the check, with tensors on `meta`: whatever passes here loads. A
changed bit in the data only shows in the file's hash, which `engine.files.library` checks.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, Literal, TypeAlias

import torch
from torch import Tensor

from engine.catalog.specs import UMT5_XXL, CausalSpec, TextSize
from engine.causal.lora.files import LORA_NESTS, match_adapter
from engine.causal.network.vace import load_vace
from engine.causal.network.wan_weights import empty_transformer, load_transformer
from engine.causal.text.encoder import check_text_encoder
from engine.causal.text.tokens import Vocabulary
from engine.causal.vae.streams import VaeKind, load_vae
from engine.weights.checkpoint import header_of
from engine.weights.headers import NESTS, header

Role: TypeAlias = Literal["network", "lora", "vae", "text", "tokenizer", "vace"]

DTYPE = torch.bfloat16  # any: nothing is cast


def check_path(
    role: Role,
    spec: CausalSpec,
    path: Path,
    *,
    vae: VaeKind = "wan",
    vae_width: int | None = None,
    text: TextSize = UMT5_XXL,
) -> str:
    """Check that the file at `path` is what `spec` needs as `role`; returns a sentence on unused
    parts, if any.

    A tokenizer is read in full, otherwise only the header. `vae` is the kind of VAE; `vae_width`
    and `text` are its width and the encoder's size if not the released ones.

    CheckpointError if not, with the file, the key, what was found and what was expected.
    """
    if role == "tokenizer":
        Vocabulary(path.parent, text.vocabulary, text.tokens)
        return ""
    tensors = header_of(path, LORA_NESTS if role == "lora" else NESTS)
    return check(role, spec, tensors, path, vae=vae, vae_width=vae_width, text=text)


def check_file(
    role: Role,
    spec: CausalSpec,
    file: BinaryIO,
    source: str | Path,
    *,
    vae: VaeKind = "wan",
    vae_width: int | None = None,
    text: TextSize = UMT5_XXL,
) -> str:
    """`check_path` for an open file, such as from `engine.files.hub_file`, except a tokenizer.
    `source` appears in errors, and its extension gives the type. An OSError from `file` passes
    through.
    """
    tensors = header(file, source, LORA_NESTS if role == "lora" else NESTS)
    return check(role, spec, tensors, source, vae=vae, vae_width=vae_width, text=text)


def check(
    role: Role,
    spec: CausalSpec,
    tensors: Mapping[str, Tensor],
    source: str | Path,
    *,
    vae: VaeKind = "wan",
    vae_width: int | None = None,
    text: TextSize = UMT5_XXL,
) -> str:
    """`check_path` for a file's tensors by name, which may be empty."""
    empty = {key: tensor.to("meta") for key, tensor in tensors.items()}
    if role == "network":
        load_transformer(spec.network, empty, DTYPE, "meta", source=source)
    elif role == "vace":
        load_vace(spec.network, empty, DTYPE, "meta", source=source)
    elif role == "vae":
        load_vae(vae, empty, DTYPE, "meta", width=vae_width, source=source)
    elif role == "text":
        check_text_encoder(empty, text, source)
    elif role == "lora":
        wan = empty_transformer(spec.network)
        return match_adapter(_with_alphas(empty), wan, source=source).remark
    else:
        raise ValueError(f"A {role} has no tensors to check; use check_path.")
    return ""


def _with_alphas(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors with every LoRA alpha, whose value the loader reads, set to 1."""
    return {
        key: torch.ones(tensor.shape) if key.endswith(".alpha") and tensor.numel() == 1 else tensor
        for key, tensor in tensors.items()
    }
