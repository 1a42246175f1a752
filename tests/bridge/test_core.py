"""The pure parts: mailbox, pacer, timing, pixels, parameters, store, ring, guards."""

import random
from collections import deque
from dataclasses import replace
from importlib.metadata import EntryPoint
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.frames.mailbox import Mailbox, spread
from bridge.frames.pixels import blend, darken, fit, is_black, opaque
from bridge.playout.pacer import Pacer
from bridge.state.controls import OutputParameters
from bridge.state.store import ParameterError, ParameterStore
from bridge.workers.feeder import patience
from engine.catalog.rows import BUILT_IN, ENTRY_POINTS, Catalog, StylizeParameters
from engine.ipc.ring import RingReader, RingWriter, owner, sweep
from engine.ipc.segments import RingError
from engine.parameters import Kind, Parameters, control, describe
from engine.pipeline import UnusableOutput
from engine.system.gpu_errors import is_cuda_error
from engine.worker.guards import checked_output, is_out_of_memory


@given(st.integers(1, 60), st.integers(1, 40))
def test_a_block_gets_pictures_spread_evenly_with_the_newest_last(waiting, count):
    places = spread(waiting, count)
    assert len(places) == count
    assert places == sorted(places)
    assert places[-1] == waiting - 1
    if waiting > count:
        steps = [b - a for a, b in zip([-1, *places], places, strict=False)]
        assert max(steps) - min(steps) <= 1


def test_the_newest_wins_in_a_mailbox_and_the_rest_is_counted():
    box = Mailbox[int](3)
    for number in range(10):
        box.put(number)
    assert box.take(1) == [9]
    assert box.dropped == 7 + 2
    assert box.take(2) == [9, 9], "a still sender starves nothing"
    assert Mailbox[int](3).take(2) == []


def play(frames: int, seed: int, durations=None, seconds: float = 60.0):
    """Run a pacer against blocks of random duration, looked at 60 times a second."""
    rng = random.Random(seed)
    ends, now = [], 0.0
    durations = durations or (lambda: rng.uniform(0.3, 0.9))
    while now < seconds:
        now += durations()
        ends.append(now)
    pacer, intervals, queue = Pacer(), deque(maxlen=9), deque()
    done, ended, shown, lost = 0, 0.0, [], 0
    for tick in range(int(seconds * 60)):
        now = tick / 60
        while done < len(ends) and ends[done] <= now:
            queue.extend((ends[done], done * frames + place) for place in range(frames))
            if done:
                intervals.append(ends[done] - ends[done - 1])
            ended, done = ends[done], done + 1
        taken = pacer.pick(len(queue), frames, list(intervals), ended, now)
        for place in range(taken):
            made, number = queue.popleft()
            lost += place < taken - 1
        if taken:
            shown.append((now, now - made, number))
    return shown, lost


@pytest.mark.parametrize("frames", [4, 9, 12])
@pytest.mark.parametrize("seed", range(5))
def test_blocks_of_random_duration_play_evenly(frames, seed):
    shown, lost = play(frames, seed)
    assert lost <= 0.05 * (len(shown) + lost)
    assert max(delay for _, delay, _ in shown) <= 0.9, "the longest block"
    gaps = sorted(b[0] - a[0] for a, b in pairwise(shown[60:]))
    even = 0.6 / frames
    assert gaps[len(gaps) // 10] >= 0.25 * even
    assert gaps[len(gaps) * 9 // 10] <= 2.5 * even


def test_after_a_stall_there_is_neither_backlog_nor_burst():
    steps = iter([0.6] * 10 + [3.6] + [0.6] * 1000)
    shown, lost = play(12, 0, lambda: next(steps), 30)
    after = [(now, delay) for now, delay, _ in shown if 9 < now < 14]
    assert lost == 0
    assert max(delay for _, delay in after) <= 1.25 * 0.6
    assert min(b[0] - a[0] for a, b in pairwise(after)) >= 1 / 61


def single(pacer: Pacer, arrivals, ticks: int) -> list[int]:
    """How many pictures stood behind the one shown, tick by tick, where blocks are one picture."""
    queue, left = 0, []
    for tick in range(ticks):
        queue += arrivals(tick)
        queue -= pacer.pick(queue, 1, [1 / 60], tick / 60, tick / 60)
        left.append(queue)
    return left


@pytest.mark.parametrize("stall", [2, 3, 4, 9, 60])
def test_a_stall_at_even_rates_leaves_no_picture_waiting_for_good(stall):
    """60 in and 60 out; the engine stands for some ticks, and what it owes comes at once."""
    left = single(
        Pacer(), lambda t: 0 if 100 <= t < 100 + stall else 1 + (t == 100 + stall) * stall, 400
    )
    assert max(left[100 + stall :]) > 0, "the stall left pictures, or this shows nothing"
    assert set(left[100 + stall + 40 :]) == {0}


def test_a_faster_engine_never_leaves_more_than_two_and_a_slower_one_none():
    assert max(single(Pacer(), lambda t: 1 + (t % 30 == 0), 600)[100:]) <= 1
    assert max(single(Pacer(), lambda t: 2, 600)) <= 2
    assert max(single(Pacer(), lambda t: t % 2, 600)) == 0


def test_pictures_that_come_unevenly_are_not_passed_over():
    """One that comes a tick late, and then two at once: there is always a tick that leaves none."""
    arrived = [(0, 2)[t % 2] if t % 5 else 1 for t in range(600)]
    pacer, queue, passed = Pacer(), 0, 0
    for tick, came in enumerate(arrived):
        queue += came
        taken = pacer.pick(queue, 1, [1 / 60], tick / 60, tick / 60)
        queue -= taken
        passed += max(0, taken - 1)
    assert passed <= sum(arrived) - 600 + 1


@pytest.mark.parametrize("frames", [2, 4, 12])
def test_what_waits_of_a_block_of_several_is_never_passed_over_for_standing(frames):
    """Blocks come as fast as they are shown: for minutes something waits at every tick."""
    even = frames / 60
    _, lost = play(frames, 0, lambda: even, 60)
    assert lost == 0
    pacer = Pacer()
    assert {pacer.pick(2, frames, [even], 0, tick / 60) for tick in range(200)} <= {0, 1}


def test_ticks_of_another_pipeline_do_not_count():
    pacer = Pacer()
    for tick in range(11):
        assert pacer.pick(2, 1, [], 0, tick / 60) == 1
    pacer.pick(2, 4, [0.2], 0, 1.0)
    assert [pacer.pick(2, 1, [], 0, 2 + tick / 60) for tick in range(12)] == [1] * 11 + [2]


def test_pictures_are_fitted_without_change_where_they_fit():
    image = np.random.default_rng(1).integers(0, 256, (20, 30, 4), dtype=np.uint8)
    assert fit(image, 30, 20) is image
    wide = np.zeros((10, 40, 4), np.uint8)
    wide[:, :, 3] = 255
    wide[:, 15:25, 0] = 200
    assert fit(wide, 10, 10, "cover")[..., 0].min() == 200, "the middle fills all"
    kept = fit(wide, 40, 40, "contain")
    assert kept[0, 0].tolist() == [0, 0, 0, 255]
    assert kept[20, 20, 0] == 200
    assert fit(wide, 7, 3, "stretch").shape == (3, 7, 4)


@given(st.integers(1, 50), st.integers(1, 50), st.integers(1, 50), st.integers(1, 50))
def test_any_size_fits_any_other(w, h, width, height):
    image = np.full((h, w, 4), 77, np.uint8)
    for how in ("cover", "contain", "stretch"):
        assert fit(image, width, height, how).shape == (height, width, 4)


def test_blend_and_darken_are_exact_at_their_ends():
    one, other = np.full((4, 4, 4), 10, np.uint8), np.full((4, 4, 4), 200, np.uint8)
    assert blend(one, other, 0) is one
    assert blend(one, other, 1) is other
    assert blend(one, other, 0.5)[0, 0, 0] == 105
    assert darken(other, 1)[0, 0].tolist() == [0, 0, 0, 200]
    assert darken(other, 0) is other
    assert is_black(darken(other, 1))
    assert opaque(one)[0, 0].tolist() == [10, 10, 10, 255]


def spec(name: str):
    return {s.name: s for s in describe(Sample)}[name]


class Sample(Parameters):
    amount: float = control(1.0, "Amount.", minimum=0, maximum=2)
    steps: int = control(4, "Steps.", minimum=1, maximum=8)
    on: bool = control(False, "On.")
    words: str = control("", "Words.")


@pytest.mark.parametrize(
    ("name", "given", "kept"),
    [
        ("amount", 5, 2.0),
        ("amount", "1.5", 1.5),
        ("amount", True, 1.0),
        ("steps", 2.6, 3),
        ("steps", -9.0, 1),
        ("on", 0.0, False),
        ("on", "true", True),
        ("words", 7.0, "7"),
    ],
)
def test_a_loose_value_is_brought_to_the_nearest_that_fits(name, given, kept):
    assert spec(name).coerce(given) == kept
    assert type(spec(name).coerce(given)) is type(kept)


@pytest.mark.parametrize(
    ("name", "given"),
    [("amount", float("nan")), ("amount", "x"), ("amount", float("inf")), ("words", b"x")],
)
def test_what_means_nothing_is_refused_in_a_sentence(name, given):
    with pytest.raises(ValueError, match=f"{name} takes"):
        spec(name).coerce(given)


@given(st.one_of(st.floats(), st.integers(), st.text(), st.booleans(), st.none(), st.binary()))
def test_no_value_gets_past_the_range(value):
    for s in describe(Sample):
        try:
            kept = s.coerce(value)
        except ValueError:
            continue
        assert Sample(**{s.name: kept})


def test_an_update_is_taken_whole_or_not_at_all():
    store = ParameterStore(describe(Sample))
    heard = []
    store.listen(heard.append)
    with pytest.raises(ParameterError) as caught:
        store.update({"amount": 1.5, "steps": 99, "nothing": 1})
    assert set(caught.value.problems) == {"steps", "nothing"}
    assert store.snapshot.values["amount"] == 1.0
    assert not heard
    assert store.update({"amount": 1.5, "on": False}) == {"amount": 1.5, "on": False}
    assert [dict(change.changed) for change in heard] == [{"amount": 1.5}]
    assert store.snapshot.number == 2


def test_every_parameter_has_a_sentence_and_an_address_of_its_own():
    for row in Catalog(BUILT_IN).rows.values():
        specs = [*describe(row.parameters), *describe(row.load)]
        assert len({s.osc for s in specs}) == len(specs)
        assert all(s.help.endswith(".") for s in specs)
        assert all(s.coerce(s.default) == s.default for s in specs)
    assert {s.kind for s in describe(StylizeParameters)} >= {Kind.FLOAT, Kind.TEXT}


def test_a_block_waits_for_its_pictures_as_long_as_they_take():
    assert patience(12, 30) == pytest.approx(0.6)


def test_a_ring_gives_every_frame_once_and_counts_what_it_lost():
    writer = RingWriter("test-ring", 6, 4, 4)
    reader = RingReader("test-ring")
    try:
        assert reader.next() is None
        for number in range(3):
            writer.write(np.full((4, 6, 4), number, np.uint8), number / 2, number + 10, 5)
        slots = [reader.next() for _ in range(3)]
        assert [(s.index, s.time, s.tag, int(s.image[3, 5, 3])) for s in slots] == [
            (10, 0.0, 5, 0),
            (11, 0.5, 5, 1),
            (12, 1.0, 5, 2),
        ]
        for number in range(9):
            writer.write(np.full((4, 6, 4), number, np.uint8), 0.0, number)
        assert reader.next().index == 6
        assert reader.dropped == 6
        assert reader.newest().index == 8
        writer.reserve()
        assert reader.newest().index == 8 or reader.newest() is None
    finally:
        writer.unlink()
        writer.close()
        reader.close()


def test_only_segments_of_dead_writers_are_swept():
    writer = RingWriter("test-sweep", 2, 2)
    try:
        assert owner("test-sweep") is not None
        assert "test-sweep" not in sweep()
        assert owner("test-sweep") is not None
    finally:
        writer.unlink()
        writer.close()
    assert owner("test-sweep") is None
    with pytest.raises(RingError, match="No room"):
        RingWriter("test-huge", 1 << 20, 1 << 20)


def test_unusable_pictures_are_caught():
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 4), dtype=np.uint8)
    flat = np.full((48, 64, 4), 128, np.uint8)
    assert checked_output(noise, noise) is noise
    assert checked_output(flat, flat) is flat, "a flat input may stay flat"
    with pytest.raises(UnusableOutput, match="flat"):
        checked_output(flat, noise)
    with pytest.raises(UnusableOutput, match="flat"):
        checked_output(flat, None)
    with pytest.raises(UnusableOutput, match="NaN"):
        checked_output(np.full((4, 4, 4), np.nan, np.float32), None)
    assert checked_output(noise.astype(np.float32) / 255, noise).tolist() == noise.tolist()


def test_errors_of_tensor_libraries_are_told_apart():
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(type("OutOfMemoryError", (RuntimeError,), {})("CUDA out of memory"))
    assert is_cuda_error(RuntimeError("CUDA error: device-side assert triggered"))
    assert not is_cuda_error(RuntimeError("shapes differ"))


class _Loud(Parameters):
    mix: str = control("loud", "A name that the output has, for another kind of value.")


class _Papers(Parameters):
    prompt: str = control("", "A name that other pipelines have, for the same kind.")


LOUD = replace(BUILT_IN[1], id="loud", parameters=_Loud)
PAPERS = replace(BUILT_IN[1], id="papers", parameters=_Papers)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("tests.support.doubles:NOWHERE", "NOWHERE"),
        ("tests.nowhere:ROW", "nowhere"),
        ("tests.bridge.test_core:random", "is not a PipelineRow"),
        ("tests.support.broken_plugin:ROW", "no licence"),
        ("tests.bridge.test_core:LOUD", "mix"),
    ],
)
def test_a_plug_in_that_is_broken_in_any_way_is_listed_and_the_rest_is_there(
    monkeypatch, value, why
):
    points = [
        EntryPoint("x", value, ENTRY_POINTS),
        EntryPoint("y", "tests.bridge.test_core:PAPERS", ""),
    ]
    monkeypatch.setattr("engine.catalog.rows.entry_points", lambda group: points)
    catalog = Catalog.installed(describe(OutputParameters))
    with pytest.raises(LookupError, match=why):
        catalog["x"]
    assert catalog["stylize"]
    assert catalog["papers"] is PAPERS
