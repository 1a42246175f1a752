"""When a worker's request is answered, and that the answer has the newest values."""

import random
import threading
import time
from collections import deque
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import pytest

from bridge.frames.frame import Frame
from bridge.playout.pacer import Pacer
from bridge.workers import feeder as feeders
from bridge.workers.feeder import Feeder, room
from engine.ipc.messages import (
    BlockMade,
    FrameGrant,
    FrameRequest,
    LoadPipeline,
    PipelineReady,
    PipelineSwapped,
)
from engine.ipc.ring import RingReader
from tests.support.doubles import HOGS, PAINTER
from tests.support.played import WAIT, config, played
from tests.support.rig import scene
from tests.support.slow_cases import rest_slow

HOG, SOW, _ = HOGS
EVER = 3600.0  # seconds that a test cannot last: what is waited for so long does not come


@contextmanager
def fed(row=PAINTER, *, has_input=True, most=0.0):
    """A worker and the feeder that answers it; `most` are the frames a second, as a list of one.
    `has_input` may be a list, empty for none.
    """
    most = [most]
    with played(row, prompt="old", vace_scale=0.0) as worker:
        worker.most, worker.has_input = most, has_input
        feeder = worker.feeder = Feeder(
            worker.client, lambda: "64x48", "cover", lambda: 30.0, lambda: bool(has_input),
            lambda: most[0],
        )  # fmt: skip
        yield worker
        feeder.stop()


def puts(worker, *numbers):
    for number in numbers:
        worker.client.inbox.put(Frame(scene(64, 48, number), 0.0, number))


def indices(granted) -> list[int]:
    """The numbers of the granted frames."""
    with closing(RingReader(granted.ring)) as ring:
        numbers = range(granted.first, granted.first + granted.count)
        return [int(ring.slot_words(number)[0][1]) for number in numbers]


def asks(worker, count):
    """Ask for frames, and wait until the feeder has the request and waits for something."""
    worker.says(FrameRequest(count=count))
    worker.news_of(FrameRequest)
    end = time.perf_counter() + WAIT
    while worker.client.requests.wait(1, 0):
        assert time.perf_counter() < end
    time.sleep(0.05)


@pytest.fixture
def patient(monkeypatch):
    """Nothing but a change ends the waiting for new pictures."""
    monkeypatch.setattr(feeders, "patience", lambda count, fps: EVER)


def test_a_pipeline_that_is_there_is_told_the_values_at_once_whatever_is_waited_for(patient):
    with fed(PAINTER, most=1 / EVER) as worker:
        worker.client.set_parameters(2, {"prompt": "while it was loaded"})
        worker.says(PipelineReady())
        granted = worker.is_told(FrameGrant)
        assert (granted.snapshot.values["prompt"], granted.count) == ("while it was loaded", 0)
        assert not worker.client.invents, "that is no block"
        worker.client.swap(config(PAINTER))
        worker.says(PipelineReady())
        worker.is_told(LoadPipeline)


def test_pictures_go_out_where_the_grant_says(patient):
    with fed() as worker:
        puts(worker, 1, 2)
        asks(worker, 2)
        granted = worker.is_told(FrameGrant)
        assert indices(granted) == [1, 2]


def test_a_change_ends_the_waiting_for_pictures_and_is_in_the_very_next_block(patient):
    with fed() as worker:
        puts(worker, 1, 2)
        asks(worker, 2)
        assert worker.is_told(FrameGrant).snapshot.values["prompt"] == "old"
        asks(worker, 2)  # a still sender: nothing new comes
        worker.client.set_parameters(2, {"prompt": "new", "vace_scale": 1.0})
        granted = worker.is_told(FrameGrant)
        assert dict(granted.snapshot.values) == {"prompt": "new", "vace_scale": 1.0}
        assert (granted.snapshot.number, granted.count) == (2, 2)
        asks(worker, 2)
        puts(worker, 3)
        assert not worker.client._outbox.qsize(), "one change wakes it once"
        worker.client.set_parameters(3, {"prompt": "newer"})
        assert worker.is_told(FrameGrant).snapshot.values["prompt"] == "newer"


@pytest.mark.slow
def test_a_change_of_what_its_pipeline_does_not_have_ends_no_waiting(patient):
    """It is counted, and one of its own still wakes it."""
    with fed() as worker:
        puts(worker, 1, 2)
        asks(worker, 2)
        worker.is_told(FrameGrant)
        asks(worker, 2)
        held = {"prompt": "old", "vace_scale": 0.0}
        for number, other in enumerate(("black_fade", "hold_s", "max_fps", "anti_flicker"), 2):
            worker.client.set_parameters(number, held | {other: 0.5})
        time.sleep(0.1)
        assert not worker.client._outbox.qsize()
        assert worker.client.parameters_number == 5
        for number, own in enumerate(({"size": "64x48"}, {"vace_scale": 0.5}), 6):
            held = held | own
            worker.client.set_parameters(number, held)
            assert worker.is_told(FrameGrant).snapshot.number == number
            asks(worker, 2)


def test_a_change_while_a_request_waits_for_its_time_is_in_that_block():
    with fed(most=1 / EVER) as worker:
        worker.client.block.end(1, 0.1)
        puts(worker, 1)
        asks(worker, 1)
        worker.is_told(FrameGrant)
        asks(worker, 1)  # the next one may begin in an hour
        worker.client.set_parameters(2, {"prompt": "new"})
        worker.most[0] = 0.0
        puts(worker, 2)
        assert worker.is_told(FrameGrant).snapshot.values["prompt"] == "new"


def generate(frames, seconds, fps, *, begins, blocks=200):
    """Blocks without input, in virtual time: one begins as soon as `begins(waiting, seconds)`,
    takes about `seconds`, and a pacer shows it at no more than `fps`. Returns the part of the time
    that the engine idled, frames lost, and the times when frames were shown; without the start.
    """
    rng, pacer, intervals = random.Random(0), Pacer(), deque(maxlen=9)
    now, waiting, ended, ends, began, made = 0.0, 0, 0.0, None, 0.0, 0
    takes, idle, lost, shown = seconds, 0.0, 0, []
    while made < blocks:
        now += 0.001
        if ends is None and begins(waiting, takes):
            idle += now - began - 0.001 if made > 20 else 0.0
            takes = seconds * rng.uniform(0.95, 1.05)
            ends = now + takes
        if ends is not None and now >= ends:
            waiting, made, ends, began = waiting + frames, made + 1, None, now
            intervals.extend([now - ended] if made > 1 else [])
            ended = now
        if shown and now - shown[-1] < 1 / fps - 1e-6:
            continue
        if taken := pacer.pick(waiting, frames, list(intervals), ended, now):
            waiting, lost = waiting - taken, lost + taken - 1
            shown.append(now)
    return idle / now, lost, shown[20 * frames :]


@pytest.mark.parametrize(
    ("frames", "seconds"), rest_slow([(3, 0.2), (4, 0.3), (9, 0.3), (12, 0.4), (1, 0.05)])
)
def test_without_input_the_engine_does_not_idle_for_the_output(frames, seconds):
    idle, lost, _ = generate(
        frames, seconds, 60.0, begins=lambda waiting, took: waiting <= room(frames, took, 60.0)
    )
    assert idle < 0.002
    assert lost == 0
    if frames > 1:
        before, _, _ = generate(frames, seconds, 60.0, begins=lambda waiting, _: waiting < frames)
        assert before > 0.02, "what waiting for less than a block costs"


@pytest.mark.parametrize(
    ("frames", "seconds", "fps"),
    [(12, 0.1, 60.0), (9, 0.02, 30.0), (4, 0.06, 25.0), (1, 0.005, 60.0)],
)
def test_an_engine_faster_than_the_output_waits_for_it_and_nothing_is_lost(frames, seconds, fps):
    _, lost, shown = generate(
        frames, seconds, fps, begins=lambda waiting, took: waiting <= room(frames, took, fps)
    )
    assert lost == 0
    assert max(later - earlier for earlier, later in pairwise(shown)) < 1.6 / fps + 0.002
    assert len(shown) >= 0.92 * fps * (shown[-1] - shown[0])


class FullRing:
    """So many generated pictures wait to be shown."""

    waiting = 9

    def close(self):
        pass


def test_a_change_while_text_mode_waits_for_room_is_in_the_next_block():
    with fed(HOG) as worker:
        worker.client.block.end(4, 0.1)
        worker.client.ring = ring = FullRing()
        asks(worker, 0)
        worker.client.set_parameters(2, {"prompt": "new"})
        time.sleep(0.1)
        assert not worker.client._outbox.qsize(), "generation does not run ahead"
        ring.waiting = 5
        granted = worker.is_told(FrameGrant)
        assert (granted.snapshot.values["prompt"], granted.count, granted.ring) == ("new", 0, "")


def test_a_pipeline_of_texts_is_granted_no_frames_where_there_are_none():
    with fed(replace(HOG, text=True), has_input=False) as worker:
        asks(worker, 4)
        assert worker.is_told(FrameGrant).count == 0
        assert worker.client.invents


def test_another_pipeline_is_the_answer_wherever_the_feeder_waits(patient):
    with fed(HOG) as worker:
        for ring, count in ((None, 4), (FullRing(), 0)):
            worker.client.ring = ring
            worker.client.block.frames = 4
            asks(worker, count)
            worker.client.swap(config(SOW))
            worker.is_told(LoadPipeline)
        worker.client.ring = None


def test_values_that_were_set_together_are_granted_together():
    with fed(HOG) as worker:
        stop = threading.Event()

        def change():
            for number in range(2, 1 << 30):
                if stop.is_set():
                    return
                both = {"prompt": str(number), "reference": str(number)}
                worker.client.set_parameters(number, both)

        thread = threading.Thread(target=change, daemon=True)
        thread.start()
        seen = set()
        while len(seen) < 20:  # that many while they change
            worker.says(FrameRequest(count=0))
            values = worker.is_told(FrameGrant).snapshot.values
            assert values.get("prompt", "old") == values.get("reference", "old")
            seen.add(values["prompt"])
        stop.set()
        thread.join(WAIT)


@pytest.mark.slow
def test_a_held_worker_is_granted_nothing_until_it_is_released(patient):
    with fed() as worker:
        feeder = worker.feeder
        feeder.hold()
        puts(worker, 1, 2)
        worker.says(FrameRequest(count=2))
        worker.news_of(FrameRequest)
        time.sleep(0.05)
        assert worker.client.requests.wait(1, 0), "it still waits for its frames"
        feeder.release()
        assert worker.is_told(FrameGrant).count == 2
        asks(worker, 2)
        feeder.hold()  # while it waits for frames
        puts(worker, 3, 4)
        time.sleep(0.05)
        assert worker.client.requests.wait(1, 0)


@pytest.mark.slow
def test_frames_of_which_no_block_was_made_are_granted_again_to_whoever_asks_for_fewer(patient):
    with fed() as worker:
        puts(worker, 1, 2, 3)
        asks(worker, 3)
        worker.is_told(FrameGrant)
        asks(worker, 2)  # after a reset
        granted = worker.is_told(FrameGrant)
        assert indices(granted) == [1, 3]
        worker.says(BlockMade(frames=2, seconds=0.1, snapshot=1, report={}))
        puts(worker, 4, 5)
        asks(worker, 2)
        assert indices(worker.is_told(FrameGrant)) == [4, 5]


@pytest.mark.slow
def test_a_worker_that_was_held_begins_with_the_newest_frames(patient):
    with fed() as worker:
        worker.feeder.hold()
        puts(worker, *range(1, 9))
        worker.says(FrameRequest(count=2))
        worker.news_of(FrameRequest)
        worker.feeder.release()
        assert indices(worker.is_told(FrameGrant)) == [7, 8]


def streams(worker, guides=0):
    """Ask as a relay does."""
    worker.says(FrameRequest(count=1, guides=guides, streaming=True))


def test_a_relay_is_granted_frames_and_changes_at_once_and_still_ones_now_and_then(monkeypatch):
    """Whatever the engine beyond it makes of them, and when, is not decided here."""
    monkeypatch.setattr(feeders, "LONGEST_WAIT", 0.4)
    with fed(most=25.0) as worker:
        puts(worker, 1)
        streams(worker)
        granted = worker.is_told(FrameGrant)
        assert (indices(granted), granted.max_fps, granted.has_input) == ([1], 25.0, True)
        streams(worker)
        time.sleep(0.05)
        began = time.perf_counter()
        worker.client.set_parameters(2, {"prompt": "new"})
        granted = worker.is_told(FrameGrant)
        assert (granted.count, granted.snapshot.values["prompt"]) == (0, "new")
        streams(worker)
        puts(worker, 2)
        assert indices(worker.is_told(FrameGrant)) == [2]
        streams(worker)
        worker.most[0] = 10.0
        granted = worker.is_told(FrameGrant)
        assert (granted.count, granted.max_fps) == (0, 10.0)
        assert time.perf_counter() - began < 0.3, "nothing of this waits for the cap"
        streams(worker)
        assert indices(worker.is_told(FrameGrant)) == [2], "a still input, again"
        assert time.perf_counter() - began >= feeders.LONGEST_WAIT
        streams(worker)
        worker.client.swap(config(PAINTER))
        worker.is_told(LoadPipeline)
        worker.says(PipelineSwapped(), PipelineReady())
        assert worker.is_told(FrameGrant).count == 0
        streams(worker)
        puts(worker, 3)
        assert indices(worker.is_told(FrameGrant)) == [3]


def test_a_relay_of_texts_is_told_of_input_and_room():
    row = replace(PAINTER, text=True)
    with fed(row, has_input=[]) as worker:
        streams(worker)
        granted = worker.is_told(FrameGrant)
        assert (granted.count, granted.has_input, granted.has_room) == (0, False, True)
        assert worker.client.invents
        streams(worker)
        worker.client.ring = SimpleNamespace(waiting=100)
        assert worker.is_told(FrameGrant).has_room is False
        streams(worker)
        worker.client.ring = SimpleNamespace(waiting=0)
        assert worker.is_told(FrameGrant).has_room is True
        streams(worker)
        worker.has_input.append("a source")
        assert worker.is_told(FrameGrant).has_input is True
        streams(worker)
        puts(worker, 1)
        assert indices(worker.is_told(FrameGrant)) == [1]
        assert not worker.client.invents
