"""When a worker's next frame is due, for a clock that sleeps until then."""

import os
import random
from types import SimpleNamespace

import numpy as np
import pytest

from bridge.playout.pickup import Pickup
from bridge.workers.client import Block
from engine.ipc.ring import RingReader, RingWriter


class Worker:
    """The frames of a worker: a ring of its own, and blocks that end when the test says so."""

    def __init__(self, frames):
        self.frames, self.block = frames, Block()
        name = f"test-pickup-{os.getpid()}"
        self.writer = RingWriter(name, 4, 4, 2 * frames + 2)
        self.ring = RingReader(name)
        self.writer.unlink()

    def make(self, at):
        """A block ends."""
        block = self.block
        for _ in range(self.frames):
            self.writer.write(np.zeros((4, 4, 4), np.uint8), at, self.writer.head)
        if block.made:
            block.intervals.append(at - block.ended)
        block.made, block.ended, block.frames = block.made + 1, at, self.frames

    def close(self):
        self.ring.close()
        self.writer.close()


@pytest.fixture
def worker(request):
    made = Worker(request.param)
    yield made
    made.close()


@pytest.mark.parametrize("worker", [2, 3, 12], indirect=True)
def test_a_frame_is_taken_when_it_is_due_and_not_before(worker):
    rng, pickup, now = random.Random(1), Pickup(), 1.0
    shown = 0
    for _ in range(30):
        worker.make(now)
        end = now + rng.uniform(0.2, 0.9)
        while (due := pickup.next_due(worker, now)) is not None and due < end:
            assert due >= now
            if due - now > 1e-6:
                assert pickup.take(worker, due - 1e-7) is None
            assert pickup.take(worker, due) is not None
            now, shown = due, shown + 1
        now = end
    assert shown + pickup.dropped + worker.ring.waiting == 30 * worker.frames
    assert shown > 20 * worker.frames


@pytest.mark.parametrize("worker", [1], indirect=True)
def test_a_block_of_one_is_due_at_once(worker):
    pickup = Pickup()
    for now in range(9):
        assert pickup.next_due(worker, now) is None
        worker.make(now)
        assert pickup.next_due(worker, now) == now
        assert pickup.take(worker, now) is not None


def test_nothing_is_due_where_there_is_no_worker_or_no_ring():
    assert Pickup().next_due(None, 1.0) is None
    assert Pickup().next_due(SimpleNamespace(ring=None), 1.0) is None
