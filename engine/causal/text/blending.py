"""Mix several prompts into one embedding, and interpolate between embeddings.

An embedding is (1, tokens, width), zero beyond the prompt's own tokens.
"""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

Method: TypeAlias = Literal["linear", "slerp"]
STRAIGHT = 1e-4  # radians: a shorter arc is treated as a straight line, as its sine is nearly 0
SMALLEST = 1e-8  # minimum of a norm or sine used as a divisor


def blend(embeddings: Sequence[Tensor], weights: Sequence[float], method: Method) -> Tensor:
    """The embeddings mixed by weight (0 or more; if all are 0, equally).

    `linear` keeps the strength of the parts: the mix is scaled to their mean norm. `slerp` follows
    the arc between two embeddings, token by token; any other number is mixed linearly.
    """
    total = sum(weights)
    parts = [w / total if total else 1 / len(weights) for w in weights]
    if method == "slerp" and len(embeddings) == 2:
        return between(embeddings[0], embeddings[1], parts[1], method)
    mixed = sum((e * part for e, part in zip(embeddings, parts, strict=True)), torch.zeros(()))
    strength = sum(norm(e) * part for e, part in zip(embeddings, parts, strict=True))
    return mixed * (strength / norm(mixed).clamp_min(SMALLEST))


def between(source: Tensor, target: Tensor, part: float, method: Method) -> Tensor:
    """The embedding at `part` (0 to 1) between `source` and `target`."""
    if method == "linear":
        return torch.lerp(source, target, part)
    cosine = torch.sum(_unit(source) * _unit(target), -1, keepdim=True).clamp(-1, 1)
    angle = cosine.acos()
    sine = angle.sin() + SMALLEST
    arc = source * (((1 - part) * angle).sin() / sine) + target * ((part * angle).sin() / sine)
    return torch.where(angle < STRAIGHT, torch.lerp(source, target, part), arc)


def norm(embedding: Tensor) -> Tensor:
    """The embedding's norm as a single vector, a scalar."""
    return embedding.norm()  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # has no types


def _unit(embedding: Tensor) -> Tensor:
    return F.normalize(embedding, dim=-1, eps=SMALLEST)
