"""The parameter store: one map of name to value over all catalogued pipelines.

A value for a pipeline that is not running is kept until it runs. Readers take one immutable
snapshot; a writer validates all of its changes, swaps the snapshot, then delivers the change.

Validation may access a disk, which may sleep. So every change has a turn: of two values of a name,
the later request wins, however long validating the other took.
"""

import logging
import threading
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from itertools import count
from secrets import randbelow
from time import time
from types import MappingProxyType
from typing import TypeAlias

from bridge.state.change import LOOKING, UNSAID, Change, Moved, Setter, Snapshot
from bridge.state.listeners import Listener, Listeners
from bridge.state.renamed import CurrentNames
from engine.parameters import DRAW, DRAWN, WRITTEN, Kind, ParameterSpec, Value
from engine.system.texts import did_you_mean, mended

log = logging.getLogger(__name__)

GUESSES = 8  # unknown names in one change that get a suggestion


class ParameterError(ValueError):
    """Some values were refused, and none was set. `problems` maps each name to one sentence."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__(" ".join(problems.values()))
        self.problems = dict(problems)


class AbsentError(ParameterError):
    """The same for files alone, which may come back."""


class UnusableError(ParameterError):
    """The same for values that are each valid, but unusable with the current ones."""


Refer: TypeAlias = Callable[[str], str]
Fits: TypeAlias = Callable[[Mapping[str, Value], Setter], Mapping[str, str]]
Refuse: TypeAlias = Callable[[str, str, Setter], None]


class ParameterStore:
    """Any thread may call any method; none waits for another beyond a short lock.

    Listeners are called without the lock, each in the order of the changes, by a setting thread:
    they must return at once, and may set values themselves. See `listeners`.
    """

    def __init__(
        self,
        specs: Iterable[ParameterSpec],
        asset: Refer = lambda name: name,
        lora: Refer = lambda name: name,
        fits: Fits = lambda changes, setter: {},
        gpu: Callable[[], bool] = lambda: True,
        refuse: Refuse = lambda name, text, setter: None,
    ) -> None:
        """`specs` may name a parameter more than once; the widest range applies here, and each
        pipeline's view is clamped to its own.

        `asset` and `lora` return the name of the file meant, ValueError if there is none. `fits`
        gets changes that are each valid, and who sets them; it returns those that cannot be used
        with the current values, each name with one sentence. `gpu` says whether the pipelines can
        use a GPU. `refuse` raises ValueError for a text of the public that must not be shown, given
        the parameter's name and who sets it.
        """
        self._gpu, self._refuse = gpu, refuse
        self._asset, self._lora, self._fits = asset, lora, fits
        self.specs = merged(specs)
        self.now = CurrentNames(self.specs.keys())
        self._free = {name for name, spec in self.specs.items() if spec.free}
        self._values: dict[str, Value] = {name: spec.default for name, spec in self.specs.items()}
        self._snapshot = Snapshot(1, MappingProxyType({**self._values}))
        self._fresh = True  # whether the snapshot holds the values: it is made when it is read
        self._turns = count(1)
        self._turn_of: dict[str, int] = dict.fromkeys(self.specs, 0)  # when each was last set
        self._asking = threading.local()
        self._untold: dict[str, Value] = {}  # what was `put`
        self._putter = UNSAID  # by whom
        self._moved: dict[str, tuple[Setter, float]] = {}  # who changed each last, and when
        self._lock = threading.Lock()
        self.listeners = Listeners()

    @property
    def snapshot(self) -> Snapshot:
        """The current values."""
        if self._fresh:
            return self._snapshot
        with self._lock:
            return self._made()

    def listen(self, listener: Listener) -> None:
        """Call `listener` with every `Change` from now on."""
        self.listeners.add(listener)

    def waits(self, names: Iterable[str]) -> bool:
        """Whether checking values of these names may access a disk: for files, or for load
        parameters of a pipeline.
        """
        return any(spec.looks for name in names if (spec := self.specs.get(self.now.name(name))))

    def moved(self, name: str) -> Moved | None:
        """Who moved a value last; None for no one since the start."""
        found = self._moved.get(name)
        return Moved(*found) if found else None

    def turn(self) -> int:
        """The turn of what this thread changes now: the one that `at` gives, else the next."""
        return getattr(self._asking, "turn", 0) or next(self._turns)

    def turn_of(self, name: str) -> int:
        """The turn in which a value was last set, even to the same value; 0 for never."""
        return self._turn_of[name]

    @contextmanager
    def at(self, turn: int) -> Generator[None]:
        """Give changes made by this thread in this context that turn."""
        before = getattr(self._asking, "turn", 0)
        self._asking.turn = turn
        try:
            yield
        finally:
            self._asking.turn = before

    def update(
        self, changes: Mapping[str, object], setter: Setter = UNSAID, *, lenient: bool = False
    ) -> dict[str, Value]:
        """Apply all changes or, with ParameterError, none; return the resulting values: those
        applied, or a value set meanwhile by a later turn.

        `lenient` coerces and clamps (OSC), else a value must be exactly right (REST). Setting a
        value to itself changes nothing and is not reported.
        """
        turn = self.turn()
        checked = self.check(changes, setter, lenient=lenient)
        with self._lock:
            if changed := self._changed_by(checked, turn):
                if self._untold:
                    self._queue_untold()
                self._change(changed, setter)
                self.listeners.put(Change(self._made(), MappingProxyType(changed), setter))
            held = {name: self._values[name] for name in checked}
        if changed:
            log.debug("%s sets %.500s", setter, changed)
            self._hand_on()
        return held

    def put(self, checked: Mapping[str, Value], setter: Setter, turn: int = 0) -> None:
        """Apply values that `check` has just returned, none of which `waits`, in a turn, 0 for now.
        Listeners hear of them with the next `update`, or `tell`: what was put until then as one
        change.
        """
        turn = turn or self.turn()
        with self._lock:
            if changed := self._changed_by(checked, turn):
                self._putter = self._putter.then(setter) if self._untold else setter
                self._untold |= changed
                self._change(changed, setter)

    @property
    def untold(self) -> bool:
        """Whether something was `put` that no listener has heard of."""
        return bool(self._untold)

    def tell(self) -> None:
        """Tell the listeners what was `put`."""
        with self._lock:
            told, setter = self._untold, self._putter
            if told:
                self._queue_untold()
        if told:
            log.debug("%s sets %.500s", setter, told)
        self._hand_on()

    def _changed_by(self, checked: Mapping[str, Value], turn: int) -> dict[str, Value]:
        """The values that change now, with the lock held: those that no later turn has set."""
        changed: dict[str, Value] = {}
        for name, value in checked.items():
            if self._turn_of[name] <= turn:
                self._turn_of[name] = turn
                if self._values[name] != value:
                    changed[name] = value
        return changed

    def _change(self, changed: Mapping[str, Value], setter: Setter) -> None:
        """Change values, with the lock held, and note who moved them."""
        self._values.update(changed)
        self._moved.update(dict.fromkeys(changed, (setter, time())))
        self._fresh = False

    def _made(self) -> Snapshot:
        """The snapshot of the values, with the lock held; it never changes."""
        if not self._fresh:
            values = MappingProxyType({**self._values})
            self._snapshot = Snapshot(self._snapshot.number + 1, values)
            self._fresh = True
        return self._snapshot

    def _queue_untold(self) -> None:
        """Queue what was put, with the lock held: listeners hear everything in order."""
        changed, self._untold = MappingProxyType(self._untold), {}
        joined = not self._putter.detail  # of several, say
        setters = {name: self._moved[name][0] for name in changed} if joined else {}
        self.listeners.put(Change(self._made(), changed, self._putter, setters))

    def _hand_on(self) -> None:
        """Deliver what is queued. What a listener sets is requested now."""
        given, self._asking.turn = getattr(self._asking, "turn", 0), 0
        try:
            self.listeners.hand_on()
        finally:
            self._asking.turn = given

    def check(
        self, changes: Mapping[str, object], setter: Setter = UNSAID, *, lenient: bool = False
    ) -> dict[str, Value]:
        """What `update` would apply; ParameterError with every problem found."""
        problems: dict[str, str] = {}
        checked: dict[str, Value] = {}
        for given, value in changes.items():
            name, spec = given, self.specs.get(given)
            if spec is None:
                name = self.now.name(mended(given))
                spec = self.specs.get(name)
            if spec is None:
                guess = did_you_mean(name, self.specs) if len(problems) < GUESSES else ""
                problems[name] = f"Unknown parameter {name!r:.130}.{guess}"
                continue
            if name in checked:
                problems[name] = f"{name} is given twice, once by its old name; give it once."
                continue
            try:
                if name in self.now.values:
                    value = self.now.value(name, value)
                kept = spec.coerce(value) if lenient else spec.check(value)
                if name in self._free and kept != spec.default:
                    self._refuse(spec.name, str(kept), setter)
                checked[name] = self._meant(spec, kept)
            except ValueError as error:
                problems[name] = str(error)
        held = self._values
        news = {name: value for name, value in checked.items() if held[name] != value}
        if problems:
            files = all((of := self.specs.get(n)) and (of.asset or of.lora) for n in problems)
            raise (AbsentError if files else ParameterError)(problems)
        if unusable := self._fits(news, setter) if news else {}:
            raise UnusableError(unusable)
        return checked

    def blocked(self, name: str, value: Value) -> str:
        """Why nobody may set a text now, in a sentence; empty if it may be set."""
        spec = self.specs[name]
        try:
            if name in self._free and value != spec.default:
                self._refuse(name, str(value), LOOKING)
        except ValueError as error:
            return str(error)
        return ""

    def _meant(self, spec: ParameterSpec, value: Value) -> Value:
        """The file meant by a name, or a drawn value; ValueError if there is no such file, or if
        this machine lacks what a choice needs: a package, a GPU.
        """
        if spec.draws and value == DRAW:
            return randbelow(DRAWN)
        if value in spec.on_gpu and not self._gpu():
            raise ValueError(
                f"{spec.name} {value} needs an NVIDIA GPU, and pipelines run on the CPU here; "
                f"choose {spec.default}."
            )
        package = spec.packages.get(str(value)) if spec.packages else None
        if package and find_spec(package) is None:
            raise ValueError(
                f"{spec.name} {value} needs the package {package}, which is not installed."
            )
        if value and spec.asset:
            return self._asset(str(value))
        return self._lora(str(value)) if value and spec.lora else value


def merged(specs: Iterable[ParameterSpec]) -> Mapping[str, ParameterSpec]:
    """One spec for each name, with the widest range declared."""
    found: dict[str, ParameterSpec] = {}
    for spec in specs:
        found[spec.name] = _widest(found[spec.name], spec) if spec.name in found else spec
    return MappingProxyType(found)


def _widest(one: ParameterSpec, other: ParameterSpec) -> ParameterSpec:
    if one.kind is not other.kind and {one.kind, other.kind} <= WRITTEN:
        # a plug-in may declare a plain text: the stricter kind applies to all
        return other if one.kind is Kind.TEXT else one
    if one.kind is not other.kind:
        raise TypeError(f"{one.name} is declared as {one.kind} and as {other.kind}.")
    # A load parameter of any pipeline reloads something, whatever it is to the others.
    one = replace(
        one,
        by_pattern=one.by_pattern and other.by_pattern,
        in_looks=one.in_looks and other.in_looks,
    )
    if one.kind is Kind.CHOICE:
        return replace(one, choices=tuple(dict.fromkeys((*one.choices, *other.choices))))
    low = (
        None if None in (one.minimum, other.minimum) else min(one.minimum or 0, other.minimum or 0)
    )
    high = (
        None if None in (one.maximum, other.maximum) else max(one.maximum or 0, other.maximum or 0)
    )
    return replace(one, minimum=low, maximum=high, default=one.default or other.default)
