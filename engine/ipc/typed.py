"""Messages that are frozen dataclasses, as JSON: how they are written, and what is accepted.

On the wire a message is a JSON object of its fields, with the name of its class as `type`. A
field's annotation gives its limits as well as its type, and both are checked on receipt: anything
that is not exactly one of a `Vocabulary`, field by field, is a `ProtocolError`.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, fields
from enum import IntEnum
from functools import cache, partial
from reprlib import repr as short
from typing import (
    Annotated,
    Any,
    Generic,
    Protocol,
    TypeVar,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

from engine.parameters import Value
from engine.system.json_values import is_list, is_object

LARGEST_REPORT = 100_000  # characters and values of a pipeline's report
DEEPEST_REPORT = 16  # nesting depth of lists and objects


class ProtocolError(ValueError):
    """The other end sent something that is not one of these messages; one sentence."""


# The limits of a field.


class Bound(Protocol):
    """A condition on a field's value; `str` describes it."""

    def holds(self, value: Any) -> bool:
        """Whether a value of the field's type is allowed."""
        ...


@dataclass(frozen=True, slots=True)
class Within:
    """A number from `least` to `most`, not NaN."""

    least: float
    most: float

    def holds(self, value: float) -> bool:
        """See `Bound`."""
        return self.least <= value <= self.most

    def __str__(self) -> str:
        return f"{self.least:.16g} to {self.most:.16g}"


@dataclass(frozen=True, slots=True)
class Letters:
    """A text of at most `most` characters."""

    most: int

    def holds(self, value: str) -> bool:
        """See `Bound`."""
        return len(value) <= self.most

    def __str__(self) -> str:
        return f"at most {self.most} characters"


@dataclass(frozen=True, slots=True)
class Few:
    """At most this many texts by name, each of at most this many characters."""

    most: int
    longest: int

    def holds(self, value: Mapping[str, str]) -> bool:
        """See `Bound`."""
        texts = (*value, *value.values())
        return len(value) <= self.most and all(len(text) <= self.longest for text in texts)

    def __str__(self) -> str:
        return f"at most {self.most} texts, each of at most {self.longest} characters"


@dataclass(frozen=True, slots=True)
class Written:
    """A text that matches the regular expression `form`."""

    form: str

    def holds(self, value: str) -> bool:
        """See `Bound`."""
        return bool(re.fullmatch(self.form, value))

    def __str__(self) -> str:
        return "the name of a worker's segment"


class Told:
    """A report that every reader of the state can handle; checked before sending, too."""

    def holds(self, value: Mapping[str, object]) -> bool:
        """See `Bound`."""
        layer, told = list[object]([value]), 0
        for _ in range(DEEPEST_REPORT + 1):
            told += sum(len(each) if isinstance(each, str) else 1 for each in layer)
            if told > LARGEST_REPORT or not layer:
                break
            layer = [part for each in layer for part in _parts(each)]
        return told <= LARGEST_REPORT and not layer

    def __str__(self) -> str:
        return f"at most {LARGEST_REPORT} characters and values, {DEEPEST_REPORT} deep"


def _parts(of: object) -> list[object]:
    """The parts of a JSON value, names included."""
    if isinstance(of, dict):
        named = cast("dict[object, object]", of)  # isinstance leaves its parts unknown
        return [*named, *named.values()]
    # cast: isinstance leaves its parts unknown
    return [*cast("list[object]", of)] if isinstance(of, list | tuple) else []


# What is written and read.

Heard = TypeVar("Heard")


class Vocabulary(Generic[Heard]):
    """All messages that one of the two may send. Any thread."""

    def __init__(
        self, speaker: str, listener: str, messages: object, version: int, *, lenient: bool = False
    ) -> None:
        """`speaker` and `listener` are their names in error sentences; the first message is of the
        first kind of the union `messages`, and names this `version` of theirs. A `lenient` one
        ignores fields that it does not know, and takes defaults for those that are missing.
        """
        self._speaker, self._listener, self._version = speaker, listener, version
        self._lenient = lenient
        kinds = cast("tuple[type[Heard], ...]", get_args(messages))  # the members of its union
        self._hello = kinds[0]
        self._kinds: dict[str, type[Heard]] = {kind.__name__: kind for kind in kinds}

    def decode(self, data: bytes, *, first: bool = False) -> Heard:
        """One message; ProtocolError for anything else, or if the `first` has another version. An
        UnknownKindError if a lenient one only does not know its kind.
        """
        try:
            return self._message(data, first=first)
        except UnknownKindError:
            raise
        except (ValueError, RecursionError) as error:
            raise self.not_understood(str(error)) from None

    def not_understood(self, why: str) -> ProtocolError:
        """The error for a sender of something that is not a message."""
        return ProtocolError(f"{self._speaker} sent an invalid message: {why}")

    def _message(self, data: bytes, *, first: bool) -> Heard:
        told: object = json.loads(data.decode(), parse_constant=self._constant)
        if not is_object(told):
            raise ValueError(f"{short(told)} is not a message.")
        given: dict[str, object] = told
        if first:
            self._check_version(given)
        name = given.pop("type", None)
        kind = self._kinds.get(name) if isinstance(name, str) else None
        if kind is None and self._lenient and isinstance(name, str) and not first:
            raise UnknownKindError(f"{short(name)} is unknown.")
        if kind is None:
            both = f"version {self._version}, which both claim to use"
            raise ValueError(f"{short(name)} is not a message of {both}.")
        if first is not (kind is self._hello):
            raise ValueError(f"{name} came {'first' if first else 'again'}.")
        try:
            return _read(kind, given, lenient=self._lenient)
        except ValueError as error:
            raise ValueError(f"{name} is invalid: {error}.") from None

    def _constant(self, name: str) -> float:
        """NaN or an infinity, which only a worker's report may have."""
        if self._lenient:
            raise ValueError(f"{name} is not JSON.")
        return float(name)

    def _check_version(self, hello: Mapping[str, object]) -> None:
        """First of all: nothing else in another version's hello matters."""
        version = hello.get("version")
        if type(version) is not int or version != self._version:
            theirs = f"version {short(version)}" if "version" in hello else "no version"
            raise ValueError(
                f"it uses {theirs} of their messages, {self._listener} version {self._version}; "
                "restart the bridge, or reinstall spout-bridge: both must come from the same "
                "release."
            )


def encode(message: object) -> bytes:
    """One message as sent; ValueError or TypeError for a report that is not JSON."""
    return _ENCODER.encode({"type": type(message).__name__, **_fields_of(message)}).encode()


def _fields_of(thing: object) -> dict[str, Any]:
    """The fields of a message, by name."""
    return {name: getattr(thing, name) for name in _readers(type(thing))}


_ENCODER = json.JSONEncoder(separators=(",", ":"), default=_fields_of)


# The reader of each field, from its annotation.

Kind = TypeVar("Kind")


def _read(kind: type[Kind], given: Mapping[str, object], *, lenient: bool = False) -> Kind:
    """An object of a dataclass from its fields: all of them, no others, each of its type. If
    `lenient`, those with defaults may be missing, and others may be there.
    """
    readers = _readers(kind)
    if lenient:
        given = {name: value for name, value in given.items() if name in readers}
        # cast: `kind` is a dataclass, for which there is no type
        every = fields(cast(Any, kind))
        needed = {*given, *(each.name for each in every if _is_required(each))}
        readers = {name: read for name, read in readers.items() if name in needed}
    if given.keys() != readers.keys():
        lacks, extra = sorted(readers.keys() - given.keys()), sorted(given.keys() - readers.keys())
        raise ValueError(f"missing fields: {lacks}, unknown fields: {short(extra)}")
    taken = dict[str, object]()
    for name, read in readers.items():
        try:
            taken[name] = read(given[name])
        except (TypeError, OverflowError):
            raise ValueError(f"{name} cannot be {short(given[name])}") from None
        except OutOfBoundsError as error:
            raise ValueError(f"{name} cannot be {short(given[name])}: it must be {error}") from None
    return kind(**taken)


def _is_required(each: "Field[Any]") -> bool:
    return each.default is MISSING and each.default_factory is MISSING


class UnknownKindError(ProtocolError):
    """A message of a kind that only the other end knows."""


class OutOfBoundsError(Exception):
    """A value has its field's type but is outside its limits; the text gives the limits."""


@cache
def _readers(kind: type) -> dict[str, Callable[[object], object]]:
    hints = get_type_hints(kind, include_extras=True)
    return {each.name: _reader(hints[each.name]) for each in fields(kind)}


def _reader(hint: object) -> Callable[[object], object]:
    """The reader of a field with this annotation."""
    if get_origin(hint) is not Annotated:
        return READERS.get(hint) or _of_kind(hint)
    base, *bounds = get_args(hint)
    return _within(READERS[base], bounds)


def _of_kind(kind: Any) -> Callable[[object], object]:
    """The reader of one of an enumeration's numbers, or of a dataclass in a message."""
    if issubclass(kind, IntEnum):
        return partial(_number_of, kind)
    return lambda value: _read(kind, _object(value))


def _number_of(kind: type[IntEnum], value: object) -> IntEnum:
    number = _exactly(int)(value)
    if number not in {*kind}:
        raise OutOfBoundsError(f"one of {', '.join(str(int(each)) for each in kind)}")
    return kind(number)


def _within(
    read: Callable[[object], object], bounds: Sequence[Bound]
) -> Callable[[object], object]:
    def checked(value: object) -> object:
        found = read(value)
        for bound in bounds:
            if not bound.holds(found):
                raise OutOfBoundsError(str(bound))
        return found

    return checked


def _exactly(kind: type[Kind]) -> Callable[[object], Kind]:
    def read(value: object) -> Kind:
        if type(value) is not kind:
            raise TypeError
        return value

    return read


def _float(value: object) -> float:
    if type(value) is int:  # as JSON may write a whole float
        return float(value)
    if type(value) is not float:
        raise TypeError
    return value


def _object(value: object) -> dict[str, Any]:
    if not is_object(value):
        raise TypeError
    return value


def _list(value: object) -> list[object]:
    if not is_list(value):
        raise TypeError
    return value


def _texts(value: object) -> tuple[str, ...]:
    return tuple(map(_exactly(str), _list(value)))


def _numbers(value: object) -> tuple[int, ...]:
    return tuple(map(_exactly(int), _list(value)))


def _texts_by_name(value: object) -> Mapping[str, str]:
    values = _object(value)
    if not {*map(type, values.values())} <= {str}:
        raise TypeError
    return values


def _values(value: object) -> Mapping[str, Value]:
    values = _object(value)
    if not {*map(type, values.values())} <= VALUE_TYPES:
        raise TypeError
    return values


VALUE_TYPES = {*get_args(Value)}
READERS: dict[object, Callable[[object], object]] = {
    int: _exactly(int),
    float: _float,
    bool: _exactly(bool),
    str: _exactly(str),
    tuple[str, ...]: _texts,
    tuple[int, ...]: _numbers,
    Mapping[str, str]: _texts_by_name,
    Mapping[str, Value]: _values,
    Mapping[str, Any]: _object,
}
