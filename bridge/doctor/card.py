"""GPU checks of `spout-bridge doctor`: is there one, does torch run on it, how fast."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec

from bridge.doctor.check import Check
from bridge.settings import Settings
from bridge.workers.card import tried, verdict
from bridge.workers.fit import gpu_fit
from engine.catalog.rows import BUILT_IN, PipelineRow
from engine.files.library import Library, size_text
from engine.system import devices
from engine.system.devices import Gpu
from engine.system.installation import pip, with_extra
from engine.system.texts import counted

RUNS = "torch runs on"
NOWHERE = "no GPU of this machine"
PIPELINES = "pipelines"
NO_ANSWER = "none: no NVIDIA driver answers, so pipelines run on the CPU"


def card(settings: Settings) -> Iterator[Check]:
    """Each GPU, whether torch runs on the one used by engines, and which pipelines can run."""
    found = devices.gpus(devices.LONG)
    if trouble := devices.trouble():
        yield Check("NVIDIA GPU", f"unknown: {trouble}")
    else:
        yield from (_gpu(gpu) for gpu in found)
        if not found:
            yield Check("NVIDIA GPU", NO_ANSWER)
    environment = devices.environment(settings.gpu, cpu=settings.device == "cpu")
    gpu = devices.first_shown(found, {**os.environ, **environment})
    library = Library(settings.models_folder, settings.more_models)
    needs = {row.id: _need(row, library, settings.size, gpu) for row in BUILT_IN if row.extra}
    yield from needs.values()  # before any advice on torch: the GPU may be too small anyway
    usable = True
    for check in _torch(settings, found):
        usable = usable and not (check.name == RUNS and check.problem)
        yield check
    yield _pipelines(needs, usable=usable)


def missing() -> str:
    """Why the generating pipelines cannot run before their packages are installed: one sentence
    with the cure, empty if they are.
    """
    lacking: dict[str, list[str]] = {}
    for row in BUILT_IN:
        if row.extra and any(find_spec(package) is None for package in row.packages):
            lacking.setdefault(row.extra, []).append(row.id)
    return " ".join(
        f"{', '.join(names)} need the extra `{extra}`: {with_extra(extra)}."
        for extra, names in lacking.items()
    )


def _gpu(gpu: Gpu) -> Check:
    driver = devices.driver()
    chip = "{}.{}".format(*gpu.capability) if gpu.capability else "unknown"
    memory = "memory unknown"
    if gpu.free is not None and gpu.total is not None:
        memory = f"{gpu.free / 1e9:.1f} of {gpu.total / 1e9:.1f} GB free"
    cuda = "CUDA {}.{}".format(*driver.cuda)
    told = f"{gpu.number}: {gpu.name}, compute capability {chip}, driver {driver.version} ({cuda})"
    return Check("NVIDIA GPU", f"{told}, {memory}")


def _torch(settings: Settings, found: Sequence[Gpu]) -> Iterator[Check]:
    """Whether torch runs on the GPU, tried in another process; nothing without either."""
    try:
        wanted = None if devices.trouble() else settings.gpu
        devices.chosen(wanted, found, cpu=settings.device == "cpu")
    except ValueError as error:
        yield Check(RUNS, NOWHERE, str(error))
        return
    environment = devices.environment(settings.gpu, cpu=settings.device == "cpu")
    seen = verdict(found, environment, lambda _: tried(environment))
    if seen.build is None:
        return
    if seen.why:
        yield Check(RUNS, NOWHERE, f"The generating pipelines cannot run on {seen.why}.")
    elif seen.gpu is None:
        yield Check(RUNS, "the CPU, as chosen" if found else "the CPU")
    else:
        yield Check(RUNS, f"{seen.gpu.name}, {seen.build}")
        yield from _triton()


def _triton() -> Iterator[Check]:
    if find_spec("triton"):
        return
    package = "triton-windows" if sys.platform == "win32" else "triton"
    yield Check(
        "triton", "not installed",
        f"Triton is missing, so no layer is compiled and frames are made more slowly: run `{pip()} "
        f"install {package}`.",
    )  # fmt: skip


def _need(row: PipelineRow, library: Library, size: str, gpu: Gpu | None) -> Check:
    """The files of a generating pipeline, and whether it fits into the GPU's memory."""
    load = row.load()
    gone = library.missing(row.needs(load).values())
    fit = gpu_fit(row, load, size, gpu.free if gpu else None, 0)
    files = f"{counted(len(gone), 'file')} of {size_text(sum(one.size for one in gone))}"
    names = ", ".join(one.file for one in gone)
    there = f"missing {files}: {names}" if gone else "all files downloaded"
    small = "" if fit.fits else f"{fit.told(row.id)}."
    lost = f"{row.id} is missing {files}: run `{library.command(row.id)}`." if gone else ""
    return Check(row.id, f"{there}; {fit}", lacks=f"{small} {lost}".strip())


def _pipelines(needs: Mapping[str, Check], *, usable: bool) -> Check:
    """The pipelines that could run here. If none of those that generate could, what they lack
    beside a torch that is `usable`.
    """
    installs = missing()
    runs = [name for name, need in needs.items() if usable and not installs and not need.lacks]
    others = [
        row.id
        for row in BUILT_IN
        if row.id not in needs and all(find_spec(package) for package in row.packages)
    ]
    lacks = [] if runs else [*(need.lacks for need in needs.values()), installs]
    return Check(PIPELINES, ", ".join([*others, *runs]), lacks=" ".join(filter(None, lacks)))
