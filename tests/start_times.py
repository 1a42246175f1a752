"""How long a bridge takes from the command to its frames, by a reader outside it.

    python -m tests.start_times [--pairs N] [PATH …]

Each PATH is a working tree (default: this one); their starts are interleaved, so that both meet
the same load. Printed are medians: seconds to the card and to the first generated frame in the
shared memory of the output, and CPU seconds of all processes until that frame. Python's compiled
files are kept beside the run, as pip writes them when it installs: a first start of each tree,
which makes them, is not counted.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter, sleep

import numpy as np
import psutil

from engine.ipc.public_ring import PublicReader
from engine.ipc.segments import RingError

PATIENCE = 60.0  # seconds for any of them
GLANCE = 0.002  # seconds between two looks
GENERATED = 12  # mean difference to the card of 255, which changes in its line of text only
HEAD = ("card", "generated", "CPU s")


def measured(tree: Path, compiled: Path, pipeline: str = "stylize") -> tuple[float, float, float]:
    """Start a bridge from a working tree, with a new data folder: seconds to the card, to a
    generated frame, and CPU. `compiled` is the folder of Python's compiled files.
    """
    with tempfile.TemporaryDirectory() as folder:
        return _started(tree, compiled, Path(folder), pipeline)


def _started(tree: Path, compiled: Path, folder: Path, pipeline: str) -> tuple[float, float, float]:
    name = f"start{os.getpid()}"
    command = [
        sys.executable, "-P", "-m", "bridge.cli", "run", "--source", "pattern:",
        "--sink", f"shm:{name}", "--pipeline", pipeline, "--port", "0", "--folder", str(folder),
        "--osc-feedback", "none",
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONPYCACHEPREFIX": str(compiled)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    began = perf_counter()
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            first, came = _first(process, name, None)
            card = came - began
            _, came = _first(process, name, first)
            return card, came - began, _cpu(process.pid)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)


def _first(process: subprocess.Popen[bytes], name: str, other: np.ndarray | None):
    """The first image that differs from another one, and when it was seen."""
    ring, until = None, perf_counter() + PATIENCE
    while perf_counter() < until and process.poll() is None:
        try:
            ring = ring or PublicReader(name)
            slot = ring.newest() if ring.head else None
        except (FileNotFoundError, RingError):
            ring = slot = None
        if slot is not None:
            came, image = perf_counter(), slot.image[::4, ::4, :3].astype(np.int16)
            if other is None or np.abs(image - other).mean() > GENERATED:
                return image, came
        sleep(GLANCE)
    raise SystemExit(f"no frame came from {' '.join(process.args)}")


def _cpu(pid: int) -> float:
    root = psutil.Process(pid)
    times = [each.cpu_times() for each in (root, *root.children(recursive=True))]
    return sum(each.user + each.system for each in times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=5, help="starts of each tree")
    parser.add_argument("--pipeline", default="stylize")
    parser.add_argument("trees", nargs="*", type=Path, default=[Path.cwd()])
    options = parser.parse_args()
    found: dict[Path, list[tuple[float, float, float]]] = {tree: [] for tree in options.trees}
    with tempfile.TemporaryDirectory() as compiled:
        for turn in range(1 + options.pairs):
            for tree, rows in found.items():
                figures = measured(tree.resolve(), Path(compiled), options.pipeline)
                if turn:  # the first one compiles
                    rows.append(figures)
    print(*(f"{word:>10}" for word in HEAD))
    for tree, rows in found.items():
        print(*(f"{median(column):10.2f}" for column in zip(*rows, strict=True)), f" {tree}")


if __name__ == "__main__":
    main()
