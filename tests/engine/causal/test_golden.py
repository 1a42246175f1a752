"""Results equal those of the model authors' code, pass by pass; a wrong rule is noticed."""

from dataclasses import replace
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs pip install 'spout-bridge[engine]'")

from engine.catalog.specs import (
    KREA,
    LONGLIVE,
    REWARD_FORCING,
    STREAMDIFFUSIONV2,
    CausalSpec,
    StepList,
)
from engine.causal.schedule import Schedule, denoised, noised
from engine.causal.stream import LatentStream
from engine.causal.text.blending import between, blend
from tests.support.golden import DEVICES, TOLERANCE, Batch, Fixture, Replay, transition
from tests.support.scope_rows import STREAMDIFFUSIONV2_SEQUENTIAL

WRONG = 10 * TOLERANCE  # what a wrong rule differs by at least; the files' own tries: 9e-3

SEQUENCES = {
    "longlive_text": LONGLIVE,
    "longlive_switch_early": LONGLIVE,
    "longlive_switch_late": LONGLIVE,
    "reward_forcing_text": REWARD_FORCING,
    "streamdiffusionv2_sequential": STREAMDIFFUSIONV2_SEQUENTIAL,
    "krea_recompute": KREA,
}


class SinkRewritten(LatentStream):
    """A re-cache that forgets that an old sink stays: the mistake of LongLive's trap 10."""

    def _recache(self) -> None:
        super()._recache()
        window, frames = self.window, self.spec.window
        keys, values = window.keys.clone(), window.values.clone()
        window.clear()
        self.window.begin([0], frames)
        self._pass(self.window.begin([0], frames), self._last(frames), [self._clean])
        sink = self.spec.sink
        keys[:, :sink], values[:, :sink] = window.keys[:, :sink], window.values[:, :sink]
        window.keys.copy_(keys)
        window.values.copy_(values)
        window.ends = [self.frame]


class SinkKept(LatentStream):
    """A re-cache that leaves the sink alone even where it is part of the window."""

    def _recache(self) -> None:
        sink = self.spec.sink
        keys, values = self.window.keys[:, :sink].clone(), self.window.values[:, :sink].clone()
        super()._recache()
        self.window.keys[:, :sink], self.window.values[:, :sink] = keys, values


class Rolling(LatentStream):
    """Positions and slots by the frame's own number where the context should be recomputed."""

    def _recompute(self, head: Any) -> None:
        """Nothing."""

    def _number(self) -> int:
        return self.frame


@DEVICES
@pytest.mark.parametrize("name", SEQUENCES)
def test_every_pass_and_the_cache_equal_the_authors(name: str, device: str) -> None:
    assert Replay(Fixture(name, device), SEQUENCES[name]).worst() < TOLERANCE


def unwarped(spec: CausalSpec) -> Any:
    return Schedule(spec.shift).levels(StepList((1000, 750, 500, 250), warped=False))


NO_SINK, NO_CLEAN = {"sink": 0}, {"refresh": "none"}
WRONG_RULES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "longlive: no sink": ("longlive_text", NO_SINK, {}),
    "longlive: window 9": ("longlive_text", {"window": 9}, {}),
    "longlive: places by slot": ("longlive_text", {"rotate": "read"}, {}),
    "longlive: steps not warped": ("longlive_text", {}, {"levels": unwarped(LONGLIVE)}),
    "longlive: no clean pass": ("longlive_text", NO_CLEAN, {}),
    "early switch: old prompt kept": ("longlive_switch_early", {}, {"prompts": False}),
    "early switch: no re-cache": ("longlive_switch_early", {"on_prompt": "nothing"}, {}),
    "early switch: sink kept": ("longlive_switch_early", {}, {"kind": SinkKept}),
    "late switch: old prompt kept": ("longlive_switch_late", {}, {"prompts": False}),
    "late switch: no re-cache": ("longlive_switch_late", {"on_prompt": "nothing"}, {}),
    "late switch: sink rewritten": ("longlive_switch_late", {}, {"kind": SinkRewritten}),
    "reward forcing: sink not averaged": ("reward_forcing_text", {"sink_decay": 1.0}, {}),
    "reward forcing: places by number": ("reward_forcing_text", {"rotate": "write"}, {}),
    "reward forcing: no sink": ("reward_forcing_text", NO_SINK | {"sink_decay": 1.0}, {}),
    "reward forcing: not warped": ("reward_forcing_text", {}, {"levels": unwarped(REWARD_FORCING)}),
    "sequence: no sink": ("streamdiffusionv2_sequential", NO_SINK, {}),
    "sequence: shift 5": ("streamdiffusionv2_sequential", {"shift": 5.0}, {}),
    "sequence: no clean pass": ("streamdiffusionv2_sequential", NO_CLEAN, {}),
    "sequence: places by slot": ("streamdiffusionv2_sequential", {"rotate": "read"}, {}),
    "krea: first latent kept": ("krea_recompute", {}, {"reencoded": False}),
    "krea: rolling": ("krea_recompute", {}, {"kind": Rolling}),
    "krea: old prompt kept": ("krea_recompute", {}, {"prompts": False}),
    "krea: last step left out": ("krea_recompute", {}, {"levels": Schedule(5.0).levels(
        StepList((1000, 750, 500, 250), warped=True))}),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("rule", WRONG_RULES)
def test_a_wrong_rule_is_noticed_in_what_comes_out(rule: str) -> None:
    name, fields, options = WRONG_RULES[rule]
    spec = replace(SEQUENCES[name], **fields)
    replay = Replay(Fixture(name), spec, caches=False, **options)
    replay.worst()
    latents = [d for key, d in replay.differences.items() if key.endswith("latents")]
    assert max(latents) > WRONG


@DEVICES
def test_a_batch_of_steps_equals_the_authors(device: str) -> None:
    fixture = Fixture("streamdiffusionv2_batch", device)
    assert Batch(fixture, STREAMDIFFUSIONV2).worst() < TOLERANCE


class SamePlace(LatentStream):
    """A batch whose rows all stand at row 0's place."""

    def _batched(self, *given: Any) -> Any:
        self._rows_at = [(frame, self.frame - 1) for frame, _ in self._rows_at]
        return super()._batched(*given)


@pytest.mark.parametrize(
    ("fields", "kind"),
    [(NO_SINK, LatentStream), ({"shift": 5.0}, LatentStream), ({}, SamePlace)],
    ids=["no sink", "shift 5", "all rows at one place"],
)
def test_a_wrong_batch_is_noticed(fields: dict[str, Any], kind: type[LatentStream]) -> None:
    spec = replace(STREAMDIFFUSIONV2, **fields)
    assert Batch(Fixture("streamdiffusionv2_batch"), spec, kind=kind).worst() > WRONG


@pytest.mark.parametrize("shift", [5.0, 8.0])
def test_the_schedule_equals_the_authors(shift: float) -> None:
    fixture, schedule = Fixture("scheduler_tables"), Schedule(shift)
    at = f"shift{shift:.0f}"
    close(schedule.sigmas, fixture[f"out.{at}.sigmas"], 1e-6)
    close(schedule.timesteps, fixture[f"out.{at}.timesteps"], 1e-3)
    for name in ("longlive", "odd", "sdv2", "two"):
        steps = tuple(int(step) for step in fixture[f"in.list.{name}"])
        levels = schedule.levels(StepList(steps, warped=True))
        close([level.timestep for level in levels], fixture[f"out.{at}.warped.{name}"], 1e-3)
    sigmas = [schedule.level(float(t)).sigma for t in fixture["in.query_t"]]
    close(sigmas, fixture[f"out.{at}.sigma_of_t"], 1e-6)
    part = torch.tensor(sigmas)[:, None, None, None]
    x, flow, noise = (fixture[f"in.{at}.{name}"] for name in ("x", "flow", "noise"))
    close(noised(x, noise, part), fixture[f"out.{at}.renoised"], 1e-5)
    close(denoised(x, flow, part.double()), fixture[f"out.{at}.x0"], 1e-5)


def test_a_wrong_schedule_is_noticed() -> None:
    fixture = Fixture("scheduler_tables")
    shifted = torch.tensor(Schedule(8.0).sigmas)
    assert (shifted - fixture["out.shift5.sigmas"]).abs().max() > 2e-2
    by_formula = fixture["in.query_t"] / 1000
    assert (by_formula - fixture["out.shift5.sigma_of_t"]).abs().max() > 4e-3
    plain = Schedule(5.0).levels(StepList((750,), warped=False))[0].timestep
    assert abs(plain - float(fixture["out.shift5.warped.longlive"][1])) > 100


def test_blended_prompts_equal_the_reference() -> None:
    fixture = Fixture("prompt_blending")
    for call in fixture.config["calls"]:
        if call["op"] == "blend":
            parts = [fixture[f"in.e{index}"] for index in call["prompts"]]
            close(blend(parts, call["weights"], call["method"]), fixture[call["out"]], 1e-5)


def test_an_arc_between_nearly_equal_prompts_keeps_the_tokens_that_they_share() -> None:
    fixture = Fixture("prompt_blending")
    one, near = fixture["in.e0"], fixture["in.near"]
    found, wanted = between(one, near, 0.25, "slerp"), fixture["out.slerp_near"]
    lost = (wanted.norm(dim=-1) == 0)[0]  # the reference divides 0 by 0.00000001 there
    close(found[:, ~lost], wanted[:, ~lost], 1e-5)
    assert lost.sum() == 10
    close(found, torch.lerp(one, near, 0.25), 1e-4)


@pytest.mark.parametrize("method", ["linear", "slerp"])
def test_a_transition_goes_from_the_source_to_the_target(method: Any) -> None:
    fixture = Fixture("prompt_blending")
    source, target = fixture["in.e0"], fixture["in.e1"]
    for place, found in enumerate(transition(source, target, 4, method)):
        close(found, fixture[f"out.transition.{method}.4.{place}"], 1e-5)
    (at_once,) = transition(source, target, 1, method)  # the reference never arrives here
    assert torch.equal(at_once, target)


def test_a_wrong_blend_is_noticed() -> None:
    fixture = Fixture("prompt_blending")
    one, other = fixture["in.e0"], fixture["in.e1"]
    unscaled = 0.5 * one + 0.5 * other
    assert (unscaled - fixture["out.blend.linear.0"]).abs().max() > 0.1
    straight = blend([one, other], [1, 1], "linear")
    assert (straight - fixture["out.blend.slerp.0"]).abs().max() > 0.1
    early = between(one, other, 1 / 4, "linear")
    assert (early - fixture["out.transition.linear.4.0"]).abs().max() > 0.1


def close(found: Any, wanted: Any, tolerance: float) -> None:
    assert (torch.as_tensor(found) - wanted).abs().max() <= tolerance
