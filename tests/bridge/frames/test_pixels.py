"""Images scaled, made opaque, darkened: as exact as slower ways, into any memory."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.frames.pixels import blend, darken, draw, fit, fit_into, is_opaque, opaque

HOWS = ("cover", "contain", "stretch")
SIDES = st.integers(1, 60)
SCALES = [  # from the usual inputs to the usual sizes of engines and outputs, a quarter of each
    ((320, 180), (144, 81)),
    ((480, 270), (144, 81)),
    ((480, 270), (128, 72)),
    ((960, 540), (144, 81)),
    ((480, 270), (320, 180)),
    ((480, 270), (256, 144)),
    ((320, 180), (208, 117)),
    ((480, 270), (208, 117)),
    ((960, 540), (320, 180)),
    ((333, 187), (150, 84)),
]


def noise(width: int, height: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 4), dtype=np.uint8)


def photograph(width: int, height: int) -> np.ndarray:
    """Detail of every size, the larger the stronger as in photographs, and hard edges."""
    spectrum = np.fft.fft2(np.random.default_rng(5).standard_normal((height, width)))
    across, down = np.meshgrid(np.fft.fftfreq(width), np.fft.fftfreq(height))
    spectrum[0, 0] = 0
    grey = np.fft.ifft2(spectrum / np.maximum(np.hypot(across, down), 1e-9)).real
    grey = 128 + 60 * grey / np.abs(grey).max()
    grey[height // 3 : height // 2, width // 4 : width // 2] += 60
    return rgba(grey)


def zone_plate(width: int, height: int) -> np.ndarray:
    """Rings that grow finer outwards, up to the finest that pixels can show."""
    down, across = np.mgrid[:height, :width].astype(float)
    far = (across - width / 2) ** 2 + (down - height / 2) ** 2
    return rgba(127.5 + 127.5 * np.cos(np.pi * far / np.hypot(width, height)))


def rgba(grey: np.ndarray) -> np.ndarray:
    pixels = np.clip(np.round(grey), 0, 255).astype(np.uint8)
    return np.dstack([pixels, pixels, pixels, np.full_like(pixels, 255)])


def by_areas(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))


def too_fine(size: tuple[int, int], made: tuple[int, int]) -> np.ndarray:
    """Where a zone plate of this size is finer than the pixels of the image made of it."""
    down, across = np.mgrid[: made[1], : made[0]].astype(float)
    scale = size[0] / made[0]
    far = np.hypot(across - made[0] / 2, down - made[1] / 2) * scale
    return far / np.hypot(*size) > 1.1 * 0.5 / scale


@pytest.mark.parametrize(("size", "made"), SCALES)
def test_a_photograph_looks_as_if_scaled_by_areas(size, made):
    image = photograph(*size)
    ours, areas = (scaled.astype(int) for scaled in (fit(image, *made), by_areas(image, made)))
    apart = np.abs(ours - areas)
    assert apart.mean() <= 2.5
    assert apart.max() <= 40


@pytest.mark.parametrize(("size", "made"), SCALES)
def test_fine_rings_flicker_hardly_more_than_by_areas(size, made):
    image, where = zone_plate(*size), too_fine(size, made)
    ours, areas = fit(image, *made), by_areas(image, made)
    contrast, least = (scaled[where][:, 0].astype(float).std() for scaled in (ours, areas))
    assert contrast <= 1.3 * least


@given(SIDES, SIDES, SIDES, SIDES, st.sampled_from(HOWS))
def test_one_colour_stays_exactly_that_colour(w, h, width, height, how):
    image = np.full((h, w, 4), 77, np.uint8)
    made = fit(image, width, height, how)
    inside = made[made[..., 3] == 77]
    assert (inside == 77).all()
    assert len(inside) == width * height or how == "contain"
    assert (made[made[..., 3] != 77] == [0, 0, 0, 255]).all()


@given(
    *[st.integers(20, 300)] * 2, *[st.integers(10, 80)] * 2, st.sampled_from(("cover", "stretch"))
)
def test_nothing_moves_sideways(w, h, width, height, how):
    """Of ramps, the middle must be in the middle, within a pixel of either image."""
    across, down = np.linspace(0, 255, w), np.linspace(0, 255, h)
    image = np.zeros((h, w, 4), np.uint8)
    image[..., 0], image[..., 1] = np.round(across), np.round(down)[:, None]
    made = fit(image, width, height, how).astype(float)
    for place, side, other in ((0, w, width), (1, h, height)):
        pixel = 255 / side * max(1, side / other)
        assert abs(made[..., place].mean() - 127.5) <= 1 + pixel


@given(SIDES, SIDES, SIDES, SIDES, st.sampled_from(HOWS), st.integers(0, 3))
def test_an_image_drawn_is_the_fitted_one_with_full_alpha(w, h, width, height, how, seed):
    image = noise(w, h, seed)
    if seed:
        image[..., 3] = 255
    out = np.full((height, width, 4), 9, np.uint8)
    before = image.copy()
    draw(out, image, how)
    assert (image == before).all()
    assert is_opaque(out)
    assert (out == opaque(fit(image, width, height, how))).all() or seed == 0
    assert (out[..., :3] == fit(image, width, height, how)[..., :3]).all()


@given(SIDES, SIDES, SIDES, SIDES, st.sampled_from(HOWS))
def test_it_scales_into_part_of_an_image_and_nowhere_else(w, h, width, height, how):
    around = np.full((height + 2, width + 2, 4), 3, np.uint8)
    fit_into(around[1:-1, 1:-1], noise(w, h), how)
    assert (around[1:-1, 1:-1] == fit(noise(w, h), width, height, how)).all()
    around[1:-1, 1:-1] = 3
    assert (around == 3).all()


def test_results_go_into_the_memory_that_is_given():
    one, other, out = noise(30, 20), noise(30, 20, 1), np.empty((20, 30, 4), np.uint8)
    assert fit(one, 30, 20, out=out) is out
    assert (out == one).all()
    for change in (
        lambda into: opaque(one, into),
        lambda into: blend(one, other, 0.3, into),
        lambda into: darken(one, 0.3, into),
        lambda into: darken(one, 1, into),
    ):
        result = change(out)
        assert np.shares_memory(result, out)
        assert (result == change(None)).all()
    assert opaque(opaque(one), out) is not out


def test_opaque_sees_any_single_pixel():
    image = noise(90, 70)
    image[..., 3] = 255
    assert is_opaque(image)
    draw_of = np.random.default_rng(2)
    for row, column in [(0, 0), (69, 89), *zip(*draw_of.integers(0, 70, (2, 30)), strict=True)]:
        image[row, column, 3] = draw_of.integers(0, 255)
        assert not is_opaque(image)
        made = opaque(image)
        assert is_opaque(made)
        assert (made[..., :3] == image[..., :3]).all()
        image[row, column, 3] = 255


@given(st.floats(0, 1, exclude_min=True))
def test_every_value_is_darkened_within_one_step(amount):
    values = np.zeros((2, 256, 4), np.uint8)
    values[..., :3] = np.arange(256)[None, :, None]
    values[0, :, 3], values[1, :, 3] = 255, np.arange(256)
    made = darken(values, amount)
    assert (made[..., 3] == values[..., 3]).all()
    assert np.abs(made[..., :3] - values[..., :3] * (1 - amount)).max() <= 0.5 + 1e-4
    assert (np.diff(made[0, :, 0].astype(int)) >= 0).all()


def test_darkening_takes_an_image_in_any_part():
    whole = noise(700, 300)  # larger than what is done at once
    whole[:150, :, 3] = 255
    plain = np.round(whole * 0.75).astype(int)
    made = darken(whole, 0.25)
    assert np.abs(made[..., :3].astype(int) - plain[..., :3]).max() <= 1
    assert (made[..., 3] == whole[..., 3]).all()
    part = whole[7:200, 30:400]
    assert (darken(part, 0.25) == made[7:200, 30:400]).all()
