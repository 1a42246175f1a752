"""The flow matching schedule that all causal pipelines share: which noise levels, and the step.

Flow matching (Lipman et al. 2023) as the Wan2.1 authors shift it: the network predicts
`flow = noise - x0`, so that `x0 = x - sigma * flow`. What the models were distilled with is the
look-up: sigma comes from the nearest entry of a table of 1000, never from a formula, and the
table does not end at 0.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from engine.catalog.specs import StepList

ENTRIES = 1000
VIDEO_HEADROOM = 100  # timesteps that a video's first step begins below its own noise


@dataclass(frozen=True, slots=True)
class Level:
    """A noise level: the timestep that the network is told, and the part that is noise."""

    timestep: float
    sigma: float


class Schedule:
    """The table of one shift: 1000 timesteps and sigmas, falling."""

    def __init__(self, shift: float) -> None:
        parts = [k / ENTRIES for k in range(ENTRIES, 0, -1)]
        self.sigmas = [shift * part / (1 + (shift - 1) * part) for part in parts]
        self.timesteps = [ENTRIES * sigma for sigma in self.sigmas]
        self._rising = self.timesteps[::-1]

    def level(self, timestep: float) -> Level:
        """The level of a timestep (0 to 1000): its sigma is that of the nearest entry, so that
        0 still has a little noise.
        """
        place = bisect_left(self._rising, timestep)
        near = range(max(0, place - 1), min(ENTRIES, place + 1))
        nearest = min(near, key=lambda index: abs(self._rising[index] - timestep))
        return Level(timestep, self.sigmas[ENTRIES - 1 - nearest])

    def warped(self, step: float) -> float:
        """The timestep that stands `step`, whole, entries from the table's end; 0 for 0."""
        return self.timesteps[ENTRIES - int(step)] if step else 0.0

    def levels(self, chosen: StepList) -> tuple[Level, ...]:
        """The levels that one block visits, in order."""
        place = self.warped if chosen.warped else float
        return tuple(self.level(place(step)) for step in chosen.steps)

    def for_video(self, levels: Sequence[Level], noise_scale: float) -> tuple[Level, ...]:
        """The levels of a block that starts from a video: the first follows `noise_scale` (0 to
        1), the others stay, even where that makes the list go up.
        """
        first = int(ENTRIES * noise_scale) - VIDEO_HEADROOM
        return (self.level(float(max(0, first))), *levels[1:])


def denoised(noisy: torch.Tensor, flow: torch.Tensor, sigma: torch.Tensor | float) -> torch.Tensor:
    """The finished picture that a flow points at, computed in float64 as the authors do.

    `noisy` and `flow` are (rows, channels, frames, height, width), `sigma` broadcasts to them.
    """
    return (noisy.double() - sigma * flow.double()).to(noisy.dtype)


def noised(clean: torch.Tensor, noise: torch.Tensor, sigma: torch.Tensor | float) -> torch.Tensor:
    """`clean` with the part `sigma` of it replaced by noise; shapes as in `denoised`."""
    return torch.lerp(clean, noise, sigma)
