"""Clocks and frame numbers of a bridge and its workers start as after 14 days of running.

For processes that have this folder in PYTHONPATH: Python imports this module before all others.
"""

import os
import struct
import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

SECONDS = 14 * 24 * 3600
FRAMES = 60 * SECONDS
NUMBERS = {
    "bridge.cli": (
        ("bridge.playout.output", "OutputClock", "_index"),
        ("bridge.playout.output", "OutputClock", "_number"),
        ("bridge.transports.base", "ClockedSource", "_index"),
        ("bridge.transports.shared_memory", "SharedMemorySource", "_index"),
    ),
    "engine.worker": (("engine.worker.loop", "Worker", "_made"),),
}


def _later(clock: Callable[[], Any], more: int) -> Callable[[], Any]:
    return lambda: clock() + more


def _after_init(kind: type, then: Callable[[Any], None]) -> None:
    before: Any = kind.__init__

    def init(self: Any, *given: Any, **named: Any) -> None:
        before(self, *given, **named)
        then(self)

    kind.__init__ = init  # type: ignore[misc]


def _begin_later(attribute: str) -> Callable[[Any], None]:
    return lambda made: setattr(made, attribute, getattr(made, attribute) + FRAMES)


def _rings() -> None:
    """A writer's first frame has a high number, which a reader takes for the first."""
    ring = import_module("engine.ipc.ring")

    def written(writer: Any) -> None:
        writer.words[ring.HEAD] = FRAMES

    def published(writer: Any) -> None:
        if not hasattr(writer, "words"):  # it writes a file: it is mapped on some systems only
            struct.pack_into("<Q", writer._head, 8 * ring.HEAD, FRAMES)
            os.pwrite(writer._file, bytes(writer._head), 0)

    def read(reader: Any) -> None:
        reader.cursor = FRAMES if reader.head >= FRAMES else 0

    _after_init(ring.RingWriter, written)
    _after_init(ring.RingReader, read)
    _after_init(import_module("engine.ipc.public_ring").PublicWriter, published)


def _age() -> None:
    for name in ("perf_counter", "monotonic"):
        setattr(time, name, _later(getattr(time, name), SECONDS))
        setattr(time, f"{name}_ns", _later(getattr(time, f"{name}_ns"), SECONDS * 10**9))
    for program, places in NUMBERS.items():
        if program in sys.orig_argv:
            _rings()
            for module, kind, attribute in places:
                _after_init(getattr(import_module(module), kind), _begin_later(attribute))


if __name__ == "sitecustomize":  # not where a test only wants to know the numbers
    _age()
