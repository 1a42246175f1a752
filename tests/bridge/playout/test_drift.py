"""Drift: what counts as it, what does not, and that the stream recovers; in virtual time."""

from types import MappingProxyType

import cv2
import numpy as np
import pytest

from bridge.frames.frame import Frame
from bridge.playout import drift
from bridge.playout.drift import FIRST, KNOWN, PAUSE, RECENT, TRIES, Drift, figures
from bridge.state.change import UNSAID, Change, Snapshot
from bridge.state.controls import OutputParameters
from bridge.state.status import OutputSource
from tests.support.blurring import CATALOG
from tests.support.rig import running_session

NOISE = np.random.default_rng(1).integers(0, 256, (48, 64, 4), np.uint8)
NOISE[..., 3] = 255
LIMIT = 2.0


def image(blur: float = 0.0, light: float = 1.0, pale: float = 0.0):
    made = NOISE.astype(np.float32)
    if blur:
        made = cv2.GaussianBlur(made, (0, 0), blur)
    made[..., :3] = made[..., :3] * (1 - pale) + made[..., :3].mean(axis=2, keepdims=True) * pale
    return np.clip(made * light, 0, 255).astype(np.uint8)


class Stage:
    """A stream whose images the test makes, one a second."""

    def __init__(self, limit: float = LIMIT) -> None:
        self.resets, self.now, self.number = [], 0.0, 0
        self.values = {name: field.default for name, field in OutputParameters.model_fields.items()}
        self.shown, self.scene = OutputSource.NEW, "longlive"
        self.drift = Drift(
            limit, lambda: (self.shown, self.frame), lambda: self.values, lambda: self.scene,
            lambda: self.resets.append(self.now),
        )  # fmt: skip

    def play(self, seconds: float, picture=None, **made) -> None:
        for _ in range(round(seconds)):
            self.now, self.number = self.now + 1, self.number + 1
            again = image(**made) if picture is None else picture(self.now)
            self.frame = Frame(again, self.now, self.number)
            self.drift.look(self.now)

    def change(self, **values) -> None:
        self.values |= values
        changed = MappingProxyType(values)
        self.drift.changed(Change(Snapshot(2, MappingProxyType(self.values)), changed, UNSAID))


@pytest.mark.slow
@pytest.mark.parametrize(("odd", "name"), [
    ({"blur": 1.5}, "sharpness"), ({"light": 0.6}, "brightness"), ({"pale": 0.8}, "saturation"),
])  # fmt: skip
def test_what_drifts_is_reset_once_a_minute_and_after_three_times_it_is_the_look(odd, name):
    stage = Stage()
    stage.play(KNOWN + RECENT)
    state = stage.drift.state()
    assert state["sharpness"] == state["brightness"] == state["saturation"] == 1
    assert (state["drift"], stage.resets) == (0, [])
    stage.play(RECENT, **odd)
    assert len(stage.resets) == 1
    state = stage.drift.state()
    assert "standard deviations away" in state["reanchored"]
    assert state["reanchors"] == 1
    stage.play(RECENT, **odd)
    assert stage.drift.state()[name] < 0.7
    stage.play((TRIES + 2) * PAUSE, **odd)
    assert len(stage.resets) == TRIES
    assert all(b - a >= PAUSE for a, b in zip(stage.resets, stage.resets[1:], strict=False))
    stage.play(KNOWN + FIRST, **odd)
    assert len(stage.resets) == TRIES


@pytest.mark.slow
def test_what_recovers_is_watched_on_against_the_same_first_minute():
    stage = Stage()
    stage.play(KNOWN + RECENT)
    for time in range(1, 6):
        stage.play(RECENT, blur=1.5)
        assert len(stage.resets) == time
        stage.play(2 * PAUSE)
        assert stage.drift.state()["drift"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("cut", ["prompt", "mix", "scene", "limit", "early", "usual", "card"])
def test_what_is_no_drift_resets_nothing(cut):
    """A change by someone, no limit, too soon to know, scenes that always differed, no image."""
    stage = Stage(0.0 if cut == "limit" else LIMIT)
    scenes = (lambda now: image(blur=now // 30 % 2)) if cut == "usual" else None
    stage.play(KNOWN / 2 if cut == "early" else KNOWN + RECENT, scenes)
    if cut == "prompt":
        stage.change(prompt="fog")
    elif cut == "mix":
        stage.change(mix=0.5)
    elif cut == "scene":
        stage.scene = "krea"
    elif cut == "card":
        stage.shown = OutputSource.CARD
    stage.play(KNOWN / 2 - RECENT, blur=0.9 if cut == "usual" else 1.5)
    assert stage.resets == []
    if cut == "limit":
        assert stage.drift.state()["drift"] > LIMIT, "told all the same"


def test_a_parameter_that_shows_nothing_begins_nothing_again():
    stage = Stage()
    stage.change(hold_s=4.0)
    assert not stage.drift._cut
    stage.change(black=True)
    assert stage.drift._cut


def test_figures_are_of_a_small_copy():
    large = cv2.resize(NOISE, (1920, 1080), interpolation=cv2.INTER_NEAREST)
    sharp, bright, _ = figures(large)
    assert bright == pytest.approx(NOISE[..., :3].mean(), abs=4)
    assert sharp > 2 * figures(cv2.GaussianBlur(large, (0, 0), 20))[0]


@pytest.mark.slow
def test_a_pipeline_that_blurs_is_sharp_again(tmp_path, monkeypatch):
    for name, value in [("PERIOD", 0.02), ("SETTLING", 0.1), ("FIRST", 0.5), ("KNOWN", 1.0),
                        ("RECENT", 4), ("PAUSE", 1.0)]:  # fmt: skip
        monkeypatch.setattr(drift, name, value)
    own = {"pipeline": "blurring", "fallback": "card"}
    with running_session(tmp_path, CATALOG, **own) as rig:
        stop = rig.steady_input()
        rig.running("blurring")
        rig.until(lambda: rig.session.status().reanchors > 0)
        before = rig.session.status()
        assert "of its first minute" in before.reanchored
        rig.until(lambda: rig.session.status().notes["blocks"] < 20)
        rig.until(lambda: rig.session.status().sharpness > 0.5)
        assert rig.session.status().restarts == 0
        stop()
