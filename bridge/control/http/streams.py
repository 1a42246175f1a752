"""The two WebSockets: previews and changes. A slow client loses frames; nothing waits for it.

A client that stops reading is dropped: `seats` pings each one, and PATIENCE limits each send.
"""

import asyncio
import math
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocket, WebSocketDisconnect

from bridge.control.bridge_api import BridgeApi
from bridge.control.http.guard import READS_ONLY
from bridge.control.http.texts import encoded
from bridge.frames.encode import Preview
from bridge.state.change import Change
from bridge.state.inputs import SIDES
from bridge.state.renamed import renamed
from bridge.state.status import STATUS, Status
from bridge.state.store import ParameterStore
from engine.parameters import Value
from engine.system.texts import mended

PREVIEW_BEAT = 1 / 15  # seconds
EVENT_BEAT = 1 / 30
STATE_BEATS = 6  # of events between checks of the state
WORD_BEATS = 90  # of events until the state is sent without changes: pages treat silence as loss
NOTHING = Status()
PATIENCE = 10.0  # seconds until a client that reads nothing is dropped


class Streams:
    """Serves one desk's WebSockets; all but `_changed` runs in the server's loop."""

    def __init__(self, desk: BridgeApi) -> None:
        self._desk = desk
        self._previews = {
            side: Preview(lambda side=side: desk.latest_frame(side)) for side in SIDES
        }
        self._pending: dict[WebSocket, dict[str, Value]] = {}
        self._lock = threading.Lock()
        desk.store.listen(self._changed)

    def state(self, *, viewing: bool) -> dict[str, Any]:
        """The state as JSON values; what is kept from a client that is only `viewing` is empty."""
        status = self._desk.status()
        told = {
            row.name: _plain(getattr(NOTHING if viewing and row.kept else status, row.name))
            for row in STATUS
        }
        return {**told, **{old: told[new] for old, new in renamed("state", told)}}

    async def preview(self, socket: WebSocket, side: str, width: int) -> None:
        """JPEG images: the newest one whenever the last has been sent."""
        await socket.accept()
        preview = self._previews.get(side)
        if preview is None:
            await socket.close(4404, f"Choose a side: {', '.join(SIDES)}.")
            return
        index = -1
        with suppress(WebSocketDisconnect, TimeoutError, RuntimeError):
            async with _until_gone(socket) as gone:
                while not gone.is_set():
                    made = await run_in_threadpool(preview.newer, index, width)
                    if made:
                        index = made[0]
                        await asyncio.wait_for(socket.send_bytes(made[1]), PATIENCE)
                    await asyncio.sleep(PREVIEW_BEAT)

    async def events(self, socket: WebSocket) -> None:
        """First everything, then changes, with the newest value of each name."""
        await socket.accept()
        with self._lock:
            self._pending[socket] = dict(self._desk.store.snapshot.values)
        told: Mapping[str, Any] = {}
        look = partial(self.state, viewing=bool(socket.scope.get(READS_ONLY)))
        beat = 0
        try:
            with suppress(WebSocketDisconnect, TimeoutError, RuntimeError):
                async with _until_gone(socket) as gone:
                    while not gone.is_set():
                        with self._lock:
                            changed, self._pending[socket] = self._pending[socket], {}
                        if changed:
                            who = movers(self._desk.store, changed)
                            await _tell(socket, "parameters", changed, who=who)
                        if beat % STATE_BEATS == 0:
                            state = await run_in_threadpool(look)
                            news = {n: v for n, v in state.items() if told.get(n) != v}
                            told = state
                            if news or beat % WORD_BEATS == 0:
                                await _tell(socket, "state", news)
                        beat += 1
                        await asyncio.sleep(EVENT_BEAT)
        finally:
            with self._lock:
                del self._pending[socket]

    def _changed(self, change: Change) -> None:
        """Called in the thread that changed a value."""
        with self._lock:
            for pending in self._pending.values():
                pending.update(change.changed)


def _plain(value: Any, depth: int = 8) -> Any:
    """A value as JSON allows it. A plug-in's report may contain anything: NaN and infinities become
    None, other types their text, since one such value must not break the whole state.
    """
    if isinstance(value, str):
        return mended(str(value))
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, Mapping) and depth:
        return {mended(str(name)): _plain(inner, depth - 1) for name, inner in value.items()}
    if isinstance(value, (list, tuple)) and depth:
        return [_plain(inner, depth - 1) for inner in value]
    return mended(str(value))


def movers(store: ParameterStore, names: Iterable[str]) -> dict[str, dict[str, str | float]]:
    """Who moved which parameter last, of those moved since the start; see `Mover` in `app.py`."""
    moved = {name: found for name in names if (found := store.moved(name))}
    return {
        name: {"hand": by.setter.hand, "kind": by.setter.kind, "detail": by.setter.detail,
               "at": by.at}
        for name, by in moved.items()
    }  # fmt: skip


async def _tell(socket: WebSocket, kind: str, values: Mapping[str, Any], **more: Any) -> None:
    message = {"type": kind, "values": dict(values), **more}
    await asyncio.wait_for(socket.send_text(encoded(message)), PATIENCE)


class _until_gone:
    """An event that is set when the client disconnects, which only reading detects."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._gone = asyncio.Event()

    async def __aenter__(self) -> asyncio.Event:
        self._task = asyncio.create_task(self._watch())
        return self._gone

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _watch(self) -> None:
        with suppress(WebSocketDisconnect, RuntimeError):
            while (await self._socket.receive())["type"] != "websocket.disconnect":
                pass
        self._gone.set()
