"""The text encoder of the Wan2.1 models: UMT5-XXL, from a checkpoint with Wan's own names.

A prompt is computed at its own length and then padded with zeros. The authors compute 512 tokens,
mask all but the prompt's own and set them to zero at the end: the same result for more work. The
network is that of Chung et al. 2023 ("UniMax"), in transformers' implementation.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from transformers import UMT5Config, UMT5EncoderModel

from engine.catalog.specs import UMT5_XXL, TextSize
from engine.causal.text.tokens import Tokens, Vocabulary, Words
from engine.files.errors import CheckpointError
from engine.weights.checkpoint import placed
from engine.weights.finite import check_finite
from engine.weights.scaled import BESIDE, SCALES, check_plain

FP8 = (torch.float8_e4m3fn, torch.float8_e5m2)
SHOWN = 3  # faults named in an error; the rest are counted

# Wan's names to transformers', outside the layers and inside
AROUND = {"token_embedding": "shared", "norm": "encoder.final_layer_norm"}
IN_LAYER = {
    "norm1": "layer.0.layer_norm",
    "attn.q": "layer.0.SelfAttention.q",
    "attn.k": "layer.0.SelfAttention.k",
    "attn.v": "layer.0.SelfAttention.v",
    "attn.o": "layer.0.SelfAttention.o",
    "pos_embedding.embedding": "layer.0.SelfAttention.relative_attention_bias",
    "norm2": "layer.1.layer_norm",
    "ffn.gate.0": "layer.1.DenseReluDense.wi_0",
    "ffn.fc1": "layer.1.DenseReluDense.wi_1",
    "ffn.fc2": "layer.1.DenseReluDense.wo",
}
TABLE, SAME_TABLE = "shared.weight", "encoder.embed_tokens.weight"  # two names of one tensor


class TextEncoder:
    """Texts to embeddings, for one thread at a time; created by `load_text_encoder`.

    `model` computes in `dtype` on `device`.
    """

    def __init__(
        self,
        model: UMT5EncoderModel,
        vocabulary: Words,
        size: TextSize,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        self.model = model
        self.vocabulary = vocabulary
        self.size = size
        self.dtype = dtype
        self.device = device

    def __call__(self, text: str) -> Tensor:
        """The embedding of a prompt, which may be any text, even empty; see `embed`."""
        return self.embed(self.tokens(text).ids)

    def tokens(self, text: str) -> Tokens:
        """A prompt as tokens, and whether it was cut to the limit of 512."""
        return self.vocabulary(text)

    def note(self, text: str) -> str:
        """A sentence for the user if the prompt was cut; else empty."""
        return self.vocabulary.note(text)

    @torch.no_grad()
    def embed(self, ids: Sequence[int]) -> Tensor:
        """The embedding (1, text tokens, width) of a prompt's tokens, zero beyond them, in the
        encoder's dtype on its device; queued in the caller's CUDA stream.
        """
        padded = torch.zeros(
            1, self.size.tokens, self.size.width, dtype=self.dtype, device=self.device
        )
        words = self.model.shared.weight[torch.tensor(ids)][None].to(self.device).to(self.dtype)
        padded[:, : len(ids)] = self.model.encoder(inputs_embeds=words).last_hidden_state
        return padded


class OffloadedLayer(nn.Module):
    """A layer whose weights are kept in a smaller type or on another device; for each call they
    are copied to `device` in `dtype`.
    """

    def __init__(self, layer: nn.Module, dtype: torch.dtype, device: torch.device) -> None:
        super().__init__()
        self.layer = layer
        self.dtype = dtype
        self.device = device

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The layer's output."""
        weights = {
            # moved first, then cast, so that the smaller type is transferred
            name: weight.to(self.device).to(self.dtype)
            for name, weight in self.layer.named_parameters()
        }
        return functional_call(self.layer, weights, args, kwargs)


def load_text_encoder(
    tensors: Mapping[str, Tensor],
    tokenizer_folder: str | Path,
    dtype: torch.dtype,
    device: torch.device | str,
    *,
    size: TextSize = UMT5_XXL,
    offload: bool = False,
    source: str | Path = "The checkpoint",
) -> TextEncoder:
    """The encoder with the weights of a checkpoint and the tokenizer of a folder.

    `tensors` comes from `engine.weights.checkpoint.read`: Wan's models_t5_umt5-xxl-enc-bf16.pth, or
    a file with the same names in fp8 without scales; `tokenizer_folder` is Wan's google/umt5-xxl.

    Weights in fp8 stay in fp8 and are cast whenever their layer runs; the others are cast once. The
    XXL's layers use 4.6 GB on the device in fp8, 9.3 GB in bf16. With `offload` they stay on the
    CPU and every new prompt uploads them, one by one: the device needs 0.4 GB, and a prompt takes
    0.4 s or more instead of a few ms. The token table (2.1 GB in bf16) is always on the CPU, in the
    file's type: a prompt reads at most 512 of its 256,384 rows. Weights that stay on the CPU in the
    file's type are views of the mapped file.

    CheckpointError, naming `source`, if a tensor is missing, unexpected, of the wrong shape or
    contains NaN or infinity; also if the tokenizer is missing, damaged or of another model.
    """
    device = torch.device(device)
    rest = torch.device("cpu") if offload else device
    vocabulary = Vocabulary(tokenizer_folder, size.vocabulary, size.tokens)
    model = empty_text_encoder(size)
    state = _renamed(tensors, model, size, source)
    table = state.pop(TABLE)
    there = {
        name: placed(tensor, tensor.dtype if tensor.dtype in FP8 else dtype, rest)
        for name, tensor in state.items()
    }
    check_finite(there | {TABLE: table}, source)
    model.load_state_dict(there | {TABLE: table, SAME_TABLE: table}, assign=True)
    model.encoder.final_layer_norm.to(device, dtype)
    if rest != device or any(tensor.dtype in FP8 for tensor in there.values()):
        for block in model.encoder.block:
            block.layer = nn.ModuleList(
                OffloadedLayer(layer, dtype, device) for layer in block.layer
            )
    return TextEncoder(model, vocabulary, size, dtype, device)


def check_text_encoder(
    tensors: Mapping[str, Tensor], size: TextSize, source: str | Path = "The checkpoint"
) -> None:
    """CheckpointError if `load_text_encoder` would refuse these tensors."""
    _renamed(tensors, empty_text_encoder(size), size, source)


def empty_text_encoder(size: TextSize) -> UMT5EncoderModel:
    """The network without weights (all on `meta`), in eval mode, without gradients."""
    config = UMT5Config(
        vocab_size=size.vocabulary,
        d_model=size.width,
        d_kv=size.inner // size.heads,
        d_ff=size.ffn,
        num_layers=size.layers,
        num_heads=size.heads,
        relative_attention_num_buckets=size.buckets,
        relative_attention_max_distance=size.farthest,
        layer_norm_epsilon=1e-6,
        feed_forward_proj="gated-gelu",
    )
    with torch.device("meta"):
        model = UMT5EncoderModel(config)
    return model.eval().requires_grad_(False)


def _renamed(
    tensors: Mapping[str, Tensor], model: nn.Module, size: TextSize, source: str | Path
) -> dict[str, Tensor]:
    """The tensors, given with Wan's or transformers' names, with transformers' names: all of them,
    each of the right shape, and no others.
    """
    names = {f"{wan}.weight": f"{ours}.weight" for wan, ours in AROUND.items()}
    for layer in range(size.layers):
        for wan, ours in IN_LAYER.items():
            names[f"blocks.{layer}.{wan}.weight"] = f"encoder.block.{layer}.{ours}.weight"
    check_plain(tensors, source)
    if any(key.endswith((*SCALES, *BESIDE)) for key in tensors):
        raise CheckpointError(
            f"{source} is a text encoder in fp8 with scales, which is not supported; use the one "
            "without, umt5-xxl-enc-fp8_e4m3fn.safetensors of Kijai/WanVideo_comfy."
        )
    if TABLE in tensors:
        theirs = {ours: wan for wan, ours in names.items()}
        tensors = {
            theirs.get(key, key): tensor for key, tensor in tensors.items() if key != SAME_TABLE
        }
    faults = [f"{name} is missing" for name in names if name not in tensors]
    faults += [f"{name} is unexpected" for name in tensors if name not in names]
    empty = model.state_dict()
    for wan, ours in names.items():
        if wan in tensors and tensors[wan].shape != empty[ours].shape:
            found, wanted = tuple(tensors[wan].shape), tuple(empty[ours].shape)
            faults.append(f"{wan} is {found}, expected {wanted}")
    if faults:
        more = f" and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
        raise CheckpointError(
            f"{source} does not fit the {size.name} text encoder: {', '.join(faults[:SHOWN])}"
            f"{more}; choose a file for that encoder."
        )
    return {ours: tensors[wan].detach() for wan, ours in names.items()}
