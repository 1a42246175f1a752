"""Tempo: by hand, by taps, by a MIDI clock with jitter; and what waits for the beat."""

import random
import threading
import time
from time import perf_counter

import pytest

from bridge.show.tempo import BAR, PULSES, Beats, Tempo
from bridge.state.actions import ActionError
from bridge.state.controls import OutputParameters
from bridge.state.store import ParameterStore
from engine.parameters import describe

LONG = 20.0  # seconds against hanging


def beats(tempo):
    return tempo._line


@pytest.fixture
def store():
    return ParameterStore(describe(OutputParameters))


def tempo_of(store, ahead=0.0, bpm=120.0):
    store.update({"tempo": bpm})
    return Tempo(store, lambda: ahead)


@pytest.mark.slow
@pytest.mark.parametrize("bpm", [20, 63.5, 120, 174, 300])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_clock_with_jitter_gives_its_tempo_and_its_beat(store, bpm, seed):
    rng, tempo, begin = random.Random(seed), tempo_of(store), perf_counter()
    period = 60 / bpm / PULSES
    tempo.clock_starts("clock", begin)
    for count in range(round(12 / period)):
        now = begin + count * period + rng.uniform(-0.005, 0.005)
        tempo.clock("clock", now)
        if count * period > 4:
            assert beats(tempo).bpm == pytest.approx(bpm, abs=0.5)
            off = beats(tempo).place(begin + count * period) - count / PULSES
            assert abs(off) * 60 / bpm < 0.006  # seconds
    assert store.snapshot.values["tempo"] == 120  # what the performer set stays


def test_a_lost_clock_holds_and_one_that_returns_is_followed(store):
    tempo, begin = tempo_of(store), perf_counter() - 60
    for count in range(200):
        tempo.clock("clock", begin + count * 60 / 140 / PULSES)
    lost = begin + 199 * 60 / 140 / PULSES
    assert beats(tempo).bpm == pytest.approx(140)
    assert beats(tempo).place(lost + 60 / 140) - beats(tempo).place(lost) == pytest.approx(1)
    place = beats(tempo).place(lost + 10)
    for count in range(100):
        tempo.clock("clock", lost + 10 + count * 60 / 100 / PULSES)
    assert beats(tempo).bpm == pytest.approx(100)
    assert beats(tempo).place(lost + 10 + 60 / 100) == pytest.approx(place + 1, abs=0.05)
    tempo.clock("other", lost + 12)  # only one clock counts at a time
    assert tempo.told()["clock"] == ""  # that was long ago
    store.update({"tempo": 90})
    assert tempo.told()["bpm"] == 90


def test_a_stopped_song_holds_its_beat_and_goes_on_from_there(store):
    tempo, now = tempo_of(store), perf_counter() - 30
    period = 60 / 140 / PULSES

    def clocks(count):
        nonlocal now
        for _ in range(count):
            tempo.clock("clock", now := now + period)

    place = lambda: tempo._beats(now).place(now)  # noqa: E731
    tempo.clock_starts("clock", now)
    clocks(PULSES * 6 + 7)  # a beat of the second bar
    tempo.clock_stops("other", now)
    clocks(1)
    tempo.clock_stops("clock", now)
    stopped = 6 + 8 / PULSES
    clocks(PULSES * 3)  # many a clock runs on, and its tempo counts
    assert place() == stopped
    assert tempo._beats(now).bpm == pytest.approx(140)
    store.update({"quantise": "bar"})
    assert tempo.when(now) == now, "no beat comes, so nothing waits for one"
    now += 20  # and others fall silent
    tempo.clock_starts("clock", now, again=True)
    clocks(PULSES * 2 + 1)
    assert place() == pytest.approx(stopped + 2, abs=0.01)
    tempo.clock_stops("clock", now)
    tempo.clock_starts("clock", now)
    clocks(1)
    assert place() == pytest.approx(0, abs=0.05)
    tempo.clock_stops("clock", now)
    tempo.beat(3, now)  # a hand lets it go on
    assert tempo._beats(now + 1).place(now + 1) == pytest.approx(2 + 140 / 60)


def test_a_clock_that_changes_its_tempo_is_followed_within_two_beats(store):
    tempo, now = tempo_of(store), perf_counter()
    for bpm in (120, 160, 80):
        for count in range(PULSES * 8):
            tempo.clock("clock", now := now + 60 / bpm / PULSES)
            if count > PULSES * 2:
                assert beats(tempo).bpm == pytest.approx(bpm, rel=0.02)


def test_garbage_of_clocks_leaves_a_tempo_in_range(store):
    tempo, rng, now = tempo_of(store), random.Random(5), perf_counter()
    for _ in range(3000):
        now += rng.choice([0, 0, 1e-6, 0.02, 0.3, 5])
        tempo.clock(rng.choice("ab"), now)
        assert 20 <= beats(tempo).bpm <= 300


def test_taps_set_the_tempo_by_their_median_and_place_the_beat(store):
    tempo, now = tempo_of(store), perf_counter()
    for gap in (0, 0.5, 0.5, 0.9, 0.5):  # one tap is late
        tempo.tap(now := now + gap)
    assert store.snapshot.values["tempo"] == 120
    tempo.tap(now := now + 3)  # the first of another tempo
    assert store.snapshot.values["tempo"] == 120
    tempo.tap(now := now + 0.75)
    assert store.snapshot.values["tempo"] == 80
    assert beats(tempo).place(now) == pytest.approx(round(beats(tempo).place(now)))
    for gap in (0.01, 0.0, 0.0):
        tempo.tap(now := now + gap)
    assert 20 <= store.snapshot.values["tempo"] <= 300


def test_the_beat_keeps_its_place_when_the_tempo_changes(store):
    tempo = tempo_of(store)
    tempo.beat(3)
    before = tempo.told()["beat"]
    store.update({"tempo": 240})
    assert tempo.told()["beat"] - before < 1
    assert 3 <= before < 4
    assert Beats(5.0, 2.0, 60.0).time(7.0) == 10.0


@pytest.mark.slow
@pytest.mark.parametrize(("quantise", "every"), [("beat", 1), ("bar", BAR)])
def test_what_waits_is_due_ahead_of_the_beat_by_the_block_time(store, quantise, every):
    rng = random.Random(7)
    for _ in range(60):
        ahead, bpm = rng.uniform(0, 3), rng.uniform(20, 300)
        tempo = tempo_of(store, ahead, bpm)
        store.update({"quantise": quantise})
        now = perf_counter() + rng.uniform(0, 50)
        due = tempo.when(now)
        place = beats(tempo).place(due + ahead)
        assert due >= now
        assert place == pytest.approx(round(place / every) * every, abs=1e-4)
        assert place - beats(tempo).place(now + ahead) < every + 1e-6
    store.update({"quantise": "off"})
    assert tempo.when(now) == now


@pytest.mark.slow
def test_a_deed_waits_for_its_beat_and_a_later_one_replaces_it(store):
    tempo = tempo_of(store, 0.1, 240)
    done, came = [], threading.Event()

    def deed(name):
        done.append((name, beats(tempo).place(perf_counter() + 0.1)))
        came.set()

    tempo.on_beat("look", lambda: deed("at once"))
    assert [name for name, _ in done] == ["at once"]
    store.update({"quantise": "bar"})
    tempo.start()
    came.clear()
    tempo.beat(1)
    tempo.on_beat("look", lambda: deed("first"))
    tempo.on_beat("look", lambda: deed("second"))
    assert came.wait(LONG)
    assert [name for name, _ in done] == ["at once", "second"]
    assert (done[1][1] + 0.02) % BAR < 1  # its beat; a busy machine may be late
    tempo.on_beat("look 3", lambda: 1 / 0)
    assert tempo.told()["beat_waits"] == "look 3"
    end = perf_counter() + LONG
    while not tempo.trouble:
        assert perf_counter() < end
        time.sleep(0.01)
    tempo.stop()
    assert "division" in tempo.trouble


@pytest.mark.slow
def test_a_look_is_recalled_on_its_bar_and_an_unknown_one_refused_now(desk):
    show, store = desk.show, desk.store
    store.update({"mix": 0.5, "vace_scale": 1.5, "tempo": 300})
    show.save()
    store.update({"vace_scale": 0.0, "look_fade": 0, "quantise": "bar"})
    show.tempo.start()
    show.tempo.beat(1)
    with pytest.raises(ActionError, match="There is no look 7"):
        show.recall(7)
    show.recall(1)
    assert show.tempo.told()["beat_waits"] == "look 1"
    assert store.snapshot.values["vace_scale"] == 0
    end = perf_counter() + LONG
    while store.snapshot.values["vace_scale"] != 1.5:
        assert perf_counter() < end
        time.sleep(0.002)
    assert show.tempo.told()["beat_waits"] == ""
    show.stop()
