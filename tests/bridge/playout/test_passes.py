"""How often a frame's bytes are read or written on their way: counted, not timed."""

import sys
from itertools import count

import numpy as np
import pytest

from bridge.frames import canvas, pixels
from bridge.frames.frame import Frame
from bridge.frames.pixels import opaque
from bridge.playout.output import OutputClock
from bridge.settings import Settings
from bridge.state.controls import OutputParameters
from bridge.state.status import Counters
from bridge.transports import Options, open_sink, open_source
from bridge.workers.client import Block
from engine.images import scaling
from engine.ipc import public_ring, ring
from engine.ipc.ring import RingReader, RingWriter, Slot
from engine.parameters import describe

SIZE = WIDTH, HEIGHT = 320, 180
FRAME = WIDTH * HEIGHT * 4
NOTHING_MOVED = {"empty", "empty_like", "frombuffer", "may_share_memory"}
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="segments there are mapped")


class Counted:
    """A module or a function whose calls add up the bytes of the largest array each touches."""

    def __init__(self, of, add) -> None:
        self._of, self._add = of, add

    def __getattr__(self, name):
        found = getattr(self._of, name)
        plain = isinstance(found, type) or not callable(found) or name in NOTHING_MOVED
        return found if plain else Counted(found, self._add)

    def __call__(self, *args, **named):
        made = self._of(*args, **named)
        arrays = [each for each in (made, *args, *named.values()) if isinstance(each, np.ndarray)]
        self._add(max((array.nbytes for array in arrays), default=0))
        return made


@pytest.fixture
def moved(monkeypatch):
    """What was moved since it was asked last, in frames of the output."""
    sizes = []
    for module, names in (
        (pixels, ("np", "cv2")), (canvas, ("np",)), (scaling, ("np", "cv2")), (ring, ("np",)),
        (public_ring, ("_read_into", "_write_from")),
    ):  # fmt: skip
        for name in names:
            monkeypatch.setattr(module, name, Counted(getattr(module, name), sizes.append))

    def asked() -> float:
        total = sum(sizes)
        sizes.clear()
        return total / FRAME

    return asked


class Path:
    """From one segment to another through an output clock; the engine is the test."""

    invents = stuck = False
    link = newest_input = None

    def __init__(self, **values) -> None:
        self.values = {spec.name: spec.default for spec in describe(OutputParameters)} | values
        self.block, self.now, self.numbers = Block(), 1e6, count(1)
        self.clock = OutputClock(Settings(output_size=f"{WIDTH}x{HEIGHT}"), Counters(), self)
        options = Options(width=WIDTH, height=HEIGHT)
        self.sink = open_sink("shm:test-passes-out", options)
        self.sender = open_sink("shm:test-passes-in", options)
        self.source = open_source("shm:test-passes-in", options)

    def close(self) -> None:
        for end in (self.source, self.sender, self.sink):
            end.close()

    def card(self, width, height):
        return np.zeros((height, width, 4), np.uint8)

    def fallback(self, needed, now):
        return None

    def receive(self, image, moved) -> Frame:
        self.sender.send(Frame(image, 0.0, next(self.numbers)))
        moved()  # the sender's own
        frame = self.source.receive(5)
        assert frame
        return frame

    def send(self) -> np.ndarray:
        self.now += 1 / 60
        frame = self.clock.tick(self.now, 1 / 60)
        self.sink.send(frame)
        return frame.image


class Passed:
    """Received frames that wait to be shown as they are."""

    dropped = 0

    def __init__(self, *images) -> None:
        self.slots = [Slot(n, n, 1e6, 0, image) for n, image in enumerate(images)]

    @property
    def waiting(self) -> int:
        return len(self.slots)

    def skip(self, number) -> None:
        del self.slots[:number]

    def next(self, *, borrowed=False) -> Slot:
        return self.slots.pop(0)


@pytest.fixture
def path():
    made = Path()
    yield made
    made.close()


def noise(width=WIDTH, height=HEIGHT) -> np.ndarray:
    random = np.random.default_rng(4)
    return opaque(random.integers(0, 256, (height, width, 4), dtype=np.uint8))


@pytest.mark.parametrize("way", ["passthrough", "bypass", "mix 0"])
def test_a_frame_passed_on_is_read_once_between_the_two_segments(path, moved, way):
    path.values |= {"bypass": way == "bypass", "mix": float(way != "mix 0")}
    for _ in range(3):
        frame = path.receive(noise(), moved)
        path.newest_input = frame
        if way == "passthrough":
            path.link, path.ring = path, Passed(frame.image)
        sent = path.send()
        assert moved() <= 2 + 1 + 0.01
        assert sent is frame.image


@pytest.mark.parametrize(
    ("size", "most"), [(SIZE, 3), ((160, 90), 2.6), ((96, 54), 2.3), ((640, 360), 10)]
)
def test_a_generated_frame_is_moved_three_times(path, moved, size, most):
    """By the worker into its ring, from there to the output's size, from there into the segment; a
    larger one counts at its own size.
    """
    with RingWriter("test-passes", *size, 4) as writer, RingReader("test-passes") as reader:
        writer.unlink()
        path.link, path.ring = path, reader
        for number in range(3):
            image = noise(*size)
            moved()  # while making it
            scaling.resize_into(writer.reserve(), image)
            writer.commit(path.now, number)
            path.send()
            assert moved() <= most + 0.01
        path.link = None


def test_a_frame_that_is_not_opaque_costs_one_more_pass(path, moved):
    image = noise()
    image[HEIGHT // 2, 3, 3] = 0
    path.values["bypass"] = True
    path.newest_input = path.receive(image, moved)
    sent = path.send()
    assert moved() <= 2 + 2 + 0.01
    assert (sent == opaque(image)).all()


def test_a_frame_held_moves_nothing_but_into_the_segment(path, moved):
    path.link, path.ring = path, Passed(noise())
    path.send()
    moved()
    path.send()
    assert moved() == 1
