"""OSC packets: bytes to messages and back, with the bounds that the codec alone does not have."""

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

from pythonosc.osc_message import OscMessage, ParseError
from pythonosc.osc_message_builder import BuildError, OscMessageBuilder

from engine.parameters import Value

Arguments: TypeAlias = "list[Any]"

BUNDLE = b"#bundle\x00"
HEAD = 16  # bytes of a bundle before its first element
DEEPEST = 8  # bundles in bundles
MOST_ARGUMENTS = 64
KNOWN_TAGS = b"ifdhsSTFNI[]"
# The codec knows neither I (impulse) nor S (symbol); they are laid out as T and s.
ALIKE = bytes.maketrans(b"IS", b"Ts")
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
        parsed = OscMessage(_checked(data))
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
        # Text that came by HTTP may hold half a surrogate pair, which no OSC string can.
        builder.add_arg(str(value).encode("utf-8", "replace").decode(), "s")
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


def _flat(arguments: Arguments) -> Arguments:
    found: Arguments = []
    for argument in arguments:
        found += _flat(argument) if isinstance(argument, list) else [argument]
    return found
