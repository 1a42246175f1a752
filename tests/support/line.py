"""A bad line between a client and a server: a TCP proxy in a process of its own.

`python -m tests.support.line --to 127.0.0.1:8443` prints its port, and then obeys lines of JSON on
its standard input; it ends with that. It answers each with its settings and figures, or with an
`error`, and then nothing of that line holds. Times and rates are those of one way; bytes keep their
order, and none is lost. It imports nothing of the project, and is for Linux.

delay, jitter  milliseconds on the way, and by how much they vary up and down
rate, queue    kbit/s of all connections together, 0 for no limit; bytes that wait for it, and
               beside them some 30 KB in the system
stall          seconds for which nothing passes, as after a loss
cut            "closed": all connections are closed, new ones refused. "silent": nothing passes and
               nobody is told; new ones are accepted and get nothing. "": over, what was held passes
drop           true: all connections are reset, once
figures        true: nothing but the answer, which has the connections so far, the bytes given to
               the server (`up`) and to the client (`down`), and the open `sockets`
"""

import argparse
import asyncio
import json
import random
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterable
from contextlib import suppress
from itertools import chain
from typing import Any, Self

NUMBERS = {"delay": 0.0, "jitter": 0.0, "rate": 0.0, "queue": 65536.0}
CUTS = ("", "closed", "silent")
ONCE = ("drop", "figures")
FLIGHT = 4 << 20  # bytes that one connection may have on the way
SEGMENT = 1448  # bytes; with those of the loopback device, small buffers stand still
BUFFER = 16384  # bytes that the system keeps before they are read
PIECE = 16384  # bytes that pass at once, at most
BEAT = 0.005  # seconds of the rate in a piece
LINGER = struct.pack("ii", 1, 0)  # close by a reset


class Way:
    """One direction of the line, which all connections share."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[tuple[Pipe, bytes | OSError]] = asyncio.Queue()
        self.waiting = self.passed = 0  # bytes


class Pipe:
    """One direction of one connection; its end is no bytes, or an error."""

    def __init__(self, way: Way) -> None:
        self.way, self.held, self.closed = way, 0, False
        self.flight: asyncio.Queue[tuple[float, bytes | OSError]] = asyncio.Queue()


class Proxy:
    """The line; `obey` sets how it is."""

    def __init__(self, to: tuple[str, int], port: int, numbers: dict[str, float]) -> None:
        self._to, self._loop = to, asyncio.get_running_loop()
        self._set, self._cut, self._stalled = numbers, "", 0.0
        self._random = random.Random(1)
        self._connections, self._up, self._down = 0, Way(), Way()
        self._alive: dict[asyncio.Task[None], list[socket.socket]] = {}
        self._open, self._room = asyncio.Event(), asyncio.Event()
        self._open.set()
        self._listener = _socket(port)
        self.port: int = self._listener.getsockname()[1]
        self._pacing = [asyncio.create_task(self._pace(way)) for way in (self._up, self._down)]
        self._accepting = self._served()

    async def obey(self, wish: dict[str, Any]) -> dict[str, Any]:
        """Do what a line says; ValueError if it is not understood, and then nothing of it."""
        for name, value in wish.items():
            if name in NUMBERS or name == "stall":
                if type(value) not in (int, float) or not 0 <= value < float("inf"):
                    raise ValueError(f"{name} is a number from 0, not {value!r}.")
            elif name not in ("cut", *ONCE):
                raise ValueError(f"There is no {name!r}.")
            elif value not in CUTS if name == "cut" else value is not True:
                raise ValueError(f"{name} cannot be {value!r}.")
        self._set |= {name: wish[name] for name in NUMBERS if name in wish}
        self._room.set()
        if "stall" in wish:
            self._stalled = max(self._stalled, self._loop.time() + wish["stall"])
            self._loop.call_at(self._stalled, self._settle)
        if "cut" in wish and wish["cut"] != self._cut:
            await self._change(wish["cut"])
        if "drop" in wish:
            await self._end(reset=True)
        self._settle()
        for task in (*self._pacing, self._accepting):
            if task.done() and not task.cancelled():
                task.result()  # it never ends but by an error
        sockets = sum(map(len, self._alive.values()))
        figures = {"up": self._up.passed, "down": self._down.passed, "sockets": sockets}
        return {**self._set, "cut": self._cut, "connections": self._connections, **figures}

    async def _change(self, cut: str) -> None:
        if cut == "closed":
            await _cancelled([self._accepting])
            self._listener.close()
            self._listener = _socket(self.port)  # kept from others; it does not listen
            await self._end(reset=False)
        elif self._cut == "closed":
            self._accepting = self._served()
        self._cut = cut

    def _settle(self) -> None:
        """Nothing passes in a silence or a stall."""
        if self._cut != "silent" and self._loop.time() >= self._stalled - 0.001:
            self._open.set()
        else:
            self._open.clear()

    async def _end(self, *, reset: bool) -> None:
        for one in chain(*self._alive.values()) if reset else ():
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER)
        await _cancelled(list(self._alive))

    def _served(self) -> asyncio.Task[None]:
        self._listener.listen(128)
        return asyncio.create_task(self._accept())

    async def _accept(self) -> None:
        while True:
            client, _ = await self._loop.sock_accept(self._listener)
            self._connections += 1
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            server = _socket()
            task = asyncio.create_task(self._connect(client, server))
            self._alive[task] = [client, server]
            task.add_done_callback(self._gone)

    def _gone(self, task: asyncio.Task[None]) -> None:
        for one in self._alive.pop(task):
            one.close()

    async def _connect(self, client: socket.socket, server: socket.socket) -> None:
        up, down = Pipe(self._up), Pipe(self._down)
        try:
            await self._open.wait()
            await self._loop.sock_connect(server, self._to)
            async with asyncio.TaskGroup() as group:
                for pipe, source, sink in ((up, client, server), (down, server, client)):
                    group.create_task(self._read(pipe, source))
                    group.create_task(self._deliver(pipe, sink))
        except* OSError:  # one end is gone, and the other is told so
            for one in (client, server):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER)
        finally:
            up.closed = down.closed = True

    async def _read(self, pipe: Pipe, source: socket.socket) -> None:
        data: bytes | OSError = b"first"
        while data and isinstance(data, bytes):
            while (room := self._free(pipe)) <= 0:
                self._room.clear()
                await self._room.wait()
            await self._open.wait()
            try:
                data = await self._loop.sock_recv(source, room)
                pipe.held += len(data)
                pipe.way.waiting += len(data)
            except OSError as error:
                data = error
            pipe.way.queue.put_nowait((pipe, data))

    def _free(self, pipe: Pipe) -> int:
        """How many bytes may be read at once."""
        queue = max(SEGMENT, self._set["queue"])
        beat = max(SEGMENT, self._set["rate"] * 125 * BEAT) if self._set["rate"] else PIECE
        return int(min(queue - pipe.way.waiting, queue + FLIGHT - pipe.held, beat, PIECE))

    async def _pace(self, way: Way) -> None:
        """Let go what waits, as fast as the rate allows."""
        free = 0.0  # when the line is
        while True:
            idle = way.queue.empty() or not self._open.is_set()
            pipe, data = await way.queue.get()
            await self._open.wait()
            if idle:  # but for what a busy machine slept too long
                free = max(free, self._loop.time() - BEAT)
            size = len(data) if isinstance(data, bytes) else 0
            if not pipe.closed:
                if self._set["rate"]:
                    free += size / (self._set["rate"] * 125)
                    await asyncio.sleep(free - self._loop.time())
                late = self._set["delay"] + self._random.uniform(-1, 1) * self._set["jitter"]
                due = max(free, self._loop.time()) + late / 1000
                pipe.flight.put_nowait((due, data))
            way.waiting -= size
            self._room.set()

    async def _deliver(self, pipe: Pipe, sink: socket.socket) -> None:
        while True:
            due, data = await pipe.flight.get()
            await asyncio.sleep(due - self._loop.time())
            await self._open.wait()
            if isinstance(data, OSError):
                raise data
            if not data:
                sink.shutdown(socket.SHUT_WR)
                return
            await self._loop.sock_sendall(sink, data)
            pipe.way.passed += len(data)
            pipe.held -= len(data)
            self._room.set()


def _socket(port: int | None = None) -> socket.socket:
    """A socket, bound if there is a port, or 0 for any."""
    made = socket.socket()
    made.setblocking(False)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if port is not None:
        made.bind(("127.0.0.1", port))
    return made


async def _cancelled(tasks: Iterable[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def main() -> None:
    """Obey standard input until it ends."""
    parser = argparse.ArgumentParser(description="A bad line: a TCP proxy.")
    parser.add_argument("--to", required=True, metavar="HOST:PORT", help="the server")
    parser.add_argument("--port", type=int, default=0, help="where clients come")
    for name, default in NUMBERS.items():
        parser.add_argument(f"--{name}", type=float, default=default, help="as on standard input")
    chosen = vars(parser.parse_args())
    host, _, port = chosen["to"].rpartition(":")
    proxy = Proxy((host, int(port)), chosen["port"], {name: chosen[name] for name in NUMBERS})
    lines: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def listen() -> None:
        while line := sys.stdin.readline():
            loop.call_soon_threadsafe(lines.put_nowait, line)
        loop.call_soon_threadsafe(lines.put_nowait, "")

    threading.Thread(target=listen, daemon=True).start()
    print(json.dumps({"port": proxy.port}), flush=True)
    while line := await lines.get():
        try:
            answer = await proxy.obey(dict(json.loads(line)))
        except (ValueError, TypeError) as error:
            answer = {"error": str(error)}
        print(json.dumps(answer), flush=True)


class Line:
    """The process, for a test: a line to a port of this machine, with settings as above."""

    def __init__(self, to: int, **settings: float) -> None:
        self._command = [sys.executable, "-I", __file__, "--to", f"127.0.0.1:{to}"]
        self._command += [f"--{name}={value}" for name, value in settings.items()]

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.port: int = self._answer()["port"]
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin
        assert self.process.stdout
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()

    def set(self, **wish: object) -> dict[str, Any]:
        """Have it obey, and what it answers; ValueError if it does not."""
        assert self.process.stdin
        print(json.dumps(wish), file=self.process.stdin, flush=True)
        return self._answer()

    def cut(self, how: str = "") -> None:
        """Cut it, or mend it."""
        self.set(cut=how)

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout
        answer = json.loads(self.process.stdout.readline() or '{"error": "The line is gone."}')
        if "error" in answer:
            raise ValueError(answer["error"])
        return answer


if __name__ == "__main__":
    asyncio.run(main())
