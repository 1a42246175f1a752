"""The GPUs of this machine, as NVIDIA's driver knows them, and what fits on the one in use.

Asked by way of NVML, which needs no CUDA context and so none of a GPU's memory. Where there is no
NVIDIA driver there is no GPU here, which is no error.

One GPU is shared in time between the programs that use it: CUDA's default priority is the lowest
there is, and priorities count only among the streams of one program. So nothing that an engine
says about itself makes room for the program beside it. What does is to ask less of the GPU:
`max_fps`, a smaller size, or another GPU (`--gpu`).
"""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pynvml

from bridge.workers.loras import lora_bytes
from engine.catalog.controls import CausalLoad
from engine.catalog.rows import PipelineRow
from engine.cost.fit import NOTHING, Fit, fit_of, pixels
from engine.cost.memory import Setting, need, total
from engine.parameters import Load


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


def chosen(number: int | None) -> Gpu | None:
    """The GPU that engines run on, with what is free of it now; None where that cannot be said:
    without a GPU, and where several are there and none is chosen.

    ValueError where there is no GPU of that number.
    """
    found = gpus()
    if number is None:
        return found[0] if len(found) == 1 else None
    if number < len(found):
        return found[number]
    there = ", ".join(f"{gpu.number} ({gpu.name})" for gpu in found)
    cure = f"choose {there}" if there else "no NVIDIA driver answers; leave --gpu out"
    raise ValueError(f"There is no GPU {number} on this machine: {cure}.")


def free(number: int | None) -> int | None:
    """What is free now of the GPU that engines run on; None where that cannot be said."""
    card = chosen(number)
    return card.free if card else None


def environment(number: int | None) -> dict[str, str]:
    """What a worker's environment says, so that it sees that GPU alone; nothing without a choice,
    so that what the user says there of his own holds.
    """
    if number is None:
        return {}
    # CUDA counts the fastest first unless told to count as the driver does
    return {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": str(number)}


def fit(row: PipelineRow, load: Load, size: str, models: Path, free: int | None) -> Fit:
    """What a pipeline needs of a GPU's memory beside `free` bytes of it; `NOTHING` where that is
    little. `size` is WIDTHxHEIGHT or auto.
    """
    if row.spec is None or not isinstance(load, CausalLoad) or load.weights == "demo":
        return NOTHING
    setting = Setting(loras=lora_bytes(load, models))
    if free is not None:
        return fit_of(row.spec, load, pixels(size), free, setting)
    width, height = pixels(size)
    needed = total(need(row.spec, load, width, height, setting))
    return Fit(needed, None, memory=f"a GPU's memory at {width}x{height}")


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
