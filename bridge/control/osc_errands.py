"""What an OSC message asks for that may wait for a disk: done beside the thread that listens."""

import threading
from collections.abc import Callable

Errand = Callable[[], object]


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
