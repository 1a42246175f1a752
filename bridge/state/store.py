"""The parameter store: one map of name to value over all catalogued pipelines.

A value for a pipeline that is not running is kept until it runs. Readers take one immutable
snapshot; a writer validates all of its changes, swaps the snapshot, then hands the change on.

To validate may take a look at a disk, which may sleep. So every change has its turn: of two values
of a name the one that was asked for later counts, however long it took to look for the other.
"""

import logging
import threading
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from itertools import count
from secrets import randbelow
from types import MappingProxyType
from typing import TypeAlias

from bridge.state.change import UNSAID, Change, Setter, Snapshot
from bridge.state.listeners import Listener, Listeners
from bridge.state.renamed import CurrentNames
from engine.parameters import DRAW, DRAWN, WRITTEN, Kind, ParameterSpec, Value
from engine.system.texts import did_you_mean, mended

log = logging.getLogger(__name__)

GUESSES = 8  # names of no parameter in one change that are compared with those that there are


class ParameterError(ValueError):
    """Some values were refused, and none was taken. `problems` is name to one sentence."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__(" ".join(problems.values()))
        self.problems = dict(problems)


class UnusableError(ParameterError):
    """The same of values that are right each by itself, and cannot be used with what holds now."""


Refer: TypeAlias = Callable[[str], str]
Fits: TypeAlias = Callable[[Mapping[str, Value], Setter], Mapping[str, str]]


class ParameterStore:
    """Any thread may call any method; none waits for another but for the time of a few lines.

    Listeners are called without the lock, each in the order of the changes, by a thread that sets:
    they must return at once, and may set values themselves. See `listeners`.
    """

    def __init__(
        self,
        specs: Iterable[ParameterSpec],
        asset: Refer = lambda name: name,
        lora: Refer = lambda name: name,
        fits: Fits = lambda changes, setter: {},
    ) -> None:
        """`specs` may name a parameter more than once; the widest range holds here, and each
        pipeline's view is clamped to its own.

        `asset` and `lora` give the name of the file that is meant, ValueError where there is none.
        `fits` is given changes that are right each by itself, and who asks for them; it gives those
        that cannot be used together with what holds, name to one sentence.
        """
        self._asset, self._lora, self._fits = asset, lora, fits
        self.specs = merged(specs)
        self.now = CurrentNames(self.specs.keys())
        self._values: dict[str, Value] = {name: spec.default for name, spec in self.specs.items()}
        self._snapshot = Snapshot(1, MappingProxyType(self._values))
        self._turns = count(1)
        self._turn_of: dict[str, int] = dict.fromkeys(self.specs, 0)  # in which each was set
        self._asking = threading.local()
        self._lock = threading.Lock()
        self.listeners = Listeners()

    @property
    def snapshot(self) -> Snapshot:
        """The values now."""
        return self._snapshot

    def listen(self, listener: Listener) -> None:
        """Call `listener` with every `Change` from now on."""
        self.listeners.add(listener)

    def waits(self, names: Iterable[str]) -> bool:
        """Whether to check values of these names may take a look at a disk: files are looked for,
        or what a pipeline would be loaded with.
        """
        return any(spec.looks for name in names if (spec := self.specs.get(self.now.name(name))))

    def turn(self) -> int:
        """The next turn, for a change that begins now and is made later."""
        return next(self._turns)

    def turn_of(self, name: str) -> int:
        """The turn in which a value was set last, to another or to the same; 0 for never."""
        return self._turn_of[name]

    @contextmanager
    def at(self, turn: int) -> Generator[None]:
        """Let what this thread changes in here have that turn."""
        before = getattr(self._asking, "turn", 0)
        self._asking.turn = turn
        try:
            yield
        finally:
            self._asking.turn = before

    def update(
        self, changes: Mapping[str, object], setter: Setter = UNSAID, *, lenient: bool = False
    ) -> dict[str, Value]:
        """Take all changes or, with ParameterError, none; return the values that hold then: those
        as applied, but where a later turn has set one meanwhile, that.

        `lenient` coerces and clamps (OSC), else a value must be exactly right (REST). Names that
        get the value they have are applied, but change nothing and are told to nobody.
        """
        given = getattr(self._asking, "turn", 0)
        turn = given or self.turn()
        checked = self.check(changes, setter, lenient=lenient)
        with self._lock:
            old = self._snapshot
            due = {name: v for name, v in checked.items() if self._turn_of[name] <= turn}
            self._turn_of |= dict.fromkeys(due, turn)
            changed = {name: v for name, v in due.items() if old.values[name] != v}
            if changed:
                self._values = self._values | changed  # another dict: snapshots never change
                self._snapshot = Snapshot(old.number + 1, MappingProxyType(self._values))
                self.listeners.put(Change(self._snapshot, MappingProxyType(changed), setter))
            held = self._values
        if changed:
            log.debug("%s sets %.500s", setter, changed)
            self._asking.turn = 0  # what a listener sets is asked for now
            try:
                self.listeners.hand_on()
            finally:
                self._asking.turn = given
        return {name: held[name] for name in checked}

    def check(
        self, changes: Mapping[str, object], setter: Setter = UNSAID, *, lenient: bool = False
    ) -> dict[str, Value]:
        """What `update` would apply; ParameterError with every problem found."""
        problems: dict[str, str] = {}
        checked: dict[str, Value] = {}
        for given, value in changes.items():
            name = mended(given)
            if name not in self.specs:
                name = self.now.name(name)
            spec = self.specs.get(name)
            if spec is None:
                guess = did_you_mean(name, self.specs) if len(problems) < GUESSES else ""
                problems[name] = f"There is no parameter {name!r:.130}.{guess}"
                continue
            if name in checked:
                problems[name] = f"{name} is given twice, by its old name too; give it once."
                continue
            try:
                if name in self.now.values:
                    value = self.now.value(name, value)
                kept = spec.coerce(value) if lenient else spec.check(value)
                checked[name] = self._meant(spec, kept)
            except ValueError as error:
                problems[name] = str(error)
        held = self._snapshot.values
        news = {name: value for name, value in checked.items() if held[name] != value}
        if problems:
            raise ParameterError(problems)
        if unusable := self._fits(news, setter) if news else {}:
            raise UnusableError(unusable)
        return checked

    def _meant(self, spec: ParameterSpec, value: Value) -> Value:
        """The file that a name means, where it is one, and a value that is to be drawn; ValueError
        where there is no such file, or where what a choice needs is not installed.
        """
        if spec.draws and value == DRAW:
            return randbelow(DRAWN)
        package = spec.packages.get(str(value)) if spec.packages else None
        if package and find_spec(package) is None:
            raise ValueError(
                f"{spec.name} {value} needs the package {package}, not installed here."
            )
        if value and spec.asset:
            return self._asset(str(value))
        return self._lora(str(value)) if value and spec.lora else value


def merged(specs: Iterable[ParameterSpec]) -> Mapping[str, ParameterSpec]:
    """One spec for each name, as wide as the widest that declares it."""
    found: dict[str, ParameterSpec] = {}
    for spec in specs:
        found[spec.name] = _widest(found[spec.name], spec) if spec.name in found else spec
    return MappingProxyType(found)


def _widest(one: ParameterSpec, other: ParameterSpec) -> ParameterSpec:
    if one.kind is not other.kind and {one.kind, other.kind} <= WRITTEN:
        # a plug-in may know of no more than a text: what is read more strictly holds for all
        return other if one.kind is Kind.TEXT else one
    if one.kind is not other.kind:
        raise TypeError(f"{one.name} is declared as {one.kind} and as {other.kind}.")
    # One that any pipeline is built with reloads something, whatever it is to the others.
    one = replace(one, by_pattern=one.by_pattern and other.by_pattern)
    if one.kind is Kind.CHOICE:
        return replace(one, choices=tuple(dict.fromkeys((*one.choices, *other.choices))))
    low = (
        None if None in (one.minimum, other.minimum) else min(one.minimum or 0, other.minimum or 0)
    )
    high = (
        None if None in (one.maximum, other.maximum) else max(one.maximum or 0, other.maximum or 0)
    )
    return replace(one, minimum=low, maximum=high, default=one.default or other.default)
