"""What VACE is given of live control video and mask."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs pip install 'spout-bridge[engine]'")

from engine.catalog.controls import CausalParameters
from engine.causal.block_inputs import MASKS_NOTHING, Mode
from engine.causal.transfer import to_tensor
from engine.pipeline import Guides, Image
from tests.engine.causal.test_block_inputs import HEIGHT, LEVELS, WIDTH, conditioning
from tests.support.slow_cases import rest_slow

COUNT = 9  # pictures of a stream's first block


def clip(seed: int, count: int = COUNT) -> list[Image]:
    rng = np.random.default_rng(seed)
    return [*rng.integers(0, 256, (count, HEIGHT, WIDTH, 4), np.uint8)]


def left(count: int = COUNT, *, alpha: int = 255, grey: int = 255) -> list[Image]:
    """Masks that are bright on the left."""
    mask = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    mask[:, : WIDTH // 2, :3] = grey
    mask[..., 3] = alpha
    return [mask] * count


def context(folder: Path, images: list[Image], guides: Guides, mode: Mode = "control", **values):
    made = conditioning(mode if mode == "control" else "control", folder)
    made.mode = mode
    found = made.inputs(images, CausalParameters(**values), LEVELS, guides)
    assert found.control is not None
    return found.control


def test_a_live_control_wins_over_the_input(tmp_path: Path) -> None:
    own = context(tmp_path, clip(1), Guides())
    depth = context(tmp_path, clip(1), Guides(control=clip(2)))
    assert torch.equal(depth, context(tmp_path, clip(2), Guides()))
    assert torch.equal(depth, context(tmp_path, [], Guides(control=clip(2)), mode="text"))
    assert not torch.equal(depth, own)


def test_of_what_is_masked_black_stays_and_white_may_change(tmp_path: Path) -> None:
    images = clip(1)
    found = context(tmp_path, images, Guides(mask=left()))
    vae = conditioning("control", tmp_path)._vae
    video, white = to_tensor(images, vae.device), torch.zeros(1, 1, COUNT, HEIGHT, WIDTH)
    white[..., : WIDTH // 2] = 1
    inactive, reactive, mask = found.split((16, 16, 64), 1)
    assert torch.equal(inactive, vae.encoder(True)(video * (1 - white)))
    assert torch.equal(reactive, vae.encoder(True)(video * white))
    assert mask[..., : WIDTH // 16].all()
    assert not mask[..., WIDTH // 16 :].any()


def test_with_a_control_that_is_what_the_mask_is_of(tmp_path: Path) -> None:
    masked = context(tmp_path, clip(1), Guides(control=clip(2), mask=left()))
    assert torch.equal(masked, context(tmp_path, clip(2), Guides(mask=left())))


@pytest.mark.parametrize(("alpha", "grey"), rest_slow([(0, 255), (255, 200), (7, 129)]))
def test_a_mask_is_how_bright_it_is(tmp_path: Path, alpha: int, grey: int) -> None:
    plain = context(tmp_path, clip(1), Guides(mask=left()))
    assert torch.equal(plain, context(tmp_path, clip(1), Guides(mask=left(alpha=alpha, grey=grey))))
    dark = context(tmp_path, clip(1), Guides(mask=left(grey=120)))
    assert not dark[:, 32:].any()


def test_an_input_that_is_painted_over_keeps_what_the_mask_says(tmp_path: Path) -> None:
    kept = context(tmp_path, clip(1, 13), Guides(mask=left(13)), mode="video")
    assert kept.shape[2] == 4
    assert kept[:, 32:, ..., : WIDTH // 16].all()
    assert not kept[:, 32:, ..., WIDTH // 16 :].any()


def test_a_mask_of_nothing_is_told_and_all_may_change(tmp_path: Path) -> None:
    made = conditioning("control", tmp_path)
    made.mode = "text"
    found = made.inputs([], CausalParameters(), LEVELS, Guides(mask=left()))
    assert found.control[:, 32:].all()
    assert made.problem == MASKS_NOTHING
    made.inputs(clip(1), CausalParameters(), LEVELS, Guides(mask=left()))
    assert made.problem == ""


def test_a_control_may_begin_and_end_in_the_middle_of_a_stream(tmp_path: Path) -> None:
    made = conditioning("control", tmp_path)
    made.mode = "text"
    stream = made._stream
    for guides in (Guides(), Guides(control=clip(2, 12)), Guides(control=clip(3, 12)), Guides(),
                   Guides(control=clip(2, 12))):  # fmt: skip
        found = made.inputs([], CausalParameters(), LEVELS, guides)
        assert found.control.shape[2] == stream.spec.block
        stream.frame += stream.spec.block


def test_the_mask_of_a_block_moves_with_its_pictures(tmp_path: Path) -> None:
    black = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    masks = [*left(5), *[black] * 4]
    folded = context(tmp_path, clip(1), Guides(mask=masks))[:, 32:]
    assert folded[:, :, 0].any()
    assert not folded[:, :, -1].any()
