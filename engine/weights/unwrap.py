"""Tensor names without the wrappers that training and other programs put around them.

Which wrappers: `engine/files/wrappers.py`. Wan's names to diffusers': `_converted` in
`engine/causal/network/wan_weights.py`.
"""

from collections.abc import Mapping, Set
from itertools import dropwhile
from pathlib import Path

from torch import Tensor

from engine.files.errors import CheckpointError, shown


def unwrapped(
    tensors: Mapping[str, Tensor], source: str | Path, front: Set[str], anywhere: Set[str]
) -> dict[str, Tensor]:
    """A new dict keyed by the unwrapped names: leading parts of a key in `front` and all parts in
    `anywhere` are removed.

    CheckpointError, naming `source`, if two keys become the same.
    """
    plain: dict[str, Tensor] = {}
    for key, tensor in tensors.items():
        parts = dropwhile(front.__contains__, key.split("."))
        name = ".".join(part for part in parts if part not in anywhere)
        if name in plain:
            told = name if shown(name) == repr(name) else shown(name)
            raise CheckpointError(
                f"{source} contains {told} twice, with different prefixes; "
                "choose a file with a single network."
            )
        plain[name] = tensor
    return plain
