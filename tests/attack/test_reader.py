"""The foreign reader, which judges the attacks, counts right."""

import sys
from pathlib import Path

import numpy as np
import pytest

from engine.ipc.ring import RingWriter
from engine.ipc.segments import folder
from tests.attack.reader import Reader
from tests.attack.sender import Sender

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /dev/shm")

NAME = "attack-reader"


class Clock:
    """The reader's clock."""

    def __init__(self, monkeypatch) -> None:
        self.now = 100.0
        monkeypatch.setattr("tests.attack.reader.perf_counter", lambda: self.now)

    def look(self, reader: Reader, seconds: float = 0.01) -> None:
        self.now += seconds
        reader.look()


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


@pytest.fixture
def writer():
    made = RingWriter(NAME, 32, 18)
    yield made
    made.unlink()
    made.close()


def picture(shade: int):
    image = np.full((18, 32, 4), shade, np.uint8)
    image[..., 3] = 255
    return image


def test_it_counts_black_and_new_pictures_of_our_own_writer(clock, writer):
    reader = Reader(NAME, str(folder()))
    for number, shade in enumerate((90, 90, 2, 0, 3)):
        writer.write(picture(shade), 0.0, max(1, number))
        clock.look(reader)
        clock.look(reader)
    seen = reader.figures()
    assert (seen.frames, seen.black, seen.rises, seen.index) == (5, 2, 3, 4)
    assert (seen.width, seen.height, seen.head) == (32, 18, 5)


def test_one_point_of_light_is_not_black(clock, writer):
    reader, image = Reader(NAME, str(folder())), picture(0)
    image[17, 31, 2] = 9
    writer.write(image, 0.0, 1)
    clock.look(reader)
    assert (reader.figures().frames, reader.figures().black) == (1, 0)


def test_it_sees_how_long_the_output_stands_and_shows_nothing_new(clock, writer):
    reader = Reader(NAME, str(folder()))
    for index in (1, 2, 2, 2):
        writer.write(picture(90), 0.0, index)
        clock.look(reader, 0.5)
    for _ in range(3):
        clock.look(reader, 0.5)
    seen = reader.figures()
    assert seen.gap == pytest.approx(1.5)
    assert seen.still == pytest.approx(2.5)
    reader.mark()
    assert reader.figures().gap == 0


def test_it_tells_when_the_first_new_picture_came_after_a_mark(clock, writer):
    reader = Reader(NAME, str(folder()))
    writer.write(picture(90), 0.0, 1)
    clock.look(reader)
    reader.mark()
    for index in (1, 1, 2, 3):
        assert reader.figures().first == 0 or index == 3
        writer.write(picture(90), 0.0, index)
        clock.look(reader, 0.5)
    assert reader.figures().first == pytest.approx(1.5)
    reader.mark()
    assert reader.figures().first == 0


def test_what_is_cut_short_being_written_or_gone_is_no_picture(clock, writer):
    reader, path = Reader(NAME, str(folder())), Path(folder(), f"spout-bridge-{NAME}")
    writer.write(picture(90), 0.0, 1)
    clock.look(reader)
    whole = path.read_bytes()
    for data in (b"", whole[:64], whole[:200], b"no ring" * 50):
        path.write_bytes(data)
        clock.look(reader)
    path.unlink()
    clock.look(reader, 2.0)
    seen = reader.figures()
    assert (seen.frames, seen.black) == (1, 0)
    assert seen.gap > 2


def test_the_foreign_sender_is_read_by_the_foreign_reader_and_by_ours(clock, tmp_path):
    sender = Sender(NAME, 32, 18, str(tmp_path))
    reader = Reader(NAME, str(tmp_path))
    for _ in range(3):
        sender.send()
        clock.look(reader)
    sender.open()
    clock.look(reader)
    sender.send()
    clock.look(reader)
    sender.send()
    clock.look(reader)
    seen = reader.figures()
    assert (seen.frames, seen.black, seen.rises) == (5, 0, 3)
    sender.remove()
