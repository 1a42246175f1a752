"""Parameters that the performer has parked: no look saves or sets them."""

import json
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path

from bridge.show.folder_lock import FolderLock
from bridge.show.look import LONGEST_ID
from bridge.state.actions import ActionError
from bridge.system import whole_files
from engine.parameters import ParameterSpec
from engine.system import held
from engine.system.json_values import is_list, is_object
from engine.system.texts import did_you_mean, mended

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
            found, odd = carried(whole_files.read_json(self._path, LARGEST))
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            log.warning("%s is skipped: %s", self._path, error or type(error).__name__)
            return
        for why in odd:
            log.warning("%s: %s", self._path, why)
        names = found["parked"]
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


def carried(told: object) -> tuple[dict[str, list[str]], list[str]]:
    """The names in a file, and why each entry that is none is skipped; ValueError if it is no
    list.
    """
    entries = told.get("parked") if is_object(told) else None
    if not is_list(entries):
        raise ValueError("it is not a list of parameters")
    names: list[str] = []
    odd: list[str] = []
    for place, entry in enumerate(entries, 1):
        if isinstance(entry, str) and len(entry) <= LONGEST_ID:
            names.append(mended(entry))
        else:
            odd.append(f"entry {place} is skipped: it names no parameter")
    return {"parked": names}, odd
