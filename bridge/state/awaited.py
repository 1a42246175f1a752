"""The pipeline requested at start whose files or packages are missing: loaded once it has them."""

import threading
from collections.abc import Callable

from bridge.downloads.weights import Weights
from bridge.system.loops import explained, repeat
from engine.catalog.rows import PipelineRow
from engine.parameters import Load

GLANCE = 3.0  # seconds between checks for the files


class Awaited:
    """Looks for the files in its own thread, wherever they come from. The methods may be called by
    any thread and never wait.
    """

    def __init__(
        self,
        weights: Weights,
        load_of: Callable[[PipelineRow], Load],
        switch: Callable[[str], None],
    ) -> None:
        """`load_of` gives a pipeline's current load parameters; `switch` starts loading one."""
        self.row: PipelineRow | None = None
        self.told = ""  # what is missing, and what is shown until then; or empty
        self._weights = weights
        self._load_of = load_of
        self._switch = switch
        self._until_then = ""
        self._ended = threading.Event()

    def begin(self, row: PipelineRow, lack: str, instead: PipelineRow | None) -> None:
        """Wait for the missing files of `row`; `instead` is shown until then."""
        self.row = row
        if instead:
            self._until_then = f" Until then {instead.id} is shown."
            self.told = lack + self._until_then
        threading.Thread(target=self._run, name="awaited files", daemon=True).start()

    def drop(self) -> None:
        """Stop waiting: something else was chosen."""
        self.row, self.told = None, ""

    def stop(self) -> None:
        """Stop looking."""
        self._ended.set()

    def _run(self) -> None:
        repeat(self._look, self._ended, self._looked_in_vain, GLANCE)

    def _look(self) -> None:
        self._ended.wait(GLANCE)
        row = self.row
        if row is None:
            self._ended.wait()
        elif not self._weights.now.running:
            lack = self._weights.lack(row, self._load_of(row))
            if lack is None:
                self._switch(row.id)
            elif self.told:  # the disk has answered now
                self.told = f"{lack}{self._until_then}"

    def _looked_in_vain(self, error: Exception) -> None:
        self.told = explained(error, ValueError)
