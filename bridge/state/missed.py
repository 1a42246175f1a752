"""What was wanted and is unavailable now: reported until chosen again or available.

Files come back: a disk wakes, a drive is plugged in, a bad file is replaced. So a missing image or
LoRA is looked for repeatedly, as a source is, and meanwhile kept for the next run. What a missing
plug-in had is kept too: its pipeline, its source, its parameter values.
"""

import logging
import re
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from itertools import islice

from bridge.state.change import By, Setter
from bridge.state.replaced import Replaced
from bridge.state.store import ParameterStore
from bridge.system.loops import explained, repeat
from engine.parameters import Value

log = logging.getLogger(__name__)

GLANCE = 3.0  # seconds between checks for files
MOST = 256  # values of unknown parameters that are kept
NAME = re.compile(r"[a-z0-9_]{1,64}")  # of a parameter
SHOWN = 3  # reported at a time
LONGEST = 200  # characters reported of each


@dataclass(frozen=True, slots=True)
class _Gone:
    value: str  # empty if it cannot come back
    why: str
    turn: int  # values set in a later turn win
    bad: Replaced | None = None  # of an existing file that cannot be used as it is

    @property
    def told(self) -> str:
        if not self.value:
            return f"{self.why} It is ignored."
        if self.bad:
            return f"{self.why} It is used again once its file has been replaced."
        return f"{self.why} It is restored once available."


class Missed:
    """Any thread may call any method but `add`, `start` and `note`, which belong to the starting
    thread; none waits.
    """

    def __init__(
        self, store: ParameterStore, stamp: Callable[[str], object] = lambda name: None
    ) -> None:
        """`stamp` returns a value that changes whenever the named LoRA's file does, or None if the
        file cannot be read now.
        """
        self._store = store
        self._stamp = stamp
        self._gone: dict[str, _Gone] = {}
        self._tried: dict[str, _Gone] = {}  # those that were available again, and set
        self._notes: dict[str, str] = {}
        self._asked: dict[str, str] = {}
        self._strange: dict[str, Value] = {}
        self._stopped = threading.Event()
        self._news = threading.Event()
        self._started = False
        self._beginning = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, name: str, value: object, why: str) -> None:
        """A parameter's value was refused."""
        spec = self._store.specs.get(name)
        if spec:
            comes_back = (spec.asset or spec.lora) and isinstance(value, str)
            told = f"{name} of the previous run: {why[:LONGEST]}"
            self._gone[name] = _Gone(str(value) if comes_back else "", told, self._store.turn())

    def set_aside(self, whys: Mapping[str, str]) -> None:
        """The LoRAs of these parameters cannot be used as they are: use none until their files
        have been replaced. Each has its sentence.
        """
        turn, values = self._store.turn(), self._store.snapshot.values
        for name, why in whys.items():
            told = f"{name}: {why[: 2 * LONGEST]}"
            self._gone[name] = _Gone(str(values[name]), told, turn, Replaced())
        defaults = {name: self._store.specs[name].default for name in whys}
        with self._store.at(turn):  # what was chosen meanwhile stays
            self._store.update(defaults, Setter(By.SET_BACK, "its file cannot be used"))
        self._news.set()
        if self._started:
            self._begin()

    def set_aside_again(self, names: Collection[str], why: str) -> set[str]:
        """Of the values that could not be loaded, set aside those set from here; returns their
        names.
        """
        turn_of = self._store.turn_of
        own = {n for n in names if (tried := self._tried.get(n)) and turn_of(n) == tried.turn}
        if own:
            self.set_aside(dict.fromkeys(own, why))
        return own

    def note(self, name: str, value: str, why: str) -> None:
        """The pipeline or an input was refused; `why` is one sentence."""
        self._notes[name] = why[: 2 * LONGEST]
        self._asked[name] = value

    def drop(self, name: str) -> None:
        """It was chosen again."""
        self._notes.pop(name, None)
        self._asked.pop(name, None)

    def asked(self, name: str) -> str:
        """The pipeline or input that was wanted; empty if not missing."""
        return self._asked.get(name, "")

    def keep(self, values: Mapping[str, object]) -> None:
        """Keep values of unknown parameters: presumably of a missing plug-in."""
        good = {
            name: value
            for name, value in values.items()
            if NAME.fullmatch(name)
            and isinstance(value, (bool, int, float, str))
            and len(str(value)) <= LONGEST
        }
        self._strange = dict(islice(good.items(), MOST))

    def start(self) -> None:
        """Start looking for what may come back, if anything."""
        self._started = True
        if self.values:
            self._begin()

    def stop(self) -> None:
        """Stop looking."""
        self._stopped.set()
        self._news.set()

    @property
    def kept(self) -> Mapping[str, Value]:
        """The values kept for the next run, by name."""
        return {**self._strange, **self.values}

    @property
    def values(self) -> dict[str, str]:
        """The values waited for, by name."""
        return {name: gone.value for name, gone in self._left().items() if gone.value}

    @property
    def told(self) -> str:
        """What is missing and what happens with it, in sentences; empty for nothing."""
        told = [*self._notes.values()]
        told += [gone.told for gone in self._left().values()]
        more = len(told) - SHOWN
        return " ".join(told[:SHOWN] + ([f"And {more} more; see the log."] * (more > 0)))

    def _left(self) -> dict[str, _Gone]:
        """Without those set since."""
        turn_of = self._store.turn_of
        return {n: gone for n, gone in [*self._gone.items()] if turn_of(n) <= gone.turn}

    def _begin(self) -> None:
        with self._beginning:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="missed files", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        repeat(self._look, self._stopped, _failed, GLANCE)

    def _look(self) -> None:
        self._news.wait(GLANCE if self.values else None)
        self._news.clear()
        for name, gone in self._left().items():
            if gone.value and not self._stopped.is_set() and self._is_back(name, gone):
                log.warning("%s is %r again: it is available", name, gone.value)

    def _is_back(self, name: str, gone: _Gone) -> bool:
        """Whether it is; then it is set, unless another value was chosen just now."""
        if gone.bad and not gone.bad.since(self._stamp(gone.value)):
            return False
        self._tried[name] = gone
        try:
            with self._store.at(gone.turn):
                self._store.update({name: gone.value}, Setter(By.MISSED, "it is back"))
        except ValueError:  # still missing, as reported
            return False
        if self._gone.get(name) is gone:  # else it was set aside again
            del self._gone[name]
        return True


def _failed(error: Exception) -> None:
    explained(error)
