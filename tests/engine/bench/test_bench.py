"""`spout-bridge bench engine` prints what it promises, for every pipeline."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("torch", reason="needs pip install 'spout-bridge[engine]'")

import torch
from torch import Tensor

from bridge.cli import commands as cli
from engine.bench import __main__ as bench
from engine.bench import figures, machine, prompts, stylize
from engine.catalog import specs
from engine.catalog.controls import CausalLoad
from engine.catalog.specs import LONGLIVE, STREAMDIFFUSIONV2, CausalSpec
from engine.causal.assembly import Parts
from engine.causal.network.transformer import CausalTransformer
from engine.causal.vae.streams import random_vae
from tests.support.tiny import prompt, tiny_stream
from tests.support.tiny_rows import SIZES, TINY

PROMISED = {
    "first block, from process start",
    "share of the limit, plain kernels",
    "share of the limit, compiled layers",
    "share of the limit, every known fusion",
    "speed-up over diffusers' eager blocks",
    "kernels per layer",
    "reads back to the host in a pass",
    "FLOP of a pass",
    "new prompt: first frame",
    "known prompt: first frame",
    "  of these, compiling and capturing",
    "denoising_steps changed: first frame",
}


class Ticks:
    """A clock that goes on by one at each look: one for each picture of a block, and two around
    them, of which its own time has one.
    """

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> float:
        self.now += 1
        return float(self.now)

    def pass_by(self, ticks: int) -> None:
        """Wait for others to look so often."""
        end, latest = self.now + ticks, time.monotonic() + 60
        while self.now < end and time.monotonic() < latest:
            time.sleep(0.001)


def printed(capfd: pytest.CaptureFixture[str], *words: str) -> tuple[Any, str]:
    """What the command ends with, and what it and its process have printed."""
    code: Any = 0
    try:
        cli.main(["bench", "engine", *words])
    except SystemExit as ended:
        code = ended.code
    out, err = capfd.readouterr()
    return code, out or err


@pytest.mark.slow
@pytest.mark.parametrize("spec", [LONGLIVE, STREAMDIFFUSIONV2], ids=lambda spec: spec.id)
def test_every_figure_is_printed(
    spec: CausalSpec, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the command's process does, in this one and with a small network."""
    monkeypatch.setitem(specs.SPECS, spec.id, replace(spec, network=TINY))
    monkeypatch.setattr(prompts, "UMT5_XXL", SIZES.text)
    monkeypatch.setattr(machine, "COPIED", 2**16)
    words = ["--size", "32x32", "--layers", "1", "--blocks", "1", "--json", "--device", "cpu"]
    monkeypatch.setattr("sys.argv", ["bench engine", *words, "--pipeline", spec.id])
    bench.main()
    told = capfd.readouterr().out
    figures = {figure["name"]: figure["value"] for figure in json.loads(told)}
    assert set(figures) >= PROMISED
    assert figures["reads back to the host in a pass"] == "0"
    assert float(figures["largest difference from them"]) < 1e-3
    assert figures["known prompt: encoder"] == "0.0 ms"


@pytest.mark.slow
@pytest.mark.parametrize("spec", [LONGLIVE, STREAMDIFFUSIONV2], ids=lambda spec: spec.id)
def test_a_known_prompt_shows_in_the_next_block_and_a_new_one_once_it_is_encoded(
    spec: CausalSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, slow = Ticks(), 200  # which are many of these blocks
    monkeypatch.setattr(prompts, "perf_counter", clock)

    def encode(text: str) -> Tensor:
        clock.pass_by(0 if "known" in text else slow)
        return prompt(len(text))

    stream = tiny_stream(spec)
    vae = random_vae("tae", torch.float32, "cpu", width=16)
    parts = Parts(stream.spec, stream.network, vae, encode, lambda text: "")
    size, load = (64, 48), CausalLoad(vae="tae", passes="plain")
    found = {figure.name: figure for figure in prompts.prompt_to_picture(parts, size, load, 2)}
    block = float(found["with VAE and prompts: a block"].value.split()[0]) / 1e3
    times = {name: float(figure.value.split()[0]) for name, figure in found.items()}
    assert times["known prompt: first frame"] < 1
    assert times["new prompt: first frame"] > 0.8 * slow / block
    assert found["known prompt: encoder"].beside == "0 calls"


@pytest.mark.slow
def test_vace_steers_the_blocks_that_are_measured(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    steered: list[int] = []  # contexts that came to the network before the end of each block
    contexts = 0
    inner, embedded = figures.Runner.block, CausalTransformer.embedded

    def block(runner: figures.Runner) -> dict[str, float]:
        found = inner(runner)
        steered.append(contexts)
        return found

    def counted(network: CausalTransformer, context: Tensor) -> Tensor:
        nonlocal contexts
        contexts += 1
        return embedded(network, context)

    monkeypatch.setattr(figures.Runner, "block", block)
    monkeypatch.setattr(CausalTransformer, "embedded", counted)
    small = replace(TINY, vace_layers=(0, 30))  # of which one layer has only the first
    monkeypatch.setitem(specs.SPECS, LONGLIVE.id, replace(LONGLIVE, network=small))
    monkeypatch.setattr(prompts, "UMT5_XXL", SIZES.text)
    monkeypatch.setattr(machine, "COPIED", 2**16)
    words = ["--size", "32x32", "--layers", "1", "--blocks", "1", "--json", "--vace"]
    monkeypatch.setattr("sys.argv", ["bench engine", *words, "--device", "cpu"])
    bench.main()
    names = {figure["name"] for figure in json.loads(capfd.readouterr().out)}
    assert steered == [*range(1, len(steered) + 1)]
    eager = "speed-up over diffusers' eager blocks"  # which have no VACE
    assert eager in PROMISED
    assert eager not in names
    assert names >= PROMISED - {eager}


@pytest.mark.parametrize(("words", "sentence"), [
    (("--pipeline", "x"), "longlive"),
    (("--device", "tpu"), "takes cuda, cuda:1 … or cpu, not 'tpu'"),
    (("--device", "cuda:99"), "only where torch finds that device"),
    (("--quantization", "fp8", "--device", "cpu"), "needs an NVIDIA GPU"),
    (("--how", "graphs", "--device", "cpu"), "on CUDA only; choose plain"),
])  # fmt: skip
def test_what_cannot_run_is_refused_before_anything_is_measured(
    words: tuple[str, ...], sentence: str, capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("sys.argv", ["bench engine", *words])
    with pytest.raises(SystemExit) as end:
        bench.main()
    assert end.value.code == 2
    assert sentence in capfd.readouterr().err


@pytest.mark.slow
def test_the_command_is_a_process_whose_words_output_and_status_are_its_own(
    capfd: pytest.CaptureFixture[str],
) -> None:
    code, told = printed(capfd, "--device", "cpu", "--how", "graphs")
    assert code == 2
    assert "on CUDA only; choose plain" in told, "it got so far with torch"


@pytest.mark.parametrize("main", [bench.main, stylize.main], ids=["engine", "stylize"])
def test_a_benchmark_that_is_asked_for_help_measures_nothing(
    main: Callable[[], None], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(word: str) -> tuple[Any, str, str]:
        monkeypatch.setattr("sys.argv", ["bench", word])
        with pytest.raises(SystemExit) as end:
            main()
        return end.value.code, *capfd.readouterr()

    code, out, err = asked("--help")
    assert (code, out[:7], err) == (0, "usage: ", "")
    code, out, err = asked("--hlep")
    assert (code, out) == (2, "")
    assert "unrecognized arguments: --hlep" in err
