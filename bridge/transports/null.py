"""Nothing: a source that never sends a frame, a sink that only counts frames."""

from time import sleep

from bridge.frames.frame import Frame
from bridge.transports import Options
from bridge.transports.base import TransportBase, wished


class NullSource(TransportBase):
    """A sender that is never present."""

    status = "never sends a frame"

    @property
    def there(self) -> bool:
        """Never."""
        return False

    def receive(self, timeout: float) -> Frame | None:
        """Wait, and return nothing."""
        sleep(timeout)
        return None


class NullSink(TransportBase):
    """Accepts everything and counts it."""

    keeps_last, needs_beat = False, False

    def __init__(self) -> None:
        self.count = 0

    def send(self, frame: Frame) -> None:
        """Count one frame."""
        self.count += 1

    @property
    def status(self) -> str:
        """The count."""
        return f"{self.count} frames received"


def check_source(name: str) -> None:
    """TransportError for options after a `?`: it has none."""
    wished(name, (), "null:")


def open_source(name: str, options: Options) -> NullSource:
    """`null:` as a source."""
    check_source(name)
    return NullSource()


def open_sink(name: str, options: Options) -> NullSink:
    """`null:` as a sink."""
    check_source(name)
    return NullSink()
