"""Check that a pipeline fits into this machine's memory, before any file is read."""

from collections.abc import Collection
from dataclasses import replace

import torch

from engine.catalog.controls import CausalLoad
from engine.catalog.specs import CausalSpec
from engine.cost.fit import Fit, fit_of, pixels
from engine.cost.memory import Setting, need, vae_graph_bytes
from engine.cost.vae_layers import VAES
from engine.files.library import Library
from engine.pipeline import Context, InsufficientMemory
from engine.system import commit

STREAM = ("window", "VACE context", "VAE past", "pictures", "working", "graphs")  # parts of one


def checked_fit(
    spec: CausalSpec,
    load: CausalLoad,
    context: Context,
    device: torch.device,
    setting: Setting,
    kept: Collection[str],
) -> Fit:
    """How much of the free memory a pipeline needs; `kept` parts are already loaded.

    InsufficientMemory, with changes that would make it fit, if it is too much.
    """
    library = Library(context.models, context.more_models)
    setting = replace(setting, loras=library.lora_bytes(load))
    fit = fit_of(spec, load, pixels(context.size), free_bytes(device), setting, kept)
    if not fit.fits:
        cure = commit.cure() if device.type == "cpu" else ""
        raise InsufficientMemory(f"{replace(fit, cure=cure).told(spec.id)}.")
    return fit


def stream_fits(
    spec: CausalSpec,
    load: CausalLoad,
    size: tuple[int, int],
    device: torch.device,
    dtype: torch.dtype,
) -> bool:
    """Whether one more stream of a size fits into the free memory, beside what is loaded."""
    setting = Setting(value=dtype.itemsize, gpu=device.type == "cuda")
    parts = need(spec, load, *size, setting)
    return sum(parts.get(name, 0) for name in STREAM) <= free_bytes(device)


def vae_graphs_fit(
    load: CausalLoad,
    size: tuple[int, int],
    device: torch.device,
    dtype: torch.dtype,
    width: int | None,
) -> Fit:
    """How much of the free memory the VAE's graphs need for images of a size; `width` is that of
    the VAE's narrowest layer if not the released one.
    """
    area = size[0] * size[1]
    needed = vae_graph_bytes(VAES[load.vae], area, dtype.itemsize, width)
    return Fit(needed, free_bytes(device), part="CUDA graphs")


def kept_parts(load: CausalLoad, vae: str, text_encoder: str) -> list[str]:
    """The parts already in memory, given how the shared VAE and text encoder were loaded.

    The CUDA context is always one of them, because querying free memory creates it.
    """
    here = {"VAE": vae == load.vae, "text encoder": text_encoder == load.text_encoder}
    return ["CUDA", *(part for part, same in here.items() if same)]


def free_bytes(device: torch.device) -> int:
    """Memory of a device that can be allocated now."""
    if device.type != "cuda":
        return commit.available()
    # memory that torch has reserved but does not use is free as well
    unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return torch.cuda.mem_get_info(device)[0] + unused
