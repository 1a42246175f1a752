"""Undoes a change after which no block is usable.

Each parameter declares whether it may be undone (`reverts`): prompts, references and LoRAs, but not
the faders of the output. A block's values are known by its number: the live values of that
snapshot, and what its worker was loaded with. A load that fails is not here: `EngineHost._ended`.
"""

import logging
import threading
from collections import deque
from collections.abc import Mapping
from weakref import WeakKeyDictionary

from bridge.state.change import By, Change, Setter, Snapshot
from bridge.state.store import ParameterError, ParameterStore
from bridge.workers.client import News, WorkerClient
from engine.ipc.messages import BlockMade, BlockUnusable
from engine.parameters import Value

log = logging.getLogger(__name__)

BAD = 3  # unusable blocks in a row, made with a new value, until it is undone
GOOD = 3  # good blocks in a row until a value counts as good
KEPT = 512  # changes remembered: far more than come during a block
SHOWN = 60  # characters of a value quoted in a sentence


class Rollback:
    """Any thread may call any method; none waits. `told` is what was undone and why, in a
    sentence, until something of the kind changes again.
    """

    def __init__(self, store: ParameterStore) -> None:
        self._store = store
        self._names = frozenset(spec.name for spec in store.specs.values() if spec.reverts)
        self._lock = threading.Lock()
        self._history: deque[tuple[int, Mapping[str, Value]]] = deque(maxlen=KEPT)
        self._holds: dict[str, Value] = {}  # last value of each that good blocks were made with
        self._tries: dict[str, tuple[Value, int]] = {}  # a newer value, and its good blocks
        self._bad: WeakKeyDictionary[WorkerClient, int] = (
            WeakKeyDictionary()
        )  # in a row, of each worker
        self._back = 0  # the snapshot after undoing; 0 once it is shown
        self.told = ""

    def note(self, snapshot: Snapshot) -> None:
        """From this number on, blocks are made with these values."""
        values = {name: snapshot.values[name] for name in self._names}
        with self._lock:
            if not self._history or self._history[-1][1] != values:
                self._history.append((snapshot.number, values))

    def changed(self, change: Change) -> None:
        """The store's values changed."""
        touched = not self._names.isdisjoint(change.changed)
        if touched or not self._history:  # else the same values hold as before
            self.note(change.snapshot)
        if change.setter.kind is By.ROLLBACK:
            self._back = change.snapshot.number
        elif touched:
            self.told, self._back = "", 0
        elif "fade" in change.changed:
            self._back = 0

    def eased(self, values: Mapping[str, Value]) -> Mapping[str, Value]:
        """The values for the workers: undoing has no fade, which would pass through values that
        give no frames.
        """
        return {**values, "fade": 0.0} if self._back and "fade" in values else values

    def heard(self, link: WorkerClient, news: News) -> None:
        """Handle a worker's news; must not block its thread."""
        match news:
            case BlockUnusable(snapshot=number, text=text):
                self._judge_bad(link, number, text)
            case BlockMade(frames=frames, snapshot=number, report=report) if frames:
                # A new prompt that is pending, or only fading in, did not make this one.
                if not report.get("arriving") and not report.get("fade_left"):
                    self._back = 0 if number >= self._back else self._back
                    self._judge_good(link, number)
            case _:
                pass

    def _judge_good(self, link: WorkerClient, number: int) -> None:
        with self._lock:
            self._bad[link] = 0
            for name, value in self._made_with(link, number).items():
                tried, count = self._tries.get(name, (value, 0))
                count = count + 1 if tried == value else 1
                self._tries[name] = value, count
                if count >= GOOD:
                    self._holds[name] = value

    def _judge_bad(self, link: WorkerClient, number: int, why: str) -> None:
        with self._lock:
            self._tries.clear()
            made = self._made_with(link, number)
            held = {n: self._holds[n] for n, v in made.items() if self._holds.get(n, v) != v}
            self._bad[link] = self._bad.get(link, 0) + 1 if held else 0
            if self._bad[link] < BAD:
                return
            self._bad[link] = 0
        self._aside(held, made, why)

    def _made_with(self, link: WorkerClient, number: int) -> dict[str, Value]:
        """The values of a block; no live ones if the number is too old."""
        found = next((values for since, values in reversed(self._history) if since <= number), {})
        live = {n: v for n, v in found.items() if n in link.row.parameters.model_fields}
        loaded = link.orders.load.model_dump()
        return live | {n: v for n, v in loaded.items() if n in self._names}

    def _aside(self, held: Mapping[str, Value], made: Mapping[str, Value], why: str) -> None:
        """Set values back in a thread of its own: a reference is looked up on disk."""
        args = held, made, why
        threading.Thread(target=self._set_back, args=args, name="rollback", daemon=True).start()

    def _set_back(self, held: Mapping[str, Value], made: Mapping[str, Value], why: str) -> None:
        """Return to `held`, except where changed since the block was `made`: that is a new try."""
        now = self._store.snapshot.values
        back = {n: v for n, v in held.items() if now[n] != v and now[n] == made.get(n, now[n])}
        told = [f"{name} is {_short(v)} again, not {_short(now[name])}" for name, v in back.items()]
        if back and why:
            self.told = f"{', '.join(told)}: {BAD} blocks in a row were unusable. {why}"
            log.warning(self.told)
        setter = Setter(By.ROLLBACK, why)
        try:
            self._store.update(back, setter)
        except ParameterError as error:  # the earlier reference is gone: use none
            plain = {name: self._store.specs[name].default for name in error.problems}
            self._store.update(back | plain, setter)


def _short(value: Value) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
