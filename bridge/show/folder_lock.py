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
        self._lock = threading.Lock()
        self._loading = False

    @contextmanager
    def writing(self) -> Generator[None]:
        """Write in this context; ActionError while a show is being loaded."""
        with self._lock:
            if self._loading:
                raise ActionError("A show is being loaded; try again when it is there.")
            yield

    @contextmanager
    def loading(self) -> Generator[None]:
        """Put another show there in this context; first wait for what is being written."""
        with self._lock:
            self._loading = True
        try:
            yield
        finally:
            self._loading = False
