"""The zip of a show file, read as if a stranger had made it: one plain part after another, and a
directory that agrees with them. Anything else is refused before it is unpacked.
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

LARGEST = 64 << 20  # bytes, packed and unpacked
MOST = 400  # files inside
RATIO = 100  # most bytes unpacked from one
SMALL = 64 << 10  # bytes unpacked, up to which the ratio does not matter
LONGEST = 80  # characters of a name inside
STORED, DEFLATED = 0, 8
PLAIN = 0x0806  # flags that change nothing here: how well it was packed, and a name in UTF-8
ZIP64 = 0x0001  # extra field
LINK = 0xA  # kind of file, in the upper bits of its Unix mode
FIRST_DAY = (1980, 1, 1, 0, 0, 0)

END = struct.Struct("<4s4H2IH")
LISTED = struct.Struct("<4s6H3I5H2I")
LOCAL = struct.Struct("<4s5H3I2H")


class BadZip(ValueError):
    """It is not the zip of a show; the text says why, to follow `it`."""


@dataclass(frozen=True, slots=True)
class _Row:
    """A file in the directory at the end."""

    name: bytes
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    start: int


def packed(files: Mapping[str, bytes]) -> bytes:
    """A zip of these files. The same files give the same bytes. BadZip if it is too large."""
    if len(files) > MOST:
        raise BadZip(f"has {len(files)} files; at most {MOST} fit")
    if sum(map(len, files.values())) > LARGEST:
        raise BadZip(f"has more than {LARGEST >> 20} MB; remove reference images")
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as zipped:
        for name, data in files.items():
            # images are packed already, and what is stored cannot look like a bomb
            small = len(zlib.compress(data, 6)) if name.endswith(".json") else 0
            dense = small > 0 and len(data) <= max(SMALL, RATIO // 2 * small)
            how = zipfile.ZIP_DEFLATED if dense else zipfile.ZIP_STORED
            zipped.writestr(zipfile.ZipInfo(name, FIRST_DAY), data, how, 6)
    return made.getvalue()


def unpacked(data: bytes) -> dict[str, bytes]:
    """The files of a zip by name: ASCII, and of no more than `LARGEST` bytes together. BadZip, and
    memory for no more than that, for anything that is not exactly so.
    """
    if len(data) > LARGEST:
        raise BadZip(f"is larger than {LARGEST >> 20} MB")
    rows = _directory(data)
    if sum(row.size for row in rows) > LARGEST:
        raise BadZip(f"would unpack to more than {LARGEST >> 20} MB")
    names = [row.name.lower() for row in rows]
    if len(set(names)) < len(names):
        raise BadZip("has two files of one name")
    return {_name(row.name): _content(data, row) for row in rows}


def _directory(data: bytes) -> list[_Row]:
    """The rows at the end; each begins where the one before ends, and nothing is in between."""
    if len(data) < END.size or not data.startswith((b"PK\3\4", b"PK\5\6")):
        raise BadZip("is not a zip file")
    place = len(data) - END.size
    mark, disk, first, here, count, size, start, more = END.unpack_from(data, place)
    if mark != b"PK\5\6" or more:
        raise BadZip("is cut off, or something is added at its end")
    if disk or first or here != count:
        raise BadZip("is in several parts")
    if 0xFFFF in (here, count) or 0xFFFFFFFF in (size, start):
        raise BadZip("is in the zip64 format, for files larger than these")
    if count > MOST:
        raise BadZip(f"has {count} files; at most {MOST} are accepted")
    if start + size != place:
        raise BadZip("has a directory that does not match")
    rows: list[_Row] = []
    at, due = start, 0
    for _ in range(count):
        row, at = _row(data, at, place)
        if row.start != due:
            raise BadZip("has files that overlap, or something between them")
        due = _end(data, row, start)
        rows.append(row)
    if at != place or due != start:
        raise BadZip("has a directory that does not match")
    return rows


def _row(data: bytes, at: int, place: int) -> tuple[_Row, int]:
    """The row at a place in the directory, and where the next one is."""
    if at + LISTED.size > place:
        raise BadZip("has a directory that does not match")
    (mark, made, needed, flags, method, _, _, crc, packed, size, name, extra, comment, disk, _,
     mode, start) = LISTED.unpack_from(data, at)  # fmt: skip
    end = at + LISTED.size + name + extra + comment
    if mark != b"PK\1\2" or end > place or disk:
        raise BadZip("has a directory that does not match")
    called = data[at + LISTED.size :][:name]
    row = _Row(called, flags, method, crc, packed, size, start)
    if made >> 8 == 3 and mode >> 28 == LINK:
        raise BadZip(f"has a link in it, {_shown(called)}")
    if flags & 0x2041 or flags & 0x0001:
        raise BadZip("is encrypted")
    if flags & ~PLAIN or method not in (STORED, DEFLATED) or needed & 0xFF > 20:
        raise BadZip(f"is packed in a way that is not accepted ({_shown(called)})")
    if 0xFFFFFFFF in (packed, size, start) or ZIP64 in _extras(data, end - extra - comment, extra):
        raise BadZip("is in the zip64 format, for files larger than these")
    if size > SMALL and size > RATIO * packed:
        raise BadZip(f"has a file that unpacks to {RATIO} times its size, {_shown(called)}")
    if method == STORED and size != packed:
        raise BadZip("has a directory that does not match")
    return row, end


def _extras(data: bytes, at: int, length: int) -> list[int]:
    """The kinds of extra fields."""
    kinds: list[int] = []
    end = at + length
    while at + 4 <= end:
        kind, size = struct.unpack_from("<2H", data, at)
        kinds.append(kind)
        at += 4 + size
    if at != end:
        raise BadZip("has a directory that does not match")
    return kinds


def _end(data: bytes, row: _Row, directory: int) -> int:
    """Where a file ends; BadZip if what stands before it does not agree with its row."""
    if row.start + LOCAL.size > directory:
        raise BadZip("has a directory that does not match")
    mark, needed, flags, method, _, _, crc, packed, size, name, extra = LOCAL.unpack_from(
        data, row.start
    )
    told = (flags, method, crc, packed, size, data[row.start + LOCAL.size :][:name])
    wanted = (row.flags, row.method, row.crc, row.packed, row.size, row.name)
    end = row.start + LOCAL.size + name + extra + packed
    if mark != b"PK\3\4" or needed & 0xFF > 20 or told != wanted or end > directory:
        raise BadZip("has a directory that does not match")
    if ZIP64 in _extras(data, row.start + LOCAL.size + name, extra):
        raise BadZip("is in the zip64 format, for files larger than these")
    return end


def _content(data: bytes, row: _Row) -> bytes:
    """The bytes of a file, as long as its row says, with the sum that its row says."""
    name, extra = struct.unpack_from("<2H", data, row.start + LOCAL.size - 4)
    begin = row.start + LOCAL.size + name + extra
    found = data[begin : begin + row.packed]
    if row.method == DEFLATED:
        opened = zlib.decompressobj(-15)
        try:
            found = opened.decompress(found, row.size + 1)
        except zlib.error:
            raise BadZip(f"is damaged ({_shown(row.name)})") from None
        if not opened.eof or opened.unused_data or opened.unconsumed_tail:
            raise BadZip(f"is damaged ({_shown(row.name)})")
    if len(found) != row.size or zlib.crc32(found) != row.crc:
        raise BadZip(f"is damaged ({_shown(row.name)})")
    return found


def _name(name: bytes) -> str:
    text = name.decode("ascii", errors="replace")
    if not name.isascii() or not text.isprintable() or not 0 < len(text) <= LONGEST:
        raise BadZip(f"has a file with a name that is not accepted, {_shown(name)}")
    return text


def _shown(name: bytes) -> str:
    return repr(name.decode("utf-8", errors="replace")[:60])
