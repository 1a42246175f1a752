"""A source that shows another one's frames until its own first frame arrives."""

from dataclasses import replace

from bridge.frames.frame import Frame
from bridge.transports import Source
from bridge.transports.base import TransportBase


class PlaceholderSource(TransportBase):
    """Give `other`'s frames until `first` has one; from then on only `first`'s.

    A sender that is lost later is not replaced: its last frame is held.
    """

    def __init__(self, first: Source, other: Source) -> None:
        self._first = first
        self._other: Source | None = other
        self._index = 0

    def receive(self, timeout: float) -> Frame | None:
        """The next frame of the source being shown, renumbered."""
        frame = self._first.receive(0.0 if self._other else timeout)
        if frame and self._other:
            self._other.__exit__(None, None, None)
            self._other = None
        if self._other:
            frame = self._other.receive(timeout)
        if frame is None:
            return None
        self._index += 1
        return replace(frame, index=self._index)

    def close(self) -> None:
        """Close both."""
        for source in (self._first, self._other):
            if source:
                source.__exit__(None, None, None)

    @property
    def there(self) -> bool:
        """Of the source being shown."""
        return self._other is not None or self._first.there

    @property
    def status(self) -> str:
        """Of the first, with a note while the demo stands in."""
        return self._first.status + (", showing the demo meanwhile" if self._other else "")

    @property
    def problem(self) -> str:
        """Of the first."""
        return self._first.problem

    @property
    def stands_in(self) -> bool:
        """Until the first one's first frame."""
        return self._other is not None
