"""The journal: what a run shows, kept on disk so that a crash does not lose a look: the values of
the parameters, the pipeline, the source.

It is written by its own thread, at most ten times a second, and replaced atomically. A run that
ends well removes it; one that finds it knows that the last run did not.
"""

import json
import logging
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from engine.parameters import Value

Kept: TypeAlias = Mapping[str, "str | Mapping[str, Value]"]  # values, pipeline, source

log = logging.getLogger(__name__)

PERIOD = 0.1  # seconds between writes


class Journal:
    """`put` never waits; the newest wins."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept: Kept | None = None
        self._changed = threading.Event()
        self._ended = False
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def left_behind(self) -> dict[str, Any]:
        """What a run that did not end well had kept; empty when there is none to be had."""
        try:
            kept = json.loads(self._path.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            log.warning("the journal %s cannot be read: %s", self._path, error)
            return {}
        return kept if isinstance(kept, dict) and isinstance(kept.get("values"), dict) else {}

    def put(self, kept: Kept) -> None:
        """Keep this, soon."""
        self._kept = kept
        with self._lock:  # several threads put; one writes
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
                self._thread.start()
        self._changed.set()

    def end(self) -> None:
        """The run ends well: nothing to restore."""
        self._ended = True
        self._changed.set()
        if self._thread:
            self._thread.join(1)
        self._path.unlink(missing_ok=True)

    def _run(self) -> None:
        pause = threading.Event()
        while not self._ended:
            self._changed.wait()
            self._changed.clear()
            if not self._ended and self._kept is not None:
                self._write(self._kept)
                pause.wait(PERIOD)

    def _write(self, kept: Kept) -> None:
        fresh = self._path.with_suffix(".new")
        try:
            fresh.write_text(json.dumps(kept, default=dict), "utf-8")
            fresh.replace(self._path)
        except OSError as error:
            log.warning("the journal %s cannot be written: %s", self._path, error)
