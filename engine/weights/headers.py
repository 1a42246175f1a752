"""What a checkpoint says that it holds, read without its data and without trusting a byte of it.

Of a `.safetensors` file that is its header, of a `.pt` or `.pth` the archive's directory and the
pickle in it: some 100 KB of some GB. So a file can be checked before it is mapped, or before it
is downloaded. The tensors that come out are empty ones, on `meta`.
"""

# pyright: basic, reportMissingImports=false

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
    """The tensors that a checkpoint holds, by the names that it gives them, empty on `meta`.

    `file` is open for reading and can seek; `name` is what errors call it, and its ending says
    what it is: `.safetensors`, `.pt` or `.pth`. A pickle may hold the tensors themselves or, up
    to four deep, in the first of `nests` that it has. Nothing that a file asks to be run is run.

    CheckpointError where the file is not a sound one of its kind, with the key, what is there and
    what is expected; an OSError of `file` goes through.
    """
    suffix, size = checked_kind(file, name)
    if suffix != SAFETENSORS:
        return pickle_header.tensors(file, str(name), size, nests)
    return {
        key: torch.empty(entry.shape, dtype=DTYPES[entry.dtype], device="meta")
        for key, entry in safetensors_header.entries(file, str(name), size).items()
    }
