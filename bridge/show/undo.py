"""Undo and redo: what hands changed, in steps.

A step is one gesture: what one hand (`Setter.hand`) changes without a rest; a button, a switch of
the pipeline, and the choice of a source are hands of their own. What is `momentary` (black, freeze,
bypass) is never part of a step, and what the bridge sets by itself (rollback, files that are back)
makes none.

Steps are taken back in the order in which they began, the last one first, whoever made it. A hand
that never rests, such as an LFO by OSC, makes one step too; while it moves, the step below it is
taken back, and what else that hand changes is a step of its own.

A recall of a look is a step with the values to which it fades, as if they were set at once: taken
back during the fade, it is made again at its end. What else it changes is a mark: which look is the
current one, and which cue was shown last.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
from time import perf_counter
from typing import TypeAlias

from bridge.state.actions import ActionError
from bridge.state.change import OWN, By, Change, Setter
from bridge.state.inputs import ROLES, Role
from bridge.state.store import ParameterError, ParameterStore
from engine.parameters import Value

log = logging.getLogger(__name__)

REST = 0.3  # seconds without a change that end a step
STREAM = 10.0  # seconds after which what moves without a rest is not waited for
MOST = 200  # steps
LARGEST = 8 << 20  # characters of all texts in them
HANDS = 64  # remembered
SHOWN = 3  # names in words
PIPELINE = "pipeline"  # in a step that switched it, beside the parameters; inputs by their role

Switch: TypeAlias = Callable[[str, Mapping[str, Value]], None]
Choose: TypeAlias = Callable[[str, Role], None]


class _Step:
    """What one hand changed: each value before and after. `told` are words for all of it; empty if
    those are the names.
    """

    __slots__ = ("after", "at", "before", "began", "hand", "size", "told")

    def __init__(self, hand: str, began: float, told: str = "") -> None:
        self.hand, self.told = hand, told
        self.began = self.at = began  # of its first and last change
        self.before: dict[str, Value] = {}
        self.after: dict[str, Value] = {}
        self.size = 0  # characters of its texts

    def take(self, name: str, old: Value, new: Value) -> None:
        if name not in self.before:
            self.before[name] = self.after[name] = old
            self.size += 2 * _length(old)
        if isinstance(new, str):
            self.size += len(new) - _length(self.after[name])
        self.after[name] = new

    def flows(self, now: float) -> bool:
        """Whether it still moves, and has for long."""
        return now - self.at < REST and self.is_long(now)

    def is_long(self, now: float) -> bool:
        return now - self.began >= STREAM


@dataclass(frozen=True, slots=True)
class _Plan:
    """What taking a step back, or making it again, would do: values to set, and names that stay
    as another hand set them, by hand.
    """

    wanted: dict[str, Value]
    stays: dict[str, list[str]]

    @property
    def names(self) -> list[str]:
        return [*self.wanted, *(name for names in self.stays.values() for name in names)]


@dataclass(frozen=True, slots=True)
class Mark:
    """What a step moves beside values: what it is now, and how it is put back."""

    held: Callable[[], Value]
    put: Callable[[Value], None]


class Undo:
    """Any thread may call any method. `changed` returns at once; `undo` and `redo` may wait for
    the disk of a file that a value names. Nothing outlives the run.
    """

    def __init__(
        self,
        store: ParameterStore,
        pipeline: Callable[[], str],
        switch: Switch,
        source: Callable[[Role], str],
        choose: Choose,
        now: Callable[[], float] = perf_counter,
    ) -> None:
        """`pipeline` is the one that runs or is coming, empty for none; `switch` starts switching
        to one, and sets values by `Setter(By.UNDO, its id)`, with the errors of `BridgeApi.switch`.
        `source` is the URI of an input in use or coming; `choose` starts switching to another,
        ValueError with a sentence if it cannot.
        """
        self.marks: Mapping[str, Mark] = {}  # by name; before the start
        self._store = store
        self._pipeline = pipeline
        self._switch = switch
        self._source, self._choose = source, choose
        self._now = now
        self._momentary = frozenset(s.name for s in store.specs.values() if s.momentary)
        self._values = store.snapshot.values  # before the next change
        self._done: deque[_Step] = deque()
        self._undone: list[_Step] = []
        self._open: dict[str, list[_Step]] = {}  # steps that may still grow, by hand
        self._fading: dict[str, tuple[_Step, Value]] = {}  # since which step, and to what
        self._fader = ""  # the hand that fades them
        self._note = ""
        self._lock = threading.Lock()  # of the above; held shortly
        self._acting = threading.Lock()  # held while one is taken back

    def start(self) -> None:
        """Record from now on."""
        self._values = self._store.snapshot.values
        self._store.listen(self.changed)

    def changed(self, change: Change) -> None:
        """The store's values changed."""
        old, self._values = self._values, change.snapshot.values
        for setter, changed in change.parts:
            if setter.kind not in OWN:
                self._record(setter.hand, old, changed)
            elif self._fading:
                with self._lock:
                    self._fading = {n: to for n, to in self._fading.items() if n not in changed}

    def switched(self, before: str, after: str, setter: Setter) -> None:
        """A pipeline was chosen: a step, together with what the same setter sets with it."""
        if before and before != after:
            self._record(setter.hand, {PIPELINE: before}, {PIPELINE: after})

    def sourced(self, role: Role, before: str, after: str) -> None:
        """Another source was chosen for an input: a step of its own."""
        self._record(Setter(By.ACTION, role).hand, {role: before}, {role: after})

    def recalls(self, setter: Setter) -> None:
        """A recall begins: what its setter changes from now on is a step of its own."""
        with self._lock:
            self._open.pop(setter.hand, None)
            if self._fader == setter.hand:
                self._fader = ""

    def recalled(
        self,
        setter: Setter,
        told: str,
        old: Mapping[str, Value],
        new: Mapping[str, Value],
        fades: Iterable[str] | None = None,
    ) -> None:
        """What else belongs to the recall that began last: marks, and the values of `fades`, which
        fade to the new ones from now on, and no others do; None leaves what fades. `told` are words
        for all of it.
        """
        before = self._fading.copy()
        self._record(setter.hand, old, new, told)
        if fades is None:
            return
        with self._lock:
            since = {name: step for name, (step, _) in before.items()}
            for step in self._open.get(setter.hand, ()):
                since |= dict.fromkeys(step.before, step)
            self._fading = {name: (since[name], new[name]) for name in fades if name in since}
            self._fader = setter.hand

    def forget_marks(self) -> None:
        """Another show is there: what the marks were is nothing of it."""
        with self._lock:
            self._fading = {}
            for step in (*self._done, *self._undone):
                for name in self.marks.keys() & step.before.keys():
                    del step.before[name], step.after[name]
                    step.told = ""

    def undo(self) -> None:
        """Take back the last step; ActionError if there is none."""
        self._go(back=True)

    def redo(self) -> None:
        """Make the step again that was taken back last; ActionError if there is none."""
        self._go(back=False)

    def told(self) -> dict[str, str | int]:
        """The part of `Status` about undo and redo."""
        with self._lock:
            back, again = self._next(back=True), self._next(back=False)
            return {
                "undo": back[0].told or _some(back[1].names) if back else "",
                "undo_steps": sum(step.before != step.after for step in self._done),
                "redo": again[0].told or _some(again[1].names) if again else "",
                "redo_steps": len(self._undone),
                "undo_note": self._note,
            }

    # Steps.

    def _record(
        self, hand: str, old: Mapping[str, Value], new: Mapping[str, Value], told: str = ""
    ) -> None:
        with self._lock:
            now, fresh = self._now(), False
            steps = [step for step in self._open.get(hand, ()) if told or now - step.at < REST]
            for name, value in new.items():
                was = old[name]
                if name in self._fading:
                    if hand == self._fader and not told:
                        continue  # on its way
                    _, was = self._fading.pop(name)
                if name in self._momentary or was == value:
                    continue
                step = _growing(steps, name, now)
                if step is None:
                    step = _Step(hand, now)
                    steps.append(step)
                    self._done.append(step)
                    fresh = True
                step.take(name, was, value)
                step.at = now
            if told and steps:
                steps[-1].told = told
            if steps:
                self._open[hand] = steps
            if fresh:
                self._began(now)

    def _began(self, now: float) -> None:
        """A new step was made: nothing is left to be made again."""
        self._undone.clear()
        self._note = ""
        size = sum(step.size for step in self._done)
        while len(self._done) > MOST or (size > LARGEST and len(self._done) > 1):
            size -= self._done.popleft().size
        if len(self._open) >= HANDS:
            self._open = {
                hand: steps
                for hand, steps in self._open.items()
                if any(now - step.at < REST for step in steps)
            }

    def _next(self, *, back: bool) -> tuple[_Step, _Plan] | None:
        """The step to take back or make again, and what that does. What would do nothing, as
        everything is already so, is passed over, and so is what still moves and will not stop.
        """
        now = self._now()
        for step in reversed(self._done if back else self._undone):
            if back and step.flows(now):
                continue
            plan = self._plan(step, back=back)
            if plan.names:
                return step, plan
        return None

    def _plan(self, step: _Step, *, back: bool) -> _Plan:
        goal, left = (step.before, step.after) if back else (step.after, step.before)
        plan, values = _Plan({}, {}), self._held(goal)
        for name, value in goal.items():
            held = values[name]
            if held == value:
                continue
            other = "" if held == left[name] else self._other(name, step.hand)
            if other:
                plan.stays.setdefault(other, []).append(name)
            else:
                plan.wanted[name] = value
        return plan

    def _held(self, names: Iterable[str]) -> dict[str, Value]:
        """What these are now."""
        values = self._store.snapshot.values
        found = {PIPELINE: self._pipeline, **{role: partial(self._source, role) for role in ROLES},
                 **{name: mark.held for name, mark in self.marks.items()}}  # fmt: skip
        return {name: found[name]() if name in found else values[name] for name in names}

    def _other(self, name: str, hand: str) -> str:
        """Who else moved a value last; empty if this hand did, or undo."""
        moved = self._store.moved(name)
        if moved is None or moved.setter.kind is By.UNDO or moved.setter.hand == hand:
            return ""
        return "the bridge" if moved.setter.kind in OWN else moved.setter.hand

    # Taking back.

    def _go(self, *, back: bool) -> None:
        with self._acting:
            self._store.tell()  # what OSC has just set is part of a step
            with self._lock:
                found = self._next(back=back)
                if found is None:
                    raise ActionError(f"There is nothing to {'undo' if back else 'redo'}.")
                step, plan = found
                (self._done if back else self._undone).remove(step)
                if step in (growing := self._open.get(step.hand, [])):
                    growing.remove(step)
                fading = {n: goal for n, (of, goal) in self._fading.items() if of is step}
            goals = {name: goal for name, goal in fading.items() if name in step.before}
            wanted = {**{name: step.before[name] for name in goals}, **plan.wanted}  # ends the fade
            were = {**self._held(wanted), **goals}
            refused = self._set(dict(wanted))
            inverse = _Step(step.hand, float("-inf"), step.told)
            for name, value in wanted.items():
                if name not in refused:
                    old, new = (value, were[name]) if back else (were[name], value)
                    inverse.take(name, old, new)
            note = _said(inverse, plan.stays, refused, back=back)
            with self._lock:
                if inverse.before:
                    (self._undone if back else self._done).append(inverse)
                self._note = note
        if note:
            log.info("%s", note)

    def _set(self, wanted: dict[str, Value]) -> dict[str, str]:
        """Set what can be; each name that cannot, with one sentence."""
        marks = {name: wanted.pop(name) for name in self.marks if name in wanted}
        refused = self._set_values(wanted)
        for name, value in marks.items():
            self.marks[name].put(value)
        return refused

    def _set_values(self, wanted: dict[str, Value]) -> dict[str, str]:
        refused: dict[str, str] = {}
        for role in ROLES:
            if role in wanted:
                try:
                    self._choose(str(wanted.pop(role)), role)
                except ValueError as error:
                    refused[role] = str(error)
        pipeline = wanted.pop(PIPELINE, None)
        while wanted or pipeline is not None:
            try:
                if pipeline is None:
                    self._store.update(wanted, Setter(By.UNDO))
                else:
                    self._switch(str(pipeline), wanted)
                return refused
            except (LookupError, ValueError) as error:
                odd = error.problems if isinstance(error, ParameterError) else {}
                bad = {name: why for name, why in odd.items() if name in wanted}
                if not bad and pipeline is None:
                    raise  # it is not about these values
                if not bad:
                    bad, pipeline = {PIPELINE: str(error.args[0])}, None
                refused |= bad
                wanted = {name: value for name, value in wanted.items() if name not in bad}
        return refused


def _growing(steps: list[_Step], name: str, now: float) -> _Step | None:
    """The step of a hand that a change belongs to: the one that moves the name, or the newest that
    is not a stream.
    """
    newest = None
    for step in steps:
        if name in step.before:
            return step
        if not step.is_long(now):
            newest = step
    return newest


def _said(
    done: _Step, stays: Mapping[str, list[str]], refused: Mapping[str, str], *, back: bool
) -> str:
    """What did not go as wished, in a sentence; empty if all did."""
    if not stays and not refused:
        return ""
    verb = "undone" if back else "redone"
    parts = [verb.capitalize() if done.before else f"Nothing {verb}"]
    for hand, names in stays.items():
        them = "stays as {} set it" if len(names) == 1 else "stay as {} set them"
        parts.append(f"{_some(names)} {them.format(hand)}")
    for name, why in islice(refused.items(), SHOWN):
        parts.append(f"{name} stays: {why.partition('. ')[0].rstrip('.')}")
    return "; ".join(parts) + "."


def _some(names: list[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def _length(value: Value) -> int:
    return len(value) if isinstance(value, str) else 0
