"""A machine for tests: this one, with GPUs and free memory of the test's own."""

from collections.abc import Sequence
from dataclasses import replace

from bridge.workers.client import WorkerClient
from bridge.workers.fit import Free
from bridge.workers.machine import LocalMachine
from engine.system.devices import Gpu

PLENTY = Free(None, 1 << 50, 1 << 50)


class StagedMachine(LocalMachine):
    """What a test wants to be there; its attributes may be changed at any time."""

    def __init__(self, *given, cards: Sequence[Gpu] = (), there: Free = PLENTY) -> None:
        self.cards, self.there = cards, there
        self.refusal: OSError | None = None  # instead of a worker
        self.started: list[WorkerClient] = []
        super().__init__(*given)

    def gpus(self, patience: float | None = None) -> Sequence[Gpu]:
        return self.cards

    def free(self, mine: float = 0) -> Free:
        return replace(self.there, memory=self.there.memory + int(mine))

    def start(self, *given) -> WorkerClient:
        if self.refusal:
            raise self.refusal
        self.started.append(super().start(*given))
        return self.started[-1]
