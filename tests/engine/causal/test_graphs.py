"""A captured graph is used only where it equals the pass: a stale one is found and thrown away."""

import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from time import perf_counter, sleep
from unittest.mock import MagicMock

import pytest

torch = pytest.importorskip("torch", reason="needs pip install 'spout-bridge[engine]'")

from torch import Tensor

from engine.catalog.specs import LONGLIVE
from engine.causal import cuda_graphs
from engine.causal.cuda_graphs import GraphPool, Graphs, nothing_collected
from engine.causal.network.cache import PassShape
from engine.causal.stream import Run
from engine.causal.warmup import Controls, shapes, warm
from engine.pipeline import RungFailed
from tests.support.tiny import blocks, run, tiny_stream

WAIT = 30  # seconds for what comes at once
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


class FakeCuda:
    """What a capture uses of `torch.cuda`; notes which threads capture, and finds overlaps."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.captured: list[str] = []
        self.now = self.most = 0
        self.inside = threading.Semaphore(0)
        self.may_end = threading.Semaphore(0)
        self.broken = False
        for name in ("Stream", "current_stream", "CUDAGraph", "stream"):
            monkeypatch.setattr(torch.cuda, name, MagicMock())
        monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: (0, 0))
        monkeypatch.setattr(torch.cuda, "graph", self.graph)

    @contextmanager
    def graph(self, graph: object, **_: object) -> Iterator[None]:
        self.now += 1
        self.most = max(self.most, self.now)
        self.captured.append(threading.current_thread().name)
        self.inside.release()
        assert self.may_end.acquire(timeout=WAIT)
        self.now -= 1
        if self.broken:
            raise RuntimeError("operation not permitted when stream is capturing")
        yield


def captures(name: str, count: int) -> threading.Thread:
    """A thread that captures so often, each time for a stream of its own."""

    def work() -> None:
        for _ in range(count):
            with suppress(RuntimeError):
                GraphPool()(lambda: torch.zeros(1))

    thread = threading.Thread(target=work, name=name, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("broken", [False, True], ids=["captured", "failed"])
@pytest.mark.parametrize("others", [1, 3])
def test_captures_never_overlap_and_a_block_waits_for_one_at_most(
    monkeypatch: pytest.MonkeyPatch, others: int, broken: bool
) -> None:
    """Those of a warm-up, and of a block that needs one meanwhile."""
    cuda = FakeCuda(monkeypatch)
    cuda.broken = broken
    warm_up = captures("warm-up", 20)
    assert cuda.inside.acquire(timeout=WAIT)
    blocks = [captures("block", 1) for _ in range(others)]
    end = perf_counter() + WAIT
    while not cuda_graphs.NEXT.locked():  # a block waits
        assert perf_counter() < end
        sleep(0.001)
    for _ in range(20 + others):
        cuda.may_end.release()
    for thread in (warm_up, *blocks):
        thread.join(WAIT)
    assert cuda.most == 1
    assert cuda.captured[:2] == ["warm-up", "block"]
    assert sorted(cuda.captured) == ["block"] * others + ["warm-up"] * 20
    assert gc.isenabled()


def test_nothing_is_collected_during_a_capture() -> None:
    with nothing_collected():
        assert not gc.isenabled()
        with pytest.raises(ZeroDivisionError), nothing_collected():
            _ = 1 / 0
        assert not gc.isenabled()
    assert gc.isenabled()
