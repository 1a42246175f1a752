"""Recalling a look: everything is checked first; then what cannot fade changes, and the numbers
glide. A control that another hand moves meanwhile belongs to that hand.

The store gives each change a turn, and of two the later one wins. All steps of a glide have the
turn of the recall, so that anything set since wins without being asked for.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from time import perf_counter
from typing import cast

from bridge.show.lent import LOOK_MARK, Lent
from bridge.show.look import Look
from bridge.show.looks import Looks
from bridge.state.actions import ActionError
from bridge.state.change import By, Setter
from bridge.state.store import ParameterError, ParameterStore
from engine.parameters import Value

log = logging.getLogger(__name__)

BEAT = 1 / 30  # seconds between steps of a glide
FADE = "fade"  # the parameter with which a pipeline fades to a new prompt
LOOK_FADE = "look_fade"  # the fade of a recall that names none


@dataclass(frozen=True, slots=True)
class _Faded:
    """Until a snapshot has arrived, pipelines fade this long, in seconds."""

    snapshot: int
    seconds: float


ARRIVED = _Faded(1 << 62, 0.0)


class Recalls:
    """Any thread may call any method; `recall` may wait for a disk."""

    def __init__(self, store: ParameterStore, looks: Looks, lent: Lent) -> None:
        self._store, self._looks, self._lent = store, looks, lent
        self._current = 0  # number of the look saved or recalled last; 0 for none
        self.glide: Glide | None = None  # the last one
        self._faded = ARRIVED
        self._turn = threading.Lock()

    def recall(self, number: int, fade: float | None = None) -> None:
        """Recall a look within `fade` seconds; `look_fade` says how long if None. ActionError, and
        nothing changes, if a pipeline, file or package is missing, or if it does not fit.
        """
        look = self._looks.get(number)
        try:
            held = self._looks.holds(look)
        except LookupError as error:
            raise _impossible(look, error) from error
        with self._turn:
            self._show(look, held, fade, Setter(By.LOOK, str(number)))
            self.saved(number)

    @property
    def number(self) -> int:
        """The number of the look that was saved or recalled last, or deleted since; 0 for none."""
        return self._current

    def point(self, number: Value) -> None:
        """That look is the current one, whatever the values are; they fade no more."""
        self.stop()
        self.saved(int(number))

    def show(self, values: Mapping[str, Value], fade: float | None = None) -> None:
        """Show values as if they were a look of the pipeline that runs; as `recall`."""
        pipeline = self._lent.pipeline()
        look = Look(number=0, name="edited blind", pipeline=pipeline, values=values, saved="")
        with self._turn:
            self._show(look, values, fade, Setter(By.LOOK, "blind"))

    def _show(
        self, look: Look, held: Mapping[str, Value], fade: float | None, setter: Setter
    ) -> None:
        turn = self._store.turn()
        try:
            aims = self._store.check(held, setter)
            seconds = self._seconds(fade)
            self._begin(look, aims, seconds, turn, setter)
        except (LookupError, ValueError) as error:  # missing weights are one
            raise _impossible(look, error) from error

    def _seconds(self, fade: float | None) -> float:
        spec = self._store.specs[LOOK_FADE]
        given = self._store.snapshot.values[LOOK_FADE] if fade is None else spec.check(fade)
        return cast(float, given)  # its kind

    def _begin(
        self, look: Look, aims: Mapping[str, Value], seconds: float, turn: int, setter: Setter
    ) -> None:
        specs, now = self._store.specs, self._store.snapshot
        here = look.pipeline == self._lent.pipeline()
        numbers = {
            name: cast(float, aim)  # what glides is a number
            for name, aim in aims.items()
            if here and seconds and specs[name].glides
        }
        at_once = {name: aim for name, aim in aims.items() if name not in numbers}
        before, faded = self.glide, self._faded
        self._faded = _Faded(now.number + 1, seconds)
        self._lent.recalls(setter)
        try:
            with self._store.at(turn):
                self._lent.take(look.pipeline, at_once, setter)
        except (LookupError, ValueError):
            self._faded = faded
            raise
        self._faded = _Faded(self._store.snapshot.number, seconds)
        if before:
            before.stop()
        old, new = {name: now.values[name] for name in numbers}, {**numbers}
        told = "blind"
        if look.number:
            told = f"look {look.number} {look.name}"
            old[LOOK_MARK], new[LOOK_MARK] = self._current, look.number
        self._lent.recalled(setter, told, old, new, numbers)
        self.glide = Glide(self._store, numbers, seconds, turn, setter) if numbers else None

    def saved(self, number: int) -> None:
        """A look was saved or recalled: it is the current one."""
        self._current = number
        self._lent.keep()

    @property
    def current(self) -> Look | None:
        """The look that was saved or recalled last, if there still is one of its number."""
        with suppress(ActionError):
            return self._looks.get(self._current)
        return None

    @property
    def changed(self) -> bool:
        """Whether anything that the current look holds has been changed since."""
        look, glide = self.current, self.glide
        if look is None:
            return False
        if look.pipeline != self._lent.pipeline():
            return True
        values, coming = self._store.snapshot.values, glide.owned if glide else frozenset()
        try:
            held = self._looks.holds(look)
        except LookupError:
            return True
        now = self._store.now.name
        return any(
            values[now(name)] != value and now(name) not in coming for name, value in held.items()
        )

    def faded(self, number: int, values: Mapping[str, Value]) -> Mapping[str, Value]:
        """The values of a snapshot, with the recall's fade until the look has arrived: a pipeline
        fades as long as its `fade` is when the prompt has been prepared. Any thread.
        """
        faded = self._faded
        if faded.snapshot <= number and FADE in values:
            if not self._lent.arrived(faded.snapshot):
                return {**values, FADE: faded.seconds}
            if self._faded is faded:  # no other recall has begun
                self._faded = ARRIVED
        return values

    def forget(self) -> None:
        """No look of now is the current one: all are others."""
        self.point(0)

    def stop(self) -> None:
        """End a glide where it is."""
        if self.glide:
            self.glide.stop()


class Glide:
    """Moves numbers from where they are to `aims` in `seconds`, in a thread of its own."""

    def __init__(
        self,
        store: ParameterStore,
        aims: Mapping[str, float],
        seconds: float,
        turn: int,
        setter: Setter,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        self._left = frozenset(aims)  # what has not arrived
        values = store.snapshot.values
        self._store, self._aims = store, aims
        self._begin = {name: cast(float, values[name]) for name in aims}  # what glides is a number
        self._seconds, self._turn, self._setter = seconds, turn, setter
        self._clock, self._began = clock, clock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="look glide", daemon=True)
        self._thread.start()

    @property
    def owned(self) -> frozenset[str]:
        """What still glides: nobody else has moved it."""
        return frozenset(n for n in self._left if self._store.turn_of(n) <= self._turn)

    @property
    def aims(self) -> Mapping[str, float]:
        """Where what still glides will be."""
        return {name: self._aims[name] for name in self.owned}

    def stop(self) -> None:
        """Leave the numbers where they are."""
        self._stopped.set()
        self._thread.join(1)
        self._left = frozenset()

    def _run(self) -> None:
        try:
            while self._left and not self._stopped.wait(BEAT):
                self._step((self._clock() - self._began) / self._seconds)
        except ParameterError as error:  # what a step sets was checked: its range has changed since
            log.warning("a look's fade ends early: %s", error)
        finally:
            self._left = frozenset()

    def _step(self, part: float) -> None:
        self._left = self.owned
        aims = {
            name: aim if part >= 1 else self._begin[name] + (aim - self._begin[name]) * part
            for name, aim in self._aims.items()
            if name in self._left
        }
        if aims:
            with self._store.at(self._turn):
                self._store.update(aims, self._setter, lenient=True)
        if part >= 1:
            self._left = frozenset()


def _impossible(look: Look, error: Exception) -> ActionError:
    why = str(error.args[0] if isinstance(error, LookupError) and error.args else error)
    which = f"Look {look.number} ({look.name})" if look.number else f"The look {look.name}"
    return ActionError(f"{which} cannot be recalled: {why}")
