"""Runs: a change that needs new programs is shown when they are ready, and then one window is left.

The compiler and the card are stand-ins: passes are "captured" by a count, and may take long.
"""

import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter, sleep
from typing import Any
from weakref import WeakSet

import pytest

torch = pytest.importorskip("torch", reason="needs pip install 'spout-bridge[engine]'")

import numpy as np
from torch import Tensor

from engine.catalog.controls import CausalLoad, CausalParameters
from engine.causal.cuda_graphs import Graphs
from engine.causal.network.cache import KVCache, PassShape
from engine.causal.pipeline import CausalPipeline
from engine.causal.stream import LatentStream, Run
from engine.pipeline import Context, RungFailed, build
from tests.support.checkpoints import write_models
from tests.support.tiny_rows import CATALOG

WAIT = 30


class Card:
    """Captures by counting; `gate` closed holds every capture up, `broken` makes it fail."""

    def __init__(self) -> None:
        self.captured = 0
        self.gate = threading.Event()
        self.gate.set()
        self.broken: Exception | None = None
        self.way = "graphs"
        self.room = 1000  # graphs that fit into its memory
        self.held = WeakSet[Card.Graph]()
        self.at_once = [0, 0]  # captures now, and at most

    def __call__(
        self, run: Run, plan: PassShape, latents: Tensor, timesteps: Tensor
    ) -> "Card.Graph":
        self.at_once[0] += 1
        self.at_once[1] = max(self.at_once)
        try:
            assert self.gate.wait(WAIT)
            if self.broken:
                raise type(self.broken)(*self.broken.args)  # each with frames of its own
            if len(self.held) >= self.room:
                raise MemoryError("out of memory")
        finally:
            self.at_once[0] -= 1
        self.captured += 1
        graph = Card.Graph(run, plan)
        self.held.add(graph)
        return graph

    class Graph:
        def __init__(self, run: Run, plan: PassShape) -> None:
            self._run, self._plan = run, plan

        def replay(self, latents: Tensor, timesteps: Tensor) -> Tensor:
            return self._run(self._plan, latents, timesteps)

    def accelerate(self, stream: LatentStream, how: str) -> str:
        if how == "plain":
            return how
        stream.run = Graphs(stream.passes, self)
        return self.way


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Card:
    """A machine whose passes run as graphs."""
    from engine.causal.ladder import Rung

    card = Card()
    monkeypatch.setattr("engine.causal.runs.accelerate", card.accelerate)
    found = (Rung("graphs", "sdpa"), Rung("plain", "sdpa"))
    monkeypatch.setattr("engine.causal.pipeline.rungs", lambda load, device: found)
    return card


Made = Callable[..., CausalPipeline]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp("models"))


@pytest.fixture
def made(models: Path, tmp_path: Path) -> Iterator[Made]:
    open_: list[CausalPipeline] = []

    def make(name: str = "longlive", **values: Any) -> CausalPipeline:
        row = CATALOG[name]
        context = Context(tmp_path, models, lambda *_: None, cache=tmp_path / "cache")
        load = CausalLoad(**values)
        open_.append(build(row.target, load, context))  # type: ignore[arg-type]  # of that row
        return open_[-1]

    yield make
    for pipeline in open_:
        pipeline.close()


def block(pipeline: CausalPipeline, **values: Any) -> list[Any]:
    return list(pipeline([], CausalParameters(fade=0.0, input_mode="text", **values)))


def played(pipeline: CausalPipeline, size: tuple[int, int], **values: Any) -> list[Any]:
    """A block from an input of that size."""
    width, height = size
    images = [np.zeros((height, width, 4), np.uint8)] * 13
    return list(pipeline(images, CausalParameters(fade=0.0, **values)))


def sized(pipeline: CausalPipeline, size: str, limit: int = 2000) -> int:
    """Blocks that keep the old size until one of the new size comes."""
    width = int(size.split("x")[0])
    for number in range(limit):
        if block(pipeline, size=size)[0].shape[1] == width:
            return number
    raise AssertionError("the new size never came")


def until(true: Callable[[], object]) -> None:
    """Wait for what another thread does."""
    end = perf_counter() + WAIT
    while not true():
        assert perf_counter() < end
        sleep(0.005)


def windows() -> list[KVCache]:
    return [each for each in gc.get_objects() if isinstance(each, KVCache)]


@pytest.mark.slow
@pytest.mark.parametrize("way", ["plain", "graphs"])
def test_one_window_is_left_after_many_sizes_without_a_collection(
    made: Made, card: Card, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = made(passes="plain") if way == "plain" else made()
    if way == "plain":
        monkeypatch.setattr("engine.causal.runs.accelerate", lambda stream, how: "plain")
    gc.collect()
    before = {id(each) for each in windows()}
    gc.disable()
    try:
        for number in range(12):
            sized(pipeline, ("64x48", "80x48", "96x64")[number % 3])
            left = [each for each in windows() if id(each) not in before]
            assert len(left) == 1, f"after change {number}"
            del left
    finally:
        gc.enable()


@pytest.mark.slow
def test_a_closed_pipeline_leaves_no_network_and_no_window(made: Made, card: Card) -> None:
    pipeline = made(lora_1="style.safetensors")
    block(pipeline, size="64x48")
    run = pipeline._runs.current
    assert run is not None
    gone = weakref.ref(run.stream.window), weakref.ref(run.stream)
    network = weakref.ref(pipeline._parts.network)
    del run
    gc.disable()
    try:
        pipeline.close()
        assert [ref() for ref in gone] == [None, None]
        pipeline.__dict__.clear()
        assert network() is None
    finally:
        gc.enable()
    pipeline.close = lambda: None  # type: ignore[method-assign]  # the fixture's


@pytest.mark.slow
def test_the_old_size_runs_until_the_new_one_is_warm(made: Made, card: Card) -> None:
    pipeline = made()
    assert block(pipeline, size="64x48")[0].shape == (48, 64, 4)
    captured = card.captured
    assert captured, "warmed up before it was shown"
    card.gate.clear()
    for _ in range(3):
        assert block(pipeline, size="80x64")[0].shape == (48, 64, 4)
    card.gate.set()
    sized(pipeline, "80x64")
    after = card.captured
    assert after >= 2 * captured
    assert block(pipeline, size="80x64")[0].shape == (64, 80, 4)


@pytest.mark.slow
def test_a_size_that_is_taken_back_meanwhile_changes_nothing(made: Made, card: Card) -> None:
    pipeline = made()
    block(pipeline, size="64x48")
    first = pipeline._runs.current
    card.gate.clear()
    block(pipeline, size="80x64")
    block(pipeline, size="64x48")
    card.gate.set()
    for _ in range(6):
        assert block(pipeline, size="64x48")[0].shape == (48, 64, 4)
    assert pipeline._runs.current is first


@pytest.mark.slow
def test_the_state_counts_what_is_warm_until_all_is(
    made: Made, card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.causal.runs.APART", 1)
    pipeline = made(vace_load=True)
    block(pipeline, size="32x32")
    told = str(pipeline.report()["warm"])
    first, _, whole = told.removeprefix("warm ").partition(" of ")
    assert 0 < int(first) < int(whole)
    for number in range(int(first) + 1, int(whole) + 1):
        block(pipeline, size="32x32")
        assert pipeline.report()["warm"] == f"warm {number} of {whole}"
    monkeypatch.setattr("engine.causal.runs.APART", 10**9)  # nothing for what may follow these
    captured = card.captured
    for values in ({"cache_bias": 0.5}, {"vace_on": False}, {"seed": 3}, {"prompt": "a fox"}, {}):
        for _ in range(3):
            block(pipeline, size="32x32", **values)
    assert card.captured == captured


@pytest.mark.slow
def test_the_passes_of_a_later_block_are_warmed_beside_and_others_are_told(
    made: Made, card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.causal.runs.APART", 1)
    pipeline = made()
    later = CausalParameters(cache_bias=0.5, prompt_change="on_time", input_mode="text")
    block(pipeline, size="32x32")
    assert pipeline.prepare(later) > 0

    def comes() -> bool:
        block(pipeline, size="32x32")
        return not pipeline.prepare(later)

    until(comes)
    block(pipeline, size="32x32", cache_bias=0.5, prompt_change="on_time")
    assert pipeline._held["cache_bias"] == 0.5, "in the first block that asks for it"
    pipeline._runs._full.add(pipeline._runs.current)
    with pytest.raises(ValueError, match="compiled once it is shown"):
        pipeline.prepare(CausalParameters(cache_bias=0.5, input_mode="video"))


@pytest.mark.slow
def test_a_capture_that_fails_falls_one_rung_before_anything_is_shown(
    made: Made, card: Card
) -> None:
    card.broken = RuntimeError("no kernel image is available")
    pipeline = made()
    assert block(pipeline, size="64x48")
    report = pipeline.report()
    assert report["passes"] == "plain"
    (problem,) = report["problems"]  # type: ignore[misc]  # a list
    assert "CUDA graphs with sdpa failed (RuntimeError: no kernel image" in problem.replace(
        "Cuda", "CUDA"
    )


@pytest.mark.slow
def test_a_capture_that_fails_while_frames_are_shown_ends_the_worker(
    made: Made, card: Card
) -> None:
    pipeline = made()
    block(pipeline, size="64x48")
    card.broken = RuntimeError("a kernel")
    with pytest.raises(RungFailed, match="restarting with plain passes with sdpa"):
        sized(pipeline, "80x64", 200)
    card.broken = None
    assert block(made(), size="64x48")
    assert made().report()["attention"] == "sdpa"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "after"), [({}, {"cache_bias": 0.5}), ({"vace_on": False}, {"vace_on": True})]
)
def test_a_change_of_the_same_size_that_cannot_be_captured_lowers_the_rung(
    made: Made, card: Card, before: dict[str, Any], after: dict[str, Any]
) -> None:
    pipeline = made(vace_load=True)
    block(pipeline, size="64x48", **before)
    card.broken = RuntimeError("a kernel")
    with pytest.raises(RungFailed, match="restarting with plain passes with sdpa"):
        block(pipeline, size="64x48", **after)
    card.broken = None
    again = made(vace_load=True)
    assert block(again, size="64x48", **after)
    assert again.report()["passes"] == "plain"


@pytest.mark.slow
def test_where_memory_does_not_suffice_for_two_the_old_run_ends_first(
    made: Made, card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = made()
    block(pipeline, size="64x48")
    old = weakref.ref(pipeline._runs.current.stream.window)  # type: ignore[union-attr]
    monkeypatch.setattr("engine.causal.pipeline.stream_fits", lambda *given: False)
    seen: list[object] = []
    inner = card.accelerate

    def accelerate(stream: LatentStream, how: str) -> str:
        seen.append(old())
        return inner(stream, how)

    monkeypatch.setattr("engine.causal.runs.accelerate", accelerate)
    gc.disable()
    try:
        assert block(pipeline, size="80x64")[0].shape == (64, 80, 4)
    finally:
        gc.enable()
    assert seen == [None], "the old window is freed before the new one is made"


def room_for_one_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """A card that holds one window more than now."""
    gc.collect()
    most = len(windows()) + 1

    def fits(*given: object) -> bool:
        gc.collect()
        return len(windows()) < most

    monkeypatch.setattr("engine.causal.pipeline.stream_fits", fits)


def built(card: Card, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The shapes of all runs that are built from now on, in their order."""
    made: list[tuple[int, ...]] = []
    inner = card.accelerate

    def accelerate(stream: LatentStream, how: str) -> str:
        made.append(stream.shape[1:])
        return inner(stream, how)

    monkeypatch.setattr("engine.causal.runs.accelerate", accelerate)
    return made


@pytest.mark.slow
def test_a_size_that_just_fits_beside_the_old_one_is_built_once_and_beside_it(
    made: Made, card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = made()
    block(pipeline, size="64x48")
    shapes = built(card, monkeypatch)
    room_for_one_more(monkeypatch)
    card.gate.clear()
    for _ in range(3):
        assert block(pipeline, size="80x64")[0].shape == (48, 64, 4)
        until(lambda: shapes)
    card.gate.set()
    sized(pipeline, "80x64")
    assert shapes == [(8, 10)]


@pytest.mark.slow
def test_another_size_meanwhile_waits_for_the_memory_of_the_one_being_prepared(
    made: Made, card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last of three sizes is shown, and the first keeps playing until then."""
    pipeline = made()
    block(pipeline, size="64x48")
    shapes = built(card, monkeypatch)
    room_for_one_more(monkeypatch)
    card.gate.clear()
    for size in ("80x64", "96x64", "96x80", "96x80"):
        assert block(pipeline, size=size)[0].shape == (48, 64, 4)
        until(lambda: shapes)
    card.gate.set()
    sized(pipeline, "96x80")
    assert shapes == [(8, 10), (10, 12)]


@pytest.mark.slow
def test_an_input_that_ends_is_followed_by_text_of_its_size_until_another_is_ready(
    made: Made, card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It needs another size then, which is built once, beside what is shown."""
    pipeline = made()
    played(pipeline, (64, 48))
    shapes = built(card, monkeypatch)
    room_for_one_more(monkeypatch)
    assert block(pipeline, size="80x64")[0].shape == (48, 64, 4)
    assert pipeline.report()["mode"] == "text"
    sized(pipeline, "80x64")
    assert shapes == [(8, 10)]


@pytest.mark.slow
@pytest.mark.parametrize("again", [{"vace_on": True}, {"vace_on": False, "cache_bias": 0.5}])
def test_a_run_is_shown_once_it_has_what_was_asked_for_meanwhile(
    made: Made, card: Card, monkeypatch: pytest.MonkeyPatch, again: dict[str, Any]
) -> None:
    """As a cue that changes the size, and another one soon after."""
    monkeypatch.setattr("engine.causal.runs.APART", 10**9)  # nothing for what may come next
    pipeline = made(vace_load=True)
    block(pipeline, size="64x48", vace_on=False)
    shapes = built(card, monkeypatch)
    card.gate.clear()
    block(pipeline, size="80x64", vace_on=False)
    until(lambda: shapes)
    block(pipeline, size="80x64", **again)
    card.gate.set()
    first = pipeline._runs.current
    while (run := pipeline._runs.current) is first:
        captured = card.captured
        (image, *_) = block(pipeline, size="80x64", **again)
    assert run is not None
    assert image.shape == (64, 80, 4)
    assert captured == card.captured, "nothing was left to capture for its first block"
    assert shapes == [(8, 10)]


@pytest.mark.slow
def test_nothing_is_captured_in_two_threads_at_once(made: Made, card: Card) -> None:
    """torch has one stream for all captures; so a change of the same size waits for the thread."""
    pipeline = made(vace_load=True)
    block(pipeline, size="64x48", vace_on=False)
    card.gate.clear()
    block(pipeline, size="80x64", vace_on=False)
    until(lambda: card.at_once[0])
    for values in ({"vace_on": True}, {"cache_bias": 0.5}, {"vace_on": False}):
        assert block(pipeline, size="64x48", **values)[0].shape == (48, 64, 4)
    card.gate.set()
    for _ in range(20):
        block(pipeline, size="64x48", cache_bias=0.5)
    assert card.at_once == [0, 1]


@pytest.mark.slow
@pytest.mark.parametrize("how", ["another size", "the old size", "closed", "halved"])
def test_what_is_no_longer_asked_for_ends_before_its_next_pass(
    made: Made, card: Card, how: str
) -> None:
    pipeline = made()
    block(pipeline, size="64x48")
    card.gate.clear()
    block(pipeline, size="80x64")
    until(lambda: card.at_once[0])
    captured, job = card.captured, pipeline._runs._job
    assert job
    match how:
        case "another size":
            block(pipeline, size="96x64")
        case "the old size":
            block(pipeline, size="64x48")
        case "halved":
            pipeline.halve(True)
        case _:
            pipeline.close()
    card.gate.set()
    job._thread.join(WAIT)
    assert card.captured == captured + 1


@pytest.mark.slow
@pytest.mark.parametrize("why", [MemoryError("no"), RuntimeError("a kernel")])
def test_a_run_that_failed_leaves_no_memory_behind(
    made: Made, card: Card, monkeypatch: pytest.MonkeyPatch, why: Exception
) -> None:
    """Beside the current run, and in place before the next rung, without a collection."""
    left: list[weakref.ref[KVCache]] = []
    inner = card.accelerate

    def accelerate(stream: LatentStream, how: str) -> str:
        assert not left or left[-1]() is None
        left.append(weakref.ref(stream.window))
        card.broken = why if how == "graphs" else None
        return inner(stream, how)

    pipeline = made()
    if isinstance(why, MemoryError):
        block(pipeline, size="64x48")
    monkeypatch.setattr("engine.causal.runs.accelerate", accelerate)
    gc.disable()
    try:
        block(pipeline, size="80x64")
        if job := pipeline._runs._job:
            job._thread.join(WAIT)
            del job
            assert block(pipeline, size="64x48")
            assert left[-1]() is None
    finally:
        gc.enable()
    assert left


@pytest.mark.slow
def test_where_a_change_of_the_same_size_has_no_memory_the_old_run_ends_first(
    made: Made, card: Card
) -> None:
    pipeline = made()
    block(pipeline, size="64x48")
    card.room = len(card.held)
    for _ in range(3):
        assert block(pipeline, size="64x48", cache_bias=0.5)[0].shape == (48, 64, 4)
    assert pipeline._held["cache_bias"] == 0.5
    assert not pipeline.report()["problems"]


@pytest.mark.slow
def test_no_memory_to_compile_what_may_come_next_changes_nothing(
    made: Made, card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[object] = []

    def compiled(stream: LatentStream, plans: object) -> None:
        tried.append(plans)
        raise MemoryError("out of memory")

    card.way = "compiled"
    monkeypatch.setattr("engine.causal.runs.compile_layers", compiled)
    pipeline = made()
    block(pipeline, size="64x48")
    run = pipeline._runs.current
    for _ in range(20):
        assert block(pipeline, size="64x48")[0].shape == (48, 64, 4)
        if job := pipeline._runs._job:
            job._thread.join(WAIT)
    assert len(tried) == 1
    assert pipeline._runs.current is run
    # What is asked for is built in place of it.
    assert block(pipeline, size="64x48", cache_bias=0.5)
    until(lambda: not pipeline._runs._job or pipeline._runs._job.done)
    assert block(pipeline, size="64x48", cache_bias=0.5)
    assert pipeline._runs.current is not run


@pytest.mark.slow
def test_memory_that_runs_out_beside_the_old_run_frees_that_first(made: Made, card: Card) -> None:
    pipeline = made()
    block(pipeline, size="64x48")
    card.broken = MemoryError("out of memory")
    for _ in range(200):
        if not block(pipeline, size="64x48") or pipeline._runs._too_big:
            break
        card.broken = MemoryError("out of memory")
        block(pipeline, size="80x64")
        if job := pipeline._runs._job:
            job._thread.join(WAIT)
    card.broken = None
    assert block(pipeline, size="80x64")[0].shape == (64, 80, 4)
    assert not pipeline.report()["problems"]


@pytest.mark.slow
def test_half_the_size_frees_the_stream_and_lasts_until_it_is_taken_back(made: Made) -> None:
    pipeline = made()
    assert block(pipeline, size="128x96")[0].shape == (96, 128, 4)
    old = weakref.ref(pipeline._runs.current.stream.window)  # type: ignore[union-attr]
    gc.disable()
    try:
        pipeline.halve(True)
        assert old() is None
    finally:
        gc.enable()
    for _ in range(2):
        assert block(pipeline, size="128x96")[0].shape == (48, 64, 4)
    pipeline.halve(False)
    assert block(pipeline, size="128x96")[0].shape == (96, 128, 4)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "change"),
    [("longlive", {"cache_bias": 0.5}), ("streamdiffusionv2", {"denoising_steps": "1000, 500, 9"})],
)
def test_half_the_size_is_not_halved_again_while_a_change_is_prepared(
    made: Made, card: Card, name: str, change: dict[str, Any]
) -> None:
    pipeline = made(name)
    block(pipeline, size="128x96")
    pipeline.halve(True)
    for values in [{}] * 4 + [change] * 12:
        assert {image.shape for image in block(pipeline, size="128x96", **values)} <= {(48, 64, 4)}
