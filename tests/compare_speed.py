"""Compare the speed of two commits: their bridges run in turn on the same inputs, A B A B …, and
one program outside them measures both.

    python -m tests.compare_speed BEFORE AFTER [--seconds N] [--rounds N] [--only NAME,…]
    python -m tests.compare_speed ba5deb9 . --only 1080p30 --seconds 3 --rounds 2

BEFORE and AFTER are commits; `.` is this working tree as it is. Each case starts each bridge once
a round, so a round of one case takes about 2 * (3 s + `--seconds`), and 10 s more for those with
blocks, which the pacer must know first. The medians of all rounds are printed, their ratio, and
beside them the least relay there can be (`bridge/cli/probe.py`: it copies once and sends at once),
the same by a read and a write of the system, as a bridge must that strangers' files cannot end, and
one copy of a frame in memory, measured in the same rounds. `--list` lists the cases.

The only interface is the command line, shared memory and OSC, so any commit can be compared whose
`run` knows the flags below. The probe is that of the tree in which this runs.
"""

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median, pstdev
from time import perf_counter, sleep
from typing import Any

from pythonosc.osc_message_builder import OscMessageBuilder
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from bridge.cli.probe import (
    FPS,
    INDEX,
    PATIENCE,
    RELAYS,
    Cost,
    Seen,
    Started,
    attached,
    probe,
    watch,
)
from tests.support import paced

ROOT = Path(__file__).parents[1]
GIVEN, SHOWN = f"speed-in-{os.getpid()}", f"speed-out-{os.getpid()}"
LOCKED = 5.0  # seconds until the pacer knows the blocks
STARTED = 3.0  # seconds until nothing of the start goes on, as the web server's
WATCHED = ("events", "preview?side=input&width=640", "preview?side=output&width=640")
OSC = "/bridge/vace"  # a value that no pipeline of these cases uses

Figures = dict[str, float]
Process = Started | subprocess.Popen[bytes]  # a bridge, or a relay


@dataclass(frozen=True)
class Case:
    """One comparison: `arguments` of `run`, and the figures of a bridge that runs with them for
    about so many seconds. `relay`: the least relays are measured too, each in its place.
    """

    what: str
    arguments: Sequence[str]
    measure: Callable[[Process, float], Figures]
    relay: bool = False


def _figures(seen: Seen) -> Figures:
    """What is printed of an exchange of frames."""
    delays = sorted(seen.delays)
    figures = {
        "input to output, median (ms)": 1e3 * median(delays),
        "input to output, p99 (ms)": 1e3 * delays[int(0.99 * (len(delays) - 1))],
        "frames that arrived (%)": 100 * len(delays) / seen.sent,
        "one copy in memory (ms)": 1e3 * seen.memcpy,
        "between frames, standard deviation (ms)": 1e3 * pstdev(seen.gaps),
    }
    return figures | _cost(seen)


def _cost(seen: Seen) -> Figures:
    return {
        "bridge (% of a core)": 100 * seen.bridge,
        "worker (% of a core)": 100 * seen.worker,
    }


def _through(height: int, fps: float, *arguments: str, settle: float = 0.5) -> Case:
    width = height * 16 // 9

    def measure(bridge: Process, seconds: float) -> Figures:
        how: Any = {"fps": fps, "pid": bridge.pid, "settle": settle}
        return _figures(probe(GIVEN, SHOWN, width, height, seconds, **how))

    how = ("--source", f"shm:{GIVEN}", "--output-size", f"{width}x{height}")
    what = f"{' '.join(arguments)}, {width}x{height}, {fps:g} in, 60 out"
    return Case(what, (*how, *arguments), measure, relay=True)


def _idle(bridge: Process, seconds: float) -> Figures:
    """One frame, and then nothing changes."""
    how: Any = {"fps": 0, "pid": bridge.pid, "settle": STARTED}
    return _cost(probe(GIVEN, SHOWN, 1920, 1080, seconds, **how))


def _made(bridge: Process, seconds: float) -> Figures:
    """New frames at the output."""
    seen = watch(SHOWN, seconds, bridge.pid)
    return {
        "new frames per second": 1 / fmean(seen.gaps),
        "between frames, standard deviation (ms)": 1e3 * pstdev(seen.gaps),
    } | _cost(seen)


def _start(bridge: Process, seconds: float) -> Figures:
    """From the command to the first frame, a card, and to the second, which is generated."""
    assert isinstance(bridge, Started)
    ring, times = attached(SHOWN), list[float]()
    last, end = -1, perf_counter() + PATIENCE
    while len(times) < 2 and perf_counter() < end:
        if head := ring.head:
            words, _ = ring.slot_words(head - 1)
            if words[INDEX] != last:
                last = words[INDEX]
                times.append(perf_counter() - bridge.began)
        sleep(0.001)
    ring.close()
    return {"to the card (s)": times[0], "to the first generated frame (s)": times[1]}


def _osc(bridge: Process, seconds: float) -> Figures:
    """A fader at 1 kHz, with one still frame as input."""
    assert isinstance(bridge, Started)
    bridge.serve()
    stop, sent = threading.Event(), 0

    def send() -> None:
        nonlocal sent
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
            began = perf_counter()
            while not stop.is_set():
                builder = OscMessageBuilder(OSC)
                builder.add_arg(sent % 1000 / 1000)
                line.sendto(builder.build().dgram, ("127.0.0.1", bridge.port))
                sent += 1
                sleep(max(0.0, began + sent / 1000 - perf_counter()))

    idle = _idle(bridge, seconds / 2)["bridge (% of a core)"]
    thread = threading.Thread(target=send)
    thread.start()
    try:
        sleep(0.5)
        cost, before, began = Cost(bridge.pid), sent, perf_counter()
        sleep(seconds)
        share, rate = 100 * cost.shares()[0], (sent - before) / (perf_counter() - began)
    finally:
        stop.set()
        thread.join()
    return {"messages per second": rate, "bridge (% of a core)": share,
            "bridge beyond its idle (% of a core)": share - idle}  # fmt: skip


def _viewers(bridge: Process, seconds: float) -> Figures:
    """1080p through it while so many pages watch input and output."""
    assert isinstance(bridge, Started)
    bridge.serve()
    figures: Figures = {}
    for viewers in (0, 1, 4):
        with ExitStack() as pages:
            for path in WATCHED * viewers:
                page = pages.enter_context(connect(f"ws://127.0.0.1:{bridge.port}/api/v1/{path}"))
                threading.Thread(target=_read, args=[page], daemon=True).start()
            how: Any = {"fps": FPS, "pid": bridge.pid, "settle": STARTED}
            seen = probe(GIVEN, SHOWN, 1920, 1080, seconds, **how)
        figures[f"bridge, {viewers} viewers (% of a core)"] = 100 * seen.bridge
    return figures


def _read(page: ClientConnection) -> None:
    with suppress(ConnectionClosed):
        for _ in page:
            pass


PASSTHROUGH = ("--pipeline", "passthrough")
STYLIZE = ("--pipeline", "stylize")
CASES: dict[str, Case] = {
    "720p30": _through(720, FPS, *PASSTHROUGH),
    "1080p30": _through(1080, FPS, *PASSTHROUGH),
    "4k30": _through(2160, FPS, *PASSTHROUGH),
    "720p60": _through(720, 60, *PASSTHROUGH),
    "1080p60": _through(1080, 60, *PASSTHROUGH),
    "bypass": _through(1080, FPS, *STYLIZE, "--set", "bypass=true"),
    "mix": _through(720, 60, *PASSTHROUGH, "--set", "mix=0.5"),
    "blocks": _through(720, 30, "--pipeline", "blocks_even", settle=LOCKED),
    "uneven": _through(720, 30, "--pipeline", "blocks_uneven", settle=LOCKED),
    "idle": Case(
        "passthrough of one still frame, 1920x1080",
        ("--source", f"shm:{GIVEN}", "--output-size", "1920x1080", *PASSTHROUGH), _idle,
    ),
    "stylize": Case(
        "stylize of the demo at 576x320, 1280x720 out",
        ("--source", "demo:", "--size", "576x320", *STYLIZE), _made,
    ),
    "start": Case("from the command to frames: stylize, demo", ("--source", "demo:"), _start),
    "osc": Case(
        f"{OSC} at 1 kHz, one still frame",
        ("--source", f"shm:{GIVEN}", "--output-size", "1920x1080", *PASSTHROUGH), _osc,
    ),
    "viewers": Case(
        f"passthrough, 1920x1080, {FPS:g} in, with pages that watch it",
        ("--source", f"shm:{GIVEN}", "--output-size", "1920x1080", *PASSTHROUGH), _viewers,
    ),
}  # fmt: skip


@contextmanager
def tree(commit: str) -> Iterator[Path]:
    """The files of a commit, or those of this working tree for `.`."""
    if commit == ".":
        yield ROOT
        return
    with tempfile.TemporaryDirectory(prefix="speed-", ignore_cleanup_errors=True) as parent:
        folder = Path(parent, "tree")
        _git("worktree", "add", "--quiet", "--detach", str(folder), commit)
        try:
            yield folder
        finally:
            _git("worktree", "remove", "--force", str(folder))


def _git(*words: str) -> None:
    subprocess.run(["git", *words], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def measured(case: Case, where: Path, seconds: float) -> Figures:
    """The figures of a bridge of one tree."""
    with tempfile.TemporaryDirectory(prefix="speed-", ignore_cleanup_errors=True) as folder:
        paced.install(Path(folder))
        bridge = Started(Path(folder), SHOWN, case.arguments, (where, Path(folder)))
        try:
            return case.measure(bridge, seconds)
        except FileNotFoundError:
            bridge.serve()  # which says why it did not start
            raise
        finally:
            bridge.close()


def relayed(case: Case, which: str, seconds: float) -> Figures:
    """The figures of one of the least relays."""
    command = [sys.executable, "-m", "bridge.cli.probe", which, GIVEN, SHOWN]
    with subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}) as relay:
        try:
            return case.measure(relay, seconds)
        finally:
            relay.terminate()


def compare(case: Case, trees: Sequence[Path], seconds: float, rounds: int) -> list[list[Figures]]:
    """The figures of each round: of each tree, and of the relays if the case has them."""
    relays = [*RELAYS] if case.relay else []
    found: list[list[Figures]] = [[] for _ in range(len(trees) + len(relays))]
    for _ in range(rounds):
        for figures, where in zip(found, trees, strict=False):
            figures.append(measured(case, where, seconds))
        for figures, which in zip(found[len(trees) :], relays, strict=True):
            figures.append(relayed(case, which, seconds))
    return found


def rows(found: Sequence[Sequence[Figures]]) -> Iterator[str]:
    """The lines of a table: medians of all rounds, and their ratio."""
    before, after, *others = (
        {name: median(figures[name] for figures in rounds) for name in rounds[0]}
        for rounds in found
    )
    for name, old in before.items():
        new = after[name]
        cells = [_shown(old), _shown(new), f"{new / old:.2f}" if old else "-"]
        cells += [_shown(other[name]) for other in others] or ["-"] * len(RELAYS)
        yield f"| {name} | {' | '.join(cells)} |"


def _shown(value: float) -> str:
    return "-" if value != value else f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        "python -m tests.compare_speed", description="Compare the speed of two commits."
    )
    parser.add_argument("commits", nargs="*", metavar="COMMIT")
    parser.add_argument("--seconds", type=float, default=4.0, help="of measuring, per bridge")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default=",".join(CASES), metavar="NAME,…")
    parser.add_argument("--list", action="store_true", help="list the cases")
    given = parser.parse_args(arguments)
    if given.list:
        print("\n".join(f"{name:10} {case.what}" for name, case in CASES.items()))
        return
    names = [name for name in given.only.split(",") if name]
    if len(given.commits) != 2:
        parser.error("two commits are needed; `.` is this working tree.")
    for name in names:
        if name not in CASES:
            parser.error(f"unknown case {name!r}; choose {', '.join(CASES)}.")
    before, after = given.commits
    # Ended as by Ctrl-C, with its bridges, and its trees removed.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    with ExitStack() as stack:
        trees = [stack.enter_context(tree(commit)) for commit in given.commits]
        for name in names:
            case = CASES[name]
            print(f"\n{name}: {case.what}; {given.rounds} rounds of {given.seconds:g} s\n")
            print(f"| figure | {before} | {after} | ratio | least relay | by calls |")
            print("| --- |" + " ---: |" * (3 + len(RELAYS)))
            for row in rows(compare(case, trees, given.seconds, given.rounds)):
                print(row, flush=True)


if __name__ == "__main__":
    main()
