"""Parameters that the performer has parked: no look saves or sets them."""

import json
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bridge.show.folder_lock import FolderLock
from bridge.state.actions import ActionError
from bridge.system import whole_files
from engine.parameters import ParameterSpec
from engine.system import held
from engine.system.texts import did_you_mean

log = logging.getLogger(__name__)

LARGEST = 64 << 10  # bytes of the file


class Parked:
    """Kept in `parked.json`. Any thread may read `names`; `read` and `choose` use the disk."""

    def __init__(self, path: Path, specs: Mapping[str, ParameterSpec], lock: FolderLock) -> None:
        self.names: frozenset[str] = frozenset()
        self._path = path
        self._specs = specs
        self._lock = lock
        self._unknown: list[str] = []  # of a plug-in that is not installed now

    def read(self) -> None:
        """Read the file, if there is one; a bad one is named in the log, and nothing is parked."""
        self.names, self._unknown = frozenset(), []
        try:
            found: Any = whole_files.read_json(self._path, LARGEST)
            names = [str(name) for name in found["parked"]]
        except FileNotFoundError:
            return
        except (OSError, ValueError, TypeError, LookupError) as error:
            log.warning("%s is skipped: %s", self._path, error or type(error).__name__)
            return
        self.names = frozenset(name for name in names if name in self._specs)
        self._unknown = [name for name in names if name not in self._specs]

    def choose(self, names: Iterable[str]) -> frozenset[str]:
        """Park these and no others; ActionError for an unknown name, or if it cannot be saved."""
        chosen = frozenset(names)
        for name in sorted(chosen - self._specs.keys()):
            guess = did_you_mean(name, self._specs)
            raise ActionError(f"Unknown parameter {name!r:.130}.{guess}", 422)
        told = {"parked": [*sorted(chosen), *self._unknown]}
        try:
            with self._lock.writing():
                whole_files.write(self._path, json.dumps(told).encode())
                self.names = chosen
        except OSError as error:
            raise ActionError(
                f"What is parked is not saved: {self._path} cannot be written "
                f"({held.told(error)}).", 507
            ) from error  # fmt: skip
        return chosen
