"""Text and numbers as programs send them by OSC: in parts, in 32 bits, in 64."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.control.osc.server import OscServer
from bridge.settings import Settings
from engine.parameters import digits
from tests.bridge.control.osc.test_osc import message, osc
from tests.support.desk import FakeDesk


@pytest.fixture(name="o")
def _o(tmp_path):
    with osc(tmp_path) as held:
        yield held


def in_32_bits(number: float) -> float:
    return struct.unpack("f", struct.pack("f", number))[0]


# Several arguments, and numbers.


@pytest.mark.parametrize(
    ("arguments", "types", "kept"),
    [
        (["ocean", "waves"], "ss", "ocean waves"),
        (["take", 5, "of", 0.1], "sisf", "take 5 of 0.1"),
        ([2026110.0], "f", "2026110"),  # came as 2.02611e+06
        ([20261100.0], "f", "20261100"),
        ([20261101], "i", "20261101"),
        ([2**53 - 1], "h", "9007199254740991"),
        ([0.1], "f", "0.1"),
        ([1234567.25], "d", "1234567.25"),
        ([1984, 2001], "ii", "1984 2001"),
        ([-0.5, "x", 7.0], "fsf", "-0.5 x 7"),
        (["", "a", ""], "sss", " a "),
    ],
)
def test_a_text_is_what_its_words_and_numbers_say(o, arguments, types, kept):
    o.send("/bridge/prompt", *arguments, types=types)
    o.until(lambda: o.value("prompt") == kept)
    o.hears("/bridge/prompt", kept)


@pytest.mark.parametrize(
    ("arguments", "kept"),
    [
        ([832, 480], "832x480"),
        ([832.0, 480.0], "832x480"),
        (["832", "x", "480"], "832x480"),  # as a message box of Max has "832 x 480"
        ([832, "x", 480], "832x480"),
        (["832x480"], "832x480"),
    ],
)
def test_a_size_may_come_in_parts(o, arguments, kept):
    o.send("/bridge/size", *arguments)
    o.until(lambda: o.value("size") == kept)


def test_levels_may_come_in_parts(o):
    for arguments in ([1000, 500], [1000.0, 500.0], ["1000,", "500"]):
        o.send("/bridge/denoising_steps", *arguments)
        o.until(lambda: o.value("denoising_steps") == "1000,500")
        o.send("/bridge/denoising_steps", "authors")
        o.until(lambda: o.value("denoising_steps") == "authors")


def test_names_of_files_and_senders_may_come_in_parts(o):
    kept = "my look 7-0a1b2c.png"
    (o.desk.assets / kept).write_bytes(b"x")
    o.send("/bridge/ref", "my", "look", "7-0a1b2c.png")
    o.until(lambda: o.value("reference") == kept)
    o.send("/bridge/source", "shm:My", "Cam", 2)
    o.until(lambda: o.desk.attached == ["shm:My Cam 2"])
    o.send("/bridge/pipeline", "no", "such", 1)
    assert "Unknown pipeline 'no such 1'" in o.heard("/bridge/error")


@given(st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_a_number_in_32_bits_is_written_out_whole_and_means_itself(number):
    assert in_32_bits(float(digits(number))) == number
    assert "e" not in digits(number)
    assert digits(number) == digits(float(digits(number))) or abs(number) > 2**53


@given(st.decimals(-99_999, 99_999, places=1))
def test_a_number_that_a_hand_types_comes_back_as_it_was_typed(typed):
    written = format(typed, "f").removesuffix(".0")
    assert digits(in_32_bits(float(typed))) in (written, written.removeprefix("-"))


def test_what_a_client_of_python_sends_is_taken_whole(tmp_path):
    desk = FakeDesk(tmp_path)
    server = OscServer(desk, Settings(osc_feedback=(), folder=tmp_path))
    try:
        server._handle(message("/bridge/prompt", ["ocean", ["waves", 3]]).dgram, ("127.0.0.1", 1))
        assert desk.store.snapshot.values["prompt"] == "ocean waves 3"
    finally:
        server.close()
