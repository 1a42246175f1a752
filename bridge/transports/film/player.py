"""Pictures that are due at their times, over and over."""

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from time import perf_counter, sleep
from typing import Protocol

from bridge.frames.frame import Frame, Image
from bridge.transports import TransportError
from bridge.transports.base import TransportBase

STALL = 0.5  # seconds late from which on the clip goes on where it was instead of catching up
HURRY = 0.05  # seconds to spend on catching up before a picture is given all the same


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture: when it is due, in seconds since the first one; for how many seconds; and what
    draws it, in the thread that plays, which may raise TransportError.
    """

    at: float
    length: float
    draw: Callable[[], Image]


class Reel(Protocol):
    """What is played."""

    @property
    def name(self) -> str:
        """What it is called, in a sentence."""
        ...

    @property
    def rate(self) -> str:
        """Its rate in pictures a second, to be told."""
        ...

    def once(self) -> Generator[Shot, None, None]:
        """The shots of one round, whose first is due at 0. TransportError where there are none."""
        ...


class Player(TransportBase):
    """A reel. Who comes late gets the picture that is due now; the ones before are left out, and
    not even drawn.
    """

    def __init__(self, reel: Reel) -> None:
        """Take the first shot, so that a bad file is refused here; TransportError."""
        self._reel = reel
        self._size = ""
        self._shots = self._for_ever()
        self._now: Shot | None = None  # to be given next
        self._image: Image | None = None  # of `_now`, drawn while there is time
        self._after = self._pull()
        self._zero: float | None = None  # when it began, by perf_counter
        self._index = 0

    def receive(self, timeout: float) -> Frame | None:
        """The next picture when it is due."""
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
        """The shot to give next and when it is due: never one whose successor is due too."""
        if self._now is None:
            self._now, self._after = self._after, self._pull()
        now = perf_counter()
        zero = now - self._now.at if self._zero is None else self._zero
        if now - (zero + self._now.at) > STALL:
            zero = now - self._now.at  # go on from here instead of hurrying through all of it
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
        """The shots of one round after another, on one line of time."""
        start = 0.0
        while True:
            end = start
            for shot in self._reel.once():
                yield replace(shot, at=start + shot.at)
                end = start + shot.at + shot.length
            if end == start:
                raise TransportError(f"There is no picture in {self._reel.name}; try another file.")
            start = end
