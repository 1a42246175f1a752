"""LoRAs at work in a network: merged into its weights for good, or beside them with a fader.

Merged, a LoRA costs nothing and stays as it is. Attached, it costs two thin products per layer and
its strength can change between any two passes. Passes are CUDA graphs, which read numbers from
where they lay at the capture: so the strength lies in a tensor that is written in place.
"""

import re
from collections.abc import Iterable
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.causal.lora.files import HIGHEST, Adapter, LoraPair, linear_layers
from engine.causal.network.quantization import Float8Linear
from engine.weights.finite import check_finite

LOWEST = -HIGHEST  # of a strength

Linear: TypeAlias = "nn.Linear | Float8Linear | LoraLinear"


def merge(network: nn.Module, adapters: Iterable[tuple[Adapter, float]]) -> None:
    """Add LoRAs, each with its strength from -10 to 10, to the weights, before quantisation.

    Each weight is summed in float32 and rounded once, however many LoRAs change it. The weights
    are new tensors: those of before, be they views of a file, stay as they are.

    ValueError for a strength out of range, where a layer is quantised already, or where what
    comes of a weight is not finite.
    """
    chosen = [(adapter, _checked(strength)) for adapter, strength in adapters]
    paths = dict.fromkeys(path for adapter, _ in chosen for path in adapter.pairs)
    for path in paths:
        given = [(a.pairs[path], strength) for a, strength in chosen if path in a.pairs]
        _add(_innermost(_layer(network, path)), given)
    weights = {path: _innermost(_layer(network, path)).weight for path in paths}
    check_finite(weights, " with ".join(adapter.source for adapter, _ in chosen))


def attach(
    network: nn.Module, adapters: Iterable[Adapter], *, dtype: torch.dtype | None = None
) -> list["LoraHandle"]:
    """Put LoRAs beside the layers of `network`, each with strength 1, and return their faders.

    Attach where the network stays and before its first pass: moving or casting it would part a
    fader from its layers, and a captured graph knows only what was there at its capture. The
    matrices are kept in `dtype`, in that of each weight where none is given; layers that are
    quantised need it given.
    """
    return [LoraHandle(network, adapter, dtype) for adapter in adapters]


class LoraHandle:
    """One LoRA beside the layers of a network; made by `attach`."""

    def __init__(self, network: nn.Module, adapter: Adapter, dtype: torch.dtype | None) -> None:
        self._network = network
        self._strength = 1.0
        self._written = torch.ones((), device=next(network.parameters()).device)
        self._layers: dict[str, LoraLinear] = {}
        for path, rank in _ranks(network, adapter).items():
            layer = LoraLinear(_layer(network, path), rank, self._written, dtype)
            if path in adapter.pairs:
                layer.fill(adapter.pairs[path])
            network.set_submodule(path, layer)
            self._layers[path] = layer

    @property
    def strength(self) -> float:
        """How strongly the LoRA acts, from -10 to 10; 0 gives exactly what the network gives.

        Setting it is one write on the device, in turn with the passes of the same CUDA stream,
        and waits for nothing. Caches keep what was computed before: a prompt's keys and values
        follow only when they are made anew. ValueError out of range.
        """
        return self._strength

    @strength.setter
    def strength(self, value: float) -> None:
        self._strength = _checked(value)
        self._written.fill_(self._strength)

    def detach(self) -> None:
        """Take the LoRA out again; others at the same layers stay. Graphs need a new capture."""
        for path, mine in self._layers.items():
            layer = self._network.get_submodule(path)
            while layer is not mine:
                path, layer = f"{path}.base", layer.get_submodule("base")
            self._network.set_submodule(path, mine.base)
        self._layers.clear()


class LoraLinear(nn.Module):
    """A linear layer `base` (or one with LoRAs already) with room for one more LoRA beside it.

    `strength` is one float32 number on the layer's device, shared by all layers of the LoRA.
    """

    down: Tensor  # (rank, inputs)
    up: Tensor  # (outputs, rank), times alpha / rank
    strength: Tensor

    def __init__(
        self, base: Linear, rank: int, strength: Tensor, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__()
        self.base = base
        self.in_features, self.out_features = base.in_features, base.out_features
        dtype = dtype or _innermost(base).weight.dtype
        down = torch.zeros(rank, self.in_features, dtype=dtype, device=strength.device)
        self.register_buffer("down", down, persistent=False)
        self.register_buffer("up", down.new_zeros(self.out_features, rank), persistent=False)
        self.register_buffer("strength", strength, persistent=False)

    def fill(self, pair: LoraPair) -> None:
        """Copy the matrices of a LoRA in; rank that it lacks stays zero."""
        rank = len(pair.down)
        self.down[:rank] = pair.down.detach()
        self.up[:, :rank] = pair.up.detach().float() * pair.scale

    def forward(self, x: Tensor) -> Tensor:
        """(…, in_features) to (…, out_features)."""
        made = self.base(x)
        thin = F.linear(x, self.down) * self.strength
        # in place: the product adds itself to what the layer made, with no kernel of its own
        made.view(-1, self.out_features).addmm_(thin.view(-1, thin.shape[-1]), self.up.t())
        return made


def _ranks(network: nn.Module, adapter: Adapter) -> dict[str, int]:
    """The rank of each layer: the highest at the same place of any block, also where it has none.

    One compiled program runs all blocks as long as they are alike; files differ from block to
    block.
    """
    highest: dict[str, int] = {}
    for path, pair in adapter.pairs.items():
        place = _place(path)
        highest[place] = max(highest.get(place, 0), len(pair.down))
    places = {path: _place(path) for path in linear_layers(network)}
    return {path: highest[place] for path, place in places.items() if place in highest}


def _place(path: str) -> str:
    """Where a layer stands in its block, whichever that is."""
    return re.sub(r"\.\d+\.", ".", path, count=1)


def _add(layer: nn.Linear | Float8Linear, given: Iterable[tuple[LoraPair, float]]) -> None:
    """Give a linear layer the sum of its weight and of pairs at their strengths."""
    weight = layer.weight.detach()
    if not isinstance(layer, nn.Linear) or weight.dtype.itemsize < 2:
        raise ValueError(
            f"A LoRA cannot be merged into a quantised layer ({type(layer).__name__} of "
            f"{weight.dtype}); merge before quantising, or attach it."
        )
    total = weight.to(torch.float32, copy=True)
    for pair, strength in given:
        up, down = (matrix.detach().to(total) for matrix in (pair.up, pair.down))
        total.addmm_(up, down, alpha=strength * pair.scale)
    layer.weight = nn.Parameter(total.to(weight.dtype), requires_grad=False)


def _innermost(layer: Linear) -> nn.Linear | Float8Linear:
    """The linear layer itself, under all LoRAs beside it."""
    while isinstance(layer, LoraLinear):
        layer = layer.base
    return layer


def _layer(network: nn.Module, path: str) -> Linear:
    """One of `linear_layers`."""
    layer = network.get_submodule(path)
    assert isinstance(layer, nn.Linear | Float8Linear | LoraLinear)
    return layer


def _checked(strength: float) -> float:
    if not LOWEST <= strength <= HIGHEST:
        raise ValueError(f"A LoRA's strength is from {LOWEST:g} to {HIGHEST:g}, not {strength}.")
    return float(strength)
