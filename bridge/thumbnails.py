"""Small pictures of what could be received: each source is opened for one frame, now and then."""

import threading
from concurrent.futures import Future
from dataclasses import dataclass
from time import perf_counter

from bridge.preview import jpeg
from bridge.stage import explained
from bridge.transports import Options, TransportError, open_source

WIDTH = 160  # pixels
OPTIONS = Options(limit=(320, 180))
PATIENCE = 0.7  # seconds that an opened source is waited for
KEPT = 1.5  # seconds that a picture stands for its source
REST = 5  # what took long stands for so many times as long: looks must not cost the show its time
MOST = 64  # sources at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class Thumbnail:
    """A JPEG, or in one sentence why there is none. It stands until `until`."""

    jpeg: bytes = b""
    problem: str = ""
    until: float = 0.0


class Thumbnails:
    """Any thread may ask. One thread opens, uses and closes the sources, for they may own OpenGL
    contexts; it lives as long as something is asked for.
    """

    def __init__(self) -> None:
        self._promises: dict[str, Future[Thumbnail]] = {}  # by URI, those to be kept in their order
        self._working = False
        self._lock = threading.Lock()

    def ask(self, uri: str) -> Future[Thumbnail]:
        """The picture of a source, soon; whoever asks for it meanwhile is given the same."""
        with self._lock:
            now = perf_counter()
            self._promises = {u: p for u, p in self._promises.items() if _stands(p, now)}
            if uri not in self._promises and len(self._promises) >= MOST:
                return _kept(Thumbnail(problem="Too many sources are being looked at; ask later."))
            if uri not in self._promises:
                self._promises[uri] = _promise()
                self._start()
            return self._promises[uri]

    def _start(self) -> None:
        if not self._working:
            self._working = True
            threading.Thread(target=self._work, name="thumbnails", daemon=True).start()

    def _work(self) -> None:
        while asked := self._next():
            uri, promise = asked
            promise.set_result(_look(uri))

    def _next(self) -> tuple[str, Future[Thumbnail]] | None:
        """Who has waited longest."""
        with self._lock:
            for uri, promise in self._promises.items():
                if not promise.done():
                    return uri, promise
            self._working = False
            return None


def _promise() -> Future[Thumbnail]:
    promise: Future[Thumbnail] = Future()
    promise.set_running_or_notify_cancel()  # many wait for it: no one of them can cancel it
    return promise


def _kept(thumbnail: Thumbnail) -> Future[Thumbnail]:
    promise = _promise()
    promise.set_result(thumbnail)
    return promise


def _stands(promise: Future[Thumbnail], now: float) -> bool:
    return not promise.done() or now < promise.result().until


def _look(uri: str) -> Thumbnail:
    began, data, problem = perf_counter(), b"", ""
    try:
        data = _picture(uri)
    except Exception as error:  # noqa: BLE001 - of a driver, a plug-in: who asked is told, the rest goes on
        problem = explained(error, TransportError)
    now = perf_counter()
    return Thumbnail(jpeg=data, problem=problem, until=now + max(KEPT, REST * (now - began)))


def _picture(uri: str) -> bytes:
    with open_source(uri, OPTIONS) as source:
        frame = source.receive(PATIENCE)
        silent = source.problem or f"{uri} gave no picture within {PATIENCE:g} seconds."
    if frame is None:
        raise TransportError(silent)
    return jpeg(frame.image, WIDTH)
