"""The GPUs of this machine, as reported by NVIDIA's driver.

Read through NVML, which needs no CUDA context and so no GPU memory. Without an NVIDIA driver there
is no GPU; that is not an error.

Programs share a GPU in time slices: CUDA's default priority is the lowest, and priorities apply
only to the streams of one program. So an engine cannot yield to the program beside it. What helps
is asking less of the GPU: `max_fps`, a smaller size, or another GPU (`--gpu`).
"""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pynvml


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU by its number, as `nvidia-smi` counts; `free` in bytes, None if the driver does not
    report it, as for a GPU without memory of its own.
    """

    number: int
    name: str
    free: int | None


def gpus() -> list[Gpu]:
    """Every NVIDIA GPU; none without a driver."""
    with _nvml() as there:
        return [_gpu(number) for number in range(pynvml.nvmlDeviceGetCount())] if there else []


def chosen(number: int | None, found: Sequence[Gpu]) -> Gpu | None:
    """The GPU among those `found` that engines run on; None without a GPU, or with several and no
    choice.

    ValueError if there is no GPU of that number.
    """
    if number is None:
        return found[0] if len(found) == 1 else None
    if number < len(found):
        return found[number]
    there = ", ".join(f"{gpu.number} ({gpu.name})" for gpu in found)
    cure = f"choose {there}" if there else "no NVIDIA driver answers; leave --gpu out"
    raise ValueError(f"There is no GPU {number} on this machine: {cure}.")


def environment(number: int | None) -> dict[str, str]:
    """Environment of a worker that shows it only that GPU; empty without a choice, so that the
    user's own setting holds.
    """
    if number is None:
        return {}
    # CUDA counts the fastest first unless set to the driver's order
    return {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": str(number)}


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
    handle = pynvml.nvmlDeviceGetHandleByIndex(number)
    name = str(pynvml.nvmlDeviceGetName(handle))
    try:
        memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    except pynvml.NVMLError:
        return Gpu(number, name, None)
    return Gpu(number, name, int(memory.free))
