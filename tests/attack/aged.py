"""`python -m tests.attack.aged`: a bridge of day 14 lives through much in little time, then idles.

Its clocks and frame numbers begin at the value of day 14. Prompts change, pipelines are switched,
sources are lost and workers are killed, in an order drawn at random; then nothing happens. What
its processes hold is looked at all the while, from outside.
"""

import argparse
import os
import random
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from statistics import linear_regression
from time import perf_counter, sleep

import psutil
from rich.console import Console

from tests.attack.day14.sitecustomize import FRAMES
from tests.attack.reader import Figures
from tests.attack.running import HERE, Bridge, Home, Unanswered, end_politely, machine, put

WHOLE = {"prompt": 2000, "switch": 300, "lost source": 200, "kill": 100}
EVERY = 2.0  # seconds between looks at what is held
BACK = 30.0  # seconds that anything may take to come back
WARM = 3.0  # seconds of running before the first look that counts
WORDS = ("gold", "ocean", "forest", "night", "neon", "ink", "fire", "snow", "rust", "glass")


@dataclass(frozen=True)
class Held:
    """What is held at one moment: MB of the processes' memory, open files, threads, segments of
    shared memory by name or mapped, and processes.
    """

    bridge_mb: float
    worker_mb: float
    bridge_files: int
    worker_files: int
    bridge_threads: int
    worker_threads: int
    segments: int
    processes: int


@dataclass(frozen=True)
class Life:
    """What happened: looks at what was held, with their times in seconds, `busy` and `idle`; what
    the foreign reader saw; what did not come back, a sentence each.
    """

    busy: Sequence[tuple[float, Held]]
    idle: Sequence[tuple[float, Held]]
    seen: Figures
    wrong: Sequence[str]
    minutes: float


def held(bridge: Bridge) -> Held | None:
    """Look once; None while a worker comes or goes."""
    here = psutil.Process(bridge.process.pid)
    workers = bridge.workers()
    if len(workers) != 1:
        return None
    with suppress(psutil.Error, OSError):
        segments = {path.name for path in Path("/dev/shm").glob(f"spout-bridge-{bridge.name}*")}
        segments |= {path.name for path in Path("/dev/shm").glob(f"spout-bridge-{here.pid}-*")}
        for process in (here, *workers):
            maps = Path(f"/proc/{process.pid}/maps").read_text("utf-8", "replace")
            segments |= set(re.findall(r"(\d+) +/dev/shm/spout-bridge", maps))
        (worker,) = workers
        return Held(
            here.memory_info().rss / 1e6,
            worker.memory_info().rss / 1e6,
            here.num_fds(),
            worker.num_fds(),
            here.num_threads(),
            worker.num_threads(),
            len(segments),
            1 + len(here.children(recursive=True)),
        )
    return None


class Sender:
    """A foreign sender that is lost and comes again."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._process: subprocess.Popen[bytes] | None = None

    def come(self) -> None:
        """Send."""
        command = [sys.executable, "-I", str(HERE / "sender.py"), self._name, "160x90", "30"]
        self._process = subprocess.Popen([*command, "100000", "leave"])

    def lose(self) -> None:
        """Send no more, as after a crash."""
        if self._process:
            self._process.kill()
            self._process.wait()

    def end(self) -> None:
        """Leave nothing."""
        self.lose()
        Path(f"/dev/shm/spout-bridge-{self._name}").unlink(missing_ok=True)


class Aging:
    """One bridge and what happens to it."""

    def __init__(self, bridge: Bridge, sender: Sender) -> None:
        self._bridge, self._sender = bridge, sender
        self._rng = random.Random(14)
        self.wrong: list[str] = []

    def happen(self, what: str) -> None:
        """One event, until all is well again."""
        bridge = self._bridge
        if what == "prompt":
            bridge.osc("/bridge/prompt", " ".join(self._rng.sample(WORDS, 3)))
            sleep(0.02)
        elif what == "switch":
            with suppress(Unanswered):
                there = bridge.state()["pipeline"]
                wanted = "stylize" if there == "passthrough" else "passthrough"
                bridge.osc("/bridge/pipeline", wanted)
                self._until(bridge.until(lambda now: now["pipeline"] == wanted, BACK), what)
        elif what == "lost source":
            self._sender.lose()
            sleep(self._rng.uniform(0, 0.2))
            self._sender.come()
            self._until(bridge.reader.goes_on(BACK), what)
        elif what == "kill":
            for worker in bridge.workers():
                worker.kill()
            self._until(bridge.reader.goes_on(BACK), what)
            sleep(0.7)  # so that its deaths do not count as deaths in a row

    def _until(self, came: bool, what: str) -> None:
        if not came:
            self.wrong.append(f"after {what} nothing came for {BACK:g} s")


def live(events: Mapping[str, int], idle: float, console: Console, warm: float = WARM) -> Life:
    """The whole life: so many events of each kind after `warm` seconds of running, then `idle`
    seconds of nothing.
    """
    began, name = perf_counter(), f"Aged{os.getpid()}"
    home = Home(
        arguments=(
            "--source", f"shm:{name}In", "--size", "96x56", "--output-size", "160x90",
            "--settle-s", "0.5", "--set", "fade=0.2",
        ),
        path=(str(HERE / "day14"),),
    )  # fmt: skip
    sender = Sender(f"{name}In")
    sender.come()
    try:
        with Bridge(home, name) as bridge:
            aging = Aging(bridge, sender)
            if not bridge.reader.goes_on(BACK):
                raise RuntimeError(f"it does not run: {bridge.state()}")
            first = bridge.reader.read()
            if min(first.head, first.index) < FRAMES:
                aging.wrong.append(f"day 14 did not come: frame {first.head}")
            sleep(warm)
            bridge.reader.mark()
            busy = list(_busy(bridge, aging, events, console))
            if not bridge.alive:
                aging.wrong.append(f"the bridge ended with {bridge.process.returncode}")
                aging.wrong.append(" ".join(list(bridge.lines)[-8:]))
                return Life(busy, busy, bridge.reader.read(), aging.wrong, 0.0)
            with suppress(Unanswered):
                bridge.ask("pipeline", {"pipeline": "stylize"})
            if not bridge.until(lambda now: now["pipeline"] == "stylize", BACK):
                aging.wrong.append("stylize did not come at the end")
            if not bridge.until(lambda _: len(bridge.workers()) == 1, BACK):
                aging.wrong.append("a worker that nobody needs any more stays")
            console.print("idle", style="dim")
            sleep(min(warm, idle / 4))
            rest = list(_looks(bridge, idle))
            seen = bridge.reader.read()
            if not bridge.alive:
                aging.wrong.append(f"the bridge ended with {bridge.process.returncode}")
    finally:
        sender.end()
    if seen.black:
        aging.wrong.append(f"{seen.black} black frames")
    return Life(busy, rest, seen, aging.wrong, (perf_counter() - began) / 60)


def _busy(
    bridge: Bridge, aging: Aging, events: Mapping[str, int], console: Console
) -> Iterator[tuple[float, Held]]:
    row = [what for what, count in events.items() for _ in range(count)]
    random.Random(14).shuffle(row)
    began = looked = perf_counter()
    if there := held(bridge):
        yield 0.0, there
    for number, what in enumerate(row):
        if not bridge.alive:
            return
        aging.happen(what)
        now = perf_counter()
        if now - looked >= EVERY and bridge.alive and (there := held(bridge)):
            looked = now
            yield now - began, there
        if number % 250 == 249:
            console.print(f"{number + 1} of {len(row)} after {now - began:.0f} s", style="dim")


def _looks(bridge: Bridge, seconds: float) -> Iterator[tuple[float, Held]]:
    began = perf_counter()
    while (now := perf_counter() - began) < seconds and bridge.alive:
        if there := held(bridge):
            yield now, there
        sleep(min(EVERY, seconds / 10))


def slope(looks: Sequence[tuple[float, Held]], name: str) -> float:
    """By how much something grows in an hour."""
    if len(looks) < 3:
        return 0.0
    times, values = [t / 3600 for t, _ in looks], [getattr(held, name) for _, held in looks]
    return linear_regression(times, values).slope


def table(life: Life) -> str:
    """What was held and how it grew, as docs/measurements.md has it."""
    looks = [*life.busy, *life.idle]
    lines = [
        "| held | first | most | last | growth in idle, an hour |",
        "| --- | --- | --- | --- | --- |",
    ]
    for field in fields(Held):
        values = [asdict(held)[field.name] for _, held in looks]
        growth = slope(life.idle, field.name)
        lines.append(
            f"| {field.name.replace('_', ' ')} | {values[0]:.0f} | {max(values):.0f} | "
            f"{values[-1]:.0f} | {growth:+.2f} |"
        )
    seen = life.seen
    lines += [
        "",
        f"{life.minutes:.0f} minutes; {seen.frames} frames seen, {seen.black} black, longest stand "
        f"{seen.gap * 1e3:.0f} ms, longest without a new picture {seen.still:.2f} s; last frame "
        f"{seen.head} (day 14 begins at {FRAMES}). {' '.join(life.wrong) or 'All came back.'}",
    ]
    return "\n".join(lines)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.attack.aged", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0, help="of idling, at the end")
    parser.add_argument(
        "--events", type=float, default=1.0, help="part of the events that happen, 1 for all"
    )
    parser.add_argument("--write", metavar="FILE", help="put the table between that file's marks")
    options = parser.parse_args()
    end_politely()
    events = {what: max(1, round(count * options.events)) for what, count in WHOLE.items()}
    life = live(events, options.minutes * 60, Console(stderr=True, markup=False))
    happened = ", ".join(f"{count} times {what}" for what, count in events.items())
    text = f"{machine()} {happened}, then {options.minutes:g} minutes of idling.\n\n{table(life)}"
    if options.write:
        put(Path(options.write), "aged", text)
    print(text)
    sys.exit(bool(life.wrong))


if __name__ == "__main__":
    main()
