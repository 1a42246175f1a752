"""Messages that arrive in order and exactly once, over connections that come and go.

Pure: no socket, no clock. The sender keeps each numbered message until the other side has confirmed
it, and sends the rest again after a cut; the receiver ignores what it has already.
"""

from collections import OrderedDict

from engine.ipc.typed import ProtocolError

MOST = 4096  # messages, and
MOST_BYTES = 32 << 20  # their characters, that may wait for their confirmation


class Outbox:
    """The sending side; called by one thread at a time."""

    def __init__(self) -> None:
        self._last = 0
        self._kept: OrderedDict[int, str] = OrderedDict()
        self._size = 0

    @property
    def next_number(self) -> int:
        """The number of the next message."""
        return self._last + 1

    def keep(self, text: str) -> None:
        """Keep the message of `next_number` until it is confirmed; ProtocolError if the other side
        confirms nothing.
        """
        self._last += 1
        self._kept[self._last] = text
        self._size += len(text)
        if len(self._kept) > MOST or self._size > MOST_BYTES:
            raise ProtocolError("The other side confirms no messages.")

    def confirm(self, number: int) -> None:
        """The other side has all messages up to this one."""
        if number > self._last:
            raise ProtocolError(f"Message {number} was confirmed but never sent.")
        while self._kept and next(iter(self._kept)) <= number:
            self._size -= len(self._kept.popitem(last=False)[1])

    @property
    def unconfirmed(self) -> list[str]:
        """What must be sent again on a new connection, in order."""
        return [*self._kept.values()]


class Inbox:
    """The receiving side; called by one thread at a time."""

    def __init__(self) -> None:
        self.heard = 0  # the number of the last message

    def takes(self, number: int) -> bool:
        """Whether a message is new; 0 always is. ProtocolError if one before it is missing."""
        if number == 0:
            return True
        if number > self.heard + 1:
            raise ProtocolError(f"Message {self.heard + 1} is missing.")
        new = number == self.heard + 1
        self.heard = max(self.heard, number)
        return new
