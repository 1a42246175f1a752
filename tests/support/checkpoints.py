"""A models folder of tiny random weights, each file in its authors' own format."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from engine.catalog import artifacts as files
from tests.support.golden import Fixture
from tests.support.tiny_rows import TINY

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def write_models(folder: Path) -> Path:
    """Fill `folder` with everything that the four pipelines load."""
    network = _network("longlive_text")
    fsdp = {k.replace("model.", "model._fsdp_wrapped_module.", 1): t for k, t in network.items()}
    lora = Fixture("longlive_lora").all("lora.")
    _save(folder / files.NETWORKS["longlive"].name, {"generator": network})
    _save(folder / files.BUILT_IN_LORAS["longlive"].name, {"generator_lora": lora})
    _save(folder / files.NETWORKS["streamdiffusionv2"].name, {"generator_ema": fsdp})
    _save(folder / files.NETWORKS["reward-forcing"].name, network)
    _save(folder / files.NETWORKS["krea-realtime-video"].name, network)
    vace = Fixture("vace_model").weights()
    module = {key: tensor for key, tensor in vace.items() if key.startswith("vace_")}
    _save(folder / files.VACE["1.3B"].name, module)
    _save(folder / files.VAES["wan"].name, Fixture("wan_vae_stream").weights())
    _save(folder / files.VAES["lightvae"].name, Fixture("light_vae_stream").weights())
    _save(folder / files.TEXT_ENCODER.name, Fixture("umt5_tiny").weights())
    small = {k: t.to(torch.float8_e4m3fn) if t.ndim == 2 else t for k, t in
             Fixture("umt5_tiny").weights().items()}  # fmt: skip
    _save(folder / files.TEXT_ENCODERS["fp8"].name, small)
    _tokenizer((folder / files.TOKENIZER.name).parent)
    style = {
        key.replace("base_model.model.", "diffusion_model."): tensor for key, tensor in lora.items()
    }
    _save(folder / files.LORAS / "style.safetensors", style)
    return folder


def _network(fixture: str) -> dict[str, torch.Tensor]:
    """A network under its authors' names, for text embeddings as wide as the tiny encoder's."""
    weights = Fixture(fixture).weights()
    generator = torch.Generator().manual_seed(0)
    name = "model.text_embedding.0.weight"
    wide = torch.randn(TINY.dim, TINY.text_dim, generator=generator) * 0.12
    return weights | {name: wide.to(weights[name].dtype)}


def _save(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".safetensors":
        save_file(content, path)
    else:
        torch.save(content, path)


def _tokenizer(folder: Path) -> None:
    """A tokenizer of single letters, built as google/umt5-xxl is."""
    folder.mkdir(parents=True)
    vocabulary = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -4.0)]
    vocabulary += [(letter, -5.0) for letter in LETTERS]
    made = Tokenizer(models.Unigram(vocabulary, unk_id=2, byte_fallback=False))
    made.normalizer = normalizers.NFKC()
    made.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    made.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 1)]
    )
    made.save(str(folder / "tokenizer.json"))
    config = {"tokenizer_class": "T5Tokenizer", "eos_token": "</s>", "pad_token": "<pad>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
