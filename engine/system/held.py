"""Files that another program holds open: a virus scanner, an indexer, an editor, a backup.

Windows lets nobody replace, rename or remove a file that is open elsewhere, nor read one that is
held alone. Mostly that lasts for milliseconds, so it is tried again for a while. Other systems
know no such thing, and nothing is tried twice there.
"""

import errno
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, sleep
from typing import TypeVar

PATIENCE = 1.0  # seconds for what is small and wanted now
PAUSE = 0.02  # seconds between tries
HELD = {5, 32, 33, 1224}  # Windows' numbers: denied, in use, locked in part, mapped into memory

T = TypeVar("T")


def is_held(error: OSError) -> bool:
    """Whether an error may mean that another program has the file open."""
    number = getattr(error, "winerror", None)  # open() has none, only renaming and removing have
    denied = sys.platform == "win32" and number is None and error.errno == errno.EACCES
    return number in HELD or denied


def patiently(do: Callable[[], T], patience: float = PATIENCE) -> T:
    """What `do` gives, tried again for `patience` seconds while a file is held; then its OSError
    as it is.
    """
    until = perf_counter() + patience
    while True:
        try:
            return do()
        except OSError as error:
            if not is_held(error) or perf_counter() > until:
                raise
        sleep(PAUSE)


def replace(path: Path, target: Path, patience: float = PATIENCE) -> None:
    """Give a file the name of another, which it replaces."""
    patiently(lambda: path.replace(target), patience)


def remove(path: Path, patience: float = PATIENCE) -> None:
    """Remove a file; nothing happens where there is none."""
    patiently(lambda: path.unlink(missing_ok=True), patience)


def told(error: OSError) -> str:
    """What the system says of a file, with who may be why."""
    text = error.strerror or str(error)
    return f"{text}; another program has it open" if is_held(error) else text
