"""The machine under test: its names, its rates, its clocks under load."""

import platform
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from time import perf_counter
from typing import Any, TypeAlias

import torch
import torch.nn.functional as F

from engine.catalog.specs import NetworkSize
from engine.cost.gpus import Rates

Mark: TypeAlias = torch.cuda.Event | float  # without CUDA, seconds
TRIES = 5  # of each rate; the fastest counts
COPIED = 2**26  # numbers
TOKENS = 1024


class Clock:
    """Marks on the device's timeline, so that timing a stage does not block."""

    def __init__(self, device: torch.device) -> None:
        self._cuda = device.type == "cuda"

    def mark(self) -> Mark:
        """The current point on the device's timeline."""
        if not self._cuda:
            return perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def wait(self) -> None:
        """Wait until the device is idle."""
        if self._cuda:
            torch.cuda.synchronize()

    @staticmethod
    def between(start: Mark, end: Mark) -> float:
        """Seconds between two marks that the device has passed."""
        if isinstance(start, torch.cuda.Event) and isinstance(end, torch.cuda.Event):
            return start.elapsed_time(end) / 1000
        assert isinstance(start, float)
        assert isinstance(end, float)
        return end - start


def described(device: torch.device) -> dict[str, str]:
    """The context of the figures."""
    about = {"torch": torch.__version__, "python": platform.python_version()}
    if device.type == "cuda":
        about["device"] = torch.cuda.get_device_name(device)
        about["cuda"] = f"{torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}"
    else:
        about["device"] = f"{platform.machine()} CPU, {torch.get_num_threads()} threads"
    return about


@cache
def own_rates(size: NetworkSize, dtype: torch.dtype, device: torch.device) -> Rates:
    """Rates of this device's kernels at this network's shapes, the fastest of several tries."""
    made: dict[str, Any] = {"dtype": dtype, "device": device}
    x, weight = torch.randn(TOKENS, size.dim, **made), torch.randn(size.ffn, size.dim, **made)
    query = torch.randn(1, size.heads, TOKENS, size.head_dim, **made)
    one, other = torch.zeros(COPIED, **made), torch.zeros(COPIED, **made)
    linear = fastest(lambda: F.linear(x, weight), device)
    attention = fastest(lambda: F.scaled_dot_product_attention(query, query, query), device)
    copy = fastest(lambda: one.copy_(other), device)
    return Rates(
        linear=2 * TOKENS * size.dim * size.ffn / linear,
        attention=4 * TOKENS * TOKENS * size.dim / attention,
        bandwidth=2 * COPIED * one.element_size() / copy,
    )


def fastest(work: Callable[[], object], device: torch.device) -> float:
    """Seconds that `work` takes on the device: the best of several tries."""
    clock = Clock(device)
    times: list[float] = []
    for _ in range(TRIES + 1):
        start = clock.mark()
        work()
        end = clock.mark()
        clock.wait()
        times.append(clock.between(start, end))
    return min(times)


class Watched:
    """The GPU's clock and power while entered, sampled twice a second from its driver."""

    PROGRAM = "nvidia-smi"
    QUERY = ("--query-gpu=clocks.sm,power.draw", "--format=csv,noheader,nounits", "-lms", "500")

    def __init__(self, device: torch.device) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._wanted = device.type == "cuda" and shutil.which(self.PROGRAM) is not None
        self.seen: list[tuple[float, float]] = []

    def __enter__(self) -> "Watched":
        if self._wanted:
            command = [self.PROGRAM, *self.QUERY]
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is None:
            return
        self._process.terminate()
        told = self._process.communicate()[0]
        rows = [line.split(",") for line in told.splitlines() if line.count(",") == 1]
        numbers = [row for row in rows if all(part.strip()[:1].isdigit() for part in row)]
        self.seen = [(float(clock), float(power)) for clock, power in numbers]

    def __str__(self) -> str:
        if not self.seen:
            return "unknown"
        clocks, powers = zip(*self.seen, strict=True)
        return f"at least {min(clocks):.0f} MHz, {sum(powers) / len(powers):.0f} W on average"
