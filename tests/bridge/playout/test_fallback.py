"""The fallback: when it begins, what it shows, and when it ends."""

import time
from dataclasses import dataclass, field

import cv2
import numpy as np
import psutil
import pytest

import bridge.transports
from bridge.frames.frame import Frame
from bridge.playout.fallback import Clip
from bridge.playout.output import OutputClock
from bridge.settings import Settings
from bridge.state.controls import OutputParameters
from bridge.state.status import Counters
from bridge.transports import Options
from bridge.workers.client import Block
from engine.ipc.ring import Slot
from engine.parameters import describe
from tests.bridge.test_session import longest_gap, no_black
from tests.support import balky
from tests.support.bridge import refused_here
from tests.support.rig import running_session, scene

PERIOD = 1 / 50
PICTURE, INPUT, OTHER = (
    np.full((48, 64, 4), (level, level, level, 255), np.uint8) for level in (40, 120, 200)
)


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


class Stage:
    """An output clock between an engine, an input and a fallback that the test plays."""

    def __init__(self, **values) -> None:
        self.now, self.ring, self.block = 1e6, Ring(), Block()
        self.link, self.newest_input = self, None
        self.stuck = self.invents = False
        self.has = True
        self.asked: list[bool] = []
        self.counters = Counters()
        self.values = {spec.name: spec.default for spec in describe(OutputParameters)} | values
        self.clock = OutputClock(Settings(output_size="64x48"), self.counters, self)
        self.tick()
        self.picture()

    def card(self, width, height):
        return np.full((height, width, 4), 9, np.uint8)

    def fallback(self, needed, now):
        self.asked.append(needed)
        return (1, OTHER) if needed and self.has else None

    def tick(self):
        self.now += PERIOD
        return self.clock.tick(self.now, PERIOD)

    def picture(self, of=None):
        """The engine makes a picture of an input."""
        self.ring.made.append(Slot(1, 1, of.time if of else self.now, 0, PICTURE))
        return self.tick()

    def comes(self):
        self.newest_input = Frame(INPUT, self.now, 1)
        return self.newest_input

    def play(self, seconds, **also) -> set[str]:
        """What is shown in that time, with an input that moves or as it is."""
        seen = set()
        for _ in range(round(seconds / PERIOD)):
            if also.get("moves"):
                self.comes()
            self.last = self.tick()
            seen.add(str(self.counters.last_shown))
        return seen


def test_an_engine_that_owes_a_picture_is_stood_in_for_until_it_gives_one():
    stage = Stage()
    assert stage.play(2.9, moves=True) == {"hold"}
    assert stage.play(0.5, moves=True) == {"hold", "fallback"}
    assert stage.play(1.0, moves=True) == {"fallback"}
    assert np.array_equal(stage.last.image, OTHER), "wholly there after the cross-fade"
    half = stage.picture(stage.newest_input)
    assert str(stage.counters.last_shown) == "new"
    assert 40 < half.image[0, 0, 0] < 200, "it fades out again"
    assert stage.play(0.5) == {"hold"}
    assert np.array_equal(stage.last.image, PICTURE)


def test_a_still_or_a_lost_input_alone_never_starts_it():
    stage = Stage()
    stage.picture(stage.comes())
    assert stage.play(60) == {"hold"}
    assert not any(stage.asked)


def test_one_input_after_a_long_pause_is_owed_from_then_on():
    stage = Stage()
    stage.picture(stage.comes())
    stage.play(60)
    stage.comes()
    assert stage.play(2.9) == {"hold"}
    assert "fallback" in stage.play(0.5)


@pytest.mark.parametrize(("choice", "shown"), [("passthrough", "pass"), ("card", "card")])
def test_it_takes_the_place_of_hold_only(choice, shown):
    stage = Stage(on_loss=choice)
    assert stage.play(5, moves=True) == {"hold", shown}
    assert not any(stage.asked)


def test_text_mode_owes_without_an_input_and_a_breaker_at_once():
    stage = Stage()
    stage.invents = True
    assert "fallback" in stage.play(3.5)
    stage = Stage()
    stage.stuck = True
    assert stage.play(0.1) == {"fallback"}


def test_it_waits_as_long_as_blocks_and_the_cap_are_slow():
    stage = Stage()
    stage.block.end(1, 4.0)
    assert stage.play(7.9, moves=True) == {"hold"}
    assert "fallback" in stage.play(0.5, moves=True)
    stage = Stage(max_fps=0.2)
    assert stage.play(9.9, moves=True) == {"hold"}
    assert "fallback" in stage.play(0.5, moves=True)


def test_until_it_has_a_picture_the_last_one_is_held():
    stage = Stage()
    stage.has = False
    assert stage.play(6, moves=True) == {"hold"}
    assert np.array_equal(stage.last.image, PICTURE)


def test_a_machine_that_slept_owes_nothing_for_that_time():
    stage = Stage()
    stage.play(1, moves=True)
    stage.now += 3600
    assert stage.play(2.9, moves=True) == {"hold"}


def test_bypass_needs_none():
    stage = Stage(bypass=True)
    stage.play(6, moves=True)
    assert not any(stage.asked)


@pytest.mark.slow
@pytest.mark.parametrize("fallback", ["passthrough", "file"])
def test_a_hang_is_bridged_by_the_fallback_and_ends_it(tmp_path, fallback):
    cv2.imwrite(str(tmp_path / "clip.png"), np.full((48, 64, 3), 222, np.uint8))
    named = f"file:{tmp_path / 'clip.png'}" if fallback == "file" else fallback
    chosen = {"pipeline": "painter", "hang_s": 2, "fallback": named}
    with running_session(tmp_path, load={"frames": 1}, **chosen) as rig:
        stop = rig.steady_input()
        rig.running()
        rig.session.store.update({"hold_s": 0.5, "trouble": "hang"})
        rig.until(lambda: rig.session.status().shown == "fallback")
        assert f"the fallback {named} is shown" in rig.session.status().error
        rig.session.store.update({"trouble": ""})
        if fallback == "file":
            rig.wait(lambda frame: (frame.image[..., :3] == 222).all())
        if fallback == "passthrough":
            image = scene(64, 48, 3)
            rig.wait(lambda frame: np.array_equal(frame.image, image))
        rig.until(lambda: rig.session.status().restarts == 1)
        rig.until(lambda: rig.session.status().shown == "new")
        shown = rig.session.status().frames_fallback
        assert shown > 0
        time.sleep(0.5)
        assert rig.session.status().frames_fallback == shown, "it left by itself"
        stop()
        assert no_black(rig)
        assert longest_gap(rig) < 0.5


@pytest.mark.slow
def test_a_fallback_that_dies_is_started_again_and_ends_with_the_need(tmp_path, monkeypatch):
    monkeypatch.setattr("bridge.workers.breaker.BACKOFF", (0.0, 0.05, 0.05))
    monkeypatch.setattr("bridge.workers.host.SPARE_RETRY", 0.2)
    monkeypatch.setattr("bridge.playout.fallback.LINGER", 0.5)
    chosen = {"pipeline": "painter", "settle_s": 60, "fallback": "relay"}
    with running_session(tmp_path, load={"frames": 1}, **chosen) as rig:
        stop = rig.steady_input()
        rig.running()
        host = rig.session._host
        assert host.spare is None, "it takes no memory while it is not needed"
        for _ in range(3):
            rig.running()
            rig.crash()
            rig.until(lambda: rig.session.status().state != "RUNNING")
        rig.until(lambda: rig.session.status().state == "FAILED")
        rig.until(lambda: rig.session.status().shown == "fallback")
        first = host.spare
        psutil.Process(first.pid).kill()
        rig.until(lambda: host.spare and host.spare is not first)
        rig.until(lambda: rig.session.status().shown == "fallback")
        rig.session.actions["reload"].run()
        rig.running()
        rig.until(lambda: rig.session.status().shown == "new")
        rig.until(lambda: host.spare is None)
        stop()
        assert rig.session.status().error == "" or "killed" in rig.session.status().error
        assert no_black(rig)


def test_a_clip_that_takes_long_to_open_says_so_at_the_start(monkeypatch, caplog):
    monkeypatch.setitem(bridge.transports.BUILT_IN, "balky", "tests.support.balky")
    monkeypatch.setattr("bridge.playout.fallback.TELL", 0.05)
    monkeypatch.setattr("bridge.playout.fallback.DEADLINE", 0.2)
    place = balky.places["clip"] = balky.Place()
    place.keep("open")
    try:
        Clip("balky:clip", Options(), lambda image: image).check()
    finally:
        place.let_go()
        place.until("close")
        del balky.places["clip"]
    waits, then = caplog.messages
    assert waits == "the fallback balky:clip is slow to open; waiting up to 0.2 s"
    assert then == "the fallback balky:clip has not opened; retrying when it is needed"


def test_a_fallback_that_cannot_be_is_refused_at_the_start(tmp_path, monkeypatch, capsys):
    (tmp_path / "text.mp4").write_text("no film")
    base = ("run", "--port", "0", "--folder", str(tmp_path), "--source", "pattern:",
            "--sink", "null:", "--fallback")  # fmt: skip
    for fallback, words in (
        ("nonsense", "unknown 'nonsense'"),
        (f"file:{tmp_path / 'none.mp4'}", "File not found"),
        (f"file:{tmp_path / 'text.mp4'}", "cannot be played"),
        ("longlive", "longlive"),
    ):
        status, text = refused_here(monkeypatch, capsys, *base, fallback)
        assert status != 0
        assert words in text, text
        assert "Traceback" not in text
