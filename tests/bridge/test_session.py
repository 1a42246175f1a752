"""The frame path with real worker processes: exact, even, live, never black."""

import errno
import itertools
import json
import os
import random
import sys
import threading
import time
from itertools import pairwise
from time import perf_counter
from types import SimpleNamespace

import cv2
import numpy as np
import psutil
import pytest

from bridge.cli.run import _watch
from bridge.control.http.streams import Streams
from bridge.playout.output import OutputClock, OutputParameters
from bridge.settings import Settings
from bridge.state.status import Counters, Status
from bridge.state.store import ParameterError
from bridge.system.timing import Ticker
from bridge.transports import TransportError
from bridge.transports.placeholder import PlaceholderSource
from bridge.workers.client import Block
from engine.ipc.ring import RingReader, RingWriter
from engine.ipc.segments import PREFIX, folder
from engine.parameters import describe
from tests.support import memory
from tests.support.doubles import number_of, paint, says, value_of
from tests.support.rig import running_session, scene
from tests.support.slow_cases import rest_slow

FAST = {"pipeline": "painter"}


def no_black(rig) -> bool:
    return all(seen.frame.image[..., :3].any() for seen in rig.place.seen)


def longest_gap(rig) -> float:
    """Between two pictures that the sink was sent, in seconds as a bystander lived them."""
    return max(rig.bystander.lived(a.time, b.time) for a, b in pairwise(rig.place.seen))


def numbers(rig, since: float = 0.0) -> list[int]:
    """The painted numbers in the order in which a receiver saw them, each once."""
    return numbered(s.frame.image for s in rig.place.seen if s.time >= since)


def numbered(images) -> list[int]:
    found = [number_of(image) for image in images if image[12, 0, 1] == 90]
    return [n for n, before in zip(found, [None, *found], strict=False) if n != before]


def test_passthrough_is_exact_and_the_last_picture_before_a_pause_arrives(tmp_path):
    with running_session(tmp_path, pipeline="passthrough", alpha="input") as rig:
        for number in range(5):
            image = scene(64, 48, number)
            image[..., 3] = np.arange(64)
            rig.put(image)
            seen = rig.wait(lambda frame, sent=image: np.array_equal(frame.image, sent))
            assert seen.image[0, 5, 3] == 5


def test_the_output_is_opaque_and_of_one_size_whatever_comes_in(tmp_path):
    with running_session(tmp_path, pipeline="passthrough") as rig:
        for size in ((1, 1), (333, 201), (48, 64), (64, 48)):
            image = np.full((size[1], size[0], 4), sum(size) % 256, np.uint8)
            rig.put(image)
            value = sum(size) % 256
            rig.wait(lambda frame, v=value: abs(int(frame.image[24, 32, 0]) - v) < 2)
        shapes = {seen.frame.image.shape for seen in rig.place.seen}
        assert shapes == {(48, 64, 4)}
        assert all(seen.frame.image[..., 3].min() == 255 for seen in rig.place.seen)


class Played:
    """The output clock and a worker's ring, on a clock of their own: blocks of `frames` pictures
    that take what `durations` says, each of the input of the block's time before it.
    """

    def __init__(self, monkeypatch, frames: int, durations) -> None:
        self.now, self.block, self.counters, self.seen = 100.0, Block(), Counters(), []
        for module in ("workers.client", "playout.output", "system.timing"):
            monkeypatch.setattr(f"bridge.{module}.perf_counter", lambda: self.now)
        self._frames, self._durations = frames, durations
        self._writer = RingWriter("test-played", 64, 48, 2 * 16 + 2)  # as the worker's for blocks
        self.ring = RingReader("test-played")
        self.link, self.newest_input, self.stuck, self.invents = self, None, False, False
        self.values = {spec.name: spec.default for spec in describe(OutputParameters)}
        self.clock = OutputClock(Settings(output_size="64x48"), self.counters, self)
        self._number, self._begun, self.most, self.latencies = 0, self.now, 0, []
        self._takes = next(durations)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._writer.unlink()
        self._writer.close()
        self.ring.close()

    def card(self, width: int, height: int) -> np.ndarray:
        return np.full((height, width, 4), 9, np.uint8)

    def fallback(self, needed: bool, now: float) -> None:
        return None

    def play(self, seconds: float) -> list[int]:
        """The numbers that are shown in that time; `most` is how many of them in 0.2 s."""
        shown, period = [], 1 / 60
        for _ in range(round(seconds / period)):
            self.now += period
            if self.now >= self._begun + self._takes:
                self._block()
            frame = self.clock.tick(self.now, period)
            shown.append(frame.image)
            if frame.fresh:
                self.latencies.append(self.now - frame.time)
        assert all(image[..., :3].any() for image in shown), "never black"
        self.most = max(len(numbered(shown[at : at + 12])) for at in range(len(shown) - 12))
        return numbered(shown)

    def _block(self) -> None:
        for place in range(self._frames):
            self._number += 1
            received = self._begun - self._takes * (1 - (place + 1) / self._frames)
            self._writer.write(paint(64, 48, self._number, 1.0), received, self._number)
        self.block.end(self._frames, self._takes)
        self._begun, self._takes = self.now, next(self._durations)


@pytest.mark.parametrize("frames", [4, 9, 12])
def test_blocks_of_random_duration_leave_at_an_even_pace(monkeypatch, frames):
    chance = random.Random(7)
    durations = (chance.uniform(0.3, 0.9) for _ in itertools.count())
    with Played(monkeypatch, frames, durations) as played:
        played.play(2)
        shown = played.play(30)
        missed = shown[-1] - shown[0] + 1 - len(shown)
        assert missed <= 0.05 * len(shown)
        assert shown == sorted(shown)
        late = sorted(played.latencies)[len(played.latencies) * 95 // 100]
        assert late < 0.6 + 1.25 * 0.6 + 0.9


def test_after_a_stall_of_three_seconds_there_is_no_burst(monkeypatch):
    durations = itertools.chain([0.4] * 10, [3.4], itertools.repeat(0.4))
    with Played(monkeypatch, 12, durations) as played:
        played.play(4 + 0.1)
        assert len(played.play(3)) <= 15, "what waited of a block, and no more: it stalls"
        played.play(1)
        shown = played.play(2)
        assert 50 <= len(shown) <= 70, "30 pictures a second"
        assert played.most <= 9, "and not a burst"
        assert played.clock.dropped <= 3


@pytest.mark.slow
@pytest.mark.alone
def test_a_real_worker_leaves_at_an_even_pace_and_a_stall_makes_no_burst(tmp_path):
    load = {"frames": 12, "shortest": 0.3, "longest": 0.5}
    with running_session(tmp_path, load=load, hang_s=20, **FAST) as rig:
        stop = rig.steady_input()
        rig.running()
        blocks = lambda: rig.session._host.current.block.made  # noqa: E731
        rig.until(lambda: blocks() >= 3)
        since = perf_counter()
        rig.until(lambda: len(numbers(rig, since)) >= 60)
        shown = numbers(rig, since)
        missed = shown[-1] - shown[0] + 1 - len(shown)
        assert missed <= 0.05 * len(shown)
        assert shown == sorted(shown)
        assert rig.session.status().latency_p95 < 1e3 * (0.4 + 1.25 * 0.4 + 0.5)

        rig.session.store.update({"stall": 1.5})
        rig.until(lambda: rig.session._host.current.block.seconds > 1.5)
        rig.session.store.update({"stall": 0.0})
        stalled, dropped = perf_counter(), rig.session.status().dropped_output
        rig.until(lambda: len(numbers(rig, stalled)) >= 36)
        assert perf_counter() - stalled > 0.75, "30 pictures a second, and not one with each tick"
        stop()
        after = numbers(rig, stalled)
        assert after == sorted(after)
        assert rig.session.status().dropped_output - dropped <= 3
        assert no_black(rig)


@pytest.mark.slow
def test_text_mode_never_runs_ahead_by_more_than_a_block(tmp_path):
    load = {"frames": 8, "text": True}
    with running_session(tmp_path, load=load, output_fps=30, **FAST) as rig:
        rig.running()
        link = rig.session._host.current
        most = 0
        while rig.session.counters.shown["new"] < 40:
            most = max(most, link.waiting)
            time.sleep(0.002)
        assert most <= 2 * 8
        shown = numbers(rig)
        assert shown[-1] - shown[0] + 1 == len(shown), "and none is lost"


@pytest.mark.slow
def test_the_last_value_of_a_fader_is_in_the_first_block_that_starts_after_it(tmp_path):
    load = {"frames": 1, "shortest": 0.5, "longest": 0.5}
    with running_session(tmp_path, load=load, **FAST) as rig:
        stop = rig.steady_input()
        rig.running()
        block = rig.session._host.current.block
        for step in range(60):
            rig.session.store.update({"vace_scale": step / 100})
            time.sleep(1 / 60)
        made = block.made
        rig.until(lambda: block.made > made)  # the next one has only just begun
        made = block.made
        rig.session.store.update({"vace_scale": 1.99})
        first = rig.wait(lambda frame: value_of(frame.image) == 1.99)
        assert number_of(first.image) <= made + 2, "the running block, then the next"
        stop()


@pytest.mark.slow
def test_a_killed_worker_is_replaced_and_its_first_block_has_all_that_was_sent(tmp_path):
    kills = 6
    (tmp_path / "assets").mkdir(exist_ok=True)
    with running_session(tmp_path, settle_s=0.2, load={"frames": 1}, **FAST) as rig:
        stop = rig.steady_input()
        rig.running()
        for round_ in range(kills):
            rig.until(
                lambda: not rig.session._host._breaker._deaths
            )  # it has run long enough to be well
            rig.until(lambda: numbers(rig)[-1:] > [3])
            old, value, word = rig.session.status().worker, 0.5 + round_ / 20, f"word {round_}"
            psutil.Process(old).kill()
            killed = perf_counter()
            rig.until(lambda old=old: rig.session.status().worker != old)
            picture = f"{word}.png"
            (tmp_path / "assets" / picture).touch()
            rig.session.store.update({"vace_scale": value, "prompt": word, "reference": picture})
            rig.wait(lambda frame: number_of(frame.image) <= 3 and frame.image[12, 0, 1] == 90)
            fresh = next(s.frame.image for s in rig.place.seen
                         if s.time > killed and number_of(s.frame.image) <= 3)  # fmt: skip
            assert abs(value_of(fresh) - value) < 0.006
            assert says(fresh, 0, word)
            assert says(fresh, 1, picture)
            rig.running()
        stop()
        assert rig.session.status().restarts == kills
        assert rig.session.status().black_frames == 0
        assert no_black(rig)
        assert longest_gap(rig) < 0.25


@pytest.mark.slow
def test_three_fast_deaths_open_the_breaker_and_reload_closes_it(tmp_path, monkeypatch):
    monkeypatch.setattr("bridge.workers.breaker.BACKOFF", (0.0, 0.05, 0.05))
    with running_session(tmp_path, settle_s=30, load={"frames": 1}, **FAST) as rig:
        stop = rig.steady_input()
        rig.running()
        for _ in range(3):
            rig.running()
            rig.crash()
            rig.until(lambda: rig.session.status().state != "RUNNING")
        rig.until(lambda: rig.session.status().state == "FAILED")
        assert "reload" in rig.session.status().reason
        rig.session.actions["reload"].run()
        rig.running()
        stop()
        assert no_black(rig)


@pytest.mark.slow
def test_what_fades_is_kept_as_it_will_be(tmp_path):
    with running_session(tmp_path, **FAST) as rig:
        session = rig.session
        session.store.update({"vace_scale": 2.0})
        session.show.save()
        session.store.update({"vace_scale": 0.0})
        session.show.recalls.recall(1, fade=30.0)
        assert session.store.snapshot.values["vace_scale"] < 1
        assert session._kept(ended=True).values["vace_scale"] == 2


def test_a_switch_keeps_the_output_and_the_parameters(tmp_path):
    with running_session(tmp_path, pipeline="passthrough") as rig:
        stop = rig.steady_input()
        rig.running()
        rig.session.store.update({"vace_scale": 1.37})
        rig.session.switch("painter", {"frames": 2})
        rig.running("painter")
        rig.wait(lambda frame: value_of(frame.image) == 1.37)
        rig.session.switch("passthrough")
        rig.running("passthrough")
        stop()
        assert no_black(rig)
        assert longest_gap(rig) < 0.25
        assert rig.session.status().error == ""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pipeline", "trouble"), [("painter", "load"), ("painter", "import"), ("too-big", "load")]
)
def test_a_switch_that_fails_leaves_the_old_pipeline_and_says_why(tmp_path, pipeline, trouble):
    with running_session(tmp_path, pipeline="passthrough") as rig:
        stop = rig.steady_input()
        rig.running()
        rig.session.switch(pipeline, {"broken": trouble})
        rig.until(lambda: rig.session.status().error)
        assert pipeline in rig.session.status().error
        rig.running("passthrough")
        assert pipeline in rig.session.status().error, "it stands until something succeeds"
        stop()
        assert no_black(rig)
        assert longest_gap(rig) < 0.25


@pytest.mark.slow
def test_a_pipeline_without_room_beside_the_old_one_takes_its_place(tmp_path):
    with running_session(tmp_path, pipeline="passthrough") as rig:
        stop = rig.steady_input()
        rig.running()
        rig.session.switch("too-big")
        rig.running("too-big")
        stop()
        assert no_black(rig)
        assert rig.session.status().error == ""


def test_what_cannot_be_is_refused_at_once(tmp_path):
    with running_session(tmp_path, pipeline="passthrough") as rig:
        with pytest.raises(LookupError, match="passthrough"):
            rig.session.switch("nothing")
        with pytest.raises(ParameterError, match="frames"):
            rig.session.switch("painter", {"frames": 99})
        with pytest.raises(ValueError, match="576x320"):
            rig.session.switch("stylize", {"size": "huge"})


@pytest.mark.parametrize("trouble", rest_slow(["nan", "flat"]))
def test_an_unusable_block_is_not_shown(tmp_path, trouble):
    with running_session(tmp_path, load={"frames": 2}, **FAST) as rig:
        stop = rig.steady_input()
        rig.running()
        rig.session.store.update({"trouble": trouble})
        rig.until(lambda: rig.session.status().bad_blocks >= 1)
        rig.session.store.update({"trouble": ""})
        rig.running()
        stop()
        assert no_black(rig)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("trouble", "sentence"),
    [
        ("cuda", "CUDA error"),
        ("memory", "nothing left"),
        ("crash", "something else"),
        ("leave", "ended with status 9"),
        ("segfault", "0xc0000005" if sys.platform == "win32" else "SIGSEGV"),
    ],
)
def test_a_worker_in_trouble_ends_and_is_replaced(tmp_path, trouble, sentence):
    with running_session(tmp_path, load={"frames": 1}, **FAST) as rig:
        stop = rig.steady_input()
        rig.running()
        worker = rig.session.status().worker
        rig.session.store.update({"trouble": trouble})
        rig.until(lambda: sentence in rig.session.status().error)
        rig.session.store.update({"trouble": ""})
        rig.running()
        stop()
        assert rig.session.status().worker != worker
        assert no_black(rig)
        assert not psutil.pid_exists(worker)


@pytest.mark.slow
def test_a_worker_that_hangs_tells_its_stacks_and_is_replaced(tmp_path):
    with running_session(tmp_path, load={"frames": 1}, hang_s=0.8, **FAST) as rig:
        stop = rig.steady_input()
        rig.running()
        hung = rig.session._host.current
        rig.session.store.update({"trouble": "hang"})
        rig.until(lambda: rig.session.status().restarts)
        rig.session.store.update({"trouble": ""})
        rig.until(lambda: rig.session._host.current is not hung)
        rig.running()
        stop()
        assert any("_trouble" in line for line in hung.log), "the stack names where it hung"


@pytest.mark.slow
def test_a_worker_that_was_stopped_is_replaced(tmp_path, monkeypatch):
    monkeypatch.setattr("bridge.workers.client.SILENCE", 0.5)
    with running_session(tmp_path, load={"frames": 1}, hang_s=0.5, **FAST) as rig:
        stop = rig.steady_input()
        rig.running()
        psutil.Process(rig.session.status().worker).suspend()
        rig.until(lambda: rig.session.status().restarts == 1)
        rig.running()
        stop()
        assert no_black(rig)


@pytest.mark.slow
def test_the_show_controls_work_while_the_engine_is_dead(tmp_path, monkeypatch):
    monkeypatch.setattr("bridge.workers.breaker.BACKOFF", (0.0, 0.05, 0.05))
    with running_session(tmp_path, load={"frames": 1}, settle_s=60, **FAST) as rig:
        store = rig.session.store
        stop = rig.steady_input()
        rig.running()
        stop()
        time.sleep(0.3)
        for _ in range(3):
            rig.running()
            rig.crash()
            rig.until(lambda: rig.session.status().state != "RUNNING")
        rig.until(lambda: rig.session.status().state == "FAILED")
        picture = rig.place.seen[-1].frame.image
        grey = np.full((48, 64, 4), 255, np.uint8)
        rig.put(grey)
        store.update({"mix": 0.0})
        rig.wait(lambda frame: np.array_equal(frame.image, grey))
        store.update({"mix": 0.5})
        half = picture[12, 12, 1] / 2 + 127.5
        rig.wait(lambda frame: abs(int(frame.image[12, 12, 1]) - half) <= 1)
        store.update({"mix": 1.0, "bypass": True})
        rig.wait(lambda frame: np.array_equal(frame.image, grey))
        store.update({"freeze": True, "bypass": False})
        time.sleep(0.2)
        assert np.array_equal(rig.place.seen[-1].frame.image, grey)
        store.update({"black": True, "black_fade": 0.3})
        rig.wait(lambda frame: not frame.image[..., :3].any())
        image = rig.session.show.looks._image(rig.session.show.save())
        rig.until(image.exists)
        assert cv2.imread(str(image)).any(), "a look's image is that of the pipeline"
        store.update({"black": False, "freeze": False})
        rig.wait(lambda frame: np.array_equal(frame.image, grey))  # the last picture is an old one
        assert rig.session.status().black_frames == 0, "this black was asked for"


@pytest.mark.slow
@pytest.mark.parametrize("end", ["source_breaks", "sink_breaks"])
def test_a_transport_that_raises_anything_is_told_and_goes_on(tmp_path, end):
    with running_session(tmp_path, pipeline="passthrough") as rig:
        stop = rig.steady_input()
        rig.running()
        getattr(rig.place, end).append(RuntimeError("the driver is confused"))
        rig.until(lambda: "the driver is confused" in rig.session.status().error)
        rig.until(lambda: rig.session.status().error == "")
        image = scene(64, 48, 99)
        stop()
        rig.put(image)
        rig.wait(lambda frame: np.array_equal(frame.image, image))


def test_a_picture_that_cannot_be_composed_leaves_the_one_before_it(tmp_path, monkeypatch):
    with running_session(tmp_path, pipeline="passthrough") as rig:
        rig.put(scene(64, 48, 1))
        shown = rig.wait(lambda frame: np.array_equal(frame.image, scene(64, 48, 1)))
        monkeypatch.setattr(rig.session._clock, "_compose", lambda *_: 1 / 0)
        rig.until(lambda: "ZeroDivisionError" in rig.session.status().error)
        since = perf_counter()
        rig.until(lambda: rig.place.seen[-1].time > since + 0.3)
        assert np.array_equal(rig.place.seen[-1].frame.image, shown.image)
        assert longest_gap(rig) < 0.25
        monkeypatch.undo()
        rig.until(lambda: rig.session.status().error == "")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("trouble", "why"),
    [
        pytest.param(
            "gibberish",
            "sent an invalid message",
            marks=pytest.mark.skipif(
                sys.platform == "win32",
                reason="there nothing can be asked of a pipe that a thread waits on",
            ),
        ),
        ("greed", "asks for 1000000000 images"),
        ("deaf", "hung or crashed"),
        ("mute", "hung or crashed"),
        ("nothing", "no image"),
    ],
)
def test_a_pipeline_that_fails_beside_its_blocks_is_replaced_too(tmp_path, trouble, why):
    with running_session(tmp_path, load={"frames": 1}, hang_s=0.5, **FAST) as rig:
        stop = rig.steady_input()
        rig.running()
        link = rig.session._host.current
        rig.session.store.update({"trouble": trouble})
        rig.until(lambda: why in rig.session.status().error)
        rig.session.store.update({"trouble": ""})
        rig.until(lambda: rig.session._host.current is not link)
        rig.running()
        stop()
        assert no_black(rig)


@pytest.mark.slow
@pytest.mark.parametrize("trouble", rest_slow(["deep", "endless"]))
def test_a_report_that_cannot_be_told_costs_nothing_else(tmp_path, trouble):
    with running_session(tmp_path, load={"frames": 1}, **FAST) as rig:
        stop = rig.steady_input()
        rig.running()
        rig.session.store.update({"trouble": trouble})
        before = rig.session.status()
        rig.until(lambda: rig.session.status().notes != before.notes)
        rig.until(lambda: rig.session.status().frames_new > before.frames_new + 10)
        json.dumps(Streams(rig.session).state(viewing=False))
        assert rig.session.status().restarts == 0
        lines = [*rig.session._host.current.log]
        assert "ValueError in the report: " in rig.session.status().notes["problem"]
        assert lines.count("Traceback (most recent call last):") == 1, "once, and whole"
        assert any("in _report" in line for line in lines)
        stop()


@pytest.mark.slow
def test_the_source_is_changed_while_running_and_a_bad_one_leaves_the_old(tmp_path):
    with running_session(tmp_path, pipeline="passthrough") as rig:
        rig.put(scene(64, 48, 1))
        rig.wait(lambda frame: np.array_equal(frame.image, scene(64, 48, 1)))
        rig.session.set_source("pattern:other")
        rig.until(lambda: rig.session.status().source.startswith("pattern:other"))
        rig.until(lambda: rig.session.status().input_fps > 20)
        with pytest.raises(TransportError, match="is not a source"):
            rig.session.set_source("nothing")
        for bad, word in (("file:none.mp4", "none.mp4"), ("file:~nobodyatall/x", "home directory")):
            told = [""]
            try:  # refused at once where the module of files is imported already
                rig.session.set_source(bad)
            except TransportError as refused:
                told = [str(refused)]
            rig.until(lambda word=word, told=told: word in told[0] + rig.session.status().error)
        assert rig.session.status().source.startswith("pattern:other")
        rig.session.set_source(f"memory:{rig.name}")
        rig.until(lambda: rig.session.status().source.startswith("memory:"))
        assert rig.session.status().error == ""
        rig.put(scene(64, 48, 2))
        rig.wait(lambda frame: np.array_equal(frame.image, scene(64, 48, 2)))
        assert no_black(rig)
        assert longest_gap(rig) < 0.25


def test_a_stand_in_gives_way_to_the_first_real_picture():
    sender, demo = memory.MemorySource("stand-in"), memory.MemorySource("demo")
    memory.put("demo", scene(8, 8, 1))
    with PlaceholderSource(sender, demo) as source:
        assert np.array_equal(source.receive(0.1).image, scene(8, 8, 1))
        assert "demo" in source.status
        memory.put("stand-in", scene(8, 8, 2))
        memory.put("demo", scene(8, 8, 3))
        frame = source.receive(0.1)
        assert np.array_equal(frame.image, scene(8, 8, 2))
        assert frame.index == 2, "numbers go on"
        assert source.receive(0.05) is None, "a sender that pauses is held"
        assert "demo" not in source.status


def test_before_the_first_picture_a_card_says_why(tmp_path):
    with running_session(tmp_path, pipeline="passthrough") as rig:
        frame = rig.wait(lambda frame: True)
        assert rig.session.status().shown == "card"
        assert frame.image[..., :3].any()
        rig.until(lambda: "waits for a frame" in rig.session.status().reason)


def test_the_engine_may_also_be_a_thread(tmp_path):
    with running_session(tmp_path, pipeline="relay", engine="thread") as rig:
        image = scene(64, 48, 3)
        rig.put(image)
        rig.wait(lambda frame: np.array_equal(frame.image, image))


def test_nothing_is_left_behind(tmp_path):
    with running_session(tmp_path, pipeline="relay") as rig:
        stop = rig.steady_input()
        rig.running()
        workers = [rig.session.status().worker]
        rig.session.switch("painter")
        rig.running("painter")
        workers.append(rig.session.status().worker)
        own = [f"{PREFIX}{process}-*" for process in (os.getpid(), *workers)]
        stop()
        began = perf_counter()
    assert rig.bystander.lived(began, perf_counter()) < 5
    assert not any(map(psutil.pid_exists, workers))
    assert not [path for pattern in own for path in folder().glob(pattern)]
    assert not [
        child for child in psutil.Process().children() if "engine.worker" in child.cmdline()
    ]


@pytest.mark.slow
def test_after_a_stall_of_the_clock_no_picture_stands_behind_the_one_shown(tmp_path):
    """60 in and 60 out: what waited once waited for ever, and all later pictures were late."""
    with running_session(tmp_path, pipeline="passthrough", output_fps=60) as rig:
        ticker, stop, clock, left = Ticker(60), threading.Event(), rig.session._clock, []

        def send():
            for number in itertools.count():
                ticker.wait()
                if stop.is_set():
                    return
                rig.put(scene(64, 48, number % 2))

        pickup = clock._pickup
        real = pickup.take

        def take(link, now, **how):
            slot = real(link, now, **how)
            left.append(rig.session._host.current.ring.waiting)
            return slot

        sender = threading.Thread(target=send, daemon=True)
        sender.start()
        try:
            rig.running("passthrough")
            pickup.take = lambda *asked, **how: time.sleep(0.2) or take(*asked, **how)
            rig.until(lambda: left and left[-1] > 0)
            pickup.take = take
            stalled = len(left) + 12
            rig.until(lambda: 0 in left[stalled:])
        finally:
            stop.set()
            sender.join()


@pytest.mark.slow
def test_no_error_of_a_status_reaches_who_asks(tmp_path, monkeypatch, caplog):
    """No descriptor is left; then something that nobody foresaw, thousands of times."""

    def fails(*_):
        raise OSError(errno.EMFILE, "Too many open files")

    with running_session(tmp_path, pipeline="passthrough") as rig:
        rig.put(scene(64, 48))
        rig.running()
        monkeypatch.setattr("psutil.Process", fails)
        status = rig.session.status()
        assert (status.state, status.memory, status.error) == ("RUNNING", 0.0, "")
        monkeypatch.setattr(type(rig.session.weights), "now", property(fails))
        for _ in range(100):
            status = rig.session.status()
        assert status.state == "RUNNING", "the last that is known"
        assert "cannot be read" in status.error
        assert len([r for r in caplog.records if "cannot be read" in r.message]) == 1
        monkeypatch.undo()
        assert rig.session.status().error == ""


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize("error", [BrokenPipeError(), SystemExit(1), ValueError("of rich")])
def test_what_cannot_be_told_ends_no_show(terminal, error, monkeypatch):
    monkeypatch.setattr("bridge.cli.run.BEAT", 0.01)
    monkeypatch.setattr("bridge.cli.run.TELL", 0.0)
    numbers = itertools.count()
    stop, tried = threading.Event(), []

    def fails(*_, **__):
        tried.append(1)
        if len(tried) > 2:
            stop.set()
        raise error

    console = SimpleNamespace(is_terminal=terminal, print=fails, status=fails)
    session = SimpleNamespace(status=lambda: Status(fps=next(numbers)))
    _watch(console, session, stop)
    assert len(tried) == 3, "it went on until it was told to stop"


@pytest.mark.slow
def test_the_own_output_may_be_the_input_as_video_feedback(tmp_path):
    own = f"shm:test-feedback-{os.getpid()}"
    with running_session(tmp_path, **FAST, sink=own) as rig:
        stop = rig.steady_input()
        rig.running("painter")
        stop()
        rig.session.set_source(own)
        rig.until(lambda: rig.session.status().source.startswith(f"{own} · 64x48"))
        shown = rig.session.status().frames_new
        rig.until(lambda: rig.session.status().frames_new > shown + 10)
        assert (rig.session.status().input, rig.session.status().error) == ("live", "")
