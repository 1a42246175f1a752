"""`python -m tests.attack.wire --count 1000000`: mutated messages against a server of engines, and
against a relay, each in a process of its own. Neither ends, nor grows, nor leaves others waiting.
"""

import argparse
import json
import logging
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect
from websockets.sync.server import serve

from engine.ipc.channel import bridge_end
from engine.ipc.messages import (
    VERSION,
    BlockMade,
    BlockUnusable,
    BridgeHello,
    FrameGrant,
    FrameRequest,
    LoadPipeline,
    LoadProgress,
    ParameterSnapshot,
    PipelineKept,
    PipelineLoading,
    PipelineReady,
    PipelineSwapped,
    PrepareBlock,
    ResetStream,
    RingShort,
    TimeLimit,
)
from engine.remote import wire
from engine.remote.address import VARIABLE, Server
from engine.remote.codec import DEFAULT, codec_of, encoder_of
from engine.remote.wire import (
    FileHeld,
    FileKind,
    FileRefused,
    FileWanted,
    GuidesWanted,
    Header,
    Leaving,
    OfferFile,
    Ping,
    Pong,
    RelayHello,
    RunPipeline,
    ServerHello,
    Steer,
    written,
)
from tests.support.echo import ECHO, ECHO_MORE, installed
from tests.support.rig import scene
from tests.support.serving import serving

GROWTH = 40 << 20  # bytes that a process may have grown by, once it has seen everything
PATIENCE = 20.0  # seconds
BURST = 40  # messages of a connection, at most
ODD = [
    None, True, -1, 0, 1, 1e308, 1e999, -1e999, 2**31, 2**63, 2**64, 10**400, "", "\ud800",
    "x" * 5000, "../../etc/passwd", [], {}, [[[[]]]], {"a": {"b": []}}, "0" * 64, 3.5, "NaN",
    "64x48", "auto",
]  # fmt: skip
SHA = "ab" * 32
SNAPSHOT = ParameterSnapshot(number=3, values={"mark": 200, "size": "64x48", "wait": 0.0})
RELAYS = (
    RunPipeline(pipeline="echo", values={"frames": 1}, size="64x48", hang_s=5, load_s=60),
    RunPipeline(pipeline="echo-more", values={"file": "x"}, size="auto", hang_s=5, load_s=60),
    Steer(snapshot=SNAPSHOT), Steer(snapshot=SNAPSHOT, has_input=False, max_fps=5),
    OfferFile(kind=FileKind.IMAGE, name="a.png", sha256=SHA, size=100),
    OfferFile(kind=FileKind.LORA, name=f"{SHA[:12]}/a.safetensors", sha256=SHA, size=100),
    PrepareBlock(snapshot=SNAPSHOT), ResetStream(), Ping(at=1.0, heard=0), Pong(at=1.0, now=2.0),
)  # fmt: skip
SERVERS = (
    PipelineLoading(), LoadProgress(phase="x", part=0.5), PipelineReady(device="CPU"),
    PipelineSwapped(), PipelineKept(text="no", unforeseen=False), TimeLimit(seconds=5.0),
    RingShort(text="no"), BlockMade(frames=1, seconds=0.1, snapshot=1, report={"made": 1}),
    BlockUnusable(snapshot=1, text="no"), FileHeld(sha256=SHA),
    FileWanted(sha256=SHA, start=0, number=1), FileRefused(sha256=SHA, text="no"),
    GuidesWanted(wanted=True), Leaving(text="Bye.", seconds=1), Ping(at=1.0, heard=0),
    Pong(at=1.0, now=2.0),
)  # fmt: skip
# A relay that does not wait after a refusal: it would see only one bad message every 5 s.
HASTY = (
    "from engine.remote import line; line.REFUSED = line.LATER = line.SOON = 0.001; "
    "from engine.remote.relay import main; main()"
)


@dataclass(frozen=True)
class Seen:
    """What an attack has shown."""

    messages: int
    connections: int
    growth: int  # bytes
    slowest: float  # seconds until another was answered


class Mutator:
    """Messages that are nearly right; the same for each seed."""

    def __init__(self, seed: int, messages, streams) -> None:
        self._random, self._messages, self._streams = random.Random(seed), messages, streams
        encoder = encoder_of(codec_of(DEFAULT), 300_000)
        image = scene(64, 48, 1)
        self._packets = [encoder.encode(image, key=key).data for key in (True, False, False)]
        self.number = 0  # of the connection's numbered messages

    def next(self) -> str | bytes:
        """One of them."""
        return self._binary() if self._random.random() < 0.35 else self._text()

    def _text(self) -> str | bytes:
        draw = self._random
        message = draw.choice(self._messages)
        number = 0
        if not isinstance(message, wire.LOSSY):
            number = self.number = self.number + 1
        text = written(number, message)
        match draw.randrange(8):
            case 0 | 1:
                return text
            case 2:
                return f"{draw.choice([0, 1, number + 2, 10**15, 10**17])} {text.partition(' ')[2]}"
            case 3:
                return self._cut(text.encode()).decode(errors="replace")
            case 4:
                return draw.choice(
                    ["", "0", "0 ", "0 []", "0 " + "[" * 50_000, "0 {}", "x" * 100_000]
                )
            case 5:
                told = {
                    "type": draw.choice(["Newer", "RelayHello", "ServerHello", 5, None]),
                    "version": 1,
                }
                return f"{number} {json.dumps(told)}"
            case _:
                return f"{number} {json.dumps(self._odd(json.loads(text.partition(' ')[2])))}"

    def _odd(self, told):
        """The same with an odd value somewhere."""
        name = self._random.choice([*told])
        if isinstance(told[name], dict) and told[name] and self._random.random() < 0.7:
            return {**told, name: self._odd(told[name])}
        if self._random.random() < 0.2:
            return {each: value for each, value in told.items() if each != name}
        return {**told, name: self._random.choice(ODD)}

    def _cut(self, data: bytes) -> bytes:
        changed = bytearray(data)
        for _ in range(self._random.randrange(1, 5)):
            if changed:
                changed[self._random.randrange(len(changed))] = self._random.randrange(256)
        return bytes(changed[: self._random.randrange(len(changed) + 1)])

    def _binary(self) -> bytes:
        draw = self._random
        packet = draw.choice(self._packets)
        header = Header(
            draw.choice(self._streams), key=draw.random() < 0.5, own_time=draw.random() < 0.5,
            width=draw.choice([64, 64, 64, 0, 1, 63, 65535]),
            height=draw.choice([48, 48, 48, 0, 1, 47, 65535]),
            number=draw.choice([0, 1, 2, 2**32 - 1]), tag=draw.choice([0, 1, 2**64 - 1]),
            time=draw.choice([0.0, time.perf_counter(), -1e11, float("nan"), float("inf")]),
        )  # fmt: skip
        data = header.packed(packet)
        return draw.choice([data, data, self._cut(data), data[: draw.randrange(40)]])


def against_server(server, count: int, seed: int = 1) -> Seen:
    """Attack a server of `echo`: with sessions of its own, while another is answered."""
    process, mutator = psutil.Process(server.process.pid), Mutator(seed, RELAYS, [*range(7)])
    url, sent, connections, slowest, first = (
        f"ws://127.0.0.1:{server.port}{wire.PATH}",
        0,
        0,
        0.0,
        0,
    )

    def hello(name: str) -> str:
        greeting = RelayHello(
            version=wire.VERSION, release="1", coding=DEFAULT, session=name, relay="r"
        )
        return written(0, greeting)

    draw = random.Random(seed)
    with connect(url, compression=None) as other:
        other.send(hello("of-somebody-who-is-good"))
        other.recv(timeout=PATIENCE)
        while sent < count:
            with suppress(WebSocketException, OSError), connect(url, compression=None) as line:
                connections, mutator.number = connections + 1, 0
                line.send(hello(f"an-attackers-session-{connections % 5}-{connections // 50}"))
                if draw.random() < 0.1:
                    line.send([part.encode() for part in ("0 {", '"type"', ":", "1}")])
                for _ in range(draw.randrange(1, BURST)):
                    line.send(mutator.next())
                    sent += 1
                line.recv(timeout=0.0005)
            if connections % 50 == 0:
                began = time.perf_counter()
                other.send(written(0, Ping(at=began)))
                while f'"at":{began!r}' not in (answer := other.recv(timeout=PATIENCE)):
                    assert isinstance(answer, str)
                slowest = max(slowest, time.perf_counter() - began)
                if not first and sent > count / 4:
                    first = process.memory_info().rss
    assert server.process.poll() is None
    assert server.ask("sessions")["sessions"]
    return Seen(sent, connections, process.memory_info().rss - first, slowest)


@contextmanager
def hasty(port: int) -> Iterator[tuple[subprocess.Popen, list[object]]]:
    """A relay that has been told to run `echo-more` by a server at this port, and what it says."""
    server = Server(f"ws://127.0.0.1:{port}")
    settings = {"servers": [asdict(server)], "session": "of-a-relay-under-attack", "ends": []}
    process = subprocess.Popen(
        [sys.executable, "-c", HASTY], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, env={**os.environ, VARIABLE: json.dumps(settings)}, bufsize=0,
    )  # fmt: skip
    channel, heard = bridge_end(process.stdout, process.stdin), list[object]()
    grant = FrameGrant(
        snapshot=SNAPSHOT, count=0, control=0, mask=0, first=0, ring="", has_input=True,
        has_room=True, max_fps=0.0,
    )  # fmt: skip

    def listen() -> None:
        while (message := channel.receive()) is not None:
            heard[:] = [*heard[-20:], message]
            if isinstance(message, FrameRequest | PipelineReady):
                channel.send(grant)

    target = f"{ECHO.load.__module__}:"
    channel.send(
        BridgeHello(
            version=VERSION, worker=1, assets="/none", models="/none", more_models=(), cache="",
            dismissed=(),
        )
    )  # fmt: skip
    channel.send(
        LoadPipeline(
            pipeline="echo-more", target=ECHO_MORE.target, load=f"{target}MoreLoad", values={},
            parameters=f"{target}MoreParameters", size="auto", block=1, hang_s=5.0, load_s=5.0,
            packages=(),
        )
    )  # fmt: skip
    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    try:
        yield process, heard
    finally:
        process.kill()
        process.wait()
        thread.join(PATIENCE)
        channel.close()
        channel.hang_up()


def against_relay(count: int, seed: int = 1) -> Seen:
    """Be a server that is mad."""
    mutator, draw, done = (
        Mutator(seed, SERVERS, [*range(7)]),
        random.Random(seed),
        threading.Event(),
    )
    sent, connections = [0], [0]

    def mad(line) -> None:
        with suppress(WebSocketException, OSError):
            line.recv(timeout=PATIENCE)
            connections[0] += 1
            mutator.number = 0
            greeting = ServerHello(
                version=wire.VERSION, release="1", session="s", resumed=draw.random() < 0.1
            )
            text = written(0, greeting)
            line.send(mutator._cut(text.encode()) if draw.random() < 0.05 else text)
            while not done.is_set():
                for _ in range(draw.randrange(1, BURST)):
                    line.send(mutator.next())
                    sent[0] += 1
                time.sleep(0.002)  # so that it closes the line at the first bad one

    quiet = logging.getLogger(__name__)  # lines that end are no news here
    quiet.disabled = True
    with serve(
        mad, "127.0.0.1", 0, compression=None, ping_interval=None, close_timeout=0.1, logger=quiet
    ) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with hasty(server.socket.getsockname()[1]) as (process, heard):
            seen, first, slowest, last = psutil.Process(process.pid), 0, 0.0, time.perf_counter()
            while sent[0] < count:
                before = connections[0]
                time.sleep(0.05)
                assert process.poll() is None, (process.poll(), heard[-5:])
                if connections[0] > before:
                    slowest, last = max(slowest, time.perf_counter() - last), time.perf_counter()
                assert time.perf_counter() - last < PATIENCE, "it connects no more"
                if not first and sent[0] > count / 4:
                    first = seen.memory_info().rss
            growth = seen.memory_info().rss - first
        done.set()
        server.shutdown()
    return Seen(sent[0], connections[0], growth, slowest)


def main() -> None:
    """Attack both, and print what was seen."""
    parser = argparse.ArgumentParser(description="Mutated messages against server and relay.")
    parser.add_argument("--count", type=int, default=1_000_000, help="messages to each of the two")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        with serving(Path(folder) / "server", env=installed(Path(folder) / "plug-ins")) as server:
            print(against_server(server, chosen.count, chosen.seed))
        print(against_relay(chosen.count, chosen.seed))


if __name__ == "__main__":
    main()
