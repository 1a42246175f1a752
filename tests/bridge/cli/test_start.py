"""How a start is fast: the worker's process comes first, the web server last; and what a start that
fails leaves behind.
"""

import gc
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from functools import partial

import psutil
import pytest

from bridge.cli import run
from bridge.cli.commands import main
from bridge.errors import ExitStatus
from bridge.workers import launch
from bridge.workers.launch import WORKER, Ahead
from bridge.workers.machine import LocalMachine
from tests.support.bridge import refused_here, running
from tests.support.rig import running_session

LATER = {"fastapi", "starlette", "uvicorn", "websockets", "prometheus_client", "av", "onnxruntime"}


def test_what_the_card_does_not_need_is_imported_later():
    code = "import sys, bridge.cli.run; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not LATER & set(done.stdout.split())


@pytest.mark.slow
def test_the_sink_has_a_frame_before_the_web_server_is_imported(tmp_path, monkeypatch):
    def noted(server, query):
        seen.append(server._desk.wait_for_frame(0))
        stop.set()

    seen, stop = [], threading.Event()
    monkeypatch.setattr(run, "stop_event", lambda: stop)
    monkeypatch.setattr(run, "FIRST", 60)
    monkeypatch.setattr(run.HttpServer, "start", noted)
    ends = ["--source", "pattern:", "--sink", "null:", "--port", "0", "--osc-feedback", "none"]
    main(["run", "--folder", str(tmp_path), "--pipeline", "passthrough", *ends])
    assert seen == [True]


def workers(process) -> list[psutil.Process]:
    found = psutil.Process(process.pid).children(recursive=True)
    return [each for each in found if WORKER in each.cmdline()]


@pytest.mark.slow
def test_a_run_has_one_worker_and_leaves_none(tmp_path):
    ends = "--source", "pattern:", "--sink", "null:", "--pipeline", "stylize"
    with running(tmp_path, *ends) as bridge:
        shown = bridge.until(lambda state: state["state"] == "RUNNING")
        (worker,) = workers(bridge.process)
        assert worker.pid == shown["worker"]
        bridge.ask("actions/kill_engine", {})
        again = bridge.until(lambda state: state["worker"] not in (0, worker.pid))
        bridge.until(lambda state: state["state"] == "RUNNING")
        assert [each.pid for each in workers(bridge.process)] == [again["worker"]]
    assert not psutil.pid_exists(again["worker"])


def test_the_process_started_first_is_the_first_worker(tmp_path):
    with Ahead() as ahead:
        ahead.start(None, cpu=True)
        first = ahead._process
        with running_session(tmp_path, machine=partial(LocalMachine, ahead=ahead)) as rig:
            rig.until(lambda: rig.session.status().worker)
            assert rig.session.status().worker == first.pid
            assert ahead.take() is None
            rig.session.actions["kill_engine"].run()
            rig.until(lambda: rig.session.status().worker not in (0, first.pid))


def quiet(more: list[str]) -> list[str]:
    """Flags of a run that disturbs nobody, without those that `more` has."""
    flags = {"--source": "demo:", "--sink": "null:", "--port": "0"}
    return [word for flag, given in flags.items() if flag not in more for word in (flag, given)]


@pytest.mark.slow
@pytest.mark.parametrize("more", [[], ["--sink", "camera:0"], ["--pipeline", "longlve"]])
def test_garbage_is_looked_for_once_it_runs_and_not_in_what_it_started_with(
    more, tmp_path, monkeypatch, capsys
):
    def watched(*_):
        seen.append((gc.isenabled(), gc.get_freeze_count()))

    def checked(*given):
        seen.append((gc.isenabled(), gc.get_freeze_count()))
        return session_of(*given)

    seen = []
    session_of = run.session_of
    monkeypatch.setattr(run, "_watch", watched)
    monkeypatch.setattr(run, "session_of", checked)
    monkeypatch.setenv("SPOUT_BRIDGE_FOLDER", str(tmp_path))
    stop = threading.Event()
    monkeypatch.setattr(run, "stop_event", lambda: stop)
    with suppress(SystemExit):
        main(["run", *quiet(more), "--osc-feedback", "none", *more])
    assert not seen[0][0]
    assert more or seen[1][0]
    assert more or seen[1][1] > seen[0][1], "what it started with is left out"
    assert gc.isenabled(), capsys.readouterr().err


@pytest.fixture
def started(monkeypatch):
    """The processes that were started as workers."""
    made = []

    def noted(*given, **more):
        made.append(real(*given, **more))
        return made[-1]

    real = launch.launch
    monkeypatch.setattr(launch, "launch", noted)
    return made


@pytest.mark.parametrize(
    ("more", "status"),
    [
        (["--pipeline", "longlve"], ExitStatus.USAGE),
        (["--sink", "camera:0"], ExitStatus.USAGE),
        (["--set", "mix=9"], ExitStatus.USAGE),
        (["--source", "file:gone.mp4"], ExitStatus.FAILED),
        (["--host", "0.0.0.0"], ExitStatus.UNSAFE),
        (["--port", "BUSY"], ExitStatus.PORT_TAKEN),
        (["--folder", "FILE"], ExitStatus.FAILED),
    ],
)
def test_a_start_that_fails_leaves_no_worker(more, status, started, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SPOUT_BRIDGE_FOLDER", str(tmp_path))
    (tmp_path / "file").touch()
    with socket.create_server(("127.0.0.1", 0)) as busy:
        places = {"BUSY": str(busy.getsockname()[1]), "FILE": str(tmp_path / "file")}
        more = [places.get(word, word) for word in more]
        code, told = refused_here(monkeypatch, capsys, "run", *quiet(more), *more)
    assert code == status, told
    assert started, "or this tests nothing"
    assert all(process.poll() is not None for process in started)


def test_passthrough_which_needs_no_worker_starts_none(started, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SPOUT_BRIDGE_FOLDER", str(tmp_path))
    refused_here(monkeypatch, capsys, "run", "--pipeline", "passthrough", "--sink", "camera:0")
    assert started == []


def test_a_wrong_flag_starts_none(started, monkeypatch, capsys):
    for wrong in ("--fps", "many"), ("--nonsense", "1"), ("--gpu", "first"):
        code, _ = refused_here(monkeypatch, capsys, "run", *wrong)
        assert code == ExitStatus.USAGE
    assert started == []


def test_a_process_is_taken_once_and_only_alive():
    with Ahead() as ahead:
        assert ahead.take() is None
        ahead.start(None, cpu=True)
        process = ahead.take()
        assert process.poll() is None
        assert ahead.take() is None
        process.stdin.close()  # it ends with its pipe, taken or not
        process.wait(30)
        process.stdout.close()
        process.stderr.close()
        ahead.start(None, cpu=True)
        ended = ahead._process
        ended.kill()
        ended.wait(30)
        assert ahead.take() is None
        ahead.start(None, cpu=True)
        left = ahead._process
    assert left.poll() is not None
