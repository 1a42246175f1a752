"""OSC packets: bytes to messages and back, with limits that the codec lacks."""

import math
import re
from functools import lru_cache
from struct import Struct
from typing import Any, NamedTuple, TypeAlias

from pythonosc.osc_message import OscMessage, ParseError
from pythonosc.osc_message_builder import BuildError, OscMessageBuilder

from engine.parameters import Value
from engine.system.texts import mended

Arguments: TypeAlias = "list[Any]"

BUNDLE = b"#bundle\x00"
HEAD = 16  # bytes of a bundle before its first element
DEEPEST = 8  # nested bundles
MOST_ARGUMENTS = 64
UNKNOWN = re.compile(rb"[^ifdhsSTFNI\[\]]")  # argument type tags
# The codec does not know I (impulse) and S (symbol); their layout is that of T and s.
ALIKE = bytes.maketrans(b"IS", b"Ts")
NUMBERS = re.compile(rb",[ifhd]+")  # type tags of a message of numbers only
LAYOUT = str.maketrans("h,", "q>")  # its type tags as `struct` spells them
LONGEST_HEAD = 512  # bytes of an address and type tags whose layout is remembered
LAYOUTS = 512  # of them
LENGTHS = {"i": 4, "f": 4, "h": 8, "d": 8}  # bytes per argument; 0 for other types
FOREIGN = "cp1252"  # text encoding of programs without UTF-8, on most Western machines
INT32 = 1 << 31
FLOAT32 = 3.4e38


class PacketError(ValueError):
    """The bytes are not valid OSC; `Handler.refuse` counts and reports it."""


class Message(NamedTuple):
    """One message; arrays are flattened. `note` is advice for the sender on how it was read, in a
    sentence with the cure; empty for none.
    """

    address: str
    arguments: Arguments
    note: str = ""


def split(data: bytes, depth: int = 0) -> list[bytes]:
    """The messages of a packet, unparsed. A bundle that is damaged anywhere is refused as a whole.

    The codec's own bundle parser is not used: a negative size loops it for ever, and a thousand
    nested bundles exhaust the stack.
    """
    if not data.startswith(BUNDLE):
        return [data]
    if depth == DEEPEST or len(data) < HEAD:
        raise PacketError("A bundle is too short or nested too deep.")
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
    """One message; PacketError if it is damaged or its first argument has an unknown type. Text
    that is not UTF-8 is read as cp1252, its undefined bytes as U+FFFD.
    """
    # A fader's messages differ only in their numbers: address and type tags are read once.
    head = data[: (data.find(b"\0", data.find(b"\0,") + 1) | 3) + 1]
    numbers = _numbers(head) if len(head) <= LONGEST_HEAD else None
    if numbers and len(data) == len(head) + numbers[1].size:
        return Message(numbers[0], [*numbers[1].unpack_from(data, len(head))])
    return _parsed(data)


@lru_cache(LAYOUTS)
def _numbers(head: bytes) -> tuple[str, Struct] | None:
    """The address and the layout of the numbers that follow it and its type tags; None if the
    message holds anything else, or is not valid.
    """
    tags = head[head.find(b"\0,") + 1 :].rstrip(b"\0")
    if not NUMBERS.fullmatch(tags):
        return None
    layout = Struct(tags.decode().translate(LAYOUT))
    try:
        example = _parsed(head + bytes(layout.size))
    except PacketError:
        return None
    return None if example.note else (example.address, layout)


def _parsed(data: bytes) -> Message:
    try:
        data, unknown = _checked(data)
        texts = _Texts()
        parsed = OscMessage(texts.mended(data))
        return Message(parsed.address, _flat(parsed.params), texts.note or unknown)
    except PacketError:
        raise
    except (ParseError, ValueError):
        raise PacketError("A message is damaged: its values do not match its type tags.") from None


def encoded(address: str, value: Value) -> bytes:
    """One message: f for a float, i for an integer or a switch, s for text.

    Pure Data and others do not read T, h or d. A number too large for its type is sent as text,
    with all its digits.
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
        raise PacketError(f"{address:.80} cannot be sent by OSC.") from None


def _checked(data: bytes) -> tuple[bytes, str]:
    """The message with its type tags checked; the codec would log and skip unknown ones. What
    follows an unknown type cannot be located: the message is cut there, and a note says so.
    """
    if not data.startswith(b"/") or len(data) % 4:
        raise PacketError("A datagram was not OSC, or was cut short.")
    start = (data.index(b"\0") | 3) + 1
    if start >= len(data):
        return data, ""  # old programs omit the tags if there are no arguments
    end = data.index(b"\0", start)
    tags = data[start:end]
    if not tags.startswith(b","):
        raise PacketError(f"Unknown type tags {_shown(tags)}.")
    if len(tags) > MOST_ARGUMENTS + 1:
        raise PacketError(f"A message has more than {MOST_ARGUMENTS} arguments.")
    found = UNKNOWN.search(tags, 1)
    if not found:
        return data[:start] + tags.translate(ALIKE) + data[end:], ""
    known = tags[: found.start()]
    if not known.strip(b",["):
        raise PacketError(f"Unknown type tags {_shown(tags)}.")
    known += b"]" * (known.count(b"[") - known.count(b"]"))
    note = (
        f"Unknown argument type {_shown(found.group())}; only the arguments before it are used. "
        "Send only numbers and text."
    )
    return data[:start] + _padded(known.translate(ALIKE)) + data[(end | 3) + 1 :], note


def _padded(data: bytes) -> bytes:
    return data + bytes(4 - len(data) % 4)


def _shown(tags: bytes) -> str:
    return repr(tags[:20].decode("ascii", "replace"))


class _Texts:
    """Reads the texts of one message, and notes advice for its sender."""

    def __init__(self) -> None:
        self.note = ""

    def mended(self, data: bytes) -> bytes:
        """The message with its texts in UTF-8, as the codec expects."""
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
        """One text; a surrogate pair, as some programs write an emoji, becomes the emoji."""
        if padded.isascii() or len(padded) % 4:  # a truncated one is left for the codec to refuse
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
