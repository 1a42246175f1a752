"""What an OSC message asks for that may wait for a disk: done beside the thread that listens."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from bridge.control.osc.inbox import Sender

Errand: TypeAlias = Callable[[], object]
Asked: TypeAlias = tuple[str, object]  # the address that was sent to, and the value


@dataclass(frozen=True, slots=True)
class Group:
    """What is stored in one snapshot, when files have been looked for: `looks` has what was asked
    for of each name that needs it, `changes` of the others; `deeds` are done after it.
    """

    turn: int
    sender: Sender
    looks: dict[str, Asked]
    changes: dict[str, Asked]
    deeds: dict[str, Errand]


class Groups:
    """What waits for a look at each place, in order. What a later one of the same place sets or
    does anyway is taken out of those before it: so there are never more than names and deeds.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, list[Group]] = {}
        self._lock = threading.Lock()

    def put(self, place: str, group: Group) -> int:
        """Let a group wait; how many values and deeds need not be done any more."""
        gone = 0
        with self._lock:
            waiting = self._waiting.get(place, [])
            for other in waiting:
                # what has waited for its time was sent before what came meanwhile
                late = other.turn > group.turn
                gone += _taken_out(*((group, other) if late else (other, group)))
            self._waiting[place] = [
                each for each in (*waiting, group) if each.looks or each.changes or each.deeds
            ]
        return gone

    def next(self, place: str) -> Group | None:
        """Take the first; None for none."""
        with self._lock:
            waiting = self._waiting.get(place)
            return waiting.pop(0) if waiting else None


def _taken_out(older: Group, newer: Group) -> int:
    """Leave out of one group what another does anyway; how many values and deeds that were."""
    gone = 0
    for name in (*newer.looks, *newer.changes):
        gone += older.looks.pop(name, None) is not None
        gone += older.changes.pop(name, None) is not None
    for address in newer.deeds:
        gone += older.deeds.pop(address, None) is not None
    return gone


class Errands:
    """One errand at a time of each kind, in a thread for each, so that none waits for another
    kind's disk; of those that wait, the newest of each kind.
    """

    def __init__(self) -> None:
        self._lines: dict[str, _Line] = {}

    def put(self, kind: str, errand: Errand) -> bool:
        """Have it done soon; True where it takes the place of one that waited. Never waits itself.
        By one thread.
        """
        line = self._lines.get(kind)
        if line is None:
            line = self._lines[kind] = _Line(kind)
        return line.put(errand)

    def close(self) -> None:
        """Begin nothing more."""
        for line in self._lines.values():
            line.put(None)


class _Line:
    """The errands of one kind; None ends it."""

    def __init__(self, kind: str) -> None:
        self._next: list[Errand | None] = []
        self._changed = threading.Condition()
        threading.Thread(target=self._run, name=f"OSC {kind}", daemon=True).start()

    def put(self, errand: Errand | None) -> bool:
        with self._changed:
            replaced = bool(self._next)
            self._next = [errand]
            self._changed.notify()
        return replaced

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._next)
                errand = self._next.pop()
            if errand is None:
                return
            errand()
