"""What there is to control, as data: for the page, for REST, and for OpenAPI."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from importlib.util import find_spec
from typing import Any

from bridge import __version__
from bridge.control.bridge_api import BridgeApi
from bridge.state.actions import ACTIONS, ActionSpec
from bridge.state.catalog import installed_catalog
from bridge.state.controls import all_specs
from bridge.state.status import STATUS
from bridge.state.store import merged
from engine import steps
from engine.parameters import LONGEST_TEXT, Kind, ParameterSpec, describe

# How a size and a list of noise levels are written; other spellings are read too. The sides end at
# `sizes.LARGEST`. Of each hundred there is one level at most: JSON Schema cannot say that a list
# falls.
SIDE = "([1-9][0-9]{0,2}|[1-7][0-9]{3}|80[0-9]{2}|81[0-8][0-9]|819[0-2])"
SIZE = f"^(auto|{SIDE}x{SIDE})$"


def _falling(below: int) -> str:
    """What may follow a level of that hundred."""
    return "".join(f"(,{hundred}[0-9]{{2}})?" for hundred in range(below - 1, 1, -1)) + (
        "(,1?[0-9]{1,2})?" if below > 1 else "(,[0-9]{1,2})?"
    )


STEPS = "^(1000{}|{})$".format(
    _falling(10), "|".join(f"{hundred}[0-9]{{2}}{_falling(hundred)}" for hundred in range(9, 0, -1))
)


def schema(desk: BridgeApi) -> dict[str, Any]:
    """All parameters, actions, pipelines and state values, with what each means; and the bridge's
    version, by which a client sees whether it understands this one.
    """
    actions = [ActionSpec(name, action.help) for name, action in desk.actions.items()]
    return declared(desk.store.specs.values(), actions, desk.pipelines())


def installed() -> dict[str, Any]:
    """The same of what is installed here, without a bridge: no pipeline is active, and what each
    lacks or needs of memory is left out.
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
) -> dict[str, Any]:
    """What is declared, as `GET /api/v1/schema` gives it."""
    return {
        "version": __version__,
        "parameters": [asdict(spec) for spec in parameters],
        "actions": [asdict(action) for action in actions],
        "pipelines": pipelines,
        "state": [asdict(row) for row in STATUS],
    }


def values(
    specs: Iterable[ParameterSpec], files: Callable[[ParameterSpec], Sequence[str]]
) -> dict[str, Any]:
    """JSON Schema of an object of parameters' values, as `ParameterSpec.check` takes them; any may
    be left out. `files` gives the names that there are for one that names a file.
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
            return {**told, "type": "string", "pattern": SIZE}
        case Kind.STEPS:
            # Or how many, or a list, of which JSON Schema cannot say that it falls
            alone = {"type": "integer", "minimum": 1, "maximum": steps.NOISIEST}
            listed = {"type": "array", "items": alone, "minItems": 1, "maxItems": 1}
            written = [{"enum": told["examples"]}, {"pattern": STEPS}]
            texts = ({"type": "string", **kind} for kind in written)
            return {**told, "anyOf": [*texts, alone, listed]}
        case Kind.TEXT:
            return {**told, "type": "string", "maxLength": LONGEST_TEXT}
        case Kind.BOOL:
            return {**told, "type": "boolean"}
        case Kind.FLOAT | Kind.INT:
            whole = spec.kind is Kind.INT
            bounds = {"minimum": spec.minimum, "maximum": spec.maximum}
            limits = {
                name: int(limit) if whole else float(limit)
                for name, limit in bounds.items()
                if limit is not None
            }
            return {**told, "type": "integer" if whole else "number", **limits}


def _had(spec: ParameterSpec) -> list[str]:
    """The choices whose packages are installed."""
    return [
        choice
        for choice in spec.choices
        if not (package := spec.packages.get(choice)) or find_spec(package)
    ]
