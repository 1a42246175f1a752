"""An external sender and receiver, in a separate process: measures the bridge's latency.

`python -m bridge.cli.probe IN OUT WIDTHxHEIGHT SECONDS` sends numbered frames to `shm:IN`, reads
`shm:OUT`, and prints the seconds that each took as a JSON list.
"""

import json
import sys
import time
from time import perf_counter

from bridge.frames.frame import Image
from bridge.system.timing import Ticker
from bridge.transports.pattern import draw, read_counter, write_counter
from engine import sizes
from engine.ipc.public_ring import PublicReader, PublicWriter
from engine.ipc.segments import RingError

FPS = 29.3  # not a divisor of 60: covers every phase between two output ticks
GLANCE = 0.0003  # seconds between two polls for a frame


def attached(name: str, patience: float = 30.0) -> PublicReader:
    """The segment of that name once it exists; FileNotFoundError if it does not appear."""
    until = perf_counter() + patience
    while True:
        try:
            return PublicReader(name)
        except (FileNotFoundError, RingError):
            if perf_counter() > until:
                raise
            time.sleep(0.01)


def probe(given: str, shown: str, width: int, height: int, seconds: float) -> list[float]:
    """Seconds from before a frame is written to after it is read, for each that arrived."""
    writer, image = PublicWriter(given, width, height, 3), draw("probe", width, height, 0)
    try:
        writer.write(image, perf_counter(), 0)
        reader = attached(shown)
        _until_shown(reader)
        return _exchange(writer, reader, image, seconds)
    finally:
        writer.unlink()
        writer.mark_stale()
        writer.close()


def _until_shown(reader: PublicReader, patience: float = 30.0) -> None:
    """Wait until the first frame has come through."""
    until = perf_counter() + patience
    while not ((slot := reader.newest()) and read_counter(slot.image) == 0):
        if perf_counter() > until:
            raise TimeoutError("The bridge did not show the frame in time.")
        time.sleep(0.01)


def _exchange(
    writer: PublicWriter, reader: PublicReader, image: Image, seconds: float
) -> list[float]:
    sent: dict[int, float] = {}
    delays: list[float] = []
    ticker, head = Ticker(FPS), reader.head
    for number in range(1, int(FPS * seconds)):
        due = ticker.wait()
        write_counter(image, number)
        sent[number] = perf_counter()
        writer.write(image, sent[number], number)
        while perf_counter() < due + 0.9 / FPS:
            if reader.head != head and (slot := reader.newest()):
                now, head = perf_counter(), slot.number + 1
                seen = read_counter(slot.image)
                if seen in sent:
                    delays.append(now - sent.pop(seen))
            time.sleep(GLANCE)
    return delays


def main() -> None:
    """Measure, and print the result."""
    given, shown, size, seconds = sys.argv[1:]
    json.dump(probe(given, shown, *sizes.exact_sides(size), float(seconds)), sys.stdout)


if __name__ == "__main__":
    main()
