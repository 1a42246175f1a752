"""A worker played by the test, over pipes, and the bridge's client of it."""

import os
import struct
import threading
from contextlib import contextmanager
from pathlib import Path

from bridge.workers.client import WorkerClient, WorkerConfig, WorkerPlace
from engine.ipc.channel import bridge_end, worker_end
from engine.ipc.messages import VERSION, WorkerHello
from engine.ipc.segments import unlink

PLACE = WorkerPlace(
    assets=Path("assets"), models=Path("models"), more_models=(Path("more"),), in_process=False
)
WAIT = 20  # seconds for what comes at once


def config(row, **load) -> WorkerConfig:
    """What a worker of that pipeline is started with."""
    return WorkerConfig(
        row=row, load=row.load(**load), hang_s=5, load_s=5
    )  # fmt: skip


class Played:
    """The worker's end and the client; `hello` and `load` are what it was told at first."""

    def __init__(self, row, values) -> None:
        (theirs, to_worker), (from_worker, ours) = os.pipe(), os.pipe()
        self.worker = worker_end(os.fdopen(theirs, "rb"), os.fdopen(ours, "wb"))
        self._bridge = bridge_end(os.fdopen(from_worker, "rb"), os.fdopen(to_worker, "wb"))
        self.news, self._changed = [], threading.Condition()
        self.client = WorkerClient(config(row), PLACE, self._heard)
        self.client._open_thread = lambda: self._bridge
        self.client.start(1, values)
        self.hello, self.load = self.worker.receive(), self.worker.receive()

    def says(self, *messages) -> None:
        """Say this as the worker."""
        for message in messages:
            self.worker.send(message)

    def babbles(self, data: bytes) -> None:
        """Say what may be no message."""
        self.worker._outgoing.write(struct.pack("<I", len(data)) + data)
        self.worker._outgoing.flush()

    def is_told(self, kind):
        """The next message to the worker, which is of that kind."""
        message = self.worker.receive()
        assert isinstance(message, kind), message
        return message

    def news_of(self, kind, count=1):
        """Wait for so many news of a kind that the bridge's side hears of; the last of them."""
        with self._changed:
            found = lambda: [news for news in self.news if isinstance(news, kind)]  # noqa: E731
            assert self._changed.wait_for(lambda: len(found()) >= count, WAIT), self.news
            return found()[-1]

    def _heard(self, client, news) -> None:
        with self._changed:
            self.news.append(news)
            self._changed.notify_all()


@contextmanager
def played(row, *, hello=True, **values):
    """A worker of that pipeline which has been told to load it with these parameter values."""
    made = Played(row, values)
    try:
        if hello:
            made.says(WorkerHello(version=VERSION, pid=os.getpid()))
        yield made
    finally:
        made.worker.close()  # it is gone
        made.worker.hang_up()
        made.client.stop()
        ring = made.client._input
        if ring:
            unlink(ring.name)
            ring.close()
