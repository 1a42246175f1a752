"""LoRA files of every common style, matched to the linear layers of a network.

A LoRA gives a linear layer two thin matrices, `down` and `up`, whose product is added to the
weight. Trainers agree on that and differ in how they call the layers: by Wan's names or by
diffusers', with dots or underscores, behind one prefix or another. Here a layer is looked up in
the network's own module tree, with and without VACE, and what finds no layer is told, key by key.
"""

# pyright: basic, reportMissingImports=false

import math
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from engine.causal.network.wan_weights import WRAPPERS
from engine.weights.checkpoint import read
from engine.weights.errors import CheckpointError, first_few
from engine.weights.finite import largest
from engine.weights.headers import NESTS

HIGHEST = 10.0  # strength of a LoRA, either way
LORA_NESTS = ("generator_lora", *NESTS)  # the first is where LongLive's own file holds its LoRA

NOWHERE = WRAPPERS | {"base_model", "transformer"}  # parts of a key that name no layer
KOHYA = re.compile(r"lora_(unet|transformer)_+")
PARTS = {
    "down": re.compile(r"\.lora[._](A|down)(\.\w+)?\.weight$"),
    "up": re.compile(r"\.lora[._](B|up)(\.\w+)?\.weight$"),
    "alpha": re.compile(r"\.alpha$"),
    "dora": re.compile(r"\.(dora_scale|lora_magnitude_vector)(\.\w+)*$"),
    "diff": re.compile(r"\.diff(_\w+)?$"),
}
OTHER_INPUTS = re.compile(r"img|image|add_[kv]_proj|face|motion_encoder")

DIFF = "whole differences (.diff), which are not supported"
DORA = "parts of a DoRA, which is not supported"
INPUTS = "for image or face inputs, which are not supported"
LONE = "alphas without matrices"
UNKNOWN = "not of a linear layer of this network"

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
    """The matrices of one layer, as the file has them; the weight gains `scale * up @ down`."""

    down: Tensor  # (rank, inputs)
    up: Tensor  # (outputs, rank)
    scale: float  # alpha / rank


@dataclass(frozen=True, eq=False)
class Adapter:
    """A LoRA matched to a network: `pairs` by the paths of its linear layers."""

    source: str
    pairs: Mapping[str, LoraPair]
    unused: Mapping[str, str]  # keys of the file that have no effect, each with the reason

    @property
    def remark(self) -> str:
        """A sentence on what of the file has no effect; empty where all has."""
        if not self.unused:
            return ""
        return f"Not used of {self.source}: {_told(self.unused)}."


def load_adapter(path: str | Path, network: nn.Module, *, alpha: float | None = None) -> Adapter:
    """The LoRA of a file, matched to `network`; see `read_adapter` and `match_adapter`."""
    return match_adapter(read_adapter(path), network, source=path, alpha=alpha)


def read_adapter(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a LoRA file by the names that the file gives them; see
    `engine.weights.checkpoint.read`.

    A pickle may also hold them in `LORA_NESTS`. CheckpointError as from `read`.
    """
    return read(path, LORA_NESTS)


def match_adapter(
    tensors: Mapping[str, Tensor],
    network: nn.Module,
    *,
    source: str | Path = "The LoRA",
    alpha: float | None = None,
) -> Adapter:
    """The pairs of `tensors` for the linear layers of `network`; no tensor is copied.

    `network` has diffusers' module names. `alpha` is for files that leave theirs to a config
    beside them; without one in either place, the scale is 1. A layer with a DoRA is left out
    whole, for without its norm the pair means something else.

    CheckpointError, naming `source`, where no key belongs to a layer, a pair lacks a half or is
    there twice, a shape does not fit, or numbers are not finite, as they are or at a strength of
    `HIGHEST`.
    """
    found, unused = _sorted(tensors, network, source)
    layers = linear_layers(network)
    pairs: dict[str, LoraPair] = {}
    for path, keys in found.items():
        if "dora" in keys or keys.keys() == {"alpha"}:
            unused |= dict.fromkeys(keys.values(), DORA if "dora" in keys else LONE)
        else:
            pairs[path] = _pair(keys, tensors, layers[path], source, alpha)
    if not pairs:
        raise CheckpointError(
            f"{source} holds no LoRA for this network: {_told(unused)}; choose a LoRA that was "
            "made for Wan2.1 text to video."
        )
    _check_numbers(pairs, found, network, source)
    return Adapter(str(source), pairs, unused)


def linear_layers(network: nn.Module) -> dict[str, Any]:
    """The layers that a LoRA can change, by path: all that have `in_features`.

    Where LoRAs are attached already, the path is that of the whole, not of the layer within.
    """
    return {
        path: module
        for path, module in network.named_modules()
        if hasattr(module, "in_features") and not path.endswith(".base")
    }


def _sorted(
    tensors: Mapping[str, Tensor], network: nn.Module, source: str | Path
) -> tuple[dict[str, dict[str, str]], dict[str, str]]:
    """The keys by layer and part, and those that belong to none, with the reason."""
    paths = _names(network)
    found: defaultdict[str, dict[str, str]] = defaultdict(dict)
    unused: dict[str, str] = {}
    for key in tensors:
        name, part = _split(key)
        path = paths.get(_flat(name))
        if part == "diff":
            unused[key] = DIFF
        elif path is None or part is None:
            unused[key] = INPUTS if OTHER_INPUTS.search(key) else UNKNOWN
        elif part in found[path]:
            raise CheckpointError(
                f"{source} holds the same matrix twice, as {found[path][part]} and as {key}; "
                "choose a file of one LoRA."
            )
        else:
            found[path][part] = key
    return found, unused


def _names(network: nn.Module) -> dict[str, str]:
    """The paths of the linear layers by each name that a file may give them, without dots."""
    names: dict[str, str] = {}
    for path in linear_layers(network):
        wan = path
        for ours, theirs in WAN_NAMES.items():
            wan = wan.replace(ours, theirs)
        names[_flat(path)] = names[_flat(wan)] = path
    return names


def _split(key: str) -> tuple[str, str | None]:
    """The layer that a key names, and which of `PARTS` it is."""
    for part, end in PARTS.items():
        match = end.search(key)
        if match:
            return key[: match.start()], part
    return key, None


def _flat(name: str) -> str:
    """A name without prefixes and dots: kohya's have none, and the rest is unique without."""
    flat = "_".join(part for part in name.split(".") if part not in NOWHERE)
    return KOHYA.sub("", flat, count=1)


def _pair(
    keys: Mapping[str, str],
    tensors: Mapping[str, Tensor],
    layer: Any,
    source: str | Path,
    alpha: float | None,
) -> LoraPair:
    for half, other in (("down", "up"), ("up", "down")):
        if half not in keys:
            raise CheckpointError(
                f"{source} holds {keys[other]} without its other half; download it again."
            )
    down, up = tensors[keys["down"]], tensors[keys["up"]]
    rank = down.shape[0] if down.ndim else 1
    _check_shape(keys["down"], down, (rank, layer.in_features), source)
    _check_shape(keys["up"], up, (layer.out_features, rank), source)
    if "alpha" in keys:
        given = tensors[keys["alpha"]]
        _check_shape(keys["alpha"], given, (1,) * given.ndim, source)
        alpha = float(given)
    if alpha is not None and not math.isfinite(alpha):
        key = keys.get("alpha", "its configuration")
        raise CheckpointError(
            f"{source} has an alpha of {alpha} in {key}; download it again, or choose another LoRA."
        )
    return LoraPair(down, up, 1.0 if alpha is None else alpha / rank)


def _check_numbers(
    pairs: Mapping[str, LoraPair],
    found: Mapping[str, Mapping[str, str]],
    network: nn.Module,
    source: str | Path,
) -> None:
    """CheckpointError where a matrix has NaN or infinity, or a pair would have in the network's
    type at the highest strength. Each matrix is looked at once, for its largest number. A header
    without its data (`meta`) has none.
    """
    if any(pair.down.is_meta for pair in pairs.values()):
        return
    limit = torch.finfo(next(network.parameters()).dtype).max
    halves = [half for pair in pairs.values() for half in (pair.down, pair.up)]
    numbers = iter(torch.stack([largest(half).cpu() for half in halves]).tolist())
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
            f"{source} holds numbers that are NaN or infinite in {first_few(broken)}; download it "
            "again, or choose another LoRA."
        )
    if steep:
        raise CheckpointError(
            f"{source} holds numbers too large to compute with in {first_few(steep)}; choose "
            "another LoRA."
        )


def _check_shape(key: str, tensor: Tensor, wanted: tuple[int, ...], source: str | Path) -> None:
    if tensor.shape != wanted:
        raise CheckpointError(
            f"{source} does not fit: {key} is {tuple(tensor.shape)} where {wanted} is expected; "
            "choose a LoRA that was made for a network of this size."
        )


def _told(unused: Mapping[str, str]) -> str:
    """What is not used, by reason: a count and the first few keys of each."""
    reasons = dict.fromkeys(unused.values())
    groups = {why: [key for key, reason in unused.items() if reason == why] for why in reasons}
    return ", ".join(f"{len(keys)} {why} ({first_few(keys)})" for why, keys in groups.items())
