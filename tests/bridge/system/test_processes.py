"""The bridge as a process: signals that end it, and closed or full standard streams."""

import ctypes
import io
import json
import logging
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections import deque
from contextlib import contextmanager, suppress
from time import perf_counter
from types import SimpleNamespace

import cv2
import psutil
import pytest
from rich.console import Console

from bridge.cli.run import _watch, run_bridge
from bridge.cli.send import send_frames
from bridge.downloads.downloads import Downloads
from bridge.errors import CommandError
from bridge.settings import Settings
from bridge.system import logs
from bridge.system.processes import from_outside
from bridge.workers.client import WorkerClient, _runs
from engine.ipc.messages import FROM_WORKER, VERSION, WorkerHello
from engine.ipc.typed import encode
from engine.system.waking import wake_in_time
from tests.bridge.cli.test_keep import gone
from tests.support.bridge import COMMAND, Running, refused, running
from tests.support.rig import running_session
from tests.support.slow_cases import rest_slow

SMALL = ("--pipeline", "passthrough", "--output-size", "64x48", "--size", "64x48")


def journal(folder, name: str):
    return json.loads((folder / f"{name}.journal.json").read_text())


@pytest.mark.slow
@pytest.mark.parametrize("keep", [(), ("--keep",)], ids=["alone", "kept"])
def test_the_end_of_stdin_is_a_normal_end(tmp_path, keep):
    """As a host ends us that knows no signals, TouchDesigner on Windows, or one that crashes:
    recording and look are whole.
    """
    clip = tmp_path / "out.mp4"
    code = "import sys, time; sys.stdout.write('ready'); sys.stdout.flush(); time.sleep(60)"
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    try:
        with running(
            tmp_path, *keep, *SMALL, "--sink", f"file:{clip}", "--name", "Xstdin",
            "--stop-on-stdin-end", stdin=holder.stdout,
        ) as bridge:  # fmt: skip
            bridge.until(lambda state: state["frames_new"] > 30)
            bridge.osc("/bridge/prompt", "gold")
            bridge.until(lambda state: state["osc_messages"] == 1)
            assert bridge.process.poll() is None, "what is written there ends nothing"
            holder.kill()
            assert bridge.process.wait(10) == 0
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
    assert journal(tmp_path, "Xstdin")["ended"] is True
    assert journal(tmp_path, "Xstdin")["values"]["prompt"] == "gold"
    film = cv2.VideoCapture(str(clip))
    assert film.isOpened()
    assert film.read()[0]
    film.release()


@pytest.mark.slow
@pytest.mark.parametrize("keep", [(), ("--keep",)], ids=["alone", "kept"])
def test_a_stdin_without_another_end_is_refused(tmp_path, keep):
    status, text = refused("run", *keep, "--port", "0", "--folder", str(tmp_path),
                           "--stop-on-stdin-end")  # fmt: skip
    assert status == 1
    assert "--stop-on-stdin-end needs a pipe" in text


@contextmanager
def unread(tmp_path, *arguments):
    """A bridge whose standard error nobody reads, full as of a console that a click has stopped:
    the process and its port.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with suppress(BlockingIOError):
        while os.write(writer, b"x" * 4096):
            pass
    os.set_blocking(writer, True)
    process = subprocess.Popen(
        [*COMMAND, "run", "--port", str(port), "--folder", str(tmp_path), "--osc-feedback", "none",
         *arguments],
        stderr=writer,
    )  # fmt: skip
    os.close(writer)
    try:
        yield Running(process, port, [])
    finally:
        process.kill()
        process.wait()
        os.close(reader)


def answering(bridge):
    end = perf_counter() + 30
    while True:
        try:
            return bridge.until(lambda state: state["state"] == "RUNNING")
        except OSError:  # it is being started
            assert perf_counter() < end
            time.sleep(0.05)


@pytest.mark.slow
def test_a_console_that_takes_nothing_keeps_no_dead_engine_dead_and_no_end(tmp_path):
    more = "--pipeline", "stylize", "--sink", "null:", "--name", "Xfull", "-vv"
    with unread(tmp_path, *SMALL, *more) as bridge:
        for _ in range(2):
            old = answering(bridge)
            os.kill(old["worker"], signal.SIGKILL)
            bridge.until(lambda state, old=old: state["restarts"] > old["restarts"])
            back = answering(bridge)
            bridge.until(lambda state, back=back: state["frames_new"] > back["frames_new"] + 20)
        bridge.osc("/bridge/prompt", "gold")
        bridge.until(lambda state: state["osc_messages"] == 1)
        bridge.process.send_signal(signal.SIGINT)
        assert bridge.process.wait(10) == 0, "nor does its end wait for the console"
    assert journal(tmp_path, "Xfull")["ended"] is True


@pytest.mark.slow
def test_a_console_that_takes_nothing_keeps_no_dead_bridge_dead(tmp_path):
    more = (*SMALL, "--sink", "null:", "--name", "Xkept")
    with unread(tmp_path, *more, "--keep") as bridge:
        answering(bridge)
        child = psutil.Process(bridge.process.pid).children()[0]
        child.kill()
        psutil.wait_procs([child], 10)
        answering(bridge)
        bridge.process.send_signal(signal.SIGINT)
        assert bridge.process.wait(10) == 0


@pytest.mark.slow
def test_a_refusal_that_nobody_reads_is_one_all_the_same(tmp_path):
    with unread(tmp_path, "--source", "nothing") as bridge:
        assert bridge.process.wait(20) == 2


class Held(io.StringIO):
    """A console in which somebody selects text."""

    def __init__(self):
        super().__init__()
        self.let_go = threading.Event()

    def write(self, text):
        self.let_go.wait(20)
        return super().write(text)

    def isatty(self):
        return True


@pytest.mark.parametrize("terminal", [True, False])
def test_who_tells_how_it_goes_waits_for_no_console(monkeypatch, terminal):
    """And when it takes text again it shows what holds then, not what held meanwhile."""
    monkeypatch.setattr("bridge.cli.run.BEAT", 0.001)
    monkeypatch.setattr("bridge.cli.run.TELL", 0.0)
    texts = iter(f"line {number}" for number in range(100))
    stop, held = threading.Event(), Held()

    def line(_):
        text = next(texts)
        if text == "line 99":
            stop.set()
        return text

    monkeypatch.setattr("bridge.cli.run._line", line)
    logs.to_terminal(logging.StreamHandler(held), logging.INFO)
    try:
        _watch(Console(file=held, force_terminal=terminal, width=60), None, stop)
        held.let_go.set()
    finally:
        assert logs.end()
    shown = re.findall(r"line (\d+)", held.getvalue())
    assert shown[-1] == "99"
    assert len(shown) == (len(set(shown)) if terminal else 100)


def test_send_waits_for_no_console_either(tmp_path):
    held = Held()
    logs.to_terminal(logging.StreamHandler(held), logging.INFO)
    try:
        send_frames(
            "demo:", "null:", 0.1, threading.Event(), Console(file=held, force_terminal=False)
        )
        held.let_go.set()
    finally:
        assert logs.end()
    assert "Ctrl-C to stop" in held.getvalue()


LAUNCHER = """#!/bin/sh
# As python.exe of a venv on Windows: it starts the real one, waits for it and ends as it did.
"{real}" "$@"
exit $?
"""


@contextmanager
def in_venv(tmp_path, *arguments):
    launcher = tmp_path / "python"
    launcher.write_text(LAUNCHER.format(real=sys.executable))
    launcher.chmod(0o755)
    code = (
        f"import sys; sys.executable = {str(launcher)!r}; "
        "from tests.support.impatient import main; main()"
    )
    with running(tmp_path, *arguments, command=[sys.executable, "-c", code]) as bridge:
        yield bridge


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs sh, and a child that ends with it")
def test_where_python_is_only_a_launcher_the_worker_itself_is_measured_and_ended(tmp_path):
    with in_venv(tmp_path, "--sink", "null:", "--size", "64x48", "--name", "Xvenv",
                 "--output-size", "64x48") as bridge:  # fmt: skip
        first = bridge.until(lambda state: state["state"] == "RUNNING")
        worker = psutil.Process(first["worker"])
        launcher = worker.parent()
        assert "engine.worker" in worker.cmdline()
        assert worker.name().startswith("python")
        assert launcher.ppid() == bridge.process.pid
        assert first["worker_memory"] > 15, "a launcher has one or two"

        bridge.ask("actions/kill_engine", {})
        second = bridge.until(lambda state: state["worker"] not in (0, first["worker"]))
        psutil.wait_procs([worker], 10)
        assert gone(worker)
        bridge.until(lambda state: state["state"] == "RUNNING")
        psutil.Process(second["worker"]).kill()  # by the number that is shown, as a user would
        third = bridge.until(lambda state: state["state"] == "RUNNING" and state["restarts"] == 2)
        worker = psutil.Process(third["worker"])
        bridge.process.send_signal(signal.SIGINT)
        assert bridge.process.wait(10) == 0
        psutil.wait_procs([worker], 5)
        assert gone(worker)


def test_nobody_else_is_ended_for_a_workers_word():
    link = WorkerClient.__new__(WorkerClient)
    link.pid, link._launched = 1, None
    with subprocess.Popen([sys.executable, "-c", "pass"]) as link._process:
        for pid in (os.getppid(), os.getpid()):
            with pytest.raises(ValueError, match="we did not start"):
                link._note(WorkerHello(version=VERSION, pid=pid))
    for pid in (0, -1, 2**32):
        with pytest.raises(ValueError, match=f"pid cannot be {pid}: it must be 1 to 4294967295"):
            FROM_WORKER.decode(encode(WorkerHello(version=VERSION, pid=pid)), first=True)
    assert (link.pid, link._launched) == (1, None)


@pytest.mark.parametrize(
    ("status", "said", "told"),
    [
        (1, ["loading"], "was killed from outside, such as by the task manager"),
        (0xFFFFFFFF, [], "was killed from outside, such as by the task manager"),
        (1, ["Traceback (most recent call last):", "KeyError: 1"], "crashed in Python"),
        (1, ["Thread 0x1 (most recent call first):"], "hung or crashed in Python"),
        (0xC0000005, [], "crashed (Windows says 0xc0000005)"),
        (75, [], "ran out of memory"),
    ],
)
def test_who_ended_a_worker_is_told_as_far_as_windows_tells(monkeypatch, status, said, told):
    monkeypatch.setattr("bridge.system.processes.sys", SimpleNamespace(platform="win32"))
    link = WorkerClient.__new__(WorkerClient)
    link.error, link.trying, link.code, link.log = "", "", status, deque(said)
    link._killed = link.asked_to_die = False
    assert told in link.why()


def test_elsewhere_a_status_of_one_is_pythons_own():
    assert not from_outside(1, []) or sys.platform == "win32"


class Windows:
    """What is asked of its libraries, each call with its arguments; `refuses` names what fails."""

    def __init__(self, monkeypatch, refuses=()):
        self.asked, self._refuses = [], refuses
        monkeypatch.setattr(ctypes, "WinDLL", self, raising=False)
        for module in ("bridge.system.windows", "engine.system.waking"):
            monkeypatch.setattr(f"{module}.sys", SimpleNamespace(platform="win32"))

    def __call__(self, library):
        return SimpleNamespace(
            timeBeginPeriod=lambda period: self._take("period", period),
            GetCurrentProcess=Handle(),
            SetProcessInformation=lambda _, kind, data, size: self._take(
                "throttling", kind, *struct.unpack("<III", data[:size])
            ),
            SetThreadExecutionState=lambda flags: self._take("state", flags.value),
        )

    def _take(self, *call):
        self.asked.append(call)
        fails = call in self._refuses
        return int(fails if call[0] == "period" else not fails)


class Handle:
    def __call__(self):
        return 2**64 - 1


def test_windows_is_asked_for_a_finer_clock_and_full_speed(monkeypatch):
    windows = Windows(monkeypatch)
    wake_in_time()
    assert windows.asked == [("period", 1), ("throttling", 4, 1, 5, 0)]
    old = Windows(monkeypatch, refuses=[("throttling", 4, 1, 5, 0)])
    wake_in_time()
    assert old.asked[1:] == [("throttling", 4, 1, 5, 0), ("throttling", 4, 1, 1, 0)]


@pytest.mark.parametrize("allowed", [True, False])
def test_no_machine_sleeps_while_it_runs_but_where_that_is_allowed(tmp_path, monkeypatch, allowed):
    """And however the run ends, it may sleep again."""
    windows = Windows(monkeypatch)
    monkeypatch.setattr("bridge.cli.run.stop_event", threading.Event)

    def session(*_):
        raise CommandError("nothing is there")

    monkeypatch.setattr("bridge.cli.run.session_of", session)
    with pytest.raises(CommandError):
        run_bridge(Settings(folder=tmp_path, allow_sleep=allowed), {}, Console(file=io.StringIO()))
    states = [call[1] for call in windows.asked if call[0] == "state"]
    assert states == ([] if allowed else [0x80000003, 0x80000000])
    assert ("period", 1) in windows.asked


@pytest.mark.slow
def test_no_codec_or_driver_writes_to_the_terminal():
    """In the frame path that would wait for a console that takes nothing."""
    code = (
        "import cv2, numpy; from bridge.cli import run; from bridge.transports import camera, file;"
        "cv2.VideoCapture(99); cv2.VideoCapture('no.mp4');"
        "cv2.imdecode(numpy.frombuffer(b'\\x89PNG\\r\\n\\x1a\\n' + bytes(200), 'u1'), -1)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("system", "code", "told"),
    [
        ("linux", "import os; os.kill(os.getpid(), 9)", "was killed by SIGKILL"),
        ("win32", "import os; os._exit(1)", "was killed from outside, such as by the task manager"),
        ("win32", "1 / 0", "ended with status 1; start it again to resume it. ZeroDiv"),
    ],
)
def test_who_ended_a_download_is_told_too(tmp_path, monkeypatch, system, code, told):
    def launch(*_):
        return subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    monkeypatch.setattr("bridge.downloads.downloads._launch", launch)
    monkeypatch.setattr("bridge.downloads.downloads.find_spec", lambda _: True)
    monkeypatch.setattr("bridge.system.processes.sys", SimpleNamespace(platform=system))
    downloads = Downloads(tmp_path)
    downloads.start("longlive", [])
    downloads.join(20)
    assert not downloads.now.running
    assert told in downloads.now.error


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("where", rest_slow(["near", "far"]))
def test_a_worker_that_dies_is_replaced_whoever_holds_its_pipes(tmp_path, where):
    with running_session(tmp_path, load={"children": where}, pipeline="painter") as rig:
        stop = rig.steady_input()
        rig.running("painter")
        worker = rig.session.status().worker
        children = first = psutil.Process(worker).children()
        assert children
        rig.crash()
        rig.until(lambda: rig.session.status().worker not in (0, worker))
        rig.running("painter")
        assert rig.session.status().restarts == 1
        if where == "near":
            rig.until(lambda: not any(map(_runs, children)))
        children = psutil.Process(rig.session.status().worker).children()
        stop()
    if where == "near":  # by a normal end, too
        psutil.wait_procs(children, 5)
        assert not any(map(_runs, children))
    for child in [*first, *children]:
        with suppress(psutil.Error):
            child.kill()
