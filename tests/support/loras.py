"""LoRA files as trainers and converters write them: 60 and more spellings of one small LoRA.

Each says what is right: the strength at which it acts, or the words by which it is refused.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

LAYERS, WIDTH, FFN, RANK = 2, 96, 192, 4  # of the demo network, and of the LoRA
WAN = {  # a block's layers by Wan's names, with diffusers' and the shape of the weight
    **{
        f"{wan}.{short}": (f"{diffusers}.{long}", (WIDTH, WIDTH))
        for wan, diffusers in (("self_attn", "attn1"), ("cross_attn", "attn2"))
        for short, long in (("q", "to_q"), ("k", "to_k"), ("v", "to_v"), ("o", "to_out.0"))
    },
    "ffn.0": ("ffn.net.0.proj", (FFN, WIDTH)),
    "ffn.2": ("ffn.net.2", (WIDTH, FFN)),
}


@dataclass(frozen=True)
class Layer:
    """One layer: its name in Wan's way, in diffusers', and its matrices."""

    wan: str
    path: str
    down: Tensor  # (RANK, inputs)
    up: Tensor  # (outputs, RANK)


@dataclass(frozen=True)
class Spelling:
    """`write` gives the keys of a layer. `scale` is what each product counts for, by the layer's
    name in diffusers' way; `refused` are words of the refusal, of a file that is not used.
    """

    name: str
    write: Callable[[Layer], Mapping[str, Tensor]]
    scale: Callable[[str], float] = lambda path: 1.0
    refused: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, Any] | None = None  # of `adapter_config.json` beside the file
    file: str = "adapter_model.safetensors"

    def save(self, folder: Path) -> Path:
        """The LoRA as a file of that spelling."""
        folder.mkdir(parents=True, exist_ok=True)
        tensors: dict[str, Tensor] = {}
        for layer in layers():
            tensors |= {key: tensor.clone() for key, tensor in self.write(layer).items()}
        if self.config is not None:
            (folder / "adapter_config.json").write_text(json.dumps(self.config), "utf-8")
        path = folder / self.file
        if path.suffix == ".safetensors":
            save_file(tensors, path, dict(self.metadata) or None)
        else:
            torch.save(tensors, path)
        return path


def layers() -> Iterator[Layer]:
    """The same every time, in float32."""
    generator = torch.Generator().manual_seed(8)
    for block in range(LAYERS):
        for wan, (diffusers, (outputs, inputs)) in WAN.items():
            down = 0.1 * torch.randn(RANK, inputs, generator=generator)
            up = 0.1 * torch.randn(outputs, RANK, generator=generator)
            yield Layer(f"blocks.{block}.{wan}", f"blocks.{block}.{diffusers}", down, up)


def spelled(down: str, up: str, alpha: str = "", value: float = 0.0) -> Callable[[Layer], Any]:
    """Keys by patterns: `{wan}`, `{path}`, and both `{flat_…}` with underscores."""

    def write(layer: Layer) -> dict[str, Tensor]:
        def key(pattern: str) -> str:
            flat_wan, flat_path = (name.replace(".", "_") for name in (layer.wan, layer.path))
            return pattern.format(
                wan=layer.wan, path=layer.path, flat_wan=flat_wan, flat_path=flat_path,
                processor=_processor(layer.path),
            )  # fmt: skip

        made = {key(down): layer.down, key(up): layer.up}
        return made | ({key(alpha): torch.tensor(value)} if alpha else {})

    return write


def _processor(path: str) -> str:
    """A layer as diffusers' attention processors called it; those of the ffn had none."""
    front, _, last = path.removesuffix(".0").rpartition(".")
    return f"{front}.processor.{last}_lora" if ".attn" in path else f"{path}.lora"


def peft(front: str, name: str = "{wan}", end: str = ".weight") -> Callable[[Layer], Any]:
    return spelled(f"{front}{name}.lora_A{end}", f"{front}{name}.lora_B{end}")


def kohya(front: str, name: str = "{flat_wan}", value: float = 2.0) -> Callable[[Layer], Any]:
    """With an alpha for each layer."""
    return spelled(
        f"{front}{name}.lora_down.weight", f"{front}{name}.lora_up.weight",
        f"{front}{name}.alpha", value,
    )  # fmt: skip


def with_more(write: Callable[[Layer], Any], **more: Callable[[Layer], Tensor]) -> Any:
    """The same with further keys: `self_attn__x` is written as `….self_attn.x`."""

    def both(layer: Layer) -> dict[str, Tensor]:
        made = {key.replace("__", "."): make(layer) for key, make in more.items()}
        return {**write(layer), **{f"{layer.wan}.{key}": value for key, value in made.items()}}

    return both


def only(*parts: str, front: str = "", name: str = "{wan}") -> Callable[[Layer], Any]:
    """Parts of another kind of adapter, and an alpha."""

    def write(layer: Layer) -> dict[str, Tensor]:
        flat = layer.path.replace(".", "_")
        layer_name = front + name.format(wan=layer.wan, path=layer.path, flat_path=flat)
        return {f"{layer_name}.{part}": torch.ones(4, 4) for part in parts} | {
            f"{layer_name}.alpha": torch.tensor(1.0)
        }

    return write


def as_type(write: Callable[[Layer], Any], dtype: torch.dtype) -> Callable[[Layer], Any]:
    return lambda layer: {key: tensor.to(dtype) for key, tensor in write(layer).items()}


def half(path: str) -> float:
    """Alpha 2 of rank 4."""
    return 0.5


def plain_two(path: str) -> float:
    """Alpha 4 of rank 4, rank-stabilised: 4 / sqrt(4)."""
    return 2.0


def by_pattern(path: str) -> float:
    """Alpha 8 for the queries, 1 for the first block's `ffn.net.2`, 2 elsewhere."""
    if path.endswith("to_q"):
        return 2.0
    return 0.25 if path == "blocks.0.ffn.net.2" else 0.5


PATTERNS = {"lora_alpha": 2, "r": 4, "alpha_pattern": {"to_q": 8, "blocks.0.ffn.net.2": 1}}
REGEX = {"lora_alpha": 2, "r": 4, "alpha_pattern": {r".*\.to_q": 8, r"^blocks\.0\.ffn\.net\.2$": 1}}
WAN_NAMED = {"lora_alpha": 2, "r": 4, "alpha_pattern": {"self_attn.q": 8, "cross_attn.q": 8,
                                                        "blocks.0.ffn.2": 1}}  # fmt: skip
STABLE = {"lora_alpha": 4, "r": 4, "use_rslora": True}


def packed(config: Mapping[str, Any], front: str = "transformer.") -> dict[str, str]:
    """As diffusers keeps PEFT's words in a file."""
    return {"lora_adapter_metadata": json.dumps({front + key: config[key] for key in config})}


# fmt: off
SPELLINGS = [
    # what stands in front
    *(
        Spelling(f"prefix {front!r}", peft(front))
        for front in (
            "", "diffusion_model.", "model.diffusion_model.", "base_model.model.",
            "base_model.model.model._fsdp_wrapped_module.", "model.", "pipe.dit.", "dit.",
            "module.", "unet.", "net.", "generator.", "generator.model.", "_orig_mod.",
            "base_model.model._orig_mod.", "module.diffusion_model._orig_mod.", "denoiser.",
            "student.model.", "wan_transformer.",
        )
    ),
    *(
        Spelling(f"diffusers' names behind {front!r}", peft(front, "{path}"))
        for front in ("", "transformer.", "base_model.model.", "pipe.dit.", "transformer.module.")
    ),
    # compiled, at any place
    Spelling(
        "a compiled block",
        lambda layer: {
            key.replace("blocks.0.", "blocks.0._orig_mod.").replace("ffn.", "ffn._orig_mod."): value
            for key, value in peft("diffusion_model.")(layer).items()
        },
    ),
    Spelling(
        "kohya, a compiled block",
        lambda layer: {
            key.replace("blocks_0_", "blocks_0__orig_mod_"): value
            for key, value in kohya("lora_unet_")(layer).items()
        },
        half,
    ),
    Spelling("kohya, compiled whole", kohya("lora_unet__orig_mod_"), half),
    # the halves' names
    *(
        Spelling(f"adapter {name!r}", peft("base_model.model.", end=f".{name}.weight"))
        for name in ("default", "my-style", "my style", "v1 (final)", "ink_wash", "日本画")
    ),
    Spelling("without weight", peft("diffusion_model.", end="")),
    Spelling("without weight, with an adapter", peft("transformer.", "{path}", ".default")),
    Spelling("lora_down without weight", spelled("{wan}.lora_down", "{wan}.lora_up")),
    Spelling("small letters", spelled("{wan}.lora_a.weight", "{wan}.lora_b.weight")),
    Spelling("lora.down", spelled("transformer.{path}.lora.down.weight",
                                  "transformer.{path}.lora.up.weight")),
    Spelling(
        "lora_linear_layer",
        spelled(
            "transformer.{path}.lora_linear_layer.down.weight",
            "transformer.{path}.lora_linear_layer.up.weight",
        ),
    ),
    Spelling(
        "processors",
        spelled("transformer.{processor}.down.weight", "transformer.{processor}.up.weight"),
    ),
    Spelling("comfyui, lora_down", kohya("diffusion_model.", "{wan}"), half),
    # underscores only
    Spelling("kohya", kohya("lora_unet_"), half),
    Spelling("kohya, two underscores", kohya("lora_unet__"), half),
    Spelling("kohya, transformer", kohya("lora_transformer_", "{flat_path}"), half),
    Spelling("kohya, dit", kohya("lora_dit_"), half),
    Spelling("kohya, no network", kohya("lora_"), half),
    Spelling("lycoris, plain matrices", kohya("lycoris_", "{flat_path}"), half),
    Spelling("lycoris, Wan's names", kohya("lycoris_"), half),
    # where alpha stands
    Spelling("alpha in PEFT's config", peft("base_model.model."), half, config=PATTERNS | {
        "alpha_pattern": {}}),
    Spelling("patterns in PEFT's config", peft("base_model.model.", "{path}"), by_pattern,
             config=PATTERNS),
    Spelling("patterns as expressions", peft("base_model.model.", "{path}"), by_pattern,
             config=REGEX),
    Spelling("patterns in Wan's names", peft("base_model.model."), by_pattern, config=WAN_NAMED),
    Spelling("rank-stabilised in PEFT's config", peft("base_model.model."), plain_two,
             config=STABLE),
    Spelling("alpha in diffusers' metadata", peft("transformer.", "{path}"), half,
             metadata=packed({"lora_alpha": 2, "r": 4})),
    Spelling("patterns in diffusers' metadata", peft("transformer.", "{path}"), by_pattern,
             metadata=packed(PATTERNS)),
    Spelling("rank-stabilised in diffusers' metadata", peft("transformer.", "{path}"), plain_two,
             metadata=packed(STABLE)),
    Spelling("of two networks in diffusers' metadata", peft("transformer.", "{path}"), half,
             metadata={"lora_adapter_metadata": json.dumps(
                 {"transformer_2.lora_alpha": 7, "transformer.lora_alpha": 2})}),
    Spelling("metadata in words of their own", peft("transformer.", "{path}"), half,
             metadata={"transformer.lora_alpha": "2", "transformer.r": "4"}),
    Spelling("a config in the metadata", peft(""), half,
             metadata={"adapter_config": json.dumps({"lora_alpha": 2, "r": 4})}),
    Spelling("kohya's metadata", spelled("lora_unet_{flat_wan}.lora_down.weight",
                                         "lora_unet_{flat_wan}.lora_up.weight"), half,
             metadata={"ss_network_alpha": "2", "ss_network_dim": "4"}),
    Spelling("kohya's metadata, kept by a converter that multiplied", peft("diffusion_model."),
             metadata={"ss_network_alpha": "2", "ss_network_dim": "4"}),
    Spelling("LyCORIS, rank-stabilised", kohya("lycoris_", "{flat_path}", 4.0), plain_two,
             metadata={"ss_network_alpha": "4", "ss_network_dim": "4",
                       "ss_network_args": json.dumps({"algo": "lora", "rs_lora": "True"})}),
    Spelling("tensors before metadata and config", kohya("diffusion_model.", "{wan}"), half,
             metadata={"lora_alpha": "7", "r": "4"}, config={"lora_alpha": 9, "r": 4}),
    Spelling("metadata before a config", peft(""), half,
             metadata={"lora_alpha": "2", "r": "4"}, config={"lora_alpha": 9, "r": 4}),
    Spelling("a config of another file's rank", peft(""), config={"lora_alpha": 9, "r": 32}),
    # types and containers
    Spelling("a pickle", kohya("lora_unet_"), half, file="adapter_model.pt"),
    Spelling("a pickle with a config", peft(""), half, config={"lora_alpha": 2, "r": 4},
             file="adapter_model.pth"),
    # refused by their true name
    Spelling("LoKr", only("lokr_w1", "lokr_w2", front="lycoris_", name="{flat_path}"),
             refused="parts of a LoKr"),
    Spelling("LoKr in pieces", only("lokr_w1_a", "lokr_w1_b", "lokr_w2", front="transformer."),
             refused="parts of a LoKr"),
    Spelling("LoHa", only("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b", front="lora_unet_",
                          name="{flat_path}"), refused="parts of a LoHa"),
    Spelling("OFT", only("oft_blocks", front="oft_unet_", name="{flat_path}"),
             refused="parts of an OFT"),
    Spelling("OFT of PEFT", only("oft_R.default.weight", front="base_model.model."),
             refused="parts of an OFT"),
    Spelling("BOFT", only("boft_R", front="base_model.model."), refused="parts of a BOFT"),
    Spelling("GLoRA", only("a1.weight", "a2.weight", "b1.weight", "b2.weight",
                           front="lycoris_", name="{flat_path}"), refused="parts of a GLoRA"),
    Spelling("VeRA", only("vera_lambda_b", "vera_lambda_d", front="base_model.model."),
             refused="parts of a VeRA"),
    Spelling("IA3", only("ia3_l.default", front="base_model.model."), refused="parts of an IA3"),
    Spelling("DoRA", with_more(peft(""), dora_scale=lambda layer: torch.ones(1)),
             refused="parts of a DoRA"),
    Spelling("a middle matrix", with_more(peft(""), lora_mid__weight=lambda _: torch.ones(4, 4)),
             refused="a LoCon with a middle matrix"),
    Spelling("whole differences", only("diff"), refused="full weight differences"),
    Spelling("Wan2.2's second network", peft("transformer_2.", "{path}"),
             refused="for the second network of Wan2.2"),
    Spelling("Wan2.2's second network, kohya", kohya("lora_transformer_2_", "{flat_path}"),
             refused="for the second network of Wan2.2"),
    Spelling("Wan2.2's low noise", peft("low_noise_model."),
             refused="for the second network of Wan2.2"),
    Spelling("a text encoder", kohya("lora_te1_"), refused="for a network other than"),
    Spelling("8 bits", as_type(peft("diffusion_model."), torch.int8), refused="(int8)"),
    Spelling("4 bits, packed", as_type(peft("diffusion_model."), torch.uint8), refused="(uint8)"),
    Spelling("scales", with_more(as_type(peft(""), torch.float8_e4m3fn),
                                 lora_A__weight_scale=lambda layer: torch.ones(1)),
             refused="is quantised, with "),
]
# fmt: on
