"""MIDI maps: which control of which port moves what. Kept in `midi.json`, beside the looks."""

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bridge.control.midi.parser import CHANNELS, FINE, Message, What
from bridge.show.showfile import LARGEST_MIDI
from bridge.state.actions import ActionError, ActionSpec
from bridge.system import whole_files
from engine.parameters import Kind, ParameterSpec, Value
from engine.system import held, json_values
from engine.system.json_values import is_list, is_object
from engine.system.texts import did_you_mean

log = logging.getLogger(__name__)

MOST = 512  # rows
LONGEST = 200  # characters of a port's name
MOVED = (Kind.FLOAT, Kind.INT, Kind.BOOL, Kind.CHOICE)  # kinds that a control can move
RANGED = (Kind.FLOAT, Kind.INT)  # kinds with `low` and `high`
# What systems add to a port's name, and change with each start: 24:0, or the number of the port
_ADDED = re.compile(r"(\s+\d+(:\d+)?)+$")


class MapError(ValueError):
    """A row that cannot be used; one sentence."""


def plain(port: str) -> str:
    """A port's name without what the system adds to it."""
    return _ADDED.sub("", port[:LONGEST]).strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One control, and the parameter or action that it moves.

    `port` is a part of the port's name, empty for any; `channel` is 0 for any, `number` -1 for any,
    which is of use for programs only. The ends of its way set `low` and `high`; None stands for the
    ends of the parameter's own range. A fader with `pickup` moves nothing until it passes the
    current value. An action gets the `value`, if it is not None.
    """

    port: str = ""
    channel: int = 0
    what: What
    number: int
    parameter: str = ""
    action: str = ""
    low: float | None = None
    high: float | None = None
    pickup: bool = True
    value: Value | None = None

    @property
    def target(self) -> str:
        """What it moves, as it is typed: `mix`, or `look 3`."""
        return self.parameter or " ".join(map(str, filter(None, (self.action, self.value))))

    def hears(self, port: str, message: Message) -> bool:
        """Whether a message of a port is of its control."""
        return (
            message.what is self.what
            and self.number in (-1, message.number)
            and self.channel in (0, message.channel)
            and self.port.casefold() in port.casefold()
        )

    def told(self) -> dict[str, Any]:
        """As in the file and in REST: without what does not concern it."""
        found: dict[str, Any] = {
            "port": self.port, "channel": self.channel, "kind": self.what.value,
            "number": self.number,
        }  # fmt: skip
        if self.action:
            return {**found, "action": self.action, "value": self.value}
        return {**found, "parameter": self.parameter, "from": self.low, "to": self.high,
                "pickup": self.pickup}  # fmt: skip

    def control(self) -> str:
        """The control in words: `controller 7 on channel 1 of nanoKONTROL`."""
        words = {What.CC: "controller", What.CC14: "14-bit controller"}
        named = "pitch bend" if self.what is What.PITCH else words.get(self.what, self.what.value)
        number = "" if self.what is What.PITCH or self.number < 0 else f" {self.number}"
        channel = f" on channel {self.channel}" if self.channel else ""
        return f"{named}{number}{channel}{f' of {self.port}' if self.port else ''}"


@dataclass(frozen=True, slots=True)
class Targets:
    """What controls can move: the parameters and actions of this bridge."""

    specs: Mapping[str, ParameterSpec]
    actions: Mapping[str, ActionSpec]

    def named(self, text: str) -> dict[str, Any]:
        """The fields of a row for a target as it is typed: a parameter's name, or an action's, with
        its value behind it. MapError for what no control can move.
        """
        text = text.strip().removeprefix("/bridge/")
        if text in self.specs:
            self.spec(text)
            return {"parameter": text}
        for end, part in enumerate((text, *text.rsplit(maxsplit=1)[:1], text.rpartition("/")[0])):
            if part in self.actions:
                given = text[len(part) + 1 :].strip() if end else ""
                return {"action": part, "value": self.value(part, given or None)}
        raise self._unknown(text, [*self.specs, *self.actions])

    def spec(self, name: str) -> ParameterSpec:
        """A parameter that a control can move; MapError for any other."""
        spec = self.specs.get(name)
        if spec is None:
            raise self._unknown(name, self.specs)
        if spec.looks:
            raise MapError(f"{name} is for loading a pipeline; save a look and let MIDI recall it.")
        if spec.kind not in MOVED:
            raise MapError(f"{name} takes {spec.accepts}, which no MIDI control sends.")
        return spec

    def value(self, action: str, value: object) -> Value | None:
        """An action's checked argument; MapError if it takes no such, or lacks one."""
        if action not in self.actions:
            raise self._unknown(action, self.actions)
        argument = self.actions[action].argument
        if value is None:
            return None
        if argument is None:
            raise MapError(f"{action} takes no value.")
        try:
            return argument.spec.coerce(value)
        except ValueError as error:
            raise MapError(f"{action}: {error}") from error

    def row(self, given: object) -> Row:
        """A row as `Row.told` writes it; MapError if it is not exactly that."""
        if not is_object(given):
            raise MapError("A map is an object with port, channel, kind, number and a target.")
        left = dict(given)
        try:
            what = What(left.pop("kind", None))
        except ValueError:
            raise MapError(f"The kind of a map is one of {', '.join(What)}.") from None
        port = left.pop("port", "")
        if not isinstance(port, str) or len(port) > LONGEST or not port.isprintable():
            raise MapError(f"The port of a map is a text of at most {LONGEST} characters.")
        channel = _whole(left.pop("channel", 0), "channel", 0, CHANNELS)
        least = -1 if what is What.PROGRAM else 0
        most = {What.CC14: FINE - 1, What.PITCH: 0}.get(what, 127)
        number = _whole(left.pop("number", least), "number", least, most)
        name, action = left.pop("parameter", ""), left.pop("action", "")
        if bool(name) == bool(action) or not isinstance(name or action, str):
            raise MapError("A map has either a parameter or an action.")
        if action:
            value = self.value(action, left.pop("value", None))
            argument = self.actions[action].argument
            if value is None and argument and argument.needed and what is not What.PROGRAM:
                raise MapError(f"{action} needs its value: {argument.spec.accepts}.")
            _no_more(left)
            return Row(port=port, channel=channel, what=what, number=number, action=action,
                       value=value)  # fmt: skip
        spec = self.spec(name)
        low, high = (_bound(left.pop(end, None), end, spec) for end in ("from", "to"))
        pickup = left.pop("pickup", True)
        if not isinstance(pickup, bool):
            raise MapError("The pickup of a map is true or false.")
        _no_more(left)
        return Row(port=port, channel=channel, what=what, number=number, parameter=name,
                   low=low, high=high, pickup=pickup)  # fmt: skip

    def _unknown(self, name: str, among: Iterable[str]) -> MapError:
        guess = did_you_mean(name, [*among])
        return MapError(f"There is no parameter or action {name!r:.130}.{guess}")


def _whole(value: object, name: str, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise MapError(f"The {name} of a map is a whole number from {least} to {most}.")
    return value


def _bound(value: object, name: str, spec: ParameterSpec) -> float | None:
    """One end of a row's range; a range for a switch or a choice is refused."""
    if value is None:
        if spec.kind in RANGED and None in (spec.minimum, spec.maximum):
            raise MapError(f"{spec.name} has no range of its own: give the map `from` and `to`.")
        return None
    if spec.kind not in RANGED:
        raise MapError(f"{spec.name} has no range; leave out `{name}`.")
    try:
        return float(spec.check(value))
    except ValueError as error:
        raise MapError(f"`{name}`: {error}") from error


def _no_more(left: Mapping[str, object]) -> None:
    if left:
        raise MapError(f"A map has no {', '.join(map(repr, left))!s:.130} with this target.")


@dataclass(slots=True)
class Maps:
    """The rows of the show. Any thread may read `rows`, which is replaced and never changed; `read`
    and `choose` use the disk.
    """

    path: Path
    targets: Targets
    rows: Sequence[Row] = ()
    trouble: str = ""  # why the file is skipped, in one sentence
    _left: Sequence[Mapping[str, Any]] = field(default=())  # of a plug-in that is not installed now

    def read(self) -> None:
        """Read the file, if there is one; a bad one is named, and kept when another is saved."""
        self.rows, self._left, self.trouble = (), (), ""
        try:
            found: Any = whole_files.read_json(self.path, LARGEST_MIDI)
            self.rows, self._left = self._of(found)
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            self.trouble = f"{self.path} is skipped: {str(error).rstrip('.')}."
            log.warning("%s", self.trouble)

    def _of(self, found: object) -> tuple[Sequence[Row], Sequence[Mapping[str, Any]]]:
        """The rows in a file, and those whose target does not exist here."""
        found = json_values.plain(found)
        if not is_object(found) or not is_list(given := found.get("maps")) or len(given) > MOST:
            raise MapError("it is no list of MIDI maps")
        rows: list[Row] = []
        left: list[Mapping[str, Any]] = []
        known = {*self.targets.specs, *self.targets.actions}
        for each in given:
            target = (each.get("parameter") or each.get("action")) if is_object(each) else None
            if is_object(each) and isinstance(target, str) and target not in known:
                left.append(dict(each))
            else:
                rows.append(self.targets.row(each))
        return tuple(rows), tuple(left)

    def checked(self, given: Sequence[object]) -> Sequence[Row]:
        """Rows as REST gives them; MapError, with the place of the bad one."""
        if len(given) > MOST:
            raise MapError(f"There are at most {MOST} maps.")
        rows: list[Row] = []
        for place, each in enumerate(given, 1):
            try:
                rows.append(self.targets.row(each))
            except MapError as error:
                raise MapError(f"Map {place}: {error}") from error
        return tuple(rows)

    def choose(self, rows: Sequence[Row]) -> None:
        """Use these rows and no others; ActionError if they cannot be saved."""
        if len(rows) > MOST:
            raise ActionError(f"There are {MOST} MIDI maps already; delete one.")
        told = {"maps": [*(row.told() for row in rows), *self._left]}
        try:
            content = whole_files.as_json(told, LARGEST_MIDI)
        except ValueError as error:
            raise ActionError(f"The MIDI maps are not saved: they are {error}.") from error
        try:
            if self.trouble:
                held.replace(self.path, self.path.with_suffix(".bad"))
            whole_files.write(self.path, content)
        except OSError as error:
            raise ActionError(
                f"The MIDI maps are not saved: {self.path} cannot be written "
                f"({held.told(error)}).", 507
            ) from error  # fmt: skip
        self.rows, self.trouble = tuple(rows), ""
