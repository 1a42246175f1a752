"""A million OSC packets: random, damaged, patterned, nested, time-tagged, queries and floods.

    python -m tests.attack.osc --packets 1000000

parses them in this process, and sends as many from other ports as fast as it goes to a running
bridge on 127.0.0.1; printed is what that did to it.
"""

import argparse
import http.client
import json
import math
import queue
import random
import re
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from time import perf_counter, thread_time

import psutil

from bridge.control.osc.server import OscServer
from bridge.settings import Settings
from tests.support.desk import FakeDesk

PIECES = ("*", "?", "{,}", "*{,}", "[a-z]", "[!a]", "[!-~]", "/", "prompt", "weight",
          "{vace,mix}", "**", "ref", "1", "2", "a", "_", "[", "]", "{", "}", "lora",
          "{,,,,,,,,,}")  # fmt: skip
WORDS = (
    "",
    "sea",
    "?",
    "on",
    "nan",
    "-1",
    "512x512",
    "x" * 300,
    "é\n☃",
    "../../etc/passwd",
    "%s%n",
)
COMMANDS = ("query", "ping", "subscribe", "unsubscribe", "nothing", "state/fps", "error", "pong")
HELD = ("black", "freeze", "bypass", "mix")  # they would hide what is looked at
MIXED = 20_000  # packets that a sender repeats
PORTS = 100  # that it sends from
LOOKS = 0.05  # seconds between two requests


def padded(data: bytes) -> bytes:
    """An OSC string."""
    return data + b"\0" * (4 - len(data) % 4)


def message(address: str, *values: object) -> bytes:
    """One message; of floats, whole numbers, texts, None, True and False."""
    tags, body = ",", b""
    for value in values:
        if isinstance(value, bool) or value is None:
            tags += {True: "T", False: "F", None: "N"}[value]
        elif isinstance(value, str):
            tags, body = tags + "s", body + padded(value.encode())
        elif isinstance(value, int):
            tags, body = tags + "i", body + struct.pack(">i", value)
        else:
            tags, body = tags + "f", body + struct.pack(">f", value)
    return padded(address.encode()) + padded(tags.encode()) + body


class Packets:
    """Packets without end; the same `seed` gives the same."""

    def __init__(self, seed: int, names: list[str]) -> None:
        self._random = random.Random(seed)
        self._addresses = [f"/bridge/{name}" for name in names if name not in HELD]
        self._makers = (
            self._good, self._good, self._mutated, self._mutated, self._noise, self._pattern,
            self._question, self._command, self._bundle, self._cut, self._typed,
        )  # fmt: skip

    def __iter__(self) -> Iterator[bytes]:
        while True:
            yield self._random.choice(self._makers)()

    def _value(self) -> object:
        chance = self._random
        if chance.random() < 0.5:
            return chance.random()
        return chance.choice((
            chance.uniform(-1e9, 1e9), math.nan, math.inf, chance.randint(-5, 5), -(2**31),
            chance.choice(WORDS), None, True, False,
        ))  # fmt: skip

    def _good(self) -> bytes:
        return message(self._random.choice(self._addresses), self._value())

    def _mutated(self) -> bytes:
        data = bytearray(self._good())
        for _ in range(self._random.randint(1, 4)):
            data[self._random.randrange(len(data))] = self._random.randrange(256)
        return bytes(data)

    def _noise(self) -> bytes:
        start = self._random.choice(
            (b"", b"/", b"/bridge/", b"#bundle\0", b"/bridge/vace\0\0\0\0,")
        )
        return start + self._random.randbytes(self._random.randrange(120))

    def _pattern(self) -> bytes:
        made = "".join(self._random.choices(PIECES, k=self._random.randint(1, 60)))
        return message(f"/bridge/{made}"[:250], self._value())

    def _question(self) -> bytes:
        return message(self._random.choice((*self._addresses, "/bridge/source", "/bridge/*")), "?")

    def _command(self) -> bytes:
        address = "/bridge/" + self._random.choice(COMMANDS)
        values = () if self._random.random() < 0.5 else (self._random.randint(-1, 70_000),)
        return message(address, *values)

    def _bundle(self, depth: int = 0) -> bytes:
        chance = self._random
        ahead = chance.choice((0, 0, 0, 0, 1, 4, 3600))
        tag = struct.pack(">Q", int((time.time() + 2_208_988_800 + ahead) * 2**32) if ahead else 1)
        data, wrong = b"#bundle\0" + tag, chance.random() < 0.1
        for _ in range(chance.choice((0, 1, 1, 2, 5) if depth else (1, 2, 5, 30))):
            deeper = depth < 12 and chance.random() < 0.2
            part = self._bundle(depth + 1) if deeper else chance.choice(self._makers[:7])()
            part += b"\0" * (-len(part) % 4)
            size = chance.getrandbits(32) if wrong else len(part)
            if len(data) + len(part) < 60_000:
                data += struct.pack(">I", size) + part
        return data

    def _cut(self) -> bytes:
        data = self._good()
        return data[: self._random.randrange(len(data) + 1)]

    def _typed(self) -> bytes:
        """Any type tags, with bytes that may or may not suffice."""
        tags = "".join(self._random.choices("ifdhsSTFNI[]bmtr,", k=self._random.randint(0, 70)))
        address = padded(self._random.choice(self._addresses).encode())
        return address + padded(f",{tags}".encode()) + self._random.randbytes(4 * len(tags))


@dataclass(frozen=True, kw_only=True)
class Parsed:
    """What packets did to a server in this process. Times are of its CPU."""

    packets: int
    seconds: float
    messages: int
    refused: int
    slowest_ms: float
    grown_mb: float


def parse(count: int, seed: int = 1) -> Parsed:
    """Have so many packets parsed, one by one, by a server that may then be asked for a value."""
    with tempfile.TemporaryDirectory() as folder:
        desk = FakeDesk(Path(folder))
        desk.switched, desk.acted, desk.attached = deque(maxlen=9), deque(maxlen=9), deque(maxlen=9)
        server = OscServer(desk, Settings(osc_feedback=(), folder=Path(folder)))
        stream = iter(Packets(seed, names()))
        senders = [("127.0.0.1", port) for port in range(20_000, 20_000 + PORTS)]
        process, took, slowest, before = psutil.Process(), 0.0, 0.0, 0
        for number in range(count):
            data = next(stream)
            start = thread_time()
            server._handle(data, senders[number % PORTS])
            seconds = thread_time() - start
            took, slowest = took + seconds, max(slowest, seconds)
            if number == min(20_000, count // 2):  # what is kept for good is there by then
                before = process.memory_info().rss
        server._handle(message("/bridge/vace", 1.25), senders[0])
        assert desk.store.snapshot.values["vace_scale"] == 1.25
        server.close()
        counters = desk.counters
        return Parsed(
            packets=count, seconds=took, messages=count + counters.osc_messages,
            refused=counters.osc_refused, slowest_ms=slowest * 1e3,
            grown_mb=(process.memory_info().rss - before) / 1e6,
        )  # fmt: skip


def names() -> list[str]:
    """Every parameter, by both its names."""
    with tempfile.TemporaryDirectory() as folder:
        specs = FakeDesk(Path(folder)).store.specs.values()
        return sorted({spec.name for spec in specs} | {spec.osc for spec in specs})


def send(port: int, count: int, seed: int) -> None:
    """Send so many packets as fast as it goes, by turns from many ports."""
    stream = iter(Packets(seed, names()))
    packets = [next(stream) for _ in range(min(MIXED, count))]
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(PORTS)]
    for sock in sockets:
        sock.connect(("127.0.0.1", port))
        sock.setblocking(False)
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(count):
        # No room, or nobody there for a moment: what is lost is lost, as on a network.
        with suppress(BlockingIOError, ConnectionRefusedError):
            sockets[number % PORTS].send(packets[number % len(packets)])
    for sock in sockets:
        sock.close()


class Bridge:
    """A bridge in a process of its own."""

    def __init__(self, process: "subprocess.Popen[str]", port: int) -> None:
        self.process, self.port = process, port

    def get(self, path: str) -> dict:
        """What the REST interface answers, by a new connection."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", f"/api/v1/{path}")
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def until(self, true, seconds: float = 60.0) -> dict:
        """The state, as soon as it is as wanted."""
        end = perf_counter() + seconds
        while not true(state := self.get("state")):
            assert perf_counter() < end, f"it did not come: {state}"
            assert self.process.poll() is None, "the bridge has ended"
            time.sleep(0.1)
        return state


@contextmanager
def running(*more: str) -> Iterator[Bridge]:
    """A bridge that shows the demo, until the end of the block."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable, "-m", "bridge.cli", "run", "--name", f"Osc{random.getrandbits(24)}",
            "--port", "0", "--folder", folder, "--source", "demo:", "--sink", "null:",
            "--pipeline", "passthrough", "--output-size", "640x360", "--osc-feedback", "none",
            *more,
        ]  # fmt: skip
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=lambda: [lines.put(x) for x in process.stdout], daemon=True).start()
        try:
            told = ""
            while not (found := re.search(r"http://127\.0\.0\.1:(\d+)", told)):
                told += lines.get(timeout=60)
            yield Bridge(process, int(found[1]))
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.wait()
            process.stdout.close()


@dataclass(frozen=True, kw_only=True)
class Flooded:
    """What a flood did to a running bridge. Times in ms, memory in MB."""

    sent: int
    seconds: float
    received: int
    coalesced: int
    refused: int
    http_p50_quiet: float
    http_p99_quiet: float
    http_p50: float
    http_p99: float
    memory_before: float
    memory_most: float
    memory_after: float
    output_a_second: float
    pictures_after: float  # seconds until ten new pictures have come
    longest_gap: float
    black_frames: int
    value_after: float  # seconds until a value that was sent after the flood holds
    pong_after: float  # and until a ping is answered


def flood(count: int, seconds: float = 60.0, seed: int = 2, before: int = 60) -> Flooded:
    """Send so many packets to a bridge, or for so long, and look what it does meanwhile, and
    `before` looks at what it does without.
    """
    with running() as bridge:
        bridge.until(lambda state: state["state"] == "RUNNING" and state["frames_new"] > before)
        quiet = [look(bridge) for _ in range(before)]
        memory = psutil.Process(bridge.process.pid).memory_info
        first, held = bridge.get("state"), [memory().rss]
        command = [sys.executable, "-m", "tests.attack.osc", "--send", str(bridge.port)]
        sender = subprocess.Popen(
            [*command, "--packets", str(count), "--seed", str(seed)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            assert sender.stdout.readline() == "ready\n"
            sender.stdin.write("go\n")
            sender.stdin.flush()
            began, looks = perf_counter(), []
            while sender.poll() is None and perf_counter() < began + seconds:
                looks.append(look(bridge))
                held.append(memory().rss)
            took = perf_counter() - began
        finally:
            sender.kill()
            sender.communicate()
        value_after, pong_after = answers(bridge)
        after = bridge.get("state")
        pictures_after = made(bridge)
        held.append(memory().rss)
        return Flooded(
            sent=count, seconds=took,
            received=after["osc_messages"], coalesced=after["osc_coalesced"],
            refused=after["osc_refused"],
            http_p50_quiet=at(quiet, 0.5), http_p99_quiet=at(quiet, 0.99),
            http_p50=at(looks, 0.5), http_p99=at(looks, 0.99),
            memory_before=held[0] / 1e6, memory_most=max(held) / 1e6, memory_after=held[-1] / 1e6,
            output_a_second=(shown(after) - shown(first)) / (after["uptime"] - first["uptime"]),
            pictures_after=pictures_after,
            longest_gap=after["longest_gap"], black_frames=after["black_frames"],
            value_after=value_after, pong_after=pong_after,
        )  # fmt: skip


def shown(state: dict) -> int:
    """How many ticks there were, whatever they showed."""
    return sum(state[f"frames_{what}"] for what in ("new", "hold", "pass", "card"))


def made(bridge: Bridge) -> float:
    """Seconds until new pictures come, where no packet has left a cap on them; bundles that were
    tagged for later may yet set one.
    """
    start = perf_counter()
    before = bridge.get("state")["frames_new"]
    while bridge.get("state")["frames_new"] < before + 10:
        assert perf_counter() < start + 30, "no new pictures come any more"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(message("/bridge/max_fps", 0.0), ("127.0.0.1", bridge.port))
        time.sleep(0.1)
    return perf_counter() - start


def look(bridge: Bridge) -> float:
    """Ask for the state: the seconds that it takes."""
    time.sleep(LOOKS)
    start = perf_counter()
    bridge.get("state")
    return perf_counter() - start


def answers(bridge: Bridge) -> tuple[float, float]:
    """Seconds until a value that is sent now holds, and until a ping is answered."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(0.25)
        start = perf_counter()
        while bridge.get("parameters")["vace_scale"] != 1.25:
            assert perf_counter() < start + 30, "no value arrives any more"
            sock.sendto(message("/bridge/vace", 1.25), ("127.0.0.1", bridge.port))
        held = perf_counter() - start
        start = perf_counter()
        while True:
            assert perf_counter() < start + 30, "no ping is answered any more"
            sock.sendto(message("/bridge/ping"), ("127.0.0.1", bridge.port))
            with suppress(TimeoutError):
                if sock.recv(65_536).startswith(b"/bridge/pong\0"):
                    return held, perf_counter() - start


def at(times: list[float], part: float) -> float:
    """A quantile in ms."""
    if len(times) < 2:
        return 1e3 * max(times, default=0.0)
    return 1e3 * statistics.quantiles(times, n=100, method="inclusive")[round(100 * part) - 1]


def table(*results: Parsed | Flooded) -> str:
    """Figures for people."""
    lines = ["| figure | value |", "| --- | --- |"]
    for result in results:
        for field, value in zip(fields(result), astuple(result), strict=True):
            shown = f"{value:,.1f}" if isinstance(value, float) else f"{value:,}"
            kind = type(result).__name__.lower()
            lines.append(f"| {kind}: {field.name.replace('_', ' ')} | {shown} |")
    return "\n".join(lines)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--packets", type=int, default=1_000_000, help="of each kind of attack")
    parser.add_argument("--seconds", type=float, default=300, help="that sending takes at most")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--send", type=int, default=0, metavar="PORT", help="only send, to a port")
    asked = parser.parse_args()
    if asked.send:
        send(asked.send, asked.packets, asked.seed)
        return
    print(table(parse(asked.packets, asked.seed), flood(asked.packets, asked.seconds, asked.seed)))


if __name__ == "__main__":
    main()
