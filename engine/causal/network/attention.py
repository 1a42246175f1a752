"""Attention kernels: what each is called, which suit a device, and the function behind a name.

A kernel takes queries (rows, tokens, heads, width) and keys and values (rows, others, heads,
width), and gives the queries' shape. All are exact but `sage`, which computes in 8 bits and is
therefore never chosen by itself. A kernel's package is imported when the kernel is chosen, and
never in a pass: torch could not compile a layer that imports.
"""

from collections.abc import Callable
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
    """torch's own: cuDNN, FlashAttention 2 or memory-efficient, whichever fits the shapes.

    `bias` (rows, others) is added to every score of its key.
    """
    mask = None if bias is None else bias[:, None, None, :].to(queries.dtype)
    q, k, v = (part.transpose(1, 2) for part in (queries, keys, values))
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2)


def _flex() -> Attention:
    """FlexAttention (needs Triton): as fast as FlashAttention 2 where a bias is given."""
    from torch.nn.attention.flex_attention import flex_attention

    run = compile_static(flex_attention, fullgraph=False)

    def flex(queries: Tensor, keys: Tensor, values: Tensor, bias: Tensor | None) -> Tensor:
        q, k, v = (part.transpose(1, 2) for part in (queries, keys, values))
        if bias is None:
            return run(q, k, v).transpose(1, 2)

        def biased(score: Tensor, row: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
            return score + bias[row, key]

        return run(q, k, v, score_mod=biased).transpose(1, 2)

    return flex


def _flash3() -> Attention:
    """FlashAttention 3 (Hopper); it takes no bias, so a biased pass goes to torch's own."""
    # with the scores' sums, in some versions
    attend: Callable[..., Tensor | tuple[Tensor, ...]]
    attend = import_module(ATTENTION["flash3"]).flash_attn_func

    def flash3(queries: Tensor, keys: Tensor, values: Tensor, bias: Tensor | None) -> Tensor:
        if bias is not None:
            return sdpa(queries, keys, values, bias)
        found = attend(queries, keys, values)
        return found[0] if isinstance(found, tuple) else found

    return flash3


def _sage() -> Attention:
    """SageAttention: 8-bit scores, so not exact; a biased pass goes to torch's own."""
    attend: Callable[..., Tensor] = import_module(ATTENTION["sage"]).sageattn

    def sage(queries: Tensor, keys: Tensor, values: Tensor, bias: Tensor | None) -> Tensor:
        if bias is not None:
            return sdpa(queries, keys, values, bias)
        return attend(queries, keys, values, tensor_layout="NHD")

    return sage


KERNELS: dict[str, Callable[[], Attention]] = {
    "sdpa": lambda: sdpa,
    "flex": _flex,
    "flash3": _flash3,
    "sage": _sage,
}


def kernel_for(name: str, device: torch.device) -> str:
    """The kernel that a name stands for; `auto` is the fastest exact one that runs on the device.

    ImportError, with the cure, when one is asked for by name and its package is missing.
    """
    if name == "auto":
        hopper = device.type == "cuda" and torch.cuda.get_device_capability(device)[0] == 9
        return "flash3" if hopper and find_spec(ATTENTION["flash3"]) else "sdpa"
    package = ATTENTION.get(name)
    if package and find_spec(package) is None:
        raise ImportError(
            f"The attention {name!r} needs the package {package}; install it, or choose auto.",
            name=package,
        )
    return name


def attention(name: str, device: torch.device) -> Attention:
    """The function of a kernel, its package imported; errors as `kernel_for`, and whatever a
    broken package raises.
    """
    return KERNELS[kernel_for(name, device)]()
