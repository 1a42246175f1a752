"""What the head of a cluster answers: where a session goes, what the nodes have, how they are."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException as StarletteHTTPException

from bridge import __version__
from bridge.cluster.head import Head, NoPlaceError
from bridge.cluster.places import Queued, Wish
from bridge.control.http.guard import Guard
from bridge.control.http.methods import takes
from bridge.control.http.rules import Rules
from bridge.control.http.texts import JSONResponse
from engine.remote.address import PLACES
from engine.remote.asking import RefusedError
from engine.remote.wire import MACHINE

STATUS = "/api/v1/cluster"

Key = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Text = Annotated[str, Field(max_length=1000)]


class Wished(BaseModel):
    """See `Wish`."""

    model_config = ConfigDict(extra="forbid")
    key: Key
    pipeline: Text
    load: dict[str, Any]
    size: Text
    lost: Text = ""
    ends: Annotated[tuple[Key, ...], Field(max_length=100)] = ()


class Drained(BaseModel):
    """Whether a node gets no more sessions, and whether those that are there move."""

    model_config = ConfigDict(extra="forbid")
    draining: bool
    move: bool = False


def created(head: Head, rules: Rules) -> Guard:
    """The guarded app; plain functions run off the server's loop."""
    app = FastAPI(
        title="spout-bridge cluster", version=__version__, openapi_url=None, docs_url=None,
        redoc_url=None, default_response_class=JSONResponse, redirect_slashes=False,
    )  # fmt: skip

    @app.get("/healthz")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get(STATUS)
    def status() -> dict[str, Any]:
        return {"release": __version__, **head.told()}

    @app.post(PLACES)
    def place(wished: Wished) -> dict[str, Any]:
        found = head.place(Wish(**wished.model_dump()))
        if isinstance(found, Queued):
            return {"queued": str(found), "place": found.place, "of": found.of}
        return {"url": found.url, "token": found.token}

    @app.put("/api/v1/nodes/{node}")
    def drain(node: str, drained: Drained) -> dict[str, Any]:
        try:
            if drained.draining:
                head.drain(node, move=drained.move)
            else:
                head.undrain(node)
        except LookupError as error:
            raise StarletteHTTPException(404, str(error.args[0])) from error
        return {"node": node, **drained.model_dump()}

    @app.get(MACHINE)
    def about() -> Any:
        return head.ask("", None, lambda told: True)

    @app.get(f"{MACHINE}/models")
    def models() -> Any:
        return head.ask("/models", None, lambda told: True)

    @app.post(f"{MACHINE}/lack")
    def lack(asked: dict[str, Any]) -> Any:
        return head.ask("/lack", asked, lambda told: not told["lack"])

    @app.post(f"{MACHINE}/download", status_code=202)
    def download(wanted: dict[str, Any]) -> Any:
        return head.ask("/download", wanted, lambda told: False)  # each one for itself

    @app.post(f"{MACHINE}/{{how}}")
    def fit(
        how: Literal["fit", "fit_alone", "fit_beside", "gpu_fit"], asked: dict[str, Any]
    ) -> Any:
        return head.fit(how, asked)

    app.add_exception_handler(StarletteHTTPException, _refused)
    app.add_exception_handler(RefusedError, _passed_on)
    app.add_exception_handler(NoPlaceError, _none)
    return Guard(app, rules, partial(takes, app.routes))


def app_of(head: Head) -> Callable[[Rules], Guard]:
    """From the rules of access to the guarded app."""
    return partial(created, head)


def _refused(_: Any, error: Exception) -> JSONResponse:
    assert isinstance(error, StarletteHTTPException)
    return JSONResponse({"detail": error.detail}, error.status_code)


def _passed_on(_: Any, error: Exception) -> JSONResponse:
    assert isinstance(error, RefusedError)
    return JSONResponse({"detail": str(error)}, error.status)


def _none(_: Any, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, 503)
