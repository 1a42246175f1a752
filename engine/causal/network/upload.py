"""Upload to the device without waiting for its queued work.

For CUDA the copy comes from pinned memory, which torch keeps until it has run; from other memory it
would wait for all earlier work.
"""

from collections.abc import Sequence
from typing import TypeAlias

import torch

Numbers: TypeAlias = Sequence[float] | Sequence[Sequence[float]]


def to_device(
    values: Numbers, device: torch.device, dtype: torch.dtype | None = None
) -> torch.Tensor:
    """A tensor of `values` on `device`."""
    return uploaded(torch.tensor(values, dtype=dtype), device)


def uploaded(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """A tensor of the host on `device`; on a CPU it is the same one."""
    if device.type == "cuda":
        tensor = tensor.pin_memory()  # itself, if it comes from `host_memory`
    return tensor.to(device, non_blocking=True)


def host_memory(shape: Sequence[int], dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """An empty tensor on the host, pinned if it is to be uploaded to a CUDA device."""
    return torch.empty(shape, dtype=dtype, pin_memory=device.type == "cuda")
