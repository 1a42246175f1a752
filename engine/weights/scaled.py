"""Weights in 8 bits with their scales beside them, as ComfyUI and Kijai write them; and by its name
what is packed in a way that is not read.
"""

# pyright: basic, reportMissingImports=false

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from engine.files.errors import CheckpointError

SCALES = (".scale_weight", ".weight_scale")  # of the `.weight` beside it
# What stands beside a scale and is not used: of what goes in, and that there are scales at all
BESIDE = (".scale_input", ".input_scale", ".comfy_quant", "scaled_fp8")
FP8 = {torch.float8_e4m3fn, torch.float8_e5m2}
# Parts of keys by which other packings are known, and who packs so
PACKED = {
    ".absmax": "4 or 8 bits of bitsandbytes",
    ".quant_state": "4 or 8 bits of bitsandbytes",
    ".SCB": "8 bits of bitsandbytes",
    ".qweight": "4 bits of GPTQ, AWQ or Nunchaku",
    ".qzeros": "4 bits of GPTQ or AWQ",
    ".wscales": "4 bits of Nunchaku",
    ".weight_scale_2": "4 bits (NVFP4)",
    ".weight_packed": "bits of compressed-tensors",
}
CURE = "take the same model in bf16, or in fp8 with one scale for each layer"


def check_plain(tensors: Mapping[str, Tensor], source: str | Path) -> None:
    """CheckpointError, by the name of how it is packed, where weights are not read as they are."""
    for key, tensor in tensors.items():
        how = next((told for part, told in PACKED.items() if part in key), "")
        if not how and key.endswith(".weight") and not tensor.is_floating_point():
            how = f"whole numbers ({str(tensor.dtype).removeprefix('torch.')})"
        if how:
            raise CheckpointError(f"{source} is packed in {how}, which is not read; {CURE}.")


def unscaled(tensors: Mapping[str, Tensor], source: str | Path) -> dict[str, Tensor]:
    """`tensors` without scales: each weight that has one times it, in bf16; the others are as they
    are, and not copied.

    CheckpointError, naming `source`, where a scale has no weight or is not one number, or one for
    each row.
    """
    scales = {
        key.removesuffix(end) + ".weight": (key, tensor)
        for key, tensor in tensors.items()
        for end in SCALES
        if key.endswith(end)
    }
    if not scales and not any(key.endswith(BESIDE) for key in tensors):
        return dict(tensors)
    found = {key: t for key, t in tensors.items() if not key.endswith((*SCALES, *BESIDE))}
    for name, (key, scale) in scales.items():
        weight = found.get(name)
        if weight is None:
            raise CheckpointError(f"{source} holds {key} and no {name}; choose a whole file.")
        if weight.dtype not in FP8:
            kind = str(weight.dtype).removeprefix("torch.")
            raise CheckpointError(f"{source} has {kind} with scales, which is not read; {CURE}.")
        if scale.numel() not in (1, weight.shape[0]):
            shape = tuple(scale.shape)
            raise CheckpointError(
                f"{source} has weights in fp8 scaled block by block ({key} is {shape}), which is "
                f"not read; {CURE}."
            )
        rows = scale.detach().float().reshape(-1, *[1] * (weight.ndim - 1))
        found[name] = (weight.detach().float() * rows).bfloat16()
    return found
