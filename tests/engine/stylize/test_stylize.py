"""`stylize` is the network of the installed package, and does what its controls say."""

import threading
import time
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
import pytest

from engine.bench.stylize import flicker, pan, still, textured
from engine.catalog.controls import StylizeLoad, StylizeParameters
from engine.catalog.lexicon import LOOKS
from engine.pipeline import Context
from engine.stylize.drawing import draw
from engine.stylize.glide import StyleTransition
from engine.stylize.network import Encoder, generator
from engine.stylize.pipeline import CROSSFADE, Stylize
from engine.stylize.recipes import read
from engine.stylize.steady import KEEP, Steady
from tests.engine.stylize.wheel import STYLE, model_path, plain, transform_model
from tests.support.slow_cases import rest_slow


class Rig:
    """The pipeline with an assets folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        context = Context(folder, folder, lambda phase, done, total: None)
        self.pipeline = Stylize(StylizeLoad(backend="onnx"), context)

    def __call__(self, image, **parameters):
        """One picture; the first call waits for its look, later ones may show the last one."""
        chosen = {"fade": 0.0, "anti_flicker": 0.0, **parameters}
        (result,) = self.pipeline([image], StylizeParameters(**chosen))
        return result

    def arrived(self, image, **parameters):
        """The picture when every look has arrived."""
        for _ in range(100):
            result = self(image, **parameters)
            if not self.pipeline.report()["arriving"]:
                return result
            time.sleep(0.01)
        raise AssertionError("the look did not arrive")

    def keep(self, name: str, image) -> str:
        cv2.imwrite(str(self.folder / name), cv2.cvtColor(image[..., :3], cv2.COLOR_RGB2BGR))
        return name


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path)


def mean_colour(image):
    return image[..., :3].reshape(-1, 3).mean(0)


def muted(image):
    """Colours as a camera gives them: the drawn ones are more vivid than any photograph."""
    colours = image[..., :3].astype(np.float32)
    grey = colours.mean(-1, keepdims=True)
    result = image.copy()
    result[..., :3] = 128 + (grey + (colours - grey) * 0.5 - 128) * 0.7
    return result


@cache
def of_the_wheel():
    """The int8 model that the wheel ships, at the one size that it has."""
    # Its own optimiser changes its own picture by up to 0.019: the plain graph is the truth.
    session = plain(model_path("arbitrary_transform.onnx").read_bytes(), optimised=False)

    def paint(image, style):
        unit = image[None, ..., :3].astype(np.float32) / 255
        given = {"content_image": unit, STYLE: style.reshape(1, 1, 1, 100)}
        return session.run(None, given)[0][0]

    return paint


@pytest.mark.parametrize("seed", rest_slow([1, 5, 8]))
def test_ours_differs_by_no_more_than_the_rounding_of_the_wheels_model(seed):
    content, style = muted(textured(384, 384, 11)), Encoder()(muted(textured(256, 256, seed)))
    wanted = of_the_wheel()(content, style)
    ours = generator("onnx")(content, style).astype(np.float32) / 255
    difference = np.abs(ours - wanted).mean()
    print(f"mean difference to the wheel's own model at 384x384: {difference:.4f}")
    assert difference <= 0.02
    other = generator("onnx")(content, Encoder()(draw(read("gold circles"))))
    assert np.abs(other.astype(np.float32) / 255 - wanted).mean() > 0.06, "styles do differ"


@pytest.mark.slow
@pytest.mark.parametrize("prompt", rest_slow(["starry night", "ocean waves"]))
def test_with_that_rounding_kept_it_is_the_same_to_the_last_byte(prompt):
    content, style = textured(384, 384, 11), Encoder()(draw(read(prompt)))
    rounded = plain(transform_model(rounded=True), optimised=False)
    given = {"image": content, STYLE: style.reshape(1, 1, 1, 100)}
    ours = rounded.run(None, given)[0][0].astype(np.float32) / 255
    assert np.abs(ours - of_the_wheel()(content, style)).mean() < 0.5 / 255


@pytest.mark.slow
@pytest.mark.parametrize("size", [(1, 1), (3, 2), (16, 16), (333, 201), (130, 70)])
def test_any_size_comes_back_as_it_came_with_its_alpha(rig, size):
    image = textured(*size)
    image[..., 3] = np.linspace(0, 255, size[0]).astype(np.uint8)
    result = rig(image)
    assert result.shape == image.shape
    assert np.array_equal(result[..., 3], image[..., 3])


def test_strength_zero_is_exactly_the_input_and_fades_in_without_a_step(rig):
    image = textured(128, 96)
    assert np.array_equal(rig(image, vace_scale=0.0), image)
    steps = [rig(image, vace_scale=CROSSFADE * part / 10).astype(int) for part in range(15)]
    jumps = [np.abs(b - a).mean() for a, b in pairwise(steps)]
    assert max(jumps) < 12, "no step of the fader jumps"
    assert np.abs(steps[-1] - image).mean() > 15, "and there is something to fade to"


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", rest_slow(["starry night", "fire", "gold and black circles", "sepia"], 2)
)
def test_the_mean_colour_nears_the_reference_all_the_way(rig, name):
    image = textured(192, 128, 8)
    wanted = mean_colour(draw(read(name)))
    scales = np.linspace(0, 1, 9)
    means = [mean_colour(rig(image, prompt=name, vace_scale=float(scale))) for scale in scales]
    far = [float(np.linalg.norm(mean - wanted)) for mean in means]
    assert all(after < before + 0.5 for before, after in pairwise(far)), far
    assert far[-1] < 0.7 * far[0]


@pytest.mark.parametrize("scale", [1.5, 2.0])
def test_above_one_it_goes_on_and_stays_a_picture(rig, scale):
    image = textured(192, 128, 8)
    one, more = rig(image, vace_scale=1.0), rig(image, vace_scale=scale)
    assert np.abs(more.astype(int) - one).mean() > 4
    assert more[..., :3].std() > 10


def edges(image):
    grey = cv2.cvtColor(image, cv2.COLOR_RGBA2GRAY)
    return cv2.Canny(cv2.GaussianBlur(grey, (0, 0), 1.2), 40, 120) > 0


def kept_edges(image, result):
    """What part of the input's edges has one within 2 pixels in the result."""
    near = cv2.dilate(edges(result).astype(np.uint8), np.ones((5, 5)))
    return near[edges(image)].mean()


def shapes(width=320, height=240):
    image = np.full((height, width, 4), 255, np.uint8)
    image[..., :3] = (60, 90, 140)
    cv2.rectangle(image, (40, 40), (150, 170), (230, 210, 60, 255), -1)
    cv2.circle(image, (230, 130), 60, (190, 40, 40, 255), -1)
    cv2.line(image, (10, 220), (310, 190), (245, 245, 245, 255), 6)
    return image


def colour_map_error(image, result):
    """What is left of `result` after the best map from a pixel's colour to a colour; of 255."""
    keys = image[..., :3].reshape(-1, 3).astype(int) // 4 @ [4096, 64, 1]
    values = result[..., :3].reshape(-1, 3).astype(float)
    _, place, count = np.unique(keys, return_inverse=True, return_counts=True)
    means = np.stack([np.bincount(place, values[:, c]) for c in range(3)], 1) / count[:, None]
    return np.abs(values - means[place]).mean()


def test_shapes_stay_where_they_are_and_texture_is_laid_on(rig):
    image = shapes()
    result = rig(image, prompt="starry night")
    elsewhere = np.roll(result, (37, 61), (0, 1))
    kept, chance = kept_edges(image, result), kept_edges(image, elsewhere)
    print(f"edges kept {kept:.2f}, by chance {chance:.2f}")
    assert kept > 0.8
    assert kept > chance + 0.2
    assert colour_map_error(image, result) > 8, "no map from colour to colour explains it"
    inverted = image.copy()
    inverted[..., :3] = 255 - inverted[..., [1, 2, 0]]
    assert colour_map_error(image, inverted) < 1, "such a map would be found out"


def test_references_blend_by_their_weights(rig):
    red, blue = (np.full((64, 64, 4), 255, np.uint8) for _ in range(2))
    red[..., :3], blue[..., :3] = (200, 30, 20), (20, 40, 200)
    rig.keep("red.png", red)
    rig.keep("blue.png", blue)
    image = textured(96, 96)
    both = {"prompt": "", "reference": "red.png", "reference_2": "blue.png"}
    alone = [rig.arrived(image, **{**both, "reference_2": ""}),
             rig.arrived(image, **{**both, "reference_weight": 0.0})]  # fmt: skip
    warm = [mean_colour(picture)[0] - mean_colour(picture)[2] for picture in alone]
    assert warm[0] > warm[1] + 20
    half = mean_colour(rig.arrived(image, **both))
    assert warm[1] < half[0] - half[2] < warm[0]
    more = mean_colour(rig.arrived(image, **both, reference_2_weight=0.2))
    assert half[0] - half[2] < more[0] - more[2]


def test_a_reference_is_encoded_once(rig, monkeypatch):
    monkeypatch.setattr("engine.images.assets.AGAIN", 0.0)
    rig.keep("one.png", draw(read("fire")))
    image = textured(64, 64)
    counted = []
    looks = rig.pipeline._looks
    encode, looks._encode = looks._encode, lambda picture: counted.append(1) or encode(picture)
    for _ in range(3):
        rig.arrived(image, prompt="", reference="one.png")
        rig.arrived(image, prompt="ocean")
    assert len(counted) == 2
    rig.keep("one.png", draw(read("forest leaves")))
    for _ in range(500):
        rig.arrived(image, prompt="", reference="one.png")
        if len(counted) == 3:
            break
    assert len(counted) == 3, "another picture under the same name is another look"


def test_a_later_look_is_prepared_beside_the_one_that_is_shown(rig):
    rig.keep("one.png", draw(read("fire")))
    image = textured(64, 64)
    before = rig.arrived(image, prompt="ocean")

    def prepare(**later):
        for _ in range(500):
            assert np.array_equal(rig(image, prompt="ocean"), before)
            if not rig.pipeline.prepare(StylizeParameters(**later)):
                return
            time.sleep(0.01)

    later = {"prompt": "forest leaves", "reference": "one.png"}
    prepare(**later)
    assert not np.array_equal(rig(image, **later), before)
    assert rig.pipeline.report()["arriving"] == 0, "in its first block"
    with pytest.raises(ValueError, match=r"Reference 'gone\.png' not found"):
        prepare(reference="gone.png")


@pytest.mark.parametrize(
    "name",
    rest_slow(
        ["gone.png", "../secret.png", "broken.png", "/etc/passwd", "x" * 5000, ".", "con\0"], 3
    ),
)
def test_a_reference_that_is_none_is_said_and_leaves_the_look(rig, name, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"\x89PNG no")
    (tmp_path.parent / "secret.png").write_bytes(cv2.imencode(".png", textured(8, 8))[1])
    image = textured(64, 64)
    rig.keep("good.png", draw(read("fire")))
    before = rig.arrived(image, prompt="", reference="good.png")
    after = rig.arrived(image, prompt="", reference=name)
    assert np.array_equal(before, after), "what was good holds"
    (problem,) = rig.pipeline.report()["problems"]
    assert problem.endswith(".")
    assert len(problem) < 200


def test_closed_it_leaves_no_thread_behind(tmp_path):
    before = {*threading.enumerate()}
    rig = Rig(tmp_path)
    name = rig.keep("red.png", np.full((64, 64, 3), (200, 20, 20), np.uint8))
    rig.arrived(textured(64, 64), prompt="ocean", reference=name)
    threads = {*threading.enumerate()} - before
    assert len(threads) == 3, "one looks at files, one reads them, one draws"
    rig.pipeline.close()
    for thread in threads:
        thread.join(20)
    assert not {*threading.enumerate()} & threads


def test_words_are_told_apart(rig):
    rig.arrived(textured(64, 64), prompt="Golden waves over zyzzyva, burning!")
    report = rig.pipeline.report()
    assert report["words_used"] == ["golden", "waves", "burning"]
    assert report["words_unused"] == ["zyzzyva"]
    rig.arrived(textured(64, 64), prompt="qwxyz")
    assert "has no known words" in rig.pipeline.report()["problems"][0]


def test_a_prompt_of_unknown_words_keeps_the_look_before_it(rig):
    image = textured(64, 64)
    sea = rig.arrived(image, prompt="ocean")
    assert np.array_equal(rig.arrived(image, prompt="oceqan"), sea)
    assert rig.pipeline.report()["problems"] == [
        "The prompt 'oceqan' has no known words, so the look before it is kept; "
        "/api/v1/schema lists the words of stylize."
    ]
    assert np.array_equal(rig.arrived(image, prompt="no red"), sea)
    assert (
        "only negated words, so the look before it is kept" in rig.pipeline.report()["problems"][0]
    )
    assert np.array_equal(rig.arrived(image, prompt=""), image), "an empty prompt is no look"
    assert np.array_equal(rig.arrived(image, prompt="oceqan"), image)
    assert "so it has no effect" in rig.pipeline.report()["problems"][0]


def test_a_second_prompt_of_unknown_words_keeps_its_own_look(rig):
    image = textured(64, 64)
    both = rig.arrived(image, prompt="ocean", prompt_2="fire", prompt_2_weight=1.0)
    kept = rig.arrived(image, prompt="ocean", prompt_2="qwxyz", prompt_2_weight=1.0)
    assert np.array_equal(kept, both)
    sea = rig.arrived(image, prompt="ocean", prompt_2="", prompt_2_weight=1.0)
    assert not np.array_equal(sea, both)


def test_without_a_look_the_input_is_shown_as_it_is(rig):
    image = textured(64, 64)
    for prompt in ("", "qwxyz"):
        assert np.array_equal(rig.arrived(image, prompt=prompt), image)


@pytest.mark.slow
def test_every_look_looks_its_own_way():
    encode = Encoder()
    vectors = {look: encode(draw(read(word))) for word, look in [*LOOKS.items()][::60]}
    for one, first in vectors.items():
        for other, second in vectors.items():
            assert one == other or np.abs(first - second).mean() > 0.005, (one, other)


def test_the_same_prompt_gives_the_same_picture():
    assert np.array_equal(draw(read("ocean waves")), draw(read("Ocean_WAVES!")))


class TestGlide:
    one: ClassVar = np.zeros(100, np.float32)
    other: ClassVar = np.ones(100, np.float32)

    def test_it_arrives_exactly_when_it_should(self):
        glide = StyleTransition()
        assert glide.at(self.one, 2, now=0).vector[0] == 0
        way = [float(glide.at(self.other, 2, now=10 + t).vector[0]) for t in (0, 0.5, 1, 1.5)]
        assert np.allclose(way, [0, 0.25, 0.5, 0.75])
        assert np.array_equal(glide.at(self.other, 2, now=12).vector, self.other)
        assert glide.left(now=12) == 0

    def test_a_new_target_on_the_way_starts_from_where_it_is(self):
        glide = StyleTransition()
        glide.at(self.one, 1, now=0)
        glide.at(self.other, 1, now=0)
        here = glide.at(self.one, 1, now=0.5)
        assert np.allclose(here.vector, 0.5)
        assert np.allclose(glide.at(self.one, 1, now=1.0).vector, 0.25)

    def test_from_nothing_and_back(self):
        glide = StyleTransition()
        assert glide.at(None, 1, now=0).presence == 0
        glide.at(self.other, 1, now=0)
        half = glide.at(self.other, 1, now=0.5)
        assert half.presence == 0.5
        assert np.array_equal(half.vector, self.other)
        glide.at(None, 1, now=2)
        assert glide.at(None, 1, now=3).presence == 0


@pytest.mark.slow
def test_a_look_glides_over_the_fade(rig, monkeypatch):
    image, clock = textured(96, 64), [100.0]
    monkeypatch.setattr("engine.stylize.glide.perf_counter", lambda: clock[0])
    start = rig(image, prompt="fire", fade=0.6).astype(int)
    rig.arrived(image, prompt="ocean waves", fade=0.6)
    seen = []
    for _ in range(7):
        clock[0] += 0.1
        seen.append(rig(image, prompt="ocean waves", fade=0.6).astype(int))
    fresh = Rig(rig.folder)(image, prompt="ocean waves").astype(int)
    assert np.array_equal(seen[-1], fresh), "it arrives, exactly"
    way = [np.abs(picture - start).mean() for picture in seen]
    assert any(0.2 * way[-1] < step < 0.8 * way[-1] for step in way), "and was on the way"


@pytest.mark.slow
@pytest.mark.parametrize(("frames", "step"), [(pan, 2), (still, 0)])
def test_steady_halves_the_flicker(frames, step):
    wild, calm = (
        flicker(frames(), step, anti_flicker, "starry night") for anti_flicker in (0.0, 1.0)
    )
    assert calm < 0.5 * wild


@pytest.mark.parametrize("size", [(48, 48), (50, 51), (333, 201), (576, 320)])
@pytest.mark.parametrize("strength", [0.3, 1.0])
def test_steady_keeps_its_share_of_the_old_paint_where_the_input_is_still(size, strength):
    """Whatever the paint: black beside white, and noise."""
    rng, image, steady = np.random.default_rng(4), textured(*size), Steady()
    shape, share = (size[1], size[0], 3), KEEP * strength
    old = rng.choice(np.array([0, 255, 254, 1, 128], np.uint8), shape)
    new = rng.choice(np.array([0, 255, 254, 1, 128], np.uint8), shape)
    assert np.array_equal(steady(image, old, strength), old)
    wanted = old * share + new * (1 - share)
    assert np.abs(steady(image, new, strength) - wanted).max() <= 3


def test_steady_moves_the_old_paint_with_the_input():
    wide, steady = textured(336, 192), Steady()
    before, after = (np.ascontiguousarray(wide[:, at : at + 320]) for at in (0, 8))
    paint = 255 - before[..., :3]
    steady(before, paint, 1.0)
    kept = steady(after, np.zeros_like(paint), 1.0).astype(int)
    wanted = KEEP * np.roll(paint, -8, 1)
    inside = np.abs(kept - wanted)[16:-16, 16:-24]
    assert np.median(inside) < 4
    assert np.median(np.abs(kept - KEEP * paint)[16:-16, 16:-24]) > 8, "not where it was"


def test_steady_leaves_no_trail_after_a_cut(rig):
    before, after = textured(192, 128, 1), shapes(192, 128)
    for _ in range(4):
        rig(before, anti_flicker=1.0)
    cut = rig(after, anti_flicker=1.0).astype(int)
    fresh = rig(after, anti_flicker=0.0).astype(int)
    assert np.abs(cut - fresh).mean() < 6, "the old picture does not shine through"


@pytest.mark.parametrize("level", [0, 1, 128, 255])
def test_nothing_is_invented(rig, level):
    """A flat picture stays without shapes, and has one colour at every size: the network restyles
    what there is, not its rounding errors.
    """
    flat, small = (np.full((*size, 4), level, np.uint8) for size in ((128, 130), (90, 16)))
    flat[..., 3] = np.arange(130)
    painted = rig(flat)
    assert (painted[..., :3] == painted[0, 0, :3]).all()
    assert np.array_equal(rig(small)[0, 0, :3], painted[0, 0, :3])
    assert np.array_equal(painted[..., 3], flat[..., 3])


def test_a_flat_picture_but_for_one_pixel_keeps_its_colour_around_it(rig):
    dotted = np.zeros((128, 128, 4), np.uint8)
    plain = rig(dotted)[0, 0, :3].astype(int)
    dotted[64, 64, :3] = 255
    assert np.median(np.abs(rig(dotted)[..., :3] - plain)) < 30
    assert rig(dotted)[..., :3].std() > 5


@pytest.mark.skipif(find_spec("torch") is None, reason="the extra `engine` is not installed")
def test_torch_paints_the_same(rig):
    image, style = textured(160, 96), Encoder()(draw(read("starry night")))
    ours, theirs = generator("onnx")(image, style), generator("torch")(image, style)
    assert np.abs(ours.astype(int) - theirs).mean() < 0.5


@pytest.mark.skipif(find_spec("openvino") is None, reason="the extra `openvino` is not installed")
def test_openvino_paints_nearly_the_same(rig):
    image, style = textured(160, 96), Encoder()(draw(read("starry night")))
    ours, theirs = generator("onnx")(image, style), generator("openvino")(image, style)
    assert np.abs(ours.astype(int) - theirs).mean() < 4


@pytest.mark.skipif(find_spec("openvino") is None, reason="the extra `openvino` is not installed")
def test_openvino_paints_a_new_size_at_once_and_then_by_a_network_for_that_size(rig):
    style, painter = Encoder()(draw(read("starry night"))), generator("openvino")
    for width, height in ((160, 96), (96, 160)):
        image = textured(width, height)
        first = painter(image, style).astype(int)
        assert first.shape == (height, width, 3)
        for _ in range(2000):  # some 20 s
            again = painter(image, style)
            if painter._fixed.key[0] == (height, width):
                break
            time.sleep(0.01)
        assert painter._fixed.key[0] == (height, width)
        assert np.abs(first - again).mean() < 1
    painter.close()


@pytest.mark.parametrize("backend", ["torch", "openvino"])
def test_a_missing_extra_is_said(backend):
    if find_spec(backend) is None:
        with pytest.raises(ImportError, match="Choose backend onnx, or "):
            generator(backend)
