"""GPU checks of `spout-bridge doctor`: is there one, does torch run on it, how fast."""

import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec

from bridge.doctor.check import Check
from bridge.settings import Settings
from bridge.workers.card import tried, verdict
from engine.catalog.rows import BUILT_IN
from engine.system import devices
from engine.system.devices import Gpu
from engine.system.installation import pip, with_extra

RUNS = "torch runs on"
NO_ANSWER = "none: no NVIDIA driver answers, so pipelines run on the CPU"


def card(settings: Settings) -> Iterator[Check]:
    """Each GPU, whether torch runs on the one used by engines, and which pipelines can run."""
    found = devices.gpus()
    yield from (_gpu(gpu) for gpu in found)
    if not found:
        yield Check("NVIDIA GPU", NO_ANSWER)
    usable = True
    for check in _torch(settings, found):
        usable = usable and not (check.name == RUNS and check.problem)
        yield check
    yield _pipelines(usable=usable)


def missing() -> str:
    """Why the generating pipelines cannot run before their packages are installed: one sentence
    with the cure, empty if they are.
    """
    lacking: dict[str, list[str]] = {}
    for row in BUILT_IN:
        if any(find_spec(package) is None for package in row.packages):
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
        devices.chosen(settings.gpu, found)
    except ValueError as error:
        yield Check(RUNS, "nothing", str(error))
        return
    environment = devices.environment(settings.gpu, cpu=settings.device == "cpu")
    seen = verdict(found, environment, lambda _: tried(environment))
    if seen.build is None:
        return
    if seen.gpu is None:
        yield Check(RUNS, "the CPU, as chosen" if found else "the CPU")
    elif seen.why:
        yield Check(RUNS, "nothing", f"The generating pipelines cannot run on {seen.why}.")
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


def _pipelines(*, usable: bool) -> Check:
    """The pipelines that could run here, weights aside."""
    able = [row.id for row in BUILT_IN if not row.packages or (usable and not missing())]
    return Check("pipelines", ", ".join(able))
