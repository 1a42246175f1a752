"""The tensors that a `.pt` or `.pth` file declares, read without its data.

The format is torch's since 1.6: a zip archive of a pickle and the tensors' data, one record each,
uncompressed. torch itself unpickles it, with `weights_only`, from a copy of the archive without the
data, so code in a file never runs.

The data are read by `checkpoint.py`, with `weights_only` too.
"""

import io
import pickle
import struct
import zipfile
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any, BinaryIO, TypeGuard

import torch
from safetensors import SafetensorError
from torch import Tensor

from engine.files.errors import LIMIT, MOST, CheckpointError, damaged, shown, unsafe
from engine.pipeline import InsufficientMemory
from engine.system.commit import MORE, little_left, short_of_memory

NESTS = (
    "generator", "generator_ema", "student", "ema", "model_ema", "params_ema", "ema_state_dict",
    "model", "net", "network", "transformer", "dit", "module", "state_dict", "model_state_dict",
    "params", "weights",
)  # fmt: skip
DEEPEST = 4  # levels of nesting
PICKLE = "data.pkl"
KEPT = {PICKLE, "version", "byteorder"}  # records that torch needs besides the data
LOCAL_HEADER = 30  # bytes before a record, besides its name

# What the readers raise on corrupt bytes, found by fuzzing. The unpickler trusts its input's
# structure, so it can raise almost any built-in Python error.
DAMAGED = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    RuntimeError,
    SafetensorError,
    TypeError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
)


def content_of(content: object, name: str | PurePath, nests: tuple[str, ...]) -> dict[str, Tensor]:
    """The content of a pickle, taken out of its nests; it must be tensors by name only."""
    for _ in range(DEEPEST):
        if not _is_dict(content):
            break
        inner = (content[nest] for nest in nests if isinstance(content.get(nest), dict))
        content = next(inner, content)
    cure = "choose a file with weights only"
    if not _is_dict(content) or not content:
        what = "nothing" if content == {} else f"one {type(content).__name__}"
        raise CheckpointError(f"{name} contains {what} instead of tensors by name; {cure}.")
    found: dict[str, Tensor] = {}
    for key, value in content.items():
        if not isinstance(key, str) or not isinstance(value, Tensor):
            kind = type(value).__name__
            raise CheckpointError(
                f"{name} contains {shown(key)}, a {kind}, instead of tensors by name; {cure}."
            )
        found[key] = value
    return found


def _is_dict(content: object) -> TypeGuard[dict[object, object]]:
    return isinstance(content, dict)


def tensors(file: BinaryIO, name: str, size: int, nests: tuple[str, ...]) -> dict[str, Tensor]:
    """The tensors of a file of `size` bytes, out of the first of `nests` present, empty on `meta`.

    CheckpointError if it is invalid; an OSError from `file` passes through.
    """
    bounded = _Bounded(file)
    try:
        copy, records = _without_data(bounded, size)
        content = torch.load(copy, map_location="meta", weights_only=True)
    except pickle.UnpicklingError as error:
        raise unsafe(name) from error
    except _Unsound as error:
        raise damaged(name, str(error)) from error
    except (OSError, *DAMAGED) as error:
        if bounded.failed:  # disk or network failed, not the content
            raise bounded.failed from None
        if short_of_memory(error) and little_left():  # with enough left, the file asks for too much
            raise InsufficientMemory(
                f"{name} cannot be read, because this machine has too little free memory; {MORE}."
            ) from error
        raise damaged(name) from error
    found = content_of(content, name, nests)
    for key, tensor in found.items():
        _check_record(key, tensor, records, name)
    return {key: tensor.detach() for key, tensor in found.items()}


class _Unsound(Exception):
    """An archive that torch would not write; the text says what was found and expected."""


class _Bounded(io.RawIOBase):
    """`file`, limited to `LIMIT` bytes read: a hostile archive must not be read in full.

    zipfile mistakes disk errors for archive errors, so the original error is kept.
    """

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file, self._left = file, LIMIT
        self.failed: OSError | None = None

    def read(self, size: int | None = -1) -> bytes:
        if size is None or size < 0:
            size = self._left + 1
        try:
            data = self._file.read(min(size, self._left + 1))
        except OSError as error:
            self.failed = error
            raise
        self._left -= len(data)
        if self._left < 0:
            raise _Unsound(f"it has more than {LIMIT} bytes besides the data")
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True


def _without_data(file: _Bounded, size: int) -> tuple[io.BytesIO, dict[int, tuple[str, int]]]:
    """A copy of the archive with empty data records; and, by each record's offset in it, which
    torch reports for every tensor, the record's name and its length in `file`.
    """
    copy = io.BytesIO()
    records: dict[int, tuple[str, int]] = {}
    readable: Any = file
    with zipfile.ZipFile(readable) as archive, zipfile.ZipFile(copy, "w") as target:
        for entry, kept in _records(archive, size):
            content = archive.read(entry) if kept else b""
            if entry.filename.endswith("byteorder") and content != b"little":
                raise _Unsound(f"its byte order is {shown(content)}, expected little")
            made = zipfile.ZipInfo(entry.filename)
            target.writestr(made, content)
            place = made.header_offset + LOCAL_HEADER + len(entry.filename.encode())
            records[place] = entry.filename, entry.file_size
    copy.seek(0)
    return copy, records


def _records(archive: zipfile.ZipFile, size: int) -> Iterator[tuple[zipfile.ZipInfo, bool]]:
    """The records that torch would read, and whether to keep their content."""
    entries = archive.infolist()
    if len(entries) > MOST:
        raise _Unsound(f"it has {len(entries)} records, at most {MOST} are allowed")
    names = [entry.filename for entry in entries]
    if len(set(names)) < len(names):
        twice = next(name for place, name in enumerate(names) if name in names[:place])
        raise _Unsound(f"the record {shown(twice)} occurs twice")
    root = next((name[: -len(PICKLE)] for name in names if name.endswith(f"/{PICKLE}")), None)
    if root is None:
        raise _Unsound(f"{PICKLE} is missing")
    for entry in entries:
        part = entry.filename.removeprefix(root)
        if not entry.filename.startswith(root) or not (part in KEPT or part.startswith("data/")):
            continue
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
            raise _Unsound(f"{shown(entry.filename)} is compressed, expected uncompressed data")
        if entry.header_offset + entry.file_size > size:
            raise _Unsound(
                f"{shown(entry.filename)} has {entry.file_size} bytes, but the file has {size}"
            )
        yield entry, part in KEPT


def _check_record(key: str, tensor: Tensor, records: dict[int, tuple[str, int]], name: str) -> None:
    """CheckpointError if a tensor exceeds its record's data."""
    if tensor.layout != torch.strided:
        raise damaged(name, f"{shown(key)} is {tensor.layout}, expected a dense tensor")
    storage = tensor.untyped_storage()
    place = storage._checkpoint_offset  # pyright: ignore[reportPrivateUsage]  # told nowhere else
    record, there = ("", 0) if place is None else records.get(place, ("", 0))
    sides = zip(tensor.shape, tensor.stride(), strict=True)
    last = tensor.storage_offset() + sum((side - 1) * stride for side, stride in sides)
    wanted = (last + 1) * tensor.itemsize if tensor.numel() else 0
    if storage.nbytes() != there or wanted > there:
        most = max(storage.nbytes(), wanted)
        raise damaged(name, f"{shown(key)} has {there} bytes in {shown(record)}, expected {most}")
