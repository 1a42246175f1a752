"""Any bytes, cut anywhere: the same messages, or none."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.control.midi.parser import Beat, Message, Parser, What, encoded

CONTROLS = st.tuples(
    st.sampled_from([what for what in What if what is not What.PROGRAM]),
    st.integers(1, 16), st.integers(0, 31), st.floats(0, 1),
)  # fmt: skip


def heard(data, cuts=()):
    parser, found, last = Parser(), [], 0
    for cut in [*sorted(cuts), len(data)]:
        found += parser.feed(data[last:cut])
        last = max(last, cut)
    return found


@pytest.mark.parametrize(
    ("data", "found"),
    [
        ("B0 07 40", [Message(What.CC, 1, 7, 64)]),
        ("B2 07 40 07 41 07 42", [Message(What.CC, 3, 7, v) for v in (64, 65, 66)]),  # running
        ("90 3C 64 3C 00", [Message(What.NOTE, 1, 60, 100), Message(What.NOTE, 1, 60, 0)]),
        ("8F 3C 64", [Message(What.NOTE, 16, 60, 0)]),
        ("C5 02 03", [Message(What.PROGRAM, 6, n, 127) for n in (2, 3)]),
        ("E0 00 40", [Message(What.PITCH, 1, 0, 8192)]),
        ("B0 01 7F 21 7F", [Message(What.CC, 1, 1, 127), Message(What.CC, 1, 33, 127),
                            Message(What.CC14, 1, 1, 16383)]),
        ("B0 21 7F", [Message(What.CC, 1, 33, 127)]),  # lower bits alone are a controller
        ("F8 FA FB FC FE FF", [Beat.CLOCK, Beat.START, Beat.CONTINUE, Beat.STOP]),
        ("B0 F8 07 F8 40", [Beat.CLOCK, Beat.CLOCK, Message(What.CC, 1, 7, 64)]),
        ("F0 7E 07 09 F8 01 F7 B0 07 01", [Beat.CLOCK, Message(What.CC, 1, 7, 1)]),
        ("F0 01 02 B0 07 01", [Message(What.CC, 1, 7, 1)]),  # a sysex without an end
        ("B0 07 01 F2 01 02 07 40", [Message(What.CC, 1, 7, 1)]),  # ends the running status
        ("B0 07 01 F6 07 40", [Message(What.CC, 1, 7, 1)]),
        ("07 40 A0 01 02 D0 05", []),
        ("B0 07 90 3C 7F", [Message(What.NOTE, 1, 60, 127)]),  # a cut message is dropped
    ],
)  # fmt: skip
def test_bytes_become_messages(data, found):
    assert heard(bytes.fromhex(data)) == found


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=8))
def test_any_bytes_cut_anywhere_give_the_same_messages(data, cuts):
    found = heard(data)
    assert heard(data, [min(cut, len(data)) for cut in cuts]) == found
    for message in found:
        if isinstance(message, Message):
            assert 0 <= message.position <= 1
            assert 1 <= message.channel <= 16
            assert 0 <= message.number < 128


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=40), CONTROLS)
def test_what_is_sent_to_a_controller_is_what_it_would_send(garbage, control):
    parser = Parser()
    parser.feed(garbage)
    data = encoded(*control)
    last = parser.feed(bytes([0xF6]) + data)[-1]
    assert (last.what, last.channel, last.number if last.what is not What.PITCH else 0) == (
        control[0], control[1], control[2] if control[0] is not What.PITCH else 0
    )  # fmt: skip
    assert last.position == pytest.approx(control[3], abs=0.5 / 127)


def test_clocks_pass_through_anything():
    rng = random.Random(3)
    data = bytes(byte for _ in range(500) for byte in (rng.randrange(0xF8), 0xF8))
    assert sum(each is Beat.CLOCK for each in heard(data)) == 500


@pytest.mark.slow
def test_a_long_sysex_keeps_nothing():
    parser = Parser()
    assert parser.feed(b"\xf0" + bytes(1_000_000)) == []
    assert not parser._data
    assert parser.feed(b"\xf7\x90\x40\x01") == [Message(What.NOTE, 1, 64, 1)]
