"""OSCQuery by HTTP and WebSocket: what the OSC addresses are, their values, and their changes.

A client that listens to an address gets its value at once and after each change, as binary OSC
packets: only the newest, at most BURST in a BEAT. Every client is told of looks that come, go and
get another name. A client that reads too slowly delays itself alone.
"""

import asyncio
import json
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from itertools import islice
from typing import Any, Protocol

from fastapi import APIRouter, FastAPI, Request, WebSocket
from fastapi.responses import Response
from starlette.websockets import WebSocketDisconnect

from bridge.control.http.guard import READS_ONLY
from bridge.control.http.rules import attribute_of
from bridge.control.http.streams import PATIENCE
from bridge.control.http.texts import JSONResponse
from bridge.state.change import By, Change
from bridge.state.store import ParameterStore
from engine.parameters import Value
from engine.system.json_values import is_object

BEAT = 0.016  # seconds between two bursts to a client
BURST = 64  # packets of a burst
LOOK = 0.2  # seconds between checks of the state
MOST = 16  # clients
FULL = 1013  # the close code of a client too many
PAUSE = 0.005  # seconds until a packet is offered again
LONGEST = 80  # characters of an address that is quoted
EXAMPLE = '{"COMMAND": "LISTEN", "DATA": "/bridge/vace"}'
READ_ONLY = "Without the token this connection only reads; send OSC by UDP."


class OscQuery(Protocol):
    """What this needs of the OSC addresses; see `bridge/control/osc/query.py`."""

    def answer(self, path: str, attribute: str, host: str) -> tuple[int, dict[str, Any] | None]:
        """The status and the content for an address, whole or one attribute."""
        ...

    def heard(self, address: str) -> bool:
        """Whether a client can listen to this address."""
        ...

    def changed(self, names: Iterable[str]) -> list[str]:
        """Every address of these parameters."""
        ...

    def looks(self) -> Mapping[str, str]:
        """The address of each look there is now, with its description."""
        ...

    def watch(self, changed: Callable[[], None]) -> None:
        """Call `changed`, which returns at once, whenever `looks` may be others."""
        ...

    def states(self) -> Mapping[str, Value]:
        """The value now of each address that is no parameter's."""
        ...

    def messages(self, addresses: Iterable[str]) -> Iterable[bytes]:
        """A message with the current value of each of these addresses."""
        ...

    def complaint(self, text: str) -> bytes:
        """A message that tells a client in one sentence what is wrong."""
        ...

    def join(self, sender: tuple[str, int], reply: Callable[[bytes], bool]) -> None:
        """Answer this sender by `reply` from now on."""
        ...

    def leave(self, sender: tuple[str, int]) -> None:
        """It has gone."""
        ...

    def take(self, data: bytes, sender: tuple[str, int]) -> bool:
        """Do what a packet says; False if there are too many now."""
        ...


def add_oscquery(app: FastAPI, query: OscQuery, store: ParameterStore) -> None:
    """The routes below /bridge, and the WebSocket at /; `answer` serves / itself."""
    router = APIRouter()
    listeners = Listeners(query, store)

    @router.get("/bridge", include_in_schema=False)
    @router.get("/bridge/{path:path}", include_in_schema=False)
    def node(request: Request) -> Response:
        return answer(query, request)

    @router.websocket("/")
    async def listen(socket: WebSocket) -> None:
        await listeners.serve(socket)

    app.include_router(router)


def answer(query: OscQuery, request: Request, more: Mapping[str, Any] | None = None) -> Response:
    """One address with `more` beside it, or the attribute that the query string names."""
    server = request.scope.get("server") or ("127.0.0.1", 0)
    asked = attribute_of(request.scope["query_string"])
    status, content = query.answer(request.scope["path"], asked, server[0])
    if content is None:
        return Response(status_code=status)
    return JSONResponse(content if asked else {**content, **(more or {})}, status)


class Listeners:
    """The WebSockets; all but `_changed` and `_edited` runs in the server's loop."""

    def __init__(self, query: OscQuery, store: ParameterStore) -> None:
        self._query = query
        self._clients: set[_Client] = set()
        self._lock = threading.Lock()
        store.listen(self._changed)
        query.watch(self._edited)

    async def serve(self, socket: WebSocket) -> None:
        """Serve one client until it leaves, or reads nothing."""
        await socket.accept()
        if len(self._clients) >= MOST:
            await socket.close(FULL, f"At most {MOST} clients can listen at once.")
            return
        client = _Client(socket, self._query)
        with self._lock:
            self._clients.add(client)
        client.join()
        client.edited()  # a look may have come meanwhile
        tasks = [asyncio.create_task(work) for work in (client.read(), client.send())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            client.leave()
            with self._lock:
                self._clients.discard(client)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _changed(self, change: Change) -> None:
        """Called in the thread that changed a value."""
        if not self._clients:
            return
        clients = self._all()
        for setter, values in change.parts:
            addresses = self._query.changed(values)
            own = setter.detail.partition(" ")[0] if setter.kind is By.OSC else ""
            for client in clients:
                if own != client.name:
                    client.mark(addresses)

    def _edited(self) -> None:
        """Called in the thread that changed a look."""
        for client in self._all():
            client.edited()

    def _all(self) -> tuple["_Client", ...]:
        with self._lock:
            return tuple(self._clients)


class _Client:
    """One WebSocket: what it listens to, and what it has still to get."""

    def __init__(self, socket: WebSocket, query: OscQuery) -> None:
        host, port = socket.client or ("", 0)
        self.name = f"{host}:{port}"
        self._sender = host, port
        self._socket = socket
        self._query = query
        self._reads_only = bool(socket.scope.get(READS_ONLY))
        self._loop = asyncio.get_running_loop()
        self._work = asyncio.Event()
        self._lock = threading.Lock()
        self._heard: set[str] = set()
        self._due: dict[str, None] = {}
        self._replies: deque[bytes] = deque()
        self._states = query.states()
        self._look_at = 0.0
        self._looks = query.looks()
        self._edited = False

    def join(self) -> None:
        """Have what it asks by OSC answered here."""
        if not self._reads_only:
            self._query.join(self._sender, self.reply)

    def leave(self) -> None:
        """It has gone."""
        if not self._reads_only:
            self._query.leave(self._sender)

    def mark(self, addresses: Iterable[str]) -> None:
        """Send the values of those of these addresses that it listens to. Any thread."""
        if self._add(addresses):
            self._wake()

    def edited(self) -> None:
        """Tell it which looks have come, gone or changed. Any thread."""
        self._edited = True
        self._wake()

    def reply(self, data: bytes) -> bool:
        """Send a packet; False if it has to read others first. Any thread."""
        if len(self._replies) >= BURST:
            return False
        self._replies.append(data)
        self._wake()
        return True

    async def read(self) -> None:
        """Do what it sends, until it leaves."""
        with suppress(WebSocketDisconnect, RuntimeError):
            while (message := await self._socket.receive())["type"] != "websocket.disconnect":
                if (data := message.get("bytes")) is not None:
                    await self._packet(data)
                else:
                    self._command(message.get("text") or "")

    async def send(self) -> None:
        """Send what is due, until it reads nothing."""
        with suppress(WebSocketDisconnect, TimeoutError, RuntimeError):
            while True:
                watches = not self._heard.isdisjoint(self._states)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._work.wait(), LOOK if watches else None)
                self._work.clear()
                if watches:
                    self._look()
                for text in self._news():
                    await asyncio.wait_for(self._socket.send_text(text), PATIENCE)
                for data in self._part():
                    await asyncio.wait_for(self._socket.send_bytes(data), PATIENCE)
                await asyncio.sleep(BEAT)

    def _add(self, addresses: Iterable[str]) -> bool:
        """Note what is due; returns whether nothing was before."""
        with self._lock:
            idle = not self._due
            self._due.update((a, None) for a in addresses if a in self._heard)
            return idle and bool(self._due)

    def _wake(self) -> None:
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._work.set)

    async def _packet(self, data: bytes) -> None:
        if self._reads_only:
            self._complain(READ_ONLY)
            return
        while not self._query.take(data, self._sender):
            await asyncio.sleep(PAUSE)

    def _command(self, text: str) -> None:
        try:
            command: Any = json.loads(text)
        except (ValueError, RecursionError):
            command = None
        kind, address = (
            (command.get("COMMAND"), command.get("DATA")) if is_object(command) else ("", "")
        )
        if kind not in ("LISTEN", "IGNORE") or not isinstance(address, str):
            self._complain(f"Send LISTEN or IGNORE, for example {EXAMPLE}.")
        elif not self._query.heard(address):
            self._complain(f"{address[:LONGEST]!r} has no value to listen to.")
        elif kind == "LISTEN":
            self._heard.add(address)
            self.mark([address])
        else:
            with self._lock:
                self._heard.discard(address)
                self._due.pop(address, None)

    def _complain(self, text: str) -> None:
        """Tell it what is wrong, unless it does not read that."""
        self.reply(self._query.complaint(text))

    def _look(self) -> None:
        """Note what has changed in the state."""
        if self._loop.time() < self._look_at:
            return
        self._look_at = self._loop.time() + LOOK
        states = self._query.states()
        self._add([address for address, v in states.items() if self._states.get(address) != v])
        self._states = states

    def _news(self) -> list[str]:
        """The commands that tell of looks. PATH_CHANGED for the address above them comes last, for
        clients that know no other; if there are too many, it comes alone.
        """
        if not self._edited:
            return []
        self._edited = False  # before looking: what changes meanwhile is told next time
        before, now = self._looks, self._query.looks()
        self._looks = now
        told = [("PATH_REMOVED", path) for path in before if path not in now]
        told += [("PATH_ADDED", path) for path in now if path not in before]
        above = [("PATH_CHANGED", path.rpartition("/")[0]) for _, path in told[:1]]
        told += [("PATH_CHANGED", p) for p in now if before.get(p, now[p]) != now[p]]
        if len(told) > BURST:
            told, above = [], [("PATH_CHANGED", told[0][1].rpartition("/")[0])]
        return [json.dumps({"COMMAND": kind, "DATA": path}) for kind, path in (*told, *above)]

    def _part(self) -> list[bytes]:
        """What may be sent now."""
        with self._lock:
            part = list(islice(self._due, BURST))
            for address in part:
                del self._due[address]
            if self._due:
                self._work.set()
        replies = [self._replies.popleft() for _ in range(len(self._replies))]
        return [*self._query.messages(part), *replies]
