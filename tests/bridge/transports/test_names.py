"""Valid names of a bridge and its shared memory: as Spout senders have them, with spaces."""

import os
import subprocess
import sys
from time import perf_counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bridge.frames.frame import Frame
from bridge.settings import Settings
from bridge.system.logs import LogFile
from bridge.transports import Options, TransportError, offers, open_sink, open_source
from bridge.transports.spout.transport import check_sent
from tests.support.bridge import read, running

NAMES = ["My Stage", "Stage (left)", "Cam #1 [4K] & more", "a.b", "100 %", "it's"]
SEND = """
import sys, time
import numpy as np
from bridge.frames.frame import Frame
from bridge.transports import Options, open_sink
with open_sink(sys.argv[1], Options(width=64, height=48)) as sink:
    sink.send(Frame(np.full((48, 64, 4), 90, np.uint8), time.perf_counter(), 1))
    print(flush=True)
    sys.stdin.readline()
"""


@pytest.mark.parametrize("name", NAMES)
def test_pictures_pass_under_a_name_as_people_give_it(name):
    uri, image = f"shm:test {os.getpid()} {name}", np.full((48, 64, 4), 90, np.uint8)
    with open_sink(uri, Options(width=64, height=48)) as sink, open_source(uri, Options()) as from_:
        sink.send(Frame(image, perf_counter(), 1))
        assert sink.status.startswith(f"pick {uri},")
        assert (from_.receive(10).image == image).all()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="segments cannot be listed there")
def test_who_sends_under_such_a_name_is_offered_by_it():
    uri = f"shm:test {os.getpid()} My Cam [2]"
    command = [sys.executable, "-c", SEND, uri]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as sender:
        sender.stdout.readline()
        try:
            assert uri in [offer.uri for offer in offers()]
        finally:
            sender.stdin.close()


@pytest.mark.parametrize("name", ["", "a/b", "a\\b", "a:b", "a*", "a\tb", "a\0b", "ü", "a" * 81])
def test_what_is_no_name_is_refused_in_a_sentence(name):
    with pytest.raises(
        TransportError, match=r"use at most 80 letters from A to Z, digits, signs except"
    ):
        open_sink(f"shm:{name}", Options())
    with pytest.raises(
        ValidationError, match=r"takes 1 to 40 letters from A to Z, digits, signs except"
    ):
        Settings(name=name)


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        ("Bühne", "; write Buehne instead."), ("Café — left", "; write Cafe - left instead."),
        ("Cafe\u0301", "; write Cafe instead."), ("Łódź ø", "; write Lodz o instead."),
        ("Straße", "; write Strasse instead."), ("舞台", "'."), ("🎛", "'."), ("ü/a", "'."),
    ],
)  # fmt: skip
def test_a_name_with_other_letters_is_refused_with_the_one_to_write(name, cure):
    with pytest.raises(TransportError) as caught:
        open_sink(f"shm:{name}", Options())
    assert str(caught.value).endswith(cure if ";" in cure else "between them.")
    with pytest.raises(ValidationError) as caught:
        Settings(name=name)
    assert caught.value.errors()[0]["msg"].endswith(cure.removesuffix("."))
    if not name[0].isascii():
        with pytest.raises(TransportError, match="would hide other senders"):
            check_sent(name)


@pytest.mark.parametrize("name", ["Bühne", "Café", "a" * 250])
def test_spout_carries_other_letters_behind_the_first(name):
    check_sent(name)
    with pytest.raises(TransportError, match="at most 250 characters"):
        check_sent(name + "é" * 125)


@given(st.text(st.characters(min_codepoint=1, max_codepoint=0x2FF), max_size=50))
def test_a_name_that_is_taken_is_a_files_name_on_every_system(name):
    try:
        taken = Settings(name=name).name
    except ValidationError:
        return
    assert 1 <= len(taken) <= 40
    assert taken == taken.strip()
    assert taken.isascii()
    assert taken.isprintable()
    assert not set(taken) & set('/\\:*?"<>|')


def test_the_log_of_a_second_bridge_of_such_a_name_leaves_few_behind(tmp_path):
    for pid in range(9):
        (tmp_path / f"Cam [2].{pid}.log").touch()
    first, second = LogFile(tmp_path, "Cam [2]"), LogFile(tmp_path, "Cam [2]")
    for log in (first, second):
        log._write(b"x\n")
    assert len([*tmp_path.glob("Cam [[]2].*.log")]) <= 6
    for log in (first, second):
        log.close()


@pytest.mark.slow
def test_a_bridge_with_blanks_in_its_name_sends_keeps_and_logs_under_it(tmp_path):
    name = f"My Stage {os.getpid()} (left)"
    few = ("--pipeline", "passthrough", "--source", "demo:", "--output-size", "64x48")
    with running(tmp_path, "--name", name, *few) as bridge:
        state = bridge.until(lambda state: state["input"] == "live")
        if sys.platform != "win32":
            assert f"shm:{name}Out" in state["sink"]
            with read(f"{name}Out") as ring:
                assert (ring.width, ring.height) == (64, 48)
    assert (tmp_path / "logs" / f"{name}.log").is_file()
    assert (tmp_path / f"{name}.journal.json").is_file()
