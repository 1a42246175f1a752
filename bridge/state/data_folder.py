"""The folder of assets, and so that of everything else that a run keeps."""

import logging
from pathlib import Path

from bridge.state.named_files import AT_START
from bridge.system.aside import Aside, SlowError
from engine.system import drives

log = logging.getLogger(__name__)


class DataFolder:
    """`make` is the starting thread's; `late` may be read by any."""

    def __init__(self, folder: Path) -> None:
        self.late = ""  # why there is none yet, in sentences
        self._folder = folder
        self._making = Aside()

    def make(self) -> None:
        """Make it; OSError in one sentence. One whose disk does not answer is made when it does."""
        try:
            self._making.ask(f"The folder {self._folder}", self._make, AT_START)
        except SlowError as error:
            self.late = f"{error} Pictures, the look and the log wait for it."
            log.warning(self.late)
        except OSError as error:
            cannot = f"The folder {self._folder} cannot be made ({error.strerror})"
            why = drives.away(self._folder) or cannot
            raise OSError(f"{why}; choose another --folder.") from error

    def _make(self) -> None:
        """By a thread of its own, however long it takes."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        finally:
            self.late = ""
