"""Warming up: the rehearsal foresees every pass, changes nothing, and leaves nothing to compile."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs pip install 'spout-bridge[engine]'")

from torch import Tensor

from engine.catalog.specs import LONGLIVE, SPECS, CausalSpec
from engine.causal.cuda_graphs import Graphs
from engine.causal.network.cache import PassShape
from engine.causal.network.transformer import compiled_layer
from engine.causal.stream import LatentStream, Run
from engine.causal.warmup import Controls, compile_layers, shapes, warm
from tests.support.slow_cases import rest_slow
from tests.support.tiny import LATENT, prompt, run, tiny_stream, tiny_vace_stream

ROWS = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
FEW_ROWS = pytest.mark.parametrize("spec", rest_slow(SPECS.values(), 2), ids=SPECS)


def noted(stream: LatentStream) -> set[PassShape]:
    """The shapes of all passes that the stream runs from now on."""
    seen, inner = set[PassShape](), stream.run

    def note(plan: PassShape, latents: Tensor, timesteps: Tensor) -> Tensor:
        seen.add(plan)
        return inner(plan, latents, timesteps)

    stream.run = note
    return seen


def foreseen(stream: LatentStream, controls: Controls) -> tuple[PassShape, ...]:
    vace = stream.hints is not None
    return shapes(stream.spec, stream.rows, *stream.shape[1:], vace, controls)


@pytest.mark.slow
@FEW_ROWS
@pytest.mark.parametrize("late", rest_slow([False, True]), ids=["early", "late"])
@pytest.mark.parametrize("biased", [False, True], ids=["plain", "biased"])
def test_every_pass_of_a_stream_is_foreseen_prompts_included(
    spec: CausalSpec, biased: bool, late: bool
) -> None:
    stream = tiny_stream(spec)
    seen = noted(stream)
    steered = {"context_weight": 0.5 if biased else 1.0, "recache_late": late}
    for at in (1, 2, 3, 1, 6):
        run(stream, at, **steered)
        stream.prompt(prompt(at))
    stream.reset()
    run(stream, 12, **steered)
    assert not seen - {*foreseen(stream, Controls(biased=biased, late=late))}


@pytest.mark.slow
@ROWS
def test_positions_that_end_are_foreseen(spec: CausalSpec) -> None:
    """After minutes: with a last position that comes soon, the stream runs nothing else."""
    if not spec.last_position:
        pytest.skip("its positions never end")
    stream = tiny_stream(replace(spec, last_position=spec.window + 2 * spec.block))
    seen = noted(stream)
    run(stream, 20)
    assert not seen - {*foreseen(tiny_stream(spec), Controls())}


@pytest.mark.slow
@pytest.mark.parametrize("references", [0, 1, 2])
def test_passes_with_hints_and_references_are_foreseen(references: int) -> None:
    stream = tiny_vace_stream()
    seen = noted(stream)
    if references:
        stream.refer(torch.randn(1, 16, references, *LATENT))
    for clean in (False, True):
        stream.reset()
        control = torch.randn(1, 96, stream.spec.first_block, *LATENT)
        run(stream, 1, control=control, hint_clean=clean)
        control = torch.randn(1, 96, stream.spec.block, *LATENT)
        run(stream, 6, control=control, hint_clean=clean)
        stream.prompt(prompt(1))
        run(stream, 1, control=control, hint_clean=clean)
    steered = [Controls(references=references, clean_hints=clean) for clean in (False, True)]
    assert not seen - {plan for controls in steered for plan in foreseen(stream, controls)}


@pytest.mark.slow
@FEW_ROWS
def test_warming_up_changes_nothing_of_a_stream_in_use(spec: CausalSpec) -> None:
    plain, warmed = tiny_stream(spec), tiny_stream(spec)
    expected = [*run(plain, 4), *run(plain, 6)]
    found = run(warmed, 4)
    for plan in foreseen(warmed, Controls()):
        warm(warmed, plan)
    for one, other in zip(expected, [*found, *run(warmed, 6)], strict=True):
        assert torch.equal(one, other)


class Counting:
    """Stands for CUDA graphs and for the compiler: counts what each would do."""

    def __init__(self) -> None:
        self.compiled = self.captured = 0

    def backend(self, module: torch.fx.GraphModule, given: object) -> object:
        self.compiled += 1
        return module.forward

    def __call__(self, run: Run, plan: PassShape, latents: Tensor, timesteps: Tensor) -> "Replay":
        self.captured += 1
        return Replay(run, plan)


class Replay:
    """A graph that is right."""

    def __init__(self, run: Run, plan: PassShape) -> None:
        self._run, self._plan = run, plan

    def replay(self, latents: Tensor, timesteps: Tensor) -> Tensor:
        return self._run(self._plan, latents, timesteps)


@pytest.fixture
def counting() -> Iterator[Counting]:
    torch._dynamo.reset()
    yield Counting()
    compiled_layer.cache_clear()
    torch._dynamo.reset()


def fast(stream: LatentStream, counting: Counting, name: str) -> LatentStream:
    layer = compiled_layer(name, counting.backend)  # type: ignore[arg-type]  # any of torch's kinds
    stream.passes = replace(stream.passes, run_layer=layer)
    stream.run = Graphs(stream.passes, counting)
    return stream


@pytest.mark.slow
def test_nothing_is_compiled_or_captured_once_all_is_warm(counting: Counting) -> None:
    stream = fast(tiny_stream(LONGLIVE), counting, "warm")
    plans = foreseen(stream, Controls())
    for plan in plans:
        warm(stream, plan)
    before = counting.compiled, counting.captured
    assert before[0] >= len(plans) - 1
    assert before[1] == len(plans)
    stream.reset()
    for at in (1, 2, 3, 14, 30):
        run(stream, at)
        stream.prompt(prompt(at))
    assert (counting.compiled, counting.captured) == before
    run(stream, 1, context_weight=0.5)
    assert counting.compiled > before[0], "a shape that was not warmed would have been noticed"


@pytest.mark.slow
def test_layers_compiled_beside_a_stream_are_those_that_it_runs(counting: Counting) -> None:
    stream = fast(tiny_stream(LONGLIVE, layers=3), counting, "beside")
    compile_layers(stream, foreseen(stream, Controls()))
    before = counting.compiled
    assert before
    run(stream, 8)
    stream.prompt(prompt(1))
    run(stream, 4)
    assert counting.compiled == before


@pytest.mark.slow
def test_no_size_is_one_too_many_to_compile(counting: Counting, monkeypatch: Any) -> None:
    """torch refuses to compile one function too often; each size has its own."""
    monkeypatch.setattr("engine.causal.network.transformer.SHAPES", 5)
    small = tiny_stream(LONGLIVE, layers=1)
    for number in range(4):
        stream = LatentStream(small.spec, small.network, 4, 4 + 2 * number)
        stream.prompt(prompt(0))
        run(fast(stream, counting, f"size {number}"), 3)
    assert counting.compiled > 2 * 5
