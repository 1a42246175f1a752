"""A captured graph is used only where it equals the pass: a stale one is found and thrown away."""

from collections.abc import Callable

import pytest

torch = pytest.importorskip("torch", reason="needs pip install 'spout-bridge[engine]'")

from torch import Tensor

from engine.catalog.specs import LONGLIVE
from engine.causal.cuda_graphs import Graphs, nothing_collected
from engine.causal.network.cache import PassShape
from engine.causal.stream import Run
from engine.causal.warmup import Controls, shapes, warm
from engine.pipeline import RungFailed
from tests.support.tiny import blocks, run, tiny_stream

FLOW = (1, 4, 3, 2, 2)
PLAN = PassShape(1, 3, 0, 3, False)
Answer = Callable[[Tensor], Tensor]


class Graph:
    """A captured pass whose kernels escaped the capture as `answer` says."""

    def __init__(self, run: Run, plan: PassShape, answer: Answer) -> None:
        self._run, self._plan, self.answer = run, plan, answer

    def replay(self, latents: Tensor, timesteps: Tensor) -> Tensor:
        return self.answer(self._run(self._plan, latents, timesteps))


def right(flow: Tensor) -> Tensor:
    return flow


class Stale:
    """Gives the plausible result of its first replay for ever."""

    def __init__(self) -> None:
        self._first: Tensor | None = None

    def __call__(self, flow: Tensor) -> Tensor:
        self._first = flow.clone() if self._first is None else self._first
        return self._first


def slightly(flow: Tensor) -> Tensor:
    return flow + 0.05 * flow.norm() / flow.numel() ** 0.5


def rounded(flow: Tensor) -> Tensor:
    return flow.to(torch.bfloat16).float()


def capturing(*answers: Answer) -> Callable[..., Graph]:
    left = iter(answers)
    return lambda run, plan, latents, timesteps: Graph(run, plan, next(left))


def passed(plan: PassShape, latents: Tensor, timesteps: Tensor) -> Tensor:
    """A pass; like a real one it depends on all that it is given."""
    return latents * 2 + timesteps.sum() / 1000


def given(seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(FLOW, generator=generator), torch.full((1, 3), 500.0)


@pytest.mark.parametrize("answer", [Stale(), slightly], ids=["stale", "5 percent"])
def test_a_graph_that_differs_while_warming_up_is_not_used_and_that_is_told(answer: Answer) -> None:
    graphs = Graphs(passed, capturing(answer))
    graphs.warm(PLAN, *given())
    assert "one kind of pass runs plainly" in graphs.problem
    for seed in range(5):
        assert torch.equal(graphs(PLAN, *given(seed)), passed(PLAN, *given(seed)))


@pytest.mark.parametrize("answer", [right, rounded], ids=["the same", "rounded"])
def test_a_graph_that_equals_the_pass_is_used(answer: Answer) -> None:
    graphs = Graphs(passed, capturing(answer))
    graphs.warm(PLAN, *given())
    assert not graphs.problem
    assert torch.equal(graphs(PLAN, *given(7)), answer(passed(PLAN, *given(7))))


def test_each_shape_is_proven_by_itself() -> None:
    graphs = Graphs(passed, capturing(right, Stale(), right))
    for frames in range(3):
        graphs.warm(PLAN._replace(skipped=frames), *given())
    assert "one kind of pass" in graphs.problem
    graphs = Graphs(passed, capturing(Stale(), Stale()))
    for frames in range(2):
        graphs.warm(PLAN._replace(skipped=frames), *given())
    assert "2 kinds of passes run plainly" in graphs.problem


def test_a_graph_that_goes_wrong_later_is_found_and_its_result_never_shown() -> None:
    graphs = Graphs(passed, capturing(right), check_every=10)
    graphs.warm(PLAN, *given())
    graph = graphs._captured[PLAN]
    for seed in range(40):
        assert torch.equal(graphs(PLAN, *given(seed)), passed(PLAN, *given(seed)))
    graph.answer = slightly  # type: ignore[attr-defined]  # of this test

    def forty() -> None:
        for seed in range(40):
            graphs(PLAN, *given(seed))

    with pytest.raises(RungFailed, match="another result"):
        forty()
    assert torch.equal(graphs(PLAN, *given(1)), passed(PLAN, *given(1)))


def test_a_shape_seen_for_the_second_time_is_proven_before_it_is_used() -> None:
    graphs = Graphs(passed, capturing(Stale()))
    assert torch.equal(graphs(PLAN, *given(1)), passed(PLAN, *given(1)))
    with pytest.raises(RungFailed):
        graphs(PLAN, *given(2))


@pytest.mark.slow
def test_a_stream_of_stale_graphs_makes_what_plain_passes_make() -> None:
    """The whole way: warmed up with kernels that escape every capture."""
    plain, stream = tiny_stream(LONGLIVE), tiny_stream(LONGLIVE)
    stream.run = Graphs(stream.passes, lambda run, plan, *_: Graph(run, plan, Stale()))
    plans = shapes(stream.spec, stream.rows, *stream.shape[1:], False, Controls())
    for plan in plans:
        warm(stream, plan)
    assert f"{len(plans)} kinds" in stream.run.problem
    for one, other in zip(run(stream, 8), run(plain, 8), strict=True):
        assert torch.equal(one, other)


@pytest.mark.slow
def test_checks_in_between_change_nothing() -> None:
    plain, stream = tiny_stream(LONGLIVE), tiny_stream(LONGLIVE)
    checked = Graphs(stream.passes, lambda run, plan, *_: Graph(run, plan, right), check_every=2)
    stream.run = checked
    for one, other in zip(blocks(stream, 8), blocks(plain, 8), strict=True):
        assert torch.equal(one, other)


def test_nothing_is_collected_during_a_capture() -> None:
    import gc

    with nothing_collected():
        assert not gc.isenabled()
        with pytest.raises(ZeroDivisionError), nothing_collected():
            _ = 1 / 0
        assert not gc.isenabled()
    assert gc.isenabled()
