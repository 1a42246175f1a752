"""A closed terminal, and a standard error that nobody reads, do not disturb a running bridge."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from time import perf_counter

import av
import psutil
import pytest

from tests.support.bridge import COMMAND, Running
from tests.support.plugins import install

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="has neither SIGHUP nor /dev/full"),
]
FULL = Path("/dev/full")
KEEP = pytest.mark.parametrize("keep", [(), ("--keep",)], ids=["by itself", "kept"])


@pytest.fixture(autouse=True)
def _a_terminal():
    """As from a terminal also where the tests themselves are run by nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@contextmanager
def started(folder, *arguments, stderr, sink="null:", **more):
    """A bridge that runs, whatever becomes of what it says."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    command = [*COMMAND, "run", "--port", str(port), "--folder", str(folder), "--name", "Xends",
               "--source", "pattern:", "--sink", sink, "--size", "64x48",
               "--output-size", "64x48", "--osc-feedback", "none", *arguments]  # fmt: skip
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr, **more
    ) as process:
        bridge = Running(process, port, [])
        try:
            runs(bridge)
            yield bridge
        finally:
            if process.poll() is None:
                for child in psutil.Process(process.pid).children(recursive=True):
                    child.kill()
                process.kill()


def until(true) -> None:
    end = perf_counter() + 40
    while not true():
        assert perf_counter() < end, "it did not come"
        time.sleep(0.05)


def runs(bridge: Running, worker: int = 0) -> int:
    """Wait until it makes pictures, with another worker than that; the worker."""
    end = perf_counter() + 40
    while True:
        try:
            state = bridge.state()
            if state["state"] == "RUNNING" and state["worker"] != worker:
                return state["worker"]
        except OSError:
            pass
        assert bridge.process.poll() is None, "it has ended"
        assert perf_counter() < end, "it does not run"
        time.sleep(0.05)


@KEEP
def test_a_terminal_that_is_closed_is_a_normal_end(tmp_path, keep):
    said = tmp_path / "said"
    with said.open("wb") as stderr, started(tmp_path, *keep, stderr=stderr) as bridge:
        worker = runs(bridge)
        if keep:
            psutil.Process(bridge.process.pid).children()[0].kill()
            runs(bridge, worker)
        family = psutil.Process(bridge.process.pid).children(recursive=True)
        bridge.process.send_signal(signal.SIGHUP)
        assert bridge.process.wait(30) == 0
        assert family
        assert not psutil.wait_procs(family, 30)[1], "somebody of it is left"
    assert json.loads((tmp_path / "Xends.journal.json").read_text())["ended"] is True
    assert "Traceback" not in said.read_text()


@pytest.mark.parametrize("who", ["bridge", "everyone"])
def test_asked_twice_with_an_engine_that_hears_nothing_it_ends_in_order(tmp_path, who):
    """As in a long compile; and whichever of the processes of `--keep` is asked."""
    clip = tmp_path / "out.mp4"
    more = {"sink": f"file:{clip}", "stderr": subprocess.DEVNULL, "start_new_session": True}
    with started(tmp_path, "--keep", **more) as bridge:
        keeper = psutil.Process(bridge.process.pid)
        family = keeper.children(recursive=True)
        runs(bridge)
        until(lambda: clip.exists() and clip.stat().st_size > 10_000)
        psutil.Process(bridge.state()["worker"]).suspend()
        child = keeper.children()[0]
        for _ in range(2):
            if who == "everyone":
                os.killpg(keeper.pid, signal.SIGTERM)
            else:
                (child if who == "bridge" else keeper).send_signal(signal.SIGTERM)
            time.sleep(0.1)
        assert bridge.process.wait(30) == 0
        assert not psutil.wait_procs(family, 30)[1], "somebody of it is left"
    assert json.loads((tmp_path / "Xends.journal.json").read_text())["ended"] is True
    with av.open(str(clip)) as film:
        assert film.duration > 0, "it was finished"
        assert sum(1 for _ in film.decode(video=0)) > 10


@KEEP
def test_while_its_source_hangs_at_the_start_it_ends_in_three_seconds(tmp_path, keep):
    install(tmp_path, "spout_bridge.transports", "mire")
    asked = tmp_path / "asked"
    (tmp_path / "mire.py").write_text(
        "import time\nfrom pathlib import Path\n"
        f"def open_source(name, options):\n    Path({str(asked)!r}).touch()\n    time.sleep(60)\n"
    )
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    command = [*COMMAND, "run", *keep, "--port", "0", "--folder", str(tmp_path), "--name", "Xends",
               "--source", "mire:", "--sink", "null:", "--osc-feedback", "none"]  # fmt: skip
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": path}
    ) as process:
        family = []
        try:
            until(asked.exists)
            family = psutil.Process(process.pid).children(recursive=True)
            process.send_signal(signal.SIGTERM)
            assert process.wait(3) == 0
            assert not psutil.wait_procs(family, 30)[1], "somebody of it is left"
        finally:
            process.kill()
            for each in family:
                with suppress(psutil.NoSuchProcess):
                    each.kill()
    assert json.loads((tmp_path / "Xends.journal.json").read_text())["ended"] is True


def test_under_nohup_a_terminal_that_is_closed_ends_nothing(tmp_path):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # is what a child begins with
    try:
        with started(tmp_path, stderr=subprocess.DEVNULL) as bridge:
            bridge.process.send_signal(signal.SIGHUP)
            time.sleep(0.5)
            runs(bridge)
            bridge.process.send_signal(signal.SIGTERM)
            assert bridge.process.wait(30) == 0
    finally:
        signal.signal(signal.SIGHUP, before)


@KEEP
@pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full here")
def test_a_disk_that_takes_no_word_ends_nothing(tmp_path, keep):
    with FULL.open("wb") as full, started(tmp_path, *keep, stderr=full) as bridge:
        worker = runs(bridge)
        psutil.Process(worker).kill()  # of which it has something to say
        runs(bridge, worker)
        if keep:
            worker = runs(bridge)
            psutil.Process(bridge.process.pid).children()[0].kill()
            runs(bridge, worker)
        bridge.process.send_signal(signal.SIGTERM)
        assert bridge.process.wait(30) == 0
    assert json.loads((tmp_path / "Xends.journal.json").read_text())["ended"] is True
    log = (tmp_path / "logs" / "Xends.log").read_text()
    assert "was killed by SIGKILL" in log
    assert log.count("Traceback") <= 1, "what cannot be told is told once, in the log"
