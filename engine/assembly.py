"""From a row and what it is loaded with to the parts of a causal pipeline: network, VAE, text."""

# pyright: basic, reportMissingImports=false

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar
from zlib import crc32

import torch
from torch import Tensor

from engine.adapters import load_adapter
from engine.lora import Attached, attach, merge
from engine.models.attention import attention
from engine.models.text_encoder import UMT5_XXL, TextSize, load_text_encoder
from engine.models.transformer import CausalTransformer
from engine.models.vace import Vace, empty_vace, load_vace
from engine.models.vae import Vae, load_vae, random_vae
from engine.pipeline import Context
from engine.pipelines import files
from engine.pipelines.controls import CausalLoad
from engine.pipelines.specs import CausalSpec, NetworkSize
from engine.weights import load_transformer, random_transformer, randomised, read

DEMO = NetworkSize(
    name="demo", layers=2, dim=96, ffn=192, heads=3, text_dim=64, text_tokens=32, frequencies=32,
    vace_layers=(0,),
)  # fmt: skip
DEMO_VAE_WIDTH = {"wan": 8, "lightvae": 8, "tae": 16, "lighttae": 16}
DEMO_STD = 0.12  # of weights: below it attention hardly shows
STEPS = 5  # that loading is told in


T = TypeVar("T")
_kept: dict[str, tuple[Any, Any]] = {}  # by role: what a part was read from, and the part


@dataclass
class Parts:
    """What a causal pipeline is made of. `encode` gives a text's embedding, `note` what the user
    should know of it; `loras` are the faders of LoRAs that stay live, by their places.
    """

    spec: CausalSpec
    network: CausalTransformer
    vae: Vae
    encode: Callable[[str], Tensor]
    note: Callable[[str], str]
    loras: dict[int, Attached] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Sizes:
    """Of the parts beside the network: the released ones, where nothing else is said."""

    text: TextSize = UMT5_XXL
    vae_width: int | None = None


def assemble(spec: CausalSpec, sizes: Sizes, load: CausalLoad, context: Context) -> Parts:
    """Read and build everything, which may take minutes.

    ValueError with one sentence where a file is missing or is not what it should be.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    if device.type == "cpu":  # the bridge needs the other cores, and shared ones only wait
        torch.set_num_threads(max(1, (os.cpu_count() or 2) // 2))
    else:  # on Windows the driver would go on in the computer's memory, at a crawl, and tell nobody
        torch.cuda.set_per_process_memory_fraction(1.0)
    if load.weights == "demo":
        return _demo(replace(spec, network=DEMO), load, context, dtype, device)
    needed = _needed(spec, load)
    if gone := files.missing(needed, context.models):
        raise ValueError(gone)
    at = {role: artifact.path(context.models) for role, artifact in needed.items()}
    context.progress("network", 0, STEPS)
    wan = load_transformer(spec.network, read(at["network"]), dtype, device, source=at["network"])
    if "lora" in at:
        merge(wan, [(load_adapter(at["lora"], wan), 1.0)])
    context.progress("VACE", 1, STEPS)
    vace = None
    if "vace" in at:
        vace = load_vace(spec.network, read(at["vace"]), dtype, device, source=at["vace"])
    context.progress("VAE", 2, STEPS)
    vae = _shared("vae", at["vae"], load.vae, lambda file: load_vae(
        load.vae, read(file), dtype, device, width=sizes.vae_width, source=file
    ))  # fmt: skip
    context.progress("text encoder", 3, STEPS)
    text = _shared("text", at["text"], load.text_encoder, lambda file: load_text_encoder(
        read(file), at["tokenizer"], dtype, device, size=sizes.text,
        offload=load.text_encoder == "offloaded", source=file,
    ))  # fmt: skip
    context.progress("LoRAs", 4, STEPS)
    network = CausalTransformer(wan, attention(load.attention, device), vace)
    parts = Parts(spec, network, vae, text, text.note)
    _add_loras(parts, load, context.models / files.LORAS)
    context.progress("ready", STEPS, STEPS)
    return parts


def _shared(role: str, file: Path, how: str, load: Callable[[Path], T]) -> T:
    """A part that pipelines of this process have in common: kept until another file, or another
    way to load it, is in its role, so that a change of the pipeline need not read it again.
    """
    seen = file.stat()
    key = file, seen.st_mtime_ns, seen.st_size, how
    if _kept.get(role, (None, None))[0] != key:
        _kept.pop(role, None)
        _kept[role] = key, load(file)
    return _kept[role][1]


def _needed(spec: CausalSpec, load: CausalLoad) -> dict[str, files.Artifact]:
    """The files of a row, by what they are for."""
    needed = {
        "network": files.NETWORKS[spec.id],
        "vae": files.VAES[load.vae],
        "text": files.TEXT_ENCODERS[load.text_encoder],
        "tokenizer": files.TOKENIZER,
    }
    if spec.id in files.BUILT_IN_LORAS:
        needed["lora"] = files.BUILT_IN_LORAS[spec.id]
    if load.vace_enabled:
        needed["vace"] = files.VACE[spec.network.name]
    return needed


def _demo(
    spec: CausalSpec, load: CausalLoad, context: Context, dtype: torch.dtype, device: torch.device
) -> Parts:
    """The same parts, small, with random weights: they show no picture of anything."""
    context.progress("demo weights", 0, 1)
    wan = random_transformer(spec.network, dtype, device, std=DEMO_STD)
    vace: Vace | None = None
    if load.vace_enabled:
        vace = randomised(empty_vace(spec.network), dtype, device, std=DEMO_STD)
    network = CausalTransformer(wan, attention(load.attention, device), vace)
    vae = random_vae(load.vae, dtype, device, width=DEMO_VAE_WIDTH[load.vae])

    def encode(text: str) -> Tensor:
        words = text.split()[: spec.network.text_tokens]
        embedding = torch.zeros(1, spec.network.text_tokens, spec.network.text_dim)
        for place, word in enumerate(words):
            generator = torch.Generator().manual_seed(crc32(word.encode(errors="replace")))
            embedding[0, place].normal_(generator=generator)
        return embedding

    parts = Parts(spec, network, vae, encode, lambda text: "")
    _add_loras(parts, load, context.models / files.LORAS)
    context.progress("ready", 1, 1)
    return parts


def _add_loras(parts: Parts, load: CausalLoad, folder: Path) -> None:
    """The user's LoRAs, into the weights or beside them."""
    asked = enumerate((load.lora_1, load.lora_2, load.lora_3), 1)
    names = {place: name for place, name in asked if name}
    for name in names.values():
        if Path(name).name != name or not (folder / name).is_file():
            raise ValueError(f"There is no LoRA {name!r} in {folder}; put its file there.")
    root = parts.network.wan
    adapters = [load_adapter(folder / name, root) for name in names.values()]
    parts.remarks += [adapter.remark for adapter in adapters if adapter.remark]
    if load.lora_mode == "merged":
        merge(root, [(adapter, 1.0) for adapter in adapters])
    else:
        parts.loras = dict(zip(names, attach(root, adapters), strict=True))
