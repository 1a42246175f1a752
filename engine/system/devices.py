"""The GPUs of this machine, as reported by NVIDIA's driver. Free of torch.

Read through NVML, which needs no CUDA context and so no GPU memory. Without an NVIDIA driver there
is no GPU; that is not an error.

Programs share a GPU in time slices: CUDA's default priority is the lowest, and priorities apply
only to the streams of one program. So an engine cannot yield to the program beside it. What helps
is asking less of the GPU: `max_fps`, a smaller size, or another GPU (`--gpu`).
"""

import os
import re
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import pynvml

T = TypeVar("T")

VISIBLE = "CUDA_VISIBLE_DEVICES"
LOST = "a GPU that does not answer"  # in place of its name: it needs a restart of the machine
HIDDEN = "-1"  # in VISIBLE: none; Windows takes an empty value for no value
# Reasons for throttling a GPU, by NVML's bits. Those that the user or an idle GPU sets are left
# out.
SLOWING = {
    pynvml.nvmlClocksThrottleReasonSwThermalSlowdown: "heat",
    pynvml.nvmlClocksThrottleReasonHwThermalSlowdown: "heat",
    pynvml.nvmlClocksThrottleReasonHwPowerBrakeSlowdown: "power supply",
    pynvml.nvmlClocksThrottleReasonSwPowerCap: "power limit",
    pynvml.nvmlClocksThrottleReasonHwSlowdown: "heat or power supply",
}


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU by its number, as `nvidia-smi` counts. None where the driver does not report it:
    `free` and `total` memory in bytes, for a GPU without memory of its own; `capability`, CUDA's
    version of the chip, as (8, 9).
    """

    number: int
    name: str
    free: int | None
    total: int | None = None
    capability: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Driver:
    """NVIDIA's driver: its version as text, and the newest CUDA that it runs, as (12, 8). Empty
    and (0, 0) where unknown.
    """

    version: str = ""
    cuda: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Load:
    """The load of a GPU: its temperature in °C and used memory in bytes, both None if unknown, and
    the reason it is throttled, in words; empty if it is not.
    """

    temperature: int | None = None
    used: int | None = None
    slowed_by: str = ""


def gpus() -> list[Gpu]:
    """Every NVIDIA GPU; none without a driver."""
    with _nvml() as there:
        count = _asked(pynvml.nvmlDeviceGetCount) if there else None
        return [_gpu(number) for number in range(count or 0)]


def driver() -> Driver:
    """The driver of this machine; an empty one without."""
    with _nvml() as there:
        if not there:
            return Driver()
        version = _asked(pynvml.nvmlSystemGetDriverVersion)
        cuda = _asked(pynvml.nvmlSystemGetCudaDriverVersion_v2) or 0
    return Driver(str(version or ""), (cuda // 1000, cuda % 1000 // 10))


def load_of(number: int) -> Load:
    """The load of the GPU of that number; an empty `Load` if the driver does not answer."""
    with _nvml() as there:
        handle = _asked(lambda: pynvml.nvmlDeviceGetHandleByIndex(number)) if there else None
        if handle is None:
            return Load()
        sensor = pynvml.NVML_TEMPERATURE_GPU
        temperature = _asked(lambda: pynvml.nvmlDeviceGetTemperature(handle, sensor))
        memory = _asked(lambda: pynvml.nvmlDeviceGetMemoryInfo(handle))
        bits = _asked(lambda: pynvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle)) or 0
    words = dict.fromkeys(word for bit, word in SLOWING.items() if bits & bit)
    if len(words) > 1:  # the last only means one of the others
        words.pop(SLOWING[pynvml.nvmlClocksThrottleReasonHwSlowdown], None)
    return Load(temperature, int(memory.used) if memory else None, " and ".join(words))


def chosen(number: int | None, found: Sequence[Gpu], *, cpu: bool = False) -> Gpu | None:
    """The GPU among those `found` that engines run on; None without a GPU, or with several and no
    choice.

    ValueError if there is no GPU of that number, or the CPU is chosen beside it.
    """
    if cpu and number is not None:
        raise ValueError("--device cpu uses no GPU; leave it or --gpu out.")
    if number is None:
        return found[0] if len(found) == 1 else None
    if number < len(found):
        return found[number]
    there = ", ".join(f"{gpu.number} ({gpu.name})" for gpu in found)
    cure = f"choose {there}" if there else "no NVIDIA driver answers; leave --gpu out"
    raise ValueError(f"There is no GPU {number} on this machine: {cure}.")


def environment(number: int | None, *, cpu: bool = False) -> dict[str, str]:
    """Environment of a worker that shows it only that GPU, or with `cpu` none; empty without a
    choice, so that the user's own setting holds.
    """
    if cpu:
        return {VISIBLE: HIDDEN}
    if number is None:
        return {}
    # CUDA counts the fastest first unless set to the driver's order
    return {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", VISIBLE: str(number)}


def first_shown(found: Sequence[Gpu], environment: Mapping[str, str] = os.environ) -> Gpu | None:
    """The GPU among those `found` that CUDA would use, as far as known: with several, the fastest
    counts, which need not be the first. None without one, or if the user hides all.
    """
    if not found or hidden(environment):
        return None
    number = re.match(r"\s*(\d+)", environment.get(VISIBLE, "0"))
    place = int(number[1]) if number else 0
    return found[place] if place < len(found) else None


def hidden(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the environment hides every GPU from CUDA, which is the user's choice."""
    value = environment.get(VISIBLE)
    return value is not None and re.match(r"\s*(-\d|$)", value) is not None


@contextmanager
def _nvml() -> Generator[bool]:
    """Whether the driver answers; open while inside."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        yield False
        return
    try:
        yield True
    finally:
        pynvml.nvmlShutdown()


def _gpu(number: int) -> Gpu:
    handle = _asked(lambda: pynvml.nvmlDeviceGetHandleByIndex(number))
    if handle is None:
        return Gpu(number, LOST, None)
    name = _asked(lambda: pynvml.nvmlDeviceGetName(handle))
    memory = _asked(lambda: pynvml.nvmlDeviceGetMemoryInfo(handle))
    capability = _asked(lambda: pynvml.nvmlDeviceGetCudaComputeCapability(handle))
    return Gpu(
        number,
        LOST if name is None else str(name),
        int(memory.free) if memory else None,
        int(memory.total) if memory else None,
        (int(capability[0]), int(capability[1])) if capability else None,
    )


def _asked(call: Callable[[], T]) -> T | None:
    """The driver's answer; None if it has none for this GPU or version."""
    try:
        return call()
    except pynvml.NVMLError:
        return None
