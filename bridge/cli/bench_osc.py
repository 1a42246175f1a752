"""`spout-bridge bench osc`: messages per second, latency and cost of the OSC port, seen by a sender
outside. Beside it servers that do nothing but count: of python-osc and pyliblo3, which is used if
it is installed, and a loop that only receives, which no program in Python surpasses.
"""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter

from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

from bridge.cli.bench import Figure, quantiles
from bridge.cli.probe import GLANCE, SETTLE, Cost, Started, attached

NAME = f"bench-osc-{os.getpid()}"
FADER = "/bridge/vace"
BLACK, COUNT = "/bridge/black", "/count"
RATES = tuple(1000 * rate for rate in (5, 10, 20, 40, 80, 120, 160))  # messages a second, tried
BURST = 64  # messages at once, as a program that sends each frame has them
PATIENCE = 2.0  # seconds for an answer
PAUSE = 0.023  # seconds between two changes, or questions: every phase of a tick
TRIES = 2  # of each rate: another program may have been busy
LOOP = "a loop that only receives"  # the limit
# What each foreign server is: it prints its port, counts, and answers COUNT.
SERVERS = {
    "python-osc": f"""
from pythonosc.dispatcher import Dispatcher
from pythonosc.osc_server import BlockingOSCUDPServer
seen = 0
def count(address, *values):
    global seen
    seen += 1
dispatcher = Dispatcher()
dispatcher.map("{FADER}", count)
dispatcher.map("{COUNT}", lambda address, *values: ("{COUNT}", seen))
server = BlockingOSCUDPServer(("127.0.0.1", 0), dispatcher)
print(server.server_address[1], flush=True)
server.serve_forever()
""",
    "pyliblo3": f"""
import pyliblo3
seen = 0
def count(address, values, types, sender):
    global seen
    seen += 1
server = pyliblo3.Server(proto=pyliblo3.UDP)
server.add_method("{FADER}", "f", count)
server.add_method("{COUNT}", None, lambda a, v, t, sender: server.send(sender, "{COUNT}", seen))
print(server.get_url().rsplit(":", 1)[1].strip("/"), flush=True)
while True:
    server.recv()
""",
    LOOP: f"""
import socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 0))
server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
print(server.getsockname()[1], flush=True)
seen, fader = 0, b"{FADER}"
while True:
    data, sender = server.recvfrom(65536)
    if data.startswith(fader):
        seen += 1
    else:
        server.sendto(b"{COUNT}\\0\\0,i\\0\\0" + seen.to_bytes(4, "big"), sender)
""",
}


def message(address: str, *values: float) -> bytes:
    """One OSC message."""
    builder = OscMessageBuilder(address)
    for value in values:
        builder.add_arg(value)
    return builder.build().dgram


DATAGRAMS = [message(FADER, step / 1000) for step in range(1000)]


class Port:
    """An OSC server as a sender sees it; `pid` is its process."""

    question = COUNT

    def __init__(self, number: int, pid: int) -> None:
        self.pid = pid
        self._line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._line.connect(("127.0.0.1", number))
        self._line.settimeout(PATIENCE)

    def count(self) -> int:
        """How many messages of the fader it has received."""
        return int(self._ask(message(COUNT)))

    def set(self, address: str, *values: float) -> None:
        """Send one message."""
        self._line.send(message(address, *values))

    def trip(self) -> float:
        """Seconds until a question is answered."""
        began = perf_counter()
        self._ask(message(self.question))
        return perf_counter() - began

    def _ask(self, datagram: bytes) -> float:
        self._line.send(datagram)
        (value,) = OscMessage(self._line.recv(65536)).params
        return value

    def send(self, rate: float, seconds: float, burst: int = 1) -> int:
        """Move the fader at that rate; how many messages were sent."""
        began, sent = perf_counter(), 0
        while (now := perf_counter() - began) < seconds:
            if now * rate < sent:
                time.sleep(min(sent / rate - now, 0.001))
                continue
            for _ in range(burst):
                self._line.send(DATAGRAMS[sent % len(DATAGRAMS)])
                sent += 1
        return sent

    def close(self) -> None:
        """Close the socket."""
        self._line.close()


class Ours(Port):
    """The port of a bridge, which counts in its state."""

    question = "/bridge/ping"

    def count(self) -> int:
        """See `Port`; other messages of this sender too."""
        return self._bridge.ask("state")["osc_messages"]

    def __init__(self, bridge: Started) -> None:
        bridge.serve()
        super().__init__(bridge.port, bridge.pid)
        self._bridge = bridge


def measure(seconds: float) -> Iterator[Figure]:
    """All figures; about 25 times `seconds`."""
    with ExitStack() as stack:
        ours = stack.enter_context(_ours())
        there = [name for name in SERVERS if name != "pyliblo3" or find_spec(name)]
        others = {name: stack.enter_context(_foreign(name)) for name in there}

        def beside(what: str, aim: str, figure: Callable[[Port], str]) -> Iterator[Figure]:
            yield Figure(what, figure(ours), aim, figure(others[LOOP]))
            for name in [name for name in SERVERS if name != LOOP]:
                shown = figure(others[name]) if name in others else f"pip install {name}"
                yield Figure(f"  the same by {name}", shown)

        yield from beside(
            "1,000 messages/s: of a core, beyond idle", "6%", lambda p: f"{_cost(p, seconds):.1%}"
        )
        yield from beside(
            "answer during 1,000 messages/s: median, p99", "", lambda p: _answered(p, seconds)
        )
        shown = [1e3 * seen for seen in quantiles(_shown(ours, seconds), 0.5, 0.99)]
        yield Figure("black until it is at the sink: median", f"{shown[0]:.1f} ms")
        yield Figure("black until it is at the sink: p99", f"{shown[1]:.1f} ms")
        yield from beside(
            f"received whole, bursts of {BURST}", "120,000/s",
            lambda p: f"{_whole(p, seconds / len(RATES)):,}/s",
        )  # fmt: skip


def _answered(port: Port, seconds: float) -> str:
    """How long a question takes while a fader moves. Ours is answered by another thread than the
    one that receives, so that this is more than the time until a value holds.
    """
    trips, until = list[float](), perf_counter() + seconds
    while perf_counter() < until:
        port.send(1000, PAUSE)
        trips.append(port.trip())
    half, most = (1e3 * trip for trip in quantiles(trips, 0.5, 0.99))
    return f"{half:.2f}, {most:.2f} ms"


def _cost(port: Port, seconds: float) -> float:
    """Share of a core that 1,000 messages a second take, beyond what it takes without."""
    idle = Cost(port.pid)
    time.sleep(seconds)
    before = idle.shares()[0]
    busy = Cost(port.pid)
    port.send(1000, seconds)
    return busy.shares()[0] - before


def _shown(port: Port, seconds: float) -> list[float]:
    """Seconds from sending black, on or off, until the sink holds a frame that shows it."""
    ring, delays = attached(NAME), list[float]()
    black, until = False, perf_counter() + seconds
    while perf_counter() < until:
        black = not black
        began = perf_counter()
        port.set(BLACK, int(black))
        while ring.view(max(0, ring.head - 1))[::4, ::4, :3].any() == black:
            if perf_counter() > began + PATIENCE:
                raise TimeoutError("The bridge did not show black in time.")
            time.sleep(GLANCE)
        delays.append(perf_counter() - began)
        time.sleep(PAUSE)
    ring.close()
    return delays


def _whole(port: Port, seconds: float) -> int:
    """The highest of the rates at which no message is lost; 0 if there is none."""
    best = 0
    for rate in RATES:
        if not any(_kept(port, rate, seconds) for _ in range(TRIES)):
            break
        best = rate
    return best


def _kept(port: Port, rate: float, seconds: float) -> bool:
    before = port.count()
    sent = port.send(rate, seconds, BURST)
    time.sleep(SETTLE)
    return port.count() - before >= sent >= 0.9 * rate * seconds


@contextmanager
def _ours() -> Generator[Port]:
    """A bridge that shows one still frame."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        how = ("--source", "null:", "--output-size", "320x180", "--pipeline", "passthrough",
               "--fresh", "--set", "black_fade=0")  # fmt: skip
        bridge = Started(Path(folder), NAME, how)
        try:
            port = Ours(bridge)
            attached(NAME).close()
            yield port
            port.close()
        finally:
            bridge.close()


@contextmanager
def _foreign(name: str) -> Generator[Port]:
    """One of `SERVERS`."""
    command = [sys.executable, "-c", SERVERS[name]]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            port = Port(int(process.stdout.readline()), process.pid)
            yield port
            port.close()
        finally:
            process.terminate()
