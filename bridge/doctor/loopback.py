"""Frames from this program to itself, through a sink and a source: does each arrive as sent, and
how long does it take?
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from time import perf_counter
from typing import TypeVar

import numpy as np

from bridge.frames.frame import Frame, Image
from bridge.transports import Options, Transport, open_sink, open_source

E = TypeVar("E", bound=Transport)
G = TypeVar("G")
R = TypeVar("R")

FIRST = 4.0  # seconds for the first frame: longer than it takes to report why none arrives
LATE = 1.0  # seconds for any other


@dataclass(slots=True)
class Passage:
    """Result of the frames. Times in seconds, without the first frame's, which opens everything.
    `out` and `back` are the status of sink and source, which name the methods used.
    """

    sent: list[float] = field(default_factory=list[float])
    received: list[float] = field(default_factory=list[float])
    exact: int = 0
    out: str = ""
    back: str = ""


def loop(uri: str, width: int, height: int, count: int) -> Passage:
    """Send `count` frames, each after the last one has arrived; stop if the first does not.

    Sink and source have a thread each, since each may own an OpenGL context.
    """
    passage, base = Passage(), _noise(width, height)
    with ExitStack() as stack:
        sending, receiving = (stack.enter_context(ThreadPoolExecutor(1)) for _ in range(2))
        sink = _opened(stack, sending, open_sink, uri)
        source = _opened(stack, receiving, open_source, uri)
        for number in range(count):
            image = np.roll(base, number, 0)  # every row changes
            frame = Frame(image, perf_counter(), number)
            sent, _ = sending.submit(_timed, sink.send, frame).result()
            wait = LATE if number else FIRST
            received, got = receiving.submit(_timed, source.receive, wait).result()
            passage.exact += got is not None and np.array_equal(got.image, image)
            if number:
                passage.sent.append(sent)
                passage.received.append(received)
            elif got is None:
                break
        passage.out, passage.back = sink.status, source.status
    return passage


def _opened(
    stack: ExitStack, thread: ThreadPoolExecutor, opener: Callable[[str, Options], E], uri: str
) -> E:
    """A transport that is opened and closed in its thread."""
    end = thread.submit(opener, uri, Options()).result()
    stack.callback(lambda: thread.submit(end.__exit__, None, None, None).result())
    return end


def _timed(do: Callable[[G], R], given: G) -> tuple[float, R]:
    began = perf_counter()
    result = do(given)
    return perf_counter() - began, result


def _noise(width: int, height: int) -> Image:
    """An image in which no two rows are alike, alpha included."""
    return np.random.default_rng(1).integers(0, 256, (height, width, 4), np.uint8)
