"""Steps with a fault, which gpu-check must find and name."""

import ctypes
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

from engine.causal import stream
from engine.causal.network import attention
from engine.gpu_check.checks import attention as attention_step
from engine.gpu_check.checks import memory
from engine.gpu_check.ground import Ground
from engine.gpu_check.report import Figure


def wrong_kernel(ground: Ground) -> Iterator[Figure]:
    """Attention that is a hundredth too strong."""

    def louder(*given: Any) -> Any:
        return attention.sdpa(*given) * 1.01

    attention.KERNELS["sdpa"] = lambda: louder
    return attention_step.sdpa(ground)


def leak(ground: Ground) -> Iterator[Figure]:
    """Every window that was ever made is kept."""
    kept: list[object] = []

    class Kept(stream.KVCache):
        def __init__(self, *given: Any) -> None:
            super().__init__(*given)
            kept.append(self)

    stream.KVCache = Kept  # type: ignore[misc]
    return memory.size_changes(ground)


def wrong_kernel_and_leak(ground: Ground) -> Iterator[Figure]:
    """Both in one process, since each must import torch."""
    yield from wrong_kernel(ground)
    yield from leak(ground)


def hang(ground: Ground) -> Iterator[Figure]:
    """Never ends, and neither does its child."""
    yield Figure("before it hangs", 1, most=2)
    ground.at("a pass that never ends")
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    yield Figure("its child", child.pid)
    time.sleep(600)


def crash(ground: Ground) -> Iterator[Figure]:
    """Reads where nothing is."""
    yield Figure("before it crashes", 1, most=2)
    ground.at("a bad pointer")
    ctypes.string_at(0)
