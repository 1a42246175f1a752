"""60 checkpoints as people have them: each is used, or refused by name."""

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="torch is MISSING: run `pip install 'spout-bridge[engine]'`")

import torch
from safetensors.torch import save_file
from torch import Tensor

from engine.causal.network.wan_weights import load_transformer
from engine.causal.vae.streams import load_vae
from engine.files.errors import CheckpointError
from engine.weights.checkpoint import read
from tests.engine.weights.test_weights import base_names, drawn
from tests.support.golden import Fixture
from tests.support.slow_cases import rest_slow
from tests.support.tiny import SIZE as TINY

Tensors = dict[str, Tensor]


@pytest.fixture(scope="module")
def base() -> Tensors:
    return drawn(base_names())


def front(prefix: str) -> Callable[[Tensors], Tensors]:
    return lambda tensors: {prefix + key: tensor for key, tensor in tensors.items()}


def inside(part: str, *, after: str = "blocks.1.") -> Callable[[Tensors], Tensors]:
    return lambda tensors: {k.replace(after, f"{after}{part}."): t for k, t in tensors.items()}


def own_names(tensors: Tensors) -> Tensors:
    names = base_names()
    return {names[key]: tensor for key, tensor in tensors.items()}


PREFIXES = [
    "", "model.", "diffusion_model.", "model.diffusion_model.", "module.", "module.model.",
    "model.module.", "_orig_mod.", "_orig_mod.model.", "model._orig_mod.", "module._orig_mod.",
    "generator.", "generator.model.", "generator_ema.model.", "student.", "transformer.", "dit.",
    "pipe.dit.", "net.", "unet.", "ema_model.module.", "_forward_module.module.model.",
    "_fsdp_wrapped_module.module.", "model._fsdp_wrapped_module._checkpoint_wrapped_module.",
]  # fmt: skip
USED: dict[str, Callable[[Tensors], Any]] = {
    **{f"{prefix or 'plain'}.safetensors": front(prefix) for prefix in PREFIXES},
    **{f"inside-{part}.safetensors": inside(part) for part in
       ("_orig_mod", "module", "_checkpoint_wrapped_module", "_fsdp_wrapped_module._orig_mod")},
    "diffusers.safetensors": own_names,
    "diffusers-wrapped.safetensors": lambda t: front("transformer.")(own_names(t)),
    "diffusers-compiled.pt": lambda t: {"state_dict": front("_orig_mod.")(own_names(t))},
    **{f"{nest}.pt": lambda t, nest=nest: {nest: t} for nest in
       ("ema", "params_ema", "net", "transformer", "dit", "module", "model_state_dict", "weights")},
    "three.pt": lambda t: {"epoch": 3, "state_dict": {"model": {"generator": t}}},
    "other-order.pt": lambda t: {"generator": {"state_dict": {"model": front("module.")(t)}}},
}  # fmt: skip


def save(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".safetensors":
        save_file({key: tensor.clone() for key, tensor in content.items()}, path)
    else:
        torch.save(content, path)
    return path


def loaded(path: Path) -> Tensors:
    return load_transformer(TINY, read(path), torch.float32, "cpu", source=path).state_dict()


@pytest.mark.parametrize("name", rest_slow(USED))
def test_a_checkpoint_is_used_whatever_is_around_it(
    tmp_path: Path, base: Tensors, name: str
) -> None:
    found = loaded(save(tmp_path / name, USED[name](base)))
    names = base_names()
    assert found.keys() == set(names.values())
    assert all(torch.equal(found[names[key]], tensor) for key, tensor in base.items())


def scaled(
    tensors: Tensors, end: str = ".scale_weight", *, rows: bool = False, prefix: str = ""
) -> tuple[Tensors, Tensors]:
    """The linear layers of the blocks in fp8 with scales, and what they are worth in float64."""
    made, worth = dict(tensors), dict(tensors)
    for key, tensor in tensors.items():
        if key.startswith("blocks.") and key.endswith(".weight") and tensor.ndim == 2:
            most = tensor.abs().amax(1, keepdim=True) if rows else tensor.abs().amax()
            scale = most / 448
            made[key] = (tensor / scale).to(torch.float8_e4m3fn)
            made[key.removesuffix(".weight") + end] = scale.float()
            worth[key] = made[key].double() * scale.double()
    return {prefix + key: tensor for key, tensor in made.items()}, worth


SCALED: dict[str, dict[str, Any]] = {
    "comfy": {"prefix": "model.diffusion_model."},
    "comfy of today": {"end": ".weight_scale"},
    "kijai": {},
    "rows": {"rows": True},
    "rows of today": {"rows": True, "end": ".weight_scale", "prefix": "diffusion_model."},
}


@pytest.mark.parametrize("kind", SCALED)
def test_fp8_with_plain_scales_is_what_it_is_worth(
    tmp_path: Path, base: Tensors, kind: str
) -> None:
    made, worth = scaled(base, **SCALED[kind])
    made["scaled_fp8"] = torch.zeros(2).to(torch.float8_e4m3fn)
    made["blocks.0.ffn.0.scale_input"] = torch.ones(1)
    found, names = loaded(save(tmp_path / "x.safetensors", made)), base_names()
    for key, wanted in worth.items():
        far = (found[names[key]].double() - wanted.double()).abs().max()
        assert far <= wanted.abs().max() / 256, key  # bf16's own step


def block_scaled(tensors: Tensors) -> Tensors:
    made, _ = scaled(tensors)
    return {k: torch.ones(2, 3) if k.endswith(".scale_weight") else t for k, t in made.items()}


def beside(part: str, tensor: Tensor) -> Callable[[Tensors], Tensors]:
    return lambda tensors: tensors | {f"blocks.0.ffn.0.{part}": tensor}


PACKED: dict[str, tuple[Callable[[Tensors], Any], str]] = {
    "int8": (lambda t: {k: v.to(torch.int8) if v.ndim == 2 else v for k, v in t.items()}, "int8"),
    "blocks of fp8": (block_scaled, "scaled per block"),
    "bnb": (beside("weight.absmax", torch.ones(3)), "bitsandbytes"),
    "bnb8": (beside("SCB", torch.ones(3)), "bitsandbytes"),
    "gptq": (beside("qweight", torch.ones(3).int()), "GPTQ"),
    "nunchaku": (beside("wscales", torch.ones(3)), "Nunchaku"),
    "nvfp4": (beside("weight_scale_2", torch.ones(1)), "NVFP4"),
    "scale alone": (
        beside("none.scale_weight", torch.ones(1)),
        "but not blocks.0.ffn.0.none.weight",
    ),
    "scaled bf16": (beside("scale_weight", torch.ones(1)), "float32 with scales"),
}


@pytest.mark.parametrize("kind", PACKED)
def test_what_is_packed_otherwise_is_told_by_its_name(
    tmp_path: Path, base: Tensors, kind: str
) -> None:
    make, told = PACKED[kind]
    path = save(tmp_path / "x.safetensors", make(base))
    with pytest.raises(CheckpointError, match=r"; (use|choose) [^.]*\.$") as refused:
        loaded(path)
    assert told in str(refused.value)
    assert str(refused.value).startswith(f"{path} ")


def packed(kind: str) -> bytes:
    """An archive with a checkpoint in it, as people are sent them."""
    file = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("style/style.safetensors", bytes(500))
    else:
        with tarfile.open(fileobj=file, mode="w" + kind[3:]) as archive:  # type: ignore[call-overload]
            archive.addfile(tarfile.TarInfo("style.safetensors"))
    return file.getvalue()


NO_CHECKPOINTS = {
    "gguf": (b"GGUF\x03\0\0\0" + bytes(500), "is a GGUF file"),
    "pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\n",
                "is a Git LFS pointer"),
    "page": (b"<!DOCTYPE html>\n<html><head><title>Sign in</title>" + bytes(300), "is a web page"),
    "page of old": (b"\n  <HTML><body>404</body>" + b" " * 300, "is a web page"),
    "error": (b'{"error":"Repository not found"}' + b" " * 99, "is a server's error message"),
    "not found": (b"Entry not found", "is an error message from the hub"),
    "gated": (b"Access to model x/y is restricted. You must have access",
              "is an error message from the hub saved as a file; accept the model's terms"),
    "7z": (b"7z\xbc\xaf\x27\x1c" + bytes(99), "is an archive, not a checkpoint"),
    "zeros": (bytes(5000), "is an unfinished download, still all zeros"),
    "json": (b'{\n  "message": "Rate limit exceeded"\n}', "is JSON text"),
    "zip": (packed("zip"), "is an archive, not a checkpoint"),
    "tar": (packed("tar"), "is an archive, not a checkpoint"),
    "tar.gz": (packed("tar:gz"), "is an archive, not a checkpoint"),
    "preview": (b"\xff\xd8\xff\xe0" + bytes(300), "is an image"),
    "nothing": (b"", "is empty"),
}  # fmt: skip


@pytest.mark.parametrize("suffix", [".safetensors", ".pt", ".pth"])
@pytest.mark.parametrize("kind", NO_CHECKPOINTS)
def test_what_is_no_checkpoint_is_told_by_its_name(tmp_path: Path, kind: str, suffix: str) -> None:
    data, told = NO_CHECKPOINTS[kind]
    path = tmp_path / f"x{suffix}"
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match=r"; [^.;]*(\.safetensors)?[^.;]*\.$") as refused:
        read(path)
    assert f"{path} {told}" in str(refused.value)


@pytest.mark.parametrize(
    "prefix",
    rest_slow(
        [
            "",
            "first_stage_model.",
            "vae.model.",
            "vae.",
            "model.",
            "module.",
            "_orig_mod.",
            "model.vae.",
        ],
        3,
    ),
)
def test_a_vae_is_used_whatever_stands_before_its_names(tmp_path: Path, prefix: str) -> None:
    weights = Fixture("wan_vae_stream").weights()
    path = save(tmp_path / "x.pth", {prefix + key: tensor for key, tensor in weights.items()})
    plain = load_vae("wan", weights, torch.float32, "cpu", width=8)
    found = load_vae("wan", read(path), torch.float32, "cpu", width=8, source=path)
    ours, theirs = found.codec.module.state_dict(), plain.codec.module.state_dict()
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)


def test_there_are_as_many_as_are_told() -> None:
    assert len(USED) + len(SCALED) + len(PACKED) + len(NO_CHECKPOINTS) >= 60
