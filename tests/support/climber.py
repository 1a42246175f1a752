"""A pipeline with rungs of its own: what it tries may take the process down, and it writes that
down before, as the ladder of the causal pipelines does. Told to, it warms up for a while.
"""

import os
import signal
import time
from collections.abc import Iterator, Sequence
from typing import Any

from engine.catalog.rows import PipelineRow
from engine.parameters import Load, Parameters, control
from engine.pipeline import Context, Image

RUNGS = ("rung 4", "rung 3", "rung 2", "rung 1", "rung 0")


class ClimberLoad(Load):
    deadly: int = control(0, "Rungs that kill, from the highest on.", minimum=0, maximum=4)
    forgets: bool = control(False, "Writes nothing down.")
    warm: int = control(8, "Shapes that become warm of the 8 that it has.", minimum=1, maximum=8)
    warms: float = control(0.0, "Seconds that a step of warming up takes.", minimum=0, maximum=60)


class ClimberParameters(Parameters):
    steps: int = control(4, "Steps.", minimum=1, maximum=8, shapes=True)


class Climber:
    """Gives back what it gets, once it has found a rung that holds."""

    def __init__(self, load: ClimberLoad, context: Context) -> None:
        assert context.cache
        self._load, self._context = load, context
        self._record = context.cache / "climber.txt"
        self._rung, self._tried = "", list[str]()
        self._warm: set[int] = set()
        self._blocks = 0

    def wanted(self, parameters: ClimberParameters) -> int:
        return 1

    def __call__(self, images: Sequence[Image], parameters: ClimberParameters) -> Iterator[Image]:
        if not self._rung:
            self._climb()
        if parameters.steps not in self._warm:
            for step in range(4 if self._load.warms else 0):
                self._context.progress(f"compiling {step + 1} of 4", step, 4)
                time.sleep(self._load.warms)
            self._warm.add(parameters.steps)
        self._blocks += 1
        yield images[0].copy()
        if self._blocks == 1:
            self._record.parent.mkdir(parents=True, exist_ok=True)
            self._record.write_text("\n".join(self._tried))  # this one holds
            self._context.trying("")

    def _climb(self) -> None:
        self._tried = self._record.read_text().splitlines() if self._record.exists() else []
        self._rung = next(rung for rung in RUNGS if rung not in self._tried)
        if self._rung == RUNGS[-1]:
            return
        if not self._load.forgets:
            self._record.parent.mkdir(parents=True, exist_ok=True)
            self._record.write_text("\n".join([*self._tried, self._rung]))
        self._context.trying(self._rung)
        if RUNGS.index(self._rung) < self._load.deadly:
            self._die()

    def _die(self) -> None:
        """On each rung in another way."""
        way = RUNGS.index(self._rung) % 3
        if way == 0:
            os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
        elif way == 1:
            os._exit(9)
        time.sleep(3600)

    def reset(self) -> None:
        pass

    def report(self) -> dict[str, Any]:
        return {"rung": self._rung, "warm": f"warm {min(self._blocks, self._load.warm)} of 8"}

    def close(self) -> None:
        pass


CLIMBER = PipelineRow(
    id="climber", title="Climber", target=f"{__name__}:Climber",
    load=ClimberLoad, parameters=ClimberParameters,
)  # fmt: skip
