"""Unexpected errors that must not stop anything: the first of a kind is logged, all are counted."""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager

log = logging.getLogger(__name__)


class Faults:
    """What one part survived. A spot that fails thousands of times a second floods no log."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def survived(
        self, what: str, then: Callable[[], object] = lambda: None
    ) -> Generator[None, None, None]:
        """Continue after any error inside, having called `then`; `what` says what failed, as a
        sentence without its full stop. Any thread may use it.
        """
        try:
            yield
        except Exception as error:  # noqa: BLE001 - the purpose of this class; the traceback is logged
            self.tell(what, error)
            then()

    def tell(self, what: str, error: Exception) -> None:
        """Log this if it is the first of its kind."""
        kind = what, type(error).__name__
        with self._lock:
            self.counts[kind] += 1
            first = self.counts[kind] == 1
        if first:
            log.error("%s; logged only once.", what, exc_info=error)
