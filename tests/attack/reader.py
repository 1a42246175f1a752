"""A foreign reader: counts what a program that receives `shm:NAME` sees.

Written from the docstring of engine/ipc/ring.py alone; it imports nothing of the project and runs
as a process of its own, `python reader.py NAME [FOLDER]`. Each line on its standard input is
answered by one line of JSON, its figures since the last `mark`; that line begins them anew.

looks    how often it looked                seconds  in how much time
blind    longest time between two looks     frames   frames that it saw whole
black    of these, without any light        torn     frames overwritten while they were read
short    reads that the file was too short for
gap      longest time for which the frame number stood, or no segment had the name: up to 0.25 s
         for a held frame, which is written four times a second
still    longest time without a new picture
rises    new pictures: how often the index went up within one segment
first    when the first of them came; 0 until then
"""

import json
import os
import select
import struct
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

LOOK = 0.002  # seconds between looks
DARK = bytes(max(0, value - 2) for value in range(256))  # what cannot be told from black is black
HEADER = struct.Struct("<8sIIIIQQQQQ")


@dataclass
class Figures:
    """See above; times in seconds."""

    looks: int = 0
    seconds: float = 0.0
    blind: float = 0.0
    frames: int = 0
    black: int = 0
    torn: int = 0
    short: int = 0
    gap: float = 0.0
    still: float = 0.0
    rises: int = 0
    first: float = 0.0
    index: int = 0
    head: int = 0
    width: int = 0
    height: int = 0


class Short(Exception):
    """The file ends before what its header promises."""


class Reader:
    """Looks at the segment of a name, whoever writes it and however often it is made anew."""

    def __init__(self, name: str, folder: str = "/dev/shm") -> None:
        self._path = Path(folder, f"spout-bridge-{name}")
        self._file = -1
        self._segment: object = None  # which one is open
        self._head = self._index = 0
        now = perf_counter()
        self._looked = self._moved = self._rose = now
        self.mark()

    def mark(self) -> None:
        """Begin the figures anew."""
        self._began = self._looked
        self._figures = Figures(index=self._index, head=self._head)

    def figures(self) -> Figures:
        """Since the last mark."""
        self._figures.seconds = perf_counter() - self._began
        return self._figures

    def look(self) -> None:
        """Look once."""
        figures, now = self._figures, perf_counter()
        figures.looks += 1
        figures.blind = max(figures.blind, now - self._looked)
        self._looked = now
        try:
            self._follow(now)
        except FileNotFoundError:
            self._leave()
        except Short:
            figures.short += 1
        figures.gap = max(figures.gap, now - self._moved)
        figures.still = max(figures.still, now - self._rose)

    def _follow(self, now: float) -> None:
        there = self._path.stat()
        if self._file < 0 or (there.st_dev, there.st_ino) != self._place:
            self._leave()
            self._file = os.open(self._path, os.O_RDONLY)
            opened = os.fstat(self._file)
            self._place = opened.st_dev, opened.st_ino
        magic, version, slots, width, height, generation, head, writer, stride, stale = (
            HEADER.unpack(self._read(HEADER.size, 0))
        )
        if magic != b"SPBRIDGE" or version != 1 or not slots:
            return
        if stale:
            self._leave()
            return
        segment = self._place, writer, generation
        if segment != self._segment:
            self._segment, self._head, self._index = segment, 0, -1
        if head not in (0, self._head) and self._take(head, slots, width * height * 4, stride, now):
            self._head, self._moved = head, now
            self._figures.width, self._figures.height = width, height
            self._figures.head = head

    def _take(self, head: int, slots: int, size: int, stride: int, now: float) -> bool:
        """Read the newest frame; False where it was overwritten meanwhile."""
        figures, at = self._figures, 64 + (head - 1) % slots * stride
        lock, index = struct.unpack("<QQ", self._read(16, at))
        pixels = self._read(size, at + 64)
        if lock != 2 * head or struct.unpack("<Q", self._read(8, at))[0] != lock:
            figures.torn += 1
            return False
        figures.frames += 1
        light = any(pixels[colour::4].translate(DARK).strip(b"\0") for colour in range(3))
        figures.black += not light
        if index != self._index:
            if self._index >= 0 and index > self._index:
                figures.first = figures.first or now - self._began
                figures.rises += 1
                self._rose = now
            self._index = figures.index = index
        return True

    def _read(self, size: int, at: int) -> bytes:
        data = os.pread(self._file, size, at)
        if len(data) < size:
            raise Short
        return data

    def _leave(self) -> None:
        if self._file >= 0:
            os.close(self._file)
        self._file, self._segment = -1, None


def main() -> None:
    """Look until standard input ends."""
    with suppress(OSError):
        os.nice(-10)  # what it sees must not depend on how busy the attacked ones are
    reader = Reader(*sys.argv[1:3])
    while True:
        if select.select([0], [], [], LOOK)[0]:
            line = sys.stdin.readline()
            if not line:
                return
            print(json.dumps(asdict(reader.figures())), flush=True)
            if line.strip() == "mark":
                reader.mark()
        reader.look()


if __name__ == "__main__":
    main()
