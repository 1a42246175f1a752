"""Whether files that cannot be used have been replaced since."""

UNSEEN = object()


class Replaced:
    """Created when the files were found unusable, and polled by one thread."""

    def __init__(self, tried: object = UNSEEN) -> None:
        """`tried` is their stamp when they were tried, if it is known: else a file that is replaced
        before the first poll is not noticed.
        """
        self._first = tried
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
