"""LoRAs of every trainer: each acts at its own strength, or is refused by name."""

import json
from copy import deepcopy
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs pip install 'spout-bridge[engine]'")

from safetensors.torch import save_file
from torch import Tensor

from engine.catalog.specs import DEMO
from engine.causal.lora.alphas import Pattern
from engine.causal.lora.files import load_adapter, match_adapter
from engine.causal.lora.layers import merge
from engine.causal.network.wan_weights import empty_transformer, random_transformer
from engine.files.errors import CheckpointError
from engine.files.lora_header import UNKNOWN, LoraHeader, looked
from engine.files.lora_keys import PARTS, parsed
from tests.support.loras import LAYERS, RANK, SPELLINGS, WAN, Spelling, half, kohya, layers, peft

pytestmark = pytest.mark.slow

USED = [one for one in SPELLINGS if not one.refused]
REFUSED = [one for one in SPELLINGS if one.refused]


@cache
def network() -> Any:
    """The demo network with random weights; copy it before changing it."""
    return random_transformer(DEMO, torch.float32, "cpu")


def merged(path: Path) -> dict[str, Tensor]:
    wan = deepcopy(network())
    merge(wan, [(load_adapter(path, wan), 1.0)])
    return wan.state_dict()


def reference(spelling: Spelling) -> dict[str, Tensor]:
    """What the weights should be that the LoRA is for, in float64."""
    state, weights = network().state_dict(), {}
    for layer in layers():
        key, product = f"{layer.path}.weight", layer.up.double() @ layer.down.double()
        weights[key] = state[key].double() + spelling.scale(layer.path) * product
    return weights


def test_there_are_spellings_enough() -> None:
    assert len({one.name for one in USED}) >= 60
    assert len({one.refused for one in REFUSED}) >= 12


@pytest.mark.parametrize("spelling", USED, ids=lambda one: one.name)
def test_it_is_used_at_its_own_strength(spelling: Spelling, tmp_path: Path) -> None:
    path = spelling.save(tmp_path)
    adapter = load_adapter(path, network())
    assert len(adapter.pairs) == LAYERS * len(WAN)
    assert adapter.remark == ""
    found, wanted = merged(path), reference(spelling)
    for key, tensor in wanted.items():
        torch.testing.assert_close(found[key].double(), tensor, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("spelling", REFUSED, ids=lambda one: one.name)
def test_it_is_refused_by_its_true_name(spelling: Spelling, tmp_path: Path) -> None:
    path = spelling.save(tmp_path)
    with pytest.raises(CheckpointError) as told:
        load_adapter(path, network())
    message = str(told.value)
    assert message.startswith(str(path))
    assert spelling.refused in message
    assert "choose" in message


@pytest.mark.parametrize("spelling", SPELLINGS, ids=lambda one: one.name)
def test_the_header_alone_says_the_same(spelling: Spelling, tmp_path: Path) -> None:
    """What the door refuses is what loading would refuse."""
    path = spelling.save(tmp_path)
    found = looked(path)
    if path.suffix != ".safetensors":
        assert found == UNKNOWN
    elif spelling.refused:
        assert spelling.refused in found.refused
        assert found.width == 0
    else:
        assert found == LoraHeader("the demo weights", DEMO.dim, "")


def test_the_report_says_the_alpha_and_where_it_stands(tmp_path: Path) -> None:
    told: dict[str, str] = {}
    for number, spelling in enumerate(USED):
        path = spelling.save(tmp_path / str(number))
        told[spelling.name] = load_adapter(path, network()).alphas
    assert told["kohya"] == "20 layers with alpha 2 of rank 4, from its tensors"
    assert told["prefix ''"] == "20 layers without an alpha, so with a scale of 1"
    assert told["patterns in diffusers' metadata"] == (
        "20 layers with alpha 1 to 8 of rank 4, from its metadata"
    )
    assert told["rank-stabilised in PEFT's config"] == (
        "20 layers with alpha 4 of rank 4, rank-stabilised, from adapter_config.json next to it"
    )
    assert told["a config of another file's rank"].startswith(told["prefix ''"])
    assert "next to it is for a LoRA of rank" in told["a config of another file's rank"]


def test_two_networks_of_a_file_are_told_apart(tmp_path: Path) -> None:
    """Wan2.2's files hold both, by diffusers' names or in kohya's way; so do those with a text
    encoder or a critic.
    """
    for own, other, why in (
        ("transformer.", "transformer_2.", "for the second network of Wan2.2"),
        ("", "low_noise_model.", "for the second network of Wan2.2"),
        ("generator.", "critic.", "for a network other than"),
        ("pipe.dit.", "pipe.text_encoder.", "for a network other than"),
    ):
        tensors = {k: v for layer in layers() for k, v in peft(own)(layer).items()}
        tensors |= {k: 9 * v for layer in layers() for k, v in peft(other)(layer).items()}
        adapter = match_adapter(tensors, network())
        assert len(adapter.pairs) == 20
        assert set(adapter.unused) == {key for key in tensors if key.startswith(other)}
        assert f"tensors {why}" in adapter.remark
        assert "(40 tensors: " in adapter.remark


def test_a_config_counts_for_its_own_file_alone(tmp_path: Path) -> None:
    """A folder of LoRAs may hold one that somebody saved with its config."""
    config = {"lora_alpha": 2, "r": 4}
    spelling = Spelling("alone", peft(""), half, config=config, file="a.safetensors")
    path = spelling.save(tmp_path)
    alone = load_adapter(path, network()).pairs
    assert {pair.scale for pair in alone.values()} == {0.5}
    save_file({"x": torch.ones(1)}, tmp_path / "b.safetensors")
    beside = load_adapter(path, network())
    assert {pair.scale for pair in beside.pairs.values()} == {1.0}


@pytest.mark.parametrize(
    "config",
    [
        "{", "[]", '{"lora_alpha": "much"}', '{"lora_alpha": NaN}', '{"lora_alpha": 1e999}',
        '{"lora_alpha": 2, "alpha_pattern": {"(a+)+$": 3}}',
        '{"lora_alpha": 2, "alpha_pattern": [3]}', '{"lora_alpha": 2, "r": "wide"}', "[" * 100_000,
        '{"lora_alpha": 2, "alpha_pattern": {"to_q": null}}',
    ],
    ids=range(10),
)  # fmt: skip
def test_a_config_that_is_none_is_refused_in_words(config: str, tmp_path: Path) -> None:
    path = Spelling("its", peft("")).save(tmp_path)
    (tmp_path / "adapter_config.json").write_text(config, "utf-8")
    with pytest.raises(CheckpointError, match=r"adapter_config\.json does not say how strong") as e:
        load_adapter(path, network())
    assert len(str(e.value)) < 500
    tensors = {k: v for layer in layers() for k, v in peft("")(layer).items()}
    inside = tmp_path / "inside"
    inside.mkdir()
    save_file(tensors, inside / "x.safetensors", {"adapter_config": config})
    with pytest.raises(CheckpointError, match=r"The metadata of .* does not say how strong"):
        load_adapter(inside / "x.safetensors", network())


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ('{"lora_alpha": 2, "é": 1}'.encode("utf-16"), "it is not UTF-8 text"),
        (b'{"lora_alpha": 2, "\xe9": 1}', "it is not UTF-8 text"),
        (b'{"lora_alpha": 2, "x": "' + b"a" * (1 << 20) + b'"}', "it has more than 1048576"),
        (b'{"lora_alpha": [2]}', "is not a number"),
        (b'{"lora_alpha": {"a": 2}}', "is not a number"),
        (b'{"lora_alpha": 2, "r": Infinity}', "inf is not a number"),
    ],
    ids=["UTF-16", "cp1252", "1 MB", "a list", "an object", "infinite"],
)  # fmt: skip
def test_a_broken_config_is_one_sentence(data: bytes, words: str, tmp_path: Path) -> None:
    path = Spelling("its", peft("")).save(tmp_path)
    (tmp_path / "adapter_config.json").write_bytes(data)
    with pytest.raises(CheckpointError, match=r"adapter_config\.json does not say how strong") as e:
        load_adapter(path, network())
    assert words in str(e.value)
    assert len(str(e.value)) < 500


def test_a_config_that_does_not_count_is_noted(tmp_path: Path) -> None:
    """Of another rank, of one of several files, or no file at all."""
    spelling = Spelling("its", peft(""), config={"lora_alpha": 64, "r": 64})
    path, config = spelling.save(tmp_path), tmp_path / "adapter_config.json"
    beside = "20 layers without an alpha, so with a scale of 1; adapter_config.json next to it "
    for prepare, words in (
        (lambda: None, "is for a LoRA of rank 64, but this one has rank 4, so it is ignored"),
        (lambda: (config.unlink(), config.mkdir()), "is not a file and is ignored"),
    ):
        prepare()
        adapter = load_adapter(path, network())
        assert adapter.alphas == beside + words
        assert {pair.scale for pair in adapter.pairs.values()} == {1.0}
    config.rmdir()
    path = spelling.save(tmp_path).rename(tmp_path / "a.safetensors")
    save_file({"x": torch.ones(1)}, tmp_path / "b.safetensors")
    words = "may belong to another file and is ignored"
    assert load_adapter(path, network()).alphas == beside + words


def test_alphas_that_silence_or_deafen_are_told(tmp_path: Path) -> None:
    still = load_adapter(Spelling("0", kohya("lora_unet_", value=0.0)).save(tmp_path), network())
    assert still.alphas == (
        "20 layers with alpha 0 of rank 4, from its tensors; 20 of them without effect (alpha 0)"
    )
    for number, loud in enumerate((
        Spelling("tensors", kohya("lora_unet_", value=1e30)),
        Spelling("config", peft(""), config={"lora_alpha": -1e30, "r": 4}),
        Spelling("metadata", kohya("lora_unet_", value=4001.0)),
    )):  # fmt: skip
        path = loud.save(tmp_path / str(number))
        with pytest.raises(CheckpointError, match=r"has an alpha of \S+ for a rank of 4 in"):
            load_adapter(path, network())
    fine = Spelling("128", kohya("lora_unet_", value=128.0)).save(tmp_path / "fine")
    assert {pair.scale for pair in load_adapter(fine, network()).pairs.values()} == {32.0}


def test_patterns_mean_what_peft_means_by_them() -> None:
    for text, layer, wanted in (
        ("to_q", "blocks.0.attn1.to_q", True),
        ("o_q", "blocks.0.attn1.to_q", False),
        ("attn1.to_q", "blocks.0.attn1.to_q", True),
        ("attn1.to_q", "blocks.0.attn2.to_q", False),
        ("^blocks.0.attn1.to_q", "blocks.0.attn1.to_q", True),
        ("^attn1.to_q", "blocks.0.attn1.to_q", False),
        (r"blocks\.\d+\.attn1\.to_q", "blocks.11.attn1.to_q", True),
        (r"blocks.[0-9]+.attn1.to_q", "blocks.x.attn1.to_q", False),
        (r".*\.to_q$", "blocks.0.attn1.to_q", True),
        ("transformer.blocks.1.attn1.to_q", "blocks.1.attn1.to_q", True),
        ("transformer.blocks.11.attn1.to_q", "blocks.1.attn1.to_q", False),
    ):
        assert Pattern(text).means(layer) is wanted, (text, layer)
    for text in ("", "(a|b)", "a+", "[ab]", ".*.*.*x", "a?", "\\w", "a b"):
        with pytest.raises(ValueError, match="not a layer pattern"):
            Pattern(text)


def test_a_lora_of_another_size_says_which(tmp_path: Path) -> None:
    for width, made in ((1536, "Wan2.1 1.3B"), (5120, "Wan2.1 14B"), (3072, "Wan2.2 5B")):
        key = "diffusion_model.blocks.0.self_attn.q.lora_"
        tensors = {f"{key}A.weight": torch.ones(4, width), f"{key}B.weight": torch.ones(width, 4)}
        with pytest.raises(CheckpointError, match=rf"it is for {made}: "):
            match_adapter(tensors, empty_transformer(DEMO))


def test_any_key_is_taken_apart() -> None:
    """Whatever stands in a key: no error, no long time, and never a part that it has not."""
    random = Random(17)
    words = ["blocks", "0", "self_attn", "q", "lora_A", "weight", "_orig_mod", "transformer_2", ".",
             "_", "__", "lora_unet", "alpha", "日本", "\n", "lora", "down",
             "x" * 50, "lokr_w1", ""]  # fmt: skip
    for _ in range(5000):
        key = random.choice(["", ".", "_"]).join(random.choices(words, k=random.randrange(12)))
        layer, part, _ = parsed(key)
        assert part is None or part in PARTS
        assert len(layer) <= len(key)
    for key in ("_" * 300_000, "blocks." * 50_000, "lora_" * 60_000, ".lora_A" * 40_000):
        parsed(key)


def test_a_lora_of_kohya_with_many_alphas_has_each(tmp_path: Path) -> None:
    tensors: dict[str, Tensor] = {}
    for number, layer in enumerate(layers()):
        tensors |= kohya("lora_unet_", value=float(number))(layer)
    pairs = match_adapter(tensors, network()).pairs
    for number, layer in enumerate(layers()):
        assert pairs[layer.path].scale == number / RANK
    assert "alpha 0 to 19 of rank 4" in match_adapter(tensors, network()).alphas


def test_metadata_is_no_place_for_a_surprise(tmp_path: Path) -> None:
    """What trainers write beside alphas, empty words and unknown ones change nothing."""
    for number, metadata in enumerate([
        {"format": "pt"}, {"lora_adapter_metadata": ""}, {"lora_adapter_metadata": "null"},
        {"ss_network_alpha": "None", "ss_network_dim": "x"}, {"ss_network_dim": "4"},
        {"lora_adapter_metadata": json.dumps({"text_encoder.lora_alpha": 9})},
        {"lora_adapter_metadata": json.dumps({"transformer.lora_alpha": None})},
    ]):  # fmt: skip
        path = Spelling("x", peft("transformer.", "{path}"), metadata=metadata).save(
            tmp_path / str(number)
        )
        assert {pair.scale for pair in load_adapter(path, network()).pairs.values()} == {1.0}


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float8_e4m3fn], ids=str)
def test_matrices_of_fewer_bits_count_as_they_are(dtype: torch.dtype, tmp_path: Path) -> None:
    """The alpha too, as trainers save it; what was rounded there is not rounded once more."""
    keys = kohya("lora_unet_", value=2.0)
    tensors = {k: v.to(dtype) for layer in layers() for k, v in keys(layer).items()}
    save_file(tensors, tmp_path / "x.safetensors")
    found, state = merged(tmp_path / "x.safetensors"), network().state_dict()
    for layer in layers():
        key, (down, up) = f"{layer.path}.weight", (layer.down.to(dtype), layer.up.to(dtype))
        wanted = state[key].double() + 0.5 * up.double() @ down.double()
        torch.testing.assert_close(found[key].double(), wanted, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("spell", "words"),
    [
        (peft(""), "1 layer without an alpha, so with a scale of 1"),
        (kohya("lora_unet_"), "1 layer with alpha 2 of rank 4, from its tensors"),
        (kohya("lora_unet_", value=0.0), "1 layer with alpha 0 of rank 4, from its tensors; 1 of "
                                         "them without effect (alpha 0)"),
    ],
)  # fmt: skip
def test_a_single_layer_is_told_as_one(spell: Any, words: str) -> None:
    assert match_adapter(spell(next(layers())), network()).alphas == words
