"""`spout-bridge bench engine` prints what it promises, for every pipeline."""

import json
import subprocess
import sys
import time

import pytest

pytest.importorskip("torch", reason="needs pip install 'spout-bridge[engine]'")

import torch
from torch import Tensor

from engine.assembly import Parts
from engine.bench.prompts import prompt_to_picture
from engine.models.vae import random_vae
from engine.pipelines.controls import CausalLoad
from engine.pipelines.specs import LONGLIVE, STREAMDIFFUSIONV2, CausalSpec
from tests.engine.tiny import prompt, tiny_stream

COMMAND = [sys.executable, "-c", "from bridge.cli import main; main()", "bench", "engine"]
PROMISED = {
    "first block, from the process's start",
    "part of the kernel ceiling",
    "faster than diffusers' blocks, eager",
    "kernels per layer",
    "reads back to the host in a pass",
    "FLOP of a pass",
    "prompt never seen: first picture",
    "known prompt: first picture",
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
    assert figures["known prompt: encoder"] == "0.0 ms"


@pytest.mark.slow
@pytest.mark.parametrize("spec", [LONGLIVE, STREAMDIFFUSIONV2], ids=lambda spec: spec.id)
def test_a_known_prompt_shows_in_the_next_block_and_a_new_one_once_it_is_encoded(
    spec: CausalSpec,
) -> None:
    slow = 0.25  # seconds, which are many of these blocks

    def encode(text: str) -> Tensor:
        time.sleep(0 if "known" in text else slow)
        return prompt(len(text))

    stream = tiny_stream(spec)
    vae = random_vae("tae", torch.float32, "cpu", width=16)
    parts = Parts(stream.spec, stream.network, vae, encode, lambda text: "")
    size, load = (64, 48), CausalLoad(vae="tae", passes="plain")
    found = {figure.name: figure for figure in prompt_to_picture(parts, size, load, 2)}
    block = float(found["with VAE and prompts: a block"].value.split()[0]) / 1e3
    times = {name: float(figure.value.split()[0]) for name, figure in found.items()}
    assert times["known prompt: first picture"] < 0.8 * slow / block
    assert times["prompt never seen: first picture"] > slow / block
    assert found["known prompt: encoder"].value == "0.0 ms"
    assert found["known prompt: encoder"].beside == "0 calls"


@pytest.mark.slow
def test_a_wrong_option_is_told_with_what_there_is() -> None:
    done = subprocess.run(
        [*COMMAND, "--pipeline", "x"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "longlive" in done.stderr
