"""A foreign sender: a program that sends `shm:NAME`, well or badly.

Written from the docstring of engine/ipc/ring.py alone; it imports nothing of the project and runs
as a process of its own, `python sender.py NAME WIDTHxHEIGHT FPS SECONDS [HABIT]`. Its habits:

well      one segment, frame after frame, removed at the end
leave     the same, but the segment is left behind, as after a crash
truncate  opens its own file again with O_TRUNC every few frames, and makes it whole 2 ms later
"""

import os
import struct
import sys
import time
from pathlib import Path
from time import monotonic

SLOTS = 4
EVERY = 5  # frames between two truncations
CUT = 0.002  # seconds for which the file then is empty


class Sender:
    """Writes frames that are never black: a grey that changes from one to the next."""

    def __init__(self, name: str, width: int, height: int, folder: str = "/dev/shm") -> None:
        self._path = Path(folder, f"spout-bridge-{name}")
        self._size, self._stride = width * height * 4, (64 + width * height * 4 + 63) // 64 * 64
        self._shape = width, height
        self._number, self._generation = 0, 0
        self._file = -1
        self.open()

    def open(self) -> None:
        """Make the segment, or cut it to nothing and make it anew, in place as no one should."""
        if self._file >= 0:
            os.close(self._file)
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        if self._generation:
            time.sleep(CUT)
        self._generation += 1
        os.ftruncate(self._file, 64 + SLOTS * self._stride)
        told = struct.pack("<QQQQQ", self._generation, 0, os.getpid(), self._stride, 0)
        os.pwrite(self._file, struct.pack("<IIII", 1, SLOTS, *self._shape) + told, 8)
        os.pwrite(self._file, b"SPBRIDGE", 0)
        self._head = 0

    def send(self) -> None:
        """Write one frame."""
        head, at = self._head, 64 + self._head % SLOTS * self._stride
        self._number += 1
        os.pwrite(self._file, struct.pack("<Q", 2 * head + 1), at)
        shade = 60 + self._number * 7 % 160
        # Two halves, so that no picture is of one flat colour.
        half = self._size // 8 * 4
        picture = bytes((shade, 40, 90, 255)) * (half // 4)
        picture += bytes((90, shade, 200, 255)) * ((self._size - half) // 4)
        os.pwrite(self._file, picture, at + 64)
        os.pwrite(self._file, struct.pack("<QdQ", self._number, monotonic(), 0), at + 8)
        os.pwrite(self._file, struct.pack("<Q", 2 * (head + 1)), at)
        self._head = head + 1
        os.pwrite(self._file, struct.pack("<Q", self._head), 32)

    def remove(self) -> None:
        """Take the name away."""
        self._path.unlink()


def main() -> None:
    """Send for so long."""
    name, size, fps, seconds, habit, *_ = [*sys.argv[1:], "well"]
    width, _, height = size.partition("x")
    sender = Sender(name, int(width), int(height))
    until, number = monotonic() + float(seconds), 0
    while monotonic() < until:
        number += 1
        if habit == "truncate" and number % EVERY == 0:
            sender.open()
        sender.send()
        time.sleep(1 / float(fps))
    if habit != "leave":
        sender.remove()


if __name__ == "__main__":
    main()
