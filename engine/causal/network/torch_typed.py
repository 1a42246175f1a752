"""What torch types in part only, with the types that it has."""

from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

import torch
from torch import nn

P = ParamSpec("P")
R = TypeVar("R")


def compile_static(
    run: Callable[P, R], *, fullgraph: bool = True, backend: str = "inductor"
) -> Callable[P, R]:
    """The same function, compiled anew for each shape that it is called with (needs Triton).

    With `fullgraph`, what torch cannot compile as a whole is an error of the call.
    """
    return torch.compile(  # pyright: ignore[reportUnknownMemberType]  # what a backend may be
        run, fullgraph=fullgraph, dynamic=False, backend=backend
    )


def named_modules(root: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """`root` itself, named "", and all modules below it, by their paths."""
    return root.named_modules()  # pyright: ignore[reportUnknownVariableType]  # has no types
