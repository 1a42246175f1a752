"""REST for MIDI: the open ports, and the maps. A MIDI port of a browser, or of any program, is a
WebSocket of its own: its frames are the bytes, both ways.
"""

import asyncio
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, WebSocket
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt
from starlette.websockets import WebSocketDisconnect

from bridge.control.bridge_api import BridgeApi
from bridge.control.http.openapi import refused
from bridge.control.midi.maps import LONGEST, MOST, MapError
from bridge.control.midi.parser import CHANNELS, What

TAKEN = 4409  # the close code of a socket whose port another one plays now
PATIENCE = 10.0  # seconds until a client that reads nothing is dropped
Name = Annotated[str, Field(strict=True, max_length=LONGEST)]


class MidiMap(BaseModel):
    """One control, and what it moves: a parameter between `from` and `to` (its own range without
    them), or an action with its `value`. `port` is a part of the port's name, empty for any;
    channel 0 is any. A fader with `pickup` moves nothing until it passes the current value.
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    port: Annotated[Name, Field(json_schema_extra={"pattern": r"^[^\x00-\x1f\x7f]*$"})] = ""
    channel: Annotated[StrictInt, Field(ge=0, le=CHANNELS)] = 0
    kind: What
    number: Annotated[StrictInt, Field(ge=-1, le=127)]
    parameter: Name | None = None
    action: Name | None = None
    low: Annotated[float | None, Field(alias="from", strict=True)] = None
    high: Annotated[float | None, Field(alias="to", strict=True)] = None
    pickup: StrictBool | None = None
    value: bool | int | float | str | None = None


class MidiMaps(BaseModel):
    """All maps."""

    model_config = ConfigDict(extra="forbid")
    maps: Annotated[list[MidiMap], Field(max_length=MOST)]


class MidiState(BaseModel):
    """The ports that are open, what `learn` waits for or has found, and the maps."""

    ports: list[str]
    learn: str
    maps: list[dict[str, Any]]


def midi(desk: BridgeApi) -> APIRouter:
    """The routes. Plain functions run off the server's loop: choosing maps waits for a disk."""
    router = APIRouter()

    @router.get("/midi")
    def told() -> MidiState:
        """The open ports and the maps."""
        rows = [row.told() for row in desk.midi.maps.rows]
        return MidiState(ports=[*desk.midi.ports], learn=desk.midi.learnt, maps=rows)

    @router.put("/midi", responses=refused(409, 507))
    def choose(given: MidiMaps) -> MidiState:
        """Use these maps and no others. 409 names the first that cannot be used."""
        rows = [row.model_dump(by_alias=True, exclude_none=True) for row in given.maps]
        try:
            desk.midi.choose([{**row, "kind": row["kind"].value} for row in rows])
        except MapError as error:
            raise HTTPException(409, str(error)) from error
        return told()

    return router


async def port(
    socket: WebSocket, desk: BridgeApi, name: str, playing: dict[str, asyncio.Task[None]]
) -> None:
    """One MIDI port: its bytes come in binary frames, and what its controller shows goes back. The
    newest socket of a name plays, as `playing` says, so that nothing counts twice when two pages
    open one port; the earlier is closed.
    """
    await socket.accept()
    name = "".join(letter for letter in name if letter.isprintable()).strip()[:LONGEST]
    if not name:
        await socket.close(4404, "Give the port's name: ?name=…")
        return
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    waiting: dict[bytes, bytes] = {}  # the newest message of each control

    def keep(data: bytes) -> None:
        waiting.pop(data[:2], None)  # the newest comes last: pitch bend has many keys
        waiting[data[:2]] = data
        ready.set()

    def send(data: bytes) -> None:
        with suppress(RuntimeError):  # the server has ended
            loop.call_soon_threadsafe(keep, data)

    async def show() -> None:
        with suppress(WebSocketDisconnect, TimeoutError, RuntimeError):
            while await ready.wait():
                ready.clear()
                told = b"".join(waiting.values())
                waiting.clear()
                await asyncio.wait_for(socket.send_bytes(told), PATIENCE)

    async def play() -> None:
        with suppress(WebSocketDisconnect, RuntimeError):
            while (message := await socket.receive())["type"] != "websocket.disconnect":
                if data := message.get("bytes"):
                    desk.midi.receive(name, data)

    desk.midi.connect(name, send)
    tasks = asyncio.create_task(play()), asyncio.create_task(show())
    before, playing[name] = playing.get(name), tasks[0]
    if before:
        before.cancel()
    try:
        await asyncio.wait(tasks[:1])
    finally:
        for task in tasks:
            task.cancel()
        if playing.get(name) is tasks[0]:
            del playing[name]
        desk.midi.disconnect(name, send)
    if tasks[0].cancelled():
        await socket.close(TAKEN, "Another page plays this port now.")
