"""Plays timed images in a loop."""

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from time import perf_counter, sleep
from typing import Protocol

from bridge.frames.frame import Frame, Image
from bridge.transports import TransportError
from bridge.transports.base import TransportBase

STALL = 0.5  # seconds late from which the clip continues where it was instead of catching up
HURRY = 0.05  # seconds to spend on catching up before a frame is given anyway


@dataclass(frozen=True, slots=True)
class Shot:
    """One frame: when it is due, in seconds since the first; its duration in seconds; and the
    function that draws it in the playing thread, which may raise TransportError.
    """

    at: float
    length: float
    draw: Callable[[], Image]


class Reel(Protocol):
    """Something to play."""

    @property
    def name(self) -> str:
        """Its name for messages."""
        ...

    @property
    def rate(self) -> str:
        """Its rate in frames per second, as text."""
        ...

    def once(self) -> Generator[Shot, None, None]:
        """The shots of one loop, the first due at 0. TransportError if there are none."""
        ...


class Player(TransportBase):
    """Plays a reel. A late caller gets the frame that is due now; earlier ones are skipped without
    being drawn.
    """

    def __init__(self, reel: Reel) -> None:
        """Read the first shot, so that a bad file fails here; TransportError."""
        self._reel = reel
        self._size = ""
        self._shots = self._for_ever()
        self._now: Shot | None = None  # the next to be given
        self._image: Image | None = None  # of `_now`, drawn ahead of time
        self._after = self._pull()
        self._zero: float | None = None  # its start, by perf_counter
        self._index = 0

    def receive(self, timeout: float) -> Frame | None:
        """The next frame when it is due."""
        until = perf_counter() + timeout
        due, shot = self._choose()
        if self._image is None:
            self._image = self._drawn(shot)
        sleep(max(0.0, min(due, until) - perf_counter()))
        if due > until:
            return None
        image, self._now, self._image = self._image, None, None
        self._index += 1
        return Frame(image, perf_counter(), self._index)

    def close(self) -> None:
        """Close the file."""
        self._shots.close()

    @property
    def status(self) -> str:
        """Size, rate and name."""
        return f"{self._size} at {self._reel.rate}, {self._reel.name}".lstrip()

    def _choose(self) -> tuple[float, Shot]:
        """The next shot and when it is due: never one whose successor is also due."""
        if self._now is None:
            self._now, self._after = self._after, self._pull()
        now = perf_counter()
        zero = now - self._now.at if self._zero is None else self._zero
        if now - (zero + self._now.at) > STALL:
            zero = now - self._now.at  # continue from here instead of rushing through the backlog
        while zero + self._after.at <= perf_counter() < now + HURRY:
            self._now, self._after, self._image = self._after, self._pull(), None
        self._zero = zero
        return zero + self._now.at, self._now

    def _drawn(self, shot: Shot) -> Image:
        try:
            image = shot.draw()
        except TransportError:
            self._now = None  # the next one may be better
            raise
        self._size = f"{image.shape[1]}x{image.shape[0]}"
        return image

    def _pull(self) -> Shot:
        try:
            return next(self._shots)
        except TransportError:
            self._shots = self._for_ever()  # for the next try: the file may come back
            raise

    def _for_ever(self) -> Generator[Shot, None, None]:
        """The shots of loop after loop, on one timeline."""
        start = 0.0
        while True:
            end = start
            for shot in self._reel.once():
                yield replace(shot, at=start + shot.at)
                end = start + shot.at + shot.length
            if end == start:
                raise TransportError(f"No frame found in {self._reel.name}; try another file.")
            start = end
