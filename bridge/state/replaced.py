"""Whether files that cannot be used have been replaced since."""

UNSEEN = object()


class Replaced:
    """Made when the files were found bad, and asked repeatedly by one thread."""

    def __init__(self) -> None:
        self._first: object = UNSEEN
        self._last: object = None

    def since(self, stamp: object) -> bool:
        """Whether they have: their present `stamp`, such as sizes and times, is another than at
        first, and the same as last time, so that no copy is under way. None if it is not known.
        """
        last, self._last = self._last, stamp
        if self._first is UNSEEN:
            self._first = stamp
            return False
        return stamp is not None and stamp == last != self._first
