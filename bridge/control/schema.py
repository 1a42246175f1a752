"""Everything that can be controlled, as data: for the page, REST and OpenAPI."""

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from importlib.util import find_spec
from typing import Any

from bridge import __version__
from bridge.control.bridge_api import BridgeApi
from bridge.state.actions import ACTIONS, ActionSpec
from bridge.state.catalog import installed_catalog
from bridge.state.controls import all_specs
from bridge.state.renamed import GONE_IN, RENAMED
from bridge.state.status import STATUS
from bridge.state.store import merged
from engine import sizes, steps
from engine.parameters import LONGEST_TEXT, WORDS, Kind, ParameterSpec, describe

# How sizes and lists of noise levels are written; other spellings are read too. Sides end at
# `sizes.LARGEST`. At most one level per hundred: JSON Schema cannot require a falling list.
SIDE = "([1-9][0-9]{0,2}|[1-7][0-9]{3}|80[0-9]{2}|81[0-8][0-9]|819[0-2])"
SIZE = f"^(auto|{SIDE}x{SIDE})$"


def _falling(below: int) -> str:
    """What may follow a level of that hundred."""
    return "".join(f"(,{hundred}[0-9]{{2}})?" for hundred in range(below - 1, 1, -1)) + (
        "(,(0|[1-9][0-9]?|1[0-9]{2}))?" if below > 1 else "(,(0|[1-9][0-9]?))?"
    )


STEPS = r"^(1000{}|\[[1-9][0-9]{{2}}\]|{})$".format(
    _falling(10),
    # a single number would be a count: two or more levels
    "|".join(f"(?=...,){hundred}[0-9]{{2}}{_falling(hundred)}" for hundred in range(9, 0, -1)),
)


# Decimals as typed; three digits after a comma may be thousands.
DECIMALS, NONE = r"(\.[0-9]{1,6}|,[0-9]{1,2})?", "([.,]0{1,2})?"
SWITCHED = f"^({'|'.join(f'{word}|{word.title()}|{word.upper()}' for word in WORDS)}|0|1)$"


def written(low: float | None, high: float | None, *, whole: bool) -> str:
    """A pattern for numbers from `low` to `high` as text. Other spellings are read too."""
    least = 0 if low is None else max(low, 0)
    below = _upward(0, low and -low, whole) if low is None or low < 0 else ""
    down = f"-0*{below}|" if below else ""
    return f"^({down}[+]?0*{_upward(least, high, whole)})$"


def _upward(low: float, high: float | None, whole: bool) -> str:
    """The same for non-negative numbers, without sign and leading zeros."""
    most = math.floor(10**12 if high is None else high)
    parts = [f"{_up_to(most)}{NONE}" if whole else f"{most}{NONE}"]
    if not whole and most:
        parts.append(f"{_up_to(most - 1)}{DECIMALS}")
    found = f"({'|'.join(parts)})"
    if low <= 0:
        return found
    small = "0[.,][1-9][0-9]?|" if low <= 0.1 and not whole else ""
    return f"({small}(?!{_up_to(math.ceil(low) - 1)}([.,]|$)){found})"


def _up_to(most: int) -> str:
    """A pattern for the integers from 0 to `most`."""
    text = str(most)
    parts = ["0", text] if most else ["0"]
    parts += [f"[1-9][0-9]{{0,{len(text) - 2}}}"] if len(text) > 1 else []
    for place, digit in enumerate(map(int, text)):
        least = 0 if place else 1
        if digit > least:
            parts.append(f"{text[:place]}[{least}-{digit - 1}][0-9]{{{len(text) - place - 1}}}")
    return f"({'|'.join(parts)})"


def schema(desk: BridgeApi) -> dict[str, Any]:
    """All parameters, actions, pipelines and state values with their meaning, and the bridge's
    version, so that clients can check compatibility.
    """
    actions = [
        ActionSpec(name, action.help, action.argument) for name, action in desk.actions.items()
    ]
    parked = desk.show.parked.names
    return declared(desk.store.specs.values(), actions, desk.pipelines(), parked)


def installed() -> dict[str, Any]:
    """The same for this installation, without a running bridge: no pipeline is active, and missing
    files and memory needs are omitted.
    """
    catalog = installed_catalog()
    pipelines = [
        {
            "id": row.id,
            "title": row.title,
            "parameters": [spec.name for spec in describe(row.parameters)],
            "load": [spec.name for spec in describe(row.load)],
            "words": row.words,
        }
        for row in catalog.rows.values()
    ]
    return declared(merged(all_specs(catalog)).values(), ACTIONS, pipelines)


def declared(
    parameters: Iterable[ParameterSpec],
    actions: Iterable[ActionSpec],
    pipelines: Sequence[Mapping[str, Any]],
    parked: Collection[str] = (),
) -> dict[str, Any]:
    """The declarations in the format of `GET /api/v1/schema`; `parked` are the parameters that
    looks leave alone.
    """
    return {
        "version": __version__,
        "renamed": [{**asdict(row), "gone_in": GONE_IN} for row in RENAMED],
        "parameters": [{**asdict(spec), "parked": spec.name in parked} for spec in parameters],
        "actions": [action.told() for action in actions],
        "pipelines": pipelines,
        "state": [asdict(row) for row in STATUS],
    }


def values(
    specs: Iterable[ParameterSpec], files: Callable[[ParameterSpec], Sequence[str]]
) -> dict[str, Any]:
    """JSON Schema for an object of parameter values as `ParameterSpec.check` accepts them, all
    optional. `files` lists the available names for a parameter that names a file.
    """
    return {
        "type": "object",
        "properties": {spec.name: _value(spec, files) for spec in specs},
        "additionalProperties": False,
    }


def _value(spec: ParameterSpec, files: Callable[[ParameterSpec], Sequence[str]]) -> dict[str, Any]:
    told: dict[str, Any] = {
        "description": f"{spec.help} Takes {spec.accepts}. OSC: /bridge/{spec.osc}",
        "default": spec.default,
    }
    if spec.asset or spec.lora:
        return {**told, "type": "string", "enum": ["", *files(spec)]}
    if spec.suggestions:
        told["examples"] = [suggestion.value for suggestion in spec.suggestions]
    match spec.kind:
        case Kind.CHOICE:
            return {**told, "type": "string", "enum": _had(spec)}
        case Kind.SIZE:
            side = {"type": "integer", "minimum": 1, "maximum": sizes.LARGEST}
            both = {"type": "array", "items": side, "minItems": 2, "maxItems": 2}
            return {**told, "anyOf": [{"type": "string", "pattern": SIZE}, both]}
        case Kind.STEPS:
            # A count, or a list; JSON Schema cannot require a falling one
            alone = {"type": "integer", "minimum": 1, "maximum": steps.MOST}
            level = {**alone, "maximum": steps.NOISIEST}
            listed = {"type": "array", "items": level, "minItems": 1, "maxItems": 1}
            spelled = [{"enum": told["examples"]}, {"pattern": STEPS}]
            texts = ({"type": "string", **kind} for kind in spelled)
            return {**told, "anyOf": [*texts, alone, listed]}
        case Kind.TEXT:
            return {**told, "type": "string", "maxLength": LONGEST_TEXT}
        case Kind.BOOL:
            words = {"type": ["boolean", "string"], "pattern": SWITCHED}
            return {**told, "anyOf": [words, {"type": "integer", "minimum": 0, "maximum": 1}]}
        case Kind.FLOAT | Kind.INT:
            return {**told, **number(spec)}


def number(spec: ParameterSpec) -> dict[str, Any]:
    """JSON Schema for a number, or a number in words, as `ParameterSpec.check` accepts it."""
    whole = spec.kind is Kind.INT
    bounds = {"minimum": spec.minimum, "maximum": spec.maximum}
    limits = {
        name: int(limit) if whole else float(limit)
        for name, limit in bounds.items()
        if limit is not None
    }
    pattern = written(spec.minimum, spec.maximum, whole=whole)
    return {"type": ["integer" if whole else "number", "string"], **limits, "pattern": pattern}


def _had(spec: ParameterSpec) -> list[str]:
    """The choices whose packages are installed."""
    return [
        choice
        for choice in spec.choices
        if not (package := spec.packages.get(choice)) or find_spec(package)
    ]
