"""Every step of gpu-check, in this process: at true size where there is a card, on the CPU at toy
size. `pytest -m gpu` and `spout-bridge gpu-check` run the same list.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs pip install 'spout-bridge[engine]'")

from engine.causal.cuda_graphs import way
from engine.gpu_check.checks import builds, first_frame
from engine.gpu_check.ground import Ground
from engine.gpu_check.report import Figure, NotRun
from engine.gpu_check.steps import QUICK, STEPS, Step
from engine.system.devices import Gpu

LONG = 600.0  # seconds
# Each kind of step once; the others differ by their row or package, or start processes.
SLOW = (
    "prompts during captures",
    "parity",
    "graphs",
    "VACE",
    "VAE",
    "memory predicted",
    "size changes",
    "speed longlive",
)
QUICKLY = ("builds", "attention sdpa", "fp8", "switch under load",
           "out of memory")  # fmt: skip
BY_NAME = {step.name: step for step in STEPS}


def figures(step: Step, device: str, *, quick: bool = False) -> list[Figure]:
    module, _, name = step.target.partition(":")
    ground = Ground.of(device, LONG, lambda what: None, quick=quick)
    with torch.no_grad():
        return list(getattr(import_module(module), name)(ground))


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [*QUICKLY, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)]
)
def test_a_step_passes_at_toy_size(name: str) -> None:
    found = figures(BY_NAME[name], "cpu")
    assert [figure.wrong for figure in found if figure.wrong] == []
    assert len({figure.name for figure in found}) == len(found)


@pytest.mark.slow
@pytest.mark.timeout(LONG)
@pytest.mark.parametrize("step", QUICK[2:], ids=lambda step: step.name)
def test_a_quick_step_passes_at_toy_size(step: Step, monkeypatch: pytest.MonkeyPatch) -> None:
    # A CPU compiles nothing, so the caches are empty: the warm process would be the cold one again.
    assert way("auto", "cpu") == "plain"
    inner, found_before, asked = first_frame._child, [], []

    def child(order: dict[str, Any], variables: dict[str, str]) -> dict[str, float]:
        asked.append((order, variables))
        if not found_before:
            found_before.append(inner(order, variables))
        return found_before[0]

    monkeypatch.setattr(first_frame, "_child", child)
    found = figures(step, "cpu", quick=True)
    assert [figure.wrong for figure in found if figure.wrong] == []
    assert len(found) > 5
    assert asked[1:] == asked[:-1], "the warm one has what the cold one had, and its caches"
    assert len(asked) == (2 if step.name == "first frame" else 0)


@pytest.mark.gpu
@pytest.mark.timeout(LONG)
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_a_step_passes_on_the_card(step: Step) -> None:
    if step.package and find_spec(step.package) is None:
        pytest.skip(f"the package {step.package} is not installed")
    try:
        found = figures(step, "cuda")
    except NotRun as why:
        pytest.skip(str(why))
    assert [figure.wrong for figure in found if figure.wrong] == []


def test_every_step_names_a_function_that_is_there() -> None:
    for step in STEPS:
        module, _, name = step.target.partition(":")
        assert callable(getattr(import_module(module), name))


def test_a_card_that_is_asked_for_and_missing_is_not_run() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a card")
    with pytest.raises(NotRun, match="no CUDA device"):
        Ground.of("cuda", LONG, lambda what: None)


def test_a_card_that_torch_does_not_use_is_a_failure_of_the_first_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if torch.cuda.is_available():
        pytest.skip("torch uses the card")
    monkeypatch.setattr(builds, "gpus", lambda: [Gpu(0, "NVIDIA GeForce RTX 4090", None)])
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def wrong(device: str) -> list[str]:
        return [figure.wrong for figure in figures(BY_NAME["builds"], device) if figure.wrong]

    (found,) = wrong("auto")
    assert found.startswith("cards not used: NVIDIA GeForce RTX 4090: torch 2")
    monkeypatch.setattr(builds, "trouble", lambda: "its driver fails (access violation)")
    (found,) = wrong("auto")
    assert found.startswith("cards not used: the NVIDIA GPU: its driver fails (access violation)")
    assert wrong("cpu") == []  # which was asked for
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert wrong("auto") == []
