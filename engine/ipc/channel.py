"""Typed messages (`engine/ipc/messages.py`) as length-prefixed JSON over a pair of pipes.

No pickle, so that a broken worker can send nothing but values, those that `messages.py` declares.
"""

import contextlib
import struct
import threading
from typing import BinaryIO, Generic, TypeAlias, TypeVar

from engine.ipc.messages import FROM_BRIDGE, FROM_WORKER, BridgeMessage, WorkerMessage
from engine.ipc.typed import Heard, Vocabulary, encode

LONGEST = 16 << 20  # bytes; a longer message is a broken stream

Said = TypeVar("Said")


class Channel(Generic[Said, Heard]):
    """One end: `receive` and `hang_up` from one thread, `send` and `close` from any."""

    def __init__(
        self, incoming: BinaryIO, outgoing: BinaryIO, vocabulary: Vocabulary[Heard]
    ) -> None:
        """`vocabulary` is what the other end may send."""
        self._incoming = incoming
        self._outgoing = outgoing
        self._vocabulary = vocabulary
        self._greeted = False
        self._lock = threading.Lock()

    def send(self, message: Said) -> None:
        """Write one message; OSError or ValueError when the other end is gone."""
        data = encode(message)
        with self._lock:
            self._outgoing.write(struct.pack("<I", len(data)) + data)
            self._outgoing.flush()

    def receive(self) -> Heard | None:
        """Wait for one message; None once the other end is gone, else ProtocolError."""
        head = self._read(4)
        if head is None:
            self.hang_up()
            return None
        (size,) = struct.unpack("<I", head)
        if size > LONGEST:
            raise self._vocabulary.not_understood(
                f"it announces a message of {size} bytes, which is too long."
            )
        data = self._read(size)
        if data is None:
            return None
        first, self._greeted = not self._greeted, True
        return self._vocabulary.decode(data, first=first)

    def hang_up(self) -> None:
        """Close the incoming pipe; called by the thread that receives."""
        self._incoming.close()

    def close(self) -> None:
        """Close the outgoing pipe; the other end's `receive` gives None."""
        with contextlib.suppress(OSError, ValueError):
            self._outgoing.close()

    def _read(self, size: int) -> bytes | None:
        try:
            data = self._incoming.read(size)
        except (OSError, ValueError):
            return None
        return data if len(data) == size else None


BridgeChannel: TypeAlias = Channel[BridgeMessage, WorkerMessage]
WorkerChannel: TypeAlias = Channel[WorkerMessage, BridgeMessage]


def bridge_end(incoming: BinaryIO, outgoing: BinaryIO) -> BridgeChannel:
    """The bridge's end of the pipes to a worker."""
    return Channel(incoming, outgoing, FROM_WORKER)


def worker_end(incoming: BinaryIO, outgoing: BinaryIO) -> WorkerChannel:
    """The worker's end of the pipes to its bridge."""
    return Channel(incoming, outgoing, FROM_BRIDGE)
