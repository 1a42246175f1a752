"""The tensors that a checkpoint declares, read strictly and without its data.

For a `.safetensors` file this is the header, for `.pt` or `.pth` the archive's directory and its
pickle: about 100 KB out of several GB. So a file can be checked before it is mapped, or even before
it is downloaded. The resulting tensors are empty, on `meta`.
"""

from pathlib import PurePath
from typing import BinaryIO

import torch
from torch import Tensor

from engine.files import safetensors_header
from engine.files.kinds import SAFETENSORS, checked_kind
from engine.weights import pickle_header
from engine.weights.pickle_header import NESTS

DTYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2,
    "I64": torch.int64, "I32": torch.int32, "I16": torch.int16, "I8": torch.int8,
    "U64": torch.uint64, "U32": torch.uint32, "U16": torch.uint16, "U8": torch.uint8,
    "BOOL": torch.bool,
}  # fmt: skip


def header(
    file: BinaryIO, name: str | PurePath, nests: tuple[str, ...] = NESTS
) -> dict[str, Tensor]:
    """The tensors of a checkpoint by their names in the file, empty on `meta`.

    `file` is open for reading and seekable; `name` appears in errors, and its extension gives the
    type: `.safetensors`, `.pt` or `.pth`. A pickle may contain the tensors directly or, up to four
    levels deep, in the first of `nests` present. Code in a file never runs.

    CheckpointError if the file is invalid, with the key, what was found and what was expected; an
    OSError from `file` passes through.
    """
    suffix, size = checked_kind(file, name)
    if suffix != SAFETENSORS:
        return pickle_header.tensors(file, str(name), size, nests)
    return {
        key: torch.empty(entry.shape, dtype=DTYPES[entry.dtype], device="meta")
        for key, entry in safetensors_header.entries(file, str(name), size).items()
    }
