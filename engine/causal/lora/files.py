"""LoRA files of every common style, matched to the linear layers of a network.

A LoRA gives a linear layer two thin matrices, `down` and `up`, whose product is added to the
weight. Trainers agree on that but name the layers differently: Wan's names or diffusers', with dots
or underscores, with various prefixes. Here a layer is looked up in the network's own module tree,
with and without VACE, and keys without a layer are reported.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol, TypeGuard

import torch
from torch import Tensor, nn

from engine.causal.lora.alphas import NO_ALPHAS, Alphas, read_alphas
from engine.causal.network.torch_typed import named_modules
from engine.files.errors import CheckpointError, first_few
from engine.files.lora_header import MADE_FOR
from engine.files.lora_keys import (
    BESIDE,
    INPUTS,
    OTHER_INPUTS,
    SECOND,
    WITHOUT,
    flattened,
    parsed,
)  # fmt: skip
from engine.system.texts import counted
from engine.weights.checkpoint import read
from engine.weights.finite import largest
from engine.weights.headers import NESTS

HIGHEST = 10.0  # maximum strength of a LoRA, positive or negative
STEEPEST = 1000.0  # maximum of alpha / rank: trainers write up to about 10
LORA_NESTS = ("generator_lora", *NESTS)  # the first is used by LongLive's own file

LONE = "alphas without matrices"
UNKNOWN = "tensors that belong to no linear layer of this network"

# Parts of a layer's path, diffusers' to Wan's, replaced in this order
WAN_NAMES = {
    "condition_embedder.time_embedder.linear_1": "time_embedding.0",
    "condition_embedder.time_embedder.linear_2": "time_embedding.2",
    "condition_embedder.text_embedder.linear_1": "text_embedding.0",
    "condition_embedder.text_embedder.linear_2": "text_embedding.2",
    "condition_embedder.time_proj": "time_projection.1",
    ".attn1.": ".self_attn.",
    ".attn2.": ".cross_attn.",
    ".to_q": ".q",
    ".to_k": ".k",
    ".to_v": ".v",
    ".to_out.0": ".o",
    ".net.0.proj": ".0",
    ".net.2": ".2",
    ".proj_in": ".before_proj",
    ".proj_out": ".after_proj",
    "proj_out": "head.head",
}


class LoraPair(NamedTuple):
    """The matrices of one layer, as in the file; the weight gains `scale * up @ down`."""

    down: Tensor  # (rank, inputs)
    up: Tensor  # (outputs, rank)
    scale: float  # alpha / rank, or alpha / sqrt(rank)


@dataclass(frozen=True, eq=False)
class Adapter:
    """A LoRA matched to a network: `pairs` by the paths of its linear layers. `alphas` describes
    how strong they are and where that is stored.
    """

    source: str
    pairs: Mapping[str, LoraPair]
    unused: Mapping[str, str]  # keys of the file that have no effect, each with the reason
    alphas: str = ""

    @property
    def remark(self) -> str:
        """A sentence on the keys that have no effect; empty if there are none."""
        if not self.unused:
            return ""
        return f"Not used from {self.source}: {_told(self.unused)}."


def load_adapter(path: str | Path, network: nn.Module) -> Adapter:
    """The LoRA in a file, matched to `network`; see `read_adapter`, `read_alphas` and
    `match_adapter`.
    """
    tensors = read_adapter(path)
    downs = (tensor for key, tensor in tensors.items() if parsed(key).part == "down")
    ranks = frozenset(down.shape[0] for down in downs if down.ndim)
    return match_adapter(tensors, network, source=path, alphas=read_alphas(path, ranks))


def read_adapter(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a LoRA file by their names in the file; see `engine.weights.checkpoint.read`.

    A pickle may also contain them in one of `LORA_NESTS`. CheckpointError as from `read`.
    """
    return read(path, LORA_NESTS)


def match_adapter(
    tensors: Mapping[str, Tensor],
    network: nn.Module,
    *,
    source: str | Path = "The LoRA",
    alphas: Alphas = NO_ALPHAS,
) -> Adapter:
    """The pairs of `tensors` for the linear layers of `network`; no tensor is copied.

    `network` has diffusers' module names. `alphas` are used for layers without an alpha tensor;
    without either, the scale is 1. A layer with parts of another kind of adapter, such as a DoRA,
    is skipped, because the pair means something else without them.

    CheckpointError, naming `source`, if no key matches a layer, a pair lacks a half or occurs
    twice, a shape does not fit, the matrices are quantised, or numbers are not finite, either
    stored or at a strength of `HIGHEST`.
    """
    found, unused = _sorted(tensors, network, source)
    layers = linear_layers(network)
    pairs: dict[str, LoraPair] = {}
    strengths: list[_Strength] = []
    for path, keys in found.items():
        if keys.keys() == {"alpha"}:
            unused[keys["alpha"]] = LONE
        else:
            down, up = _halves(keys, tensors, layers[path], source)
            strength = _strength(keys, tensors, len(down), (path, _wan(path)), source, alphas)
            pairs[path] = LoraPair(down, up, strength.scale)
            strengths.append(strength)
    if not pairs:
        raise CheckpointError(
            f"{source} contains no LoRA for this network: {_told(unused)}; choose a LoRA made for "
            "Wan2.1 text to video."
        )
    _check_numbers(pairs, found, network, source)
    told = "; ".join(filter(None, (_summary(strengths), alphas.note)))
    return Adapter(str(source), pairs, unused, told)


class Linear(Protocol):
    """What a LoRA needs to know of a layer that it changes."""

    in_features: int
    out_features: int


def linear_layers(network: nn.Module) -> dict[str, Linear]:
    """The layers that a LoRA can change, by path: all that have `in_features`.

    If LoRAs are already attached, the path is that of the outer layer, not of the layer inside.
    """
    return {
        path: module
        for path, module in named_modules(network)
        if _is_linear(module) and not path.endswith(".base")
    }


def _is_linear(module: nn.Module) -> TypeGuard[Linear]:
    return hasattr(module, "in_features")


def _sorted(
    tensors: Mapping[str, Tensor], network: nn.Module, source: str | Path
) -> tuple[dict[str, dict[str, str]], dict[str, str]]:
    """The keys by layer and part, and the keys without a layer, with the reason."""
    paths = _names(network)
    found: defaultdict[str, dict[str, str]] = defaultdict(dict)
    unused: dict[str, str] = {}
    spoiled: dict[str, str] = {}
    quantised: list[str] = []
    for key in tensors:
        layer, part, stranger = parsed(key)
        path = None if stranger else paths.get(layer)
        if part == "scale":
            quantised.append(key)
        elif part in BESIDE:
            unused[key] = BESIDE[part]
        elif path is None or part is None:
            unused[key] = _reason(key, part, stranger)
        elif part in WITHOUT:
            unused[key] = spoiled[path] = WITHOUT[part]
        elif part in found[path]:
            raise CheckpointError(
                f"{source} contains the same matrix twice, as {found[path][part]} and as {key}; "
                "choose a file with a single LoRA."
            )
        else:
            found[path][part] = key
    if quantised:
        raise CheckpointError(
            f"{source} is quantised, with separate scales ({first_few(quantised)}); choose the "
            "bf16 or fp16 version."
        )
    for path, why in spoiled.items():
        unused |= dict.fromkeys(found.pop(path, {}).values(), why)
    return found, unused


def _reason(key: str, part: str | None, stranger: str) -> str:
    """Why a key matches no layer of the network."""
    if stranger == SECOND:
        return SECOND
    if OTHER_INPUTS.search(key):
        return INPUTS
    return stranger or WITHOUT.get(part or "", UNKNOWN)


def _names(network: nn.Module) -> dict[str, str]:
    """The paths of the linear layers by each name that files use for them, without dots."""
    names: dict[str, str] = {}
    for path in linear_layers(network):
        for name in (path, _wan(path), path.replace(".to_out.0", ".to_out")):
            names[flattened(name)] = path
    return names


def _wan(path: str) -> str:
    """Wan's name of a layer, given diffusers' name."""
    for ours, theirs in WAN_NAMES.items():
        path = path.replace(ours, theirs)
    return path


def _halves(
    keys: Mapping[str, str], tensors: Mapping[str, Tensor], layer: Linear, source: str | Path
) -> tuple[Tensor, Tensor]:
    """The two matrices of a layer."""
    for half, other in (("down", "up"), ("up", "down")):
        if half not in keys:
            raise CheckpointError(
                f"{source} contains {keys[other]} without its other half; download it again."
            )
    down, up = tensors[keys["down"]], tensors[keys["up"]]
    for key, half in ((keys["down"], down), (keys["up"], up)):
        if not half.is_floating_point():
            kind = str(half.dtype).removeprefix("torch.")
            raise CheckpointError(
                f"{source} is quantised: {key} contains integers ({kind}); choose the bf16 or "
                "fp16 version."
            )
        if not half.numel():
            raise CheckpointError(f"{source} has no values in {key}; download it again.")
    rank = down.shape[0] if down.ndim else 1
    _check_shape(keys["down"], down, (rank, layer.in_features), source)
    _check_shape(keys["up"], up, (layer.out_features, rank), source)
    return down, up


class _Strength(NamedTuple):
    """How strong a pair is, and where that is stored; `alpha` is None if it is not."""

    alpha: float | None
    rank: int
    stabilised: bool
    origin: str

    @property
    def scale(self) -> float:
        if self.alpha is None:
            return 1.0
        return self.alpha / (math.sqrt(self.rank) if self.stabilised else self.rank)


def _strength(
    keys: Mapping[str, str],
    tensors: Mapping[str, Tensor],
    rank: int,
    names: tuple[str, str],
    source: str | Path,
    alphas: Alphas,
) -> _Strength:
    """The strength of a layer, from its alpha tensor or else from `alphas`."""
    holds = not alphas.kohya or "lora_down" in keys["down"]
    if "alpha" in keys:
        given = tensors[keys["alpha"]]
        _check_shape(keys["alpha"], given, (1,) * given.ndim, source)
        found, origin = float(given), "its tensors"
    else:
        found, origin = alphas.of(names) if holds else None, alphas.source
    if found is not None and not math.isfinite(found):
        where = keys.get("alpha", origin)
        raise CheckpointError(
            f"{source} has an alpha of {found} in {where}; download it again, or choose another "
            "LoRA."
        )
    made = _Strength(found, rank, holds and alphas.stabilised, origin)
    if abs(made.scale) > STEEPEST:
        where = keys.get("alpha", origin)
        raise CheckpointError(
            f"{source} has an alpha of {found:g} for a rank of {rank} in {where}, which amplifies "
            f"it more than {STEEPEST:g} times; choose another LoRA."
        )
    return made


def _summary(strengths: list[_Strength]) -> str:
    """How strong the layers of a LoRA are, and where that is stored, in a few words."""
    layers = counted(len(strengths), "layer")
    told = [strength for strength in strengths if strength.alpha is not None]
    if not told:
        return f"{layers} without an alpha, so with a scale of 1"
    alphas = _range([strength.alpha or 0.0 for strength in told])
    ranks = _range([strength.rank for strength in told])
    stabilised = ", rank-stabilised" if any(strength.stabilised for strength in told) else ""
    origins = " and ".join(dict.fromkeys(strength.origin for strength in told))
    lacks = len(strengths) - len(told)
    rest = f"; {lacks} of them without an alpha, so with a scale of 1" if lacks else ""
    idle = sum(strength.alpha == 0 for strength in told)
    still = f"; {idle} of them without effect (alpha 0)" if idle else ""
    return f"{layers} with alpha {alphas} of rank {ranks}{stabilised}, from {origins}{rest}{still}"


def _range(numbers: Iterable[float]) -> str:
    low, high = min(numbers := list(numbers)), max(numbers)
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _check_numbers(
    pairs: Mapping[str, LoraPair],
    found: Mapping[str, Mapping[str, str]],
    network: nn.Module,
    source: str | Path,
) -> None:
    """CheckpointError if a matrix contains NaN or infinity, or a pair would exceed the network's
    type at the highest strength. Each matrix is read once, for its largest number. Tensors without
    data (`meta`) are not checked.
    """
    if any(pair.down.is_meta for pair in pairs.values()):
        return
    limit = torch.finfo(next(network.parameters()).dtype).max
    halves = [half for pair in pairs.values() for half in (pair.down, pair.up)]
    numbers = (float(largest(half)) for half in halves)
    broken: list[str] = []
    steep: list[str] = []
    for path, pair in pairs.items():
        keys, down, up = found[path], next(numbers), next(numbers)
        broken += [keys[k] for k, most in (("down", down), ("up", up)) if not math.isfinite(most)]
        scaled = max(1.0, abs(pair.scale)) * up
        if not max(down, scaled, len(pair.down) * down * scaled * HIGHEST) < limit:
            steep += [keys["up"]]
    if broken:
        raise CheckpointError(
            f"{source} contains NaN or infinity in {first_few(broken)}; download it again, or "
            "choose another LoRA."
        )
    if steep:
        raise CheckpointError(
            f"{source} contains numbers too large to compute with in {first_few(steep)}; choose "
            "another LoRA."
        )


def _check_shape(key: str, tensor: Tensor, wanted: tuple[int, ...], source: str | Path) -> None:
    if tensor.shape != wanted:
        made = MADE_FOR.get(tensor.shape[1], "") if tensor.ndim == 2 else ""
        raise CheckpointError(
            f"{source} does not fit{f', as it is for {made}' if made else ''}: {key} is "
            f"{tuple(tensor.shape)}, expected {wanted}; choose a LoRA made for a network of this "
            "size."
        )


def _told(unused: Mapping[str, str]) -> str:
    """The unused keys by reason: a count and the first few keys of each."""
    reasons = dict.fromkeys(unused.values())
    groups = {why: [key for key, reason in unused.items() if reason == why] for why in reasons}
    return ", ".join(
        f"{why} ({counted(len(keys), 'tensor')}: {first_few(keys)})" for why, keys in groups.items()
    )
