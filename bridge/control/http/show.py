"""REST for looks, the parameters that they leave alone, and the show file."""

import asyncio
from dataclasses import asdict
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, HTTPException, Request
from fastapi import Path as InPath
from fastapi.responses import Response
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    RootModel,
    StrictInt,
    WithJsonSchema,
)
from starlette.concurrency import run_in_threadpool

from bridge.control.bridge_api import BridgeApi
from bridge.control.http.openapi import of_type, refused
from bridge.control.schema import number
from bridge.show.look import Look
from bridge.state import names
from bridge.state.actions import BLIND_FADE, LOOK

NUMBER = InPath(json_schema_extra={"pattern": "^[1-9][0-9]{0,2}$"})
# Checked when it is looked up, in our own words
IN_ORDER = Field(json_schema_extra={"minimum": 1, "maximum": 999})


def _whole(given: object) -> object:
    """A whole number may be written as 3.0."""
    return int(given) if isinstance(given, float) and given.is_integer() else given


WHOLE = BeforeValidator(_whole)
Number = Annotated[int, BeforeValidator(LOOK.check), WithJsonSchema(number(LOOK.spec))]
Fade = Annotated[float, BeforeValidator(BLIND_FADE.check), WithJsonSchema(number(BLIND_FADE.spec))]
ZIP = "application/zip"
SHOW_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {ZIP: {"schema": {"type": "string", "format": "binary"}}},
    }
}
PATIENCE = 60.0  # seconds for a show file to arrive
LONGEST_HEADER = 2000  # characters
FADE = Field(default=None, description="Seconds; without it, `look_fade` holds.")


class LookRow(BaseModel):
    """A look in the list. `current`: it was recalled or saved last. `missing` says why it cannot be
    recalled, a sentence each: its pipeline is not installed, or a value is out of range.
    """

    number: int
    name: str
    pipeline: str
    saved: str
    current: bool
    missing: list[str]


class LookList(BaseModel):
    """All looks in their order, and the files in their folder that are none, a sentence each."""

    looks: list[LookRow]
    skipped: list[str]


class WholeLook(LookRow):
    """A look with its values."""

    values: dict[str, bool | int | float | str]


class NewLook(BaseModel):
    """Where to save: `number` and `name` are optional."""

    model_config = ConfigDict(extra="forbid")
    number: Number | None = None
    name: str | None = Field(default=None, json_schema_extra=names.SCHEMA)


class Named(BaseModel):
    """Another name."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(json_schema_extra=names.SCHEMA)


class Faded(BaseModel):
    """How long a recall takes."""

    model_config = ConfigDict(extra="forbid")
    fade: Fade | None = FADE


class DeletedLook(BaseModel):
    """The number of the look; `missing` names the cues that cannot be shown without it."""

    deleted: int
    missing: list[str]


class Order(BaseModel):
    """The numbers of the looks to show first."""

    model_config = ConfigDict(extra="forbid")
    order: list[Annotated[StrictInt, WHOLE, IN_ORDER]] = Field(max_length=999)


class ExportedLook(RootModel[dict[str, Any]]):
    """A look as `export` gives it: one object with its image inside."""


class LoadedShow(BaseModel):
    """What was loaded: the number of looks; `missing` has a sentence for each part that is not as
    it was saved. `proposals` are inputs and settings of the machine that saved it, `foreign` if
    that is another one: nothing of them is used until it is chosen.
    """

    looks: int
    missing: list[str]
    proposals: dict[str, str]
    foreign: bool


class ParkedNames(BaseModel):
    """The names of all parameters that no look saves or sets."""

    model_config = ConfigDict(extra="forbid")
    parked: list[str]


def show(desk: BridgeApi) -> APIRouter:
    """The routes. Plain functions run off the server's loop: each may wait for a disk."""
    router = APIRouter()
    for part in (_looks, _file, _parked):
        router.include_router(part(desk))
    return router


def _looks(desk: BridgeApi) -> APIRouter:
    router = APIRouter()
    looks, recalls, cues = desk.show.looks, desk.show.recalls, desk.show.cues

    def row(look: Look) -> LookRow:
        current = recalls.current
        return LookRow(
            number=look.number, name=look.name, pipeline=look.pipeline, saved=look.saved,
            current=current is not None and current.number == look.number,
            missing=looks.lacks(look),
        )  # fmt: skip

    @router.get("/looks")
    def listing() -> LookList:
        """All looks in their order."""
        return LookList(looks=[row(look) for look in looks.all], skipped=[*looks.skipped])

    @router.post("/looks", status_code=201, responses=refused(409, 422, 507))
    def save(given: NewLook | None = None) -> LookRow:
        """Save the current look, under a number or the next free one."""
        given = given or NewLook()
        number = desk.show.save(given.number, given.name)
        return row(looks.get(number))

    @router.put("/looks", responses=refused(404, 507))
    def reorder(given: Order) -> LookList:
        """Show these looks first, in this order; numbers stay with their looks."""
        looks.reorder(given.order)
        return listing()

    @router.post("/import_look", status_code=201, responses=refused(409, 507))
    def take_in(given: ExportedLook) -> LookRow:
        """Add a look that was exported, under its own number if that is free. What this machine
        lacks for it is in the answer's `missing`; it may come later.
        """
        return row(looks.take_in(given.root))

    @router.get("/looks/{number}", responses=refused(404))
    def one(number: Annotated[str, NUMBER]) -> WholeLook:
        """One look with its values."""
        look = looks.get(_number(number))
        return WholeLook(**row(look).model_dump(), values=dict(look.values))

    @router.patch("/looks/{number}", responses=refused(404, 409, 422, 507))
    def rename(number: Annotated[str, NUMBER], given: Named) -> LookRow:
        """Rename a look."""
        return row(looks.rename(_number(number), given.name))

    @router.delete("/looks/{number}", responses=refused(404, 409))
    def delete(number: Annotated[str, NUMBER]) -> DeletedLook:
        """Delete a look. Cues that show it stay, and `missing` names them."""
        gone = _number(number)
        looks.delete(gone)
        return DeletedLook(deleted=gone, missing=cues.unshowable(cues.of_look(gone)))

    @router.post("/looks/{number}/recall", responses=refused(404, 409, 422))
    def recall(number: Annotated[str, NUMBER], given: Faded | None = None) -> LookRow:
        """Recall a look. If something that it needs is missing, nothing changes."""
        desk.show.recall(_number(number), given.fade if given else None)
        return row(looks.get(int(number)))

    @router.get(
        "/looks/{number}/image",
        response_class=Response,
        responses={**of_type("image/jpeg"), **refused(404)},
    )
    def image(number: Annotated[str, NUMBER]) -> Response:
        """What the pipeline showed when the look was saved, without black, mix or freeze, 160
        pixels wide.
        """
        return Response(looks.image(_number(number)), media_type="image/jpeg")

    @router.get("/looks/{number}/export", responses=refused(404))
    def export(number: Annotated[str, NUMBER]) -> dict[str, Any]:
        """A look as one object, with its image inside; for `import` here or elsewhere."""
        return looks.exported(_number(number))

    return router


def _file(desk: BridgeApi) -> APIRouter:
    router = APIRouter()

    @router.get("/show", response_class=Response, responses={**of_type(ZIP), **refused(409, 507)})
    def save_show() -> Response:
        """The whole show as a file. The header `x-missing` says what is missing here, with
        percent signs as in a URL.
        """
        saved = desk.show.files.save()
        headers = {
            "content-disposition": f"attachment; filename*=UTF-8''{quote(saved.name)}.show",
            "x-missing": quote(" ".join(saved.missing)[:LONGEST_HEADER]),
        }
        return Response(saved.data, media_type=ZIP, headers=headers)

    @router.post("/show", openapi_extra=SHOW_BODY, responses=refused(409, 507))
    async def load_show(request: Request) -> LoadedShow:
        """Load a show file in place of this show: wholly checked first, and nothing changes if it
        is refused. What this machine lacks is told, and the rest runs.
        """
        try:
            data = await asyncio.wait_for(request.body(), PATIENCE)
        except TimeoutError:
            raise HTTPException(408, "The show file did not arrive in time.") from None
        loaded = await run_in_threadpool(desk.show.files.load, data)
        return LoadedShow(**asdict(loaded))

    return router


def _parked(desk: BridgeApi) -> APIRouter:
    router = APIRouter()

    @router.get("/parked")
    def parked() -> ParkedNames:
        """The parameters that no look saves or sets."""
        return ParkedNames(parked=sorted(desk.show.parked.names))

    @router.put("/parked", responses=refused(422, 507))
    def park(given: ParkedNames) -> ParkedNames:
        """Park these parameters and no others."""
        return ParkedNames(parked=sorted(desk.show.parked.choose(given.parked)))

    return router


def _number(text: str) -> int:
    """A look's number in a path."""
    try:
        return int(LOOK.check(text))
    except ValueError:
        raise HTTPException(404, f"There is no look {text!r:.40}.") from None
