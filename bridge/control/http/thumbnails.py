"""Thumbnails of available sources: each is opened for one frame now and then."""

import threading
from concurrent.futures import Future
from dataclasses import dataclass
from time import perf_counter

from bridge.frames.encode import jpeg
from bridge.system.loops import explained
from bridge.transports import Options, TransportError, open_source

WIDTH = 160  # pixels
OPTIONS = Options(limit=(320, 180))
PATIENCE = 0.7  # seconds to wait for an opened source's frame
KEPT = 1.5  # seconds that a thumbnail stays valid
REST = 5  # a thumbnail stays valid this many times as long as it took: it must not slow the show
MOST = 64  # sources at a time
LIMIT = 5.0  # seconds that one may take before the next one starts beside it
MOST_LEFT = 4  # threads that may be left behind in drivers that do not respond


@dataclass(frozen=True, slots=True, kw_only=True)
class Thumbnail:
    """A JPEG, or one sentence why there is none. Valid until `until`."""

    jpeg: bytes = b""
    problem: str = ""
    until: float = 0.0


class Thumbnails:
    """Any thread may ask. One thread opens, uses and closes the sources, since they may own OpenGL
    contexts; it lives while requests are pending. If a driver blocks it, another thread replaces
    it, and that source is not opened again before it has responded.
    """

    def __init__(self) -> None:
        self._promises: dict[str, Future[Thumbnail]] = {}  # by URI, in order
        self._working = False
        self._look_at: tuple[str, Future[Thumbnail], float] | None = None  # and when it began
        self._left = 0
        self._lock = threading.Lock()

    def ask(self, uri: str) -> Future[Thumbnail]:
        """The thumbnail of a source, soon; concurrent requests share one."""
        with self._lock:
            now = perf_counter()
            self._overtake(now)
            self._promises = {u: p for u, p in self._promises.items() if _stands(p, now)}
            if uri not in self._promises and len(self._promises) >= MOST:
                return _kept(Thumbnail(problem="Too many thumbnails at once; try again later."))
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
            found = _look(uri)
            with self._lock:
                if self._look_at is None or self._look_at[1] is not promise:  # overtaken
                    self._left -= 1
                    self._promises.pop(uri, None)
                    return
                self._look_at = None
                promise.set_result(found)

    def _overtake(self, now: float) -> None:
        """Leave behind a thread that takes too long; the lock is held."""
        if not self._look_at or self._left >= MOST_LEFT:
            return
        uri, promise, began = self._look_at
        if now - began > LIMIT:
            self._look_at, self._left, self._working = None, self._left + 1, False
            problem = f"{uri} has not answered for {now - began:.0f} s."
            promise.set_result(Thumbnail(problem=problem, until=float("inf")))
            if any(not other.done() for other in self._promises.values()):
                self._start()

    def _next(self) -> tuple[str, Future[Thumbnail]] | None:
        """The request that has waited longest."""
        with self._lock:
            for uri, promise in self._promises.items():
                if not promise.done():
                    self._look_at = uri, promise, perf_counter()
                    return uri, promise
            self._working = False
            return None


def _promise() -> Future[Thumbnail]:
    promise: Future[Thumbnail] = Future()
    promise.set_running_or_notify_cancel()  # shared: no single waiter can cancel it
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
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a driver or plug-in failed: report it, the rest continues
        problem = explained(error, TransportError)
    now = perf_counter()
    return Thumbnail(jpeg=data, problem=problem, until=now + max(KEPT, REST * (now - began)))


def _picture(uri: str) -> bytes:
    with open_source(uri, OPTIONS) as source:
        frame = source.receive(PATIENCE)
        silent = source.problem or f"{uri} sent no frame within {PATIENCE:g} seconds."
    if frame is None:
        raise TransportError(silent)
    return jpeg(frame.image, WIDTH)
