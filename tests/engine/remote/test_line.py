"""A relay's line: what waits to be sent, and what is said last."""

import threading
from contextlib import contextmanager, suppress

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve

from engine.ipc.messages import ParameterSnapshot, Stop
from engine.remote import wire
from engine.remote.address import Server
from engine.remote.line import Line
from engine.remote.wire import FROM_RELAY, RelayHello, ServerHello, Steer, numbered, written

HELLO = RelayHello(
    version=wire.VERSION, release="1", coding="h264", session="a-secret-session", relay="r"
)
WAIT = 30.0


class Far:
    """The other end: it reads nothing before `reads` is set."""

    def __init__(self) -> None:
        self.reads, self.done = threading.Event(), threading.Event()
        self.heard: list[object] = []
        self.talks = False

    def handle(self, connection) -> None:
        connection.recv()
        told = ServerHello(version=wire.VERSION, release="1", session="a-secret-session",
                           resumed=False)  # fmt: skip
        connection.send(written(0, told))
        if self.talks:  # more than the other end has read when it leaves
            with suppress(ConnectionClosed):
                for _ in range(200):
                    connection.send(bytes(64))
        assert self.reads.wait(WAIT)
        try:
            while True:
                _, data = numbered(connection.recv(WAIT))
                self.heard.append(FROM_RELAY.decode(data))
        except (ConnectionClosed, TimeoutError):
            self.done.set()


@contextmanager
def connected(far: Far):
    there = threading.Event()
    with serve(far.handle, "127.0.0.1", 0, max_size=None, compression=None) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        line = Line(Server(url), HELLO, lambda *_: None, lambda *_: None, lambda line: there.set())
        line.start()
        assert there.wait(WAIT)
        assert line.connected
        yield line
        server.shutdown()


def steer(number: int) -> Steer:
    return Steer(snapshot=ParameterSnapshot(number=number, values={"prompt": "x" * 60_000}))


def test_on_a_line_that_carries_little_only_the_newest_values_wait():
    far = Far()
    with connected(far) as line:
        for number in range(1, 1001):
            line.say(steer(number))
        far.reads.set()
        line.say(Stop())
        line.end(WAIT)
        assert far.done.wait(WAIT)
    steered = [each.snapshot.number for each in far.heard if isinstance(each, Steer)]
    assert steered[-1] == 1000
    assert steered == sorted(steered)
    assert len(steered) < 500
    assert far.heard[-1] == Stop()


def test_what_is_said_last_arrives_although_not_everything_was_read():
    far = Far()
    far.talks = True
    far.reads.set()
    with connected(far) as line:
        line.say(Stop())
        line.end(WAIT)
        assert far.done.wait(WAIT)
    assert Stop() in far.heard
