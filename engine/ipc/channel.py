"""Messages between bridge and engine worker: JSON, length-prefixed, over a pair of pipes.

No pickle, so that a broken worker can hand over nothing but values. Every message is a JSON
object; what each of them says stands where it is sent: `bridge/workers/client.py` and
`engine/worker/loop.py`.
"""

import contextlib
import json
import struct
import threading
from enum import IntEnum
from typing import Any, BinaryIO, TypeAlias

Message: TypeAlias = dict[str, Any]

LONGEST = 16 << 20  # bytes; a longer message is a broken stream


class Channel:
    """One end: `receive` from one thread, `send` from any."""

    def __init__(self, incoming: BinaryIO, outgoing: BinaryIO) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._lock = threading.Lock()

    def send(self, message: Message) -> None:
        """Write one message; OSError or ValueError when the other end is gone."""
        data = json.dumps(message, separators=(",", ":")).encode()
        with self._lock:
            self._outgoing.write(struct.pack("<I", len(data)) + data)
            self._outgoing.flush()

    def receive(self) -> Message | None:
        """Wait for one message; None when the other end is gone."""
        head = self._read(4)
        if head is None:
            self.hang_up()
            return None
        (size,) = struct.unpack("<I", head)
        data = self._read(size) if size <= LONGEST else None
        return None if data is None else json.loads(data)

    def hang_up(self) -> None:
        """Close what comes in; by the thread that receives."""
        self._incoming.close()

    def close(self) -> None:
        """Close what goes out; the other end's `receive` gives None."""
        with contextlib.suppress(OSError, ValueError):
            self._outgoing.close()

    def _read(self, size: int) -> bytes | None:
        try:
            data = self._incoming.read(size)
        except (OSError, ValueError):
            return None
        return data if len(data) == size else None


MOST_WANTED = 64  # pictures that a block may take


class Exit(IntEnum):
    """Why a worker process ended by itself."""

    DONE = 0
    HUNG = 1  # Python gives it too, after an error that nobody caught
    UNUSABLE = 70
    LOAD = 71
    MEMORY = 75
    CUDA = 76


MEANING = {
    Exit.DONE: "it was told to stop",
    Exit.HUNG: "it hung or crashed in Python; its stacks are in the log",
    Exit.UNUSABLE: "its pictures were unusable three times in a row",
    Exit.LOAD: "it could not be loaded",
    Exit.MEMORY: "it ran out of memory twice; choose a smaller size",
    Exit.CUDA: "the GPU reported an error that only a new process can clear",
}
