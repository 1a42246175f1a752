"""Whether files that cannot be used have been replaced since."""

UNSEEN = object()


class Replaced:
    """Created when the files were found unusable, and polled by one thread."""

    def __init__(self) -> None:
        self._first: object = UNSEEN
        self._last: object = None

    def since(self, stamp: object) -> bool:
        """Whether they have: their `stamp`, such as sizes and times, differs from the first one and
        equals the last one, so that no copy is in progress. None if it is not known.
        """
        last, self._last = self._last, stamp
        if self._first is UNSEEN:
            self._first = stamp
            return False
        return stamp is not None and stamp == last != self._first
