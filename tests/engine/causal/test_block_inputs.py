"""What a block is given, from frames and parameters, in each mode."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs pip install 'spout-bridge[engine]'")

from engine.catalog.controls import CausalParameters
from engine.catalog.specs import KREA, LONGLIVE, CausalSpec
from engine.causal.block_inputs import Conditioning, Mode
from engine.causal.network.attention import sdpa
from engine.causal.network.transformer import CausalTransformer
from engine.causal.network.vace import empty_vace
from engine.causal.network.wan_weights import random_transformer
from engine.causal.schedule import Schedule
from engine.causal.stream import BlockInputs, LatentStream
from engine.causal.vae.streams import random_vae
from engine.images.assets import Pictures
from engine.weights.checkpoint import randomised
from tests.support.tiny import SIZE, tiny_stream

WIDTH, HEIGHT = 64, 48
LEVELS = Schedule(LONGLIVE.shift).levels(LONGLIVE.steps["authors"])
COUNT = {"text": 0, "video": 13, "control": 9}  # pictures of the first block


def conditioning(mode: Mode, folder: Path, spec: CausalSpec = LONGLIVE) -> Conditioning:
    if mode == "control":
        size = replace(SIZE, vace_layers=(0,))
        vace = randomised(empty_vace(size), torch.float32, "cpu", std=0.12)
        network = CausalTransformer(random_transformer(size, torch.float32, "cpu"), sdpa, vace)
        stream = LatentStream(replace(spec, network=size), network, HEIGHT // 8, WIDTH // 8)
    else:
        stream = tiny_stream(spec)
    vae = random_vae("tae", torch.float32, "cpu", width=16)
    return Conditioning(stream, vae, Pictures(folder), (WIDTH, HEIGHT), mode)


def inputs(mode: Mode, folder: Path, **values: object) -> BlockInputs:
    rng = np.random.default_rng(0)
    shape = (COUNT[mode] + 3, HEIGHT, WIDTH, 4)  # as many as another mode would have taken
    images = [*rng.integers(0, 256, shape, np.uint8)] if COUNT[mode] else []
    return conditioning(mode, folder).inputs(images, CausalParameters(**values), LEVELS)


def test_without_pictures_a_block_is_all_noise(tmp_path: Path) -> None:
    found = inputs("text", tmp_path, noise_scale=0.4)
    assert found.video is None
    assert found.control is None
    assert found.noise_scale == 1.0
    assert found.levels == LEVELS


def test_a_video_is_what_it_starts_from_at_the_level_of_its_noise(tmp_path: Path) -> None:
    found = inputs("video", tmp_path, noise_scale=0.5, noise_controller=False)
    assert found.noise_scale == 0.5
    assert found.video is not None
    assert found.video.shape[2] == LONGLIVE.block + 1
    assert found.levels[0].timestep == 400
    assert found.levels[1:] == LEVELS[1:]
    moving = inputs("video", tmp_path, noise_scale=0.5)
    assert moving.noise_scale < 0.5
    assert moving.levels[0].timestep < 400


def test_as_control_the_pictures_steer_and_are_not_painted_over(tmp_path: Path) -> None:
    found = inputs("control", tmp_path, vace_scale=1.5)
    assert found.video is None
    assert found.control is not None
    assert found.control.shape == (1, 96, LONGLIVE.first_block, HEIGHT // 8, WIDTH // 8)
    assert found.control_scale == 1.5
    assert inputs("control", tmp_path, vace_on=False).control is None


def test_what_is_asked_for_of_the_window_is_in_it(tmp_path: Path) -> None:
    found = inputs("text", tmp_path)
    assert (found.hint_clean, found.recache_late, found.context_weight) == (False, True, 1.0)
    other = inputs("text", tmp_path, vace_clean_pass=True, prompt_change="as_trained",
                   cache_bias=0.3)  # fmt: skip
    assert (other.hint_clean, other.recache_late, other.context_weight) == (True, False, 0.3)


def test_the_noise_of_a_block_is_that_of_its_seed_and_frame(tmp_path: Path) -> None:
    one, same, other = (inputs("text", tmp_path, seed=seed).draw(3) for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_kreas_context_begins_with_the_oldest_picture_that_is_remembered(tmp_path: Path) -> None:
    made = conditioning("text", tmp_path, KREA)
    assert made.inputs((), CausalParameters(), LEVELS).context_head is None
    made._stream.frame = KREA.context + 1
    made.shown(torch.zeros(1, 3, 9, HEIGHT, WIDTH))
    grey = made.inputs((), CausalParameters(), LEVELS).context_head
    made.shown(torch.ones(1, 3, 8, HEIGHT, WIDTH))
    assert grey is not None
    assert torch.equal(made.inputs((), CausalParameters(), LEVELS).context_head, grey)
    made.shown(torch.ones(1, 3, 1, HEIGHT, WIDTH))
    assert not torch.equal(made.inputs((), CausalParameters(), LEVELS).context_head, grey)
