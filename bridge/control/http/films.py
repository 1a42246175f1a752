"""Films and pictures that a browser uploads to be a source: streamed into one folder, played before
they are accepted, and removed by number.
"""

import asyncio
import hashlib
import shutil
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from time import time
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from bridge.control.bridge_api import BridgeApi
from bridge.control.http.guard import FILM_KIND
from bridge.control.http.openapi import refused
from bridge.state import references
from bridge.state.inputs import ROLES
from bridge.state.references import AssetError
from bridge.system.paths import FILE, FILMS, PICTURES
from bridge.transports import Options, TransportError, open_source
from engine.system import held

KEPT = 8  # films in the folder, beside those in use
SPARE = 500 << 20  # bytes left free on the disk: a full one breaks more than an upload
PIECE = 4 << 20  # bytes that are written at once
FIRST = 10.0  # seconds that the first frame may take
NEW, STALE = ".new-", 86_400.0  # halves of uploads, and the seconds after which nobody writes one
NAME = Query(json_schema_extra={"pattern": references.TOLD, "not": {"pattern": r"\.\."}})
BODY = {
    "requestBody": {
        "required": True,
        "content": {FILM_KIND: {"schema": {"type": "string", "format": "binary"}}},
    }
}


class Film(BaseModel):
    """A film or picture that can be a source."""

    name: str
    uri: str = Field(description="What to give to `source`, `control` or `mask`.")


class Arriving:
    """One file on its way into a folder. Every method waits for the disk; AssetError, in one
    sentence, if it cannot be kept. `close` removes what is half.
    """

    def __init__(self, folder: Path, name: str, size: int) -> None:
        """`size` is that of the file in bytes, 0 if it is not known."""
        self._folder, self._name = folder, name
        self._hash = hashlib.sha256()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _sweep(folder)
            self._room(size)
            self._half = TemporaryDirectory(prefix=NEW, dir=folder, ignore_cleanup_errors=True)
            self._path = Path(self._half.name, "film" + Path(name).suffix.lower())
            self._file = self._path.open("wb")
        except OSError as error:
            raise self._unkept(error) from error

    def write(self, data: bytes) -> None:
        """Add to it."""
        self._room(len(data))
        self._hash.update(data)
        try:
            self._file.write(data)
        except OSError as error:
            raise self._unkept(error) from error

    def finish(self, used: Collection[str]) -> Path:
        """The whole file in its place, once a frame of it could be shown. The oldest others go,
        except those whose URI is `used`.
        """
        self._file.close()
        try:
            with open_source(f"{FILE}{self._path}", Options()) as source:
                seen = source.receive(FIRST)
        except TransportError as error:
            raise AssetError(str(error).replace(str(self._path), self._name), 415) from error
        if seen is None:
            raise AssetError(f"{self._name} showed no frame within {FIRST:g} seconds.", 415)
        path = self._folder / references.marked(self._name, self._hash.hexdigest())
        try:
            held.replace(self._path, path)
        except OSError as error:
            raise self._unkept(error) from error
        _keep_newest(self._folder, {*used, f"{FILE}{path}"})
        return path

    def close(self) -> None:
        """Remove what is not in its place."""
        self._file.close()
        self._half.cleanup()

    def _room(self, size: int) -> None:
        free = shutil.disk_usage(self._folder).free
        if free - size < SPARE:
            raise AssetError(
                f"{self._name} does not fit: {max(0, free - SPARE) >> 20} MB may be used on the "
                f"disk of {self._folder}; make room, or copy the file to another disk of the "
                "bridge and type its path.", 507,
            )  # fmt: skip

    def _unkept(self, error: OSError) -> AssetError:
        return AssetError(
            f"{self._name} cannot be saved in {self._folder}: {held.told(error)}.", 507
        )


def _sweep(folder: Path) -> None:
    """Remove what a crash has left half."""
    for half in folder.glob(f"{NEW}*"):
        with suppress(OSError):
            if time() - half.stat().st_mtime > STALE:
                shutil.rmtree(half, ignore_errors=True)


def _keep_newest(folder: Path, used: Collection[str]) -> None:
    others = [p for p in folder.iterdir() if p.is_file() and f"{FILE}{p}" not in used]
    for path in sorted(others, key=lambda path: path.stat().st_mtime)[:-KEPT]:
        with suppress(OSError):  # another bridge plays it: the next upload removes it
            held.remove(path, 0)


def films(desk: BridgeApi) -> APIRouter:
    """The route."""
    router = APIRouter()
    folder = desk.assets / "films"
    busy = False

    @router.post("/films", status_code=201, openapi_extra=BODY, responses=refused(507))
    async def add(request: Request, name: Annotated[str, NAME]) -> Film:
        """Upload a film or picture, one at a time; pass its `uri` to `source`. The newest eight are
        kept, and those in use.
        """
        nonlocal busy
        references.check_name(name)
        if Path(name).suffix.lower() not in FILMS | PICTURES:
            raise AssetError(f"{name} is no film or picture by its ending.", 415)
        if busy:
            raise AssetError("Another film is being uploaded; try again after it.", 503)
        busy = True
        try:
            size = int(request.headers.get("content-length", 0))  # checked by the guard
            arriving = await run_in_threadpool(Arriving, folder, name, size)
            try:
                await _written(request, arriving)
                used = {desk.status().uri_of(role) for role in ROLES}
                path = await run_in_threadpool(arriving.finish, used)
            finally:  # it goes on if this request is cancelled
                await asyncio.shield(run_in_threadpool(arriving.close))
        except ClientDisconnect:
            raise AssetError(f"{name} did not arrive.") from None
        finally:
            busy = False
        return Film(name=path.name, uri=f"{FILE}{path}")

    return router


async def _written(request: Request, arriving: Arriving) -> None:
    """Write the body as it arrives, whose pace `seats` watches."""
    waiting = bytearray()
    async for data in request.stream():
        waiting += data
        if len(waiting) >= PIECE:
            await run_in_threadpool(arriving.write, bytes(waiting))
            waiting.clear()
    await run_in_threadpool(arriving.write, bytes(waiting))
