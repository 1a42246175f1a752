"""How long a new process takes to its first frame: with empty caches of compilation, and again
with those that the first run left.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import psutil
import torch

from engine.bench.prompts import pipeline_of
from engine.catalog.controls import CausalLoad
from engine.catalog.specs import LONGLIVE
from engine.gpu_check.ground import Ground, enough_memory, images
from engine.gpu_check.report import Figure
from engine.system import by_hand, caches
from engine.system.parent import die_with_parent

BLOCKS = 8  # until the window has wrapped
STEADY = 5  # blocks whose median is a block


def first_frame(ground: Ground) -> Iterator[Figure]:
    """Cold, then warm; random weights are made, not read."""
    load = CausalLoad(vae="tae", passes="graphs" if ground.quick and not ground.toy else "auto")
    enough_memory(ground, ground.spec(LONGLIVE.id), load, ground.sizes[0])
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        variables = caches.environment(Path(folder))
        for name in ("cold", "warm"):
            ground.at(name)
            order = {"device": ground.device.type, "passes": load.passes}
            for what, seconds in _child(order, variables).items():
                yield Figure(f"{name}: {what}", seconds, "s", higher=False)


def _child(order: dict[str, Any], variables: dict[str, str]) -> dict[str, float]:
    command = [sys.executable, "-P", "-m", __name__]
    done = subprocess.run(
        command, input=json.dumps(order).encode(), stdout=subprocess.PIPE, check=True,
        env=os.environ | variables,
    )  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """One new process: seconds from its start to each point, on the last line that it prints."""
    by_hand.refuse("a part of a command", "spout-bridge gpu-check")
    die_with_parent()
    order = json.load(sys.stdin)
    ground = Ground.of(order["device"], float("inf"), lambda what: None)
    started = psutil.Process().create_time()
    times = {"imports": time.time() - started}
    with torch.no_grad():
        parts = ground.parts(ground.spec(LONGLIVE.id))
        ground.synchronize()
        times["network made"] = time.time() - started
        load = CausalLoad(vae="tae", passes=order["passes"])
        pipeline = pipeline_of(parts, load)
        blocks = [_block(ground, pipeline)]
        times["first frame"] = time.time() - started
        blocks += [_block(ground, pipeline) for _ in range(BLOCKS)]
        times["window full, all compiled and captured"] = time.time() - started
        steady = statistics.median(_block(ground, pipeline) for _ in range(STEADY))
        times["of which compiling and capturing"] = max(0.0, sum(blocks) - len(blocks) * steady)
        times["a block"] = steady
        pipeline.close()
    sys.stdout.write(json.dumps(times) + "\n")


def _block(ground: Ground, pipeline: Any) -> float:
    began = perf_counter()
    images(pipeline, ground.sizes[0])
    ground.synchronize()
    return perf_counter() - began


if __name__ == "__main__":
    main()
