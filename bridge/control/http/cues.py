"""The routes of the cue list; cues go by actions."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, HTTPException
from fastapi import Path as InPath
from pydantic import RootModel

from bridge.control.http.openapi import refused
from bridge.show.cues import Cue, Cues
from bridge.state.actions import CUE, ActionError

T = TypeVar("T")
# Checked by `_number`, in our own words
IN_PATH = InPath(
    description=CUE.help, json_schema_extra={"pattern": r"^[0-9]{1,4}([.][0-9]{1,3})?$"}
)


class NewCue(RootModel[dict[str, Any]]):
    """Fields of a new cue; it needs `look`."""


class CueFields(RootModel[dict[str, Any]]):
    """Fields of a cue to change."""


def cues(of: Cues) -> APIRouter:
    """The list of cues: read, added, changed, deleted."""
    router = APIRouter()

    def told(cue: Cue) -> dict[str, Any]:
        return {**asdict(cue), "missing": of.unshowable([cue])}

    @router.get("/cues")
    async def listing() -> list[dict[str, Any]]:
        """The cues in order; the state has which was shown last, and which is next."""
        return [asdict(cue) for cue in of.all]

    @router.post("/cues", status_code=201, responses=refused(409, 507))
    def add(given: NewCue) -> dict[str, Any]:
        """Add a cue: `look` is the number of its look, `fade` the time to it and `follow` the time
        until the next cue goes by itself, in seconds; null for never. Without a number it becomes
        the last one. The answer's `missing` says, in a sentence, if there is no such look.
        """
        return told(_done(lambda: of.add(given.root)))

    @router.patch("/cues/{number}", responses=refused(404, 409, 507))
    def change(number: Annotated[str, IN_PATH], given: CueFields) -> dict[str, Any]:
        """Change fields of a cue, its number too. `missing` as when it is added."""
        return told(_done(lambda: of.change(_number(number), given.root)))

    @router.delete("/cues/{number}", responses=refused(404, 507))
    def remove(number: Annotated[str, IN_PATH]) -> dict[str, float]:
        """Delete a cue."""
        asked = _number(number)
        _done(lambda: of.remove(asked))
        return {"removed": asked}

    return router


def _number(text: str) -> float:
    """The number of a cue in a path."""
    try:
        return float(CUE.check(text))
    except ValueError as error:
        raise HTTPException(404, f"There is no cue {text:.80}.") from error


def _done(deed: Callable[[], T]) -> T:
    try:
        return deed()
    except LookupError as error:
        raise HTTPException(404, str(error.args[0])) from error
    except ActionError as error:
        raise HTTPException(error.status, str(error)) from error
