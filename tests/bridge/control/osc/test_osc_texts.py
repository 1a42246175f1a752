"""OSC text that is not UTF-8, arguments of unknown types, numbers with many digits."""

import random
import shutil
import struct
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message_builder import OscMessageBuilder

from bridge.control.osc import packets as osc_packets
from bridge.control.osc.packets import PacketError, encoded, parse
from bridge.control.osc.server import OscServer
from bridge.settings import Settings
from tests.bridge.control.osc.test_osc import need, osc
from tests.support.rig import running_session


@pytest.fixture(name="o")
def _o(tmp_path):
    with osc(tmp_path) as held:
        yield held


def padded(data: bytes) -> bytes:
    return data + b"\0" * (4 - len(data) % 4)


def raw(address: bytes, tags: bytes, body: bytes = b"") -> bytes:
    return padded(address) + padded(b"," + tags) + body


def text(address: bytes, written: bytes) -> bytes:
    return raw(address, b"s", padded(written))


# Texts that are not UTF-8.


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (b"caf\xe9", "café"),
        (b"\x93Gr\xf6\xdfe\x94 \x80 5", "“Größe” € 5"),
        (b"a \x81\x8d\x8f\x90\x9d b", "a \ufffd\ufffd\ufffd\ufffd\ufffd b"),
        ("é 日本 🙂".encode(), "é 日本 🙂"),
        (b"\xed\xa0\xbd\xed\xb9\x82", "🙂"),  # as Java and Tcl write it
        (b"half \xed\xa0\xbd", "half \ufffd"),
        (b"half \xed\xa0\xbd \xe9", "half í\xa0½ é"),
    ],
)
def test_a_text_that_is_not_utf8_is_read_as_cp1252(o, written, kept):
    o.raw(text(b"/bridge/prompt", written))
    o.until(lambda: o.value("prompt") == kept)


def test_among_other_arguments_and_in_bundles_and_arrays_too(o):
    o.raw(raw(b"/bridge/prompt", b"sis", padded(b"\xe4") + b"\x80\0\0\0" + padded(b"\xfc")))
    o.until(lambda: o.value("prompt") == "ä -2147483648 ü")
    o.raw(raw(b"/bridge/prompt", b"[sS]", padded(b"\xe0") + padded(b"la\xdf")))
    o.until(lambda: o.value("prompt") == "à laß")
    inner = text(b"/bridge/prompt", b"caf\xe9")
    head = OscBundleBuilder(IMMEDIATELY).build().dgram
    o.raw(head + len(inner).to_bytes(4, "big") + inner)
    o.until(lambda: o.value("prompt") == "café")


def test_its_sender_is_told_once_to_send_utf8_and_nothing_is_refused(o, caplog):
    for number in range(5):
        o.raw(text(b"/bridge/prompt", b"caf\xe9 %d" % number))
        o.until(lambda number=number: o.value("prompt") == f"café {number}")
    assert "send UTF-8" in o.heard("/bridge/error", o.sender)
    o.send("/bridge/ping")
    heard = []
    o.until(lambda: heard.append(parse(o.sender.recv(65507)).address) or "/bridge/pong" in heard)
    assert "/bridge/error" not in heard
    assert o.desk.counters.osc_refused == 0
    assert len([each for each in caplog.records if "send UTF-8" in each.message]) == 1


def test_an_address_that_is_not_utf8_is_refused_by_its_name(o):
    o.raw(text(b"/bridge/gr\xf6\xdfe", b"1"))
    while (told := o.heard("/bridge/error")).endswith("send UTF-8."):
        pass
    assert told == "Unknown address '/bridge/größe'."


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_any_bytes_of_two_texts_are_read_and_what_lies_between_them_stays(one, other):
    one, other = one.replace(b"\0", b""), other.replace(b"\0", b"")
    number = struct.pack(">d", random.random())
    read = parse(raw(b"/x", b"sds", padded(one) + number + padded(other))).arguments
    assert read[1] == struct.unpack(">d", number)[0]
    for written, came in ((one, read[0]), (other, read[2])):
        came.encode()  # it can be kept and told
        try:
            assert came == written.decode()
        except UnicodeDecodeError:
            assert len(came) <= len(written)


@given(st.text(max_size=40).map(lambda t: t.replace("\0", "")))
def test_a_text_that_can_be_written_in_cp1252_arrives_as_it_was(written):
    try:
        data = written.encode("cp1252")
    except UnicodeEncodeError:
        data = written.encode()
    came = parse(text(b"/x", data))
    assert came.arguments in ([written], [data.decode("utf-8", "replace")])
    assert bool(came.note) == (not _is_utf8(data))


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


# Arguments of a kind that is not known.

SEA = padded(b"sea")
COLOUR, BLOB, MIDI = b"\xff\x80\0\xff", b"\0\0\0\x04abcd", b"\0\x90\x40\x7f"


@pytest.mark.parametrize(
    ("address", "tags", "body", "name", "kept"),
    [
        (b"/bridge/vace", b"fr", b"\x3f\0\0\0" + COLOUR, "vace_scale", 0.5),
        (b"/bridge/vace", b"fb", b"\x3f\0\0\0" + BLOB, "vace_scale", 0.5),
        (b"/bridge/vace", b"[fmf]", b"\x3f\0\0\0" + MIDI + b"\x3f\x80\0\0", "vace_scale", 0.5),
        (b"/bridge/prompt", b"ssb", SEA + SEA + BLOB, "prompt", "sea sea"),
        (b"/bridge/freeze", b"Tt", b"\0" * 8, "freeze", True),
    ],
)
def test_a_known_value_before_an_unknown_kind_holds(o, address, tags, body, name, kept):
    o.raw(raw(address, tags, body))
    o.until(lambda: o.value(name) == kept)
    assert "only the arguments before it are used" in o.heard("/bridge/error", o.sender)
    assert o.desk.counters.osc_refused == 0


@pytest.mark.parametrize("tags", [b"rf", b"b", b"[rf]", b"\xe9f"])
def test_behind_an_unknown_kind_nothing_is_guessed(tags):
    with pytest.raises(PacketError, match="Unknown type tags"):
        parse(raw(b"/bridge/vace", tags, b"\0" * 12))


@pytest.mark.parametrize(
    "data",
    [raw(b"/a", b"i"), raw(b"/a", b"s"), raw(b"/a", b"h", b"\0" * 4), raw(b"/a", b"ii", b"abcd")],
)
def test_a_message_whose_values_are_cut_off_is_refused_in_words_of_ours(data):
    with pytest.raises(PacketError) as caught:
        parse(data)
    assert str(caught.value) in (
        "A message is damaged: its values do not match its type tags.",
        "A datagram was not OSC, or was cut short.",
    )


# Large numbers.


@pytest.mark.parametrize("number", [2**31, 2**53 - 1, -(2**40), 2**63, 10**30])
def test_a_whole_number_beyond_32_bits_is_told_with_all_its_digits(number):
    assert parse(encoded("/x", number)).arguments == [str(number)]
    assert parse(encoded("/x", 2**31 - 1)).arguments == [2**31 - 1]


# By programs that others wrote, to a running bridge.


@pytest.mark.foreign
def test_oscsend_is_understood_by_a_running_bridge(tmp_path):
    need("oscsend")
    program = shutil.which("oscsend") or ""
    with running_session(tmp_path) as rig:
        server = OscServer(rig.session, Settings(osc_feedback=(), folder=tmp_path))
        server.bind(0)
        server.start()
        try:
            for given_, kept in (
                ((b"ss", b"ocean", b"waves"), "ocean waves"),
                ((b"s", b"caf\xe9"), "café"),
                ((b"f", b"20261100"), "20261100"),
                ((b"sc", b"sea", b"x"), "sea"),
            ):
                command = [program, b"127.0.0.1", b"%d" % server.port, b"/bridge/prompt", *given_]
                subprocess.run(command, check=True)
                values = lambda: rig.session.store.snapshot.values  # noqa: E731
                rig.until(lambda values=values, kept=kept: values()["prompt"] == kept)
        finally:
            server.close()


# Messages of numbers only, whose address and type tags are read once.

BODIES = {"i": 4, "f": 4, "h": 8, "d": 8}
ADDRESSES = st.sampled_from(
    [b"/bridge/vace", b"/a", b"/abc", b"/", b"no", b"", b"/caf\xe9", "/é".encode(), b"/a,f", b"/*"]
)


def read_by(reader, data: bytes):
    """What it makes of a message: repr, as NaN equals nothing."""
    try:
        return repr(reader(data))
    except PacketError as error:
        return str(error)


@given(ADDRESSES, st.text("ifhdTsI[,x", max_size=5), st.binary(min_size=48, max_size=48),
       st.integers(-8, 8))  # fmt: skip
def test_they_are_read_like_any_others(address, tags, body, cut):
    size = sum(BODIES.get(tag, 0) for tag in tags)
    data = raw(address, tags.encode(), body[: max(0, size + cut)])
    assert read_by(parse, data) == read_by(osc_packets._parsed, data)


@given(st.binary(max_size=24))
def test_and_so_are_any_bytes(data):
    data = b"/" + data.translate(bytes.maketrans(b"0123abcd", b"\0\0\0\0,fid"))
    assert read_by(parse, data) == read_by(osc_packets._parsed, data)


def test_their_numbers_are_those_of_a_foreign_codec():
    values = {"f": 0.1, "i": -7, "d": 1e300, "h": 1 << 40}
    built = OscMessageBuilder("/bridge/vace")
    for tag, value in values.items():
        built.add_arg(value, tag)
    for _ in range(2):  # the second time its head is known
        message = parse(built.build().dgram)
        assert message.arguments == [pytest.approx(0.1), -7, 1e300, 1 << 40]
        assert message.address == "/bridge/vace"


def test_a_fader_is_read_by_the_codec_once(monkeypatch):
    real, calls = osc_packets._parsed, []
    monkeypatch.setattr(osc_packets, "_parsed", lambda data: calls.append(data) or real(data))
    for step in range(100):
        data = encoded("/bridge/read/once", step / 100)
        assert parse(data).arguments == [pytest.approx(step / 100)]
    assert len(calls) == 1
