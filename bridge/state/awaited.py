"""The pipeline requested at start whose files or packages are missing or cannot be used: loaded
once it has them.
"""

import logging
import threading
from collections.abc import Callable

from bridge.downloads.weights import Weights
from bridge.state.replaced import Replaced
from bridge.system.loops import explained, repeat
from engine.catalog.rows import PipelineRow
from engine.parameters import Load

log = logging.getLogger(__name__)

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
        self.tried: PipelineRow | None = None  # what was awaited, and is loaded now or was last
        self.told = ""  # what is missing, and what is shown until then; or empty
        self._weights = weights
        self._load_of = load_of
        self._switch = switch
        self._until_then = ""
        self._bad: Replaced | None = None  # of existing files that cannot be used
        self._tried: tuple[PipelineRow, object] | None = None  # loaded last, with this stamp
        self._ended = threading.Event()
        self._news = threading.Event()
        self._thread = threading.Thread(target=self._run, name="awaited files", daemon=True)
        self._beginning = threading.Lock()

    def begin(
        self, row: PipelineRow, why: str, instead: PipelineRow | None, *, bad: bool = False
    ) -> None:
        """Wait for the missing files of `row`, or for those that are `bad` to be replaced; `why`
        says which. `instead` is shown until then.
        """
        tried = self._tried
        known = (tried[1],) if tried and tried[0] is row else ()
        self._bad = Replaced(*known) if bad else None
        then = f"{instead.id} is shown" if instead else ""
        self._until_then = f" Until then {then}." if then else ""
        if bad:
            self._until_then = f" It is loaded once the file has been replaced; until then {then}."
        if instead:
            self.told = why + self._until_then
        log.warning("%s", self.told or why)
        self.row = row
        with self._beginning:
            if self._thread.ident is None:
                self._thread.start()
            else:
                self._news.set()

    def chosen(self, row: PipelineRow) -> None:
        """Stop waiting: `row` is loaded, at whatever request."""
        self.tried = row if row in (self.row, self.tried) else None
        self.row, self.told = None, ""

    def stop(self) -> None:
        """Stop looking."""
        self._ended.set()
        self._news.set()

    def _run(self) -> None:
        repeat(self._look, self._ended, self._looked_in_vain, GLANCE)

    def _look(self) -> None:
        self._news.wait(None if self.row is None else GLANCE)
        self._news.clear()
        row, bad = self.row, self._bad
        if row is None or self._weights.now.running or self._ended.is_set():
            return
        load = self._load_of(row)
        lack = self._weights.lack(row, load)
        if lack is None:
            stamp = self._weights.stamps(row, load)
            if bad is None or bad.since(stamp):
                self._tried = row, stamp
                self._switch(row.id)
        elif self.told:  # the disk has answered now
            self.told = f"{lack}{self._until_then}"

    def _looked_in_vain(self, error: Exception) -> None:
        self.told = explained(error, ValueError)
