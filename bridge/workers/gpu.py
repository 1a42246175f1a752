"""The GPUs of this machine, as NVIDIA's driver knows them.

Asked by way of NVML, which needs no CUDA context and so none of a GPU's memory. Where there is no
NVIDIA driver there is no GPU here, which is no error.

One GPU is shared in time between the programs that use it: CUDA's default priority is the lowest
there is, and priorities count only among the streams of one program. So nothing that an engine
says about itself makes room for the program beside it. What does is to ask less of the GPU:
`max_fps`, a smaller size, or another GPU (`--gpu`).
"""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pynvml


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU by its number, as `nvidia-smi` counts; `free` in bytes, None where the driver does
    not say, as where a GPU has no memory of its own.
    """

    number: int
    name: str
    free: int | None


def gpus() -> list[Gpu]:
    """Every NVIDIA GPU; none without a driver."""
    with _nvml() as there:
        return [_gpu(number) for number in range(pynvml.nvmlDeviceGetCount())] if there else []


def chosen(number: int | None, found: Sequence[Gpu]) -> Gpu | None:
    """Of the GPUs that were `found` the one that engines run on; None where that cannot be said:
    without a GPU, and where several are there and none is chosen.

    ValueError where there is no GPU of that number.
    """
    if number is None:
        return found[0] if len(found) == 1 else None
    if number < len(found):
        return found[number]
    there = ", ".join(f"{gpu.number} ({gpu.name})" for gpu in found)
    cure = f"choose {there}" if there else "no NVIDIA driver answers; leave --gpu out"
    raise ValueError(f"There is no GPU {number} on this machine: {cure}.")


def environment(number: int | None) -> dict[str, str]:
    """What a worker's environment says, so that it sees that GPU alone; nothing without a choice,
    so that what the user says there of his own holds.
    """
    if number is None:
        return {}
    # CUDA counts the fastest first unless told to count as the driver does
    return {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": str(number)}


@contextmanager
def _nvml() -> Generator[bool]:
    """Whether the driver answers, for as long as it is asked."""
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
