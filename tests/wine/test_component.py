"""A bridge as the TouchDesigner component starts and ends it, on Windows."""

import os
import subprocess
import sys
from contextlib import suppress
from time import monotonic
from types import SimpleNamespace

import pytest
from rig_tools import wait

from bridge.cli.td import KIT

SLOW = 110.0  # seconds that a start may take in the rig


@pytest.fixture
def processes():
    names = {"__name__": "bridge_process"}
    exec(compile((KIT / "bridge_process.py").read_text("utf-8"), "bridge_process", "exec"), names)
    yield SimpleNamespace(names=names, **names)
    for found in list(names["shelf"]().values()):
        names["stop"](found, 0.0)


def line(*words):
    return subprocess.list2cmdline([sys.executable, *words])


def test_a_process_is_known_by_its_birth(processes):
    own = processes.born(os.getpid())
    assert own
    assert processes.born(os.getpid()) == own
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert processes.born(gone.pid) == "", "though its handle is still open"


def test_the_end_of_its_input_is_its_own_and_force_is_for_who_does_not_obey(processes, tmp_path):
    log = tmp_path / "log"
    told = "import sys; print('up ü', flush=True); sys.stdin.read()"
    found = processes.start(line("-c", told), 1, 8000, str(tmp_path), log)
    wait(lambda: processes.last_lines(log, 1) == "up ü", SLOW)
    assert processes.status(found) is None
    assert processes.stop(found) == 0
    found = processes.start(line("-c", "import time; time.sleep(60)"), 1, 8000, "", log)
    began = monotonic()
    assert processes.stop(found, 0.5) != 0
    assert monotonic() - began < 30
    assert processes.shelf() == {}


def test_one_of_an_earlier_touchdesigner_is_found_again_and_ended(processes):
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as other:
        mark = {"pid": other.pid, "born": processes.born(other.pid), "port": 1, "log": ""}
        processes.claim(7, 8000, {**mark, "born": "1"}, lambda owner: False)
        assert processes.of(7) is None
        processes.claim(7, 8000, mark, lambda owner: False)
        assert processes.stop(processes.of(7)) == 0
        other.wait(30)


def test_the_bridge_itself_ends_well_when_it_is_asked_to(processes, tmp_path):
    environment = {**processes.environment(), "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    processes.names["environment"] = lambda: environment
    command = line(
        "-m", "bridge.cli", "run", "--keep", "--port", "0", "--folder", str(tmp_path),
        "--source", "demo:", "--sink", "null:", "--pipeline", "passthrough",
        "--osc-feedback", "none",
    )  # fmt: skip
    found = processes.start(command, 1, 0, str(tmp_path), tmp_path / "log")
    journal = tmp_path / "Bridge.journal.json"

    def written() -> str:
        with suppress(FileNotFoundError, PermissionError):  # not yet, or being replaced just now
            return journal.read_text("utf-8")
        return ""

    try:
        wait(lambda: "passthrough" in written(), SLOW)
    except AssertionError:
        raise AssertionError(processes.last_lines(tmp_path / "log", 9)) from None
    began = monotonic()
    assert processes.stop(found) == 0
    print(f"ended after {monotonic() - began:.1f} s")
    assert '"ended": true' in written()
