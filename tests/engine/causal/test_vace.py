"""VACE: hints equal the authors' network, contexts bit for bit, and its scale counts."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs pip install 'spout-bridge[engine]'")

from engine.catalog.specs import LONGLIVE, SPECS, CausalSpec
from engine.causal.motion import Motion
from engine.causal.network.attention import sdpa
from engine.causal.network.transformer import CausalTransformer, compiled_layer
from engine.causal.network.vace import load_vace
from engine.causal.network.wan_weights import load_transformer
from engine.causal.schedule import Schedule
from engine.causal.stream import BlockInputs, LatentStream, seeded
from engine.causal.vace_context import control_context, folded, reference_context, split
from tests.support.golden import DEVICES, TOLERANCE, Fixture
from tests.support.slow_cases import rest_slow
from tests.support.tiny import LATENT, prompt, run, tiny_vace_stream


def flows(fixture: Fixture, **wrong: Any) -> list[torch.Tensor]:
    """The flow of every call of the file, all frames at once."""
    layers = tuple(wrong.get("layers", fixture.config["model"]["vace_layers"]))
    size = replace(fixture.size(), vace_layers=layers)
    weights = fixture.weights()
    wan = load_transformer(size, weights, torch.float32, fixture.device)
    vace = load_vace(size, weights, torch.float32, fixture.device)
    network = CausalTransformer(wan, sdpa, vace)
    stream = LatentStream(replace(LONGLIVE, network=size), network, *fixture.config["latent_hw"])
    stream.prompt(fixture["in.text.0"])
    assert stream.hints is not None
    found = []
    for call in fixture.config["calls"]:
        context = fixture["in.context"][:, :, : call["context_frames_used"]]
        if wrong.get("pad_first"):
            empty = torch.zeros_like(fixture["in.context"])
            empty[:, :, : context.shape[2]] = context
            context = empty
        stream.hints.write(None, network.embedded(context))
        stream.hints.scale.fill_(wrong.get("scale", call["context_scale"]))
        plan = stream.window.begin([0], 4)._replace(hinted=True)
        found.append(
            stream.run(plan, fixture["in.x"], torch.full((1, 4), call["t"], device=fixture.device))
        )
    return found


def worst(fixture: Fixture, found: list[torch.Tensor]) -> float:
    return max((f - fixture[f"out.{i}.flow"]).abs().max().item() for i, f in enumerate(found))


@DEVICES
def test_hints_equal_the_authors_network(device: str) -> None:
    fixture = Fixture("vace_model", device)
    assert worst(fixture, flows(fixture)) < TOLERANCE


@pytest.mark.parametrize(
    "wrong", [{"layers": (1, 3)}, {"scale": 1.0}, {"pad_first": True}], ids=str
)
def test_a_wrong_rule_is_noticed(wrong: dict[str, Any]) -> None:
    fixture = Fixture("vace_model")
    assert worst(fixture, flows(fixture, **wrong)) > 0.1


@pytest.mark.parametrize("case", range(4))
def test_a_context_equals_the_authors_bit_for_bit(case: int) -> None:
    fixture, at = Fixture("vace_context"), f"k{case}"
    inactive, reactive = split(fixture[f"in.{at}.pixels"], fixture[f"in.{at}.mask"])
    assert torch.equal(inactive, fixture[f"out.{at}.inactive_pixels"])
    assert torch.equal(reactive, fixture[f"out.{at}.reactive_pixels"])
    mask = folded(fixture[f"in.{at}.mask"])
    references = fixture.config["calls"][case]["reference_images"]
    assert torch.equal(mask, fixture[f"out.{at}.mask64"][:, :, references:])
    given = [fixture[f"in.{at}.{kind}_latents"] for kind in ("inactive", "reactive")]
    parts = [control_context(*given, mask)]
    for place in reversed(range(references)):
        parts.insert(0, reference_context(fixture[f"in.{at}.ref{place}_latents"]))
    assert torch.equal(torch.cat(parts, 2), fixture[f"out.{at}.context"])


def test_a_mask_folded_by_columns_or_by_floor_is_noticed() -> None:
    fixture = Fixture("vace_context")
    mask = fixture["in.k1.mask"]
    by_columns = folded(mask).unflatten(1, (8, 8)).transpose(1, 2).flatten(1, 2)
    assert not torch.equal(by_columns, fixture["out.k1.mask64"])
    assert not torch.equal(folded(mask[:, :, [0, 4, 8]].repeat_interleave(4, 2)),
                           fixture["out.k1.mask64"])  # fmt: skip


def steered(stream: LatentStream, blocks: int, scale: float, **more: Any) -> list[torch.Tensor]:
    """Blocks under a constant control; `more` are further `BlockInputs`."""
    levels = Schedule(stream.spec.shift).levels(next(iter(stream.spec.steps.values())))
    made = []
    for _ in range(blocks):
        frames = stream.spec.frames(begins=not stream.frame)
        control = torch.ones(1, 96, frames, *LATENT)
        draw = seeded(stream.frame, stream.shape, stream.network.device)
        inputs = BlockInputs(levels, draw, control=control, control_scale=scale, **more)
        latents = stream.block(inputs)
        stream.settle()
        made += [latents] if latents is not None else []
    return made


@pytest.mark.slow
@pytest.mark.parametrize("spec", rest_slow(SPECS.values()), ids=SPECS)
def test_the_scale_counts_and_zero_is_no_hint(spec: CausalSpec) -> None:
    plain = run(tiny_vace_stream(spec), 4)
    none, half, whole = (steered(tiny_vace_stream(spec), 4, scale) for scale in (0.0, 0.5, 1.0))
    torch.testing.assert_close(none[-1], plain[-1], rtol=0, atol=1e-5)
    assert (half[-1] - plain[-1]).abs().mean() > 1e-3
    assert (whole[-1] - half[-1]).abs().mean() > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("spec", rest_slow(SPECS.values()), ids=SPECS)
def test_references_hold_until_they_are_changed(spec: CausalSpec) -> None:
    made = {}
    for kind in ("none", "one", "two"):
        stream = tiny_vace_stream(spec)
        if kind != "none":
            stream.refer(torch.full((1, 16, 1 if kind == "one" else 2, *LATENT), 1.5))
        made[kind] = steered(stream, 4, 1.0)
    for kind in ("one", "two"):
        for with_it, without in zip(made[kind], made["none"], strict=True):
            assert (with_it - without).abs().mean() > 1e-3
    assert (made["one"][-1] - made["two"][-1]).abs().mean() > 1e-3


def test_motion_lowers_the_noise_and_stillness_raises_it() -> None:
    still, moving = np.zeros((4, 32, 32, 4), np.uint8), np.zeros((4, 32, 32, 4), np.uint8)
    moving[1::2] = 255
    calm, wild = Motion(), Motion()
    for _ in range(20):
        low, high = wild(list(moving), 0.7), calm(list(still), 0.7)
    assert high == pytest.approx(0.7, abs=0.01)
    assert low == pytest.approx(0.6, abs=0.01)


@pytest.mark.slow
def test_compiled_layers_go_through_every_shape_of_pass() -> None:
    """A filling window, a re-cache, hints with and without references: each is another shape."""
    plain, compiled = tiny_vace_stream(), tiny_vace_stream()
    compiled.run = replace(compiled.passes, run_layer=compiled_layer("vace", "aot_eager"))
    made = []
    for stream in (plain, compiled):
        steered(stream, 2, 1.0)
        stream.refer(torch.full((1, 16, 2, *LATENT), 1.5))
        steered(stream, 3, 1.0)
        stream.prompt(prompt(1))
        steered(stream, 2, 0.5, hint_clean=True)
        stream.reset()
        made.append(run(stream, 6)[-1])
    torch.testing.assert_close(*made, rtol=0, atol=1e-4)
