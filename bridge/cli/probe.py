"""An outside program that sends and receives: it measures a bridge without being part of it.

`python -m bridge.cli.probe IN OUT WIDTHxHEIGHT SECONDS [FPS [PID]]` sends numbered frames to
`shm:IN`, reads `shm:OUT`, and prints what it saw as JSON, the fields of `Seen`; FPS 0 sends one
frame and no more. With the PID of a bridge it also measures what its processes cost.

`python -m bridge.cli.probe relay IN OUT` is the least bridge there can be: it copies each frame
once and sends it at once. Both map the segments in the layout of `engine/ipc/ring.py`, as a program
of another language does. `relay-by-calls` is the least that does not map what others can truncate:
a read and a write of each frame by the system (on Windows it maps, as the bridge does).
"""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

import numpy as np
import psutil

from bridge.frames.frame import Image
from bridge.transports.pattern import draw, read_counter, write_counter
from engine import sizes
from engine.ipc.public_ring import PublicReader, PublicWriter
from engine.ipc.ring import LOCK, RingReader, RingWriter
from engine.ipc.segments import RingError

FPS = 29.3  # not a divisor of 60: covers every phase between two output ticks
GLANCE = 0.0003  # seconds between two polls for a frame
SETTLE = 0.5  # seconds of exchange before anything is counted
PATIENCE = 60.0  # seconds for a bridge to start, and to show the first frame
LATE = 1.5  # seconds in which the last frames arrive, or count as lost
ROOT = os.fspath(Path(__file__).parents[2])
MAIN = "from bridge.cli import main; main()"
NEW_GROUP = subprocess.CREATE_NEW_PROCESS_GROUP if sys.platform == "win32" else 0
INTERRUPT = signal.CTRL_BREAK_EVENT if sys.platform == "win32" else signal.SIGINT
STEP = 4  # pixels from one card to the next
COPIES = 20  # of one frame, to time the median
INDEX = 1  # offset in a slot, in u64


@dataclass
class Seen:
    """What the probe measured; times in seconds.

    `delays` from before a frame was written to after it was read, for each that arrived, of `sent`;
    `gaps` between two different frames; `memcpy` to copy one frame; `bridge` and `worker` are the
    shares of a core that the processes used, NaN where no PID was given; `costs` are all shares.
    """

    delays: list[float] = field(default_factory=list[float])
    gaps: list[float] = field(default_factory=list[float])
    sent: int = 0
    memcpy: float = 0.0
    bridge: float = float("nan")
    worker: float = float("nan")
    costs: list[float] = field(default_factory=list[float])


class Cost:
    """CPU time of a bridge and of the processes it starts, from now on; one that ends counts up to
    the last look at it.
    """

    def __init__(self, pid: int) -> None:
        self._bridge = psutil.Process(pid)
        self._workers: dict[psutil.Process, float] = {}  # seconds of each
        self._began = perf_counter()
        self._before = self._used()

    def shares(self) -> tuple[float, float]:
        """Shares of a core, of the bridge and of its workers together."""
        took, now = perf_counter() - self._began, self._used()
        bridge, workers = ((new - old) / took for new, old in zip(now, self._before, strict=True))
        return bridge, workers

    def _used(self) -> tuple[float, float]:
        for process in self._bridge.children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                self._workers[process] = _seconds(process)
        return _seconds(self._bridge), sum(self._workers.values())


def _seconds(process: psutil.Process) -> float:
    return sum(process.cpu_times()[:2])


class Program:
    """One of our commands that serves HTTP, as a process of its own."""

    def __init__(
        self, folder: Path, command: Sequence[str], serves: str, path: Sequence[Path] = ()
    ) -> None:
        """It runs in `folder`, and prints its address after what `serves` matches. `path` is all
        that its Python adds to its own; by default this program and ours.
        """
        self.began = perf_counter()
        self.port = 0
        self._serves = re.compile(serves + r"://[^:]+:(\d+)")
        self._lines: deque[str] = deque(maxlen=100)
        before = [os.fspath(part) for part in path] or [ROOT, os.environ.get("PYTHONPATH", "")]
        self._process = subprocess.Popen(
            [sys.executable, "-c", MAIN, *command],
            stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, errors="replace",
            cwd=folder, env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, before))},
            creationflags=NEW_GROUP,
        )  # fmt: skip
        self.pid = self._process.pid
        self._served = threading.Event()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self._process.stderr
        with self._process.stderr as lines:
            for line in lines:
                self._lines.append(line)
                if found := self._serves.search(line):
                    self.port = int(found[1])
                    self._served.set()
        self._served.set()

    def serve(self) -> None:
        """Wait until it serves on `port`; RuntimeError if it ends instead."""
        if not self._served.wait(PATIENCE) or not self.port:
            raise RuntimeError(f"it did not start: {''.join(self._lines)[-2000:]}")

    def ask(self, path: str) -> Any:
        """What a GET of its API answers."""
        with urllib.request.urlopen(
            f"http://127.0.0.1:{self.port}/api/v1/{path}", timeout=10
        ) as answer:
            return json.load(answer)

    def close(self) -> None:
        """End it as Ctrl-C does."""
        if self._process.poll() is None:
            self._process.send_signal(INTERRUPT)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Started(Program):
    """A `spout-bridge run` that sends to `shm:shown`, with its data in `folder`."""

    def __init__(
        self, folder: Path, shown: str, arguments: Sequence[str], path: Sequence[Path] = ()
    ) -> None:
        how = ("--port", "0", "--folder", str(folder / "data"), "--osc-feedback", "none")
        sink = ("--sink", f"shm:{shown}")
        super().__init__(folder, ("run", *how, *sink, *arguments), "page +http", path)


def attached(name: str, patience: float = PATIENCE) -> RingReader:
    """The segment of that name once it exists; FileNotFoundError if it does not appear."""
    until = perf_counter() + patience
    while True:
        try:
            return RingReader(name)
        except (FileNotFoundError, RingError):
            if perf_counter() > until:
                raise
            time.sleep(0.01)


class Receiver:
    """Reads the newest frame of a segment into one buffer, and follows its name."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._attach()

    def _attach(self) -> None:
        self._ring = attached(self._name)
        self._head, self._index = 0, -1
        self.image = np.empty((self._ring.height, self._ring.width, 4), np.uint8)

    def look(self) -> bool:
        """Whether another frame than the last one came; then it is in `image`."""
        ring = self._ring
        if ring.stale:
            ring.close()
            self._attach()
            return False
        head = ring.head
        if head == self._head:
            return False
        words, _ = ring.slot_words(head - 1)
        index = words[INDEX]
        if words[LOCK] != 2 * head:
            return False
        if index != self._index:
            np.copyto(self.image, ring.view(head - 1))
            if words[LOCK] != 2 * head:
                return False
        self._head, new = head, index != self._index
        self._index = index
        return new

    def close(self) -> None:
        """Release the segment."""
        self._ring.close()


def probe(
    given: str, shown: str, width: int, height: int, seconds: float,
    fps: float = FPS, pid: int = 0, settle: float = SETTLE, beside: int = 0, count: int = 1,
    ready: Callable[[], object] = lambda: True,
) -> Seen:  # fmt: skip
    """Send and receive for so long, after `settle` seconds that do not count; TimeoutError if the
    bridge shows nothing, or is not `ready` in time. `beside` is the PID of another program that
    it uses; frames are `count` cards in turn.
    """
    images = cards(width, height, count)
    with _offered(RingWriter(given, width, height)) as writer:
        writer.write(images[0], perf_counter(), 0)
        with closing(Receiver(shown)) as receiver:
            _until_shown(receiver, ready)
            pids = [one for one in (pid, beside) if one]
            seen = _exchange(writer, receiver, images, fps, seconds, pids, settle)
        seen.memcpy = memcpy(width, height)
    return seen


def cards(width: int, height: int, count: int) -> list[Image]:
    """A test card that moves by STEP pixels from image to image."""
    first = draw("probe", width, height, 0)
    moved = [np.roll(first, STEP * place, axis=1) for place in range(count)]
    for image in moved:
        write_counter(image, 0)
    return moved


def _until_shown(receiver: Receiver, ready: Callable[[], object]) -> None:
    """Wait until the first frame has come through, and the bridge is ready."""
    until, shown = perf_counter() + PATIENCE, False
    while not (shown and ready()):
        shown = shown or (receiver.look() and read_counter(receiver.image) == 0)
        if perf_counter() > until:
            raise TimeoutError("The bridge did not show the frame in time.")
        time.sleep(0.002)


def _exchange(
    writer: RingWriter,
    receiver: Receiver,
    images: Sequence[Image],
    fps: float,
    seconds: float,
    pids: Sequence[int],
    settle: float,
) -> Seen:
    """Frames sent before or after the counted seconds only keep the bridge busy as during them."""
    sent: dict[int, float] = {}  # counted frames that have not arrived
    seen, number, last = Seen(), 0, 0.0
    period = 1 / fps if fps else float("inf")
    due = perf_counter() + period
    start = perf_counter() + settle
    end = start + seconds

    def step() -> None:
        nonlocal number, due, last
        now = perf_counter()
        if now >= due:
            number += 1
            image = images[number % len(images)]
            write_counter(image, number)
            began = perf_counter()
            if start <= began < end:
                seen.sent += 1
                sent[number] = began
            writer.write(image, began, number)
            due = max(due + period, perf_counter())  # after a stall nothing is caught up
        elif receiver.look():
            now = perf_counter()
            if began := sent.pop(read_counter(receiver.image) or 0, None):
                seen.delays.append(now - began)
            if last >= start and now < end:
                seen.gaps.append(now - last)
            last = now
        else:
            time.sleep(max(0.0, min(GLANCE, due - now)))

    while perf_counter() < start:
        step()
    costs = [Cost(pid) for pid in pids]
    while perf_counter() < end:
        step()
    seen.costs = [share for cost in costs for share in cost.shares()]
    if pids:
        seen.bridge, seen.worker = seen.costs[:2]
    while sent and perf_counter() < end + LATE:
        step()
    return seen


def watch(shown: str, seconds: float, pid: int = 0) -> Seen:
    """Only receive, for so long: `gaps` and the cost; frames come from wherever they do."""
    receiver, seen, last = Receiver(shown), Seen(), 0.0
    try:
        end = perf_counter() + PATIENCE
        while not receiver.look() and perf_counter() < end:
            time.sleep(GLANCE)
        start, cost = perf_counter() + SETTLE, None
        while (now := perf_counter()) < start + seconds:
            if cost is None and pid and now >= start:
                cost = Cost(pid)
            if not receiver.look():
                time.sleep(GLANCE)
                continue
            now = perf_counter()
            if last >= start:
                seen.gaps.append(now - last)
            last = now
        if cost:
            seen.bridge, seen.worker = cost.shares()
    finally:
        receiver.close()
    return seen


def memcpy(width: int, height: int) -> float:
    """Seconds that one copy of a frame takes; the median of several, between touched buffers."""
    one, other = (np.full((height, width, 4), shade, np.uint8) for shade in (1, 2))
    times: list[float] = []
    for _ in range(COPIES):
        began = perf_counter()
        np.copyto(one, other)
        times.append(perf_counter() - began)
    return sorted(times)[COPIES // 2]


def relay(given: str, shown: str) -> None:
    """Copy each frame of `shm:given` to `shm:shown` as it arrives, until its sender leaves."""
    head = 0
    with (
        closing(attached(given)) as reader,
        _offered(RingWriter(shown, reader.width, reader.height)) as writer,
    ):
        while not reader.stale:
            now = reader.head
            if now != head:
                words, _ = reader.slot_words(now - 1)
                writer.write(reader.view(now - 1), perf_counter(), words[INDEX])
                head = now
            else:
                time.sleep(GLANCE)


def relay_by_calls(given: str, shown: str) -> None:
    """The same without a mapping; see above."""
    head = 0
    attached(given).close()
    with (
        closing(PublicReader(given)) as reader,
        _offered(PublicWriter(shown, reader.width, reader.height)) as writer,
    ):
        while not reader.stale:
            if reader.head != head and (slot := reader.newest()):
                writer.write(slot.image, perf_counter(), slot.index)
                head = slot.number + 1
            else:
                time.sleep(GLANCE)


Writer = TypeVar("Writer", RingWriter, PublicWriter)


@contextmanager
def _offered(writer: Writer) -> Generator[Writer]:
    """A segment that goes at the end."""
    try:
        yield writer
    finally:
        writer.unlink()
        writer.mark_stale()
        writer.close()


RELAYS = {"relay": relay, "relay-by-calls": relay_by_calls}


def main() -> None:
    """Measure, and print the result; or relay."""
    given, shown, *more = sys.argv[1:]
    if given in RELAYS:
        RELAYS[given](shown, *more)
        return
    size, seconds, fps, pid = (*more, *(str(FPS), "0")[len(more) - 2 :])
    seen = probe(
        given, shown, *sizes.exact_sides(size), float(seconds), fps=float(fps), pid=int(pid)
    )
    json.dump(asdict(seen), sys.stdout)


if __name__ == "__main__":
    main()
