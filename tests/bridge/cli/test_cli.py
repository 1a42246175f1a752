"""The commands as a user types them: each a process of its own."""

import errno
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from statistics import median
from time import perf_counter

import av
import cv2
import numpy as np
import psutil
import pytest
from rich.console import Console

import bridge.transports
from bridge.cli.arguments import parser_of
from bridge.cli.commands import LISTS, MODELS, main
from bridge.cli.run import where_osc
from bridge.cli.send import send_frames
from bridge.errors import CommandError, ExitStatus
from bridge.frames.frame import Frame
from bridge.settings import Settings, unknown_variables
from bridge.transports import Options, TransportError, open_sink, open_source
from bridge.transports.pattern import read_counter
from bridge.transports.recording.pictures import PictureFiles
from engine.ipc.ring import RingWriter
from engine.ipc.segments import PREFIX, folder
from engine.system.texts import quoted
from tests.support import balky
from tests.support.bridge import COMMAND, Running, read, refused, refused_here, running
from tests.support.chromium import chromium
from tests.support.slow_cases import rest_slow


@pytest.mark.parametrize("role", ["control", "mask"])
def test_control_and_mask_without_vace_are_refused(monkeypatch, capsys, tmp_path, role):
    begun = ("run", f"--{role}", "pattern:depth", "--sink", "null:", "--folder", str(tmp_path))
    code, told = refused_here(monkeypatch, capsys, *begun, "--port", "0")
    assert code == 1
    assert f"--{role} cannot be used: stylize has no VACE; switch to longlive" in told
    assert "Traceback" not in told


@pytest.mark.parametrize("kept", ["open", "receive"])
def test_a_send_whose_source_does_not_answer_ends_by_ctrl_c(monkeypatch, kept):
    monkeypatch.setitem(bridge.transports.BUILT_IN, "balky", "tests.support.balky")
    monkeypatch.setattr("bridge.cli.send.TELL", 0.05)
    monkeypatch.setattr("bridge.cli.send.GRACE", 0.05)
    place = balky.places["send"] = balky.Place()
    place.keep(kept)
    told, stop, ended = io.StringIO(), threading.Event(), threading.Event()

    def send():
        send_frames("balky:send", "null:", float("inf"), stop, Console(file=told))
        ended.set()

    threading.Thread(target=send, daemon=True).start()
    try:
        place.until(f"{kept} begun")
        if kept == "open":
            end = perf_counter() + 10
            while "waiting for balky:send or null: to open;" not in told.getvalue():
                assert perf_counter() < end, told.getvalue()
                time.sleep(0.01)
        stop.set()
        assert ended.wait(10)
    finally:
        place.let_go()
        place.until("close")
        del balky.places["send"]


@pytest.mark.slow
def test_a_send_whose_sender_is_not_there_says_what_it_waits_for(monkeypatch):
    monkeypatch.setattr("bridge.cli.send.TELL", 0.05)
    told, stop = io.StringIO(), threading.Event()

    def send():
        send_frames("shm:test-nobody", "null:", float("inf"), stop, Console(file=told, width=200))

    sending = threading.Thread(target=send, daemon=True)
    sending.start()
    try:
        end = perf_counter() + 10
        while "No frames: waiting for shm:test-nobody. Ctrl-C to stop." not in told.getvalue():
            assert perf_counter() < end, told.getvalue()
            time.sleep(0.01)
    finally:
        stop.set()
        sending.join(10)
    assert told.getvalue().count("No frames:") == 1


@pytest.mark.slow
def test_a_send_counts_its_seconds_from_the_first_frame_written(monkeypatch, tmp_path):
    """However long its source and its sink take to open, and the sink to take one."""
    refusals = iter([TransportError("not yet")] * 20)

    def slow(uri, options):
        time.sleep(1.2)
        return open_source(uri, options)

    def slow_too(uri, options):
        sink = open_sink(uri, options)
        send = sink.send
        time.sleep(1.2)

        def balking(frame):
            if error := next(refusals, None):
                raise error
            send(frame)

        sink.send = balking
        return sink

    monkeypatch.setattr("bridge.cli.send.open_source", slow)
    monkeypatch.setattr("bridge.cli.send.open_sink", slow_too)
    film, told = tmp_path / "a.mp4", io.StringIO()
    send_frames("pattern:", f"file:{film}", 0.7, threading.Event(), Console(file=told))
    with av.open(str(film)) as container:
        numbers = {read_counter(one.to_ndarray(format="rgba")) for one in container.decode(video=0)}
        assert 0.5 < container.duration / 1e6 < 10
    assert told.getvalue().splitlines()[-1] == f"{len(numbers)} frames written."


@pytest.mark.parametrize(
    ("source", "to", "why"),
    rest_slow(
        [
            ("shm:test-nobody", "null:", "waiting for shm:test-nobody"),
            ("pattern:", "file:{}/%d.png", "Recording to .*png stopped: No space left on device"),
            ("pattern:", "balky:none", "balky refuses"),
        ]
    ),
)
def test_a_send_that_wrote_nothing_fails_and_says_why(monkeypatch, tmp_path, source, to, why):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    def refuse(*_):
        raise TransportError("balky refuses.")

    monkeypatch.setitem(bridge.transports.BUILT_IN, "balky", "tests.support.balky")
    monkeypatch.setitem(balky.places, "none", balky.Place())
    monkeypatch.setattr(balky.Balky, "send", refuse)
    monkeypatch.setattr(PictureFiles, "write", full)
    monkeypatch.setattr("bridge.cli.send.WAITING", 0.5)
    monkeypatch.setattr("bridge.cli.send.FIRST", 0.2)
    told = Console(file=io.StringIO())
    with pytest.raises(CommandError, match=rf"No frame was written in .* s: {why}.*\.$") as caught:
        send_frames(source, to.format(tmp_path), 0.1, threading.Event(), told)
    assert caught.value.status == ExitStatus.FAILED


def test_a_send_refuses_its_sink_before_it_waits_for_a_sender(capsys, tmp_path):
    with pytest.raises(SystemExit) as end:
        main(["send", "shm:test-nobody", "--to", f"{tmp_path / 'a.mp4'}?minutes=abc"])
    assert end.value.code == ExitStatus.FAILED
    assert "minutes=abc is not valid; write a number" in " ".join(capsys.readouterr().err.split())


@pytest.mark.slow
def test_quiet_is_quiet(tmp_path):
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    arguments = ["run", "-q", "--port", str(port), "--folder", str(tmp_path), "--name", "Quiet",
                 "--source", "pattern:", "--sink", "null:", "--pipeline", "passthrough",
                 "--output-size", "64x48", "--osc-feedback", "none"]  # fmt: skip
    with subprocess.Popen(COMMAND + arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          stdin=subprocess.DEVNULL, text=True) as process:  # fmt: skip
        bridge = Running(process, port, [])
        end = perf_counter() + 30
        while perf_counter() < end:
            try:
                bridge.until(lambda state: state["state"] == "RUNNING")
                break
            except OSError:
                time.sleep(0.1)
        time.sleep(0.7)  # for a line that tells how it goes
        process.terminate()
        assert process.communicate(timeout=20)[0] == ""
        assert process.returncode == 0
    status, text = refused("run", "-q", "--source", "nothing:", "--folder", str(tmp_path))
    assert (status, "is not a source" in text) == (2, True)


@pytest.mark.slow
@pytest.mark.alone
def test_ctrl_c_ends_everything_in_under_two_seconds(tmp_path):
    before = set(folder().glob(PREFIX + "*"))
    with running(tmp_path, "--sink", "shm:test-ctrl-c") as bridge:
        state = bridge.until(lambda state: state["state"] == "RUNNING")
        worker = state["worker"]
        assert psutil.pid_exists(worker)
        began = perf_counter()
        bridge.process.send_signal(signal.SIGINT)
        assert bridge.process.wait(10) == 0
        assert perf_counter() - began < 2
    assert not psutil.pid_exists(worker)
    assert set(folder().glob(PREFIX + "*")) <= before


@pytest.mark.slow
def test_a_killed_bridge_takes_its_worker_along_and_is_swept_up_after(tmp_path):
    arguments = "--sink", "shm:test-killed", "--size", "64x48"
    with running(tmp_path, *arguments) as bridge:
        worker = bridge.until(lambda state: state["state"] == "RUNNING")["worker"]
        bridge.osc("/bridge/vace", 0.5)
        journal = tmp_path / "Bridge.journal.json"
        bridge.until(lambda _: json.loads(journal.read_text())["values"].get("vace_scale") == 0.5)
        bridge.process.kill()
        bridge.process.wait()
    end = perf_counter() + 40
    while psutil.pid_exists(worker) and perf_counter() < end:
        time.sleep(0.05)
    assert not psutil.pid_exists(worker)
    with running(tmp_path, *arguments) as bridge:
        assert bridge.ask("parameters")["vace_scale"] == 0.5, "the journal gave it back"


def test_a_port_in_use_is_said_with_who_has_it(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        status, text = refused("run", "--port", port, "--folder", str(tmp_path))
        assert status == 3
        assert f"Port {port} is in use by" in text
        assert str(os.getpid()) in text
        assert "--port" in text


def test_no_refusal_quotes_a_secret(capsys):
    secret = "a-secret-of-the-studio"
    with pytest.raises(SystemExit):
        main(["run", "--engine", "ws://studio:1", "--engine-token", secret, "--token", secret])
    told = " ".join(capsys.readouterr().err.split())
    assert told.startswith("spout-bridge: ws:// to studio would send frames and token for anyone")
    assert secret not in told
    with pytest.raises(SystemExit):
        main(["run", "--engine", "wss://studio", "--standby", "wss://studio"])
    assert "cannot be that of --engine" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words", "wanted"),
    [
        ("--source nothing", "is not a source; use one of", 2),
        ("--source null", "is not a source", 2),
        ("--sink demo:", "cannot be sent to", 2),
        ("--source file:none.mp4", "none.mp4", 1),
        ("--sink shm:a/b", "not a valid shared memory name", 1),
        ("--pipeline nothing", "choose stylize, passthrough", 2),
        ("--size huge", "576x320", 2),
        ("--output-size 0x0", "--output-size takes WIDTHxHEIGHT such as", 2),
        ("--output-fps many", "--output-fps takes a number from 1 to 240, not 'many'.", 2),
        ("--output-fps 29,97x", "--output-fps takes a number from 1 to 240, not '29,97x'.", 2),
        ("--output-fps 1min", "--output-fps takes a number from 1 to 240, not '1min'.", 2),
        ("--load-s 5kg", "--load-s takes a number from 1 to 7200, not '5kg'.", 2),
        ("--port 80,5", "--port takes a whole number from 0 to 65535, not '80.5'.", 2),
        ("--port x", "--port takes a whole number from 0 to 65535, not 'x'.", 2),
        ("--port 70000", "--port takes a whole number from 0 to 65535, not '70000'.", 2),
        (
            "--name=",
            "--name takes 1 to 40 letters from A to Z, digits, signs except / \\ :",
            2,
        ),
        ("--gpu -1", "--gpu takes a whole number from 0 on, not '-1'.", 2),
        ("--engine core", "--engine takes process or thread or an address such as wss://", 2),
        ("--engine ws://studio:1", "would send frames and token for anyone to read", 2),
        ("--engine wss://studio --standby process", "--standby takes the address of a", 2),
        ("--token x", "this one has 1. Use --lan", 2),
        ("--token aaaaaaaaaaaaaaaaaaaa%", "this one has others. Use --lan", 2),
        ("--set vace_scale=x", "vace_scale takes a number from 0 to 2", 2),
        ("--set nothing=1", "Unknown parameter 'nothing'", 2),
        ("--set reference=none.png", "Image 'none.png' not found", 2),
        ("--set reference=pyproject.toml", "pyproject.toml is not PNG", 2),
        ("--osc-feedback somewhere", "HOST:PORT", 2),
        ("--alarm http://[::1", "--alarm takes a URL such as https://", 2),
        ("--alarm http://", "--alarm takes a URL such as https://", 2),
        ("--host 0.0.0.0", "--token", 4),
    ],
)
def test_what_cannot_be_is_one_sentence_with_the_cure(
    tmp_path, monkeypatch, capsys, arguments, words, wanted
):
    monkeypatch.setattr("bridge.cli.run.stop_event", threading.Event)
    threads = threading.active_count()
    with pytest.raises(SystemExit) as end:
        main(["run", "--port", "0", "--folder", str(tmp_path), *arguments.split()])
    assert end.value.code == wanted
    assert words in " ".join(capsys.readouterr().err.split())
    assert threading.active_count() <= threads, "nothing is half-started"


@pytest.mark.parametrize(
    ("name", "value", "words", "wanted"),
    [
        ("PORT", "abc", "takes a whole number from 0 to 65535, not 'abc'.", 2),
        ("OUTPUT_FPS", "many", "takes a number from 1 to 240, not 'many'.", 2),
        ("OUTPUT_SIZE", "huge", "takes WIDTHxHEIGHT such as", 2),
        ("LAN", "maybe", "takes true or false, not 'maybe'.", 2),
        ("FIT", "crop", "takes cover or contain or stretch, not 'crop'.", 2),
        ("NAME", "a/b", "takes 1 to 40 letters", 2),
        ("TOKEN", "short", "takes 16 to 256 letters", 2),
        ("HOST", "0.0.0.0", "0.0.0.0 opens the page to others", 4),
        ("ALARM", "ftp://there", "takes a URL such as https://", 2),
        ("OSC_FEEDBACK", "somewhere", "takes HOST:PORT such as", 2),
        ("OSC_ALLOW", "my phone", "takes addresses or networks such as 192.168.1.20", 2),
    ],
)
def test_what_is_wrong_in_the_environment_is_said_by_the_variables_name(
    tmp_path, monkeypatch, capsys, name, value, words, wanted
):
    """And by the flag's where both are given, since the flag wins."""
    monkeypatch.setattr("bridge.cli.run.stop_event", threading.Event)
    flag = "--" + name.lower().replace("_", "-")
    given = [] if name == "LAN" else [f"{flag}={value}"]
    port = [] if name == "PORT" else ["--port", "0"]
    for variable, flags, said in ((value, [], f"SPOUT_BRIDGE_{name}"), ("1", given, flag)):
        if variable == "1" and not flags:
            continue
        monkeypatch.setenv(f"SPOUT_BRIDGE_{name}", variable)
        with pytest.raises(SystemExit) as end:
            main(["run", "--folder", str(tmp_path), *port, *flags])
        assert end.value.code == wanted
        assert f"{said} {words}" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ("", "OSC UDP PORT, for example"),
        ("--osc-lan", "OSC UDP 0.0.0.0:PORT, every address of this machine, but accepted from this "
         "machine only; add --osc-allow ADDRESS"),
        ("--osc-allow 192.168.1.20", "OSC UDP 127.0.0.1:PORT only; add --osc-lan to receive from "
         "192.168.1.20"),
        ("--osc-lan --osc-allow 10.0.0.0/8", "every address of this machine, from 10.0.0.0/8 and "
         "this machine, for example"),
    ],
)  # fmt: skip
def test_the_start_says_where_osc_is_received_and_from_whom(tmp_path, flags, words):
    settings = vars(parser_of(LISTS, MODELS).parse_args(["run", *flags.split()]))
    given = {name: settings[name] for name in ("osc_lan", "osc_allow") if settings[name]}
    said = where_osc(Settings(folder=tmp_path, **given), 8123)
    assert words.replace("PORT", "8123") in f"OSC {said}"


@pytest.mark.parametrize(
    ("name", "cure"),
    [("SET", "use `run --set NAME=VALUE`, once for each"), ("KEEP", "use `run --keep`")],
)
def test_a_flag_that_is_no_variable_is_refused_as_one(tmp_path, monkeypatch, capsys, name, cure):
    monkeypatch.setenv(f"SPOUT_BRIDGE_{name}", "mix=0")
    with pytest.raises(SystemExit) as end:
        main(["run", "--port", "0", "--folder", str(tmp_path)])
    assert end.value.code == ExitStatus.USAGE
    told = " ".join(capsys.readouterr().err.split())
    assert f"SPOUT_BRIDGE_{name} is not supported; {cure}" in told


def test_what_looks_like_a_variable_of_ours_is_told_with_the_nearest(monkeypatch):
    for name in ("PROT", "SOURCE_URI", "OUTPUT_FPS", "port", "Folder", "ZEBRA"):
        monkeypatch.setenv(f"SPOUT_BRIDGE_{name}", "1")
    monkeypatch.setenv("SPOUTBRIDGE_PORT", "1")
    assert unknown_variables() == {
        "SPOUT_BRIDGE_PROT": "SPOUT_BRIDGE_PORT",
        "SPOUT_BRIDGE_SOURCE_URI": "SPOUT_BRIDGE_SOURCE",
        "SPOUT_BRIDGE_ZEBRA": "",
    }


@pytest.mark.parametrize(
    ("field", "given", "kept"),
    [("output_fps", "29,97", 29.97), ("hang_s", " 2,5 ", 2.5), ("port", "8000.0", 8000),
     ("gpu", "1", 1), ("load_s", "1e2", 100.0), ("load_s", "1,5 min", 90.0),
     ("hang_s", "900ms", 0.9), ("output_fps", "50 Hz", 50.0), ("output_fps", "25 fps", 25.0)],
)  # fmt: skip
def test_a_number_of_a_setting_is_taken_as_it_is_typed(monkeypatch, field, given, kept):
    assert getattr(Settings(**{field: given}), field) == kept
    monkeypatch.setenv(f"SPOUT_BRIDGE_{field.upper()}", given)
    assert getattr(Settings(), field) == kept


def test_a_flag_wins_over_a_variable_whose_name_may_be_typed_in_any_case(monkeypatch):
    monkeypatch.setenv("spout_bridge_Fit", "stretch")
    monkeypatch.setenv("SPOUT_BRIDGE_OSC_ALLOW", "10.0.0.0/8, 192.168.1.20")
    assert (Settings().fit, Settings(fit="cover").fit) == ("stretch", "cover")
    assert Settings().osc_allow == ("10.0.0.0/8", "192.168.1.20")
    monkeypatch.setenv("spout_bridge_Fit", "")
    with pytest.raises(ValueError, match="fit"):
        Settings()


@pytest.mark.slow
def test_a_running_bridge_tells_once_what_in_the_environment_is_not_read(tmp_path):
    env = {**os.environ, "SPOUT_BRIDGE_PIPLINE": "longlive", "SPOUT_BRIDGE_PIPELINE": "passthrough"}
    with running(tmp_path, "--sink", "null:", env=env) as bridge:
        assert bridge.until(lambda state: state["state"] == "RUNNING")["pipeline"] == "passthrough"
    told = [line for line in bridge.lines if "PIPLINE" in line]
    assert len(told) == 1
    assert told[0].rstrip().endswith("is ignored; did you mean SPOUT_BRIDGE_PIPELINE?")


def test_a_send_makes_its_sink_for_the_pictures_that_come(tmp_path):
    told, stop, uri = io.StringIO(), threading.Event(), f"shm:test-send-{os.getpid()}"
    cv2.imwrite(str(tmp_path / "a.png"), np.full((48, 64, 3), 90, np.uint8))

    def send():
        send_frames(f"file:{tmp_path}/a.png", uri, 60, stop, Console(file=told, width=200))

    sending = threading.Thread(target=send, daemon=True)
    sending.start()
    try:
        with open_source(uri, Options()) as source:
            end = perf_counter() + 20
            while (frame := source.receive(1)) is None:
                assert perf_counter() < end, told.getvalue()
            assert frame.image.shape == (48, 64, 4)
    finally:
        stop.set()
        sending.join(10)
    assert f"(pick {uri}, 64x48); Ctrl-C to stop." in told.getvalue()
    assert "640x360" not in told.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize("table", rest_slow(["parameters", "settings"]))
def test_a_list_for_another_program_cuts_nothing(table):
    done = subprocess.run([*COMMAND, "list", table], capture_output=True, text=True, check=True)
    lines = [line.split("│")[1:-1] for line in done.stdout.splitlines() if "│" in line]
    shown = [[cell.strip() for cell in cells] for cells in lines]
    _, _, rows = LISTS[table]()
    assert shown == [[cell.strip() for cell in row] for row in rows]
    terminal = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": "60"}
    narrow = subprocess.run(
        [*COMMAND, "list", table], capture_output=True, text=True, check=True, env=terminal
    )
    assert max(map(len, re.sub("\x1b[^m]*m", "", narrow.stdout).splitlines())) == 60
    assert narrow.stdout.count("…") == done.stdout.count("…")


@pytest.mark.slow
def test_a_reference_may_be_given_by_its_path(tmp_path):
    picture = tmp_path / "my (own) art.png"
    cv2.imwrite(str(picture), np.full((20, 30, 3), 90, np.uint8))
    given = f"reference= {picture.as_uri()} "
    with running(tmp_path, "--sink", "null:", "--set", given) as bridge:
        name = bridge.ask("parameters")["reference"]
        assert name.startswith("my (own) art-")
        assert (tmp_path / "assets" / name).is_file()


def test_commands_that_are_printed_hold_in_every_shell():
    """cmd.exe knows no single quotes, and PowerShell 5.1 no `&&`."""
    folders = (Path(__file__).parents[3] / name for name in ("bridge", "engine", "td_components"))
    files = (path for folder in folders for path in folder.rglob("*"))
    sources = [path for path in files if path.suffix in (".py", ".md")]
    assert len(sources) > 100
    for path in sources:
        for line in path.read_text("utf-8").splitlines():
            assert not re.search(r"(pip install|--[a-z]+) '", line), f"{path}: {line}"
            if path.suffix == ".py" and path.name != "bundle.py":  # its scripts know their shell
                assert " && " not in line, f"{path}: {line}"
    assert quoted(r"C:\my models") == r'"C:\my models"'
    assert quoted(r"C:\a&b") == r'"C:\a&b"'
    assert quoted(r"C:\models-2") == r"C:\models-2"


def test_list_prints_what_there_is():
    done = subprocess.run([*COMMAND, "list", "--markdown"], capture_output=True, text=True)
    assert done.returncode == 0
    for word in ("stylize", "shm:", "/bridge/vace", "longest_gap"):
        assert word in done.stdout


def test_a_list_of_nobody_says_so(monkeypatch, capsys):
    monkeypatch.setattr("bridge.cli.tables.offers", list)
    main(["list", "sources"])
    assert "No program is sending." in capsys.readouterr().out


@pytest.mark.slow
def test_list_shows_who_sends_now_but_not_in_what_the_readme_has():
    def printed(*arguments):
        wide = {**os.environ, "COLUMNS": "200"}
        done = subprocess.run([*COMMAND, "list", *arguments], capture_output=True, text=True,
                              check=True, env=wide)  # fmt: skip
        return done.stdout

    writer = RingWriter("test-list", 64, 36)
    try:
        row = f"| shm:test-list | 64x36 from process {os.getpid()} |  |"
        assert row in printed("sources", "--markdown")
        assert "shm:test-list" in printed("sources")
        assert "shm:test-list" in printed()
        assert "shm:test-list" not in printed("--markdown")
    finally:
        writer.unlink()
        writer.close()
    assert "shm:test-list" not in printed("sources")


@pytest.mark.slow
def test_send_hands_on_and_ends_by_itself():
    process = subprocess.Popen(
        [*COMMAND, "send", "pattern:relay", "--to", "shm:test-send", "--seconds", "3"]
    )
    reader = read("test-send")
    try:
        end = perf_counter() + 30
        while reader.newest() is None and perf_counter() < end:
            time.sleep(0.01)
        assert reader.newest().image.shape == (360, 640, 4)
    finally:
        reader.close()
        assert process.wait(15) == 0


@contextmanager
def stamping(tmp_path, size, *arguments):
    """A bridge through which stamped pictures pass: shared memory, the child worker, and shared
    memory again, alpha and all. Gives what sends one, and what has been seen.
    """
    width, height = size
    name = f"test-exact-{width}"
    writer = RingWriter(name, width, height, 4)
    rng = np.random.default_rng(1)
    base = rng.integers(0, 256, (height, width, 4), dtype=np.uint8)

    def send(number):
        stamped = base.copy()
        stamped[0, 0] = stamp(number)
        writer.write(stamped, perf_counter(), number)

    try:
        with running(
            tmp_path, "--source", f"shm:{name}", "--sink", f"shm:{name}-out", "--alpha", "input",
            "--pipeline", "passthrough", "--output-size", f"{width}x{height}", *arguments,
        ) as bridge:  # fmt: skip
            writer.write(base, perf_counter(), 0)
            bridge.until(lambda state: state["state"] == "RUNNING")
            seen, ended = follow(f"{name}-out", base)
            yield send, seen
            ended.set()
    finally:
        writer.unlink()
        writer.close()


@pytest.mark.slow
@pytest.mark.parametrize("size", [(1, 1), (333, 201), (1280, 720), (1920, 1080)])
def test_stamped_frames_pass_exactly(tmp_path, size):
    """One after the other: each is sent when the one before it has come."""
    with stamping(tmp_path, size, "--output-fps", "60") as (send, seen):
        for number in range(1, 61):
            send(number)
            end = perf_counter() + 30
            while number not in {shown for shown, _ in seen[-9:]}:
                assert perf_counter() < end, f"{number} did not come"
                time.sleep(0.001)
    order = [number for number, _ in seen if number]
    order = order[: order.index(60) + 1]  # then it is made again
    assert order == sorted(set(order)), "none out of order, none twice"
    assert all(exact for number, exact in seen if number)


@pytest.mark.slow
@pytest.mark.alone
def test_three_hundred_stamped_frames_pass_exactly_however_fast_they_come(tmp_path):
    with stamping(tmp_path, (640, 360), "--output-fps", "60") as (send, seen):
        for number in range(1, 301):
            send(number)
            time.sleep(1 / 50)
        end = perf_counter() + 30
        while 300 not in {shown for shown, _ in seen[-9:]}:
            assert perf_counter() < end, "the last picture before a pause arrives"
            time.sleep(0.01)
    order = [number for number, _ in seen if number]
    order = order[: order.index(300) + 1]  # in the pause it is made again
    assert order == sorted(set(order)), "none out of order, none twice"
    assert len(order) >= 297, f"{len(order)} of 300 at 50 a second"
    assert all(exact for number, exact in seen if number)


def stamp(number: int) -> list[int]:
    return [number % 200, number // 200, 77, number % 251]


def follow(name: str, base: np.ndarray):
    """Read a sink from another thread: the number of each distinct picture, and whether it is
    `base` with its stamp to the last byte. Pictures without a number are 0.
    """
    reader, ended, seen = read(name), threading.Event(), []

    def work():
        last = -1
        while not ended.is_set():
            slot = reader.newest()
            if slot and slot.index != last:
                last = slot.index
                pixel = [int(v) for v in slot.image[0, 0]]
                number = pixel[0] + 200 * pixel[1]
                stamped = pixel == stamp(number)
                slot.image[0, 0] = base[0, 0]
                seen.append((number if stamped else 0, np.array_equal(slot.image, base)))
            time.sleep(0.001)
        reader.close()

    threading.Thread(target=work, daemon=True).start()
    return seen, ended


@pytest.mark.slow
@pytest.mark.alone
def test_one_osc_message_switches_and_a_pipeline_that_fails_leaves_the_old_one(
    tmp_path, monkeypatch
):
    """The one that fails is a stranger's, found by its entry point."""
    (tmp_path / "stranger.py").write_text(STRANGER)
    info = tmp_path / "stranger-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[spout_bridge.pipelines]\nlame = stranger:LAME\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with running(tmp_path, "--sink", "shm:test-switch", "--size", "128x72") as bridge:
        bridge.until(lambda state: state["state"] == "RUNNING")
        worker = bridge.state()["worker"]
        bridge.osc("/bridge/pipeline", "passthrough")
        bridge.until(lambda state: state["pipeline"] == "passthrough" and not state["loading"])
        bridge.osc("/bridge/pipeline/stylize", 1)
        bridge.until(lambda state: state["pipeline"] == "stylize" and not state["loading"])
        bridge.osc("/bridge/pipeline", "lame")
        state = bridge.until(lambda state: state["error"])
        assert "both legs broken" in state["error"]
        assert "lame" in state["error"]
        time.sleep(0.5)
        state = bridge.state()
        assert (state["pipeline"], state["state"]) == ("stylize", "RUNNING")
        assert state["worker"] != worker
        assert state["black_frames"] == 0
        assert state["longest_gap"] < 250
        assert "both legs broken" in " ".join("".join(bridge.lines).split()), "the console says it"


STRANGER = """
from engine.parameters import Load, Parameters
from engine.catalog.rows import PipelineRow

class Lame:
    def __init__(self, load, context):
        raise ValueError("It has both legs broken.")

LAME = PipelineRow(
    id="lame", title="Lame", target="stranger:Lame", load=Load, parameters=Parameters
)
"""


@pytest.mark.slow
@pytest.mark.alone
def test_a_flood_of_osc_leaves_http_quick_and_the_last_value_right(tmp_path):
    with running(tmp_path, "--sink", "null:", "--size", "256x256") as bridge:
        bridge.until(lambda state: state["state"] == "RUNNING")
        flood = subprocess.Popen([sys.executable, "-c", FLOOD, str(bridge.port)])
        times = []
        while flood.poll() is None:
            began = perf_counter()
            bridge.state()
            times.append(perf_counter() - began)
        bridge.osc("/bridge/vace", 1.25)
        bridge.until(lambda state: bridge.ask("parameters")["vace_scale"] == 1.25, 5)
        state = bridge.state()
    times.sort()
    p99 = times[int(0.99 * len(times))]
    print(f"{state['osc_messages']} OSC messages, HTTP p99 {1e3 * p99:.1f} ms of {len(times)}")
    assert state["osc_messages"] > 20_000
    assert p99 < 0.05
    assert state["black_frames"] == 0


FLOOD = """
import socket, sys, time
from pythonosc.osc_message_builder import OscMessageBuilder
def message(value):
    builder = OscMessageBuilder("/bridge/vace")
    builder.add_arg(value)
    return builder.build().dgram
data = [message(step / 100) for step in range(200)]
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
began = time.perf_counter()
for number in range(50_000):
    out.sendto(data[number % 200], ("127.0.0.1", int(sys.argv[1])))
    ahead = number / 50_000 - (time.perf_counter() - began)
    if ahead > 0.002:
        time.sleep(ahead)
"""


@pytest.mark.slow
@pytest.mark.foreign
def test_a_recording_is_read_by_ffmpeg(tmp_path):
    film = tmp_path / "film.mp4"
    with running(tmp_path, "--sink", f"file:{film}", "--pipeline", "passthrough",
                 "--output-size", "320x180") as bridge:  # fmt: skip
        bridge.until(lambda state: state["frames_new"] > 90)
    text = subprocess.run(
        ["ffprobe", "-v", "error", "-count_frames", "-show_entries",
         "stream=width,height,codec_name,r_frame_rate,nb_read_frames:format=duration",
         "-of", "json", film],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    told = json.loads(text)
    stream, seconds = told["streams"][0], float(told["format"]["duration"])
    assert (stream["width"], stream["height"]) == (320, 180)
    assert stream["r_frame_rate"] == "60/1", "although 30 frames a second were generated"
    assert 35 < int(stream["nb_read_frames"]) / seconds < 61, "a loaded machine misses ticks"


@pytest.mark.slow
@pytest.mark.foreign
def test_a_film_that_is_sent_plays_as_fast_as_its_frames_came(tmp_path):
    """Ten a second, with a pause: no rate is fixed, each frame has the time at which it came."""
    film, stop = tmp_path / "film.mp4", threading.Event()
    numbers = iter(range(1, 1000))
    with open_sink("shm:test-uneven", Options(width=64, height=48)) as sink:

        def play():
            while not stop.wait(0.7 if (number := next(numbers)) % 8 == 0 else 0.1):
                sink.send(Frame(np.full((48, 64, 4), number, np.uint8), perf_counter(), number))

        sender = threading.Thread(target=play)
        sender.start()
        try:
            send_frames("shm:test-uneven", f"file:{film}", 2.0, threading.Event(), Console())
        finally:
            stop.set()
            sender.join()
    text = subprocess.run(
        ["ffprobe", "-v", "error", "-show_entries", "packet=pts_time:format=duration",
         "-of", "json", film],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    told = json.loads(text)
    times = sorted(float(packet["pts_time"]) for packet in told["packets"])
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert 1.9 < float(told["format"]["duration"]) < 2.6
    assert len(times) < 25, "no frame is made up"
    assert max(gaps) > 0.6
    assert 0.09 < median(gaps) < 0.2


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.browser
def test_the_page_shows_what_the_sink_is_sent(tmp_path):
    with (
        running(tmp_path, "--sink", "shm:test-page", "--output-size", "640x360") as bridge,
        chromium(tmp_path) as page,
    ):
        bridge.until(lambda state: state["state"] == "RUNNING")
        page.go(bridge.url)
        page.until(MOVES.replace("SIDE", "input"), 20)
        page.until(MOVES.replace("SIDE", "output"), 20)
        bridge.osc("/bridge/freeze", 1)
        bridge.until(lambda state: bridge.ask("parameters")["freeze"])
        reader = read("test-page")
        end = perf_counter() + 30
        while True:
            sent, shown = reader.newest().image[..., :3], pixels(page, "output")
            sent = cv2.resize(sent, shown.shape[1::-1], interpolation=cv2.INTER_AREA)
            if np.abs(shown.astype(int) - sent).mean() < 6:  # JPEG is all that lies between
                break
            assert perf_counter() < end, "the page shows another picture"
        reader.close()
        given = cv2.resize(pixels(page, "input"), shown.shape[1::-1])
        assert np.abs(shown.astype(int) - given).mean() > 15, "input and output differ"
        old = bridge.state()["worker"]
        for _ in range(2):  # it asks first
            page.run("document.querySelector('[data-action=kill_engine]').click()")
        state = bridge.until(lambda s: s["worker"] not in (0, old) and s["state"] == "RUNNING")
        assert state["black_frames"] == 0
        assert state["longest_gap"] < 250


MOVES = """
(() => {
  const canvas = document.getElementById("SIDE");
  const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  const sum = data.reduce((total, value, place) => (total * 31 + value * (place % 97)) % 1e9, 7);
  const before = window.SIDEsum;
  window.SIDEsum = sum;
  return before !== undefined && before !== sum && data.some((value, at) => at % 4 < 3 && value);
})()
"""


def pixels(page, side: str) -> np.ndarray:
    """What a canvas shows, (H, W, 3)."""
    width, height, text = page.run(f"""
        (() => {{
          const canvas = document.getElementById("{side}");
          const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
          let text = "";
          for (const value of data) text += String.fromCharCode(value);
          return [canvas.width, canvas.height, btoa(text)];
        }})()
    """)
    import base64

    data = np.frombuffer(base64.b64decode(text), np.uint8)
    return data.reshape(height, width, 4)[..., :3]
