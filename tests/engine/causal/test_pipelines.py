"""The causal pipelines: real files in their authors' formats, through the code that loads them."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from time import sleep
from typing import Any

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs pip install 'spout-bridge[engine]'")

import engine.images.assets
from engine.catalog.controls import CausalParameters
from engine.catalog.specs import SPECS, TOKEN_SIDE
from engine.causal.network.transformer import PATCH
from engine.causal.vae.streams import SIDE
from engine.parameters import Kind, ParameterSpec, describe
from engine.pipeline import Context, Guides, Image, Pipeline, build
from engine.sizes import floored, sides
from tests.support.checkpoints import write_models
from tests.support.slow_cases import rest_slow
from tests.support.tiny_rows import CATALOG

WIDTH, HEIGHT = 48, 32
PIPELINES = pytest.mark.parametrize("name", SPECS)
Made = Callable[..., Pipeline]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp("models"))


@pytest.fixture
def made(models: Path, tmp_path: Path) -> Made:
    """Build a pipeline from the files, as one worker would; its assets are in `tmp_path`."""
    shared: dict[str, Any] = {}

    def make(name: str, **load: Any) -> Pipeline:
        row = CATALOG[name]
        chosen = row.load(**load)
        context = Context(tmp_path, models, lambda *_: None, shared=shared)
        return build(row.target, chosen, context)

    return make


def scene(number: int) -> Image:
    rng = np.random.default_rng(number)
    small = rng.integers(0, 256, (6, 8, 4), np.uint8)
    image = cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    image[..., 3] = 255
    return image


def block(pipeline: Pipeline, video: bool = False, **values: Any) -> list[Image]:
    """One block, by the worker's own protocol."""
    parameters = CausalParameters(**{"fade": 0.0, "size": f"{WIDTH}x{HEIGHT}", **values})
    count = pipeline.wanted(parameters) if video else 0
    return list(pipeline([scene(number) for number in range(count)], parameters))


def prepared(pipeline: Any, **values: Any) -> None:
    """Wait until a block of these values is prepared."""
    for _ in range(5000):
        if not pipeline.prepare(CausalParameters(**values)):
            return
        sleep(0.001)
    raise AssertionError("it never was")


def blocks(pipeline: Pipeline, count: int, **values: Any) -> Iterator[Image]:
    for _ in range(count):
        yield from block(pipeline, **values)


def few_blocks(name: str) -> int:
    """So many that a stream has shown a block that had one before it."""
    return 3 if SPECS[name].block == 1 else 2


def far(one: list[Image], other: list[Image]) -> float:
    """Mean difference of pictures, of 255."""
    pairs = zip(one, other, strict=True)
    return float(np.mean([np.abs(a.astype(float) - b.astype(float)).mean() for a, b in pairs]))


@pytest.mark.slow
@PIPELINES
def test_blocks_have_the_lengths_that_their_latents_stand_for(made: Made, name: str) -> None:
    pipeline, short = made(name), SPECS[name].block == 1
    first, batch = (5, 0) if short else (9, 12)
    text = [len(block(pipeline)) for _ in range(3)]
    assert text == [first, batch, 4 if short else 12]
    video = [len(block(pipeline, video=True)) for _ in range(3)]
    assert video == ([5, 0, 4] if short else [13, 12, 12])
    (image, *_) = block(pipeline)
    assert image.shape == (HEIGHT, WIDTH, 4)
    assert image.dtype == np.uint8
    assert (image[..., 3] == 255).all()
    assert image[..., :3].std() > 3


@pytest.mark.slow
@PIPELINES
def test_the_same_seed_gives_the_same_pictures_also_after_a_reload(made: Made, name: str) -> None:
    pipeline, again, few = made(name), made(name), few_blocks(name)
    one = list(blocks(pipeline, few))
    assert far(list(blocks(again, few)), one) == 0
    pipeline.reset()
    assert far(list(blocks(pipeline, few)), one) == 0
    again.reset()
    assert far(list(blocks(again, few, seed=7)), one) > 1


@pytest.mark.slow
@PIPELINES
def test_a_new_prompt_is_in_the_very_next_block(made: Made, name: str) -> None:
    pipeline, other = made(name), made(name)
    for each in (pipeline, other):
        list(blocks(each, 3, prompt="a red fox", prompt_2="the sea", prompt_2_weight=0))
    kept = block(pipeline, prompt="a red fox", prompt_2_weight=0)
    changed = block(other, prompt="the sea")  # known by now: it was encoded ahead
    assert far(kept, changed) > 0.1
    prepared(other, prompt="ice")
    assert far(block(pipeline, prompt="the sea"), block(other, prompt="ice")) > 0.1
    assert other.report()["arriving"] == 0, "in its first block"


@pytest.mark.slow
def test_longlive_reads_its_past_anew_after_a_prompts_first_block_or_before(made: Made) -> None:
    firsts = []
    for when in ("on_time", "as_trained"):
        pipeline = made("longlive")
        words = {"prompt_2": "the sea", "prompt_change": when}
        list(blocks(pipeline, 3, prompt="a red fox", prompt_2_weight=0, **words))
        firsts.append(block(pipeline, prompt="a red fox", prompt_weight=0, **words))
    assert far(*firsts) > 0.01


def _values(spec: ParameterSpec) -> list[Any]:
    """What a parameter is to be played with."""
    if spec.kind is Kind.BOOL:
        return [True, False]
    if spec.kind is Kind.SIZE:
        return [f"{WIDTH}x{HEIGHT}", "1x1", "40*24"]
    if spec.kind is Kind.STEPS:
        return [*(suggestion.value for suggestion in spec.suggestions), "1000,500", "0", "no name"]
    if spec.asset:
        return ["a.png", "none.png", "", "\0"]
    return list(spec.choices) or [spec.minimum, spec.maximum] if spec.kind is not Kind.TEXT else [
        "a red fox", "", "?" * 3000, "\ud83d"
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", ["longlive", "streamdiffusionv2"])
def test_every_parameter_may_take_every_value(made: Made, name: str, tmp_path: Path) -> None:
    """All at once, each round another value of each: no value waits for a block of its own."""
    cv2.imwrite(str(tmp_path / "a.png"), scene(1)[..., :3])
    pipeline = made(name, vace_load=True, lora_1="style.safetensors")
    list(blocks(pipeline, 2, video=True))
    every = {spec.name: _values(spec) for spec in describe(CausalParameters)}
    for number in range(max(map(len, every.values()))):
        chosen = {
            name: values[(number + place) % len(values)]
            for place, (name, values) in enumerate(every.items())
        }
        for video in (True, False):
            images = block(pipeline, video=video, **{**chosen, "fade": 0.0})
            given = video and chosen["input_mode"] != "text"
            size = (WIDTH, HEIGHT) if given else floored(*sides(chosen["size"]), 16)
            assert all(image.shape[1::-1] == size for image in images), chosen


@pytest.mark.slow
@PIPELINES
def test_the_scale_of_vace_counts_and_its_switch_leaves_it(made: Made, name: str) -> None:
    def run(**values: Any) -> tuple[list[Image], str, float]:
        pipeline = made(name, vace_load=True)
        images = list(blocks(pipeline, few_blocks(name), video=True, **values))
        return images, pipeline.report()["mode"], pipeline.report()["vace_scale"]

    full, none = run(vace_scale=2.0), run(vace_scale=0.0)
    assert far(full[0], none[0]) > 1
    assert (full[1:], none[1:]) == (("control", 2.0), ("control", 0.0))
    off = run(vace_scale=2.0, vace_on=False)
    assert off[1:] == ("video", 0.0)  # the input is painted over then


@pytest.mark.slow
def test_references_steer_until_they_are_taken_away(made: Made, tmp_path: Path) -> None:
    for number in (1, 2):
        cv2.imwrite(str(tmp_path / f"{number}.png"), scene(number)[..., :3])
    pipelines = {name: made("longlive", vace_load=True) for name in ("none", "one", "two")}
    chosen = {
        "none": {},
        "one": {"reference": "1.png"},
        "two": {"reference": "1.png", "reference_2": "2.png"},
    }
    for name, pipeline in pipelines.items():
        list(blocks(pipeline, 2, **chosen[name]))  # the files are read meanwhile
        pipeline.reset()
    found = {name: list(blocks(p, 2, **chosen[name])) for name, p in pipelines.items()}
    assert far(found["one"], found["none"]) > 0.5
    assert far(found["two"], found["one"]) > 0.5
    back = pipelines["one"]
    back.reset()
    assert far(list(blocks(back, 2)), found["none"]) == 0


def guided(pipeline: Pipeline, seed: int, *, fed: bool, masked: bool = False, **values: Any):
    """One block with a control video (and a mask), by the worker's own protocol."""
    parameters = CausalParameters(**{"fade": 0.0, "size": f"{WIDTH}x{HEIGHT}", **values})
    images = [scene(number) for number in range(pipeline.wanted(parameters) if fed else 0)]
    count = len(images) or pipeline.guided(parameters)
    mask = np.full((HEIGHT, WIDTH, 4), 255, np.uint8)
    mask[:, WIDTH // 2 :] = 0
    control = [scene(seed + number) for number in range(count)]
    return list(pipeline(images, parameters, Guides(control, [mask] * (count * masked))))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["longlive", "streamdiffusionv2"])
def test_a_live_control_leads_a_stream_with_and_without_an_input(made: Made, name: str):
    pipeline, same, other = (made(name, vace_load=True) for _ in range(3))
    few = few_blocks(name)

    def run(pipeline: Pipeline, seed: int, *, fed: bool = True, **values: Any) -> list[Image]:
        made = [guided(pipeline, seed, fed=fed, **values) for _ in range(few)]
        return [image for block in made for image in block]

    one = run(pipeline, 100)
    assert pipeline.report()["mode"] == "control"
    assert pipeline.report()["guides"] == ["control"]
    assert far(one, run(other, 200)) > 0.1, "another control is another picture"
    assert far(one, run(same, 100, fed=False)) == 0, "of the input there is nothing in it"
    # The input comes and goes, and the stream goes on.
    plain = [image for fed in (True, False) for image in guided(same, 100, fed=fed)]
    masked = [image for _ in range(2) for image in guided(pipeline, 100, fed=True, masked=True)]
    assert far(plain, masked) > 0.1, "the same number of pictures, and the mask counts"
    assert pipeline.report()["guides"] == ["control", "mask"]


@pytest.mark.slow
def test_without_vace_or_with_it_off_no_guide_is_asked_for(made: Made) -> None:
    parameters = CausalParameters(size=f"{WIDTH}x{HEIGHT}")
    assert made("longlive").guided(parameters) == 0
    pipeline = made("longlive", vace_load=True)
    assert pipeline.guided(parameters) == 9
    assert pipeline.guided(parameters.model_copy(update={"vace_on": False})) == 0


@pytest.mark.slow
@pytest.mark.parametrize("anchor", ["first_frame_image", "last_frame_image", "vace_mask"])
def test_anchors_and_masks_steer(made: Made, tmp_path: Path, anchor: str) -> None:
    half = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    half[:, : WIDTH // 2] = 255
    cv2.imwrite(str(tmp_path / "half.png"), half)
    found = []
    for values in ({}, {anchor: "half.png"}):
        pipeline = made("longlive", vace_load=True)
        list(blocks(pipeline, 2, video=True, **values))
        pipeline.reset()
        found.append(block(pipeline, video=True, **values))
    assert far(*found) > 0.5


@pytest.mark.slow
def test_what_steers_needs_no_disk_and_stays_while_another_is_read(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    half[:, : WIDTH // 2] = 255
    cv2.imwrite(str(tmp_path / "half.png"), half)
    places = ("reference", "first_frame_image", "last_frame_image", "vace_mask")
    values = dict.fromkeys(places, "half.png")
    awake, find = threading.Event(), engine.images.assets.find

    def sleepy(folder: Path, name: str) -> Any:
        assert awake.wait(60)
        return find(folder, name)

    def run(**later: str) -> list[Image]:
        pipeline = made("longlive", vace_load=True)
        awake.set()
        list(blocks(pipeline, 2, video=True, **values))  # the files are read meanwhile
        pipeline.reset()
        first = block(pipeline, video=True, **values)
        if later:
            awake.clear()
        return [*first, *block(pipeline, video=True, **{**values, **later})]

    plain = run()
    monkeypatch.setattr(engine.images.assets, "find", sleepy)
    monkeypatch.setattr(engine.images.assets, "AGAIN", 0.0)
    try:
        assert far(run(prompt_2=""), plain) == 0, "the disk sleeps"
        assert far(run(**dict.fromkeys(places, "new.png")), plain) == 0, "another is not there yet"
        awake.set()
        pipeline = made("longlive", vace_load=True)
        list(blocks(pipeline, 2, video=True, **values))
        with pytest.raises(ValueError, match=r"'new\.png' not found"):
            prepared(pipeline, reference="new.png")
        cv2.imwrite(str(tmp_path / "other.png"), 255 - half)
        prepared(pipeline, reference="other.png", vace_mask="other.png")
        awake.clear()
        block(pipeline, video=True, **{**values, "reference": "other.png"})
        assert not pipeline.report()["problems"], "it needs no disk any more"
    finally:
        awake.set()


@pytest.mark.slow
def test_noise_scale_goes_from_the_input_to_none_of_it(made: Made) -> None:
    still = {"video": True, "noise_controller": False}
    low = list(blocks(made("longlive"), 2, noise_scale=0.15, **still))
    high = list(blocks(made("longlive"), 2, noise_scale=1.0, **still))
    assert far(low, high) > 0.3


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["live", "merged"])
def test_a_lora_counts(made: Made, mode: str) -> None:
    plain = list(blocks(made("reward-forcing"), 2))
    load = {"lora_1": "style.safetensors", "lora_mode": mode}
    styled = list(blocks(made("reward-forcing", **load), 2))
    assert far(plain, styled) > 0.5
    if mode == "live":
        silent = list(blocks(made("reward-forcing", **load), 2, lora_1_strength=0.0))
        assert far(plain, silent) == 0


@pytest.mark.slow
def test_denoising_steps_that_another_pipeline_has_are_told_and_the_authors_run(made: Made) -> None:
    pipeline = made("longlive")
    wrong = block(pipeline, denoising_steps="many")
    told = " ".join(pipeline.report()["problems"])
    assert "longlive has no denoising_steps called 'many' and uses authors" in told
    pipeline.reset()
    assert far(wrong, block(pipeline)) == 0
    assert not pipeline.report()["problems"]


def test_files_that_are_not_there_are_told_with_where_they_go(tmp_path: Path) -> None:
    row = CATALOG["longlive"]
    with pytest.raises(ValueError, match=r"longlive_base\.pt of .*LongLive-1\.3B, .*weights=demo"):
        build(row.target, row.load(), Context(tmp_path, tmp_path, lambda *_: None))


@pytest.mark.slow
def test_a_lora_that_is_gone_or_leads_elsewhere_is_left_out_and_told(made: Made) -> None:
    for name in ("none.safetensors", "../LongLive-1.3B/models/lora.pt"):
        pipeline = made("longlive", lora_1=name, lora_2="style.safetensors")
        assert block(pipeline, lora_2_strength=0.5)
        assert f"LoRA '{name}' not found" in pipeline.report()["problems"][0]
        assert [*pipeline._parts.loras] == [2]


def test_demo_weights_need_no_file_and_say_so(tmp_path: Path) -> None:
    row = CATALOG["longlive"]
    load = row.load(weights="demo", vae="tae")
    pipeline = build(row.target, load, Context(tmp_path, tmp_path, lambda *_: None))
    assert len(block(pipeline)) == 9
    assert pipeline.report()["notice"].startswith("DEMO WEIGHTS")


def test_a_token_stands_for_as_many_pixels_as_vae_and_network_make_of_it() -> None:
    assert TOKEN_SIDE == SIDE * PATCH


@pytest.mark.slow
def test_the_size_is_followed_from_block_to_block(made: Made) -> None:
    pipeline = made("longlive")
    for size, shape in (("64x48", (48, 64)), ("80x50", (48, 80))):
        assert block(pipeline, size=size)[0].shape[:2] == shape
    assert pipeline._size([], "auto") == (320, 576)
    with pytest.raises(ValueError, match="576x320"):  # never another size in silence
        pipeline._size([], "nonsense")


@pytest.mark.slow
@pytest.mark.parametrize("encoder", rest_slow(["fp8", "offloaded"]))
def test_the_text_encoder_may_be_small_or_elsewhere(made: Made, encoder: str) -> None:
    resident, other = made("longlive"), made("longlive", text_encoder=encoder)
    one, two = block(resident, prompt="a red fox"), block(other, prompt="a red fox")
    assert far(one, two) < (3 if encoder == "fp8" else 0.01)
    assert not other.report()["problems"]


@pytest.mark.slow
def test_a_managed_cache_begins_anew_where_steps_change(made: Made) -> None:
    kept, managed, fresh = (made("reward-forcing") for _ in range(3))
    for pipeline in (kept, managed):
        block(pipeline, manage_cache=pipeline is managed)
    steps = {"denoising_steps": "1000,500"}
    assert len(block(kept, **steps)) == 12
    again = block(managed, manage_cache=True, **steps)
    assert far(again, block(fresh, **steps)) == 0  # nine pictures: the first block of a stream


@pytest.mark.slow
@pytest.mark.parametrize("name", ["longlive", "streamdiffusionv2"])
@pytest.mark.parametrize("vace", [False, True])
def test_a_stream_that_begins_anew_takes_what_was_asked_for_before(
    made: Made, name: str, vace: bool
) -> None:
    """A reset, another size or other steps may come after the pictures were asked for."""
    pipeline = made(name, vace_load=vace, lora_2="style.safetensors")
    begun = len(block(pipeline, video=True))
    block(pipeline, video=True)
    plain = CausalParameters(fade=0.0)

    def late(size: tuple[int, int] = (WIDTH, HEIGHT), **values: Any) -> list[Image]:
        count = pipeline.wanted(plain)
        given = [cv2.resize(scene(number), size) for number in range(count)]
        if not values:
            pipeline.reset()
        return list(pipeline(given, plain.model_copy(update=values)))

    assert len(late()) == begun
    block(pipeline, video=True)
    assert late((80, 64), seed=42)[0].shape[:2] == (64, 80)
    block(pipeline, video=True)
    assert late((44, 36), seed=42)[0].shape[:2] == (
        32,
        32,
    )  # half of it all, after too little memory
    steps = late(manage_cache=True, denoising_steps="900,600,300")
    assert all(image.shape == (HEIGHT, WIDTH, 4) for image in steps)
    assert len(late(manage_cache=True, lora_2_strength=0.5)) in (0, begun)


def test_each_lora_has_the_fader_of_its_own_place(made: Made) -> None:
    pipeline = made("reward-forcing", lora_2="style.safetensors")
    block(pipeline, lora_1_strength=0.0, lora_2_strength=0.25)
    assert [lora.strength for lora in pipeline._parts.loras.values()] == [0.25]
