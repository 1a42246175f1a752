"""Attention behind one interface: the kernel is chosen once, by name.

Every kernel takes queries (rows, tokens, heads, width) and keys and values (rows, others, heads,
width), and returns the queries' shape. All are exact except `sage`, which computes in 8 bits and
is therefore never chosen automatically.
"""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import TypeAlias

import torch
import torch.nn.functional as F

from engine.catalog.controls import ATTENTION
from engine.causal.network.torch_typed import compile_static

Tensor: TypeAlias = torch.Tensor
Attention: TypeAlias = Callable[[Tensor, Tensor, Tensor, "Tensor | None"], Tensor]


def sdpa(queries: Tensor, keys: Tensor, values: Tensor, bias: Tensor | None) -> Tensor:
    """torch's own: cuDNN, FlashAttention 2 or memory-efficient, depending on the shapes.

    `bias` (rows, others) is added to every score of its key.
    """
    mask = None if bias is None else bias[:, None, None, :].to(queries.dtype)
    q, k, v = (part.transpose(1, 2) for part in (queries, keys, values))
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2)


def flex(queries: Tensor, keys: Tensor, values: Tensor, bias: Tensor | None) -> Tensor:
    """FlexAttention (needs Triton): as fast as FlashAttention 2 even with a bias."""
    q, k, v = (part.transpose(1, 2) for part in (queries, keys, values))
    if bias is None:
        return _flex()(q, k, v).transpose(1, 2)

    def biased(score: Tensor, row: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return score + bias[row, key]

    return _flex()(q, k, v, score_mod=biased).transpose(1, 2)


def flash3(queries: Tensor, keys: Tensor, values: Tensor, bias: Tensor | None) -> Tensor:
    """FlashAttention 3 (Hopper); it does not support a bias, so a biased pass uses `sdpa`."""
    if bias is not None:
        return sdpa(queries, keys, values, bias)
    attend: Callable[..., Tensor | tuple[Tensor, ...]]  # some versions also return the log-sum-exp
    attend = import_module("flash_attn_interface").flash_attn_func
    found = attend(queries, keys, values)
    return found[0] if isinstance(found, tuple) else found


def sage(queries: Tensor, keys: Tensor, values: Tensor, bias: Tensor | None) -> Tensor:
    """SageAttention: 8-bit scores, so not exact; a biased pass uses `sdpa`."""
    if bias is not None:
        return sdpa(queries, keys, values, bias)
    return import_module("sageattention").sageattn(queries, keys, values, tensor_layout="NHD")


KERNELS: dict[str, Attention] = {"sdpa": sdpa, "flex": flex, "flash3": flash3, "sage": sage}


def attention(name: str, device: torch.device) -> Attention:
    """The kernel called `name`; `auto` is the fastest exact one available on the device.

    ImportError, with the cure, if the package of a kernel requested by name is missing.
    """
    if name == "auto":
        hopper = device.type == "cuda" and torch.cuda.get_device_capability(device)[0] == 9
        return flash3 if hopper and find_spec(ATTENTION["flash3"]) else sdpa
    package = ATTENTION.get(name)
    if package and find_spec(package) is None:
        raise ImportError(
            f"attention={name} needs the package {package}; install it or choose attention=auto.",
            name=package,
        )
    return KERNELS[name]


@cache
def _flex() -> Callable[..., Tensor]:
    from torch.nn.attention.flex_attention import flex_attention

    return compile_static(flex_attention, fullgraph=False)
