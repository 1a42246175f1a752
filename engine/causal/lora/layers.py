"""LoRAs in a network: merged into its weights for good, or attached with an adjustable strength.

A merged LoRA costs nothing and cannot be changed. An attached one costs two thin products per layer
and its strength can change between any two passes. CUDA graphs read numbers from their address at
capture, so the strength is a tensor that is written in place.
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
    """Add LoRAs, each with a strength from -10 to 10, to the weights, before quantisation.

    Each weight is summed in float32 and rounded once, however many LoRAs change it. The new weights
    are new tensors: the old ones, which may be views of a file, are not changed.

    ValueError if a strength is out of range, a layer is already quantised, or a resulting weight is
    not finite.
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
    """Attach LoRAs to the layers of `network`, each with strength 1, and return their handles.

    Attach on the network's final device and before its first pass: moving or casting it would
    disconnect a handle from its layers, and a captured graph does not see later changes. The
    matrices are kept in `dtype`, by default each weight's own type; quantised layers need `dtype`.
    """
    return [LoraHandle(network, adapter, dtype) for adapter in adapters]


class LoraHandle:
    """One LoRA attached to a network; created by `attach`."""

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
        """The strength of the LoRA, from -10 to 10; 0 gives exactly the network's own result.

        Setting it is one write on the device, in order with the passes of the same CUDA stream,
        and does not wait. Caches keep earlier results: a prompt's keys and values change only when
        they are computed again. ValueError if out of range.
        """
        return self._strength

    @strength.setter
    def strength(self, value: float) -> None:
        self._strength = _checked(value)
        self._written.fill_(self._strength)

    def detach(self) -> None:
        """Remove the LoRA; others on the same layers stay. Graphs need a new capture."""
        for path, mine in self._layers.items():
            layer = self._network.get_submodule(path)
            while layer is not mine:
                path, layer = f"{path}.base", layer.get_submodule("base")
            self._network.set_submodule(path, mine.base)
        self._layers.clear()


class LoraLinear(nn.Module):
    """A linear layer `base` (which may have LoRAs already) with one more LoRA.

    `strength` is a float32 scalar on the layer's device, shared by all layers of the LoRA.
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
        """Copy the matrices of a LoRA in; a lower rank is padded with zeros."""
        rank = len(pair.down)
        self.down[:rank] = pair.down.detach()
        self.up[:, :rank] = pair.up.detach().float() * pair.scale

    def forward(self, x: Tensor) -> Tensor:
        """(…, in_features) to (…, out_features)."""
        made = self.base(x)
        thin = F.linear(x, self.down) * self.strength
        # in place: the product is added to the layer's output without an extra kernel
        made.view(-1, self.out_features).addmm_(thin.view(-1, thin.shape[-1]), self.up.t())
        return made


def _ranks(network: nn.Module, adapter: Adapter) -> dict[str, int]:
    """The rank of each layer: the highest of the same layer in any block, even if its own block has
    none.

    One compiled program runs all blocks only if they are alike, but files differ from block to
    block.
    """
    highest: dict[str, int] = {}
    for path, pair in adapter.pairs.items():
        place = _place(path)
        highest[place] = max(highest.get(place, 0), len(pair.down))
    places = {path: _place(path) for path in linear_layers(network)}
    return {path: highest[place] for path, place in places.items() if place in highest}


def _place(path: str) -> str:
    """A layer's path without the block number."""
    return re.sub(r"\.\d+\.", ".", path, count=1)


def _add(layer: nn.Linear | Float8Linear, given: Iterable[tuple[LoraPair, float]]) -> None:
    """Add pairs at their strengths to the weight of a linear layer."""
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
    """The linear layer inside, without its LoRAs."""
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
        raise ValueError(
            f"A LoRA's strength must be from {LOWEST:g} to {HIGHEST:g}; got {strength}."
        )
    return float(strength)
