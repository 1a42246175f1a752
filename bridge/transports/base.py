"""What most transports share: being a context manager, and keeping a beat."""

from time import perf_counter, sleep

from bridge.frames.frame import Frame
from bridge.system.timing import Deadline
from engine.system.closing import Closing


class TransportBase(Closing):
    """What most transports say of themselves."""

    @property
    def stands_in(self) -> bool:
        """Whether what it gives is nobody's input, only something to look at."""
        return False

    @property
    def there(self) -> bool:
        """Whether the sender is there, as far as can be told."""
        return True

    @property
    def problem(self) -> str:
        """Nothing keeps the pictures away, unless a transport says otherwise."""
        return ""


class ClockedSource(TransportBase):
    """A source that draws its own pictures at an even rate: `_draw` is all it has to say."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        self._index = 0

    def receive(self, timeout: float) -> Frame | None:
        """The next picture when it is due."""
        left = self._deadline.left(perf_counter())
        if left > timeout:
            sleep(timeout)
            return None
        if left > 0:
            sleep(left)
        self._deadline.next(perf_counter())
        self._index += 1
        return self._draw(self._index)

    def _draw(self, index: int) -> Frame:
        raise NotImplementedError
