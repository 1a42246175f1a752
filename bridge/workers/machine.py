"""Machine: what engines run on, and its interface. LocalMachine is this computer.

The session and the engine host use only this interface, so that engines may run elsewhere: they
pass pipelines and values; folders and GPUs are the machine's own. Free memory is in `fit.py`, GPUs
in `engine/system/devices.py`, what a pipeline needs in `engine/cost/`.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from bridge.downloads.weights import Weights
from bridge.settings import Settings
from bridge.workers.cache import CacheFolder
from bridge.workers.card import CardCheck
from bridge.workers.client import News, WorkerClient, WorkerConfig, WorkerPlace
from bridge.workers.direct import Direct
from bridge.workers.fit import Free, alone, fit_within, gpu_fit, now
from bridge.workers.gpu_watch import GpuWatch
from bridge.workers.launch import Ahead
from bridge.workers.lora_sizes import LoraSizes
from engine.catalog.rows import Catalog, PipelineRow
from engine.cost.fit import Fit
from engine.files.library import Library
from engine.parameters import Load, Value
from engine.system import commit, devices

log = logging.getLogger(__name__)

GLANCE = 0.25  # seconds that the engine host, which watches its workers, waits for GPU memory


class Machine(Protocol):
    """All methods may be called from any thread. `size` is WIDTHxHEIGHT or auto; a Fit may take a
    second if the disk with the LoRAs is asleep.
    """

    @property
    def weights(self) -> Weights:
        """What each pipeline is loaded from there, what is missing, and the downloads."""
        ...

    def gpus(self, patience: float | None = None) -> Sequence[devices.Gpu]:
        """Its GPUs, with their free memory now, or as last known if the driver takes longer than
        `patience` seconds; None: `devices.PATIENCE`.
        """
        ...

    def gpu_load(self, device: str) -> devices.Load:
        """How its chosen GPU, or else the one named `device`, is doing; never waits."""
        ...

    def free(self, mine: float = 0) -> Free:
        """What is free for the shown pipeline's worker: on the GPU, as before any worker started;
        of the other memory, what is free now plus the `mine` bytes that the worker holds.
        """
        ...

    def fit(self, row: PipelineRow, load: Load, size: str, mine: float = 0) -> Fit:
        """How a pipeline fits into what is `free`, in place of the current one."""
        ...

    def fit_alone(self, row: PipelineRow, load: Load, size: str) -> Fit:
        """The same if no other program used the computer's memory."""
        ...

    def fit_beside(self, row: PipelineRow, load: Load, size: str) -> Fit:
        """The same beside the workers running now."""
        ...

    def gpu_fit(self, row: PipelineRow, load: Load, size: str) -> Fit:
        """What a pipeline needs of the GPU, for display; see `bridge.workers.fit.gpu_fit`."""
        ...

    def start(
        self,
        config: WorkerConfig,
        heard: Callable[[WorkerClient, News], None],
        number: int,
        values: Mapping[str, Value],
    ) -> WorkerClient:
        """Start a worker with snapshot `number` of the parameters; `heard` receives all its news,
        in a thread of its own. OSError or RingError if it cannot be started.
        """
        ...


class LocalMachine:
    """This computer: a worker is a process; with `--engine thread`, a thread."""

    def __init__(
        self,
        settings: Settings,
        catalog: Catalog,
        chosen: Callable[[PipelineRow], Load],
        came: Callable[[str], None],
        ahead: Ahead | None = None,
    ) -> None:
        """`chosen` and `came` as in `Weights`. Make it before any worker loads a pipeline; the
        first one is the process started `ahead`. ValueError if the GPU in the settings does not
        exist, or the CPU is chosen beside it.
        """
        self._ahead = ahead
        self._trouble = ""  # of the GPU's driver
        cpu = settings.device == "cpu"
        library = Library(settings.models_folder, settings.more_models)
        card = CardCheck(settings.folder, settings.gpu, self._gpus_checked, cpu=cpu)
        self.weights = Weights(catalog, library, chosen, came, card.trouble)
        self._loras = LoraSizes(library)
        self._cache = CacheFolder(settings.cache_folder)
        self._place = WorkerPlace(
            assets=settings.assets,
            models=settings.models_folder,
            more_models=settings.more_models,
            in_process=settings.engine == "process",
            gpu=settings.gpu,
            cpu=cpu,
        )
        found = self.gpus()
        self._late = not found and bool(devices.trouble())  # the driver may yet answer
        if cpu or not self._late:
            devices.chosen(settings.gpu, found, cpu=cpu)
        self._watch = GpuWatch(found, None if self._late else settings.gpu)
        self._gpu_at_first = self._gpu_free(found)

    def gpus(self, patience: float | None = None) -> Sequence[devices.Gpu]:
        """See `Machine.gpus`."""
        found, trouble = devices.gpus(patience), devices.trouble()
        if trouble and not self._trouble:  # once: its text may differ each time
            log.warning("The NVIDIA GPU cannot be used: %s.", trouble)
        self._trouble = trouble
        return found

    def gpu_load(self, device: str) -> devices.Load:
        """See `Machine.gpu_load`."""
        return self._watch.now(device)

    def free(self, mine: float = 0) -> Free:
        """See `Machine.free`."""
        return now(self._gpu_at_first, mine)

    def fit(self, row: PipelineRow, load: Load, size: str, mine: float = 0) -> Fit:
        """See `Machine.fit`."""
        return fit_within(row, load, size, self.free(mine), self._loras.bytes(load))

    def fit_alone(self, row: PipelineRow, load: Load, size: str) -> Fit:
        """See `Machine.fit_alone`."""
        there = alone(self._gpu_at_first)
        return fit_within(row, load, size, there, self._loras.bytes(load))

    def fit_beside(self, row: PipelineRow, load: Load, size: str) -> Fit:
        """See `Machine.fit_beside`."""
        free = self._gpu_free(self.gpus(GLANCE)) if row.spec else None
        fit = gpu_fit(row, load, size, free, self._loras.bytes(load))
        return Fit(row.memory, commit.available(), memory="memory") if fit.fits else fit

    def gpu_fit(self, row: PipelineRow, load: Load, size: str) -> Fit:
        """See `Machine.gpu_fit`."""
        return gpu_fit(row, load, size, self._gpu_at_first, self._loras.bytes(load))

    def start(
        self,
        config: WorkerConfig,
        heard: Callable[[WorkerClient, News], None],
        number: int,
        values: Mapping[str, Value],
        files: Path | None = None,
    ) -> WorkerClient:
        """See `Machine.start`; `files` is a folder with images in `assets` and LoRAs in `models`
        that are this worker's alone.
        """
        place = replace(self._place, cache=self._cache.usable())
        if files:
            more = (files / "models", *place.more_models)
            place = replace(place, assets=files / "assets", more_models=more)
        if config.row.direct:
            worker: WorkerClient = Direct(config, place, heard)
        else:
            worker = WorkerClient(config, place, heard, self._ahead)
        worker.start(number, values)
        return worker

    def _gpus_checked(self) -> Sequence[devices.Gpu]:
        """The GPUs, before any worker uses one: also the first answer of a driver that is late."""
        found = self.gpus()
        if self._late and found:
            self._late = False
            number = self._place.gpu
            self._watch = GpuWatch(found, number if number in range(len(found)) else None)
            self._gpu_at_first = self._gpu_free(found)
        return found

    def _gpu_free(self, found: Sequence[devices.Gpu]) -> int | None:
        if self._place.cpu or (self._place.gpu is None and devices.hidden()):
            return None
        with suppress(ValueError):  # it is gone, which `CardCheck` tells
            card = devices.chosen(self._place.gpu, found, cpu=self._place.cpu)
            return card.free if card else None
        return None


# From the settings, the catalog, and `chosen` and `came` of `Weights` to a machine
MachineFactory = Callable[
    [Settings, Catalog, Callable[[PipelineRow], Load], Callable[[str], None]], Machine
]
