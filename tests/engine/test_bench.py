"""`spout-bridge bench engine` prints what it promises, for every pipeline."""

import json
import subprocess
import sys

import pytest

pytest.importorskip("torch", reason="needs pip install 'spout-bridge[engine]'")

from engine.pipelines.specs import LONGLIVE, STREAMDIFFUSIONV2

COMMAND = [sys.executable, "-c", "from bridge.cli import main; main()", "bench", "engine"]
PROMISED = {
    "first block, from the process's start",
    "part of the kernel ceiling",
    "faster than diffusers' blocks, eager",
    "kernels per layer",
    "reads back to the host in a pass",
    "FLOP of a pass",
}


@pytest.mark.slow
@pytest.mark.parametrize("pipeline", [LONGLIVE.id, STREAMDIFFUSIONV2.id])
def test_every_figure_is_printed(pipeline: str) -> None:
    options = ["--size", "64x64", "--layers", "1", "--blocks", "3", "--json"]
    done = subprocess.run(
        [*COMMAND, "--pipeline", pipeline, *options], capture_output=True, text=True, check=True
    )
    figures = {figure["name"]: figure["value"] for figure in json.loads(done.stdout)}
    assert set(figures) >= PROMISED
    assert figures["reads back to the host in a pass"] == "0"
    assert float(figures["largest difference to it"]) < 1e-3


@pytest.mark.slow
def test_a_wrong_option_is_told_with_what_there_is() -> None:
    done = subprocess.run(
        [*COMMAND, "--pipeline", "x"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "longlive" in done.stderr
