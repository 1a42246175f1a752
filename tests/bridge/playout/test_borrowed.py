"""Frames that the output takes from a worker's ring in place: shown whole, and never changed."""

import numpy as np
import pytest

from bridge.playout.output import OutputClock
from bridge.settings import Settings
from bridge.state.controls import OutputParameters
from bridge.state.status import Counters
from bridge.workers.client import Block
from engine.ipc.ring import RingReader, RingWriter
from engine.parameters import describe

SLOTS = 4


class Stage:
    """An output clock and a worker's real ring; frames of one grey each."""

    invents = stuck = False
    newest_input = None

    def __init__(self, size: tuple[int, int]) -> None:
        self.writer = RingWriter("test-borrowed", *size, SLOTS)
        self.ring, self.block, self.link = RingReader("test-borrowed"), Block(), self
        self.values = {spec.name: spec.default for spec in describe(OutputParameters)}
        self.counters, self.now, self.made = Counters(), 1e6, 0
        self.clock = OutputClock(Settings(output_size="64x48"), self.counters, self)

    def card(self, width, height):
        return np.full((height, width, 4), 9, np.uint8)

    def fallback(self, needed, now):
        return None

    def tick(self):
        self.now += 1 / 60
        return self.clock.tick(self.now, 1 / 60)

    def make(self) -> int:
        self.made += 1
        shape = self.writer.height, self.writer.width, 4
        image = np.full(shape, self.made + 40, np.uint8)
        image[..., 3] = 255
        self.writer.write(image, self.now, self.made)
        return self.made + 40


@pytest.fixture(params=[(64, 48), (32, 24), (100, 75)])
def stage(request):
    stage = Stage(request.param)
    yield stage
    stage.writer.unlink()
    stage.writer.close()
    stage.ring.close()


def test_what_was_sent_stays_as_it_was_while_the_ring_goes_round(stage):
    sent = []
    for _ in range(5 * SLOTS):
        grey = stage.make()
        sent.append((stage.tick(), grey))
        sent.append((stage.tick(), grey))  # held
    for frame, grey in sent:
        assert np.unique(frame.image[..., :3]).tolist() == [grey]
        assert (frame.image[..., 3] == 255).all()
    assert stage.clock.dropped == 0


def test_a_frame_that_is_written_over_while_it_is_read_is_not_shown(stage, monkeypatch):
    grey = stage.make()
    shown = stage.tick()
    fit = stage.clock._canvas.fit

    def slow(image, **how):
        for _ in range(SLOTS):  # meanwhile the worker comes round
            stage.make()
        return fit(image, **how)

    stage.make()
    with monkeypatch.context() as patch:
        patch.setattr(stage.clock._canvas, "fit", slow)
        held = stage.tick()
    assert held.index == shown.index
    assert np.unique(held.image[..., :3]).tolist() == [grey]
    assert str(stage.counters.last_shown) == "hold"
    assert stage.clock.dropped == 1
    for _ in range(60):
        later = stage.tick()
    assert np.unique(later.image[..., :3]).tolist() == [stage.made + 40], "the next ones are shown"
