"""What most transports share: the wishes in a URI, being a context manager, keeping a beat."""

import math
import re
from collections.abc import Collection
from time import perf_counter, sleep
from urllib.parse import parse_qsl

from bridge.frames.frame import Frame
from bridge.system.timing import Deadline
from bridge.transports import TransportError
from engine.parameters import typed
from engine.system.closing import Closing

WISHES = re.compile(r"(.*)\?(\w+=[^?/\\]*)", re.DOTALL)  # a question mark may be part of a name


def wished(name: str, known: Collection[str], whose: str) -> tuple[str, dict[str, str]]:
    """What follows a URI's scheme without the wishes behind its `?`, and those: of each that is
    `known` its text. TransportError for any other, and for one that stands there twice; `whose`
    they are is told, as in `a camera`.
    """
    found = WISHES.fullmatch(name)
    if not found:
        return name, {}
    wishes: dict[str, str] = {}
    for key, text in parse_qsl(found[2], keep_blank_values=True):
        if key not in known:
            takes = ", ".join(f"{one}=" for one in known) or "nothing"
            raise TransportError(
                f"{key}={text:.80} cannot be asked of {whose}; it takes {takes} behind ?."
            )
        if key in wishes:
            raise TransportError(f"{key}= stands behind ? twice; give it once.")
        wishes[key] = text
    return found[1], wishes


def number(key: str, text: str, least: float, most: float = math.inf) -> float:
    """The number of a wish; TransportError for what is none from `least` to `most`."""
    try:
        read, unit = typed(text)
    except ValueError:
        read, unit = math.nan, ""
    if unit or not least <= read <= most or read == math.inf:
        bounds = f"from {least:g} on" if most == math.inf else f"from {least:g} to {most:g}"
        raise TransportError(f"{key}={text:.80} cannot be; write a number {bounds}.")
    return read


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
