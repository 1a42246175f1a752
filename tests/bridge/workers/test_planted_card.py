"""Whole processes on a machine with a card and a torch without CUDA: bridge, worker, doctor."""

import json
import os
import shutil
import subprocess
import urllib.error
from pathlib import Path

import pytest

from engine.system import builds
from tests.support import pynvml_of_one
from tests.support.bridge import COMMAND, running

build = builds.installed()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(build is None, reason="the extra `engine` is not installed"),
    pytest.mark.skipif(build is not None and build.cuda is not None, reason="torch has CUDA"),
]

WHY = "longlive cannot run on NVIDIA GeForce RTX 4090: torch "
DEMO = ("--sink", "null:", "--source", "demo:", "--pipeline", "longlive", "--size", "64x64",
        "--set", "weights=demo")  # fmt: skip


@pytest.fixture
def card(tmp_path: Path) -> dict[str, str]:
    """The environment of processes that see a card."""
    folder = tmp_path / "library"
    folder.mkdir()
    shutil.copy(pynvml_of_one.__file__, folder / "pynvml.py")
    path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path}
    environment.pop("CUDA_VISIBLE_DEVICES", None)
    return environment


def test_the_pipeline_is_refused_at_the_start_and_live_with_the_command_that_cures(tmp_path, card):
    with running(tmp_path, *DEMO, env=card) as bridge:
        state = bridge.until(lambda state: state["pipeline"] == "stylize" and state["device"])
        assert state["pipeline_asked"] == "longlive"
        assert state["error"].startswith(WHY)
        assert " has no CUDA; run `" in state["error"]
        assert "uv pip install --python " in state["error"]
        assert state["error"].endswith("`--device cpu`. Until then stylize is shown.")
        worker = state["worker"]
        with pytest.raises(urllib.error.HTTPError) as refused:
            bridge.ask("pipeline", {"pipeline": "reward-forcing"})
        told = json.load(refused.value)["detail"]
        assert told.startswith("reward-forcing cannot run on NVIDIA GeForce RTX 4090: torch ")
        state = bridge.until(lambda state: state["gpu_temperature"] == 71)
        assert (state["gpu_memory"], state["gpu_slowed_by"]) == (2000.0, "power limit")
        assert (state["pipeline"], state["worker"]) == ("stylize", worker)


def test_device_cpu_is_the_way_round_and_named(tmp_path, card):
    with running(tmp_path, *DEMO, "--device", "cpu", env=card) as bridge:
        state = bridge.until(lambda state: state["state"] == "RUNNING", 90)
        assert (state["pipeline"], state["device"], state["error"]) == ("longlive", "CPU", "")
        log = (tmp_path / "logs/Bridge.log").read_text(encoding="utf-8")
    assert "longlive runs on CPU" in log


def test_a_driver_that_hangs_stops_neither_the_output_nor_the_end(tmp_path, card):
    with (tmp_path / "library/pynvml.py").open("a") as module:
        module.write("\n\ndef nvmlInit():\n    import time\n\n    time.sleep(1000)\n")
    with running(tmp_path, *DEMO, env=card) as bridge:
        state = bridge.until(lambda state: state["state"] == "RUNNING")
        assert (state["pipeline"], state["pipeline_asked"]) == ("stylize", "longlive")
        assert "longlive cannot run on the NVIDIA GPU: its driver does not answer" in state["error"]
        bridge.ask("pipeline", {"pipeline": "passthrough"})
        bridge.until(lambda state: state["pipeline"] == "passthrough")


@pytest.mark.parametrize("chosen", [(), ("--device", "cpu")])
def test_the_doctor_says_it_to_people_and_programs(tmp_path, card, chosen):
    command = [*COMMAND, "doctor", "--port", "0", "--folder", str(tmp_path), *chosen]
    done = subprocess.run([*command, "--json"], capture_output=True, env=card, timeout=100)
    found = {each["name"]: each for each in json.loads(done.stdout)}
    assert found["NVIDIA GPU"]["value"].startswith("0: NVIDIA GeForce RTX 4090, compute ")
    problem = found["torch runs on"]["problem"]
    assert done.returncode == (0 if chosen else 1)
    assert found["torch runs on"]["value"] == (
        "the CPU, as chosen" if chosen else "no GPU of this machine"
    )
    assert problem.startswith("The generating pipelines cannot run on NVIDIA") is not bool(chosen)
