"""Upload small tensors to the device without waiting for its queued work."""

from collections.abc import Sequence
from typing import TypeAlias

import torch

Numbers: TypeAlias = Sequence[float] | Sequence[Sequence[float]]


def to_device(
    values: Numbers, device: torch.device, dtype: torch.dtype | None = None
) -> torch.Tensor:
    """A tensor of `values` on `device`. For CUDA it is copied from pinned memory, which torch keeps
    until the copy has run; from other memory the copy would wait for all earlier work.
    """
    tensor = torch.tensor(values, dtype=dtype)
    if device.type == "cuda":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)
