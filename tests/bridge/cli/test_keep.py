"""`spout-bridge run --keep`: a crashed bridge is restarted."""

import io
import json
import os
import signal
import socket
import time
from time import perf_counter

import psutil
import pytest
from rich.console import Console

from bridge.cli.commands import main
from bridge.cli.supervisor import supervise
from bridge.settings import Settings
from engine.ipc.ring import RingReader
from engine.ipc.segments import PREFIX, RingError, folder
from tests.support.bridge import refused, running

pytestmark = pytest.mark.slow

BACK = 60.0  # seconds that a start may take on a busy machine
KEPT = ("--keep", "--pipeline", "passthrough", "--output-size", "64x48")
PLAIN = (*KEPT, "--sink", "null:")
ENGINE = ("--pipeline", "stylize", "--size", "64x48")  # with a worker


def free_port() -> str:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return str(taken.getsockname()[1])


def bridges(keeper) -> list[psutil.Process]:
    """The one bridge of a keeper; none between two lives."""
    return psutil.Process(keeper.process.pid).children()


def gone(process: psutil.Process) -> bool:
    """Whether it runs no more; whoever inherits it may be slow to bury it."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def until(true, seconds: float = BACK) -> float:
    began = perf_counter()
    while not true():
        assert perf_counter() - began < seconds, "it did not come"
        time.sleep(0.005)
    return perf_counter() - began


def new_picture(name: str, old_writer: int) -> bool:
    """Whether the sink of that name has a picture of another process."""
    try:
        reader = RingReader(name)
    except (FileNotFoundError, RingError):
        return False
    new = reader.writer != old_writer and reader.newest() is not None
    reader.close()
    return new


def test_a_killed_bridge_is_back_with_its_sink_and_its_look(tmp_path):
    with running(tmp_path, "--keep", "--port", free_port(), "--sink", "shm:test-keep") as keeper:
        keeper.until(lambda state: state["state"] == "RUNNING")
        keeper.osc("/bridge/vace", 0.5)
        journal = tmp_path / "Bridge.journal.json"
        keeper.until(lambda _: json.loads(journal.read_text())["values"].get("vace_scale") == 0.5)
        old = bridges(keeper)[0]
        old.kill()
        began = perf_counter()
        until(lambda: new_picture("test-keep", old.pid))
        sink = perf_counter() - began
        keeper.until(lambda state: state["frames_new"] > 0)
        generated = perf_counter() - began
        print(f"in the sink again after {sink:.2f} s, generating after {generated:.2f} s")
        assert keeper.ask("parameters")["vace_scale"] == 0.5
        assert any("killed by SIGKILL" in line and "restarts now" in line
                   for line in keeper.lines)  # fmt: skip


@pytest.mark.alone
@pytest.mark.parametrize("everyone", [False, True], ids=["told by us", "told by the console"])
def test_ctrl_c_ends_the_bridge_and_its_keeper_in_under_two_seconds(tmp_path, everyone):
    before = set(folder().glob(PREFIX + "*"))
    with running(tmp_path, *KEPT, *ENGINE, "--sink", "shm:test-keep-end") as keeper:
        state = keeper.until(lambda state: state["state"] == "RUNNING")
        family = [*bridges(keeper), psutil.Process(state["worker"])]
        began = perf_counter()
        for process in [keeper.process, *family] if everyone else [keeper.process]:
            process.send_signal(signal.SIGINT)
        assert keeper.process.wait(10) == 0
        assert perf_counter() - began < 2
        assert all(map(gone, family))
        assert not any("restarts" in line for line in keeper.lines)
    assert set(folder().glob(PREFIX + "*")) <= before


def test_ctrl_c_while_the_bridge_starts(tmp_path):
    with running(tmp_path, *PLAIN) as keeper:
        old = bridges(keeper)[0]
        old.kill()
        until(lambda: bridges(keeper) not in ([], [old]))
        keeper.process.send_signal(signal.SIGINT)
        assert keeper.process.wait(30) == 0


def test_a_killed_keeper_takes_everything_along(tmp_path):
    with running(tmp_path, *PLAIN, *ENGINE) as keeper:
        state = keeper.until(lambda state: state["state"] == "RUNNING")
        family = [*bridges(keeper), psutil.Process(state["worker"])]
        keeper.process.kill()
        keeper.process.wait()
        print(f"gone after {until(lambda: all(map(gone, family))):.2f} s")


def test_what_is_refused_is_not_started_again(tmp_path):
    folder = ("--folder", str(tmp_path))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        status, text = refused("run", "--keep", "--port", port, *folder)
    assert (status, f"Port {port} is in use by" in text) == (3, True)
    assert str(os.getpid()) in text
    status, text = refused("run", "--keep", "--host", "0.0.0.0", *folder)
    assert (status, "add --token" in text) == (4, True)
    status, text = refused("run", "--keep", "--size", "huge", *folder)
    assert (status, "576x320" in text) == (2, True)
    assert "restarts" not in text


class Lives:
    """Bridges that live for the given seconds and end with the given status, on a clock of ours."""

    def __init__(self, monkeypatch, *lives: tuple[float, int]) -> None:
        self.now, self.starts, self.given = 0.0, [], []
        self._left = list(lives)
        monkeypatch.setattr("bridge.cli.supervisor.stop_event", lambda: self)
        monkeypatch.setattr("bridge.cli.supervisor.perf_counter", lambda: self.now)
        monkeypatch.setattr("bridge.cli.supervisor._run", self._run)

    def _run(self, arguments, environment, stop) -> int:
        self.starts.append(round(self.now))
        self.given.append((arguments, dict(environment)))
        lived, status = self._left.pop(0)
        self.now += lived
        return status

    def is_set(self) -> bool:
        return not self._left

    def wait(self, seconds: float) -> bool:
        self.now += seconds
        return False


def kept(*arguments: str, **settings) -> str:
    out = io.StringIO()
    console = Console(file=out, width=200)
    assert supervise(["run", *arguments], Settings(**settings), console) == 0
    return out.getvalue()


def test_it_waits_longer_and_longer_while_it_dies_young(monkeypatch):
    lives = Lives(monkeypatch, *[(1.0, -9)] * 8, (30.0, -11), *[(0.0, 70)] * 3)
    text = kept()
    begun = [0, 1, 3, 6, 11, 20, 31, 42]  # at once, then after 1, 2, 4, 8, 10, 10 s
    assert lives.starts == [*begun, 53, 83, 84, 86]
    assert "was killed by SIGSEGV after 30 s and restarts now" in text
    assert "ended with status 70 after 0 s and restarts in 2 s" in text


def test_what_ran_for_long_is_not_refused_for_good(monkeypatch):
    lives = Lives(monkeypatch, (100.0, -9), (1.0, 3), (10.0, 0), (10.0, 0))
    assert "ended with status 3 after 1 s and restarts in 1 s" in kept()
    assert len(lives.starts) == 3


def test_what_ran_shortly_is_not_refused_for_good_and_keeps_its_look(monkeypatch):
    """It is killed soon, and then a folder or a name is in the way for a while."""
    lives = Lives(monkeypatch, (2.0, -9), *[(0.5, 1)] * 6, (100.0, 0), (1.0, 0))
    text = kept()
    assert len(lives.starts) == 8
    assert "ended with status 1" in text
    assert "Starting clean" not in text


def test_it_starts_again_with_the_same_token_and_never_fresh(monkeypatch):
    lives = Lives(monkeypatch, (100.0, -9), (100.0, 0xC0000005), (100.0, 0))
    text = kept("--kee", "--fresh", "--lan", "--name", "Keep", lan=True)
    assert "crashed (Windows says 0xc0000005)" in text
    first, *again = lives.given
    assert first[0] == ["run", "--fresh", "--lan", "--name", "Keep"]
    assert [arguments for arguments, _ in again] == [["run", "--lan", "--name", "Keep"]] * 2
    assert len({environment["SPOUT_BRIDGE_TOKEN"] for _, environment in lives.given}) == 1
    assert again[0][1]["SPOUT_BRIDGE_FRESH"] == "false"


def test_what_dies_four_times_at_its_start_finds_a_clean_journal_once(monkeypatch):
    lives = Lives(monkeypatch, *[(1.0, -11)] * 6)
    assert "Starting clean this time" in kept()
    fresh = [environment.get("SPOUT_BRIDGE_FRESH") for _, environment in lives.given]
    assert fresh == [None, "false", "false", "false", "true", "false"]


def test_a_defect_ends_with_a_status_that_is_no_refusal(monkeypatch, caplog, tmp_path):
    def serve(*_):
        raise RuntimeError("a nail in the tyre")

    monkeypatch.setattr("bridge.cli.run.run_bridge", serve)
    with pytest.raises(SystemExit) as end:
        main(["run", "--folder", str(tmp_path)])
    assert end.value.code == 70
    assert "please report it" in caplog.text
    assert "a nail in the tyre" in caplog.text
