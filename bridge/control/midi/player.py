"""What the controls of the maps do: values of parameters, and buttons pressed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from bridge.control.midi.maps import RANGED, Row
from bridge.control.midi.parser import LARGEST, Message, What, encoded
from engine.parameters import Kind, ParameterSpec, Value


@dataclass(slots=True)
class Grip:
    """How one control of one port holds its row's target."""

    last: float | None = None  # its position, 0 to 1
    down: bool = False
    holds: bool = False
    value: Value | None = None  # of the parameter, as it was when it moved it last
    at: float = float("-inf")  # when it moved last
    shown: bytes = b""  # the message of its position, or of what was sent to it

    def takes(self, position: float, meant: float, current: Value, step: float) -> bool:
        """Whether a fader at a position moves a parameter that is `current`, where the fader would
        be at `meant`: once it has passed it, until somebody else moves the parameter.
        """
        if self.holds and current != self.value:
            self.holds = False
        last, self.last = self.last, position
        near = abs(position - meant) <= step / 2
        passed = last is not None and (last - meant) * (position - meant) <= 0
        self.holds = self.holds or near or passed
        self.value = current  # until it has moved it
        return self.holds


def moved(row: Row, spec: ParameterSpec, message: Message, grip: Grip, current: Value,
          ) -> Value | None:  # fmt: skip
    """The value that a message sets; None for none. Notes set a number to the row's upper end,
    toggle a switch, and step through choices.
    """
    pressed = message.pressed and message.what in (What.NOTE, What.PROGRAM)
    button = message.what in (What.NOTE, What.PROGRAM)
    if button and not pressed:
        return None
    if spec.kind is Kind.BOOL:
        return not current if button else message.pressed
    if spec.kind is Kind.CHOICE:
        count = len(spec.choices)
        if button:
            return spec.choices[(spec.choices.index(str(current)) + 1) % count]
        return spec.choices[min(int(message.position * count), count - 1)]
    low, high = ends(row, spec)
    if button:
        return high
    step = 1 / LARGEST.get(message.what, 127)
    meant = position(row, spec, current)
    if row.pickup and not grip.takes(message.position, meant, current, step):
        return None
    return low + message.position * (high - low)


def ends(row: Row, spec: ParameterSpec) -> tuple[float, float]:
    """What the ends of a control's way set."""
    low = spec.minimum if row.low is None else row.low
    high = spec.maximum if row.high is None else row.high
    return float(low or 0.0), float(high or 0.0)


def position(row: Row, spec: ParameterSpec, value: Value) -> float:
    """Where a control stands, 0 to 1, that shows a parameter's value."""
    if spec.kind in RANGED:
        low, high = ends(row, spec)
        part = (float(value) - low) / (high - low) if high != low else 0.0
        return min(max(part, 0.0), 1.0)
    if spec.kind is Kind.CHOICE:
        return (spec.choices.index(str(value)) + 0.5) / len(spec.choices)
    return float(cast(bool, value))  # its kind


def shown(row: Row, specs: Mapping[str, ParameterSpec], values: Mapping[str, Value]) -> bytes:
    """The message that shows a row's parameter on its control; empty if it has none. A lamp under a
    note is on if the parameter is where the note sets it.
    """
    if not row.parameter or row.number < 0:
        return b""
    spec, value = specs[row.parameter], values[row.parameter]
    part = position(row, spec, value)
    if row.what is What.NOTE:
        part = float(part >= 1 or (spec.kind is Kind.CHOICE and value != spec.default))
    return encoded(row.what, row.channel or 1, row.number, part)
