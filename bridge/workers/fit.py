"""Whether a pipeline fits on this machine at a size: its memory, and that of its frames.

Checked before any worker is touched, so that a refusal does not affect the running one.
"""

import shutil
import sys
from dataclasses import dataclass, replace

import psutil

from engine import sizes
from engine.catalog.controls import CausalLoad
from engine.catalog.rows import PipelineRow
from engine.catalog.specs import DEMO, DEMO_VAE_WIDTH
from engine.cost.fit import NOTHING, Fit, fit_of, pixels
from engine.cost.memory import GPU, Setting, need, total
from engine.ipc.segments import folder
from engine.parameters import Load
from engine.system import commit

PIXEL = 4  # bytes
STAYS = ("network", "VACE", "LoRAs", "text encoder", "VAE")  # parts independent of the size


@dataclass(frozen=True, slots=True)
class Free:
    """Bytes free for one worker: of GPU memory (None without a GPU or if unknown), of the
    computer's memory, and of the shared memory that frames are kept in.
    """

    gpu: int | None
    memory: int
    shared: int


def now(gpu: int | None, mine: float) -> Free:
    """What is free now. `gpu` is what was free of the GPU before any worker started, `mine` the
    bytes of the computer's memory held by the worker that is reused at another size.
    """
    memory = commit.available() + int(mine)
    shared = memory if sys.platform in ("win32", "darwin") else shutil.disk_usage(folder()).free
    return Free(gpu, memory, shared)


def alone(gpu: int | None) -> Free:
    """What would be free with nothing else on this machine; `gpu` as in `now`."""
    memory = psutil.virtual_memory().total
    shared = memory if sys.platform in ("win32", "darwin") else shutil.disk_usage(folder()).total
    return Free(gpu, memory, shared)


def fit_within(row: PipelineRow, load: Load, size: str, there: Free, loras: int) -> Fit:
    """How a pipeline fits into `there` at `size`: into the memory that is too small, or else into
    the one that holds its network. `loras` are the bytes of LoRAs that stay live.
    """
    if row.native_size:
        return NOTHING
    width, height = sizes.floored(*(sizes.sides(size) or sizes.LARGEST_AUTO), row.multiple)
    pictures = shared_bytes(row, width, height)
    if pictures > there.shared:
        cure = commit.cure()
        return Fit(pictures, there.shared, memory="shared memory", part="pictures", cure=cure)
    worker = row.pixel_bytes * width * height
    if row.spec is not None and isinstance(load, CausalLoad):
        setting = _setting(load, there, loras)
        spec = replace(row.spec, network=DEMO) if load.weights == "demo" else row.spec
        parts = need(spec, load, width, height, setting)
        kept = ["text encoder"] if load.weights == "demo" else []  # demo weights have none
        worker = total(parts, STAYS)  # the worker itself has counted these when loading
        if there.gpu is not None:
            return fit_of(spec, load, (width, height), there.gpu, setting, kept)
    fit = Fit(worker + pictures, there.memory, memory="memory")
    return fit if fit.fits else replace(fit, cure=commit.cure())


def gpu_fit(row: PipelineRow, load: Load, size: str, free: int | None, loras: int) -> Fit:
    """What a pipeline needs of a GPU with `free` bytes; `NOTHING` if that is little. `size` is
    WIDTHxHEIGHT or auto, `loras` as in `fit_within`.
    """
    if row.spec is None or not isinstance(load, CausalLoad) or load.weights == "demo":
        return NOTHING
    setting = Setting(loras=loras)
    if free is not None:
        return fit_of(row.spec, load, pixels(size), free, setting)
    width, height = pixels(size)
    needed = total(need(row.spec, load, width, height, setting))
    return Fit(needed, None, memory=f"a GPU's memory at {width}x{height}")


def shared_bytes(row: PipelineRow, width: int, height: int) -> int:
    """Shared memory for the frames to a worker and back, beside those of the previous size, which
    are not yet free.
    """
    return (max(row.block, 2) + 2 * row.block + 2) * PIXEL * width * height


def _setting(load: CausalLoad, there: Free, loras: int) -> Setting:
    setting = GPU if there.gpu is not None else Setting(value=4, gpu=False)
    if load.weights == "demo":
        return replace(setting, vae_width=DEMO_VAE_WIDTH[load.vae])
    return replace(setting, loras=loras)
