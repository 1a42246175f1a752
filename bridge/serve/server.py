"""The sessions of a server, and the WebSocket by which relays reach them."""

import asyncio
import logging
import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from time import perf_counter
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from bridge.control.http.guard import HOLDER, READS_ONLY
from bridge.serve.holders import Holder
from bridge.serve.session import EngineSession, Ground
from bridge.state.status import EngineState
from engine.ipc.typed import ProtocolError
from engine.remote.address import key_of
from engine.remote.codec import CodecError, codec_of
from engine.remote.wire import FROM_RELAY, PING, SILENT, RelayHello, numbered

log = logging.getLogger(__name__)

LOOK = 0.5  # seconds between checks of the sessions
GREETING = 10.0  # seconds for the first message
BACKLOG = 128  # messages that wait for a session until no more are read
HELD = 16 << 20  # bytes of them
UNREAD = 512  # messages that wait for a relay until its connection is closed
LAST = 1.0  # seconds to read what a relay that is gone said last
PATIENCE = 10.0  # seconds for a message to leave
SHORT = 120  # bytes of a close reason, which the protocol limits to 123
ALARM = 10.0  # seconds for which a death is told
NAME = 16  # least letters of a session's name, which is a secret


class RefusedError(Exception):
    """A session cannot be had; why, in a sentence."""


class Sessions:
    """All sessions; any thread may call any method, and none waits."""

    def __init__(
        self, ground: Ground, most: int, keep_s: float, holders: Iterable[Holder] = ()
    ) -> None:
        """At most `most` at a time; one without a connection is kept for `keep_s` seconds."""
        self._shares = {holder.name: holder.most for holder in holders}
        self._count = 0  # of all there have been
        self._ground = replace(ground, make_room=self._make_room, died=self._note_death)
        self.most, self.keep_s = most, keep_s
        self._sessions: dict[str, EngineSession] = {}
        self._lock = threading.RLock()
        self._closed = threading.Event()
        self.draining = ""
        self.death = ""  # the last of an engine, in a sentence
        self._died_at = float("-inf")
        self.empty_since = perf_counter()
        threading.Thread(target=self._mind, name="sessions", daemon=True).start()

    def take(self, hello: RelayHello, holder: str = "") -> EngineSession:
        """The session that a relay asks for, or a new one; RefusedError if it cannot have one. Each
        `holder`, by name, has sessions of their own.
        """
        if len(hello.session) < NAME:
            raise RefusedError("A session needs a name that nobody can guess.")
        with self._lock:
            for name in hello.ends:
                if (ended := self._sessions.get(name)) and ended.holder == holder:
                    self._end(ended, "Its bridge has replaced it.")
            found = self._sessions.get(hello.session)
            if found and found.holder != holder:
                raise RefusedError("This session was begun with another token.")
            if found and not found.ended:
                return found
            if self.draining:
                raise RefusedError(self.draining)
            share = self._shares.get(holder)
            mine = [session for session in self.all if session.holder == holder]
            if share is not None and len(mine) >= share and not self._make_room(mine):
                raise RefusedError(f"The token of {holder} is for {share} at a time.")
            if len(self._sessions) >= self.most and not self._make_room():
                raise RefusedError(
                    f"All {self.most} places are taken; see --sessions of `spout-bridge serve`."
                )
            try:
                codec_of(hello.coding)
            except CodecError as error:
                raise RefusedError(str(error)) from None
            made = self._sessions[hello.session] = EngineSession(hello.session, self._ground, hello)
            self._count += 1
            made.number, made.holder = self._count, holder
            log.info("session %d has begun%s", made.number, f" for {holder}" if holder else "")
            return made

    @property
    def all(self) -> list[EngineSession]:
        """Those that run, oldest first."""
        with self._lock:
            return [session for session in self._sessions.values() if not session.ended]

    @property
    def alarm(self) -> tuple[EngineState, str]:
        """What a webhook is told: for a while that an engine has died, and then that none has."""
        if perf_counter() - self._died_at < ALARM:
            return EngineState.FAILED, self.death
        return EngineState.RUNNING, ""

    @property
    def busy(self) -> bool:
        """Whether a bridge is connected."""
        return any(session.attached for session in self.all)

    def drain(self, text: str, seconds: float) -> None:
        """Take no new ones; tell those that run."""
        self.draining = text
        for session in self.all:
            session.leave(text, seconds)

    def close(self) -> None:
        """End all."""
        self._closed.set()
        for session in self.all:
            session.end("The server ends.")

    def _make_room(self, among: Iterable[EngineSession] | None = None) -> EngineSession | None:
        """End the session that has been without a connection for longest, if there is one."""
        with self._lock:
            sessions = self.all if among is None else among
            alone = [session for session in sessions if not session.attached]
            if not alone:
                return None
            oldest = min(alone, key=lambda session: session.seen)
            self._end(oldest, "Another bridge needed its place.")
            return oldest

    def _note_death(self, session: EngineSession, why: str) -> None:
        of = f" of {session.holder}" if session.holder else ""
        self.death, self._died_at = f"Session {session.number}{of}: {why}", perf_counter()
        log.warning("%s", self.death)

    def _end(self, session: EngineSession, why: str) -> None:
        self._sessions.pop(session.name, None)
        log.info("session %d has ended: %s", session.number, session.ended or why)
        session.end(why)

    def _mind(self) -> None:
        """The thread "sessions"."""
        while not self._closed.wait(LOOK):
            with self._lock:
                for session in [*self._sessions.values()]:
                    session.mind()
                    late = perf_counter() - session.seen > self.keep_s
                    if session.ended or (late and not session.attached):
                        self._end(session, "Its bridge did not come back.")
                if self._sessions:
                    self.empty_since = perf_counter()


class RelayConnection:
    """A relay's WebSocket; `serve` is the loop's."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._loop = asyncio.get_running_loop()
        self._outgoing: asyncio.Queue[str | bytes | None] = asyncio.Queue()
        self._why = ""

    def send(self, message: str | bytes) -> None:
        """See `Connection`."""
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._put, message)

    def close(self, why: str) -> None:
        """See `Connection`."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._end, why)

    def _put(self, message: str | bytes) -> None:
        if self._outgoing.qsize() > UNREAD:
            self._end("It reads nothing.")
        else:
            self._outgoing.put_nowait(message)

    def _end(self, why: str) -> None:
        self._why = self._why or why
        self._outgoing.put_nowait(None)

    async def serve(self, sessions: Sessions) -> None:
        """Until the relay is gone, or silent."""
        socket = self._socket
        await socket.accept()
        if socket.scope.get(READS_ONLY):
            await self._goodbye("This token shows the page and runs nothing.")
            return
        try:
            session, hello = await self._greeted(sessions)
            session.attach(self, hello)
        except (ProtocolError, RefusedError) as error:
            await self._goodbye(str(error))
            return
        except (TimeoutError, WebSocketDisconnect, KeyError):
            await self._goodbye("It does not greet as a bridge does.")
            return
        tasks = [asyncio.create_task(part) for part in (self._write(session), self._read(session))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if not self._why:  # it is gone: what it said last may still be there
                await asyncio.wait(tasks[1:], timeout=LAST)
        finally:
            session.detach(self)
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError, WebSocketDisconnect, RuntimeError):
                    await task
            await self._goodbye(self._why)

    async def _greeted(self, sessions: Sessions) -> tuple[EngineSession, RelayHello]:
        async with asyncio.timeout(GREETING):
            message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect
        _, data = numbered(message.get("text") or "")
        hello = FROM_RELAY.decode(data, first=True)
        assert isinstance(hello, RelayHello)  # the first of its vocabulary
        holder = self._socket.scope.get(HOLDER, "")
        return await asyncio.to_thread(sessions.take, hello, holder), hello

    async def _read(self, session: EngineSession) -> None:
        while True:
            try:
                async with asyncio.timeout(SILENT):
                    message: Any = await self._socket.receive()
            except TimeoutError:
                self._why = self._why or f"Nothing has come for {SILENT:g} s."
                return
            if message["type"] == "websocket.disconnect":
                return
            try:
                if (data := message.get("bytes")) is not None:
                    session.hear_frame(self, data)
                else:
                    session.hear(self, message.get("text") or "")
            except ProtocolError as error:
                self._why = self._why or str(error)
                return
            while session.backlog > BACKLOG or session.held > HELD:
                await asyncio.sleep(0.005)

    async def _write(self, session: EngineSession) -> None:
        pinged = perf_counter()
        while True:
            if (now := perf_counter()) - pinged >= PING:
                pinged = now
                session.ping()
            try:
                async with asyncio.timeout(PING):
                    message = await self._outgoing.get()
            except TimeoutError:
                continue
            if message is None:
                return
            try:
                async with asyncio.timeout(PATIENCE):
                    if isinstance(message, bytes):
                        await self._socket.send_bytes(message)
                    else:
                        await self._socket.send_text(message)
            except (TimeoutError, WebSocketDisconnect, RuntimeError):
                return

    async def _goodbye(self, why: str) -> None:
        reason = why.encode(errors="replace")[:SHORT].decode(errors="ignore")
        with suppress(RuntimeError, WebSocketDisconnect, TimeoutError):
            async with asyncio.timeout(1.0):
                await self._socket.close(1000, reason)


def told(sessions: Iterable[EngineSession]) -> list[dict[str, Any]]:
    """What a page shows of sessions; never their names, which are secrets."""
    now = perf_counter()
    return [
        {
            "number": session.number,
            "key": key_of(session.name),
            "holder": session.holder,
            "pipeline": session.pipeline,
            "state": str(session.state),
            "connected": session.attached,
            "silent": round(now - session.seen),
            "age": round(now - session.began),
            "fps": round(session.made.value, 1),
            "dropped": session.frames.dropped,
            "sent": session.sent,
            "bitrate": round(session.frames.bitrate),
            "device": session.link.device if session.link else "",
        }
        for session in sessions
    ]
