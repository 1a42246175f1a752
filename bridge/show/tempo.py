"""Tempo: beats per minute by hand, by taps or by a MIDI clock, and what waits for the beat.

A beat is when the music has it. What shall be seen on a beat is done earlier, by the time that the
engine takes for a block.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable
from itertools import pairwise
from math import ceil, floor
from statistics import median
from time import perf_counter, time
from typing import Any, cast

from bridge.state.change import By, Setter
from bridge.state.store import ParameterStore
from bridge.system.loops import Loop, explained

log = logging.getLogger(__name__)

SLOWEST, FASTEST = 20.0, 300.0  # beats per minute
BAR = 4  # beats
PULSES = 24  # of a MIDI clock, in a beat
EACH = 6  # pulses between two looks at the tempo
RESET = 2.0  # seconds after which a tap is the first of another tempo
TAPS = 8  # of which the median counts
WINDOW = 3.0  # seconds of clocks that are filtered together
LOST = 0.5  # seconds without a clock after which the tempo is held
JITTER = 0.012  # seconds by which a beat of clocks may be early or late and no tempo has changed
TOLERANCE = 0.04  # part of a beat, the same
EVERY = {"beat": 1, "bar": BAR}  # beats, by the choices of `quantise`


class Beats:
    """Where in the music a moment is: a straight line through one moment, its place and a tempo.
    Immutable; times in seconds of `perf_counter`.
    """

    __slots__ = ("_at", "_place", "bpm")

    def __init__(self, at: float, place: float, bpm: float) -> None:
        self._at, self._place, self.bpm = at, place, bpm

    def place(self, now: float) -> float:
        """Beats since the first one of a bar."""
        return self._place + (now - self._at) * self.bpm / 60

    def time(self, place: float) -> float:
        """When a place is, or was, reached."""
        return self._at + (place - self._place) * 60 / self.bpm


class Clock:
    """Filters the clocks of one MIDI port: a straight line through those of the last seconds."""

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=int(FASTEST / 60 * PULSES * WINDOW))
        self._count: int | None = None  # pulses since the first beat of a bar, of the newest clock

    def begin(self, place: float = 0.0) -> None:
        """The next clock is at this place."""
        self._times.clear()
        self._count = round(place * PULSES) - 1

    @property
    def due(self) -> float | None:
        """The place of the next clock; None before the first."""
        return None if self._count is None else (self._count + 1) / PULSES

    def heard(self, now: float, before: Beats) -> Beats | None:
        """The beats after a clock; None until there are enough. `before` places the first one."""
        if self._count is None or (self._times and now - self._times[-1] > LOST):
            self.begin(before.place(now))
        count = self._count = (self._count or 0) + 1
        times = self._times
        times.append(now)
        while now - times[0] > WINDOW:
            times.popleft()
        due = count % EACH == 0 and len(times) > PULSES // 2
        return self._line(count) if due else None

    def _line(self, count: int) -> Beats | None:
        """By least squares, which no single late clock moves far."""
        times = self._times
        number = len(times)
        middle = sum(times) / number
        half = (number - 1) / 2
        spread = sum((i - half) ** 2 for i in range(number))
        period = sum((i - half) * (t - middle) for i, t in enumerate(times)) / spread
        if period <= 0:
            return None
        last = [*times][-PULSES - 1 :]
        wanted = period * (len(last) - 1)
        if abs(last[-1] - last[0] - wanted) > JITTER + TOLERANCE * wanted and number > PULSES:
            self._times = deque(last[-PULSES // 2 :], maxlen=times.maxlen)
            return self._line(count)
        bpm = min(max(60 / (period * PULSES), SLOWEST), FASTEST)
        return Beats(middle, (count - half) / PULSES, bpm)


class Tempo:
    """Any thread may call any method; none waits, except for what is done at once."""

    def __init__(self, store: ParameterStore, ahead: Callable[[], float]) -> None:
        """`ahead` is the time in seconds from a change to the frames that show it."""
        self.trouble = ""  # why what waited for its beat was not done; a sentence
        self._store, self._ahead = store, ahead
        self._asked = self._chosen  # the tempo by hand that the beats follow
        self._line = Beats(perf_counter(), 0.0, self._asked)
        self._taps: deque[float] = deque(maxlen=TAPS + 1)
        self._clock = Clock()
        self._clock_of = ""  # the port whose clocks count
        self._clock_at = float("-inf")
        self._held: float | None = None  # the place at which the song was stopped
        self._waiting: tuple[float, str, Callable[[], object]] | None = None
        self._lock = threading.Lock()
        self._loop = Loop("tempo", self._step, self._failed, 0)

    def start(self) -> None:
        """Do from now on what waits for its beat."""
        self._loop.start()

    def stop(self) -> None:
        """Do nothing more."""
        self._loop.stop()

    # What sets it.

    @property
    def _chosen(self) -> float:
        return cast(float, self._store.snapshot.values["tempo"])  # its kind

    def _beats(self, now: float) -> Beats:
        """The beats now, with the lock held: of the tempo by hand, from the moment at which it was
        set, unless a clock runs; at one place while the song is stopped.
        """
        if (chosen := self._chosen) != self._asked:
            self._asked = chosen
            if not self._clocked(now):
                moved = self._store.moved("tempo")
                at = now - max(0.0, time() - moved.at) if moved else now
                place = self._line.place(at) if self._held is None else self._held
                self._line, self._held = Beats(at, place, chosen), None
        if self._held is not None:
            return Beats(now, self._held, self._line.bpm)
        return self._line

    def tap(self, now: float | None = None) -> None:
        """A beat is now; from the second on, taps set the tempo too, by their median."""
        now = perf_counter() if now is None else now
        with self._lock:
            if self._taps and now - self._taps[-1] > RESET:
                self._taps.clear()
            self._taps.append(now)
            gaps = [later - earlier for earlier, later in pairwise(self._taps)]
        if gaps and median(gaps) > 0 and not self._clocked(now):
            bpm = min(max(60 / median(gaps), SLOWEST), FASTEST)
            self._store.update({"tempo": round(bpm, 2)}, Setter(By.ACTION, "tap"), lenient=True)
        self.beat(now=now)

    def beat(self, number: int | None = None, now: float | None = None) -> None:
        """A beat is now: of this number in its bar, from 1; without one, the nearest."""
        now = perf_counter() if now is None else now
        with self._lock:
            beats = self._beats(now)
            place = beats.place(now)
            place = round(place) if number is None else floor(place / BAR) * BAR + number - 1
            self._line, self._held = Beats(now, place, beats.bpm), None
            if self._clocked(now):
                self._clock.begin(place)

    def clock(self, port: str, now: float) -> None:
        """A clock came from a port; clocks of other ports meanwhile do not count."""
        with self._lock:
            before = self._beats(now)
            if port != self._clock_of:
                if self._clocked(now):
                    return
                self._clock, self._clock_of, self._held = Clock(), port, None
            self._clock_at = now
            self._line = self._clock.heard(now, before) or before

    def clock_starts(self, port: str, now: float, *, again: bool = False) -> None:
        """The song starts: the next clock is the first beat of a bar, or where it was stopped if it
        goes on `again`.
        """
        with self._lock:
            if port == self._clock_of or not self._clocked(now):
                beats = self._beats(now)
                place = beats.place(now) if again else 0.0
                self._clock, self._clock_of = Clock(), port
                self._clock.begin(place)
                self._line, self._held = Beats(now, place, beats.bpm), None

    def clock_stops(self, port: str, now: float) -> None:
        """The song stops: the beat stays where it is, while the tempo follows the clocks."""
        with self._lock:
            if port == self._clock_of and self._held is None:
                due = self._clock.due if self._clocked(now) else None
                self._held = self._beats(now).place(now) if due is None else due

    def _clocked(self, now: float) -> bool:
        return now - self._clock_at <= LOST

    # What reads it.

    def told(self) -> dict[str, Any]:
        """Its part of `Status`."""
        now = perf_counter()
        with self._lock:
            beats, waiting = self._beats(now), self._waiting
        return {
            "bpm": round(beats.bpm, 1),
            "beat": floor(beats.place(now) % BAR * 100) / 100 + 1,
            "beat_waits": waiting[1] if waiting else "",
            "clock": self._clock_of if self._clocked(now) else "",
        }

    def when(self, now: float) -> float:
        """When to do what `quantise` lets wait, so that it shows on its beat; `now` if it is off,
        or the song is stopped and no beat comes. Any thread; it never waits.
        """
        every = EVERY.get(str(self._store.snapshot.values["quantise"]))
        if every is None:
            return now
        ahead = max(0.0, self._ahead())
        with self._lock:
            beats, stopped = self._beats(perf_counter()), self._held is not None
        if stopped:
            return now
        place = ceil(beats.place(now + ahead) / every - 1e-6) * every
        return max(now, beats.time(place) - ahead)

    def on_beat(self, name: str, deed: Callable[[], object]) -> None:
        """Do it when `quantise` says: at once, with its errors, or later in another thread. A
        later deed replaces one that waits, whose `name` is told.
        """
        self.trouble = ""
        now = perf_counter()
        due = self.when(now)
        if due <= now:
            deed()
            return
        with self._lock:
            self._waiting = due, name, deed
        self._loop.wake()

    def _failed(self, error: Exception) -> None:
        self.trouble = explained(error, ValueError, LookupError)
        log.warning("%s", self.trouble)

    def _step(self) -> None:
        waiting = self._waiting
        self._loop.wait(max(0.0, waiting[0] - perf_counter()) if waiting else None)
        with self._lock:
            due = self._waiting if self._waiting and self._waiting[0] <= perf_counter() else None
            if due is None or self._loop.stopped.is_set():
                return
            self._waiting = None
        due[2]()
