"""Spout's list of senders, read from bytes as on Windows; tests/wine reads the real one."""

import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.transports.spout import registry as spout_registry
from bridge.transports.spout.registry import INFO, SLOT, parse_info, parse_names, senders


def slots(*names: bytes, count: int = 64) -> bytes:
    """`SpoutSenderNames` with these names."""
    return b"".join(name.ljust(SLOT, b"\0") for name in names).ljust(SLOT * count, b"\0")


def info(width=640, height=360, form=87, handle=0x40022806, owner=rb"C:\Tools\Host.exe") -> bytes:
    """The block of one sender."""
    return INFO.pack(handle, width, height, form, 0, owner, 0x80000000)


def registry(blocks: dict[bytes, bytes], active: bytes = b""):
    """A reader of named mappings."""
    maps = {b"SpoutSenderNames": slots(*blocks), b"ActiveSenderName": active.ljust(SLOT, b"\0")}
    maps |= {name: block for name, block in blocks.items() if block}
    return lambda name, size: maps.get(name) and maps[name][: size or None]


def test_a_sender_is_told_with_size_format_owner_and_what_is_active():
    read = registry({b"Cam": info(), b"Deep": info(1920, 1080, 10)}, active=b"Deep")
    cam, deep = senders(read)
    assert (cam.name, cam.width, cam.height, cam.handle) == ("Cam", 640, 360, 0x40022806)
    assert (cam.program, cam.text) == ("Host", "640x360 BGRA8 from Host")
    assert (cam.active, deep.active) == (False, True)
    assert cam.refusal == ""
    assert "RGBA16F" in deep.refusal
    assert "8-bit fixed" in deep.refusal, "the cure"


@pytest.mark.parametrize(
    ("form", "refused"),
    [(0, 0), (21, 0), (22, 0), (28, 0), (29, 0), (87, 0), (88, 0),
     (2, 1), (10, 1), (11, 1), (13, 1), (24, 1), (91, 1), (12345, 1)],
)  # fmt: skip
def test_only_eight_bits_a_channel_are_received(form, refused):
    assert bool(parse_info(b"Cam", info(form=form)).refusal) is bool(refused)


def test_what_the_librarys_own_list_fails_on():
    names = [b"\xc3\xa9toile", b"Caf\xe9", b"Cam", "雨".encode(), b"x" * 255]
    found = senders(registry(dict.fromkeys(names, info())))
    assert [sender.name for sender in found] == ["étoile", "Café", "Cam", "雨", "x" * 255]
    assert [sender.raw for sender in found] == names, "to be opened by what Spout calls them"


def test_a_dead_senders_name_may_still_be_listed():
    assert [s.name for s in senders(registry({b"Dead": b"", b"Cam": info()}))] == ["Cam"]


def test_a_blank_pasted_behind_a_name_is_no_part_of_it_unless_a_sender_is_called_so(monkeypatch):
    def found(asked: str, *names: bytes) -> str:
        read = registry(dict.fromkeys(names, info()))
        monkeypatch.setattr(spout_registry, "senders", lambda: senders(read))
        sender = spout_registry.find(asked)
        return sender.name if sender else ""

    assert found("Cam ", b"Cam") == "Cam"
    assert found("Cam ", b"Cam", b"Cam ") == "Cam "
    assert found("Cam", b"Cam ") == ""


def test_no_list_and_an_empty_list_are_no_senders():
    assert senders(lambda name, size: None) == []
    assert senders(registry({})) == []


def test_sixty_four_at_once():
    names = [f"Cam{number:02}".encode() for number in range(64)]
    assert [s.raw for s in senders(registry(dict.fromkeys(names, info())))] == names


@pytest.mark.parametrize("block", [b"", b"x" * 279, info(0, 1), info(1, 0), info(99999, 1)])
def test_a_block_that_says_nothing_is_no_sender(block):
    assert parse_info(b"Cam", block) is None


@given(st.binary(max_size=3 * SLOT), st.binary(max_size=400))
def test_no_bytes_whatever_end_the_reader(listed, block):
    for name in parse_names(listed):
        assert name
        assert b"\0" not in name
    found = parse_info(b"Cam", block)
    if found:
        assert found.text
        assert struct.unpack_from("<I", block)[0] == found.handle


def test_every_name_is_given_once():
    names = parse_names(slots(b"a", b"a", b"b"))
    assert names == [b"a", b"b"]
    assert all(one != other for one, other in pairwise(names))


def test_elsewhere_than_on_windows_there_is_no_sender():
    if spout_registry.sys.platform != "win32":
        assert senders() == []
