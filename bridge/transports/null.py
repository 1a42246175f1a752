"""Nothing: a source that never gives a picture, a sink that only counts them."""

from time import sleep

from bridge.frames.frame import Frame
from bridge.transports import Options
from bridge.transports.base import TransportBase, wished


class NullSource(TransportBase):
    """A sender that is never there."""

    status = "never a picture"

    @property
    def there(self) -> bool:
        """Never."""
        return False

    def receive(self, timeout: float) -> Frame | None:
        """Wait, and give nothing."""
        sleep(timeout)
        return None


class NullSink(TransportBase):
    """Takes everything and keeps a count."""

    keeps_last, needs_beat = False, False

    def __init__(self) -> None:
        self.count = 0

    def send(self, frame: Frame) -> None:
        """Count one."""
        self.count += 1

    @property
    def status(self) -> str:
        """How many came."""
        return f"{self.count} pictures taken"


def check_source(name: str) -> None:
    """TransportError for wishes behind a `?`: there are none."""
    wished(name, (), "null:")


def open_source(name: str, options: Options) -> NullSource:
    """`null:` to receive from."""
    check_source(name)
    return NullSource()


def open_sink(name: str, options: Options) -> NullSink:
    """`null:` to send to."""
    check_source(name)
    return NullSink()
