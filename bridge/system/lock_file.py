"""A file that one process at a time can hold; the system releases it when the process is gone."""

import os
import sys
from contextlib import suppress
from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


class LockFile:
    """Lock `path`, which stays behind empty."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held = -1

    def take(self) -> bool:
        """Lock it; False if another process holds it. A file system without locks counts as
        locked by us: waiting would not help.
        """
        try:
            self._held = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError:
            return True
        try:
            if sys.platform == "win32":
                msvcrt.locking(self._held, msvcrt.LK_NBLCK, 1)
            else:
                fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            self.give_back()
            return False
        except OSError:  # a file system without locks
            return True
        return True

    def give_back(self) -> None:
        """Unlock it."""
        held, self._held = self._held, -1
        if held >= 0:
            with suppress(OSError):
                os.close(held)
