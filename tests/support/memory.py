"""A transport within the test's process: the test sends and receives the frames.

`memory:NAME` as a source gives what `put(NAME, image)` was given; as a sink it keeps what came.
"""

import threading
from collections import defaultdict
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np

from bridge.frames.frame import Frame, Image
from bridge.frames.mailbox import Mailbox
from bridge.transports import Options


@dataclass
class Seen:
    """One frame that a sink was sent: when, which, and the picture."""

    time: float
    frame: Frame


@dataclass
class Place:
    """Both ends of one name."""

    inbox: Mailbox[Frame] = field(default_factory=lambda: Mailbox[Frame](8))
    seen: list[Seen] = field(default_factory=list)
    keep: int = 100_000
    needs_beat: bool = True  # as a sink
    keeps_last: bool = False
    source_breaks: list[Exception] = field(default_factory=list)  # raised, each once
    sink_breaks: list[Exception] = field(default_factory=list)
    index: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)


places: dict[str, Place] = defaultdict(Place)


def put(name: str, image: Image) -> None:
    """Be the sender: one picture."""
    place = places[name]
    place.index += 1
    place.inbox.put(Frame(np.ascontiguousarray(image), perf_counter(), place.index))


def wait_for(name: str, wanted, timeout: float = 20.0) -> Frame:
    """Wait until the sink's newest frame is one that `wanted` likes."""
    place = places[name]
    with place.changed:
        found = place.changed.wait_for(
            lambda: bool(place.seen) and wanted(place.seen[-1].frame), timeout
        )
        assert found, "the picture did not come"
        return place.seen[-1].frame


class MemorySource:
    def __init__(self, name: str) -> None:
        self._place = places[name]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def receive(self, timeout: float) -> Frame | None:
        self._break(self._place.source_breaks)
        if not self._place.inbox.wait(1, timeout):
            return None
        return self._place.inbox.take(1)[0]

    def _break(self, errors: list[Exception]) -> None:
        if errors:
            raise errors.pop()

    status = "memory"
    problem = ""


class MemorySink(MemorySource):
    @property
    def needs_beat(self) -> bool:
        return self._place.needs_beat

    @property
    def keeps_last(self) -> bool:
        return self._place.keeps_last

    def send(self, frame: Frame) -> None:
        self._break(self._place.sink_breaks)
        with self._place.changed:
            self._place.seen.append(Seen(perf_counter(), frame))
            del self._place.seen[: -self._place.keep]
            self._place.changed.notify_all()


def open_source(name: str, options: Options) -> MemorySource:
    return MemorySource(name)


def open_sink(name: str, options: Options) -> MemorySink:
    return MemorySink(name)
