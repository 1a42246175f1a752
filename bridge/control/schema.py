"""What there is to control, as data: for the page, for REST, and for OpenAPI."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

from bridge import __version__
from bridge.control.bridge_api import BridgeApi
from bridge.state.actions import ACTIONS, ActionSpec
from bridge.state.catalog import installed_catalog
from bridge.state.controls import all_specs
from bridge.state.status import STATUS
from bridge.state.store import merged
from engine.parameters import WRITTEN, Kind, ParameterSpec, describe

TYPES: Mapping[Kind, type] = {
    Kind.FLOAT: float, Kind.INT: int, Kind.BOOL: bool, **dict.fromkeys(WRITTEN, str)
}  # fmt: skip


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


def body(name: str, specs: Iterable[ParameterSpec], required: Mapping[str, Any]) -> type[BaseModel]:
    """A request's model in which all may be left out; it describes, the store checks."""
    fields: dict[str, Any] = dict(required)
    for spec in specs:
        kind = Literal[spec.choices] if spec.choices else TYPES[spec.kind]  # type: ignore[valid-type]
        limits = {"minimum": spec.minimum, "maximum": spec.maximum}
        extra: dict[str, Any] = {k: value for k, value in limits.items() if value is not None}
        if spec.suggestions:
            extra["examples"] = [suggestion.value for suggestion in spec.suggestions]
        fields[spec.name] = (
            Any,
            Field(
                default=None,
                description=f"{spec.help} Takes {spec.accepts}. OSC: /bridge/{spec.osc}",
                json_schema_extra={**_json_type(kind), **extra, "default": spec.default},
            ),
        )
    return create_model(name, __config__=ConfigDict(extra="allow"), **fields)


def _json_type(kind: Any) -> dict[str, Any]:
    names = {float: "number", int: "integer", bool: "boolean", str: "string"}
    if kind in names:
        return {"type": names[kind]}
    return {"type": "string", "enum": list(kind.__args__)}
