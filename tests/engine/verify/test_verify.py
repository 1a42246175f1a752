"""Files that are not what a pipeline needs are each reported."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="torch is MISSING: run `pip install 'spout-bridge[engine]'`")

import torch
from safetensors.torch import load_file, save_file

from engine.catalog.specs import KREA, LONGLIVE, WAN_14B
from engine.causal.network.wan_weights import empty_transformer
from engine.causal.vae.streams import KINDS, empty_vae
from engine.files.errors import CheckpointError
from engine.verify.check import Role, check, check_file, check_path
from tests.support.checkpoints import write_models
from tests.support.shards import write_shards
from tests.support.slow_cases import rest_slow
from tests.support.tiny_rows import SIZES, TINY

torch.set_num_threads(1)

ROW = replace(LONGLIVE, network=TINY)
SMALL: dict[str, Any] = {"vae_width": SIZES.vae_width, "text": SIZES.text}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp("models"))


def named(models: Path, name: str) -> Path:
    return next(models.rglob(name))


FILES: list[tuple[Role, str]] = [
    ("network", "longlive_base.pt"),
    ("network", "model.pt"),
    ("network", "rewardforcing.pt"),
    ("network", "krea-realtime-video-14b.safetensors"),
    ("lora", "lora.pt"),
    ("lora", "style.safetensors"),
    ("vae", "Wan2.1_VAE.pth"),
    ("vae", "lightvaew2_1.pth"),
    ("text", "models_t5_umt5-xxl-enc-bf16.pth"),
    ("text", "umt5-xxl-enc-fp8_e4m3fn.safetensors"),
    ("vace", "Wan2_1-VACE_module_1_3B_bf16.safetensors"),
    ("tokenizer", "tokenizer.json"),
]


@pytest.mark.parametrize(("role", "name"), rest_slow(FILES))
def test_every_file_of_the_authors_fits_its_role(models: Path, role: Role, name: str) -> None:
    assert check_path(role, ROW, named(models, name), **SMALL) == ""


@pytest.mark.parametrize(("role", "name"), rest_slow(FILES[::2] + FILES[1::2], 6))
def test_no_file_fits_a_role_of_another(models: Path, role: Role, name: str) -> None:
    path = named(models, name)
    for other in {role for role, _ in FILES} - {role}:
        if "tokenizer" in (role, other):
            continue
        with pytest.raises(CheckpointError) as caught:
            check_path(other, ROW, path, **SMALL)
        text = str(caught.value)
        assert text.startswith(str(path))
        assert text.endswith(".")
        assert "; choose" in text or "; download" in text


def test_a_file_in_shards_is_checked_as_one(models: Path, tmp_path: Path) -> None:
    """With a key of every shard; one that is missing, or of another shape, is told as of a file."""
    whole = load_file(named(models, "krea-realtime-video-14b.safetensors"))
    index = write_shards(tmp_path / "diffusion_pytorch_model.safetensors.index.json", whole)
    assert check_path("network", ROW, index) == ""
    write_shards(index, whole | {"model.blocks.1.ffn.0.bias": torch.zeros(7)})
    with pytest.raises(
        CheckpointError, match=rf"^{index} does not fit the 1.3B, .*: \(7,\), expected"
    ):
        check_path("network", ROW, index)


def told(*arguments: Any, **more: Any) -> str:
    with pytest.raises(CheckpointError) as caught:
        check(*arguments, **more)
    return str(caught.value)


def test_a_file_of_the_14b_is_told_from_one_of_the_1_3b() -> None:
    large = empty_transformer(WAN_14B).state_dict()
    assert check("network", KREA, large, "x.safetensors") == ""
    assert told("network", LONGLIVE, large, "x.pt") == (
        "x.pt contains 40 layers of a Wan2.1 transformer, but the 1.3B has 30; choose a checkpoint "
        "of the 1.3B."
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_vae_is_told_from_the_others_and_from_a_network(kind: Any) -> None:
    own = empty_vae(kind).codec.module.state_dict()
    assert check("vae", LONGLIVE, own, "x.pth", vae=kind) == ""
    assert told("network", LONGLIVE, own, "x.pth").startswith("x.pth contains 0 layers of a Wan2.1")
    alike = {"tae", "lighttae"}  # the same network
    for other in KINDS:
        if other != kind and {other, kind} != alike:
            text = told("vae", LONGLIVE, own, "x.pth", vae=other)
            assert text.startswith(f"x.pth does not fit the VAE {other}, which has ")


def test_one_wrong_shape_is_told_with_the_right_one(models: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    tensors = load_file(named(models, "krea-realtime-video-14b.safetensors"))
    save_file(tensors | {"model.blocks.1.ffn.0.bias": torch.zeros(7)}, path)
    with pytest.raises(CheckpointError) as caught:
        check_path("network", ROW, path)
    assert str(caught.value) == (
        f"{path} does not fit the 1.3B, which has 69 tensors: 1 wrongly shaped "
        "(blocks.1.ffn.net.0.proj.bias: (7,), expected (144,)); download it again, or "
        "choose a checkpoint of the 1.3B."
    )


def test_a_lora_with_scales_is_checked_without_reading_them() -> None:
    pair = {"down": torch.empty(4, TINY.dim), "up": torch.empty(TINY.dim, 4)}
    key = "diffusion_model.blocks.0.self_attn.q"
    tensors = {f"{key}.lora_{name}.weight": tensor for name, tensor in pair.items()}
    tensors |= {f"{key}.alpha": torch.tensor(4.0), "other": torch.zeros(1)}
    remark = check("lora", ROW, {k: t.to("meta") for k, t in tensors.items()}, "x.safetensors")
    assert remark.startswith("Not used from x.safetensors: tensors that belong to no linear")


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot be read"):
        check_path("network", ROW, tmp_path / "x.pt")


def test_only_the_header_is_read(models: Path) -> None:
    path = named(models, "krea-realtime-video-14b.safetensors")
    with path.open("rb") as file:
        assert check_file("network", ROW, file, path) == ""
        assert file.tell() < 20_000 < path.stat().st_size
