"""Shared by most transports: URI options, the context manager, a constant frame rate."""

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
    """Split the part after a URI's scheme into name and options after `?`, as text by key.
    TransportError for an option that is not `known` or appears twice; `whose` names the owner in
    the message, as in `a camera`.
    """
    found = WISHES.fullmatch(name)
    if not found:
        return name, {}
    wishes: dict[str, str] = {}
    for key, text in parse_qsl(found[2], keep_blank_values=True):
        if key not in known:
            takes = ", ".join(f"{one}=" for one in known) or "nothing"
            raise TransportError(
                f"Unknown option {key}={text:.80} for {whose}; after ? it takes {takes}."
            )
        if key in wishes:
            raise TransportError(f"{key}= appears twice after ?; give it once.")
        wishes[key] = text
    return found[1], wishes


def number(key: str, text: str, least: float, most: float = math.inf) -> float:
    """An option's number; TransportError unless it is from `least` to `most`."""
    try:
        read, unit = typed(text)
    except ValueError:
        read, unit = math.nan, ""
    if unit or not least <= read <= most or read == math.inf:
        bounds = f"of at least {least:g}" if most == math.inf else f"from {least:g} to {most:g}"
        raise TransportError(f"{key}={text:.80} is not valid; write a number {bounds}.")
    return read


class TransportBase(Closing):
    """Defaults that suit most transports."""

    @property
    def stands_in(self) -> bool:
        """Whether its frames are a stand-in rather than the user's input."""
        return False

    @property
    def there(self) -> bool:
        """Whether the sender is present, as far as known."""
        return True

    @property
    def problem(self) -> str:
        """No problem, unless a transport overrides this."""
        return ""


class ClockedSource(TransportBase):
    """A source that draws its own frames at a constant rate: only `_draw` is needed."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        self._index = 0

    def receive(self, timeout: float) -> Frame | None:
        """The next frame when it is due."""
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
