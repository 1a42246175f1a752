"""What the output shows when the engine delivers no frames: a pipeline, a clip, or the test card.

A fallback is polled at every tick of the output clock, needed or not, and returns its newest image
at once; None if it has none yet, and then the last frame is held.
"""

import logging
import threading
from collections.abc import Callable
from typing import TypeAlias

from bridge.frames.canvas import Canvas
from bridge.frames.frame import Image
from bridge.playout.pickup import Pickup
from bridge.system.loops import explained, repeat
from bridge.transports import Options, TransportError, open_source
from bridge.workers.client import WorkerClient

log = logging.getLogger(__name__)

FILE = "file:"
HOLD, CARD = "hold", "card"
WAIT = 0.1  # seconds that a clip blocks before it checks whether it is needed
RETRY = 1.0  # seconds until a clip that fails is tried again
LINGER = 5.0  # seconds that a worker is kept after the engine is back: it may fail again
TELL = 1.0  # seconds until the wait for a clip is reported
DEADLINE = 5.0  # seconds that a clip may take to open when checked before the start

Numbered: TypeAlias = tuple[int, Image]  # a new number for each image
Fallback: TypeAlias = Callable[[bool, float], Numbered | None]  # (needed, now)


def nothing(needed: bool, now: float) -> Numbered | None:
    """No fallback: the last frame is held."""
    return None


class Clip:
    """A looping video, or an image; open only while needed."""

    def __init__(self, uri: str, options: Options, fit: Callable[[Image], Image]) -> None:
        """`fit` scales an image to the output."""
        self.problem = ""
        self._uri = uri
        self._options = options
        self._fit = fit
        self._newest: Numbered | None = None
        self._number = 0
        self._needed = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fallback", daemon=True)

    def check(self) -> None:
        """Raise TransportError if it cannot be played; a clip that is slow to open is accepted."""
        failure: list[Exception] = []

        def look() -> None:
            try:
                with open_source(self._uri, self._options):
                    pass
            except Exception as error:  # noqa: BLE001 - from a codec; raised again below
                failure.append(error)

        looking = threading.Thread(target=look, name="fallback check", daemon=True)
        looking.start()
        looking.join(TELL)
        if looking.is_alive():
            log.warning("the fallback %s is slow to open; waiting up to %g s", self._uri, DEADLINE)
            looking.join(DEADLINE - TELL)
        if looking.is_alive():
            log.warning("the fallback %s has not opened; retrying when it is needed", self._uri)
        if failure:
            raise TransportError(f"--fallback: {explained(failure[0], TransportError)}")

    def __call__(self, needed: bool, now: float) -> Numbered | None:
        """See above."""
        if needed and self._thread.ident is None:
            self._thread.start()
        if needed != self._needed.is_set():
            (self._needed.set if needed else self._needed.clear)()
        return self._newest

    def stop(self) -> None:
        """Stop playing."""
        self._stopped.set()
        self._needed.set()

    def _run(self) -> None:
        repeat(self._play, self._stopped, self._failed, RETRY)

    def _play(self) -> None:
        if not self._needed.wait(1):
            return
        self._newest = None
        with open_source(self._uri, self._options) as source:
            while self._needed.is_set() and not self._stopped.is_set():
                frame = source.receive(WAIT)
                if frame is not None:
                    self._number += 1
                    self._newest = self._number, self._fit(frame.image)
                    self.problem = ""

    def _failed(self, error: Exception) -> None:
        self.problem = explained(error, TransportError)


class Spare:
    """A pipeline in its own worker, which runs while needed and a little longer."""

    def __init__(
        self,
        want: Callable[[bool], None],
        link: Callable[[], WorkerClient | None],
        canvas: Canvas,
    ) -> None:
        """`want` tells the host whether to run the worker; `link` returns it while it runs."""
        self._want = want
        self._link = link
        self._canvas = canvas
        self._pickup = Pickup()
        self._known: WorkerClient | None = None
        self._newest: Numbered | None = None
        self._number = 0
        self._until = float("-inf")

    def __call__(self, needed: bool, now: float) -> Numbered | None:
        """See above."""
        if needed:
            self._until = now + LINGER
        self._want(now < self._until)
        link = self._link()
        if link is not self._known and link is not None:
            self._newest = None
        self._known = link
        slot = self._pickup.take(link, now) if needed else None
        image = self._canvas.fit(slot.image, borrowed=slot.borrowed) if slot else None
        if slot and image is not None and slot.is_whole:
            self._number += 1
            self._newest = self._number, image
        return self._newest
