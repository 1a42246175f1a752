"""The flow matching schedule that all causal pipelines share: noise levels and the denoising step.

Flow matching (Lipman et al. 2023) with the shift of the Wan2.1 authors: the network predicts
`flow = noise - x0`, so `x0 = x - sigma * flow`. The models were distilled with a look-up: sigma
comes from the nearest entry of a table of 1000, never from a formula, and the table does not end
at 0.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from engine.catalog.specs import StepList

ENTRIES = 1000
VIDEO_HEADROOM = 100  # timesteps by which a video's first step is below its noise


@dataclass(frozen=True, slots=True)
class Level:
    """A noise level: the timestep given to the network, and the fraction that is noise."""

    timestep: float
    sigma: float


class Schedule:
    """The table of one shift: 1000 timesteps and sigmas, descending."""

    def __init__(self, shift: float) -> None:
        parts = [k / ENTRIES for k in range(ENTRIES, 0, -1)]
        self.sigmas = [shift * part / (1 + (shift - 1) * part) for part in parts]
        self.timesteps = [ENTRIES * sigma for sigma in self.sigmas]
        self._rising = self.timesteps[::-1]

    def level(self, timestep: float) -> Level:
        """The level of a timestep (0 to 1000), with the sigma of the nearest entry, so 0 still has
        a little noise.
        """
        place = bisect_left(self._rising, timestep)
        near = range(max(0, place - 1), min(ENTRIES, place + 1))
        nearest = min(near, key=lambda index: abs(self._rising[index] - timestep))
        return Level(timestep, self.sigmas[ENTRIES - 1 - nearest])

    def warped(self, step: float) -> float:
        """The timestep `step` entries (rounded down) from the table's end; 0 for 0."""
        return self.timesteps[ENTRIES - int(step)] if step else 0.0

    def levels(self, chosen: StepList) -> tuple[Level, ...]:
        """The levels of one block, in order."""
        place = self.warped if chosen.warped else float
        return tuple(self.level(place(step)) for step in chosen.steps)

    def for_video(self, levels: Sequence[Level], noise_scale: float) -> tuple[Level, ...]:
        """The levels of a block that starts from a video: the first follows `noise_scale` (0 to
        1), the others stay, even if the list then rises.
        """
        first = int(ENTRIES * noise_scale) - VIDEO_HEADROOM
        return (self.level(float(max(0, first))), *levels[1:])


def denoised(noisy: torch.Tensor, flow: torch.Tensor, sigma: torch.Tensor | float) -> torch.Tensor:
    """The denoised latents that a flow predicts, computed in float64 as the authors do.

    `noisy` and `flow` are (rows, channels, frames, height, width), `sigma` broadcasts to them.
    """
    return (noisy.double() - sigma * flow.double()).to(noisy.dtype)


def noised(clean: torch.Tensor, noise: torch.Tensor, sigma: torch.Tensor | float) -> torch.Tensor:
    """`clean` with the fraction `sigma` replaced by noise; shapes as in `denoised`."""
    return torch.lerp(clean, noise, sigma)
