"""What kind of file somebody has, by its ending and its first bytes. Free of torch."""

import io
import re
from pathlib import Path, PurePath
from typing import BinaryIO

from engine.files.errors import AGAIN, LIMIT, CheckpointError
from engine.files.safetensors_header import length_of
from engine.system import held

SAFETENSORS = ".safetensors"
SUFFIXES = (SAFETENSORS, ".pt", ".pth")  # that are read, the best first
LOOK = 512  # bytes that tell what a file is
TAR = slice(257, 262)  # where a tar archive says so
ZIP = b"PK\x03\x04"
ZIP_NAME = slice(26, 28)  # how long the first record's name is, which stands at ZIP_RECORD
ZIP_RECORD = 30
TORCHS = {"data.pkl", "version", "byteorder", ".format_version"}  # one of these is torch's first
PAGE = f"a web page, not the file itself; {AGAIN} with the button or link that the page has for it"
PACKED = "an archive of another kind; choose what is packed in it"
PICTURE = f"a picture, such as a page's preview of it; {AGAIN}"
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
    b"\x28\xb5\x2f\xfd": PACKED, b"BZh": PACKED,
    b"\x89PNG": PICTURE, b"\xff\xd8\xff": PICTURE, b"RIFF": PICTURE, b"GIF8": PICTURE,
    b"%PDF": f"a PDF document; {AGAIN}",
}  # fmt: skip
SPACE = b"\xef\xbb\xbf \t\r\n"  # that may stand in front of a text
JSON = re.compile(rb'[{\[]\s*"[ -~]{6}')  # no header's length in front of it


def checked_kind(file: BinaryIO, name: str | PurePath) -> tuple[str, int]:
    """How the name of a file ends, and its bytes in all; `file` is left at its start.

    CheckpointError, by the name of what it is, where the file is empty or is not what its ending
    says; an OSError of `file` goes through.
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
            f"{name} is a {other} file under another name; rename it, or choose another."
        )
    return suffix, size


def unread(path: Path) -> str:
    """What a file is whose ending is none of `SUFFIXES`, with what to do; empty where its first
    bytes do not tell. An OSError of it goes through.
    """
    with held.patiently(lambda: path.open("rb")) as file:
        start, size = file.read(LOOK), file.seek(0, io.SEEK_END)
    other = _other_kind(start, size)
    named = f"a {other} file under another name; rename it" if other == SAFETENSORS else ""
    return foreign(start) or named


def check_suffix(name: str | PurePath) -> str:
    """How a checkpoint's name ends; CheckpointError where it is none by its name."""
    suffix = PurePath(name).suffix.lower()
    if suffix not in SUFFIXES:
        raise CheckpointError(f"{name} is none of {', '.join(SUFFIXES)}; choose a file that is.")
    return suffix


def foreign(start: bytes) -> str:
    """What a file is whose first `LOOK` bytes are these and that is no checkpoint, with what to do;
    empty where it may be one.
    """
    if told := named(start):
        return told
    if JSON.match(start.lstrip(SPACE)):
        return f"a text of JSON, such as a server's message; {AGAIN}"
    if start[TAR] == b"ustar" or (start.startswith(ZIP) and not _of_torch(start)):
        return PACKED
    if len(start) == LOOK and not any(start):
        return f"reserved space that no download has filled; {AGAIN}"
    return ""


def named(start: bytes) -> str:
    """The same for what `FOREIGN` lists."""
    text = start.lstrip(SPACE).lower()
    return next((told for begin, told in FOREIGN.items() if text.startswith(begin.lower())), "")


def _of_torch(start: bytes) -> bool:
    """Whether a zip archive may be one of torch's, by its first record."""
    length = int.from_bytes(start[ZIP_NAME], "little")
    name = start[ZIP_RECORD:][:length]
    if len(name) < length or len(start) < ZIP_RECORD:
        return True
    folder, _, file = name.decode(errors="replace").partition("/")
    return bool(folder) and (file in TORCHS or file.startswith("data/"))


def _other_kind(start: bytes, size: int) -> str:
    """Which kind of file begins like that, empty where none does."""
    if start.startswith(ZIP):
        return ".pt"
    return SAFETENSORS if start[8:9] == b"{" and length_of(start) <= min(LIMIT, size - 8) else ""
