"""Whether the installed torch runs on this machine's GPU; if not, why, and the command that fixes
it. Free of torch: its files say what it was built for, `engine/worker/probe.py` tries it.
"""

import json
import os
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from importlib import invalidate_caches
from importlib.metadata import PackageNotFoundError, requires
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from engine.system import devices
from engine.system.devices import Driver, Gpu
from engine.system.installation import NAME, with_uv
from engine.system.json_values import is_list, is_object
from engine.system.texts import quoted

LEAST_DRIVER = {11: "452", 12: "528", 13: "580"}  # that runs a CUDA of this major version
LEAST_CUDA = 12  # of the torch that we need
OLDEST = (5, 0)  # no build has code for older chips
CPU = "or start with `--device cpu`"  # the end of each refusal
DRIVERS = "https://www.nvidia.com/drivers"


class UnusableGpu(ValueError):
    """There is a GPU, but torch cannot use it; one sentence with the cure."""


@dataclass(frozen=True, slots=True)
class Build:
    """A build of torch: its version, and the CUDA it is made for, as (12, 8); None for none. It has
    code for the chips in `codes`, as torch names them: sm_86, compute_120.
    """

    version: str
    cuda: tuple[int, int] | None
    codes: tuple[str, ...] = ()

    def __str__(self) -> str:
        made = f" for CUDA {_dotted(self.cuda)}" if self.cuda else ""
        return f"torch {self.version}{made if '+cu' not in self.version else ''}"


@dataclass(frozen=True, slots=True)
class Found:
    """What `engine.worker.probe` prints: torch's version, the CUDA that it is made for and its
    `codes` as in `Build`, the GPU that it uses, and why a kernel fails on that; empty if it runs.
    """

    version: str = ""
    cuda: str = ""
    codes: tuple[str, ...] = ()
    name: str = ""
    capability: tuple[int, int] | None = None
    error: str = ""

    @classmethod
    def of(cls, text: str | bytes) -> "Found":
        """Of the JSON of its fields; ValueError for anything else."""
        told = json.loads(text)
        if not is_object(told) or set(told) != {field.name for field in fields(cls)}:
            raise ValueError("not a result of the probe")
        chip = told["capability"]
        numbers = [int(str(each)) for each in chip] if is_list(chip) else []
        return cls(
            version=str(told["version"]),
            cuda=str(told["cuda"]),
            codes=tuple(map(str, told["codes"])) if is_list(told["codes"]) else (),
            name=str(told["name"]),
            capability=(numbers[0], numbers[1]) if len(numbers) == 2 else None,
            error=str(told["error"]),
        )

    @property
    def build(self) -> Build:
        """The torch that was tested."""
        return Build(self.version, version_of(self.cuda), self.codes)


def installed() -> Build | None:
    """The installed torch, read from its files without importing it, so without its `codes`; None
    if there is none, or one for other chips than NVIDIA's.
    """
    invalidate_caches()
    found = find_spec("torch")
    if found is None or not found.submodule_search_locations:
        return None
    try:
        text = Path(found.submodule_search_locations[0], "version.py").read_text("utf-8")
    except OSError:
        return None
    told = dict(re.findall(r"^(\w+)[^=\n]*= *'([^'\n]*)'", text, re.MULTILINE))
    if told.get("hip") or told.get("xpu"):
        return None
    return Build(told.get("__version__", ""), version_of(told.get("cuda")))


def incomplete() -> str:
    """Why the installed torch cannot be imported, in a few words, as its files show: an
    installation was cut short. Empty otherwise, also if there is none.
    """
    invalidate_caches()
    found = find_spec("torch")
    if found is None or not found.submodule_search_locations:
        return ""
    folder = Path(found.submodule_search_locations[0])
    gone = [name for name in ("__init__.py", "version.py") if not (folder / name).exists()]
    return f"it has no {' and no '.join(gone)}" if gone else ""


def version_of(text: str | None) -> tuple[int, int] | None:
    """A version such as `12.8`, by its first two numbers; None if invalid."""
    numbers = re.match(r"(\d+)\.(\d+)", text or "")
    return (int(numbers[1]), int(numbers[2])) if numbers else None


def runs(codes: Collection[str], capability: tuple[int, int]) -> bool:
    """Whether a build with code for these chips runs on a chip of this compute capability: code of
    the same major version runs on it and on newer ones, `compute_` code on every newer chip.
    """
    for code in codes:
        found = re.fullmatch(r"(sm|compute)_(\d+)(\d)[a-z]?", code)
        if found is None:
            continue
        major, minor = int(found[2]), int(found[3])
        exact = code.endswith("a")  # sm_90a runs on its own chip alone
        if (major, minor) == capability:
            return True
        onward = found[1] == "compute" or major == capability[0]
        if onward and not exact and (major, minor) <= capability:
            return True
    return False


def refusal(gpu: Gpu, build: Build, driver: Driver, error: str = "") -> str:
    """Why torch does not run on a GPU, to follow "cannot run on": the GPU, the reason and the cure,
    as the end of a sentence. `error` is what torch itself said, in one line.
    """
    why, cure = _reason(gpu, build, driver, error)
    return f"{gpu.name}: {why}; {cure}, {CPU}"


def unseen(found: Sequence[Gpu], environment: Mapping[str, str] = os.environ) -> str:
    """Why CUDA shows no GPU to a worker with this `environment`, although there is one and the
    user does not hide all; in the form of `refusal`, empty if it shows one or there is none.
    """
    if devices.hidden(environment):
        return ""
    if trouble := devices.trouble():
        return f"the NVIDIA GPU: {trouble}; restart the machine, {CPU}"
    if not found or devices.first_shown(found, environment):
        return ""
    there = ", ".join(f"{gpu.number} ({gpu.name})" for gpu in found)
    name, numbers = devices.VISIBLE, " or ".join(f"{gpu.number}" for gpu in found)
    value = f"{name}={environment[name]}"
    return f"the GPU of {value}: this machine has {there}; set {name} to {numbers}, {CPU}"


def _reason(gpu: Gpu, build: Build, driver: Driver, error: str) -> tuple[str, str]:
    chip = gpu.capability
    if chip and chip < OLDEST:
        return f"its compute capability {_dotted(chip)} is too old for torch", "use another GPU"
    again = f"run `{command(chip)}`"
    if build.cuda is None:
        if driver.cuda[0] and driver.cuda[0] < LEAST_CUDA:
            why = f"{build} has no CUDA, and driver {driver.version} is too old for one that has it"
            cure = f"install driver {LEAST_DRIVER[LEAST_CUDA]} or newer from {DRIVERS}"
            return why, f"{cure}, then {again}"
        return f"{build} has no CUDA", again
    if driver.cuda[0] and driver.cuda[0] < build.cuda[0]:
        newer = LEAST_DRIVER.get(build.cuda[0], "of today")
        why = f"its driver {driver.version} is too old for {build}"
        cure = f"install driver {newer} or newer from {DRIVERS}"
        return why, f"{cure}, or {again}" if driver.cuda[0] >= LEAST_CUDA else cure
    if chip and build.codes and not runs(build.codes, chip):
        return f"{build} has no code for its compute capability {_dotted(chip)}", again
    return f"{build} fails on it ({error.rstrip('.') or 'it finds no GPU'})", again


def command(capability: tuple[int, int] | None, package: str = "torch") -> str:
    """The command that installs the torch build for a chip and this machine's driver, or another
    package again.
    """
    wanted = _wanted() if package == "torch" else package
    return f"{with_uv(capability)} --reinstall-package {package} {quoted(wanted)}"


def device(*, cuda: bool) -> Literal["cuda", "cpu"]:
    """Where torch computes, which says whether it can use CUDA: on the CPU only if there is no
    NVIDIA GPU, or every one is hidden from CUDA.

    UnusableGpu if there is one that torch cannot use.
    """
    if cuda:
        return "cuda"
    found, build = devices.gpus(), installed()
    if build and (why := unseen(found)):
        raise UnusableGpu(f"torch cannot run on {why}.")
    gpu = devices.first_shown(found)
    if gpu is None or build is None:
        return "cpu"
    raise UnusableGpu(f"torch cannot run on {refusal(gpu, build, devices.driver())}.")


@cache
def _wanted() -> str:
    """The torch version we require, from our own metadata: torch>=2.10."""
    try:
        named = requires(NAME) or []
    except PackageNotFoundError:
        return "torch"
    found = (re.match(r"torch\b[^;\[ ]*", line) for line in named)
    return next((match[0] for match in found if match), "torch")


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"
