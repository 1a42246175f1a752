"""OSC: every message takes effect, the last value always arrives, nothing ends the thread."""

import os
import random
import shutil
import socket
import subprocess
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

from bridge.control.osc.feedback import Feedback
from bridge.control.osc.handler import OURS
from bridge.control.osc.patterns import Patterns
from bridge.control.osc.server import OscServer
from bridge.settings import Settings
from bridge.state.actions import ACTIONS, COMMANDS, ActionSpec, Argument
from bridge.state.renamed import RENAMED
from engine.parameters import Kind
from tests.support.desk import FakeDesk
from tests.support.slow_cases import rest_slow


def message(address, *arguments, types=None):
    builder = OscMessageBuilder(address)
    for place, argument in enumerate(arguments):
        builder.add_arg(argument, types[place] if types else None)
    return builder.build()


def until(true, timeout=40.0) -> None:
    """Wait until something holds."""
    end = perf_counter() + timeout
    while not true():
        assert perf_counter() < end, "it did not come"
        time.sleep(0.002)


class Osc:
    """A server, a sender, and a socket for what comes back."""

    def __init__(self, desk, server, feedback) -> None:
        self.desk, self.server, self.feedback = desk, server, feedback
        self.sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sender.settimeout(15)

    def raw(self, data: bytes) -> None:
        self.sender.sendto(data, ("127.0.0.1", self.server.port))

    def send(self, address, *arguments, types=None) -> None:
        self.raw(message(address, *arguments, types=types).dgram)

    def value(self, name):
        return self.desk.store.snapshot.values[name]

    def until(self, true, timeout=40.0) -> None:
        until(true, timeout)

    def heard(self, address, sock=None, timeout=15.0):
        """The next value of an address that comes back."""
        sock = sock or self.feedback
        end = perf_counter() + timeout
        while perf_counter() < end:
            got = OscMessage(sock.recv(65507))
            if got.address == address:
                return got.params[0]
        raise AssertionError(f"{address} did not come back")

    def hears(self, address, value) -> None:
        """Wait until an address comes back with this value; what it was before may come first."""
        while self.heard(address) != value:
            pass


@contextmanager
def osc(folder, **more):
    feedback = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    feedback.bind(("127.0.0.1", 0))
    feedback.settimeout(15)
    target = f"127.0.0.1:{feedback.getsockname()[1]}"
    desk = FakeDesk(folder)
    server = OscServer(desk, Settings(osc_feedback=(target,), folder=folder, **more))
    server.bind(0)
    server.start()
    held = Osc(desk, server, feedback)
    try:
        yield held
    finally:
        server.close()
        held.sender.close()
        feedback.close()


@pytest.fixture(name="o")
def _o(tmp_path):
    with osc(tmp_path) as held:
        yield held


@pytest.mark.parametrize(
    ("address", "argument", "types", "name", "kept"),
    rest_slow(
        [
            ("/bridge/vace", 1.5, "f", "vace_scale", 1.5),
            ("/bridge/vace_scale", 1, "i", "vace_scale", 1.0),
            ("/bridge/vace", 7.0, "d", "vace_scale", 2.0),
            ("/bridge/vace", "0.25", "s", "vace_scale", 0.25),
            ("/bridge/freeze", 1.0, "f", "freeze", True),
            ("/bridge/freeze", True, "T", "freeze", True),
            ("/bridge/prompt", 'é "quoted"\nline', "s", "prompt", 'é "quoted"\nline'),
            ("/bridge/prompt/1", "first", "s", "prompt", "first"),
            ("/bridge/prompt/2/weight", 0.5, "f", "prompt_2_weight", 0.5),
            ("/bridge/on_loss", 2.0, "f", "on_loss", "card"),
            ("/bridge/on_loss", "card", "s", "on_loss", "card"),
        ],
        quick=4,
    ),
)
def test_every_type_of_argument_takes_effect(o, address, argument, types, name, kept):
    o.send(address, argument, types=types)
    o.until(lambda: o.value(name) == kept)


def test_feedback_tells_the_value_as_applied_in_types_that_all_can_read(o):
    o.send("/bridge/vace", 99.0)
    o.hears("/bridge/vace", 2.0)
    o.send("/bridge/vace", 99.0)
    assert o.heard("/bridge/vace") == 2.0, "a fader that was moved too far is put back each time"
    o.send("/bridge/bypass", True)
    o.hears("/bridge/bypass", 1)
    o.send("/bridge/bypass", "?")
    assert type(o.heard("/bridge/bypass")) is int
    o.desk.now = {"state": "FAILED", "pipeline": "stylize", "error": "out of memory"}
    assert o.heard("/bridge/state/error") == "out of memory"


def test_a_prompt_may_be_as_long_as_a_datagram(o):
    text = "x" * 60_000
    o.send("/bridge/prompt", text)
    o.until(lambda: o.value("prompt") == text)


def test_a_bundle_is_one_snapshot_and_a_bad_message_in_it_harms_no_other(o):
    before = o.desk.store.snapshot.number
    bundle = OscBundleBuilder(IMMEDIATELY)
    for part in (
        message("/bridge/vace", 0.5),
        message("/bridge/vace", float("nan")),
        message("/bridge/nothing", 1),
        message("/bridge/prompt", "sea"),
        message("/bridge/fade", 3.0),
    ):
        bundle.add_content(part)
    o.raw(bundle.build().dgram)
    o.until(lambda: o.value("prompt") == "sea")
    assert (o.value("vace_scale"), o.value("fade")) == (0.5, 3.0)
    assert o.desk.store.snapshot.number == before + 1
    o.until(lambda: o.desk.counters.osc_refused == 2)


@pytest.mark.parametrize(
    ("first", "last", "name"),
    [
        ("/bridge/steady", "/bridge/anti_flicker", "anti_flicker"),
        ("/bridge/anti_flicker", "/bridge/steady", "anti_flicker"),
        ("/bridge/vace", "/bridge/vace_scale", "vace_scale"),
        ("/bridge/prompt/1/weight", "/bridge/prompt_weight", "prompt_weight"),
    ],
)
def test_a_bundle_with_two_addresses_of_one_value_says_once_that_the_last_holds(
    o, caplog, first, last, name
):
    bundle = OscBundleBuilder(IMMEDIATELY)
    bundle.add_content(message(first, 0.25))
    bundle.add_content(message(last, 0.75))
    for _ in range(2):
        o.raw(bundle.build().dgram)
    note = f"A bundle has {first} and {last}, which are one parameter; the last holds."
    assert o.heard("/bridge/error", o.sender) == note
    assert o.value(name) == 0.75
    o.send(first, 0.5)  # alone it is what it says
    o.send(last, 0.5)
    o.until(lambda: o.value(name) == 0.5)
    assert sum(note in record.message for record in caplog.records) == 1
    assert sum("A bundle has" in record.message for record in caplog.records) == 1


def test_a_pattern_in_a_bundle_sets_a_value_by_all_its_addresses_and_nothing_is_said(o, caplog):
    bundle = OscBundleBuilder(IMMEDIATELY)
    bundle.add_content(message("/bridge/vace*", 0.75))
    o.raw(bundle.build().dgram)
    o.until(lambda: o.value("vace_scale") == 0.75)
    assert "A bundle has" not in caplog.text


def test_a_pattern_means_all_that_match(o):
    o.send("/bridge/{fade,steady}", 0.75)
    o.until(lambda: o.value("fade") == o.value("anti_flicker") == 0.75)
    o.send("/bridge/prompt/?/weight", 0.25)
    o.until(lambda: o.value("prompt_3_weight") == 0.25)
    assert o.value("prompt_weight") == o.value("prompt_2_weight") == 0.25
    assert meant("/a/[!b-c]d", "/a/bd", "/a/xd") == ["/a/xd"]
    assert meant("/a/*", "/a/b", "/a/b/c") == ["/a/b"]
    assert meant("/a/[", "/a/[") == []


def meant(pattern: str, *known: str) -> list[str]:
    return [*Patterns(known).matching(pattern)]


def test_what_no_plug_ins_parameter_may_take_is_all_that_osc_answers_to(o):
    handler = o.server._handler
    ours = {*handler._commands, *handler._buttons, *OURS}
    roots = {address.removeprefix("/bridge/").partition("/")[0] for address in ours}
    former = {row.old for row in RENAMED if row.what == "action"}
    assert roots == COMMANDS | {action.name.partition("/")[0] for action in ACTIONS} | former


@pytest.mark.parametrize(
    ("typed", "guess"),
    [
        ("/bridge/promt", " Did you mean /bridge/prompt?"),
        ("/bridge/Rest", " Did you mean /bridge/reset?"),
        ("/bridge/prompt/2/wieght", " Did you mean /bridge/prompt/2/weight?"),
        ("/brigde/nothing", ""),
    ],
)
def test_an_unknown_address_is_answered_with_the_nearest(o, typed, guess):
    o.send(typed, 1)
    assert o.heard("/bridge/error") == f"Unknown address {typed!r}.{guess}"


def test_buttons_and_pipelines(o):
    o.send("/bridge/reset")
    o.send("/bridge/reset", 0.0)
    o.send("/bridge/reset", 1.0)
    o.until(lambda: o.desk.acted == ["reset", "reset"])
    switched = ["passthrough", "stylize", "passthrough"]
    ways = [("/bridge/pipeline", "passthrough"), ("/bridge/pipeline/stylize", 1)]
    for place, way in enumerate([*ways, ("/bridge/pipeline", 1.0)], 1):
        o.send(*way)
        o.until(lambda place=place: [name for name, _ in o.desk.switched] == switched[:place])
    o.send("/bridge/pipeline", "nothing")
    assert "Unknown pipeline" in o.heard("/bridge/error")


def test_a_source_is_chosen_by_its_uri(o):
    o.send("/bridge/source", "spout:Cam")
    o.until(lambda: o.desk.attached == ["spout:Cam"])
    o.send("/bridge/source", "file:clip with spaces.mp4")
    whole = f"file:{Path.cwd() / 'clip with spaces.mp4'}"
    o.until(lambda: o.desk.attached == ["spout:Cam", whole])
    o.send("/bridge/source", "clip with spaces.mp4")
    o.until(lambda: o.desk.attached == ["spout:Cam", whole, whole])
    o.desk.now = {"source": "spout:Cam · 640x360 BGRA8 from Host"}
    o.send("/bridge/source", "?")
    assert o.heard("/bridge/source", o.sender) == "spout:Cam"
    o.desk.now = {"source": ""}
    o.send("/bridge/source", "?")
    assert o.heard("/bridge/source", o.sender) == ""


@pytest.mark.parametrize("arguments", [["nothing:"], ["Cam"], [""], [], [0], [1.5]])
def test_what_is_no_source_is_refused_in_a_sentence(o, arguments):
    o.send("/bridge/source", *arguments)
    told = o.heard("/bridge/error")
    assert told.startswith("/bridge/source: ")
    assert "is not a source; use one of" in told
    assert (o.desk.attached, o.desk.counters.osc_refused) == ([], 1)


@pytest.mark.parametrize("role", ["control", "mask"])
def test_control_and_mask_are_inputs_by_their_own_addresses(o, role):
    address = f"/bridge/{role}"
    o.send(address, "shm:Depth")
    o.until(lambda: o.desk.attached == [(role, "shm:Depth")])
    o.send(address, "none")
    o.until(lambda: o.desk.attached == [(role, "shm:Depth"), (role, "none")])
    o.desk.now = {role: "shm:Depth · waiting for shm:Depth"}
    o.send(address, "?")
    assert o.heard(address, o.sender) == "shm:Depth"
    o.send(address, "nothing:")
    assert "'nothing:' is not a source" in o.heard("/bridge/error")
    o.send(address)
    o.until(lambda: o.desk.counters.osc_refused == 2)
    assert len(o.desk.attached) == 2, "a message without a value ends nothing"


def test_the_inputs_picture_is_taken_by_a_button(o):
    o.send("/bridge/ref/snap", 1)
    o.until(lambda: o.desk.acted == ["ref/snap"])
    o.send("/bridge/ref/snap", 0)
    o.send("/bridge/ref/*", 1)
    o.send("/bridge/ping")
    o.heard("/bridge/pong", o.sender)
    assert o.desk.acted == ["ref/snap"]


def test_questions_and_subscriptions_are_answered(o):
    o.send("/bridge/vace", "?")
    assert OscMessage(o.sender.recv(65507)).params == [1.0]
    o.send("/bridge/ping")
    assert o.heard("/bridge/pong", o.sender) == 1
    o.send("/bridge/subscribe")
    assert o.heard("/bridge/mix", o.sender) == 1.0, "all there is, at first"
    o.desk.store.update({"mix": 0.75})
    assert o.heard("/bridge/mix", o.sender) == 0.75
    o.send("/bridge/mix", 0.5)
    o.send("/bridge/fade", 99.0)
    assert o.heard("/bridge/fade", o.sender) == 60.0, "what was clamped comes back"
    o.send("/bridge/unsubscribe")
    o.send("/bridge/ping")
    o.heard("/bridge/pong", o.sender)
    o.desk.store.update({"mix": 0.1})
    o.sender.settimeout(0.4)
    with pytest.raises(TimeoutError):
        o.heard("/bridge/mix", o.sender)


@pytest.mark.parametrize("name", ["state", "fps", "uptime", "frames_new", "error"])
def test_a_value_of_the_state_is_answered(o, name):
    o.send(f"/bridge/state/{name}", "?")
    told = OscMessage(o.sender.recv(65507))
    assert told.address == f"/bridge/state/{name}"
    assert isinstance(told.params[0], type(getattr(o.desk.status(), name)))


@pytest.mark.parametrize("name", ["nothing", "notes"])
def test_a_question_for_what_the_state_does_not_send_is_refused(o, name):
    o.send(f"/bridge/state/{name}", "?")
    assert f"/bridge/state/{name}" in o.heard("/bridge/error")
    refused = o.desk.counters.osc_refused
    o.send(f"/bridge/state/{name}", 1.0)  # as another bridge sends
    o.send("/bridge/ping")
    o.heard("/bridge/pong", o.sender)
    assert o.desk.counters.osc_refused == refused


def test_of_too_many_subscribers_the_longest_silent_gives_way_and_is_told(o, monkeypatch):
    socks = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(9)]
    try:
        for sock in socks:
            sock.bind(("127.0.0.1", 0))
            sock.settimeout(15)

        def say(number, address, *arguments):
            data = message(address, *arguments).dgram
            socks[number].sendto(data, ("127.0.0.1", o.server.port))

        for number in range(8):
            say(number, "/bridge/subscribe")
            o.heard("/bridge/mix", socks[number])
        say(0, "/bridge/subscribe")  # renewed
        say(1, "/bridge/vace", 0.5)  # not silent
        o.until(lambda: o.value("vace_scale") == 0.5)
        say(8, "/bridge/subscribe")  # at once: or nine that renew would take turns
        assert "already 8 subscribers" in o.heard("/bridge/error")
        monkeypatch.setattr("bridge.control.osc.feedback.SILENT", 0.0)
        say(8, "/bridge/subscribe")
        o.heard("/bridge/mix", socks[8])
        while "silent longest; subscribe again" not in o.heard("/bridge/error", socks[2]):
            pass
        o.desk.store.update({"mix": 0.75})
        for number in (0, 1, 3, 8):
            while o.heard("/bridge/mix", socks[number]) != 0.75:
                pass
    finally:
        for sock in socks:
            sock.close()


def test_one_machine_with_many_ports_pushes_out_no_other(tmp_path, monkeypatch):
    monkeypatch.setattr("bridge.control.osc.feedback.SILENT", 0.0)
    feedback = Feedback(FakeDesk(tmp_path), lambda data, target: True, [])
    for number in range(5):
        feedback.subscribe(("10.0.0.9", 1 + number))
    for number in range(3):
        feedback.subscribe(("127.0.0.1", 1 + number))
    for number in range(5, 50):
        feedback.subscribe(("10.0.0.9", 1 + number))
    kept = list(feedback._subscribers)
    assert [port for host, port in kept if host == "127.0.0.1"] == [1, 2, 3]
    assert [port for host, port in kept if host != "127.0.0.1"] == [46, 47, 48, 49, 50]
    assert len(feedback._pending) <= 64 + 8


def test_the_last_value_of_a_sweep_arrives_while_all_are_counted(o):
    counters = o.desk.counters
    for step in range(20_000):
        o.send("/bridge/vace", (step % 200) / 100)
        if step % 100 == 99:  # the system's own buffer, of a few hundred, never drops one
            o.until(lambda sent=step: counters.osc_messages > sent)
    o.send("/bridge/vace", 1.23)
    o.until(lambda: o.value("vace_scale") == pytest.approx(1.23))
    assert counters.osc_messages == 20_001
    assert counters.osc_coalesced > 0


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"garbage",
        b"/bridge/vace\0\0\0\0",
        b"/bridge/vace\0\0\0\0,Z\0\0\0\0\0\0",
        b"/bridge/vace\0\0\0\0,f\0\0\x3f",
        b"#bundle\0",
        b"#bundle\0" + b"\0" * 8 + b"\xff\xff\xff\xff",
        message("/bridge/vace", float("nan")).dgram,
        message("/bridge/vace", float("inf")).dgram,
        message("/bridge/vace", b"blob").dgram,
        message("/bridge/vace", None).dgram,
        message("/bridge/vace").dgram,
        message("/bridge/ref", "/etc/passwd").dgram,
        message("/bridge/ref", "../secret.png").dgram,
        message("/bridge/subscribe", 1e9).dgram,
        message("/bridge/on_loss", "x" * 5000).dgram,
    ],
)
def test_nonsense_changes_nothing_and_ends_nothing(o, data):
    before = dict(o.desk.store.snapshot.values)
    o.raw(data)
    o.until(lambda: o.desk.counters.osc_messages == 1)
    o.send("/bridge/mix", 0.5)
    o.until(lambda: o.value("mix") == 0.5)
    o.until(lambda: o.desk.counters.osc_refused)  # what names a file is looked for beside
    assert o.desk.counters.osc_refused == 1
    assert dict(o.desk.store.snapshot.values) == {**before, "mix": 0.5}


@pytest.mark.slow
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=200), st.randoms(use_true_random=False))
def test_no_bytes_whatever_get_through_the_parser(tmp_path, data, chance: random.Random):
    desk = FakeDesk(tmp_path)
    server = OscServer(desk, Settings(osc_feedback=(), folder=tmp_path))
    try:
        server._handle(data, ("127.0.0.1", 1))
        good = bytearray(message("/bridge/fade", 1.0).dgram)
        good[chance.randrange(len(good))] = chance.randrange(256)
        server._handle(bytes(good), ("127.0.0.1", 1))
        assert 0 <= desk.store.snapshot.values["fade"] <= 60
    finally:
        server.close()


def test_a_reference_is_a_picture_of_the_assets_folder_however_it_is_named(o):
    kept = "look-0a1b2c.png"
    (o.desk.assets / kept).write_bytes(b"x")
    inside = str((o.desk.assets / kept).resolve())
    for name in (kept, "look-0a1b2c", "0a1b2c3d4e5f6789", inside):
        o.send("/bridge/ref", name)
        o.until(lambda: o.value("reference") == kept)
        o.hears("/bridge/ref", kept)
        o.send("/bridge/ref", "")
        o.until(lambda: o.value("reference") == "")
    refused = o.desk.counters.osc_refused
    (o.desk.assets.parent / "other.png").write_bytes(b"x")
    for count, name in enumerate(
        ("/etc/passwd", "../other.png", "none.png", str(o.desk.assets.parent / "other.png")), 1
    ):
        o.send("/bridge/ref", name)
        o.until(lambda count=count: o.desk.counters.osc_refused == refused + count)
    assert o.value("reference") == ""


@pytest.mark.parametrize(
    "typed", ["file:clip.mp4", "clip.mp4", " clip.mp4", "/films/clip.mp4",
              '"/films/clip.mp4"', "FILE:clip.mp4",
              "C:\\films\\clip.mp4", "\\\\nas\\films\\clip.mp4", "~/clip.mp4"],
)  # fmt: skip
def test_files_are_opened_for_this_machine_alone(o, typed):
    for sender, taken in (("127.0.0.1", True), ("192.168.1.20", False)):
        o.desk.attached.clear()
        o.server._handle(message("/bridge/source", typed).dgram, (sender, 9))
        o.until(lambda: o.desk.attached or o.desk.counters.osc_refused)
        assert bool(o.desk.attached) is taken
        o.server._handle(message("/bridge/source", "demo:").dgram, (sender, 9))
        o.until(lambda: "demo:" in o.desk.attached)


def test_only_allowed_addresses_may_send(tmp_path):
    with osc(tmp_path, osc_allow="10.0.0.0/8,192.168.1.20") as held:
        assert held.server._may("127.0.0.1")
        assert held.server._may("10.2.3.4")
        assert held.server._may("192.168.1.20")
        assert not held.server._may("192.168.1.21")


def need(*programs: str) -> None:
    missing = [program for program in programs if not shutil.which(program)]
    if missing and os.environ.get("CI"):
        pytest.fail(f"{missing} must be installed where CI runs: apt-get install liblo-tools")
    if missing:
        pytest.skip(f"{missing} not installed (apt-get install liblo-tools)")


@pytest.mark.foreign
def test_oscsend_and_oscdump_understand_us(tmp_path):
    need("oscsend", "oscdump")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    said, wanted = tmp_path / "said", ("vace f 1.5", "freeze i 1", 'prompt s "')
    with said.open("w") as out:
        dump = subprocess.Popen(["oscdump", "-L", str(port)], stdout=out)
    try:
        desk = FakeDesk(tmp_path)
        server = OscServer(desk, Settings(osc_feedback=f"127.0.0.1:{port}", folder=tmp_path))
        server.bind(0)
        server.start()
        until(lambda: psutil.Process(dump.pid).net_connections("udp"))
        for line in ("vace f 1.5", "prompt s étoile", "freeze i 1", "bypass T"):
            name, *rest = line.split()
            subprocess.run(
                ["oscsend", "127.0.0.1", str(server.port), f"/bridge/{name}", *rest], check=True
            )
        until(lambda: desk.store.snapshot.values["bypass"])
        held = desk.store.snapshot
        assert held.values["vace_scale"] == 1.5
        assert held.values["prompt"] == "étoile"
        assert held.values["freeze"]
        until(lambda: all(f"/bridge/{word}" in said.read_text() for word in wanted))
        server.close()
    finally:
        dump.terminate()
        dump.wait()


def test_a_disk_that_sleeps_holds_up_no_value_and_of_the_wishes_that_wait_the_newest_counts(
    o, monkeypatch
):
    awake, asked = threading.Event(), []

    def switch(pipeline, load=None):
        asked.append(pipeline)
        awake.wait(60)

    monkeypatch.setattr(o.desk, "switch", switch)
    o.send("/bridge/pipeline", "longlive")
    o.until(lambda: asked == ["longlive"])
    for number in range(80):
        o.send("/bridge/pipeline", f"wish {number}")
        o.send("/bridge/pipeline/stylize", 1)
    o.send("/bridge/pipeline", "the last")
    o.send("/bridge/source", "demo:")
    o.until(lambda: o.desk.attached == ["demo:"])
    for value in (0.25, 0.5):
        o.send("/bridge/vace", value)
        o.until(lambda value=value: o.value("vace_scale") == value)
    awake.set()
    o.until(lambda: len(asked) == 2)
    assert asked == ["longlive", "the last"]


def test_an_action_takes_its_argument_by_value_or_by_address(tmp_path, monkeypatch):
    number = Argument(name="number", kind=Kind.INT, help="x.", minimum=1, maximum=999, index=True)
    monkeypatch.setattr("tests.support.desk.ACTIONS", (*ACTIONS, ActionSpec("deck", "x.", number)))
    with osc(tmp_path) as o:
        o.send("/bridge/deck/3", 1)
        o.send("/bridge/deck/3", 0)  # released
        o.send("/bridge/deck", 5)
        o.send("/bridge/deck", 1)  # a press, as of any button
        o.until(lambda: o.desk.acted == ["deck 3", "deck 5", "deck"])
        o.hears("/bridge/deck", "deck")  # its answer
        o.send("/bridge/deck/1000", 1)
        wrong = o.heard("/bridge/error")
        assert wrong.endswith("number takes a whole number from 1 to 999, not 1000.")
        o.send("/bridge/deck/*", 1)
        assert "Nothing matches" in o.heard("/bridge/error")
        assert len(o.desk.acted) == 3
