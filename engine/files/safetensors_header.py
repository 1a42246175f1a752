"""Strict reader of `.safetensors` headers: whatever it accepts is valid.

The format is Hugging Face's: the header's length in 8 bytes, the header as a JSON object, then the
tensors' data, contiguous and in order. Free of torch.
"""

import json
import math
import re
from collections.abc import Iterator
from json import decoder
from typing import Any, BinaryIO, NamedTuple, TypeGuard

from engine.files.errors import AGAIN, LIMIT, MOST, WAIT, CheckpointError, damaged, shown
from engine.system.json_values import each_once, is_list, is_object

ENTRY = 4096  # bytes that a header may use per tensor
NOTES = 10_000  # metadata entries
LARGEST = 2**63 - 1  # bytes that a tensor's shape may require

ITEMSIZES = {  # bytes per number, by type name
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1,
    "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U64": 8, "U32": 4, "U16": 2, "U8": 1, "BOOL": 1,
}  # fmt: skip
FIELDS = {"dtype", "shape", "data_offsets"}
METADATA = "__metadata__"
WHITE = re.compile(r"[ \t\r\n]*")
scanstring: Any = decoder.scanstring  # type: ignore[attr-defined]  # typeshed leaves it out


class Entry(NamedTuple):
    """A tensor as described by a header; its data is in `begin` up to `end` (exclusive)."""

    dtype: str  # one of ITEMSIZES
    shape: list[int]
    begin: int
    end: int


def length_of(start: bytes) -> int:
    """The header's length, from the first 8 bytes of a file."""
    return int.from_bytes(start[:8], "little")


def entries(file: BinaryIO, name: str, size: int) -> dict[str, Entry]:
    """The tensors, by name, of a file of `size` bytes open at its start.

    CheckpointError if it is invalid.
    """
    start = file.read(8)
    length = length_of(start)
    if len(start) < 8 or length > size - 8:
        told = f"a header of {length} bytes" if len(start) == 8 else "a header's length of 8 bytes"
        raise damaged(name, f"{told} is expected, but the file has {size} in total")
    if length > LIMIT:
        raise damaged(name, f"its header has {length} bytes, at most {LIMIT} are allowed")
    raw = file.read(length)
    if len(raw) < length:
        raise damaged(
            name, f"a header of {length} bytes is expected, but only {len(raw)} are present"
        )
    found = _entries(raw, name)
    _check_places(found, size - 8 - length, name)
    if not found:
        raise CheckpointError(f"{name} contains no tensors; choose a weights file.")
    return found


def _entries(raw: bytes, name: str) -> dict[str, Entry]:
    """The header's entries, each checked by itself."""
    found: dict[str, Entry] = {}
    for key, described in _described(raw, name):
        if key in found:
            raise damaged(name, f"{shown(key)} occurs twice")
        if len(found) == MOST:
            raise damaged(name, f"it has more than {MOST} tensors")
        found[key] = _entry(key, described, name)
    return found


def _check_places(found: dict[str, Entry], size: int, name: str) -> None:
    """CheckpointError unless the tensors cover exactly the `size` bytes of data."""
    end, last = 0, ""
    for key, entry in sorted(found.items(), key=lambda item: item[1][2:]):
        if entry.begin != end:
            raise damaged(name, f"the data of {shown(key)} begins at {entry.begin}, expected {end}")
        end, last = entry.end, key
    if end != size:
        told = f", the last for {shown(last)}" if found else ""
        what = f"it has {size} bytes of data, expected {end}{told}"
        raise damaged(name, what, WAIT if size < end else AGAIN)


def _described(raw: bytes, name: str) -> Iterator[tuple[str, object]]:
    """The header's raw entries, one by one: Python's json would build the whole object first, up to
    30 times the size of a hostile header.
    """
    what = "its header must be a JSON object"
    noted = False
    try:
        text = _Json(raw.decode())
        for key in text.members():
            if key == METADATA:
                what = f"{key} must occur once and contain only text by name"
                if noted:
                    raise ValueError
                noted = True
                text.texts()
            else:
                what = (
                    f"{shown(key)} must be an object with the type, shape and offsets of a tensor"
                )
                yield key, text.entry()
            what = "its header must be a JSON object"
        text.end()
    except (LookupError, ValueError, RecursionError) as error:
        raise damaged(name, what) from error


class _Json:
    """Incremental JSON reader; ValueError if the text is not JSON."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def members(self) -> Iterator[str]:
        """An object's keys; read each value before advancing."""
        self._need("{")
        if self._take("}"):
            return
        while True:
            key = self.string()
            self._need(":")
            yield key
            if self._take("}"):
                return
            self._need(",")

    def string(self) -> str:
        self._need('"')
        value, self.at = scanstring(self.text, self.at, True)
        value.encode()  # rejects lone surrogates
        return value

    def texts(self) -> None:
        """Skip an object of at most `NOTES` strings."""
        for number, _ in enumerate(self.members()):
            self.string()
            if number > NOTES:
                raise ValueError

    def entry(self) -> object:
        """A short object without nested objects."""
        stop = self.text.index("}", self.at) + 1
        if stop - self.at > ENTRY:
            raise ValueError
        value = json.loads(self.text[self.at : stop], object_pairs_hook=each_once)
        self.at = stop
        return value

    def end(self) -> None:
        self._take("")
        if self.at != len(self.text):
            raise ValueError

    def _take(self, mark: str) -> bool:
        self.at = WHITE.match(self.text, self.at).end()  # type: ignore[union-attr]  # it matches nothing too
        there = self.text.startswith(mark, self.at)
        self.at += len(mark) if there else 0
        return there

    def _need(self, mark: str) -> None:
        if not self._take(mark):
            raise ValueError


def _entry(key: str, described: object, name: str) -> Entry:
    """CheckpointError if it does not describe a possible tensor."""

    def fault(what: str) -> CheckpointError:
        return damaged(name, f"{shown(key)} has {what}")

    if not is_object(described) or described.keys() != FIELDS:
        fields = shown([*described] if is_object(described) else described)
        raise fault(f"{fields}, expected dtype, shape and data_offsets")
    dtype, shape, place = described["dtype"], described["shape"], described["data_offsets"]
    if not isinstance(dtype, str) or dtype not in ITEMSIZES:
        raise fault(f"type {shown(dtype)}, expected one of {', '.join(ITEMSIZES)}")
    if not _counts(shape):
        raise fault(f"shape {shown(shape)}, expected integers of at least 0")
    if not _counts(place) or len(place) != 2 or place[0] > place[1]:
        raise fault(f"data_offsets {shown(place)}, expected begin and end")
    itemsize = ITEMSIZES[dtype]
    if math.prod(max(side, 1) for side in shape) * itemsize > LARGEST:
        raise fault(f"shape {shown(shape)}, which is too large for memory")
    wanted, there = math.prod(shape) * itemsize, place[1] - place[0]
    if there != wanted:
        raise fault(f"{there} bytes of data, but its shape and type need {wanted}")
    return Entry(dtype, shape, place[0], place[1])


def _counts(values: object) -> TypeGuard[list[int]]:
    """Whether this is a list of non-negative integers."""
    return is_list(values) and all(type(n) is int and n >= 0 for n in values)
