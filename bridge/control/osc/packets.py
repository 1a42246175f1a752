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
KNOWN_TAGS = b"ifdhsSTFNI[]"
# The codec knows neither I (impulse) nor S (symbol); they are laid out as T and s.
ALIKE = bytes.maketrans(b"IS", b"Ts")
LENGTHS = {"i": 4, "f": 4, "h": 8, "d": 8}  # bytes of an argument; none for those not named
HALF = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]")  # of a surrogate pair, as bytes
INSTEAD = "\ufffd".encode()
INT32 = 1 << 31
FLOAT32 = 3.4e38


class PacketError(ValueError):
    """The bytes are no OSC that means anything here."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message; arrays are taken apart, their elements stand in one row."""

    address: str
    arguments: Arguments


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
    """One message; PacketError where it is damaged or has arguments of a kind not known here."""
    try:
        parsed = OscMessage(_mended(_checked(data)))
        return Message(parsed.address, _flat(parsed.params))
    except PacketError:
        raise
    except (ParseError, ValueError) as error:
        raise PacketError(f"A message is damaged: {error}") from None


def encoded(address: str, value: Value) -> bytes:
    """One message: f for a float, i for a whole number or a switch, s for text.

    Pure Data and others read no T, h or d. A number too large for its type goes as f or as text.
    """
    builder = OscMessageBuilder(address)
    if isinstance(value, int) and -INT32 <= value < INT32:
        builder.add_arg(int(value), "i")
    elif isinstance(value, str) or (math.isfinite(value) and abs(value) > FLOAT32):
        builder.add_arg(mended(str(value)), "s")
    else:
        builder.add_arg(float(value), "f")
    try:
        return builder.build().dgram
    except BuildError as error:
        raise PacketError(f"{address} cannot be told: {error}") from None


def _checked(data: bytes) -> bytes:
    """The same message with its type tags looked at; the codec would log and skip each unknown."""
    if not data.startswith(b"/") or len(data) % 4:
        raise PacketError("A datagram was no OSC, or was cut short.")
    start = (data.index(b"\0") | 3) + 1
    if start >= len(data):
        return data  # old programs leave out the tags where there are no arguments
    end = data.index(b"\0", start)
    tags = data[start:end]
    if not tags.startswith(b",") or tags[1:].translate(None, KNOWN_TAGS):
        raise PacketError(f"The types {tags[:20].decode('ascii', 'replace')!r} are not known here.")
    if len(tags) > MOST_ARGUMENTS + 1:
        raise PacketError(f"A message has more than {MOST_ARGUMENTS} arguments.")
    return data[:start] + tags.translate(ALIKE) + data[end:]


def _mended(data: bytes) -> bytes:
    """The same message with halves of surrogate pairs in its strings as U+FFFD, which is as long:
    some programs write emoji as two such halves.
    """
    if not HALF.search(data):
        return data
    address = data.index(b"\0")
    start = (address | 3) + 1
    place = (data.index(b"\0", start) | 3) + 1
    parts = [HALF.sub(INSTEAD, data[:place])]
    for tag in data[start:place].rstrip(b"\0").decode("ascii", "replace"):
        if tag == "s":
            end = (data.index(b"\0", place) | 3) + 1
            parts.append(HALF.sub(INSTEAD, data[place:end]))
        else:
            end = place + LENGTHS.get(tag, 0)
            parts.append(data[place:end])
        place = end
    return b"".join(parts) + data[place:]


def _flat(arguments: Arguments) -> Arguments:
    found: Arguments = []
    for argument in arguments:
        found += _flat(argument) if isinstance(argument, list) else [argument]
    return found
