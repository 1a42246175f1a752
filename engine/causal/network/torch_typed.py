"""Typed wrappers for partly typed torch functions."""

from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

import torch
from torch import nn

P = ParamSpec("P")
R = TypeVar("R")


def compile_static(
    run: Callable[P, R], *, fullgraph: bool = True, backend: str = "inductor"
) -> Callable[P, R]:
    """The same function, compiled separately for each input shape (needs Triton).

    With `fullgraph`, a call fails if torch cannot compile the function as a whole.
    """
    return torch.compile(  # pyright: ignore[reportUnknownMemberType]  # what a backend may be
        run, fullgraph=fullgraph, dynamic=False, backend=backend
    )


def named_modules(root: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """`root` itself, named "", and all modules below it, with their paths."""
    return root.named_modules()  # pyright: ignore[reportUnknownVariableType]  # has no types
