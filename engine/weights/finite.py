"""Check that weights are finite: a single NaN or infinity makes every image unusable.

Called while loading: by `fill` in `checkpoint.py` on the weights as cast, by the text encoder and
by merged LoRAs; and for each embedding, by `engine/causal/text/prompts.py`.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from engine.files.errors import CheckpointError, first_few

PIECE = 1 << 26  # float8 values checked at a time, to limit memory


def check_finite(state: Mapping[str, Tensor], source: str | Path) -> None:
    """CheckpointError, naming `source` and the keys, if a tensor contains NaN or infinity.

    Each tensor is reduced once, on its device; only one bool per device is read back.
    """
    if all_finite(state.values()):
        return
    bad = [key for key, tensor in state.items() if not all_finite([tensor])]
    raise CheckpointError(
        f"{source} contains NaN or infinity in {first_few(bad)}; download it again, "
        "or choose another file."
    )


def all_finite(tensors: Iterable[Tensor]) -> bool:
    """Whether all numbers of all tensors are finite; integers and `meta` tensors count as finite.

    On a GPU it waits for pending work.
    """
    found: dict[torch.device, list[Tensor]] = {}
    for tensor in tensors:
        if tensor.is_floating_point() and not tensor.is_meta:
            found.setdefault(tensor.device, []).append(largest(tensor).isfinite())
    return all(bool(torch.stack(parts).all()) for parts in found.values())


def largest(tensor: Tensor) -> Tensor:
    """The largest absolute value of a tensor, as a float64 scalar on its device: NaN or infinity if
    it contains any.

    `aminmax` takes one pass and no memory; `isfinite` takes 40 times as long. The float8 types
    support neither, so their bits are compared, which rise with the value, to infinity and then
    NaN.
    """
    tensor = tensor.detach()
    if not tensor.numel():
        return torch.zeros((), dtype=torch.float64, device=tensor.device)
    if tensor.dtype.itemsize == 1 and tensor.is_floating_point():
        bits = torch.split(tensor.contiguous().view(torch.uint8).view(-1), PIECE)
        most = torch.stack([(piece & 0x7F).amax() for piece in bits]).amax()
        return most.view(tensor.dtype).float().double()
    low, high = torch.aminmax(tensor)
    return torch.maximum(low.double().abs(), high.double().abs())
