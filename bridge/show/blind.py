"""Blind: the next look is edited without touching the output. What is set blind is kept beside the
store, checked as the store would, until it is taken with a fade or discarded. It is a look of the
pipeline that runs: what loads another one aside is a cue.
"""

import threading
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

from bridge.state.actions import ActionError
from bridge.state.change import Setter
from bridge.state.store import ParameterStore, UnusableError
from engine.parameters import Value

NO_PIPELINE = "What is edited blind is of the pipeline that runs; make a cue to prepare another."

Show: TypeAlias = Callable[[Mapping[str, Value], float | None], None]


class Blind:
    """Any thread may call any method; `set` and `take` may wait for a disk."""

    def __init__(self, store: ParameterStore, show: Show) -> None:
        """`show` sets values with a fade in seconds, None for the usual one; ValueError, with a
        sentence, and nothing changes, if it cannot.
        """
        self.on = False
        self.values: Mapping[str, Value] = MappingProxyType({})  # what was set blind
        self._store = store
        self._show = show
        self._lock = threading.Lock()

    def begin(self) -> None:
        """Have the next look edited blind from now on."""
        self.on = True

    def set(
        self, changes: Mapping[str, object], setter: Setter, *, lenient: bool = False
    ) -> dict[str, Value]:
        """Set values blind, as `ParameterStore.update` would; returns those that hold.
        ParameterError for bad ones, and none is set.
        """
        if "pipeline" in changes:
            raise UnusableError({"pipeline": NO_PIPELINE})
        checked = self._store.check(changes, setter, lenient=lenient)
        for name in checked:
            if not self._store.specs[name].in_looks:
                raise UnusableError({name: f"{name} is in no look, so it cannot be set blind."})
        with self._lock:
            self.on = True
            self.values = MappingProxyType({**self.values, **checked})
        return checked

    def take(self, fade: Value | None = None) -> None:
        """Show what was set blind; ActionError if nothing was, or if it cannot be shown now."""
        with self._lock:
            values = self.values
        if not values:
            raise ActionError("Nothing was set blind.")
        self._show(values, None if fade is None else float(fade))
        with self._lock:
            if self.values is values:  # else more was set meanwhile: it stays
                self._clear()

    def discard(self) -> None:
        """Drop what was set blind."""
        with self._lock:
            self._clear()

    def told(self) -> dict[str, Any]:
        """Its part of `Status`."""
        return {"blind": self.on, "blind_values": dict(self.values)}

    def _clear(self) -> None:
        self.on, self.values = False, MappingProxyType({})
