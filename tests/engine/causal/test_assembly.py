"""What the pipelines of one worker share is read once, and not shared with other workers."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="needs pip install 'spout-bridge[engine]'")

from dataclasses import replace

import torch
from safetensors.torch import load_file, save_file

import engine.causal.assembly as assembly
from engine.catalog.controls import CausalLoad
from engine.catalog.specs import LONGLIVE, REWARD_FORCING
from engine.causal.assembly import SharedPart, SharedParts, assemble
from engine.files.errors import CheckpointError
from engine.pipeline import Context
from tests.support.checkpoints import write_models
from tests.support.tiny_rows import SIZES, TINY


def test_a_part_is_loaded_again_for_another_file_another_way_or_a_changed_file(tmp_path: Path):
    part, loads = SharedPart[list[Path]](), []

    def load(file: Path) -> list[Path]:
        assert part.how == "", "the memory of the old one is free by then"
        loads.append(file)
        return [file]

    one, other = tmp_path / "one", tmp_path / "other"
    for file in (one, other):
        file.write_bytes(b"1")
    first = part.read(one, "fp8", load)
    assert part.how == "fp8"
    assert part.read(one, "fp8", load) is first
    assert part.read(one, "resident", load) is not first
    part.read(other, "resident", load)
    other.write_bytes(b"22")
    part.read(other, "resident", load)
    assert loads == [one, one, other, other]


def test_of_a_part_that_cannot_be_loaded_nothing_is_kept(tmp_path: Path):
    part = SharedPart[int]()
    file = tmp_path / "file"
    file.write_bytes(b"1")
    part.read(file, "wan", lambda file: 1)
    with pytest.raises(ValueError, match="damaged"):
        part.read(file, "tae", lambda file: int("damaged"))
    assert part.how == ""
    assert part.read(file, "wan", lambda file: 2) == 2


@pytest.mark.slow
def test_pipelines_of_a_worker_share_vae_and_text_encoder_and_those_of_another_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    models = write_models(tmp_path / "models")
    context = Context(tmp_path, models, lambda *_: None)
    asked: list[Any] = []
    check = assembly.checked_fit
    monkeypatch.setattr(
        assembly, "checked_fit", lambda *given: asked.append(given[-1]) or check(*given)
    )
    longlive, reward = (replace(spec, network=TINY) for spec in (LONGLIVE, REWARD_FORCING))
    first = assemble(longlive, SIZES, CausalLoad(), context)
    second = assemble(reward, SIZES, CausalLoad(), context)
    assert second.vae is first.vae
    assert second.encode is first.encode
    assert asked == [["CUDA"], ["CUDA", "VAE", "text encoder"]]
    assert SharedParts.of(context).vae.how == "wan"
    apart = assemble(longlive, SIZES, CausalLoad(), Context(tmp_path, models, lambda *_: None))
    assert apart.vae is not first.vae


def spoiled(path: Path, name: str) -> Path:
    """The same file with NaN in one matrix, under another name."""
    tensors = {key: tensor.clone() for key, tensor in load_file(path).items()}
    next(iter(tensors.values())).view(-1)[0] = torch.nan
    save_file(tensors, path.with_name(name))
    return path.with_name(name)


@pytest.mark.slow
def test_every_lora_that_cannot_be_used_is_blamed_by_its_parameter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    models = write_models(tmp_path / "models")
    context = Context(tmp_path, models, lambda *_: None)
    style = models / "loras" / "style.safetensors"
    bad = spoiled(style, "bad.safetensors")
    wide = style.with_name("wide.safetensors")
    save_file({key: tensor.repeat(2, 2) for key, tensor in load_file(style).items()}, wide)
    spec = replace(REWARD_FORCING, network=TINY)
    load = CausalLoad(lora_1=bad.name, lora_2=style.name, lora_3=wide.name)
    with pytest.raises(CheckpointError) as refused:
        assemble(spec, SIZES, load, context)
    blames = refused.value.blames
    assert {*blames} == {"lora_1", "lora_3"}
    assert blames["lora_1"].startswith(f"{bad} contains NaN or infinity in ")
    assert blames["lora_3"].startswith(f"{wide} does not fit: ")
    assert str(refused.value) == f"{blames['lora_1']} {blames['lora_3']}"

    def steep(*_: Any) -> None:
        raise CheckpointError("both are infinite together.")

    monkeypatch.setattr(assembly, "merge", steep)
    load = CausalLoad(lora_2=style.name, lora_3=style.name, lora_mode="merged")
    with pytest.raises(CheckpointError) as refused:
        assemble(spec, SIZES, load, context)
    assert refused.value.blames == dict.fromkeys(
        ("lora_2", "lora_3"), "both are infinite together."
    )
    vae = models / assembly.files.VAES["wan"].name
    torch.save({key: tensor * torch.nan for key, tensor in torch.load(vae).items()}, vae)
    with pytest.raises(CheckpointError, match="NaN") as refused:
        assemble(spec, SIZES, CausalLoad(), Context(tmp_path, models, lambda *_: None))
    assert not refused.value.blames, "no parameter names it"
