"""8-bit layers: precision, what stays exact, what is refused, what is measured."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs pip install 'spout-bridge[engine]'")

from torch import nn

from engine.bench.op_counts import Counted
from engine.catalog.controls import CausalLoad, CausalParameters
from engine.catalog.specs import KREA, LONGLIVE, REWARD_FORCING, SPECS, WAN_1_3B
from engine.causal.lora.files import Adapter, LoraPair
from engine.causal.lora.layers import attach, merge
from engine.causal.network.quantization import (
    Float8Linear,
    Outcome,
    cast,
    measured,
    multiplies_by_row,
    quantise,
    scaled_by_row,
)
from engine.causal.network.transformer import compiled_layer
from engine.causal.network.vace import empty_vace
from engine.causal.network.wan_weights import empty_transformer
from engine.causal.stream import LatentStream
from engine.pipeline import Context, build
from tests.support.slow_cases import rest_slow
from tests.support.tiny import SIZE, blocks, prompt, run, tiny_stream
from tests.support.tiny_rows import CATALOG

CPU = torch.device("cpu")
ROWWISE = pytest.mark.parametrize("rowwise", [True, False], ids=["rows", "whole"])
TYPICAL = 0.05  # relative error of a product of numbers with three bits behind the point: 0.035


def always(plain: nn.Module, small: nn.Module) -> bool:
    return True


def error(found: torch.Tensor, exact: torch.Tensor) -> float:
    return float((found.float() - exact.float()).norm() / exact.float().norm())


def layer(inputs: int = 96, outputs: int = 48, dtype: torch.dtype = torch.float32) -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(inputs, outputs, dtype=dtype).requires_grad_(False)


def small_stream(spec: Any, rowwise: bool = True) -> LatentStream:
    """A tiny stream whose layers are in 8 bits."""
    stream = tiny_stream(spec)
    quantise([stream.network.wan], SIZE.exact, always, rowwise=rowwise)
    stream.prompt(prompt(0))
    return stream


@ROWWISE
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bf16"])
def test_a_layer_stays_near_what_it_was(rowwise: bool, dtype: torch.dtype) -> None:
    plain = layer(dtype=dtype)
    small = Float8Linear(plain, rowwise=rowwise)
    x = torch.randn(2, 5, 96, dtype=dtype)
    found = small(x)
    assert (found.shape, found.dtype) == ((2, 5, 48), dtype)
    assert 0.005 < error(found, plain(x)) < TYPICAL
    small.scale.mul_(1.1)
    assert error(found=small(x), exact=plain(x)) > TYPICAL
    assert small.weight.nbytes == plain.weight.numel()


@pytest.mark.parametrize("factor", [1e-6, 1e5])
def test_rows_of_very_different_size_keep_their_precision(factor: float) -> None:
    plain = layer()
    plain.weight[7] *= factor
    x = torch.randn(6, 96)
    x[2] *= factor
    exact = x @ plain.weight.t()
    plain.bias.zero_()
    by_row, whole = (Float8Linear(plain, rowwise=rowwise)(x) for rowwise in (True, False))
    others = [place for place in range(48) if place != 7]  # which one loud output would drown
    quiet = 2 if factor < 1 else 0
    for row in range(6):
        assert error(by_row[row, others], exact[row, others]) < 2 * TYPICAL
    assert error(whole[quiet, others], exact[quiet, others]) > 2 * TYPICAL


@ROWWISE
def test_numbers_beyond_the_range_nothing_and_no_number(rowwise: bool) -> None:
    small, scale = cast(torch.tensor([[3e30, -1.0], [0.0, 0.0]]), rowwise=rowwise)
    assert small.float().isfinite().all()
    assert small.float().abs().max() == 448
    assert (small.float() * scale)[0, 0] == pytest.approx(3e30)
    zeros = Float8Linear(layer(), rowwise=rowwise)(torch.zeros(3, 96))
    torch.testing.assert_close(zeros, layer().bias.expand(3, -1))
    broken = Float8Linear(layer(), rowwise=rowwise)(torch.full((3, 96), float("nan")))
    assert broken.isnan().all()  # so that the guard against bad pictures sees it


@pytest.mark.parametrize("size", [SIZE, replace(WAN_1_3B, layers=2)], ids=["tiny", "1.3B"])
def test_all_layers_of_the_blocks_are_cast_and_nothing_else(size: Any) -> None:
    wan = empty_transformer(size)
    vace = empty_vace(replace(size, vace_layers=(0, 1)))
    vace_linears = 2 * 11 + 1  # its blocks' own, what each gives, and what the first takes in
    outcome = quantise([wan, vace], size.exact, always, rowwise=True)
    assert outcome.cast == outcome.layers == 10 * size.layers + vace_linears
    left = [path for path, each in wan.named_modules() if isinstance(each, nn.Linear)]
    assert {path.split(".")[0] for path in left} == {"condition_embedder", "proj_out"}
    assert len(left) == 6
    assert not [path for path, each in vace.named_modules() if isinstance(each, nn.Linear)]


@pytest.mark.parametrize("spec", rest_slow(SPECS.values()), ids=SPECS)
def test_a_network_stays_near_what_it_was(spec: Any) -> None:
    plain, small, wrong = tiny_stream(spec), small_stream(spec), small_stream(spec)
    for part in wrong.network.wan.modules():
        if isinstance(part, Float8Linear):
            part.scale.mul_(1.5)
    wrong.prompt(prompt(0))
    exact, near, far = (run(each, 2)[0] for each in (plain, small, wrong))
    assert 0.005 < error(near, exact) < 0.06
    assert error(far, exact) > 1.5 * error(near, exact)


def test_a_lora_beside_8_bits_counts_as_beside_the_exact_layer() -> None:
    generator = torch.Generator().manual_seed(1)
    down = torch.randn(4, 96, generator=generator)
    up = torch.randn(96, 4, generator=generator)
    adapter = Adapter("a LoRA", {"blocks.0.attn1.to_q": LoraPair(down, up, 0.05)}, {})
    merged, beside = tiny_stream(LONGLIVE).network.wan, tiny_stream(LONGLIVE).network.wan
    merge(merged, [(adapter, 1.0)])
    quantise([beside], SIZE.exact, always, rowwise=True)
    fader = attach(beside, [adapter], dtype=torch.float32)[0]
    x = torch.randn(5, 96, generator=generator)
    exact = merged.blocks[0].attn1.to_q(x)
    assert error(beside.blocks[0].attn1.to_q(x), exact) < TYPICAL
    fader.strength = 0.0
    assert error(beside.blocks[0].attn1.to_q(x), exact) > 2 * TYPICAL
    with pytest.raises(ValueError, match="merge before quantising"):
        merge(beside, [(adapter, 1.0)])


def test_each_shape_is_asked_for_once_and_only_winners_are_cast() -> None:
    asked: list[tuple[int, int]] = []

    def faster(plain: nn.Module, small: nn.Module) -> bool:
        asked.append((plain.in_features, plain.out_features))  # type: ignore[arg-type]
        return plain.in_features != plain.out_features

    wan = tiny_stream(LONGLIVE).network.wan
    outcome = quantise([wan], SIZE.exact, faster, rowwise=False)
    assert sorted(asked) == [(96, 96), (96, 144), (144, 96)]
    assert outcome == Outcome(20, 4, False)
    assert str(outcome) == (
        "fp8: 4 of 20 linear layers, scaled for each matrix; the other 16 are not faster in 8 bits"
    )
    none = quantise([wan], SIZE.exact, lambda *_: False, rowwise=True)
    assert str(none).startswith("fp8: none of 16 linear layers is faster")


def test_sides_that_are_no_multiples_of_16_stay() -> None:
    module = nn.ModuleDict({"odd": layer(96, 40), "even": layer(96, 48)})
    assert quantise([module], (), always, rowwise=True) == Outcome(2, 1, True)
    assert isinstance(module["odd"], nn.Linear)


def test_the_clock_tells_the_faster_layer() -> None:
    class Slow(nn.Module):
        in_features = 32

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.sum() + torch.randn(300, 300).sum()

    faster = measured(8, torch.float32, CPU, compiled=False)
    assert faster(Slow(), layer(32, 32))
    assert not faster(layer(32, 32), Slow())


@pytest.mark.parametrize(
    "spec", rest_slow([LONGLIVE, REWARD_FORCING, KREA]), ids=lambda spec: spec.id
)
def test_a_block_in_8_bits_reads_nothing_back(spec: Any) -> None:
    stream = small_stream(spec)
    run(stream, 4)
    with Counted() as counted:
        for _ in blocks(stream, 1):
            pass
    assert counted.operations["_scaled_mm"] > 20
    assert counted.reads_back == 0


@pytest.mark.slow
def test_layers_in_8_bits_compile_without_a_break() -> None:
    plain, fast = small_stream(LONGLIVE), small_stream(LONGLIVE)
    fast.run = replace(fast.passes, run_layer=compiled_layer("8 bits", "aot_eager"))
    for one, other in zip(run(plain, 2), run(fast, 2), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0.05)


def test_it_is_refused_in_a_sentence_where_it_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"needs an NVIDIA GPU, .* choose quantization=none\."):
        scaled_by_row(CPU)
    if not torch.cuda.is_available():
        load = CausalLoad(weights="demo", quantization="fp8")
        with pytest.raises(ValueError, match="needs an NVIDIA GPU"):
            build(CATALOG["longlive"].target, load, Context(tmp_path, tmp_path, lambda *_: None))


def test_a_build_without_8_bit_products_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert multiplies_by_row(CPU, torch.bfloat16)
    monkeypatch.delattr(torch, "_scaled_mm")
    with pytest.raises(ValueError, match=r"has no 8-bit products; .* choose quantization=none\."):
        multiplies_by_row(CPU, torch.bfloat16)


@pytest.mark.parametrize("rows", [False, None], ids=["only whole", "not at all"])
def test_a_build_without_scales_for_rows_takes_one_for_all(
    monkeypatch: pytest.MonkeyPatch, rows: bool | None
) -> None:
    inner = torch._scaled_mm

    def as_on_windows(*given: Any, **named: Any) -> Any:
        if rows is None or named["scale_a"].numel() > 1:
            raise RuntimeError("Rowwise scaling is not currently supported on your device")
        return inner(*given, **named)

    monkeypatch.setattr(torch, "_scaled_mm", as_on_windows)
    if rows is None:
        with pytest.raises(ValueError, match=r"cannot multiply in 8 bits here \(Rowwise"):
            multiplies_by_row(CPU, torch.bfloat16)
    else:
        assert multiplies_by_row(CPU, torch.bfloat16) is False


@pytest.mark.slow
def test_a_whole_pipeline_in_8_bits_gives_about_the_same_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through the code that loads it, on a CPU that is let pass for a GPU."""
    monkeypatch.setattr("engine.causal.assembly.scaled_by_row", lambda device: True)
    monkeypatch.setattr("engine.causal.assembly.measured", lambda *_, **__: always)
    pictures = {}
    for how in ("none", "fp8"):
        load = CausalLoad(weights="demo", vae="tae", vace_load=True, quantization=how)
        context = Context(tmp_path, tmp_path, lambda *_: None)
        pipeline = build(CATALOG["longlive"].target, load, context)
        parameters = CausalParameters(fade=0.0, size="64x48", prompt="a red fox")
        images = [image for _ in range(2) for image in pipeline([], parameters)]
        pictures[how] = np.stack(images)[..., :3].astype(float)
        told = "fp8: 32 of 32 linear layers, scaled for each row" if how == "fp8" else ""
        assert pipeline.report()["precision"] == told
        pipeline.close()  # type: ignore[attr-defined]
    far = np.abs(pictures["fp8"] - pictures["none"]).mean()
    assert 0 < far < 0.1 * pictures["none"].std()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_8_bits_on_the_gpu_are_near_and_kept_only_where_faster() -> None:
    device = torch.device("cuda")
    if torch.cuda.get_device_capability() < (8, 9):
        with pytest.raises(ValueError, match=r"compute capability 8\.9"):
            scaled_by_row(device)
        return
    rowwise = scaled_by_row(device)
    plain = nn.Linear(1536, 8960, device=device, dtype=torch.bfloat16).requires_grad_(False)
    x = torch.randn(4680, 1536, device=device, dtype=torch.bfloat16)
    assert error(Float8Linear(plain, rowwise=rowwise)(x), plain(x)) < TYPICAL
    module = nn.ModuleDict({"up": plain})
    faster = measured(4680, torch.bfloat16, device, compiled=False)
    outcome = quantise([module], (), faster, rowwise=rowwise)
    assert isinstance(module["up"], Float8Linear) == bool(outcome.cast)
    print(outcome)
