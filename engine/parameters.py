"""Parameters are declared once, as fields; every control surface is a loop over `describe`.

`Load` holds what a pipeline is built with (a change reloads it), `Parameters` what may change
from block to block. Both are frozen, so that one object can be read by several threads.
"""

import json
import math
import re
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from ctypes import c_float
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from functools import cache
from typing import Annotated, Any, Literal, TypeAlias, get_args, get_origin

from annotated_types import Ge, Le
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

from engine import sizes, steps
from engine.system.json_values import is_list
from engine.system.texts import mended

Value: TypeAlias = bool | int | float | str

LONGEST_TEXT = 65_507  # bytes of UTF-8: the largest UDP datagram
LONGEST_TOLD = 80  # characters of a value quoted in a message
MOST = sys.float_info.max  # of a number without bounds
DECLARED = "float, int, bool, str, a Literal of texts, Size or Steps"  # the types a field may have
DRAW = -1  # of a parameter that `draws`: a new random value each time it is set
DRAWN = 2**31  # drawn values are below this, so that 32 bits can show them
EXACT = 2**53  # below this a float holds every whole number
WORDS = {"true": True, "on": True, "yes": True, "false": False, "off": False, "no": False}
# A number as typed, with a decimal point or comma, and the unit that follows it
TYPED = re.compile(
    r"([+-]?(?:[0-9]+(?:[.,][0-9]*)?|[.,][0-9]+)(?:e[+-]?[0-9]{1,3})?) *([^0-9.,+-]{0,20})",
    re.IGNORECASE,
)
GROUPED = re.compile(r"[+-]?[1-9][0-9]{0,2},[0-9]{3}")  # a thousand in London, one in Paris
# By unit, the other units that may be typed, and how many of each make one of it
_SECONDS: Mapping[str, int | Fraction] = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1),
    **dict.fromkeys(("ms", "msec", "millisecond", "milliseconds"), 1000),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), Fraction(1, 60)),
}
UNITS: Mapping[str, Mapping[str, int | Fraction]] = {
    "s": _SECONDS,
    "ms": {name: Fraction(by, 1000) for name, by in _SECONDS.items()},
    "fps": {"fps": 1, "hz": 1},
}
PERCENT = {"%": 100}  # of these make 1, for a range from 0 to 1
ALL_UNITS = frozenset[str]().union(PERCENT, *UNITS.values())


class Kind(StrEnum):
    """How a value is shown and checked."""

    FLOAT = "float"
    INT = "int"
    BOOL = "bool"
    CHOICE = "choice"
    TEXT = "text"
    SIZE = "size"  # auto or WIDTHxHEIGHT
    STEPS = "steps"  # the name of a list of noise levels, or the levels themselves


WRITTEN = frozenset({Kind.TEXT, Kind.SIZE, Kind.STEPS})  # kinds whose values are texts

# Annotations for texts with a special meaning.
Size: TypeAlias = Annotated[str, Kind.SIZE, AfterValidator(sizes.canonical)]
Steps: TypeAlias = Annotated[str, Kind.STEPS]


class Parameters(BaseModel):
    """Base of the live parameters of one pipeline."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Load(BaseModel):
    """Base of the load parameters of one pipeline; a change reloads it."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A common value, with a few words on its use."""

    value: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterSpec:
    """One parameter as all surfaces see it.

    `osc` is the short address below `/bridge/`; the long name works too. `asset` means that a text
    names a file in the assets folder, `lora` that it names a LoRA in the models folder. `packages`
    must be installed for some of the choices, and those `on_gpu` run on NVIDIA GPUs only.
    `suggestions` are common values of a text; others are
    accepted too. `by_pattern` tells whether OSC patterns can set it, `reverts` that it returns to
    its previous value if no block made with the new one is usable. `shapes` means that a new value
    changes the shape of passes; the first one of a shape may take as long as loading. `conditional`
    means that a value in the range may still not suit what runs. If it `draws`, DRAW stands for a
    random value that every surface can show. A `momentary` one belongs to this moment of the show:
    undo leaves it, and after a normal end the next run begins with its default. `in_looks` tells
    whether looks hold it; one of the output, the machine or the moment is in none. `help` is one
    sentence.
    """

    name: str
    osc: str
    kind: Kind
    default: Value
    help: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()
    unit: str = ""
    page: str = ""
    asset: bool = False
    reverts: bool = False
    lora: bool = False
    packages: Mapping[str, str] = field(default_factory=dict[str, str])
    on_gpu: tuple[str, ...] = ()
    live: bool = True
    by_pattern: bool = True
    shapes: bool = False
    conditional: bool = False
    draws: bool = False
    momentary: bool = False
    in_looks: bool = True

    @property
    def free(self) -> bool:
        """Whether it takes any text, as a prompt does."""
        return self.kind is Kind.TEXT and not (self.asset or self.lora)

    @property
    def glides(self) -> bool:
        """Whether a value between two others is of use: a number that suits whatever runs."""
        numbers = self.kind in (Kind.FLOAT, Kind.INT)
        return numbers and self.live and not (self.draws or self.shapes or self.conditional)

    @property
    def looks(self) -> bool:
        """Whether accepting a value needs a look at the disk: for the file that it names, or for
        what a pipeline would be loaded with, which depends on the size too.
        """
        of_files = self.asset or self.lora or bool(self.packages)
        return of_files or not self.live or self.kind is Kind.SIZE

    def check(self, value: object) -> Value:
        """Return `value` if it is exactly right, else raise ValueError with one clear sentence.
        Numbers, true and false may be texts, as typed.
        """
        word = value.strip().lower() if isinstance(value, str) else ""
        if self.kind is Kind.BOOL:
            wanted = word in (*WORDS, "0", "1") or (
                isinstance(value, (int, float)) and value in (0, 1)
            )
        elif self.kind is Kind.SIZE and is_list(value):
            wanted = True
        elif self.kind is Kind.CHOICE or self.kind in WRITTEN:
            wanted = isinstance(value, str) or (self.kind is Kind.STEPS and _are_numbers(value))
        else:
            wanted = isinstance(value, (int, float, str)) and not isinstance(value, bool)
            wanted = wanted and word not in WORDS
        if not wanted:
            raise self._refusal(value)
        kept = self.coerce(value)
        if not isinstance(kept, str) and kept != self._number(value):
            raise self._refusal(value)
        return kept

    def coerce(self, value: object) -> Value:
        """Return the nearest value that fits: a float for an int, an index or text for a choice,
        text for a number (`0,7`, `2 s`, `50 %`), clamped to the range. Raise ValueError if no value
        makes sense.
        """
        if type(value) is float and self.kind is Kind.FLOAT and self.within(value):
            return value  # the usual case, a value already accepted: each change checks all
        if self.kind in WRITTEN:
            return self._text(value)
        if self.kind is Kind.CHOICE:
            return self._choice(value)
        number = self._number(value)
        if self.kind is Kind.BOOL:
            return number != 0
        if self.minimum is not None:
            number = max(number, self.minimum)
        if self.maximum is not None:
            number = min(number, self.maximum)
        return round(number) if self.kind is Kind.INT else float(number)

    def clamps(self, value: object) -> str:
        """The problem with a number out of range, and the value that `coerce` makes of it, in one
        sentence; empty for any other value. ValueError as `coerce`.
        """
        if self.kind not in (Kind.FLOAT, Kind.INT) or self.within(self._number(value)):
            return ""
        told = str(self._refusal(value)).rstrip(".")
        return f"{told}; using {digits(float(self.coerce(value)))}."

    @property
    def accepts(self) -> str:
        """What the parameter accepts, in words: `a number from 0 to 2`."""
        if self.kind is Kind.CHOICE:
            return "one of " + ", ".join(self.choices)
        if self.kind is Kind.SIZE:
            return f"auto or WIDTHxHEIGHT, each from 1 to {sizes.LARGEST}"
        if self.kind is Kind.STEPS:
            return f"{self._named} or at most {steps.MOST} numbers from {steps.NOISIEST} to 0"
        noun = {"float": "a number", "int": "a whole number", "bool": "true or false"}
        words = noun.get(self.kind.value, "text")
        if self.minimum is not None and self.maximum is not None:
            words += f" from {digits(self.minimum)} to {digits(self.maximum)}"
        return words

    def _refusal(self, value: object, cure: str = "") -> ValueError:
        more = f"; {cure}" if cure else ""
        return ValueError(f"{self.name} takes {self.accepts}, not {_quoted(value)}{more}.")

    @property
    def _named(self) -> str:
        return ", ".join(suggestion.value for suggestion in self.suggestions)

    def within(self, value: float) -> bool:
        """Whether a number is finite and in the range."""
        low, high = self.minimum, self.maximum
        return (-MOST if low is None else low) <= value <= (MOST if high is None else high)

    def _number(self, given: object) -> float:
        value = given
        if isinstance(value, str):
            word = value.strip().lower()
            value = WORDS[word] if word in WORDS else self._typed(value)
        if not isinstance(value, (bool, int, float)):
            raise self._refusal(value)
        try:
            finite = math.isfinite(value)
        except OverflowError:  # a whole number of hundreds of digits
            finite = False
        if not finite:
            raise self._refusal(given)
        return value

    def _typed(self, text: str) -> float:
        """The number in a text, in the parameter's own unit."""
        try:
            number, unit = typed(text)
        except ValueError as error:
            raise self._refusal(text, str(error)) from None
        if unit in PERCENT and unit not in self.units:
            part = digits(number / PERCENT[unit])
            cure = f"% is only for ranges from 0 to 1; write {part} if you mean that"
            raise self._refusal(text, cure)
        if unit and unit not in self.units:
            raise self._refusal(text)
        by = self.units.get(unit, 1)
        return float(Fraction(number) / by) if by != 1 else number

    @property
    def units(self) -> Mapping[str, int | Fraction]:
        """The units that may follow a typed number, in lower case, and how many of each make one:
        minutes to milliseconds for a time, percent for a range from 0 to 1.
        """
        if self.kind is Kind.FLOAT and self.maximum == 1 and (self.minimum or 0) >= 0:
            return PERCENT
        return UNITS.get(self.unit, {self.unit.lower(): 1})

    def _choice(self, value: object) -> str:
        if isinstance(value, str):
            if value in self.choices:
                return value
            word = value.strip().casefold()
            found = [choice for choice in self.choices if choice.casefold() == word]
            if len(found) == 1:
                return found[0]
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            index = round(value) if math.isfinite(value) else -1
            if 0 <= index < len(self.choices):
                return self.choices[index]
        raise self._refusal(value)

    def _text(self, value: object) -> str:
        if self.kind is Kind.STEPS and is_list(value) and _are_numbers(value):
            value = f"[{','.join(map(str, value))}]"
        if self.kind is Kind.SIZE and is_list(value) and _are_numbers(value):
            value = "x".join(map(_quoted, value))
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            value = digits(value)
        if not isinstance(value, str):
            raise self._refusal(value)
        text = mended(value)
        if len(text.encode()) > LONGEST_TEXT:
            raise ValueError(f"{self.name} takes at most {LONGEST_TEXT} bytes of text.")
        if self.kind is Kind.SIZE:
            return self._size(text)
        return self._steps(text) if self.kind is Kind.STEPS else text

    def _size(self, text: str) -> str:
        try:
            return sizes.canonical(text)
        except ValueError as error:
            raise ValueError(f"{self.name} {error}.") from None

    def _steps(self, text: str) -> str:
        """A list's name, or the noise levels as `1000,750,500`."""
        written = text.strip().lower()
        if written in (suggestion.value for suggestion in self.suggestions):
            return written
        try:
            return steps.canonical(text)
        except ValueError as error:
            named = f"; {self._named} are lists by name" if self.suggestions else ""
            raise ValueError(f"{self.name} {error}{named}.") from None


def typed(text: str) -> tuple[float, str]:
    """The number in a typed text and the unit after it, in lower case: `0,7`, `2 s`, `50%`, `1e3`.
    ValueError for anything else, whose text is the cure or empty.
    """
    written = unicodedata.normalize("NFKC", text).replace("\N{MINUS SIGN}", "-").strip()
    found = TYPED.fullmatch(written)
    if not found:
        raise ValueError
    number, unit = found[1], found[2].strip().lower()
    read = float(number.replace(",", "."))
    if GROUPED.fullmatch(number):
        raise ValueError(f"write {number.replace(',', '')} or {digits(read)}")
    plain = len(number) < 20 and number.lstrip("+-").isdecimal()
    return (int(number) if plain else read), unit  # a float is not exact from 2**53 on


def measured(text: str, unit: str) -> float:
    """The number that a text says in `unit`, which may stand behind it, or another of the same
    kind: 90 for `1,5 min` in seconds. ValueError as `typed`, and for a unit of another kind.
    """
    number, given = typed(text)
    by = UNITS.get(unit, {}).get(given) if given else 1
    if by is None:
        raise ValueError
    return float(Fraction(number) / by) if by != 1 else number


def digits(number: float) -> str:
    """A number as typed, with all its digits: 20261100, and 0.1 if it arrived as 32 bits."""
    if not math.isfinite(number):
        return str(number)
    if isinstance(number, int) or (number.is_integer() and abs(number) < EXACT):
        return str(int(number))
    text = repr(number)
    if float(f"{number:.9g}") != number:  # more than anyone types: it came as 32 bits, or all count
        tried = (f"{number:.{places}g}" for places in range(1, 10))
        text = next((short for short in tried if c_float(float(short)).value == number), text)
    return format(Decimal(text), "f")


def _are_numbers(value: object) -> bool:
    """Whether it is a number, or a JSON list of numbers."""
    parts = value if is_list(value) else [value]
    return all(isinstance(part, (int, float)) and not isinstance(part, bool) for part in parts)


def _quoted(value: object) -> str:
    """A value as quoted in a message, shortened if long."""
    if isinstance(value, int) and value.bit_length() > 128:
        return "a number of that many digits"  # too long for Python to print
    if isinstance(value, float):
        text = digits(value)
    elif isinstance(value, str):
        text = repr(value)
    else:
        text = _in_json(value)
    return text if len(text) <= LONGEST_TOLD else f"{text[:LONGEST_TOLD]}…"


def _in_json(value: object) -> str:
    """A value as written in JSON, as received by REST: null, true, [832, 480]."""
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):  # bytes, from OSC
        return repr(value)


def control(
    default: Value,
    help: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    unit: str = "",
    osc: str = "",
    page: str = "Generate",
    asset: bool = False,
    reverts: bool = False,
    lora: bool = False,
    packages: Mapping[str, str] | None = None,
    on_gpu: Sequence[str] = (),
    shapes: bool = False,
    conditional: bool = False,
    draws: bool = False,
    momentary: bool = False,
    in_looks: bool = True,
    suggestions: Sequence[Suggestion] = (),
    by_pattern: bool = True,
) -> Any:
    """Declare one parameter as a field of a `Load` or `Parameters` class.

    A field's annotation gives the kind: float, int, bool, str, Literal for a choice, `Size`, or
    `Steps`, whose suggestions are the names of the available lists. `osc` is the short address
    below `/bridge/` (the field's name by default). Set `by_pattern` to False for anything that must
    not be hit by accident; load parameters never are.
    """
    return Field(
        default=default,
        ge=minimum,
        le=maximum,
        description=help,
        json_schema_extra={
            "unit": unit,
            "osc": osc,
            "page": page,
            "asset": asset,
            "reverts": reverts,
            "lora": lora,
            "packages": dict(packages or {}),
            "on_gpu": list(on_gpu),
            "shapes": shapes,
            "conditional": conditional,
            "draws": draws,
            "momentary": momentary,
            "in_looks": in_looks,
            "suggestions": [asdict(suggestion) for suggestion in suggestions],
            "by_pattern": by_pattern,
        },
    )


@cache  # by class: every message fits a snapshot to a pipeline
def describe(model: type[BaseModel]) -> tuple[ParameterSpec, ...]:
    """Describe every field of a `Load` or `Parameters` class, in the order of declaration.

    TypeError or ValueError, in one sentence, for a field that no surface could show.
    """
    live = not issubclass(model, Load)
    return tuple(_spec(name, field, live) for name, field in model.model_fields.items())


def clamped(model: type[BaseModel], values: Mapping[str, Value]) -> dict[str, Value]:
    """The part of `values` that `model` knows, each clamped to that model's own range; without
    values that only other pipelines have, such as an unknown choice: there its own default holds.
    """
    found: dict[str, Value] = {}
    for spec in describe(model):
        if spec.name in values:
            try:  # not `suppress`, which is slower than coercing
                found[spec.name] = spec.coerce(values[spec.name])
            except ValueError:
                continue
    return found


def _spec(name: str, field: FieldInfo, live: bool) -> ParameterSpec:
    extra: dict[str, Any] = dict(field.json_schema_extra or {})  # type: ignore[arg-type]  # ours is never a function
    annotation = field.annotation
    choices: tuple[str, ...] = ()
    kinds: dict[Any, Kind] = {float: Kind.FLOAT, int: Kind.INT, bool: Kind.BOOL, str: Kind.TEXT}
    meant = [mark for mark in field.metadata if isinstance(mark, Kind)]
    if get_origin(annotation) is Literal:
        kind, choices = Kind.CHOICE, get_args(annotation)
    elif meant or annotation in kinds:
        kind = meant[0] if meant else kinds[annotation]
    else:
        raise TypeError(f"Its parameter {name} is declared as {annotation}, not as {DECLARED}.")
    if any(type(choice) is not str for choice in choices):
        raise TypeError(f"Its parameter {name} has choices that are not texts.")
    if field.is_required():
        raise TypeError(f"Its parameter {name} has no default; every parameter needs one.")
    spec = ParameterSpec(
        name=name,
        osc=extra.get("osc") or name,
        kind=kind,
        default=field.default,
        help=field.description or "",
        minimum=_bound(field, Ge, "ge"),
        maximum=_bound(field, Le, "le"),
        choices=choices,
        suggestions=tuple(Suggestion(**found) for found in extra.get("suggestions", ())),
        unit=extra.get("unit", ""),
        page=extra.get("page", ""),
        asset=extra.get("asset", False),
        reverts=extra.get("reverts", False),
        lora=extra.get("lora", False),
        packages=extra.get("packages", {}),
        on_gpu=tuple(extra.get("on_gpu", ())),
        live=live,
        by_pattern=live and extra.get("by_pattern", True),
        shapes=extra.get("shapes", False),
        conditional=extra.get("conditional", False),
        draws=extra.get("draws", False),
        momentary=extra.get("momentary", False),
        in_looks=extra.get("in_looks", True),
    )
    try:
        spec.check(spec.default)
    except ValueError as error:
        raise ValueError(f"The default is not a valid value: {error}") from None
    return spec


def _bound(field: FieldInfo, kind: type[Ge] | type[Le], attribute: str) -> float | None:
    found = [getattr(m, attribute) for m in field.metadata if isinstance(m, kind)]
    return found[0] if found else None
