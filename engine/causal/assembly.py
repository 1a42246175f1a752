"""Build the parts of a causal pipeline from its spec and options: network, VAE, text encoder."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Generic, TypeVar
from zlib import crc32

import torch
from torch import Tensor, nn

from engine.catalog import artifacts as files
from engine.catalog.controls import CausalLoad
from engine.catalog.specs import DEMO, DEMO_VAE_WIDTH, CausalSpec
from engine.causal.lora.files import LORA_NESTS, Adapter, load_adapter
from engine.causal.lora.layers import LoraHandle, attach, merge
from engine.causal.memory_check import checked_fit, kept_parts
from engine.causal.network.attention import attention
from engine.causal.network.quantization import measured, quantise, scaled_by_row
from engine.causal.network.transformer import CausalTransformer
from engine.causal.network.vace import Vace, empty_vace, load_vace
from engine.causal.network.wan_weights import load_transformer, random_transformer
from engine.causal.text.encoder import UMT5_XXL, TextEncoder, TextSize, load_text_encoder
from engine.causal.vae.streams import Vae, load_vae, random_vae
from engine.cost.fit import pixels
from engine.cost.memory import Setting
from engine.cost.roofline import frame_tokens
from engine.files.errors import CheckpointError
from engine.files.library import Library, WeightsError, lack
from engine.files.loras import LoraFile
from engine.files.shards import stamp
from engine.pipeline import Context
from engine.system import builds
from engine.weights.checkpoint import header_of, randomised, read
from engine.weights.headers import NESTS

DEMO_STD = 0.12  # deviation of the weights; with less, attention has hardly any effect
STEPS = 5  # of loading progress
FAMILY = "wan"  # the pipelines that share parts

T = TypeVar("T")


@dataclass
class Parts:
    """The parts of a causal pipeline. `encode` returns a text's embedding, `note` a remark on it
    for the user; `loras` are the handles of live LoRAs by slot, and `strengths` describe how
    strong each LoRA is according to its file. `memory` and `precision` describe how much memory
    the pipeline uses and which layers compute in 8 bits; `vae_width` is that of the VAE's
    narrowest layer if not the released one.
    """

    spec: CausalSpec
    network: CausalTransformer
    vae: Vae
    encode: Callable[[str], Tensor]
    note: Callable[[str], str]
    loras: dict[int, LoraHandle] = field(default_factory=dict[int, LoraHandle])
    remarks: list[str] = field(default_factory=list[str])
    strengths: list[str] = field(default_factory=list[str])
    memory: str = ""
    precision: str = ""
    vae_width: int | None = None


class SharedPart(Generic[T]):
    """One part, kept until it is replaced by another file or loaded with other options."""

    def __init__(self) -> None:
        self.how = ""  # the option it was loaded with; empty if not loaded
        self._origin: tuple[Path, list[int], str] | None = None
        self._part: T | None = None

    def read(self, file: Path, how: str, load: Callable[[Path], T]) -> T:
        """The part from `file`, loaded with the option `how`; calls `load` only if needed."""
        origin = file, stamp(file), how
        if self._part is None or self._origin != origin:
            self._part, self.how = None, ""  # frees its memory first
            self._part = load(file)
            self._origin, self.how = origin, how
        return self._part


@dataclass(frozen=True)
class SharedParts:
    """The parts that a worker's causal pipelines share, so that switching pipelines does not
    reload them. Used by the loading thread.
    """

    vae: SharedPart[Vae] = field(default_factory=SharedPart[Vae])
    text: SharedPart[TextEncoder] = field(default_factory=SharedPart[TextEncoder])

    @classmethod
    def of(cls, context: Context) -> "SharedParts":
        """The shared parts of the worker that owns `context`; empty for its first pipeline."""
        return context.shared.setdefault(FAMILY, cls())


@dataclass(frozen=True)
class Sizes:
    """Sizes and files of the parts besides the network; the released ones by default."""

    text: TextSize = UMT5_XXL
    vae_width: int | None = None
    needs: Callable[[CausalSpec, CausalLoad], Mapping[str, files.Artifact]] = files.needed


def assemble(spec: CausalSpec, sizes: Sizes, load: CausalLoad, context: Context) -> Parts:
    """Load and build everything, which may take minutes.

    ValueError with one sentence if a file is missing or invalid, or if this machine cannot compute
    in 8 bits; InsufficientMemory before any file is read.
    """
    device = torch.device(builds.device(cuda=torch.cuda.is_available()))
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    if device.type == "cpu":  # the bridge needs the other cores; sharing them only adds waiting
        torch.set_num_threads(max(1, (os.cpu_count() or 2) // 2))
    else:  # on Windows the driver would silently spill into system memory, which is far too slow
        torch.cuda.set_per_process_memory_fraction(1.0)  # pyright: ignore[reportUnknownMemberType]  # untyped
    if load.quantization == "fp8":
        scaled_by_row(device)  # raises before any file is read
    if load.weights == "demo":
        return _demo(replace(spec, network=DEMO), load, context, dtype, device)
    shared = SharedParts.of(context)
    kept = kept_parts(load, shared.vae.how, shared.text.how)
    fit = checked_fit(spec, load, context, device, Setting(
        value=dtype.itemsize, gpu=device.type == "cuda", text=sizes.text, vae_width=sizes.vae_width
    ), kept)  # fmt: skip
    at = _places(spec.id, sizes.needs(spec, load), context)
    context.progress("network", 0, STEPS)
    wan = load_transformer(spec.network, read(at["network"]), dtype, device, source=at["network"])
    if "lora" in at:
        merge(wan, [(load_adapter(at["lora"], wan), 1.0)])
    context.progress("VACE", 1, STEPS)
    vace = None
    if "vace" in at:
        vace = load_vace(spec.network, read(at["vace"]), dtype, device, source=at["vace"])
    context.progress("VAE", 2, STEPS)
    vae = shared.vae.read(at["vae"], load.vae, lambda file: load_vae(
        load.vae, read(file), dtype, device, width=sizes.vae_width, source=file
    ))  # fmt: skip
    context.progress("text encoder", 3, STEPS)
    text = shared.text.read(at["text"], load.text_encoder, lambda file: load_text_encoder(
        read(file), at["tokenizer"].parent, dtype, device, size=sizes.text,
        offload=load.text_encoder == "offloaded", source=file,
    ))  # fmt: skip
    context.progress("LoRAs", 4, STEPS)
    network = CausalTransformer(wan, attention(load.attention, device), vace)
    parts = Parts(spec, network, vae, text, text.note, memory=str(fit), vae_width=sizes.vae_width)
    _add_loras(parts, load, context)
    context.progress("ready", STEPS, STEPS)
    return parts


def _places(
    pipeline: str, needed: Mapping[str, files.Artifact], context: Context
) -> dict[str, Path]:
    """The paths of a pipeline's files by role; each is checked against its declaration."""
    library = Library(context.models, context.more_models)
    if gone := lack(library, pipeline, needed.values()):
        raise WeightsError(str(gone))
    at: dict[str, Path] = {}
    for role, artifact in needed.items():
        found = library.find(artifact)
        assert found  # as `lack` has checked
        at[role] = found.path
        if role != "tokenizer":  # reports a truncated file before hashing it
            header_of(found.path, LORA_NESTS if role == "lora" else NESTS)
        library.check_before_load(
            artifact,
            found.path,
            lambda done, whole, name=found.path.name: context.progress(
                f"checking {name}", done, whole
            ),
        )
    return at


def _demo(
    spec: CausalSpec, load: CausalLoad, context: Context, dtype: torch.dtype, device: torch.device
) -> Parts:
    """The same parts, small, with random weights: the output is abstract noise."""
    context.progress("demo weights", 0, 1)
    wan = random_transformer(spec.network, dtype, device, std=DEMO_STD)
    vace: Vace | None = None
    if load.vace_load:
        vace = randomised(empty_vace(spec.network), dtype, device, std=DEMO_STD)
    network = CausalTransformer(wan, attention(load.attention, device), vace)
    vae_width = DEMO_VAE_WIDTH[load.vae]
    vae = random_vae(load.vae, dtype, device, width=vae_width)

    def encode(text: str) -> Tensor:
        words = text.split()[: spec.network.text_tokens]
        embedding = torch.zeros(1, spec.network.text_tokens, spec.network.text_dim)
        for place, word in enumerate(words):
            generator = torch.Generator().manual_seed(crc32(word.encode(errors="replace")))
            embedding[0, place].normal_(generator=generator)
        return embedding

    parts = Parts(spec, network, vae, encode, lambda text: "", vae_width=vae_width)
    _add_loras(parts, load, context)
    context.progress("ready", 1, 1)
    return parts


def _add_loras(parts: Parts, load: CausalLoad, context: Context) -> None:
    """Merge the user's LoRAs into the weights or attach them; cast to 8 bits after merging and
    before attaching.
    """
    library = Library(context.models, context.more_models)
    asked = enumerate((load.lora_1, load.lora_2, load.lora_3), 1)
    found: dict[int, LoraFile] = {}
    for place, name in ((place, name) for place, name in asked if name):
        try:  # it was found when it was chosen; if it is gone since, load without it
            found[place] = library.lora(name)
        except ValueError as error:
            parts.remarks.append(f"{error} It is ignored.")
    root = parts.network.wan
    adapters = _adapters(found, root)
    parts.remarks += [adapter.remark for adapter in adapters if adapter.remark]
    told = zip(found.values(), adapters, strict=True)
    parts.strengths = [f"{lora.name}: {adapter.alphas}" for lora, adapter in told]
    if load.lora_mode == "merged":
        try:
            merge(root, [(adapter, 1.0) for adapter in adapters])
        except CheckpointError as error:  # any of them may be the cause
            raise _blamed(dict.fromkeys(found, str(error))) from error
    if load.quantization == "fp8":
        _quantise(parts, load, context)
    if load.lora_mode == "live":
        attached = attach(root, adapters, dtype=parts.network.dtype)
        parts.loras = dict(zip(found, attached, strict=True))


def _adapters(found: Mapping[int, LoraFile], network: nn.Module) -> list[Adapter]:
    """The LoRAs, matched to the network. All that cannot be used are named in one CheckpointError:
    the next start does without them.
    """
    adapters: list[Adapter] = []
    bad: dict[int, str] = {}
    for place, lora in found.items():
        try:
            adapters.append(load_adapter(lora.path, network))
        except CheckpointError as error:
            bad[place] = str(error)
    if bad:
        raise _blamed(bad)
    return adapters


def _blamed(bad: Mapping[int, str]) -> CheckpointError:
    """The error for LoRAs, with a sentence for each slot."""
    text = " ".join(dict.fromkeys(bad.values()))
    return CheckpointError(text, {f"lora_{place}": why for place, why in bad.items()})


def _quantise(parts: Parts, load: CausalLoad, context: Context) -> None:
    """Cast the layers that are faster in 8 bits for a block of this size."""
    network, spec = parts.network, parts.spec
    compiled = load.passes in ("auto", "compiled") and find_spec("triton") is not None
    tokens = spec.rows * spec.block * frame_tokens(*pixels(context.size))
    parts.precision = str(quantise(
        [module for module in (network.wan, network.vace) if module is not None],
        spec.network.exact,
        measured(tokens, network.dtype, network.device, compiled=compiled),
        rowwise=scaled_by_row(network.device),
    ))  # fmt: skip
