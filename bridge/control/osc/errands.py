"""OSC work that may wait for a disk, done off the listening thread."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from bridge.control.osc.inbox import Sender
from engine.parameters import Value

MOST = 100  # errands of one kind that wait
MOST_GROUPS = 500  # that wait in one place; each sets or does something that no later one does

Errand: TypeAlias = Callable[[], object]
Asked: TypeAlias = tuple[str, object]  # the address in the message, and the value
Checked: TypeAlias = tuple[str, Value]  # the same, once the value has been checked
Deed: TypeAlias = tuple[str, int]  # an address; a number of its own where each press counts, else 0


@dataclass(frozen=True, slots=True)
class Group:
    """Values stored in one snapshot once files have been checked: `looks` need that check,
    `changes` do not; `deeds` run afterwards.
    """

    turn: int
    sender: Sender
    looks: dict[str, Asked]
    changes: dict[str, Checked]
    deeds: dict[Deed, Errand]


class Groups:
    """Groups waiting for a file check, in order by place. What a later group of the same place sets
    or does anyway is removed from earlier ones, so their number stays bounded.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, list[Group]] = {}
        self._lock = threading.Lock()

    def put(self, place: str, group: Group) -> int:
        """Queue a group; returns how many values and deeds it made redundant."""
        gone = 0
        with self._lock:
            waiting = self._waiting.get(place, [])
            for other in waiting:
                # one that waited for its time tag was sent before those that arrived meanwhile
                late = other.turn > group.turn
                gone += _taken_out(*((group, other) if late else (other, group)))
            left = [each for each in (*waiting, group) if each.looks or each.changes or each.deeds]
            gone += sum(len(each.deeds) for each in left[:-MOST_GROUPS])
            self._waiting[place] = left[-MOST_GROUPS:]
        return gone

    def next(self, place: str) -> Group | None:
        """Take the first; None if empty."""
        with self._lock:
            waiting = self._waiting.get(place)
            return waiting.pop(0) if waiting else None


def _taken_out(older: Group, newer: Group) -> int:
    """Remove from one group what another does anyway; returns how many values and deeds."""
    gone = 0
    for name in (*newer.looks, *newer.changes):
        gone += older.looks.pop(name, None) is not None
        gone += older.changes.pop(name, None) is not None
    for deed in newer.deeds:
        gone += older.deeds.pop(deed, None) is not None
    return gone


class Errands:
    """One errand at a time per kind, each kind in its own thread, so that none waits for another's
    disk; only the newest waiting one of each kind is kept, or with `each` all of them, up to MOST.
    """

    def __init__(self) -> None:
        self._lines: dict[str, _Line] = {}

    def put(self, kind: str, errand: Errand, *, each: bool = False) -> bool:
        """Run it soon; True if it replaces a waiting one. Never waits. Called by one thread."""
        line = self._lines.get(kind)
        if line is None:
            line = self._lines[kind] = _Line(kind)
        return line.put(errand, MOST if each else 1)

    def close(self) -> None:
        """Start nothing more."""
        for line in self._lines.values():
            line.put(None, 1)


class _Line:
    """The errands of one kind; None ends it."""

    def __init__(self, kind: str) -> None:
        self._next: list[Errand | None] = []
        self._changed = threading.Condition()
        threading.Thread(target=self._run, name=f"OSC {kind}", daemon=True).start()

    def put(self, errand: Errand | None, most: int) -> bool:
        with self._changed:
            replaced = len(self._next) >= most
            self._next = [*self._next, errand][-most:]
            self._changed.notify()
        return replaced

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._next)
                errand = self._next.pop(0)
            if errand is None:
                return
            errand()
