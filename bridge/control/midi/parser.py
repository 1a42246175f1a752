"""Bytes of a MIDI port, cut anywhere, to messages."""

from dataclasses import dataclass
from enum import StrEnum


class What(StrEnum):
    """Kinds of messages that move something; `number` and the range of `value` beside each."""

    CC = "cc"  # the controller; 0 to 127
    CC14 = "cc14"  # the controller of the upper seven bits; 0 to 16383
    NOTE = "note"  # the note; its velocity, 0 when it is released
    PITCH = "pitch"  # 0; 0 to 16383
    PROGRAM = "program"  # the program, from 0; 127


class Beat(StrEnum):
    """Messages of a clock."""

    CLOCK = "clock"  # 24 per beat
    START = "start"
    CONTINUE = "continue"
    STOP = "stop"


LARGEST = {What.CC14: 16383, What.PITCH: 16383}  # value; of the others 127
FINE = 32  # controller n + 32 has the lower seven bits of controller n, of the first 32
CHANNELS = 16
_LENGTHS = {0x80: 2, 0x90: 2, 0xA0: 2, 0xB0: 2, 0xC0: 1, 0xD0: 1, 0xE0: 2}  # data bytes
_SYSTEM = {0xF1: 1, 0xF2: 2, 0xF3: 1}  # data bytes of messages that are skipped
_SYSEX = 0xF0
_BEATS = {0xF8: Beat.CLOCK, 0xFA: Beat.START, 0xFB: Beat.CONTINUE, 0xFC: Beat.STOP}


@dataclass(frozen=True, slots=True)
class Message:
    """A control that moved; `channel` is 1 to 16."""

    what: What
    channel: int
    number: int
    value: int

    @property
    def position(self) -> float:
        """Its value as a part of the largest, 0 to 1."""
        return self.value / LARGEST.get(self.what, 127)

    @property
    def pressed(self) -> bool:
        """Whether it counts as a button that is down."""
        if self.what is What.NOTE:
            return self.value > 0
        return self.position >= 0.5


class Parser:
    """Of one port. Keeps what the next bytes depend on: the running status, a message that is cut,
    and the upper bits of 14-bit controllers. System exclusive messages are skipped, of any length.
    """

    def __init__(self) -> None:
        self._status = 0  # 0: data bytes belong to nothing
        self._data: list[int] = []
        self._upper: dict[tuple[int, int], int] = {}  # by channel and controller: at most 512

    def feed(self, data: bytes) -> list[Message | Beat]:
        """The messages that these bytes complete, in order. Never raises."""
        found: list[Message | Beat] = []
        for byte in data:
            if byte >= 0xF8:  # a clock may come amid another message
                if beat := _BEATS.get(byte):
                    found.append(beat)
            elif byte >= 0x80:
                self._status, self._data = byte, []
            elif self._status and self._status != _SYSEX:
                self._data.append(byte)
                self._complete(found)
        return found

    def _complete(self, found: list[Message | Beat]) -> None:
        """Add the message that the data bytes complete, if they do."""
        status = self._status
        needed = _SYSTEM.get(status, 0) if status >= _SYSEX else _LENGTHS[status & 0xF0]
        if len(self._data) < needed:
            return
        data, self._data = self._data, []
        if status >= _SYSEX:
            self._status = 0  # system messages end the running status
            return
        channel = (status & 0x0F) + 1
        match status & 0xF0, data:
            case 0x80, [note, _]:
                found.append(Message(What.NOTE, channel, note, 0))
            case 0x90, [note, velocity]:
                found.append(Message(What.NOTE, channel, note, velocity))
            case 0xB0, [number, value]:
                found.append(Message(What.CC, channel, number, value))
                self._pair(found, channel, number, value)
            case 0xC0, [program]:
                found.append(Message(What.PROGRAM, channel, program, 127))
            case 0xE0, [low, high]:
                found.append(Message(What.PITCH, channel, 0, high << 7 | low))
            case _:  # pressure
                pass

    def _pair(self, found: list[Message | Beat], channel: int, number: int, value: int) -> None:
        """A 14-bit controller sends its upper bits, then its lower ones; then only what changes."""
        if number < FINE:
            self._upper[channel, number] = value
        elif (upper := self._upper.get((channel, number - FINE))) is not None:
            found.append(Message(What.CC14, channel, number - FINE, upper << 7 | value))


def encoded(what: What, channel: int, number: int, position: float) -> bytes:
    """The message that shows a control's position, 0 to 1, on a controller; empty for a kind that
    none shows.
    """
    value = round(min(max(position, 0.0), 1.0) * LARGEST.get(what, 127))
    low = channel - 1
    match what:
        case What.CC:
            return bytes((0xB0 | low, number, value))
        case What.CC14:
            fine = bytes((0xB0 | low, number + FINE, value & 0x7F))
            return bytes((0xB0 | low, number, value >> 7)) + fine
        case What.NOTE:
            return bytes((0x90 | low, number, value))
        case What.PITCH:
            return bytes((0xE0 | low, value & 0x7F, value >> 7))
        case What.PROGRAM:
            return b""
