"""Rotary position embedding over time, height and width, from any start (Su et al. 2021).

Wan2.1 splits a head of width D: 2 * (D // 6) for the height, as much for the width, the rest for
time; the numbers of a pair are adjacent. Angles are computed in float64, not looked up, so
positions have no upper limit.
"""

import torch

THETA = 10_000.0


class Rotation:
    """The angles of one latent size; `at` returns cosines and sines for frame positions."""

    def __init__(self, head_dim: int, height: int, width: int, device: torch.device) -> None:
        side = 2 * (head_dim // 6)
        self._time = _frequencies(head_dim - 2 * side, device)
        rows = torch.arange(height, device=device, dtype=torch.float64)
        columns = torch.arange(width, device=device, dtype=torch.float64)
        space = torch.zeros(height, width, side, device=device, dtype=torch.float64)
        space[..., : side // 2] = (rows[:, None] * _frequencies(side, device))[:, None]
        space[..., side // 2 :] = columns[:, None] * _frequencies(side, device)
        self._space = space.flatten(0, 1)

    def at(self, places: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Cosines and signed sines (rows, frames, tokens, head width), float32, of frames at the
        positions `places` (rows, frames).
        """
        tokens = self._space.shape[0]
        time = (places.double()[..., None] * self._time)[:, :, None].expand(-1, -1, tokens, -1)
        space = self._space.expand(*places.shape, -1, -1)
        angles = torch.cat((time, space), -1).repeat_interleave(2, -1)
        sines = angles.sin()
        sines[..., ::2].neg_()
        return angles.cos().float(), sines.float()


def rotated(heads: torch.Tensor, cosines: torch.Tensor, sines: torch.Tensor) -> torch.Tensor:
    """`heads` (rows, tokens, heads, width) rotated by angles (rows, tokens, 1, width), in float32;
    the result has their type.
    """
    swapped = torch.unflatten(heads, -1, (-1, 2)).flip(-1).flatten(-2)
    return torch.addcmul(heads * cosines, swapped, sines).to(heads.dtype)


def _frequencies(width: int, device: torch.device) -> torch.Tensor:
    powers = torch.arange(0, width, 2, device=device, dtype=torch.float64) / width
    return THETA**-powers
