"""Whether the file being recorded still has its name."""

import os
import sys
import threading
from pathlib import Path


class Lookout:
    """Watches for a file that is deleted, moved or replaced while it is written, which its writer
    does not notice. A thread of its own looks, as a disk may never answer.
    """

    def __init__(self, path: Path) -> None:
        """Remember the file that is now at `path`; OSError if there is none."""
        self.gone = False  # as of the last look
        self._path, self._made = path, path.stat()
        self._looking: threading.Thread | None = None

    def look(self) -> None:
        """Start to update `gone`, unless the last look has not ended yet."""
        if sys.platform == "win32":  # a file that is open there keeps its name
            return
        if self._looking is None or not self._looking.is_alive():
            self._looking = threading.Thread(target=self._look, name="recording", daemon=True)
            self._looking.start()

    def has_name(self) -> bool:
        """Whether the name still leads to this file. OSError if the disk does not answer."""
        try:
            return os.path.samestat(self._path.stat(), self._made)
        except (FileNotFoundError, NotADirectoryError):
            return False

    def _look(self) -> None:
        try:
            self.gone = not self.has_name()
        except OSError:  # a failing disk fails the next write, too
            return
