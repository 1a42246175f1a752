"""Identify a file by its extension and first bytes. Free of torch."""

import io
import re
from pathlib import Path, PurePath
from typing import BinaryIO

from engine.files.errors import AGAIN, LIMIT, CheckpointError
from engine.files.safetensors_header import length_of
from engine.system import held

SAFETENSORS = ".safetensors"
SUFFIXES = (SAFETENSORS, ".pt", ".pth")  # supported, preferred first
LOOK = 512  # bytes that identify a file
TAR = slice(257, 262)  # the magic of a tar archive
ZIP = b"PK\x03\x04"
ZIP_NAME = slice(26, 28)  # length of the first record's name, which is at ZIP_RECORD
ZIP_RECORD = 30
TORCHS = {"data.pkl", "version", "byteorder", ".format_version"}  # torch writes one of these first
PAGE = f"a web page, not the file itself; {AGAIN} with the download link on that page"
PACKED = "an archive, not a checkpoint; unpack it and choose the file inside"
PICTURE = f"an image, such as the preview on its page; {AGAIN}"
# Files often mistaken for checkpoints, by their first bytes
FOREIGN = {
    b"GGUF": "a GGUF file, which is not supported; use the .safetensors of the same model",
    b"version https://git-lfs": "a Git LFS pointer, not the file itself; get the file with "
    f"`git lfs pull`, or {AGAIN}",
    b"<!doctype": PAGE, b"<html": PAGE, b"<head": PAGE, b"<?xml": PAGE,
    b'{"error': f"a server's error message saved as a file; {AGAIN}",
    b"Entry not found": f"an error message from the hub saved as a file; {AGAIN}",
    b"Invalid username": f"an error message from the hub saved as a file; {AGAIN}",
    b"Access to model": "an error message from the hub saved as a file; accept the model's terms "
    f"there and {AGAIN}",
    b"7z\xbc\xaf\x27\x1c": PACKED, b"Rar!": PACKED, b"\x1f\x8b": PACKED, b"\xfd7zXZ": PACKED,
    b"\x28\xb5\x2f\xfd": PACKED, b"BZh": PACKED,
    b"\x89PNG": PICTURE, b"\xff\xd8\xff": PICTURE, b"RIFF": PICTURE, b"GIF8": PICTURE,
    b"%PDF": f"a PDF document; {AGAIN}",
}  # fmt: skip
SPACE = b"\xef\xbb\xbf \t\r\n"  # may precede text
JSON = re.compile(rb'[{\[]\s*"[ -~]{6}')  # without a header length in front


def checked_kind(file: BinaryIO, name: str | PurePath) -> tuple[str, int]:
    """The extension of a file and its size in bytes; leaves `file` at its start.

    CheckpointError, saying what the file is, if it is empty or does not match its extension;
    an OSError from `file` passes through.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    start = file.read(LOOK)
    file.seek(0)
    if told := foreign(start):
        raise CheckpointError(f"{name} is {told}.")
    suffix = check_suffix(name)
    if not size:
        raise CheckpointError(f"{name} is empty; {AGAIN}.")
    other = _other_kind(start, size)
    if other and (other == SAFETENSORS) != (suffix == SAFETENSORS):
        raise CheckpointError(
            f"{name} is a {other} file with the wrong extension; rename it, or choose another."
        )
    return suffix, size


def unread(path: Path) -> str:
    """What a file with an extension outside `SUFFIXES` is, and the cure; empty if its first bytes
    do not say. An OSError from it passes through.
    """
    with held.patiently(lambda: path.open("rb")) as file:
        start, size = file.read(LOOK), file.seek(0, io.SEEK_END)
    other = _other_kind(start, size)
    named = f"a {other} file with the wrong extension; rename it" if other == SAFETENSORS else ""
    return foreign(start) or named


def check_suffix(name: str | PurePath) -> str:
    """A checkpoint's extension; CheckpointError if it is not supported."""
    suffix = PurePath(name).suffix.lower()
    if suffix not in SUFFIXES:
        raise CheckpointError(f"{name} is not one of {', '.join(SUFFIXES)}; choose a file that is.")
    return suffix


def foreign(start: bytes) -> str:
    """What a file that is not a checkpoint is, by its first `LOOK` bytes, and the cure; empty if it
    may be a checkpoint.
    """
    if told := named(start):
        return told
    if JSON.match(start.lstrip(SPACE)):
        return f"JSON text, such as a server's message; {AGAIN}"
    if start[TAR] == b"ustar" or (start.startswith(ZIP) and not _of_torch(start)):
        return PACKED
    if len(start) == LOOK and not any(start):
        return f"an unfinished download, still all zeros; {AGAIN}"
    return ""


def named(start: bytes) -> str:
    """As `foreign`, for the entries of `FOREIGN` only."""
    text = start.lstrip(SPACE).lower()
    return next((told for begin, told in FOREIGN.items() if text.startswith(begin.lower())), "")


def _of_torch(start: bytes) -> bool:
    """Whether a zip archive may be from torch, by its first record."""
    length = int.from_bytes(start[ZIP_NAME], "little")
    name = start[ZIP_RECORD:][:length]
    if len(name) < length or len(start) < ZIP_RECORD:
        return True
    folder, _, file = name.decode(errors="replace").partition("/")
    return bool(folder) and (file in TORCHS or file.startswith("data/"))


def _other_kind(start: bytes, size: int) -> str:
    """The kind of file that begins like this; empty if none does."""
    if start.startswith(ZIP):
        return ".pt"
    return SAFETENSORS if start[8:9] == b"{" and length_of(start) <= min(LIMIT, size - 8) else ""
