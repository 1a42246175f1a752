"""Machine: whatever runs engines, and all that is asked of it. LocalMachine is this computer.

The session and the engine host know a machine by this alone, so that engines may run elsewhere:
what they give it names pipelines and values, its folders and GPUs are its own. How much memory
there is says `fit.py`, which GPUs `gpu.py`; what a pipeline needs `engine/cost/`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from bridge.downloads.inventory import Weights
from bridge.settings import Settings
from bridge.workers import gpu
from bridge.workers.client import News, WorkerClient, WorkerConfig, WorkerPlace
from bridge.workers.fit import Free, alone, fit_within, gpu_fit, now
from bridge.workers.loras import LoraSizes
from engine.catalog.rows import Catalog, PipelineRow
from engine.cost.fit import Fit
from engine.files.library import Library
from engine.parameters import Load, Value
from engine.system import commit


class Machine(Protocol):
    """Any thread may call any method. `size` is WIDTHxHEIGHT or auto; a Fit may take a second,
    where the disk with the LoRAs sleeps.
    """

    @property
    def weights(self) -> Weights:
        """What each pipeline is loaded from there, what it lacks of that, and the downloads."""
        ...

    def gpus(self) -> Sequence[gpu.Gpu]:
        """Its GPUs, with what is free of each now."""
        ...

    def free(self, mine: float = 0) -> Free:
        """What is free for the shown pipeline's worker: of the GPU what was free before any worker
        took of it, of the other memory what is free now and the `mine` bytes that the worker has.
        """
        ...

    def fit(self, row: PipelineRow, load: Load, size: str, mine: float = 0) -> Fit:
        """How a pipeline fits into what is `free`, in place of the one that is shown."""
        ...

    def fit_alone(self, row: PipelineRow, load: Load, size: str) -> Fit:
        """The same where no other program takes of the computer's memory."""
        ...

    def fit_beside(self, row: PipelineRow, load: Load, size: str) -> Fit:
        """The same beside the workers that run now."""
        ...

    def gpu_fit(self, row: PipelineRow, load: Load, size: str) -> Fit:
        """What a pipeline needs of the GPU, for a reader; see `bridge.workers.fit.gpu_fit`."""
        ...

    def start(
        self,
        config: WorkerConfig,
        heard: Callable[[WorkerClient, News], None],
        number: int,
        values: Mapping[str, Value],
    ) -> WorkerClient:
        """Start a worker with snapshot `number` of the parameters; `heard` is told all it says, by
        a thread of its own. OSError or RingError where it cannot be started.
        """
        ...


class LocalMachine:
    """This computer: a worker is a process of it; tests run it as a thread."""

    def __init__(
        self,
        settings: Settings,
        catalog: Catalog,
        chosen: Callable[[PipelineRow], Load],
        came: Callable[[str], None],
    ) -> None:
        """`chosen` and `came` as in `Weights`. To be made before any worker runs. ValueError where
        there is no such GPU as the settings ask for.
        """
        library = Library(settings.models_folder, settings.more_models)
        self.weights = Weights(catalog, library, chosen, came)
        self._loras = LoraSizes(library)
        self._place = WorkerPlace(
            assets=settings.assets,
            models=settings.models_folder,
            more_models=settings.more_models,
            in_process=settings.engine == "process",
            gpu=settings.gpu,
        )
        self._gpu_at_first = self._gpu_free()

    def gpus(self) -> Sequence[gpu.Gpu]:
        """See `Machine.gpus`."""
        return gpu.gpus()

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
        fit = gpu_fit(row, load, size, self._gpu_free(), self._loras.bytes(load))
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
    ) -> WorkerClient:
        """See `Machine.start`."""
        worker = WorkerClient(config, self._place, heard)
        worker.start(number, values)
        return worker

    def _gpu_free(self) -> int | None:
        card = gpu.chosen(self._place.gpu, self.gpus())
        return card.free if card else None


# The settings, the catalog, and `chosen` and `came` of `Weights`, to a machine
MachineFactory = Callable[
    [Settings, Catalog, Callable[[PipelineRow], Load], Callable[[str], None]], Machine
]
