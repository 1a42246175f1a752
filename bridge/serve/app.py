"""What a server of engines answers: relays, questions about the machine, a page of its sessions."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal

from fastapi import FastAPI, Request, WebSocket
from fastapi.responses import FileResponse, PlainTextResponse, Response
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.types import ASGIApp

from bridge import __version__, control
from bridge.control.http.files import Folder, sent
from bridge.control.http.guard import HOLDER, Guard
from bridge.control.http.methods import takes
from bridge.control.http.rules import Rules
from bridge.control.http.texts import JSONResponse
from bridge.serve.doors import PROBES, BehindProxy, Door
from bridge.serve.machine import machine_routes
from bridge.serve.metrics import metrics
from bridge.serve.server import RelayConnection, Sessions, told
from bridge.serve.session import EngineSession
from bridge.workers.machine import LocalMachine
from engine.catalog.rows import Catalog
from engine.remote import wire

PAGE = Path(__file__).parent / "page"
BRIDGE_PAGE = Path(control.__file__).parent / "page"  # whose styles are used too


def created(
    sessions: Sessions, machine: LocalMachine, catalog: Catalog, name: str, door: Door
) -> Callable[[Rules], ASGIApp]:
    """From the rules of access to the guarded app."""

    def made(rules: Rules) -> ASGIApp:
        guarded = _app(sessions, machine, catalog, name, rules)
        return BehindProxy(guarded) if door.proxied else guarded

    return made


def _app(
    sessions: Sessions, machine: LocalMachine, catalog: Catalog, name: str, rules: Rules
) -> Guard:
    app = FastAPI(
        title="spout-bridge serve", version=__version__, openapi_url=None, docs_url=None,
        redoc_url=None, default_response_class=JSONResponse, redirect_slashes=False,
    )  # fmt: skip

    @app.websocket(wire.PATH)
    async def engine(socket: WebSocket) -> None:
        await RelayConnection(socket).serve(sessions)

    @app.get("/healthz")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz")
    def ready() -> JSONResponse:
        status = 503 if sessions.draining else 200
        return JSONResponse({"ready": status == 200, "reason": sessions.draining}, status)

    @app.get("/api/v1/sessions")
    def listed(request: Request) -> dict[str, Any]:
        seen = _seen(sessions, request)
        return {
            "name": name, "release": __version__, "draining": sessions.draining,
            "most": sessions.most, "keep": sessions.keep_s, "sessions": told(seen),
            "death": "" if request.scope.get(HOLDER) else sessions.death,
            "gpus": [
                {"name": gpu.name, "free": gpu.free, "total": gpu.total} for gpu in machine.gpus()
            ],
        }  # fmt: skip

    @app.get("/")
    def page() -> FileResponse:
        return sent(PAGE / "index.html")

    @app.get("/page/{name}")
    def shared(name: Literal["style.css", "elements.js"]) -> FileResponse:
        return sent(BRIDGE_PAGE / name)

    @app.get("/metrics", response_class=PlainTextResponse)
    def shown(request: Request) -> Response:
        text = metrics(sessions, _seen(sessions, request))
        return Response(text, media_type="text/plain; version=0.0.4")

    app.mount("/page/serve", Folder(directory=PAGE))
    app.include_router(machine_routes(machine, catalog))
    app.add_exception_handler(StarletteHTTPException, _refused)
    return Guard(app, rules, partial(takes, app.routes), free=PROBES)


def _seen(sessions: Sessions, request: Request) -> list[EngineSession]:
    """The sessions that a request may see: a holder's own, or with the server's own token all."""
    holder = request.scope.get(HOLDER, "")
    return [session for session in sessions.all if holder in ("", session.holder)]


def _refused(_: Any, error: Exception) -> JSONResponse:
    assert isinstance(error, StarletteHTTPException)
    return JSONResponse({"detail": error.detail}, error.status_code)
