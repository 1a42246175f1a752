"""Names of tensors without what training and other programs have put around them."""

# pyright: basic, reportMissingImports=false

from collections.abc import Mapping, Set
from itertools import dropwhile
from pathlib import Path

from torch import Tensor

from engine.files.errors import CheckpointError, shown


def unwrapped(
    tensors: Mapping[str, Tensor], source: str | Path, front: Set[str], anywhere: Set[str]
) -> dict[str, Tensor]:
    """A new dict by the names behind the wrappers, in any order: parts of a key that are in `front`
    before all others, and those of `anywhere` in between too.

    CheckpointError, naming `source`, where two keys are the same one.
    """
    plain: dict[str, Tensor] = {}
    for key, tensor in tensors.items():
        parts = dropwhile(front.__contains__, key.split("."))
        name = ".".join(part for part in parts if part not in anywhere)
        if name in plain:
            told = name if shown(name) == repr(name) else shown(name)
            raise CheckpointError(
                f"{source} holds {told} twice, under different prefixes; "
                "choose a file of one network."
            )
        plain[name] = tensor
    return plain
