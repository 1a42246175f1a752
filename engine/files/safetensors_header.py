"""The header of a `.safetensors` file, read strictly: what is accepted here is sound.

The format is Hugging Face's: the header's length in 8 bytes, the header as an object of JSON, and
the data, each tensor's behind the one before, without a gap. Free of torch.
"""

import json
import math
import re
from collections.abc import Iterator
from json import decoder
from typing import Any, BinaryIO, NamedTuple

from engine.files.errors import AGAIN, LIMIT, MOST, WAIT, CheckpointError, damaged, shown

ENTRY = 4096  # bytes that a header may take to describe one tensor
NOTES = 10_000  # texts of the metadata
LARGEST = 2**63 - 1  # bytes that a tensor's shape may ask for

ITEMSIZES = {  # bytes of one number, by the name of its type
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1,
    "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U64": 8, "U32": 4, "U16": 2, "U8": 1, "BOOL": 1,
}  # fmt: skip
FIELDS = {"dtype", "shape", "data_offsets"}
METADATA = "__metadata__"
WHITE = re.compile(r"[ \t\r\n]*")
scanstring: Any = decoder.scanstring  # type: ignore[attr-defined]


class Entry(NamedTuple):
    """A tensor as a header describes it; its data is from `begin` to before `end`."""

    dtype: str  # one of ITEMSIZES
    shape: list[int]
    begin: int
    end: int


def length_of(start: bytes) -> int:
    """The header's length, of the first 8 bytes of a file."""
    return int.from_bytes(start[:8], "little")


def entries(file: BinaryIO, name: str, size: int) -> dict[str, Entry]:
    """What a file of `size` bytes, open at its start, holds, by the names of its tensors.

    CheckpointError where it is not sound.
    """
    start = file.read(8)
    length = length_of(start)
    if len(start) < 8 or length > size - 8:
        told = f"a header of {length} bytes" if len(start) == 8 else "a header's length of 8 bytes"
        raise damaged(name, f"{told} is expected where the file has {size} in all")
    if length > LIMIT:
        raise damaged(name, f"its header has {length} bytes where {LIMIT} at most are expected")
    raw = file.read(length)
    if len(raw) < length:
        raise damaged(name, f"a header of {length} bytes is expected where {len(raw)} are there")
    found = _entries(raw, name)
    _check_places(found, size - 8 - length, name)
    if not found:
        raise CheckpointError(
            f"{name} holds nothing where tensors by name are expected; choose a file of weights."
        )
    return found


def _entries(raw: bytes, name: str) -> dict[str, Entry]:
    """The header's entries, each whole in itself."""
    found: dict[str, Entry] = {}
    for key, described in _described(raw, name):
        if key in found:
            raise damaged(name, f"{shown(key)} is there twice where once is expected")
        if len(found) == MOST:
            raise damaged(name, f"more than {MOST} tensors are there where fewer are expected")
        found[key] = _entry(key, described, name)
    return found


def _check_places(found: dict[str, Entry], size: int, name: str) -> None:
    """CheckpointError unless the tensors are exactly the `size` bytes of data."""
    end, last = 0, ""
    for key, entry in sorted(found.items(), key=lambda item: item[1][2:]):
        if entry.begin != end:
            raise damaged(
                name, f"the data of {shown(key)} begins at {entry.begin} where {end} is expected"
            )
        end, last = entry.end, key
    if end != size:
        told = f", the last of {shown(last)}" if found else ""
        what = f"{size} bytes of data are there where {end} are expected{told}"
        raise damaged(name, what, WAIT if size < end else AGAIN)


def _described(raw: bytes, name: str) -> Iterator[tuple[str, Any]]:
    """The header's entries as they are, one by one: Python's own reader would first build all of
    it, which can be 30 times as large as a hostile header is.
    """
    what = "an object of JSON is expected as its header"
    noted = False
    try:
        text = _Json(raw.decode())
        for key in text.members():
            if key == METADATA:
                what = f"text by name is expected, once, as {key}"
                if noted:
                    raise ValueError
                noted = True
                text.texts()
            else:
                what = f"type, shape and place of a tensor are expected as {shown(key)}"
                yield key, text.entry()
            what = "an object of JSON is expected as its header"
        text.end()
    except (LookupError, ValueError, RecursionError) as error:
        raise damaged(name, what) from error


class _Json:
    """JSON read from its front, piece by piece; ValueError where it is none."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def members(self) -> Iterator[str]:
        """An object's keys; the value of each is to be read before the next."""
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
        value.encode()  # half a character is none
        return value

    def texts(self) -> None:
        """An object of strings, not of many, passed over."""
        for number, _ in enumerate(self.members()):
            self.string()
            if number > NOTES:
                raise ValueError

    def entry(self) -> Any:
        """An object without objects in it, and not a long one."""
        stop = self.text.index("}", self.at) + 1
        if stop - self.at > ENTRY:
            raise ValueError
        value = json.loads(self.text[self.at : stop], object_pairs_hook=_once)
        self.at = stop
        return value

    def end(self) -> None:
        self._take("")
        if self.at != len(self.text):
            raise ValueError

    def _take(self, mark: str) -> bool:
        self.at = WHITE.match(self.text, self.at).end()  # type: ignore[union-attr]
        there = self.text.startswith(mark, self.at)
        self.at += len(mark) if there else 0
        return there

    def _need(self, mark: str) -> None:
        if not self._take(mark):
            raise ValueError


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError
    return found


def _entry(key: str, described: Any, name: str) -> Entry:
    """CheckpointError where it describes no tensor that can be."""

    def fault(what: str) -> CheckpointError:
        return damaged(name, f"{shown(key)} has {what}")

    if not isinstance(described, dict) or described.keys() != FIELDS:
        fields = shown(list(described))
        raise fault(f"{fields} where dtype, shape and data_offsets are expected")
    dtype, shape, place = described["dtype"], described["shape"], described["data_offsets"]
    if not isinstance(dtype, str) or dtype not in ITEMSIZES:
        raise fault(f"type {shown(dtype)} where one of {', '.join(ITEMSIZES)} is expected")
    if not _counts(shape):
        raise fault(f"shape {shown(shape)} where whole numbers from 0 on are expected")
    if not _counts(place) or len(place) != 2 or place[0] > place[1]:
        raise fault(f"place {shown(place)} where its data's begin and end are expected")
    itemsize = ITEMSIZES[dtype]
    if math.prod(max(side, 1) for side in shape) * itemsize > LARGEST:
        raise fault(f"shape {shown(shape)} where one that memory can hold is expected")
    wanted, there = math.prod(shape) * itemsize, place[1] - place[0]
    if there != wanted:
        raise fault(f"{there} bytes of data where its shape and type need {wanted}")
    return Entry(dtype, shape, place[0], place[1])


def _counts(values: Any) -> bool:
    """Whether that is a list of whole numbers, none below 0."""
    return isinstance(values, list) and all(type(n) is int and n >= 0 for n in values)
