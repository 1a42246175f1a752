"""Unforeseen errors that must end nothing: the first of a kind is logged whole, all are counted."""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager

log = logging.getLogger(__name__)


class Faults:
    """What one part survived. A place that fails thousands of times a second fills no log."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def survived(
        self, what: str, then: Callable[[], object] = lambda: None
    ) -> Generator[None, None, None]:
        """Go on after any error inside, having done `then`; `what` says in a sentence without its
        full stop what failed. Any thread may use it.
        """
        try:
            yield
        except Exception as error:  # noqa: BLE001 - the very purpose; the traceback is in the log
            self.tell(what, error)
            then()

    def tell(self, what: str, error: Exception) -> None:
        """Log this where it is the first of its kind."""
        kind = what, type(error).__name__
        with self._lock:
            self.counts[kind] += 1
            first = self.counts[kind] == 1
        if first:
            log.error("%s; told only once.", what, exc_info=error)
