"""Can torch use this machine's GPU? If not, pipelines that need torch are refused, so that none
runs on the CPU by accident.

Its files show what torch was built for; one kernel in a separate process (`engine/worker/probe.py`)
shows whether it runs, once for each torch, driver and GPU: a success is recorded in the data
folder.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter

from bridge.system.aside import Aside
from bridge.system.processes import death, kill_with_parent, speaking_utf8
from engine.system import builds, devices, held
from engine.system.builds import Build, Found
from engine.system.devices import Gpu
from engine.system.json_values import is_object

PROBE = "engine.worker.probe"  # the module that tries a GPU
DEADLINE = 120.0  # seconds for it: importing torch from a cold disk may take a minute
PATIENCE = 3.0  # seconds that a caller waits
AGAIN = 60.0  # seconds until a failed check is repeated; twice as long each time
RECORD = "gpu.json"
MOST = 8  # findings kept
ASKED = "The first check of the GPU with this torch and driver"  # begins a SlowError


def tried(environment: Mapping[str, str]) -> Found:
    """What torch reports about the GPU, tested in a process with the `environment` of a worker.
    Takes seconds, at most `DEADLINE`.
    """
    command = [sys.executable, "-P", "-m", PROBE]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env={**speaking_utf8(), **environment},
    )  # fmt: skip
    kill_with_parent(process)
    try:
        printed, _ = process.communicate(timeout=DEADLINE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return Found(error=f"it has not answered for {DEADLINE:.0f} s")
    try:
        return Found.of(printed)
    except ValueError:
        return Found(error=f"the process that tried it {death(process.returncode)}")


@dataclass(frozen=True, slots=True)
class Verdict:
    """The GPU and the torch that a worker would use, None if it has none, and `why` they do not
    work together, as in `CardCheck.trouble`.
    """

    gpu: Gpu | None
    build: Build | None
    why: str = ""


def verdict(
    found: Sequence[Gpu], environment: Mapping[str, str], seen: Callable[[str], Found]
) -> Verdict:
    """Whether a worker with this `environment` can use the GPU that it would see of those `found`.
    `seen` tries it, if need be; it gets a text that differs for each torch, driver and GPU.
    """
    sees = {**os.environ, **environment}
    gpu = devices.first_shown(found, sees)
    build = builds.installed()
    if build and (why := builds.unseen(found, sees)):
        return Verdict(gpu, build, why)
    if gpu is None or build is None:
        return Verdict(gpu, build)
    driver = devices.driver()
    if build.cuda is None:
        return Verdict(gpu, build, builds.refusal(gpu, build, driver))
    told = seen(f"torch {build.version}, driver {driver.version}, {gpu.name}, {environment}")
    gpu = replace(gpu, name=told.name or gpu.name, capability=told.capability or gpu.capability)
    build = told.build if told.version else build
    return Verdict(gpu, build, builds.refusal(gpu, build, driver, told.error) if told.error else "")


class CardCheck:
    """Any thread may call it; each check runs once, in a thread of its own."""

    def __init__(
        self,
        folder: Path,
        number: int | None,
        gpus: Callable[[], Sequence[Gpu]],
        *,
        cpu: bool,
    ) -> None:
        """`folder` stores the results; `number` and `cpu` are the user's choice, `gpus` lists the
        GPUs.
        """
        self._record = folder / RECORD
        self._gpus = gpus
        self._environment = devices.environment(number, cpu=cpu)
        self._aside = Aside()
        self._known: dict[str, Found] = {}
        self._failures, self._failed_at = 0, 0.0

    def trouble(self) -> str:
        """Why torch cannot use the GPU, to follow "cannot run on": the GPU, the reason and the
        cure; empty if it can, if there is none, or if the CPU was chosen.

        SlowError while that is unknown.
        """
        return self._aside.ask(ASKED, self._look, PATIENCE)

    def _look(self) -> str:
        return verdict(self._gpus(), self._environment, self._seen).why

    def _seen(self, key: str) -> Found:
        """The result for this torch, driver and GPU, from now or from before."""
        known = self._known.get(key) or self._kept().get(key)
        pause = AGAIN * 2 ** max(0, self._failures - 1)
        if known and (not known.error or perf_counter() - self._failed_at < pause):
            return known
        known = tried(self._environment)
        self._known[key] = known
        if known.error:
            self._failures, self._failed_at = self._failures + 1, perf_counter()
        else:
            self._keep(key, known)
        return known

    def _kept(self) -> dict[str, Found]:
        """The successes of this and earlier runs."""
        with suppress(OSError, ValueError):
            content = json.loads(held.patiently(self._record.read_bytes))
            if is_object(content):
                return {key: Found.of(json.dumps(one)) for key, one in content.items()}
        return {}

    def _keep(self, key: str, found: Found) -> None:
        every = [*{**self._kept(), key: found}.items()][-MOST:]
        beside = self._record.with_name(f"{RECORD}.{os.getpid()}")
        # Without a record the next start tries again.
        with suppress(OSError):
            self._record.parent.mkdir(parents=True, exist_ok=True)
            beside.write_text(json.dumps({name: asdict(one) for name, one in every}), "utf-8")
            held.replace(beside, self._record)
