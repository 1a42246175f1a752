"""How far the generated images have drifted since the stream began, and the remedy.

A stream that feeds on its own images may get softer, darker or paler by the hour. So three figures
of a small copy of the output are taken once a second: sharpness, brightness, saturation. They are
compared with their first minute, in standard deviations of their first ten. Beyond the limit the
pipeline forgets its past images at a block border, and keeps the look. Whatever a performer changes
is no drift: then the figures begin again.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bridge.frames.frame import Frame, Image
from bridge.state.change import Change
from bridge.state.controls import OutputParameters
from bridge.state.status import OutputSource
from bridge.system.loops import explained, repeat

log = logging.getLogger(__name__)

PERIOD = 1.0  # seconds between two looks
SIDE = 256  # pixels of the small copy's longer side
SETTLING = 5.0  # seconds after a change that belong to neither look
FIRST, KNOWN = 60.0, 600.0  # seconds of the reference, and those that tell how much is usual
RECENT = 20  # looks of which the mean counts: a single scene is no drift
LEAST = 0.05  # share of the mean that is always usual: a still image has no deviation
PAUSE = 60.0  # seconds between two remedies
TRIES = 3  # remedies in a row without effect: then this is how it looks now
NAMES = ("sharpness", "brightness", "saturation")
# Output parameters that do not change the image
UNSEEN = frozenset({"black_fade", "delay", "on_loss", "hold_s", "max_fps", "record"})
SHOWN = (OutputSource.NEW, OutputSource.HOLD)

Figures = NDArray[np.float64]


def figures(image: Image) -> Figures:
    """Sharpness, brightness and saturation of an RGBA image; cheap, by a small copy."""
    height, width = image.shape[:2]
    scale = min(1.0, SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.cvtColor(cv2.resize(image, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGBA2RGB)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    saturation = cv2.cvtColor(small, cv2.COLOR_RGB2HSV)[..., 1]
    sharp = float(cv2.Laplacian(grey, cv2.CV_32F).var())
    return np.array([sharp, float(grey.mean()), float(saturation.mean())])


@dataclass(frozen=True, slots=True)
class Drifted:
    """What is told: each figure relative to its first minute, 1 for the same, 0 while unknown; and
    the largest deviation, in standard deviations.
    """

    relative: tuple[float, ...] = (0.0, 0.0, 0.0)
    deviation: float = 0.0
    name: str = ""


class Course:
    """The figures of one look, as they come. One thread."""

    def __init__(self, now: float) -> None:
        self.told = Drifted()
        self._began = now
        self._count = 0
        self._sum, self._squares = np.zeros(3), np.zeros(3)
        self._reference: Figures | None = None
        self._usual: Figures | None = None
        self._recent: deque[Figures] = deque(maxlen=RECENT)

    def add(self, now: float, seen: Figures) -> None:
        """Another image's figures."""
        age = now - self._began
        if age < SETTLING:
            return
        self._recent.append(seen)
        if self._usual is None:
            self._count += 1
            self._sum, self._squares = self._sum + seen, self._squares + seen**2
            mean = self._sum / self._count
            if self._reference is None and age >= FIRST:
                self._reference = np.maximum(mean, 1e-6)
            if self._reference is not None and age >= KNOWN:
                spread = np.sqrt(np.maximum(self._squares / self._count - mean**2, 0))
                self._usual = np.maximum(spread, LEAST * self._reference)
        self._tell()

    def forget_recent(self) -> None:
        """The images before this moment say nothing about the next ones."""
        self._recent.clear()
        self._tell()

    def _tell(self) -> None:
        if self._reference is None or len(self._recent) < RECENT:
            return
        mean = np.mean(self._recent, axis=0)
        relative = tuple(float(value) for value in mean / self._reference)
        if self._usual is None:
            self.told = Drifted(relative)
            return
        away = np.abs(mean - self._reference) / self._usual
        worst = int(away.argmax())
        self.told = Drifted(relative, float(away[worst]), NAMES[worst])


class Drift:
    """Looks once a second, in a thread of its own. Any thread may call `changed` and `state`, and
    they return at once.
    """

    def __init__(
        self,
        limit: float,
        newest: Callable[[], tuple[OutputSource, Frame | None]],
        values: Callable[[], Mapping[str, Any]],
        scene: Callable[[], object],
        reset: Callable[[], None],
    ) -> None:
        """`limit` is in standard deviations, 0 for never. `newest` is the output and what it shows,
        `values` those of the parameters; `scene` differs after a switch of pipeline or source;
        `reset` makes the pipeline forget its past images.
        """
        self.reanchors = 0
        self._limit = limit
        self._newest, self._values, self._scene, self._reset = newest, values, scene, reset
        self._cut = False  # what comes is another image
        self._seen: object = None
        self._index = -1
        self._course = Course(perf_counter())
        self._reset_at, self._why, self._tries = float("-inf"), "", 0
        self._stopped = threading.Event()

    def start(self) -> None:
        """Start looking."""
        threading.Thread(target=self._run, name="drift", daemon=True).start()

    def stop(self) -> None:
        """Look no more; never waits."""
        self._stopped.set()

    def changed(self, change: Change) -> None:
        """Parameters changed: what comes is another image, and no drift."""
        if not UNSEEN.issuperset(change.changed):
            self._cut = True

    def state(self) -> dict[str, Any]:
        """Its part of the state."""
        told = self._course.told
        return {
            **{name: round(part, 3) for name, part in zip(NAMES, told.relative, strict=True)},
            "drift": round(told.deviation, 2),
            "reanchors": self.reanchors,
            "reanchored": self._reanchored(),
        }

    def look(self, now: float) -> None:
        """Look at the output at a time (perf_counter, seconds)."""
        scene = self._scene()
        if self._cut or scene != self._seen:
            self._cut, self._seen = False, scene
            self._course, self._tries = Course(now), 0
        shown, frame = self._newest()
        if frame is None or frame.index == self._index or shown not in SHOWN or self._hidden():
            return
        self._index = frame.index
        self._course.add(now, figures(frame.image))
        self._judge(now)

    def _judge(self, now: float) -> None:
        told = self._course.told
        if told.deviation <= self._limit:
            if told.deviation and now - self._reset_at >= PAUSE:
                self._tries = 0
            return
        if not self._limit or now - self._reset_at < PAUSE:
            return
        if self._tries == TRIES:
            log.info("the drift of %s stays: it is the new reference", told.name)
            self._course, self._tries = Course(now), 0
            return
        self._reset_at, self._tries, self.reanchors = now, self._tries + 1, self.reanchors + 1
        percent = round(100 * told.relative[NAMES.index(told.name)])
        self._why = (
            f"{told.name} was {percent} % of its first minute, {told.deviation:.1f} standard "
            "deviations away."
        )
        log.warning("the stream is re-anchored: %s", self._why)
        self._course.forget_recent()
        self._reset()

    def _reanchored(self) -> str:
        """When and why last, in one sentence; empty for never."""
        minutes = int((perf_counter() - self._reset_at) // 60) if self._why else 0
        when = f"{minutes} min ago" if minutes else "just now"
        return f"{when}: {self._why}" if self._why else ""

    def _hidden(self) -> bool:
        """Whether the output shows more than generated images, or other ones."""
        own = OutputParameters.model_construct(
            None, **{name: self._values()[name] for name in OutputParameters.model_fields}
        )
        return own.black or own.freeze or own.bypass or own.mix < 1

    def _run(self) -> None:
        repeat(self._turn, self._stopped, _stumbled, PAUSE)

    def _turn(self) -> None:
        self._stopped.wait(PERIOD)
        self.look(perf_counter())


def _stumbled(error: Exception) -> None:
    explained(error)  # a bug of ours, but no reason to end
