"""A foreign sender's pictures through our Spout source. Runs in the Windows Python 3.11.

The sender is liru in the Windows Python 3.13 of `setup --liru`; `wine-python` says in LIRU_PYTHON
where that is.
"""

import json
import os
import subprocess
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

import numpy as np
import pytest
import shim
from liru_sender import picture
from rig_tools import wait
from spout_peer import number_of

from bridge.transports import Options, open_source
from bridge.transports.spout.registry import find

PYTHON = os.environ.get("LIRU_PYTHON", "")
PATHS = {"cpu": "CPU share", "gldx": "GPU texture"}
# By CPU share, each call of liru's gives out the picture of the call before: the first call shares
# a texture of zeros, and a sender that pauses keeps its last picture to itself.
LATE = {"cpu": 1}.get(shim.mode, 0)
pytestmark = [
    pytest.mark.skipif(not PYTHON, reason="run tests/wine/setup --liru first"),
    pytest.mark.skipif(shim.mode == "none", reason="no pictures without a shim"),
]


class Liru:
    """A process with `liru_sender`."""

    def __init__(self) -> None:
        program = str(Path(__file__).with_name("liru_sender.py"))
        self.process = subprocess.Popen(
            [PYTHON, program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.version = self.answer()["liru"]

    def tell(self, **order) -> None:
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()

    def answer(self):
        return json.loads(self.process.stdout.readline())

    def ask(self, **order):
        self.tell(**order)
        return self.answer()


@pytest.fixture(scope="module")
def liru():
    running = Liru()
    yield running
    running.process.kill()
    running.process.wait()


@contextmanager
def shared(liru, name: str, width: int, height: int):
    """A sender of liru's with its first picture."""
    liru.ask(do="open", name=name, width=width, height=height)
    liru.ask(do="send", count=1 + LATE)
    try:
        yield
    finally:
        assert liru.ask(do="close") == {"error": 0}


def exact(frame) -> int:
    """The picture's number; every byte of it must be right."""
    assert frame.image.any(), "no black frame, ever"
    height, width = frame.image.shape[:2]
    number = number_of(frame.image)
    wanted = np.frombuffer(picture(width, height, number), np.uint8)
    assert np.array_equal(frame.image, wanted.reshape(height, width, 4))
    return number


def collect(source, last: int, seconds: float = 30.0) -> list[int]:
    """The numbers that come up to `last`."""
    numbers, end = [], perf_counter() + seconds
    while perf_counter() < end and not (numbers and numbers[-1] >= last):
        frame = source.receive(0.1)
        if frame is not None:
            numbers.append(exact(frame))
    return numbers


@pytest.mark.parametrize(("width", "height"), [(1, 1), (333, 201), (640, 360)])
def test_every_picture_of_a_foreign_sender_comes_once_and_to_the_last_byte(liru, width, height):
    assert liru.version == "0.2.6"
    with (
        open_source("spout:LiruStep", Options()) as source,
        shared(liru, "LiruStep", width, height),
    ):
        numbers = collect(source, 1)
        for number in range(2, 31):  # the next one only when this one is here: none may fall out
            liru.ask(do="send", fps=1000)
            numbers += collect(source, number)
        assert source.receive(0.3) is None, "it pauses"
        assert PATHS[shim.mode] in source.status
        assert f"{width}x{height}" in source.status
    assert numbers == list(range(1, 31))
    wait(lambda: find("LiruStep") is None)


def test_a_foreign_sender_at_its_own_pace(liru):
    with open_source("spout:LiruPace", Options()) as source, shared(liru, "LiruPace", 320, 180):
        assert collect(source, 1) == [1]
        liru.tell(do="send", count=59, fps=15)
        numbers = collect(source, 60)
        assert liru.answer() == {"number": 60 + LATE}
    print(f"{len(numbers)} of 59")
    assert numbers[-1] == 60, "a sender that pauses has its last picture shown"
    assert numbers == sorted(set(numbers)), "none double, none out of order"
    assert len(numbers) > 59 / 4, "the rig is slow, so some may fall out"
