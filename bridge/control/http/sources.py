"""REST for sources: list them, show thumbnails, and choose one."""

import asyncio
from concurrent.futures import Future
from functools import partial
from time import perf_counter

from fastapi import APIRouter, HTTPException
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from bridge.control.bridge_api import BridgeApi
from bridge.control.http.openapi import of_type, refused
from bridge.control.http.thumbnails import WIDTH, Thumbnail, Thumbnails
from bridge.frames.encode import jpeg
from bridge.state.inputs import HELP, ROLES, Role
from bridge.system.paths import meant
from bridge.transports import NotNowError, Offer, TransportError, schemes
from engine.system.texts import mended

WAIT = 1.0  # seconds that a request waits for a thumbnail
FRESH = 1.0  # seconds; an input frame up to this age serves as its source's thumbnail


class Row(BaseModel):
    """A source: what it is, and why it is unavailable, if it is."""

    uri: str
    text: str
    problem: str = ""
    live: bool


class Choice(BaseModel):
    """The source to use."""

    model_config = ConfigDict(extra="forbid")
    uri: str = Field(description="As listed by `sources`, or as accepted by `--source`.")


def sources(desk: BridgeApi) -> APIRouter:
    """The routes. Plain functions run off the server's loop: listing sources and importing a
    transport take a while.
    """
    router = APIRouter()
    thumbnails = Thumbnails()

    @router.get("/sources")
    def listing() -> list[Row]:
        """The sources available now (`live`), then the transports, whose URI needs a name."""
        here = [_row(offer) for offer in desk.offers()]
        return here + [
            Row(uri=f"{name}:", text=line, live=False)
            for name, (source, _, line) in schemes().items()
            if source
        ]

    def choose(role: Role, given: Choice) -> dict[str, str]:
        uri = meant(given.uri)
        if not uri and role != "source":
            raise HTTPException(422, f"Give the URI of the {role}.")
        try:
            desk.set_source(uri, role)
        except NotNowError as error:
            raise HTTPException(409, str(error)) from error
        except TransportError as error:
            raise HTTPException(422, str(error)) from error
        return {role: uri}

    for role in ROLES:
        name = "choose" if role == "source" else f"choose_{role}"
        router.add_api_route(
            f"/{role}", partial(choose, role), methods=["POST"], status_code=202, name=name,
            description=HELP[role], responses=refused(409, 422),
        )  # fmt: skip

    @router.get(
        "/thumbnail",
        response_class=Response,
        responses={**of_type("image/jpeg"), **refused(404)},
    )
    async def thumbnail(uri: str) -> Response:
        """A small JPEG of a source that is available now."""
        offer = await run_in_threadpool(_offer, desk, uri)
        if offer is None:  # only listed sources are opened: a URI may name any file on this machine
            raise HTTPException(404, f"No sender found at {uri[:80]!r}.")
        data = await run_in_threadpool(_in_use, desk, uri)
        found = Thumbnail(jpeg=data) if data else await _thumbnail(offer, thumbnails)
        if found.problem:
            raise HTTPException(404, found.problem)
        return Response(found.jpeg, media_type="image/jpeg")

    return router


def _row(offer: Offer) -> Row:
    """An offer as valid text: another program's name may not be."""
    uri, problem = mended(offer.uri), mended(offer.problem)
    if uri != offer.uri:
        problem = problem or "Its name is not valid text; rename the sender."
    return Row(uri=uri, text=mended(offer.text), problem=problem, live=True)


def _offer(desk: BridgeApi, uri: str) -> Offer | None:
    return next((offer for offer in desk.offers() if offer.uri == uri), None)


def _in_use(desk: BridgeApi, uri: str) -> bytes | None:
    """A thumbnail of the source in use, from its newest frame."""
    if desk.status().source_uri != uri:
        return None
    frame = desk.latest_frame("input")
    # An older one may be from the previous source, or from a sender that has paused.
    if frame is None or perf_counter() - frame.time > FRESH:
        return None
    return jpeg(frame.image, WIDTH)


async def _thumbnail(offer: Offer, thumbnails: Thumbnails) -> Thumbnail:
    if offer.problem:
        return Thumbnail(problem=offer.problem)
    if offer.exclusive:  # opening it would block a program that wants it at that moment
        return Thumbnail(problem=f"{offer.uri} serves one program at a time; select it to see it.")
    return await _waited(thumbnails.ask(offer.uri))


async def _waited(promise: Future[Thumbnail]) -> Thumbnail:
    done, _ = await asyncio.wait([asyncio.wrap_future(promise)], timeout=WAIT)
    return done.pop().result() if done else Thumbnail(problem="No frame arrived within a second.")
