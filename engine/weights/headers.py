"""What a checkpoint says that it holds, read without its data and without trusting a byte of it.

Of a `.safetensors` file that is its header, of a `.pt` or `.pth` the archive's directory and the
pickle in it: some 100 KB of some GB. So a file can be checked before it is mapped, or before it
is downloaded. The tensors that come out are empty ones, on `meta`.
"""

# pyright: basic, reportMissingImports=false

import io
from pathlib import PurePath
from typing import BinaryIO

from torch import Tensor

from engine.weights import pickle_header, safetensors_header
from engine.weights.errors import AGAIN, LIMIT, CheckpointError
from engine.weights.pickle_header import NESTS

SAFETENSORS = ".safetensors"
SUFFIXES = (SAFETENSORS, ".pt", ".pth")
LOOK = 64  # bytes that tell what a file is
PAGE = f"a web page, not the file itself; {AGAIN} with the button or link that the page has for it"
PACKED = "an archive of another kind; choose what is packed in it"
# What people have instead of a checkpoint, by how it begins
FOREIGN = {
    b"GGUF": "a GGUF file, whose weights are packed for other programs; take the .safetensors of "
    "the same model",
    b"version https://git-lfs": "a Git LFS pointer, which stands for the file; get the file with "
    f"`git lfs pull`, or {AGAIN}",
    b"<!doctype": PAGE, b"<html": PAGE, b"<head": PAGE, b"<?xml": PAGE,
    b'{"error': f"an error message of a server, saved as a file; {AGAIN}",
    b"Entry not found": f"an error message of the hub, saved as a file; {AGAIN}",
    b"Invalid username": f"an error message of the hub, saved as a file; {AGAIN}",
    b"Access to model": "an error message of the hub, saved as a file; accept the model's terms "
    f"there and {AGAIN}",
    b"7z\xbc\xaf\x27\x1c": PACKED, b"Rar!": PACKED, b"\x1f\x8b": PACKED, b"\xfd7zXZ": PACKED,
    b"\x28\xb5\x2f\xfd": PACKED,
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
    suffix = check_suffix(name)
    size = file.seek(0, io.SEEK_END)
    if not size:
        raise CheckpointError(f"{name} is empty; {AGAIN}.")
    file.seek(0)
    start = file.read(9)
    file.seek(0)
    if told := _foreign(file.read(LOOK)):
        raise CheckpointError(f"{name} is {told}.")
    other = _other_kind(start, size)
    if other and (other == SAFETENSORS) != (suffix == SAFETENSORS):
        raise CheckpointError(
            f"{name} is a {other} file under another name; rename it, or choose another."
        )
    file.seek(0)
    if suffix == SAFETENSORS:
        return safetensors_header.tensors(file, str(name), size)
    return pickle_header.tensors(file, str(name), size, nests)


def check_suffix(name: str | PurePath) -> str:
    """How a checkpoint's name ends; CheckpointError where it is none by its name."""
    suffix = PurePath(name).suffix.lower()
    if suffix not in SUFFIXES:
        raise CheckpointError(f"{name} is none of {', '.join(SUFFIXES)}; choose a file that is.")
    return suffix


def _foreign(start: bytes) -> str:
    """What a file is that begins like that and is no checkpoint, with what to do; else empty."""
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for begin, told in FOREIGN.items():
        if text.startswith(begin.lower()):
            return told
    if len(start) == LOOK and not any(start):
        return f"reserved space that no download has filled; {AGAIN}"
    return ""


def _other_kind(start: bytes, size: int) -> str:
    """Which kind of file begins like that, empty where none does."""
    if start.startswith(b"PK\x03\x04"):
        return ".pt"
    whole = len(start) == 9 and start[8:] == b"{"
    return (
        SAFETENSORS if whole and safetensors_header.length_of(start) <= min(LIMIT, size - 8) else ""
    )
