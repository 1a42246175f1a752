"""8-bit weights with separate scales, as written by ComfyUI and Kijai; unsupported packings are
refused by name.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from engine.files.errors import CheckpointError

SCALES = (".scale_weight", ".weight_scale")  # of the matching `.weight`
# Keys next to a scale that are not used: input scales, and the marker that scales exist
BESIDE = (".scale_input", ".input_scale", ".comfy_quant", "scaled_fp8")
FP8 = {torch.float8_e4m3fn, torch.float8_e5m2}
# Key parts that identify other packings, and their origin
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
CURE = "use the same model in bf16, or in fp8 with one scale per layer"


def check_plain(tensors: Mapping[str, Tensor], source: str | Path) -> None:
    """CheckpointError, naming the packing, if the weights are in an unsupported one."""
    for key, tensor in tensors.items():
        how = next((told for part, told in PACKED.items() if part in key), "")
        if not how and key.endswith(".weight") and not tensor.is_floating_point():
            how = f"integers ({str(tensor.dtype).removeprefix('torch.')})"
        if how:
            raise CheckpointError(f"{source} is packed in {how}, which is not supported; {CURE}.")


def unscaled(tensors: Mapping[str, Tensor], source: str | Path) -> dict[str, Tensor]:
    """`tensors` with scales applied: each scaled weight multiplied by its scale, in bf16; the
    others unchanged and not copied.

    CheckpointError, naming `source`, if a scale has no weight, or is not a single number or one per
    row.
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
            raise CheckpointError(
                f"{source} contains {key} but not {name}; choose a complete file."
            )
        if weight.dtype not in FP8:
            kind = str(weight.dtype).removeprefix("torch.")
            raise CheckpointError(
                f"{source} has {kind} with scales, which is not supported; {CURE}."
            )
        if scale.numel() not in (1, weight.shape[0]):
            shape = tuple(scale.shape)
            raise CheckpointError(
                f"{source} has fp8 weights scaled per block ({key} is {shape}), which is not "
                f"supported; {CURE}."
            )
        rows = scale.detach().float().reshape(-1, *[1] * (weight.ndim - 1))
        found[name] = (weight.detach().float() * rows).bfloat16()
    return found
