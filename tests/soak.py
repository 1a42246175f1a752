"""A bridge for ten minutes, watched from outside: memory, descriptors and threads of its processes,
and what its output showed.

    python -m tests.soak [--minutes N] [--every SECONDS] [ARGUMENTS OF run]

Prints a row for each interval, and last how much grew beyond the most of the first two minutes, by
when all is warm. By default `stylize` of the demo at 10 frames a second, so that other programs can
work meanwhile.
"""

import argparse
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter, sleep

import psutil

from tests.attack.reader import Figures
from tests.attack.running import Bridge, Home, end_politely

WARM = 120.0  # seconds until nothing more is built
USUAL = ("--source", "demo:", "--set", "max_fps=10")
HEAD = (
    "minute", "bridge: MB, descriptors, threads", "worker: MB, descriptors, threads", "new frames",
    "longest gap (ms)", "longest without a new frame (s)", "black", "torn",
)  # fmt: skip


@dataclass(frozen=True)
class Held:
    """What a process holds: private memory in MB, open files, threads."""

    memory: float
    files: int
    threads: int

    def __str__(self) -> str:
        return f"{self.memory:.1f}, {self.files}, {self.threads}"


def held(process: psutil.Process) -> Held:
    """What a process holds now."""
    memory = process.memory_full_info().uss / 1e6
    return Held(memory, process.num_fds(), process.num_threads())


def row(minute: float, processes: Sequence[Held], seen: Figures) -> str:
    """An interval as it is printed."""
    both = (*map(str, processes), "none")[:2]  # a pipeline may need no worker
    cells = (f"{minute:.1f}", *both, f"{seen.rises}", f"{1e3 * seen.gap:.0f}",
             f"{seen.still:.2f}", f"{seen.black}", f"{seen.torn}")  # fmt: skip
    return f"| {' | '.join(cells)} |"


def peak(first: Sequence[Held], last: Sequence[Held]) -> list[Held]:
    """The most that each process has held: what it frees and takes again is no growth."""
    pairs = zip(first or last, last, strict=False)
    return [
        Held(*map(max, (old.memory, old.files, old.threads), (new.memory, new.files, new.threads)))
        for old, new in pairs
    ]


def grown(first: Sequence[Held], last: Sequence[Held]) -> str:
    """How much each process holds more than before."""
    parts = [
        f"{name} {new.memory - old.memory:+.1f} MB, {new.files - old.files:+d} descriptors, "
        f"{new.threads - old.threads:+d} threads"
        for name, old, new in zip(("bridge", "worker"), first, last, strict=False)
    ]
    return "; ".join(parts)


def soak(arguments: Sequence[str], seconds: float, every: float) -> Iterator[str]:
    """The lines of the report, as time goes by."""
    yield f"| {' | '.join(HEAD)} |"
    yield "|" + " --- |" * len(HEAD)
    bridge = Bridge(Home(arguments=arguments), f"Soak{os.getpid()}")
    try:
        bridge.until(lambda state: state["state"] == "RUNNING")
        itself, began, now = psutil.Process(bridge.process.pid), perf_counter(), 0.0
        first: list[Held] = []
        processes: list[Held] = []
        bridge.reader.mark()
        while now < seconds:
            sleep(min(every, seconds - now))
            now = perf_counter() - began
            processes = [held(process) for process in (itself, *bridge.workers()[:1])]
            yield row(now / 60, processes, bridge.reader.mark())
            if not first or now < WARM + every / 2:
                first, since = peak(first, processes), now / 60
        yield f"\nGrown beyond minute {since:.1f}: {grown(first, processes)}."
    finally:
        bridge.close()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser("python -m tests.soak", description="Watch a bridge for long.")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--every", type=float, default=60.0, metavar="SECONDS")
    given, rest = parser.parse_known_args(arguments)
    end_politely()
    for line in soak(rest or USUAL, 60 * given.minutes, given.every):
        print(line, flush=True)


if __name__ == "__main__":
    main()
