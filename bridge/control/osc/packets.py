"""OSC packets: bytes to messages and back, with the bounds that the codec alone does not have."""

import math
import re
from dataclasses import dataclass
from typing import Any, TypeAlias

from pythonosc.osc_message import OscMessage, ParseError
from pythonosc.osc_message_builder import BuildError, OscMessageBuilder

from engine.parameters import Value
from engine.system.texts import mended

Arguments: TypeAlias = "list[Any]"

BUNDLE = b"#bundle\x00"
HEAD = 16  # bytes of a bundle before its first element
DEEPEST = 8  # bundles in bundles
MOST_ARGUMENTS = 64
UNKNOWN = re.compile(rb"[^ifdhsSTFNI\[\]]")  # of the types of arguments
# The codec knows neither I (impulse) nor S (symbol); they are laid out as T and s.
ALIKE = bytes.maketrans(b"IS", b"Ts")
LENGTHS = {"i": 4, "f": 4, "h": 8, "d": 8}  # bytes of an argument; none for those not named
FOREIGN = "cp1252"  # how programs that know no UTF-8 write texts, on most machines of the West
INT32 = 1 << 31
FLOAT32 = 3.4e38


class PacketError(ValueError):
    """The bytes are no OSC that means anything here."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message; arrays are taken apart, their elements stand in one row. `note` is what its
    sender should know of how it was read, in a sentence with the cure; empty for nothing.
    """

    address: str
    arguments: Arguments
    note: str = ""


def split(data: bytes, depth: int = 0) -> list[bytes]:
    """The messages of a packet, unparsed. A bundle that is damaged anywhere is damaged in all.

    The codec's own bundles are not used: a negative size keeps them in a loop for ever, and a
    thousand nested ones exhaust the stack.
    """
    if not data.startswith(BUNDLE):
        return [data]
    if depth == DEEPEST or len(data) < HEAD:
        raise PacketError("A bundle is too short or too deep.")
    found: list[bytes] = []
    place = HEAD
    while place < len(data):
        size = int.from_bytes(data[place : place + 4], "big")
        end = place + 4 + size
        if size == 0 or size % 4 or end > len(data):
            raise PacketError("An element of a bundle has a wrong size.")
        found += split(data[place + 4 : end], depth + 1)
        place = end
    return found


def parse(data: bytes) -> Message:
    """One message; PacketError where it is damaged or has no argument before one of a kind that is
    not known here. Texts that are not UTF-8 are read as cp1252, its undefined bytes as U+FFFD.
    """
    try:
        data, unknown = _checked(data)
        texts = _Texts()
        parsed = OscMessage(texts.mended(data))
        return Message(parsed.address, _flat(parsed.params), texts.note or unknown)
    except PacketError:
        raise
    except (ParseError, ValueError):
        raise PacketError("A message is damaged: its values are not of its types.") from None


def encoded(address: str, value: Value) -> bytes:
    """One message: f for a float, i for a whole number or a switch, s for text.

    Pure Data and others read no T, h or d. A number too large for its type goes as text, with all
    its digits.
    """
    builder = OscMessageBuilder(address)
    whole = isinstance(value, int)
    if whole and -INT32 <= value < INT32:
        builder.add_arg(int(value), "i")
    elif whole or isinstance(value, str) or (math.isfinite(value) and abs(value) > FLOAT32):
        builder.add_arg(mended(str(value)), "s")
    else:
        builder.add_arg(float(value), "f")
    try:
        return builder.build().dgram
    except BuildError:
        raise PacketError(f"{address:.80} cannot be told by OSC.") from None


def _checked(data: bytes) -> tuple[bytes, str]:
    """The same message with its type tags looked at; the codec would log and skip each unknown. Of
    what follows an unknown one nobody knows where it lies: there the message ends, which is said.
    """
    if not data.startswith(b"/") or len(data) % 4:
        raise PacketError("A datagram was no OSC, or was cut short.")
    start = (data.index(b"\0") | 3) + 1
    if start >= len(data):
        return data, ""  # old programs leave out the tags where there are no arguments
    end = data.index(b"\0", start)
    tags = data[start:end]
    if not tags.startswith(b","):
        raise PacketError(f"The types {_shown(tags)} are not known here.")
    if len(tags) > MOST_ARGUMENTS + 1:
        raise PacketError(f"A message has more than {MOST_ARGUMENTS} arguments.")
    found = UNKNOWN.search(tags, 1)
    if not found:
        return data[:start] + tags.translate(ALIKE) + data[end:], ""
    known = tags[: found.start()]
    if not known.strip(b",["):
        raise PacketError(f"The types {_shown(tags)} are not known here.")
    known += b"]" * (known.count(b"[") - known.count(b"]"))
    note = (
        f"Arguments of the type {_shown(found.group())} are not known here; what stands before "
        "it holds. Send numbers and texts only."
    )
    return data[:start] + _padded(known.translate(ALIKE)) + data[(end | 3) + 1 :], note


def _padded(data: bytes) -> bytes:
    return data + bytes(4 - len(data) % 4)


def _shown(tags: bytes) -> str:
    return repr(tags[:20].decode("ascii", "replace"))


class _Texts:
    """Reads the texts of one message, and notes what its sender should know of them."""

    def __init__(self) -> None:
        self.note = ""

    def mended(self, data: bytes) -> bytes:
        """The same message with its texts in UTF-8, as the codec reads them."""
        if data.isascii():
            return data
        address = data.index(b"\0")
        start = (address | 3) + 1
        if start >= len(data):
            return self._text(data)
        place = (data.index(b"\0", start) | 3) + 1
        parts = [self._text(data[:start]), data[start:place]]
        for tag in data[start:place].rstrip(b"\0").decode("ascii"):
            if tag == "s":
                end = (data.index(b"\0", place) | 3) + 1
                parts.append(self._text(data[place:end]))
            else:
                end = place + LENGTHS.get(tag, 0)
                parts.append(data[place:end])
            place = end
        return b"".join(parts) + data[place:]

    def _text(self, padded: bytes) -> bytes:
        """One text; of a pair of surrogates, which some programs write an emoji as, the emoji."""
        if padded.isascii() or len(padded) % 4:  # one that is cut short is the codec's to refuse
            return padded
        raw = padded.rstrip(b"\0")
        try:
            text = mended(raw.decode("utf-8", "surrogatepass"))
        except UnicodeDecodeError:
            text = raw.decode(FOREIGN, "replace")
            self.note = f"A text that is not UTF-8 was read as {FOREIGN}; send UTF-8."
        return _padded(text.encode())


def _flat(arguments: Arguments) -> Arguments:
    found: Arguments = []
    for argument in arguments:
        found += _flat(argument) if isinstance(argument, list) else [argument]
    return found
