"""Who writes into the folder of the show: one at a time, and nobody while another show is put in
its place. So whatever is saved is in the show that runs afterwards, or refused.
"""

import threading
from collections.abc import Generator
from contextlib import contextmanager

from bridge.state.actions import ActionError


class FolderLock:
    """Any thread may call either method."""

    def __init__(self) -> None:
        self._free = threading.Condition(threading.Lock())
        self._loading = False

    @contextmanager
    def writing(self, *, wait: bool = False) -> Generator[None]:
        """Write in this context; ActionError while a show is being loaded, unless to `wait`."""
        with self._free:
            if wait:
                self._free.wait_for(lambda: not self._loading)
            if self._loading:
                raise ActionError("A show is being loaded; try again when it is there.")
            yield

    @contextmanager
    def loading(self) -> Generator[None]:
        """Put another show there in this context; first wait for what is being written."""
        with self._free:
            self._loading = True
        try:
            yield
        finally:
            with self._free:
                self._loading = False
                self._free.notify_all()
