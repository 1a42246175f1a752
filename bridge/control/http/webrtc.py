"""WHIP (RFC 9725) and WHEP: offers for the open source `whip:` and the open sink `whep:`, and the
page that shows the latter.
"""

import asyncio
import re
from contextlib import suppress
from secrets import token_urlsafe
from typing import Annotated

from fastapi import APIRouter, HTTPException, Request
from fastapi import Path as InPath
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from bridge.control.http.guard import LARGEST_SDP, SDP
from bridge.control.http.openapi import refused
from bridge.transports.webrtc import signalling
from bridge.transports.webrtc.signalling import NobodyError, RefusedError

PATIENCE = 10.0  # seconds for an answer
PEER = re.compile(r"[A-Za-z0-9_-]{22}")
NAMED = InPath(json_schema_extra={"pattern": f"^{PEER.pattern}$"})
OFFER = {
    "requestBody": {
        "required": True,
        "content": {SDP: {"schema": {"type": "string", "maxLength": LARGEST_SDP}}},
    }
}
ANSWER = {201: {"content": {SDP: {"schema": {"type": "string"}}}, "description": "The answer."}}
CLOSED = {
    "whip": "No input is whip: now; choose it as the source, control or mask.",
    "whep": "The output is not whep: now; start the bridge with --sink whep:.",
}


def webrtc() -> APIRouter:
    """The routes."""
    router = APIRouter()
    _add(router, "whip", "Send a picture")
    _add(router, "whep", "Watch the output")
    return router


def _add(router: APIRouter, kind: signalling.Kind, what: str) -> None:
    @router.post(
        f"/{kind}",
        status_code=201,
        summary=f"{what} over WebRTC",
        response_class=Response,
        openapi_extra=OFFER,
        responses={**ANSWER, **refused(409, 503)},
    )
    async def offer(request: Request) -> Response:
        """Answer an offer in SDP. The header `Location` is what DELETE ends the connection with."""
        peer = token_urlsafe(16)
        try:
            sdp = (await request.body()).decode()
            asked = await run_in_threadpool(signalling.answerer(kind).offer, peer, sdp)
            async with asyncio.timeout(PATIENCE):
                answer = await asyncio.wrap_future(asked)
        except UnicodeDecodeError as error:
            raise HTTPException(400, "The offer is not UTF-8.") from error
        except NobodyError as error:
            raise HTTPException(409, CLOSED[kind]) from error
        except RefusedError as error:
            raise HTTPException(503 if error.full else 400, str(error)) from error
        except TimeoutError as error:
            raise HTTPException(503, "The WebRTC process does not answer; try again.") from error
        # Relative, since a proxy may know this by another path.
        return Response(answer, 201, {"location": f"{kind}/{peer}"}, SDP)

    @router.delete(
        f"/{kind}/{{peer}}",
        summary="End such a connection",
        response_class=Response,
        responses=refused(404),
    )
    async def leave(peer: Annotated[str, NAMED]) -> Response:
        """End the connection; nothing happens if it has ended."""
        if not PEER.fullmatch(peer):
            raise HTTPException(404, "No connection has such a name.")
        with suppress(NobodyError):
            await run_in_threadpool(signalling.answerer(kind).leave, peer)
        return Response()
