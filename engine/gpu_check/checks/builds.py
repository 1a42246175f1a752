"""What is installed, and whether it is made for this card."""

import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

import torch

from engine.catalog.controls import ATTENTION
from engine.causal.network.torch_typed import compile_static
from engine.gpu_check.ground import Ground
from engine.gpu_check.report import Figure
from engine.system.devices import driver, gpus, hidden, trouble

PACKAGES = ("torch", "diffusers", "transformers", "numpy")


def builds(ground: Ground) -> Iterator[Figure]:
    """Versions, the card, and one kernel of each kind."""
    yield Figure("system", platform.platform())
    yield Figure("python", platform.python_version())
    for package in PACKAGES:
        yield Figure(package, version(package))
    yield Figure("torch's CUDA", torch.version.cuda or "none: a build for the CPU")
    if not ground.toy:
        yield from _card(ground)
    elif ground.asked != "cpu":
        yield from _unused()
    for kernel, package in ATTENTION.items():
        yield Figure(f"package of {kernel}", _there(package))
    ground.at("a first kernel")
    ones = torch.ones(64, device=ground.device)
    yield Figure("error of a first kernel", abs(float((ones + ones).sum()) - 128), most=0)
    if ground.compiles and not ground.toy:
        ground.at("a kernel that Triton compiles")
        compiled = compile_static(_doubled)
        off = abs(float(compiled(ones).sum()) - 128)
        yield Figure("error of a compiled kernel", off, most=0)


def _card(ground: Ground) -> Iterator[Figure]:
    yield Figure("card", torch.cuda.get_device_name(ground.device))
    capability = torch.cuda.get_device_capability(ground.device)
    yield Figure("compute capability", "{}.{}".format(*capability))
    free, whole = torch.cuda.mem_get_info(ground.device)
    yield Figure("memory", whole / 1e9, "GB")
    yield Figure("memory free", free / 1e9, "GB")
    yield Figure("cuDNN", str(torch.backends.cudnn.version()))
    yield Figure("torch is built for", " ".join(torch.cuda.get_arch_list()))
    yield Figure("driver", driver().version or "unknown")


def _unused() -> Iterator[Figure]:
    """Cards that torch does not use, of a driver that fails too: the CPU only by accident."""
    names = ", ".join(gpu.name for gpu in gpus())
    if hidden():
        return
    if why := trouble():
        yield Figure("cards not used", f"the NVIDIA GPU: {why}", most=0)
    elif names:
        why = f"torch {torch.__version__} does not use it; see `spout-bridge doctor`"
        yield Figure("cards not used", f"{names}: {why}", most=0)


def _there(package: str) -> str:
    if find_spec(package) is None:
        return "missing"
    try:
        return version(package)
    except PackageNotFoundError:  # the package has another name than its module
        return "installed"


def _doubled(x: torch.Tensor) -> torch.Tensor:
    return x + x
