"""What the previous run used and is unavailable now: reported until chosen again or available.

Files come back: a disk wakes, a drive is plugged in. So a missing image or LoRA is looked for
repeatedly, as a source is, and meanwhile kept for the next run. What a missing plug-in had is kept
too: its pipeline, its source, its parameter values.
"""

import logging
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice

from bridge.state.change import By, Setter
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


class Missed:
    """Any thread may call any method but `add`, `start` and `note`, which belong to the starting
    thread; none waits.
    """

    def __init__(self, store: ParameterStore) -> None:
        self._store = store
        self._turn = 0  # values set in a later turn win
        self._gone: dict[str, _Gone] = {}
        self._notes: dict[str, str] = {}
        self._asked: dict[str, str] = {}
        self._strange: dict[str, Value] = {}
        self._stopped = threading.Event()

    def add(self, name: str, value: object, why: str) -> None:
        """A parameter's value was refused."""
        self._turn = self._store.turn()
        spec = self._store.specs.get(name)
        if spec:
            comes_back = (spec.asset or spec.lora) and isinstance(value, str)
            self._gone[name] = _Gone(str(value) if comes_back else "", why[:LONGEST])

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
        if self.values:
            threading.Thread(target=self._run, name="missed files", daemon=True).start()

    def stop(self) -> None:
        """Stop looking."""
        self._stopped.set()

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
        for name, gone in self._left().items():
            then = "It is restored once available." if gone.value else "It is ignored."
            told.append(f"{name} of the previous run: {gone.why} {then}")
        more = len(told) - SHOWN
        return " ".join(told[:SHOWN] + ([f"And {more} more; see the log."] * (more > 0)))

    def _left(self) -> dict[str, _Gone]:
        """Without those set since."""
        turn_of = self._store.turn_of
        return {n: gone for n, gone in [*self._gone.items()] if turn_of(n) <= self._turn}

    def _run(self) -> None:
        repeat(self._look, self._stopped, _failed, GLANCE)

    def _look(self) -> None:
        self._stopped.wait(GLANCE)
        waiting = self.values
        for name, value in waiting.items():
            if self._is_back(name, value):
                log.warning("%s is %r again: it is available", name, value)
        if not waiting:
            self._stopped.wait()

    def _is_back(self, name: str, value: str) -> bool:
        """Whether it is; then it is set, unless another value was chosen just now."""
        try:
            with self._store.at(self._turn):
                self._store.update({name: value}, Setter(By.JOURNAL, "it is back"))
        except ValueError:  # still missing, as reported
            return False
        self._gone.pop(name, None)
        return True


def _failed(error: Exception) -> None:
    explained(error)
