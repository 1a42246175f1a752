"""`spout-bridge doctor`: its report, and the problems that it finds."""

import os
import re
import socket
import subprocess

import pytest

from bridge import __version__
from bridge.doctor import checks
from bridge.doctor.loopback import loop
from bridge.settings import Settings
from engine.system.installation import pip
from tests.support.bridge import COMMAND, running

pytestmark = pytest.mark.slow


@pytest.fixture
def port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def printed(capsys, tmp_path, **settings) -> tuple[int, dict[str, str], list[str]]:
    """The exit status, what is said of each thing, and the problems."""
    status = checks.doctor(Settings(folder=tmp_path, **settings))
    said, _, problems = capsys.readouterr().out.partition("\n\n")
    rows = {line[:16].strip(): line[17:] for line in said.splitlines()}
    return status, rows, re.findall(r"^Problem: (.+)$", problems, re.MULTILINE)


def test_where_all_is_well_it_says_what_a_bug_report_needs(tmp_path, port):
    done = subprocess.run(
        [*COMMAND, "doctor", "--port", str(port), "--folder", str(tmp_path)],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    print(done.stdout)
    for line in (
        rf"spout-bridge +{re.escape(__version__)}", r"Python +3\.\d+\.\d+, .*python", "system +.+",
        r"numpy +numpy \d", r"onnxruntime +onnxruntime \d", r"cv2 +opencv-python-headless \d",
        r"av +av \d", "SpoutGL +", "OpenGL +", "onnxruntime has +.*CPUExecutionProvider",
        rf"processors +{os.cpu_count()}", r"memory +.* GB free of .* GB",
        "shared memory +.* GB free", f"port +{port} is free", rf"folder +{tmp_path}, .* GB free",
        "NVIDIA GPU +", "pipelines +stylize, passthrough",
        "No problems found",
    ):  # fmt: skip
        assert re.search(f"^{line}", done.stdout, re.MULTILINE), line


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_taken_port_is_named_with_its_owner(capsys, tmp_path, kind):
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            taken.listen()
        port = taken.getsockname()[1]
        status, rows, problems = printed(capsys, tmp_path, port=port)
    assert status == 1
    assert rows["port"] == f"{port} is in use"
    (problem,) = problems
    assert f"Port {port} is in use by" in problem
    assert f"(process {os.getpid()})" in problem
    assert "--port" in problem


def test_a_bridge_that_runs_is_no_problem(capsys, tmp_path):
    with running(tmp_path, "--sink", "null:", "--pipeline", "passthrough") as bridge:
        bridge.until(lambda state: state["state"] == "RUNNING")
        status, rows, problems = printed(capsys, tmp_path, port=bridge.port)
    assert (status, problems) == (0, [])
    assert "in use by a running bridge: state RUNNING, " in rows["port"]
    assert "pipeline passthrough" in rows["port"]


def test_what_is_missing_or_small_or_broken_is_said_with_the_cure(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(checks, "packages_distributions", lambda: {"numpy": ["numpy"]})
    monkeypatch.setattr(checks, "find_spec", lambda name: True)
    monkeypatch.setattr(checks, "_answer", lambda *command: (1, "DLL load failed"))
    monkeypatch.setattr(checks, "PICTURES", 10**9)
    (tmp_path / "file").touch()
    status, rows, problems = printed(capsys, tmp_path / "file" / "below", port=0)
    assert status == 1
    assert rows["av"] == "not installed"
    for words in (
        f"av is missing: install it with `{pip()} install av`",
        f"cv2 is missing: install it with `{pip()} install opencv-python-headless`",
        "onnxruntime is installed but does not load (DLL load failed)",
        "cv2 is installed but does not load (DLL load failed)",
        "too little for frames of 1280x720: choose a smaller --output-size",
        "is not writable (Not a directory): choose another with --folder",
    ):
        assert sum(words in problem for problem in problems) == 1, words
    assert not any("SpoutGL" in problem for problem in problems), "it is for Windows"


def test_a_program_that_does_not_answer_is_a_finding_too(monkeypatch):
    monkeypatch.setattr(checks, "PATIENCE", 0.1)
    assert checks._answer("sleep", "5")[0] == -1
    assert checks._answer("no-such-program")[0] == -1
    assert checks._answer("sh", "-c", "echo one >&2; echo two >&2; exit 3") == (3, "two")


def test_the_loop_compares_every_byte():
    passage = loop("shm:test-loop", 333, 201, 20)
    assert passage.exact == 20
    assert len(passage.sent) == len(passage.received) == 19
    assert "pick shm:test-loop" in passage.out
    assert "333x201" in passage.back


def test_the_loop_ends_where_nothing_comes_back(monkeypatch):
    monkeypatch.setattr("bridge.doctor.loopback.FIRST", 0.1)
    passage = loop("null:", 64, 48, 20)
    assert (passage.exact, passage.sent) == (0, [])
