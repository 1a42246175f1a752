"""HTTP: the page, REST and the two WebSockets; every parameter comes from the schema."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeVar

from fastapi import FastAPI, HTTPException, Query, Request, WebSocket
from fastapi import Path as InPath
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, Response
from pydantic import BaseModel, ConfigDict, RootModel
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException as StarletteHTTPException

from bridge import __version__
from bridge.control.bridge_api import BridgeApi
from bridge.control.http.cues import cues
from bridge.control.http.docs import add_docs
from bridge.control.http.files import Folder, sent
from bridge.control.http.films import films
from bridge.control.http.guard import PICTURES, PLAYED, READS_ONLY, Guard, queries
from bridge.control.http.methods import allowed, takes
from bridge.control.http.metrics import generate_latest, registry
from bridge.control.http.midi import midi, port
from bridge.control.http.openapi import document, of_type, refused
from bridge.control.http.oscquery import OscQuery, add_oscquery, answer
from bridge.control.http.rules import Rules
from bridge.control.http.show import show
from bridge.control.http.sources import sources
from bridge.control.http.streams import Streams, movers
from bridge.control.http.texts import JSONResponse
from bridge.control.http.uploads import Uploads
from bridge.control.http.webrtc import webrtc
from bridge.control.http.weights import models
from bridge.control.schema import schema
from bridge.downloads.weights import MissingWeights
from bridge.frames.encode import png
from bridge.state import references
from bridge.state.actions import ActionError
from bridge.state.change import By, Setter
from bridge.state.inputs import SIDES
from bridge.state.renamed import renamed, tell_once
from bridge.state.status import Status
from bridge.state.store import ParameterError, UnusableError
from bridge.system import logs
from bridge.system.aside import Disk, SlowError
from engine.parameters import Value
from engine.system.json_values import is_object
from engine.system.texts import did_you_mean

T = TypeVar("T")

PAGE = Path(__file__).parent.parent / "page"
API = "/api/v1"
READY = ("RUNNING", "DEGRADED")
FRAMEWORK = {
    "Not Found": "Path not found; /docs lists the available paths.",
    "Method Not Allowed": "This path does not accept that method; /docs lists the methods.",
}
MISFITS = {
    "missing": "is missing",
    "extra_forbidden": "is an unknown name",
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "enum": "must be {expected}",
    "greater_than_equal": "must be {ge} or more",
    "less_than_equal": "must be {le} or less",
    "string_too_long": "must have at most {max_length} characters",
    "too_long": "must have at most {max_length} entries",
    "dict_type": 'must be an object of names and values, such as {{"vace_scale": 1.5}}',
    "model_attributes_type": "must be an object of names and values",
}
# What to send where a required part of a body is missing, and other names for it
BODIES = {
    "pipeline": ("longlive", ("id", "pipeline_id", "name")),
    "uri": ("demo:", ("url", "source", "name", "path")),
}
# FastAPI would check this itself, and answer in its own words
NAMED = InPath(json_schema_extra={"pattern": "^[^\\x00-\\x1f\\x7f/\\\\]+$"})
NAME = Query(json_schema_extra={"pattern": references.TOLD, "not": {"pattern": r"\.\."}})
BLIND = Query(description="Set those of the next look, without touching the output.")
PATIENCE = 10.0  # seconds for reading the image folder
MOST_TOLD = 100  # problems reported one by one per request: more than there are parameters
MOST_LINES = 2**53 - 1  # the number of a log line: what a browser can count
LONGEST_NAME = 80  # characters of a reported name
STALE = 5.0  # seconds without a generated frame, or three blocks if those take longer
NO_INPUT = {
    "opening": "The source has not opened yet",
    "waiting": "The source's sender is missing",
    "failed": "The source has failed",
}


class Parameters(RootModel[dict[str, Any]]):
    """Values by long parameter name; all are optional."""


class Press(BaseModel):
    """The value of the action's argument, if it takes one."""

    model_config = ConfigDict(extra="forbid")
    value: Any = None


class Switch(BaseModel):
    """A pipeline, and the values to load it with."""

    model_config = ConfigDict(extra="allow")
    pipeline: str


class Mover(BaseModel):
    """Who moved a parameter last: the `hand` in words (`OSC 192.168.1.20`), its kind, the detail
    that the kind has (port, addresses, a reason), and when, in seconds since 1970.
    """

    hand: str
    kind: str
    detail: str
    at: float


def create_app(desk: BridgeApi, rules: Rules, query: OscQuery | None = None) -> Guard:
    """The guarded app that controls a desk; `query` describes its OSC addresses, if it has any."""
    app = FastAPI(
        title="spout-bridge",
        version=__version__,
        description="All parameters, actions and pipelines of this bridge. The page is at /.",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        default_response_class=JSONResponse,
        redirect_slashes=False,
    )
    app.state.streams = Streams(desk)
    _pages(app, query)
    if query:
        add_oscquery(app, query, desk.store)
    add_docs(app, PAGE)
    _described(app, desk, rules)
    _health(app, desk)
    _parameters(app, desk)
    _pipelines(app, desk)
    app.include_router(sources(desk), prefix=API, tags=["sources"])
    app.include_router(films(desk), prefix=API, tags=["sources"])
    app.include_router(models(desk), prefix=API, tags=["models"])
    app.include_router(cues(desk.show.cues), prefix=API, tags=["cues"])
    app.include_router(show(desk), prefix=API, tags=["looks"])
    app.include_router(midi(desk), prefix=API, tags=["midi"])
    app.include_router(webrtc(), tags=["webrtc"])
    _assets(app, desk)
    _streams(app, desk)
    app.mount("/page", Folder(directory=PAGE), name="page")
    app.add_exception_handler(ParameterError, _bad_values)
    app.add_exception_handler(RequestValidationError, _bad_body)
    app.add_exception_handler(references.AssetError, _bad_asset)
    app.add_exception_handler(ActionError, _refused)
    app.add_exception_handler(json.JSONDecodeError, _bad_json)
    app.add_exception_handler(StarletteHTTPException, _bad_request)
    app.add_exception_handler(Exception, _unforeseen)
    return Guard(app, rules, partial(takes, app.routes))


def _pages(app: FastAPI, query: OscQuery | None) -> None:
    more = {"name": "spout-bridge", "schema": f"{API}/schema", "docs": "/docs"}

    @app.get("/", include_in_schema=False)
    def page(request: Request) -> Response:
        if query and queries(request.scope):
            return answer(query, request, more)
        return sent(PAGE / "index.html")

    @app.get("/view", include_in_schema=False)
    def view() -> Response:
        return sent(PAGE / "view.html")


def _described(app: FastAPI, desk: BridgeApi, rules: Rules) -> None:
    disk = Disk("The image or LoRA folder")

    @app.get("/openapi.json", include_in_schema=False)
    def openapi() -> JSONResponse:
        look = partial(document, app, desk, token=bool(rules.token))
        try:
            return JSONResponse(disk.ask("openapi", look, PATIENCE))
        except SlowError as error:
            raise HTTPException(503, str(error)) from error


def _health(app: FastAPI, desk: BridgeApi) -> None:
    metrics = registry(desk)

    @app.get("/healthz", tags=["health"])
    async def healthz() -> dict[str, str]:
        """The bridge is running."""
        return {"status": "ok"}

    @app.get(
        "/readyz",
        tags=["health"],
        responses={503: {"model": dict[str, Any], "description": "Not ready, with the reason."}},
    )
    async def readyz() -> JSONResponse:
        """200 while new frames can arrive, else 503 with the engine's or the input's reason. A
        still input is ready; one with a missing sender or a failed source is not.
        """
        told = _readiness(desk.status())
        return JSONResponse(told, 200 if told["ready"] else 503)

    @app.get(
        "/metrics",
        tags=["health"],
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    async def prometheus() -> Response:
        """Metrics in the Prometheus text format."""
        return Response(generate_latest(metrics), media_type="text/plain; version=0.0.4")

    @app.get(f"{API}/state", tags=["state"])
    async def state(request: Request) -> dict[str, Any]:
        """The complete state of the bridge."""
        return app.state.streams.state(viewing=bool(request.scope.get(READS_ONLY)))

    @app.get(f"{API}/log", tags=["state"])
    async def log(after: Annotated[int, Query(ge=0, le=MOST_LINES)] = 0) -> dict[str, Any]:
        """The number of the newest log line, and the recent lines after number `after`: number,
        seconds since 1970, level, text. Secrets are masked.
        """
        newest, lines = logs.recent(after)
        return {"newest": newest, "lines": [asdict(line) for line in lines]}


def _readiness(status: Status) -> dict[str, Any]:
    """The answer of `/readyz`."""
    why = NO_INPUT.get(status.input, "")
    away = why and (status.input_problem or f"{why} ({status.source}).")
    limit = max(STALE, 3e-3 * status.block_time)
    dead = ""
    if status.state == "WARMUP" and away:
        pass  # it lacks only an input frame
    elif status.state not in READY:
        dead = status.reason or status.error or f"The engine is {status.state}."
    elif status.picture_age > limit:
        dead = status.error or f"The engine has made no frame for {status.picture_age:.0f} s."
    return {
        "ready": not (dead or away),
        "state": status.state,
        "reason": dead or away or status.reason or status.error,
        "progress": status.progress,
        "engine": {"ready": not dead, "reason": dead},
        "input": {"ready": not away, "state": status.input, "reason": away},
    }


def _parameters(app: FastAPI, desk: BridgeApi) -> None:
    names = list(desk.actions)
    former = dict(renamed("action", names))

    @app.get(f"{API}/schema", tags=["parameters"])
    def whole_schema() -> dict[str, Any]:
        """All parameters with their ranges, all actions, pipelines and state values."""
        return schema(desk)

    @app.get(f"{API}/parameters", tags=["parameters"])
    async def values() -> dict[str, Value]:
        """Every parameter's value, by its long name."""
        return dict(desk.store.snapshot.values)

    @app.get(f"{API}/who", tags=["parameters"])
    async def who() -> dict[str, Mover]:
        """Who moved each parameter last, by its long name; without those that nobody has moved
        since the start.
        """
        found = movers(desk.store, desk.store.specs)
        return {name: Mover.model_validate(row) for name, row in found.items()}

    @app.patch(f"{API}/parameters", tags=["parameters"], responses=refused(409))
    async def change(
        request: Request, given: Parameters, blind: Annotated[bool, BLIND] = False
    ) -> dict[str, Value]:
        """Set parameters: all of them, or none if one is refused. With `blind=1` they are those of
        the next look, which the actions `blind/take` and `blind/discard` end. That is one of the
        pipeline that runs.
        """
        asked = given.root
        if blind:
            return await run_in_threadpool(desk.show.blind.set, asked, _setter(request))
        if not desk.store.waits(asked):
            return desk.store.update(asked, _setter(request))
        return await run_in_threadpool(_set, desk, asked, _setter(request), desk.store.turn())

    @app.post(API + "/actions/{name:path}", tags=["parameters"], responses=refused(404, 409, 507))
    def act(
        name: Annotated[str, InPath(json_schema_extra={"enum": names})],
        given: Press | None = None,
    ) -> dict[str, Any]:
        """Run an action once, with the `value` of its argument if it takes one. The answer's
        `value` is what it made, such as a look's number.
        """
        if name in former:
            tell_once(f"action {name}", former[name])
        action = desk.actions.get(former.get(name, name))
        if action is None:
            choose = f"choose {', '.join(names)}.{did_you_mean(name, names)}"
            raise HTTPException(404, f"Unknown action {name!r:.80}; {choose}")
        value = () if given is None or given.value is None else (given.value,)
        try:
            asked = action.takes(*value)
        except ValueError as error:
            bad = bool(value and action.argument)
            raise HTTPException(422 if bad else 409, f"{name}: {error}") from error
        try:
            answer = action.run(*asked)
        except MissingWeights as error:
            raise HTTPException(409, str(error)) from error
        return {"done": name} if answer is None else {"done": name, "value": answer}


def _set(
    desk: BridgeApi, asked: Mapping[str, object], setter: Setter, turn: int
) -> dict[str, Value]:
    with desk.store.at(turn):
        return desk.store.update(asked, setter)


def _setter(request: Request) -> Setter:
    """Who sets a value: browsers send their page's origin, and the guard admits only our page."""
    client = f"{request.client.host}:{request.client.port}" if request.client else ""
    return Setter(By.PAGE if "origin" in request.headers else By.REST, client)


def _pipelines(app: FastAPI, desk: BridgeApi) -> None:
    @app.get(f"{API}/pipelines", tags=["pipelines"])
    def pipelines() -> list[dict[str, Any]]:
        """The available pipelines."""
        return [dict(row) for row in desk.pipelines()]

    @app.post(f"{API}/pipeline", status_code=202, tags=["pipelines"], responses=refused(404, 409))
    def switch(given: Switch) -> dict[str, str]:
        """Start switching the pipeline; the output keeps running, the state shows the progress.

        Runs off the server's loop: it checks the pipeline's files, and a disk may be asleep.
        """
        pipeline = given.pipeline
        try:
            desk.switch(pipeline, given.model_extra)
        except LookupError as error:
            raise HTTPException(404, str(error.args[0])) from error
        except ParameterError:
            raise
        except ValueError as error:  # its files are missing, or it does not fit into memory
            raise HTTPException(409, str(error)) from error
        return {"loading": pipeline}


def _assets(app: FastAPI, desk: BridgeApi) -> None:
    # Other content types are accepted too, and checked; they are not documented.
    binary = {"schema": {"type": "string", "format": "binary"}}
    upload = {"requestBody": {"required": True, "content": dict.fromkeys(PICTURES, binary)}}
    uploads = Uploads(desk.assets)
    disk = Disk(f"The folder {desk.assets}")

    async def looked(what: str, look: Callable[[], T]) -> T:
        """Run off the server's loop, with a time limit: a disk may be asleep or not respond."""
        try:
            return await run_in_threadpool(disk.ask, what, look, PATIENCE)
        except SlowError as error:
            raise HTTPException(503, str(error)) from error

    @app.get(f"{API}/assets", tags=["assets"], responses=refused(503))
    async def listing() -> list[str]:
        """The reference images."""
        return await looked("names", partial(references.names, desk.assets))

    @app.post(
        f"{API}/assets",
        status_code=201,
        tags=["assets"],
        openapi_extra=upload,
        responses=refused(507),
    )
    async def add(request: Request, name: Annotated[str, NAME]) -> dict[str, Any]:
        """Upload a reference image; pass its `name` to `reference`."""
        return await uploads.take(name, request.body)

    @app.get(
        API + "/assets/{name}",
        tags=["assets"],
        response_class=FileResponse,
        responses={**of_type(*PICTURES), **refused(404, 503)},
    )
    async def one(name: Annotated[str, NAMED]) -> FileResponse:
        """One reference image, by name or id."""
        return sent(await looked(name, partial(references.find, desk.assets, name)))

    @app.delete(API + "/assets/{name}", tags=["assets"], responses=refused(404, 409, 503))
    async def remove(name: Annotated[str, NAMED]) -> dict[str, str]:
        """Remove a reference image, by name or id."""
        await looked(f"remove {name}", lambda: references.remove(desk.assets, name))
        return {"removed": name}


def _streams(app: FastAPI, desk: BridgeApi) -> None:
    streams: Streams = app.state.streams

    @app.get(
        API + "/frame/{side}.png",
        tags=["state"],
        response_class=Response,
        responses={**of_type("image/png"), **refused(404)},
    )
    async def frame(
        side: Annotated[str, InPath(json_schema_extra={"enum": [*SIDES]})],
    ) -> Response:
        """The newest frame of an input or of the output, lossless."""
        found = desk.latest_frame(side) if side in SIDES else None
        if found is None:
            raise HTTPException(404, await run_in_threadpool(_unseen, desk, side))
        data = await run_in_threadpool(png, found.image)
        return Response(data, media_type="image/png")

    @app.websocket(f"{API}/preview")
    async def preview(socket: WebSocket, side: str = "output", width: int = 480) -> None:
        await streams.preview(socket, side, min(max(width, 16), 1280))

    @app.websocket(f"{API}/events")
    async def events(socket: WebSocket) -> None:
        await streams.events(socket)

    playing: dict[str, asyncio.Task[None]] = {}

    @app.websocket(PLAYED)
    async def midi_port(socket: WebSocket, name: str = "") -> None:
        await port(socket, desk, name, playing)


def _unseen(desk: BridgeApi, side: str) -> str:
    """Why a side has no frame."""
    if side not in SIDES:
        return f"Unknown side {side!r:.80}; choose {', '.join(SIDES)}."
    role = SIDES[side]
    if role is None:
        return "No frame has been shown yet."
    uri = desk.status().uri_of(role)
    if not uri:
        return f"No live {side} is set; POST its URI to {API}/{role}."
    return f"The {side} {uri} has sent no frame yet."


async def _bad_values(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ParameterError)
    told = [(["body", name[:LONGEST_NAME]], text) for name, text in error.problems.items()]
    if more := told[MOST_TOLD:]:
        told[MOST_TOLD:] = [(["body"], f"{len(more)} more values were refused.")]
    detail = [{"loc": loc, "msg": text, "type": "value_error"} for loc, text in told]
    return JSONResponse({"detail": detail}, 409 if isinstance(error, UnusableError) else 422)


async def _bad_body(request: Request, error: Exception) -> JSONResponse:
    """In our own words, and without the input that the default answer repeats: NaN is not JSON and
    would cause a 500.
    """
    assert isinstance(error, RequestValidationError)
    detail = [
        {"loc": row["loc"], "msg": _misfit(row, error.body), "type": row["type"]}
        for row in error.errors()
    ]
    return JSONResponse({"detail": detail}, 422)


def _misfit(row: Mapping[str, Any], body: Any) -> str:
    """The problem with a body or query, as a sentence."""
    inner = [str(part) for part in row["loc"][1:]]
    if row["type"] == "missing" and row["loc"][0] == "body" and inner and inner[0] in BODIES:
        odd = ", ".join(sorted(body.keys() - BODIES[inner[0]][1])) if is_object(body) else ""
        beside = f" beside {odd:.{LONGEST_NAME}}" if odd else ""
        return f"{inner[0]} is missing{beside}; send {_instead(inner[0], body)}."
    name = ".".join(inner)[:LONGEST_NAME] or f"the {row['loc'][0]}"
    if row["type"] == "value_error":  # of our own parsers
        return str(row["ctx"]["error"])
    said = MISFITS.get(row["type"], "is not valid; /docs lists the accepted values")
    said = said.format(**row.get("ctx", {}))
    return f"{name[0].upper()}{name[1:]} {said}." if not inner else f"{name} {said}."


def _instead(name: str, body: Any) -> str:
    """The right body, with the value that was given by another name."""
    example, others = BODIES[name]
    found = [body[other] for other in others if other in body] if is_object(body) else []
    value = next((text for text in found if isinstance(text, str)), example)
    return json.dumps({name: value[:LONGEST_NAME]}, ensure_ascii=False)


async def _bad_asset(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, references.AssetError)
    return JSONResponse({"detail": str(error)}, error.status)


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ActionError)
    return JSONResponse({"detail": str(error)}, error.status)


async def _bad_json(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": "The body is not valid JSON."}, 400)


async def _bad_request(request: Request, error: Exception) -> JSONResponse:
    """As a sentence, also when the framework itself refuses."""
    assert isinstance(error, StarletteHTTPException)
    detail = FRAMEWORK.get(str(error.detail), error.detail)
    headers = error.headers
    if error.status_code == 405:
        headers = {"allow": allowed(request.app.routes, request.scope["path"])}
    return JSONResponse({"detail": detail}, error.status_code, headers=headers)


async def _unforeseen(request: Request, error: Exception) -> JSONResponse:
    """The server logs the traceback after this."""
    return JSONResponse({"detail": f"{type(error).__name__}: {error}{logs.see()}"}, 500)
