"""Makes the assets folder, and with it the folder of everything a run saves; where that is by
default: `data_folder` in engine/system/data_folder.py.
"""

import logging
from pathlib import Path

from bridge.state.named_files import AT_START
from bridge.system.aside import Aside, SlowError
from engine.system import drives

log = logging.getLogger(__name__)


class DataFolder:
    """`make` is called by the starting thread; `late` may be read by any."""

    def __init__(self, folder: Path) -> None:
        self.late = ""  # why it is not available yet, in sentences
        self._folder = folder
        self._making = Aside()

    def make(self) -> None:
        """Create it; OSError in one sentence. If its disk does not answer, later."""
        try:
            self._making.ask(f"The folder {self._folder}", self._make, AT_START)
        except SlowError as error:
            self.late = f"{error} Images, the look and the log are waiting for it."
            log.warning(self.late)
        except OSError as error:
            cannot = f"The folder {self._folder} cannot be created ({error.strerror})"
            why = drives.away(self._folder) or cannot
            raise OSError(f"{why}; choose another --folder.") from error

    def _make(self) -> None:
        """In its own thread, however long it takes."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        finally:
            self.late = ""
