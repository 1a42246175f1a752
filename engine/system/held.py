"""Files that another program has open: a virus scanner, an indexer, an editor, a backup.

On Windows a file that is open elsewhere cannot be replaced, renamed or removed, nor read if it is
open exclusively. Mostly that lasts for milliseconds, so it is retried for a while. Other systems
have no such locks, and nothing is retried there.
"""

import errno
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, sleep
from typing import TypeVar

PATIENCE = 1.0  # seconds for small files that are needed now
PAUSE = 0.02  # seconds between tries
HELD = {5, 32, 33, 1224}  # Windows' numbers: denied, in use, locked in part, mapped into memory

T = TypeVar("T")


def is_held(error: OSError) -> bool:
    """Whether an error may mean that another program has the file open."""
    number = getattr(error, "winerror", None)  # open() sets none, only renaming and removing do
    denied = sys.platform == "win32" and number is None and error.errno == errno.EACCES
    return number in HELD or denied


def patiently(do: Callable[[], T], patience: float = PATIENCE) -> T:
    """The result of `do`, retried for `patience` seconds while a file is in use; or its error."""
    until = perf_counter() + patience
    while True:
        try:
            return do()
        except OSError as error:
            if not is_held(error) or perf_counter() > until:
                raise
        sleep(PAUSE)


def replace(path: Path, target: Path, patience: float = PATIENCE) -> None:
    """Rename a file over another one, replacing it."""
    patiently(lambda: path.replace(target), patience)


def remove(path: Path, patience: float = PATIENCE) -> None:
    """Remove a file, if it exists."""
    patiently(lambda: path.unlink(missing_ok=True), patience)


def told(error: OSError) -> str:
    """The system's error for a file, with the likely cause."""
    text = error.strerror or str(error)
    return f"{text}; another program has it open" if is_held(error) else text
