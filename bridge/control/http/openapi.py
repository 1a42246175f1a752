"""/openapi.json: the routes as FastAPI describes them, plus what it cannot know: answers given
before a route is reached, and the values that this bridge accepts now.
"""

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from copy import deepcopy
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from bridge.control.bridge_api import BridgeApi
from bridge.control.http.guard import CHANGES, COOKIE, OPEN, WITH_JSON
from bridge.control.schema import values
from bridge.show.cues import FIELDS, OPTIONAL
from bridge.state import names, references
from bridge.transports import LONGEST_URI, schemes
from engine.files.library import Library
from engine.parameters import ParameterSpec

MEANINGS = {
    400: "The path, a name in it, or the body's encoding is not valid.",
    401: "The token that the bridge printed at startup is missing or wrong.",
    403: "The request comes from another site's page.",
    404: "Not found.",
    408: "The request did not arrive in full in time.",
    409: "Understood, but something it needs is missing or not ready.",
    413: "The body is too large.",
    415: "The content type is not accepted.",
    421: "The Host header is not allowed.",
    422: "A value is not accepted; nothing was changed.",
    429: "Too many wrong tokens.",
    431: "The request line and headers are too long.",
    503: "A disk does not respond, too much was sent at once, or no place is free; try again.",
    507: "The disk is full.",
}
ALWAYS = (400, 408, 421, 431)
TOKEN = (401, 429)
CHANGING = (403,)
SENDING = (413, 415, 422, 503)
GENERATED = ("HTTPValidationError", "ValidationError")  # FastAPI's own, replaced by ours


class Problem(BaseModel):
    """The problem with one value."""

    loc: list[str | int]
    msg: str
    type: str


class Refusal(BaseModel):
    """Why a request was refused: one sentence, or one for each value."""

    detail: str | list[Problem]


def refused(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """A route's refusals, for its declaration."""
    return {status: {"model": Refusal, "description": MEANINGS[status]} for status in statuses}


def of_type(*kinds: str) -> dict[int | str, dict[str, Any]]:
    """A route's binary content types, for its declaration."""
    binary = {"schema": {"type": "string", "format": "binary"}}
    return {200: {"content": dict.fromkeys(kinds, binary), "description": "The bytes."}}


def document(app: FastAPI, desk: BridgeApi, *, token: bool) -> dict[str, Any]:
    """The whole document, current now. Reads the folders whose files can be chosen; its paths are
    relative, so that they work under any prefix.
    """
    found = deepcopy(app.openapi())
    schemas = found["components"]["schemas"]
    for name in GENERATED:
        schemas.pop(name, None)
    _fill(schemas, desk)
    found["servers"] = [{"url": "."}]
    for path, methods in found["paths"].items():
        for method, operation in methods.items():
            guarded = token and path not in OPEN
            answers = operation["responses"]
            if "422" in answers:  # FastAPI describes its own format
                answers["422"] = _answer(422)
            for status in _statuses(method.upper(), guarded):
                answers.setdefault(str(status), _answer(status))
            if guarded:
                operation["security"] = [{"header": []}, {"cookie": []}]
    if token:
        found["components"]["securitySchemes"] = {
            "header": {"type": "http", "scheme": "bearer"},
            "cookie": {"type": "apiKey", "in": "cookie", "name": COOKIE},
        }
    return found


def _fill(schemas: dict[str, Any], desk: BridgeApi) -> None:
    """Fill in what may be sent now."""
    specs = desk.store.specs
    pipelines = desk.pipelines()
    images, loras = references.names(desk.assets), _loras(desk.weights.library)

    def files(spec: ParameterSpec) -> list[str]:
        return images if spec.asset else loras

    def switch(row: Mapping[str, Any]) -> dict[str, Any]:
        found = values([specs[name] for name in row["load"]], files)
        found["properties"] = {"pipeline": {"const": row["id"]}, **found["properties"]}
        return {**found, "title": row["id"], "required": ["pipeline"]}

    takes = [action.argument.spec for action in desk.actions.values() if action.argument]
    found = values({spec.name: spec for spec in takes}.values(), files)["properties"].values()
    schemas["Press"]["properties"]["value"] = {"anyOf": [{"type": "null"}, *found]}
    parked = schemas["ParkedNames"]["properties"]["parked"]
    parked["items"] = {"type": "string", "enum": [*specs]}
    told = {name: schemas[name].get("description", "") for name in ("Parameters", "Switch")}
    schemas["Parameters"] = {**values(specs.values(), files), "description": told["Parameters"]}
    schemas["Switch"] = {"anyOf": [*map(switch, pipelines)], "description": told["Switch"]}
    schemas["Which"]["properties"]["pipeline"]["enum"] = [row["id"] for row in pipelines]
    for name, needed in (("NewCue", ["look"]), ("CueFields", [])):
        schemas[name] |= {**_cue(), "required": needed}
    begins = "|".join(re.escape(name) for name, (source, _, _) in schemes().items() if source)
    schemas["Choice"]["properties"]["uri"] |= {
        "pattern": f"^(({begins}):|none$)",
        "maxLength": LONGEST_URI,
    }


def _cue() -> dict[str, Any]:
    """JSON Schema for the fields of a cue."""
    found = values([field.spec for field in FIELDS.values()], lambda spec: ())
    told: dict[str, dict[str, Any]] = found["properties"]
    for name, about in told.items():
        del about["default"]  # that of no cue
        about["description"] = FIELDS[name].help
        if name in OPTIONAL:
            about["type"] = ["null", *about["type"]]
    told["name"] |= {"maxLength": names.LONGEST, "pattern": f"^ *$|{names.PATTERN}"}
    return found


def _loras(library: Library) -> list[str]:
    """The LoRAs of this machine that a pipeline can use."""

    def good(name: str) -> bool:
        with suppress(ValueError):
            library.lora(name)
            return True
        return False

    return [lora.name for lora in library.loras() if good(lora.name)]


def _statuses(method: str, guarded: bool) -> Iterable[int]:
    """Statuses answered before the route is reached."""
    yield from ALWAYS
    if guarded:
        yield from TOKEN
    if method in CHANGES:
        yield from CHANGING
    if method in WITH_JSON:
        yield from SENDING


def _answer(status: int) -> dict[str, Any]:
    model = {"schema": {"$ref": f"#/components/schemas/{Refusal.__name__}"}}
    return {"description": MEANINGS[status], "content": {"application/json": model}}
