"""A whole models folder of tiny random weights, each file in its authors' own format."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from engine.pipelines import files
from tests.engine.golden import Fixture
from tests.engine.tiny_rows import TINY

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def write_models(folder: Path) -> Path:
    """Fill `folder` with everything that the four pipelines load."""
    network = _network("longlive_text")
    fsdp = {k.replace("model.", "model._fsdp_wrapped_module.", 1): t for k, t in network.items()}
    lora = Fixture("longlive_lora").all("lora.")
    _save(files.NETWORKS["longlive"].path(folder), {"generator": network})
    _save(files.BUILT_IN_LORAS["longlive"].path(folder), {"generator_lora": lora})
    _save(files.NETWORKS["streamdiffusionv2"].path(folder), {"generator_ema": fsdp})
    _save(files.NETWORKS["reward-forcing"].path(folder), network)
    _save(files.NETWORKS["krea-realtime-video"].path(folder), network)
    vace = Fixture("vace_model").weights()
    module = {key: tensor for key, tensor in vace.items() if key.startswith("vace_")}
    _save(files.VACE["1.3B"].path(folder), module)
    _save(files.VAES["wan"].path(folder), Fixture("wan_vae_stream").weights())
    _save(files.VAES["lightvae"].path(folder), Fixture("light_vae_stream").weights())
    _save(files.TEXT_ENCODER.path(folder), Fixture("umt5_tiny").weights())
    small = {k: t.to(torch.float8_e4m3fn) if t.ndim == 2 else t for k, t in
             Fixture("umt5_tiny").weights().items()}  # fmt: skip
    _save(files.TEXT_ENCODERS["fp8"].path(folder), small)
    _tokenizer(files.TOKENIZER.path(folder))
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
