"""The output on arrival: at once, no more than the rate, and never missed for long."""

import itertools
import random
import time
from dataclasses import dataclass, field

import numpy as np
import pytest

from bridge.frames.frame import Frame
from bridge.playout.outbox import HELD, Outbox
from bridge.playout.output import OutputClock
from bridge.session import Session
from bridge.settings import Settings
from bridge.state.controls import OutputParameters
from bridge.state.status import Counters
from bridge.system.timing import Tokens
from bridge.workers.client import Block
from engine.catalog.rows import BUILT_IN, Catalog
from engine.ipc.ring import Slot
from engine.parameters import describe
from tests.support.rig import running_session, scene
from tests.support.slow_cases import rest_slow

RATE = 60
INPUT = np.full((48, 64, 4), (120, 120, 120, 255), np.uint8)


@dataclass
class Ring:
    """What a worker made, for the clock to take."""

    made: list[Slot] = field(default_factory=list)
    dropped: int = 0

    @property
    def waiting(self) -> int:
        return len(self.made)

    def next(self, *, borrowed: bool = False) -> Slot:
        return self.made.pop(0)

    def skip(self, count: int) -> None:
        del self.made[:count]


class Stage:
    """The output clock in virtual time, woken as its thread is: by news or when a tick is due."""

    def __init__(self, monkeypatch, keeps_last: bool = True, **values) -> None:
        self.now, self.ring, self.block = 1e3, Ring(), Block()
        self.link, self.newest_input, self.stuck, self.invents = self, None, False, False
        self.counters, self.keeps_last, self.sent, self.made = Counters(), keeps_last, [], 0
        self.other = None
        for module in ("playout.output", "playout.outbox", "workers.client", "system.timing"):
            monkeypatch.setattr(f"bridge.{module}.perf_counter", lambda: self.now)
        self.values = {spec.name: spec.default for spec in describe(OutputParameters)} | values
        settings = Settings(output_size="64x48", output_fps=RATE)
        self.clock = OutputClock(settings, self.counters, self)
        self._card = np.full((48, 64, 4), 9, np.uint8)

    def card(self, width, height):
        return self._card

    def fallback(self, needed, now):
        return self.other

    def picture(self) -> None:
        """The engine makes a picture, with its time in it."""
        self.made += 1
        image = np.full((48, 64, 4), 255, np.uint8)
        image[0, 0, :3] = [self.made >> 16, self.made >> 8 & 255, self.made & 255]
        self.ring.made.append(Slot(self.made, self.made, self.now, 0, image))

    def play(self, seconds, events=()) -> list[tuple[float, Frame]]:
        """What is sent in that time; `events` are times from now with what happens."""
        first, end = len(self.sent), self.now + seconds
        agenda = sorted(((self.now + at, what) for at, what in events), key=lambda each: each[0])
        news = False
        while True:
            tick = self.now if news else self.clock.due(self.now)
            tick = max(tick, self.now + self.clock._tokens.ahead(self.now))
            if agenda and agenda[0][0] <= tick:
                self.now, what = agenda.pop(0)
                what()
                news = True
                continue
            if tick > end:
                self.now = end
                return self.sent[first:]
            self.now, news = tick, False
            if frame := self.clock.arrive(self.now, keeps_last=self.keeps_last):
                self.sent.append((self.now, frame))


def numbers(sent) -> list[int]:
    return [int.from_bytes(frame.image[0, 0, :3].tobytes()) for _, frame in sent]


@pytest.mark.parametrize("seed", range(8))
def test_pictures_at_the_output_rate_that_come_unevenly_are_all_sent_when_they_come(
    monkeypatch, seed
):
    stage, chance = Stage(monkeypatch), random.Random(seed)
    times = [0.1 + number / RATE + chance.uniform(-0.004, 0.004) for number in range(10 * RATE)]
    sent = stage.play(11, [(at, stage.picture) for at in times])
    new = [(at, frame) for at, frame in sent if frame.time == at]
    assert numbers(new) == [*range(1, 10 * RATE + 1)], "each at the moment it came"
    assert stage.clock.dropped == 0


@pytest.mark.parametrize("stall", [0.02, 0.05, 0.4])
def test_pictures_at_the_output_rate_are_sent_when_they_come_again_soon_after_a_stall(
    monkeypatch, stall
):
    stage = Stage(monkeypatch)
    stage.play(1)
    events = [(number / RATE, stage.picture) for number in range(8 * RATE)]
    late = [(at if not 1 <= at < 1 + stall else 1 + stall, what) for at, what in events]
    burst = [(1.1 + stall + number / 1000, stage.picture) for number in range(4)]
    start = stage.now
    sent = stage.play(8, [*late, *burst])
    assert max(at - frame.time for at, frame in sent if at > start + 4) == 0


@pytest.mark.parametrize("rate", rest_slow([61, 90, 120, 240, 1000], quick=2))
def test_of_more_pictures_than_the_output_rate_the_newest_are_sent_and_the_rest_counted(
    monkeypatch, rate
):
    stage = Stage(monkeypatch)
    stage.play(1)
    sent = stage.play(10, [(number / rate, stage.picture) for number in range(10 * rate)])
    new = numbers(sent)
    assert 10 * RATE <= len(sent) <= 10 * RATE * Tokens.SURPLUS + 2
    assert new == sorted(set(new))
    assert stage.clock.dropped == 10 * rate - len(sent)
    assert max(at - frame.time for at, frame in sent) < 1 / RATE, "none waits behind another"


@pytest.mark.parametrize("rate", [3, 24, 29.97, 50, 59.94])
def test_at_any_lower_rate_every_picture_is_sent_at_once(monkeypatch, rate):
    stage = Stage(monkeypatch)
    sent = stage.play(
        10, [(0.01 + number / rate, stage.picture) for number in range(int(9 * rate))]
    )
    new = [(at, frame) for at, frame in sent if frame.time == at]
    assert numbers(new) == [*range(1, int(9 * rate) + 1)]


@pytest.mark.parametrize(("keeps_last", "times"), [(True, 40), (False, 0)])
def test_a_held_picture_is_sent_four_times_a_second_where_it_is_kept(
    monkeypatch, keeps_last, times
):
    stage = Stage(monkeypatch, keeps_last)
    stage.play(1, [(0.5, stage.picture)])
    sent = stage.play(10)
    assert abs(len(sent) - times) <= 1
    assert len({frame.index for _, frame in sent}) <= 1
    assert stage.clock._tokens.ahead(stage.now) == 0, "that costs no token"


@pytest.mark.parametrize("input_too", [False, True])
@pytest.mark.parametrize("fade", [0.0, 0.25, 2.0])
def test_a_fade_to_black_takes_its_time_in_even_steps(monkeypatch, fade, input_too):
    stage = Stage(monkeypatch, black_fade=fade)
    stage.play(1, [(0.5, stage.picture)])
    events = [(0.1, lambda: stage.values.update(black=True))]
    if input_too:
        events += [(number / 30, stage.picture) for number in range(int(30 * (fade + 1)))]
    start = stage.now + 0.1
    sent = stage.play(fade + 1, events)
    black = next(at for at, frame in sent if not frame.image[..., :3].any())
    assert fade - 0.02 <= black - start <= fade + 0.02
    fading = [at for at, frame in sent if start <= at <= black]
    assert all(b - a < 1.5 / RATE for a, b in itertools.pairwise(fading))
    assert len(fading) <= RATE * fade + 3


@pytest.mark.parametrize("fade", [0.0, 0.25])
def test_a_frozen_picture_comes_back_from_black_as_a_new_frame(monkeypatch, fade):
    stage = Stage(monkeypatch, keeps_last=False, black_fade=fade)
    before = stage.play(1, [(0.5, stage.picture)])[-1][1]
    black = stage.play(1, [(0, lambda: stage.values.update(black=True, freeze=True))])[-1][1]
    assert not black.image[..., :3].any()
    assert (stage.clock.generated == before.image).all()
    after = stage.play(1, [(0, lambda: stage.values.update(black=False))])[-1][1]
    assert (after.image == before.image).all()
    assert after.index > black.index


def test_what_was_decided_is_decided_again_the_moment_the_patience_ends(monkeypatch):
    stage = Stage(monkeypatch, on_loss="passthrough", hold_s=1.0)
    stage.newest_input = Frame(INPUT, stage.now, 1)
    stage.play(0.5, [(0.1, stage.picture)])
    index = stage.sent[-1][1].index
    made = next(at for at, frame in stage.sent if frame.index == index)
    stage.play(3)
    other = next(at for at, frame in stage.sent if frame.index > index)
    assert other == pytest.approx(made + 1.0, abs=0.001)
    assert np.array_equal(stage.sent[-1][1].image, INPUT)


@pytest.mark.parametrize(
    ("values", "stirs"),
    [({}, False), ({"mix": 0.5}, True), ({"bypass": True}, True),
     ({"bypass": True, "freeze": True}, False)],
)  # fmt: skip
def test_the_input_wakes_the_clock_only_while_it_is_shown(monkeypatch, values, stirs):
    stage = Stage(monkeypatch, **values)
    stage.newest_input = Frame(INPUT, stage.now, 1)
    stage.play(1, [(0.5, stage.picture)])
    stage.clock._news.clear()
    stage.clock.input_came()
    assert stage.clock._news.is_set() is stirs


def test_an_outbox_knows_since_when_the_sink_lacks_what_was_composed(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("bridge.playout.outbox.perf_counter", lambda: now[0])
    box, image = Outbox(), INPUT

    def put(at: float, index: int) -> None:
        now[0] = at
        box.put(Frame(image, at, index))

    def send(at: float, until: float) -> float:
        now[0] = at
        (frame,) = box.fetch()
        now[0] = until
        return box.sent(frame)

    put(1.0, 1)
    assert send(1.0, 1.25) == 0.25
    put(2.0, 1)
    assert send(2.5, 3.0) == 0, "held: the sink had it"
    put(4.0, 2)
    put(4.5, 3)
    assert send(4.5, 5.0) == 1.0, "since the first that it lacked"
    put(6.0, 4)
    now[0] = 6.5
    box.fetch()  # it fails
    put(7.0, 4)
    assert send(7.0, 7.5) == 1.5, "a failure owes it still"


@pytest.mark.slow
def test_a_message_that_never_comes_delays_a_picture_by_a_quarter_second(tmp_path):
    with running_session(tmp_path, on_arrival=True, load={"frames": 1}, pipeline="painter") as rig:
        stop = rig.steady_input(30)
        rig.running()
        rig.session._host.arrived = lambda: None
        rig.until(lambda: rig.session.counters.shown_rate.value < 10)
        shown = rig.session.counters.shown["new"]
        rig.until(lambda: rig.session.counters.shown["new"] > shown + 4)
        assert rig.session.counters.shown_rate.value > 0
        rig.session._host.arrived = rig.session._clock.stir
        rig.until(lambda: rig.session.counters.shown_rate.value > 15)
        stop()


@pytest.mark.slow
def test_a_still_input_is_sent_rarely_and_the_next_picture_at_once(tmp_path):
    with running_session(tmp_path, on_arrival=True, pipeline="passthrough") as rig:
        rig.put(scene(64, 48, 1))
        rig.wait(lambda frame: np.array_equal(frame.image, scene(64, 48, 1)))
        time.sleep(0.3)
        first = len(rig.place.seen)
        time.sleep(1.0)
        assert 0 < len(rig.place.seen) - first <= 1.0 / HELD * 3, "not 60"
        rig.put(scene(64, 48, 2))
        rig.wait(lambda frame: np.array_equal(frame.image, scene(64, 48, 2)))
        rig.session.store.update({"black": True, "black_fade": 0.0})
        rig.wait(lambda frame: not frame.image[..., :3].any())


def test_a_card_that_says_something_else_is_a_new_frame(monkeypatch):
    stage = Stage(monkeypatch)
    first = stage.play(1)
    stage._card = np.full((48, 64, 4), 11, np.uint8)
    second = stage.play(1)
    assert len({frame.index for _, frame in first}) == 1
    assert {frame.index for _, frame in second} == {first[0][1].index + 1}


@pytest.mark.slow
@pytest.mark.parametrize("keeps", rest_slow([True, False]))
def test_a_slow_sink_is_told_in_the_longest_gap_and_a_rare_picture_is_not(tmp_path, keeps):
    with running_session(tmp_path, on_arrival=True, pipeline="passthrough") as rig:
        rig.place.keeps_last = keeps
        rig.put(scene(64, 48, 1))
        rig.wait(lambda frame: np.array_equal(frame.image, scene(64, 48, 1)))
        rig.session.counters.longest_gap = 0.0
        time.sleep(1.0)
        assert rig.session.counters.longest_gap < 0.75, "nothing was composed"
        with rig.place.changed:  # the sink's thread waits for it
            rig.put(scene(64, 48, 2))
            time.sleep(1.0)
        rig.until(lambda: rig.session.counters.longest_gap > 0.9)


@pytest.mark.slow
@pytest.mark.parametrize("keeps", rest_slow([True, False]))
@pytest.mark.parametrize("beat", [False, True])
def test_a_sink_that_is_missing_counts_while_it_is_with_a_still_input_too(tmp_path, keeps, beat):
    with running_session(tmp_path, on_arrival=True, pipeline="passthrough") as rig:
        rig.place.keeps_last, rig.place.needs_beat = keeps, beat
        rig.put(scene(64, 48, 1))
        rig.wait(lambda frame: np.array_equal(frame.image, scene(64, 48, 1)))
        assert rig.session.status().reason == ""
        rig.session.counters.longest_gap = 0.0
        rig.place.sink_breaks = [OSError("gone")] * 100  # one a second
        if not keeps and not beat:  # nothing else is sent to it
            rig.put(scene(64, 48, 2))
        rig.until(lambda: rig.session.status().longest_gap > 1200)
        rig.until(
            lambda: rig.session.status().reason == f"No frame reaches the sink memory:{rig.name}."
        )
        assert rig.session.status().state == "RUNNING"
        rig.place.sink_breaks.clear()
        rig.put(scene(64, 48, 3))
        rig.until(lambda: rig.session.status().reason == "")
        assert rig.session.status().longest_gap > 1200


@pytest.mark.slow
def test_latency_includes_the_write_and_held_frames_are_not_in_it(tmp_path):
    with running_session(tmp_path, on_arrival=True, pipeline="passthrough") as rig:
        latency = rig.session.counters.latency
        rig.put(scene(64, 48, 1))
        rig.wait(lambda frame: np.array_equal(frame.image, scene(64, 48, 1)))
        rig.until(lambda: latency.at(0.5)[0] > 0)
        rig.session.store.update({"black": True})  # other images of the same frame
        time.sleep(1.0)
        assert latency.at(1.0)[0] < 0.9, "a held frame is no later for that"
        rig.session.store.update({"black": False})
        with rig.place.changed:  # the sink's thread waits for it
            rig.put(scene(64, 48, 2))
            time.sleep(1.0)
        rig.until(lambda: latency.at(1.0)[0] >= 1.0)


def comes(stage: Stage, level: int = 120) -> None:
    """The input's next frame."""
    index = stage.newest_input.index + 1 if stage.newest_input else 1
    image = np.full((48, 64, 4), (level, level, level, 255), np.uint8)
    stage.newest_input = Frame(image, stage.now, index)
    stage.clock.input_came()


@pytest.mark.parametrize("bypass", [{"bypass": True}, {"mix": 0.0}])
def test_in_bypass_each_frame_of_the_input_is_sent_once_whatever_the_engine_makes(
    monkeypatch, bypass
):
    stage = Stage(monkeypatch, keeps_last=False, **bypass)
    comes(stage)
    stage.play(1, [(0.5, stage.picture)])
    inputs = [(0.1 + number / 50, lambda: comes(stage)) for number in range(500)]
    pictures = [(0.105 + number / 17, stage.picture) for number in range(170)]
    sent = stage.play(11, inputs + pictures)
    assert len(sent) == 500
    assert all(frame.time == at for at, frame in sent), "when it was received"
    assert all(frame.image[0, 0, 0] == 120 for _, frame in sent)


@pytest.mark.parametrize("pause", [0.0, 0.05, 0.4, 5.0])
def test_after_a_bypass_the_input_stays_until_a_new_picture_fades_in(monkeypatch, pause):
    stage = Stage(monkeypatch)
    comes(stage)
    stage.play(1, [(0.5, stage.picture)])
    stage.play(60, [(0.0, lambda: stage.values.update(bypass=True))])
    made = stage.now + 0.1 + pause
    sent = stage.play(
        pause + 2,
        [(0.1, lambda: stage.values.update(bypass=False))]
        + [(0.1 + pause + number / 20, stage.picture) for number in range(30)],
    )
    levels = [int(frame.image[9, 9, 0]) for _, frame in sent]
    assert levels == sorted(levels)
    assert {level for (at, _), level in zip(sent, levels, strict=True) if at < made} <= {120}
    full = next(at for (at, _), level in zip(sent, levels, strict=True) if level == 255)
    assert 0.25 < full - made < 0.35
    assert len({level for level in levels if 120 < level < 255}) > 10, "even steps"


@pytest.mark.parametrize("instead", ["fallback", "card"])
def test_after_a_bypass_what_stands_in_for_a_dead_engine_is_shown(monkeypatch, instead):
    stage = Stage(monkeypatch, hold_s=0.5, on_loss="card" if instead == "card" else "hold")
    comes(stage)
    stage.play(1, [(0.5, stage.picture)])
    stage.other = (1, np.full((48, 64, 4), 200, np.uint8)) if instead == "fallback" else None
    stage.play(5, [(0.0, lambda: stage.values.update(bypass=True)), (1.0, lambda: comes(stage))])
    sent = stage.play(5, [(0.0, lambda: stage.values.update(bypass=False))])
    assert abs(int(sent[0][1].image[9, 9, 0]) - 120) < 10, "a crossfade"
    assert sent[-1][1].image[9, 9, 0] == (200 if instead == "fallback" else 9)


@pytest.mark.parametrize("control", ["mix", "black", "bypass", "hold_s"])
def test_a_storm_of_controls_sends_no_more_than_the_rate_and_ends_with_the_last_value(
    monkeypatch, control
):
    stage, chance = Stage(monkeypatch, keeps_last=False, black_fade=0.0), random.Random(5)
    comes(stage)
    stage.play(1, [(0.5, stage.picture)])
    kind = type(stage.values[control])

    def moves() -> None:
        stage.values[control] = kind(round(chance.random(), 3) > 0.5) if kind is bool else (
            kind(chance.random()))  # fmt: skip

    end = {"mix": 1.0, "black": True, "bypass": True, "hold_s": 1.0}
    storm = [(number / 1000, moves) for number in range(3000)]
    sent = stage.play(4, [*storm, (3.0, lambda: stage.values.update({control: end[control]}))])
    assert len(sent) <= 3 * RATE * Tokens.SURPLUS + 3
    shown = {"mix": 255, "black": 0, "bypass": 120, "hold_s": 255}
    assert stage.sent[-1][1].image[9, 9, 0] == shown[control]


def test_a_sink_that_needs_a_beat_gets_held_frames_at_the_rate(tmp_path):
    with running_session(tmp_path, pipeline="passthrough") as rig:
        rig.put(scene(64, 48, 1))
        rig.wait(lambda frame: np.array_equal(frame.image, scene(64, 48, 1)))
        first, index = len(rig.place.seen), rig.place.seen[-1].frame.index
        rig.until(lambda: len(rig.place.seen) >= first + 40)
        assert {seen.frame.index for seen in rig.place.seen[first:]} == {index}
        assert rig.session.counters.output_rate.value > 6, "not four a second"


@pytest.mark.slow
def test_a_faster_input_is_sent_at_the_output_rate_by_a_whole_session(tmp_path):
    chosen = {"pipeline": "passthrough", "output_fps": 10}
    with running_session(tmp_path, on_arrival=True, **chosen) as rig:
        stop = rig.steady_input(100)
        rig.running()
        rig.until(lambda: rig.place.seen)
        first = rig.place.seen[-1]
        rig.until(lambda: rig.place.seen[-1].frame.index >= first.frame.index + 12)
        last = rig.place.seen[-1]
        stop()
        most = 10 * (last.time - first.time) + 3
        assert last.frame.index - first.frame.index <= most
        assert rig.session.status().dropped_output > 0


def test_only_a_value_that_changes_the_picture_wakes_the_clock(tmp_path):
    session = Session(Settings(folder=tmp_path, pipeline="passthrough"), Catalog(BUILT_IN))
    session.store.listen(session._changed)
    news = session._clock._news
    for values in ({"hold_s": 1.0}, {"max_fps": 9.0}, {"black_fade": 2.0}, {"vace_scale": 0.3}):
        session.store.update(values)
        assert not news.is_set(), values
    for values in ({"mix": 0.5}, {"black": True}, {"on_loss": "card"}, {"delay": 50.0}):
        session.store.update(values)
        assert news.is_set(), values
        news.clear()
