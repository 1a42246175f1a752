"""Whether weights are numbers: one NaN or infinity in a file makes every picture unusable."""

# pyright: basic, reportMissingImports=false

from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from engine.files.errors import CheckpointError, first_few

PIECE = 1 << 26  # values of a float8 tensor that are looked at at a time, for the memory it takes


def check_finite(state: Mapping[str, Tensor], source: str | Path) -> None:
    """CheckpointError, naming `source` and the keys, where a tensor holds NaN or infinity.

    Each is reduced once, where it lies; of all on a device one bool comes to the host.
    """
    if all_finite(state.values()):
        return
    bad = [key for key, tensor in state.items() if not all_finite([tensor])]
    raise CheckpointError(
        f"{source} holds numbers that are NaN or infinite in {first_few(bad)}; download it again, "
        "or choose another file."
    )


def all_finite(tensors: Iterable[Tensor]) -> bool:
    """Whether all numbers of all tensors are finite; whole numbers, and what lies on `meta`, are.

    On a GPU it waits for what was asked of it before.
    """
    found: dict[torch.device, list[Tensor]] = {}
    for tensor in tensors:
        if tensor.is_floating_point() and not tensor.is_meta:
            found.setdefault(tensor.device, []).append(largest(tensor).isfinite())
    return all(bool(torch.stack(parts).all()) for parts in found.values())


def largest(tensor: Tensor) -> Tensor:
    """The largest number of a tensor, sign aside, as one without sides in float64 on its device:
    NaN or infinity where it holds such.

    Its least and its largest are found in one look that takes no memory; `isfinite` takes 40 times
    as long. The float8 types know neither: of those the bits are looked at, which rise with the
    number, to infinity and then NaN.
    """
    tensor = tensor.detach()
    if not tensor.numel():
        return torch.zeros((), dtype=torch.float64, device=tensor.device)
    if tensor.dtype.itemsize == 1 and tensor.is_floating_point():
        bits = tensor.contiguous().view(torch.uint8).view(-1).split(PIECE)
        most = torch.stack([(piece & 0x7F).amax() for piece in bits]).amax()
        return most.view(tensor.dtype).float().double()
    low, high = torch.aminmax(tensor)
    return torch.maximum(low.double().abs(), high.double().abs())
