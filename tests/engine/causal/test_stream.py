"""A stream of blocks: fixed memory, no readbacks, the rules of the window, seeds."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="needs pip install 'spout-bridge[engine]'")

from torch.utils.flop_counter import FlopCounterMode

from engine.bench.op_counts import Counted
from engine.catalog.specs import (
    KREA,
    LONGLIVE,
    REWARD_FORCING,
    SPECS,
    STREAMDIFFUSIONV2,
    CausalSpec,
)
from engine.causal.network.attention import sdpa
from engine.causal.network.cache import KVCache
from engine.causal.network.transformer import CausalTransformer
from engine.causal.network.wan_weights import empty_transformer
from engine.causal.schedule import Schedule
from engine.causal.stream import BlockInputs, LatentStream, seeded
from engine.cost.roofline import blocks_cost, ends_cost
from tests.support.scope_rows import STREAMDIFFUSIONV2_SEQUENTIAL
from tests.support.slow_cases import rest_slow
from tests.support.tiny import SIZE, blocks, prompt, run, tiny_stream

ROWS = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
FEW_ROWS = pytest.mark.parametrize("spec", rest_slow(SPECS.values(), 2), ids=SPECS)
CPU = torch.device("cpu")
FULL = 6  # blocks after which every row's window is full


@pytest.mark.slow
@ROWS
def test_the_layers_compile_without_a_break(spec: CausalSpec) -> None:
    stream, plain = tiny_stream(spec), tiny_stream(spec)
    run(stream, FULL)
    run(plain, FULL)
    stream.network.forward = torch.compile(
        stream.network.forward, fullgraph=True, backend="aot_eager", dynamic=False
    )
    for one, other in zip(run(stream, 1), run(plain, 1), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-4)


@pytest.mark.slow
def test_a_read_back_would_be_noticed_by_the_compiler_and_by_the_count() -> None:
    def reads(x: torch.Tensor) -> torch.Tensor:
        return x * x.sum().item() if x.sum() > 0 else x

    with pytest.raises(torch._dynamo.exc.Unsupported):
        torch.compile(reads, fullgraph=True, backend="aot_eager")(torch.ones(3))
    with Counted() as counted:
        reads(torch.ones(3))
    assert counted.reads_back == 2


@ROWS
def test_a_block_reads_nothing_back(spec: CausalSpec) -> None:
    stream = tiny_stream(spec)
    run(stream, FULL)
    levels = Schedule(spec.shift).levels(spec.steps["authors"])
    with Counted() as counted:
        stream.block(BlockInputs(levels, seeded(1, stream.shape, CPU)))
        stream.settle()
    assert counted.kernels > 100
    assert counted.reads_back == 0


@pytest.mark.slow
@ROWS
def test_a_pass_takes_no_more_kernels_than_before(spec: CausalSpec) -> None:
    """As counted on a CPU, where a norm over all heads is 6 operations; the authors': 68."""
    kernels = []
    for layers in (1, 2):
        stream = tiny_stream(spec, layers=layers)
        run(stream, FULL)
        plan, latents, timesteps = _one_pass(stream)
        with Counted() as counted:
            stream.run(plan, latents, timesteps)
        kernels.append(counted.kernels)
        names = {"clone", "cat", "_to_copy"} & set(counted.operations)
        assert counted.operations["clone"] <= 2, names  # the patches, out of and into pictures
        assert counted.operations["cat"] <= 1  # cosines and sines of the timestep
    assert kernels[1] - kernels[0] <= 45


def _one_pass(stream: LatentStream) -> tuple[Any, torch.Tensor, torch.Tensor]:
    passes: list[Any] = []
    inner = stream.run
    stream.run = lambda *given: passes.append(given) or inner(*given)
    run(stream, 1)
    stream.run = inner
    return passes[-1]


@pytest.mark.slow
@ROWS
def test_the_memory_stays_where_it_was_over_50_blocks(spec: CausalSpec) -> None:
    stream = tiny_stream(spec, layers=1)
    held = [v for v in vars(stream).values() if isinstance(v, torch.Tensor)]
    for part in (stream.window, stream.text):
        for value in vars(part).values():
            held += value if isinstance(value, list) else [value]
    held = [v for v in held if isinstance(v, torch.Tensor)]
    places = [tensor.data_ptr() for tensor in held]
    run(stream, 50)
    assert [tensor.data_ptr() for tensor in held] == places
    assert stream.window.keys.data_ptr() in places
    assert len(places) > 6


@pytest.mark.slow
@ROWS
def test_ten_times_the_blocks_need_no_more_memory(spec: CausalSpec) -> None:
    peaks = []
    for count in (FULL, 10 * FULL):
        stream = tiny_stream(spec, layers=1)
        with Counted() as counted:
            for latents in blocks(stream, count):
                del latents
        peaks.append(counted.peak)
    assert peaks[1] == peaks[0]


def test_memory_that_grows_would_be_noticed() -> None:
    kept = []
    with Counted() as counted:
        for _ in range(10):
            kept.append(torch.ones(1000) * 2)
    few = counted.peak
    with Counted() as counted:
        for _ in range(100):
            kept.append(torch.ones(1000) * 2)
    assert counted.peak > 9 * few


@pytest.mark.slow
@ROWS
def test_the_layers_cost_what_the_formula_says_at_their_true_size(spec: CausalSpec) -> None:
    network = CausalTransformer(empty_transformer(spec.network), sdpa)
    stream = LatentStream(spec, network, 60, 104)
    stream.window.ends = [spec.window] * stream.rows
    plan = stream.window.begin([spec.window] * stream.rows, spec.block)
    latents = torch.empty(stream.rows, 16, spec.block, 60, 104, device="meta")
    with FlopCounterMode(display=False) as counter:
        stream.run(plan, latents, torch.empty(stream.rows, spec.block, device="meta"))
    new, visible = spec.block * 30 * 52, spec.window * 30 * 52
    layers = blocks_cost(spec.network, new, visible, rows=stream.rows).flops
    ends = stream.rows * ends_cost(spec.network, new).flops
    assert plan.visible == spec.window
    assert counter.get_total_flops() - ends == pytest.approx(layers, rel=0.01)
    assert blocks_cost(spec.network, new, visible + new).flops > 1.02 * layers / stream.rows


class Rolling:
    """The authors' bookkeeping, restated: frames slide down when new ones need room."""

    def __init__(self, spec: CausalSpec) -> None:
        self.spec, self.held, self.end = spec, [], 0

    def write(self, start: int, frames: int) -> list[int]:
        """What is seen, by frame number, after frames were written."""
        new = start + frames > self.end
        evict = max(0, frames + len(self.held) - self.spec.window) if new else 0
        fill, sink = len(self.held), self.spec.sink
        low = fill + (start + frames - self.end) - evict - frames
        self.held = self.held[:sink] + self.held[sink + evict :]
        self.held[low : low + frames] = range(start, start + frames)
        self.end = max(self.end, start + frames)
        return self.held


@given(st.lists(st.integers(1, 3), max_size=30), st.sampled_from([(12, 3), (6, 3), (6, 0), (9, 2)]))
@settings(deadline=None, max_examples=60)
def test_the_ring_holds_what_the_rolling_window_holds(
    sizes: list[int], shape: tuple[int, int]
) -> None:
    window, sink = shape
    spec = replace(LONGLIVE, network=SIZE, window=window, sink=sink)
    ring, rolling = KVCache(spec, 1, 1, 1, torch.float32, CPU), Rolling(spec)
    start = 0
    for frames in sizes:
        for _ in range(2):  # a second pass writes the same slots again
            plan = ring.begin([start], frames)
            sight = ring.sight(plan)
            numbers = torch.arange(start, start + frames).float()[None, :, None, None]
            sight.store(ring.keys[0], numbers.expand(-1, -1, SIZE.heads, SIZE.head_dim))
            seen = sight.seen(ring.keys[0])[0, :, 0, 0].tolist()
            assert sorted(seen) == sorted(rolling.write(start, frames))
        start += frames


def test_an_average_of_thousandths_survives_bfloat16() -> None:
    spec = replace(REWARD_FORCING, network=SIZE)
    moved = {}
    for dtype in (torch.float32, torch.bfloat16):
        window = KVCache(spec, 1, 1, 1, dtype, CPU)
        window.begin([0], 9)
        window.keys[:, 3:] = 1.0
        for block in range(200):
            window.begin([9 + 3 * block], 3)
        moved[dtype] = window.keys[:, :3].float().mean().item()
    assert moved[torch.float32] == pytest.approx(1 - 0.999**200, rel=1e-3)
    assert moved[torch.bfloat16] == pytest.approx(moved[torch.float32], rel=5e-3)


def test_an_averaged_sink_takes_in_whole_blocks_after_a_longer_first_one() -> None:
    stream = tiny_stream(REWARD_FORCING)
    levels = Schedule(5.0).levels(REWARD_FORCING.steps["scope-video"])
    for frames in (4, 3, 3, 3, 3):
        draw = seeded(stream.frame, stream.shape, CPU)
        video = torch.zeros(1, 16, frames, 8, 6)
        made = stream.block(BlockInputs(levels, draw, video, 0.7))
        stream.settle()
        assert made is not None
        assert made.shape[2] == frames
    with pytest.raises(ValueError, match="an averaged sink needs 3"):
        stream.window.begin([15], 1)


@FEW_ROWS
def test_the_same_seed_gives_the_same_video_also_after_a_reset(spec: CausalSpec) -> None:
    stream = tiny_stream(spec)
    first = run(stream, FULL)
    stream.reset()
    again, other = run(stream, FULL), run(tiny_stream(spec), FULL, seed=7)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[-1], other[-1])


@FEW_ROWS
def test_a_prompt_changes_the_very_next_block(spec: CausalSpec) -> None:
    one, other = tiny_stream(spec), tiny_stream(spec)
    run(one, FULL)
    run(other, FULL)
    other.prompt(prompt(1))
    assert (run(one, 1)[0] - run(other, 1)[0]).abs().mean() > 0.01


def test_a_late_recache_keeps_the_first_block_waiting_for_nothing() -> None:
    stream = tiny_stream(LONGLIVE)
    run(stream, FULL)
    stream.prompt(prompt(1))
    frames: list[int] = []
    inner = stream.run
    stream.run = lambda plan, *given: frames.append(plan.frames) or inner(plan, *given)
    levels = Schedule(LONGLIVE.shift).levels(LONGLIVE.steps["authors"])
    stream.block(BlockInputs(levels, seeded(0, stream.shape, CPU), recache_late=True))
    assert frames == [LONGLIVE.block] * len(levels)
    stream.settle()
    assert frames[len(levels) :] == [LONGLIVE.window]
    frames.clear()
    run(stream, 1)
    assert frames == [LONGLIVE.block] * (len(levels) + 1)


@pytest.mark.parametrize("count", [2, FULL], ids=["with the sink", "beside an old sink"])
def test_a_late_recache_leaves_the_window_that_an_early_one_would(count: int) -> None:
    late, early = tiny_stream(LONGLIVE), tiny_stream(LONGLIVE)
    for stream in (late, early):
        run(stream, count)
    late.prompt(prompt(1))
    early.network.remember(prompt(1), early.text, early.hints)  # and nothing more, as yet
    first = [run(stream, 1, recache_late=stream is late)[0] for stream in (late, early)]
    assert torch.equal(*first)
    windows = late.window.keys.clone(), early.window.keys.clone()
    assert not torch.equal(*windows)
    early.prompt(prompt(1))
    second = [run(stream, 1)[0] for stream in (late, early)]
    assert torch.equal(*second)


@pytest.mark.parametrize(
    "spec", rest_slow([LONGLIVE, STREAMDIFFUSIONV2_SEQUENTIAL, STREAMDIFFUSIONV2])
)
def test_a_stream_goes_on_beyond_the_last_position(spec: CausalSpec) -> None:
    stream = tiny_stream(replace(spec, last_position=20))
    places: list[float] = []
    begin = stream.window.begin

    def noted(starts: Any, frames: int, at: Any = None, weight: float = 1.0) -> Any:
        places.append(max(starts if at is None else at) + frames)
        return begin(starts, frames, at, weight)

    stream.window.begin = noted  # type: ignore[method-assign]
    made = run(stream, 24)
    assert max(places) <= 20 + spec.block
    assert len(places) > 22
    assert all(latents.isfinite().all() for latents in made)


def test_context_that_weighs_nothing_is_not_seen_and_full_weight_changes_nothing() -> None:
    levels = Schedule(5.0).levels(KREA.steps["authors"])
    made = {}
    for weight in (1.0, 0.999999, 0.3, 1e-30):
        stream = tiny_stream(KREA)
        run(stream, 2)
        draw = seeded(0, stream.shape, CPU)
        made[weight] = stream.block(BlockInputs(levels, draw, context_weight=weight))
    torch.testing.assert_close(made[1.0], made[0.999999], rtol=0, atol=1e-4)
    assert (made[0.3] - made[1.0]).abs().max() > 1e-3
    assert (made[1e-30] - made[0.3]).abs().max() > 1e-3


def test_steps_may_change_from_block_to_block() -> None:
    stream = tiny_stream(LONGLIVE)
    schedule = Schedule(5.0)
    for name in ("authors", "scope-video", "scope"):
        levels = schedule.levels(LONGLIVE.steps[name])
        made = stream.block(BlockInputs(levels, seeded(stream.frame, stream.shape, CPU)))
        assert made is not None
        assert made.isfinite().all()


def test_bfloat16_stays_near_float32() -> None:
    exact, rounded = tiny_stream(LONGLIVE), tiny_stream(LONGLIVE, torch.bfloat16)
    state = exact.network.wan.state_dict()
    rounded.network.wan.load_state_dict({k: v.bfloat16() for k, v in state.items()})
    rounded.network.modulation.copy_(exact.network.modulation)
    rounded.prompt(prompt(0))
    one, other = run(exact, 1)[0], run(rounded, 1)[0]
    assert other.dtype == torch.float32
    assert (one - other).pow(2).mean().sqrt() < 0.1 * one.std()
