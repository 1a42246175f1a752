"""Small numbers from the host to the device, without waiting for what the device is doing."""

from collections.abc import Sequence
from typing import TypeAlias

import torch

Numbers: TypeAlias = Sequence[float] | Sequence[Sequence[float]]


def to_device(
    values: Numbers, device: torch.device, dtype: torch.dtype | None = None
) -> torch.Tensor:
    """A tensor of `values` on `device`. To CUDA it goes from pinned memory, which torch keeps
    until the copy has run; from other memory the copy would wait for all work before it.
    """
    tensor = torch.tensor(values, dtype=dtype)
    if device.type == "cuda":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)
