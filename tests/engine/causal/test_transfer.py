"""Images to the device and back: in order, each copy waited for as late as possible.

The lane of these tests is a stand-in that runs a copy only when it is waited for. So they prove the
bookkeeping (what is queued before what is waited for, and which memory is used again when); they
prove nothing about speed.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs pip install 'spout-bridge[engine]'")

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from engine.catalog.controls import CausalLoad, CausalParameters
from engine.causal.lanes import Inline, lane
from engine.causal.stream import LatentStream
from engine.causal.transfer import ImageReader, to_tensor
from engine.pipeline import Context, Image, UnusableOutput, build
from tests.support.tiny_rows import CATALOG

FRAMES = 4
AHEAD = pytest.mark.parametrize("ahead", [0, 1, 2])


class Later(TorchDispatchMode):
    """Keeps copies for later."""

    def __init__(self, kept: list[Callable[[], object]]) -> None:
        super().__init__()
        self._kept = kept

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> object:
        assert func is torch.ops.aten.copy_.default, f"{func} would not run beside the frames"
        into, source, waits_not = args
        assert waits_not
        self._kept.append(lambda: into.copy_(source))
        return into


class Lane:
    """A lane whose copies run when a point after them is waited for."""

    def __init__(self, ahead: int) -> None:
        self.ahead = ahead
        self.log: list[str] = []
        self.made: list[int] = []  # addresses of the large buffers
        self._queue: list[Callable[[], object]] = []
        self._points = 0

    @contextmanager
    def queued(self) -> Iterator[None]:
        assert self.log[-1] == "follow", "else the copy could run before the pixels are there"
        with Later(self._queue):
            yield

    def follow(self) -> None:
        self.log.append("follow")

    def point(self) -> "Point":
        self.log[-1] = f"copy {self._points}"
        self._points += 1
        return Point(self, self._points - 1, len(self._queue))

    def buffer(self, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
        buffer = torch.full(tuple(shape), 77, dtype=torch.uint8).to(dtype)
        if buffer.ndim:
            self.made.append(buffer.data_ptr())
        return buffer

    def run(self, count: int) -> None:
        for place, copy in enumerate(self._queue[:count]):
            copy()
            self._queue[place] = lambda: None


class Point:
    def __init__(self, lane: Lane, number: int, length: int) -> None:
        self._lane, self._number, self._length = lane, number, length

    def wait(self) -> None:
        self._lane.log.append(f"wait {self._number}")
        self._lane.run(self._length)

    def precede(self, result: Tensor) -> None:
        raise AssertionError("images are read on the host")


def chunk(number: int, frames: int = FRAMES, side: int = 16) -> Tensor:
    generator = torch.Generator().manual_seed(number)
    return torch.rand(1, 3, frames, side, side, generator=generator) * 2.2 - 1.1


def expected(pixels: Tensor) -> list[Image]:
    """The same by numpy, image by image."""
    whole = np.clip(pixels[0].permute(1, 2, 3, 0).numpy() * np.float32(127.5) + 128, 0, 255)
    opaque = np.full_like(whole[..., :1], 255)
    return [*np.concatenate((whole, opaque), -1).astype(np.uint8)]


def decoded(log: list[str], chunks: Sequence[Tensor]) -> Iterator[Tensor]:
    for number, each in enumerate(chunks):
        log.append(f"decode {number}")
        yield each
    log.append("end")


def read(reader: ImageReader, log: list[str], chunks: Sequence[Tensor]) -> Iterator[Image]:
    for number, image in enumerate(reader(decoded(log, chunks))):
        log.append(f"image {number}")
        yield image


def same(found: Sequence[Image], wanted: Sequence[Image]) -> None:
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        assert np.array_equal(one, other)


@AHEAD
def test_the_next_latent_is_queued_before_the_last_copy_is_waited_for(ahead: int) -> None:
    lane = Lane(ahead)
    chunks = [chunk(number) for number in range(5)]
    images = [*read(ImageReader(lane), lane.log, chunks)]
    same(images, [image for each in chunks for image in expected(each)])
    at = {event: place for place, event in enumerate(lane.log)}
    for number in range(5):
        following = f"decode {number + ahead}" if number + ahead < 5 else "end"
        assert at[f"decode {number}"] < at[f"copy {number}"] < at[f"wait {number}"]
        if ahead:
            assert at[following] < at[f"wait {number}"]
        assert at[f"wait {number}"] < at[f"image {FRAMES * number}"]
        later = f"decode {number + ahead + 1}"
        if later in at:
            assert at[f"image {FRAMES * number + FRAMES - 1}"] < at[later], "the ring is bounded"


def test_on_a_cpu_images_are_handed_over_before_the_next_latent_is_decoded() -> None:
    log: list[str] = []
    one = lane(torch.device("cpu"))
    assert isinstance(one, Inline)
    for _ in read(ImageReader(one), log, [chunk(0), chunk(1)]):
        pass
    assert log == [
        "decode 0", *(f"image {number}" for number in range(4)),
        "decode 1", *(f"image {number}" for number in range(4, 8)), "end",
    ]  # fmt: skip


@AHEAD
def test_images_that_are_kept_are_never_written_over(ahead: int) -> None:
    """Each keeps its own memory, whatever else is kept, copied and in which sizes."""
    chance = random.Random(ahead)
    lane = Lane(ahead)
    reader = ImageReader(lane)
    kept: list[tuple[Image, Image]] = []
    for block in range(30):
        side = chance.choice((16, 16, 16, 24))
        chunks = [chunk(block, chance.choice((1, 4)), side) for _ in range(chance.randint(1, 4))]
        wanted = [image for each in chunks for image in expected(each)]
        for place, image in enumerate(reader(chunks)):
            assert np.array_equal(image, wanted[place])
            if chance.random() < 0.2:
                kept.append((image, wanted[place]))
            if kept and chance.random() < 0.15:
                kept.pop(chance.randrange(len(kept)))
    assert len(kept) > 10
    for image, wanted_image in kept:
        assert np.array_equal(image, wanted_image)


@AHEAD
def test_the_ring_is_bounded_for_who_takes_one_image_after_the_other(ahead: int) -> None:
    lane = Lane(ahead)
    reader = ImageReader(lane)
    for block in range(20):
        for image in reader([chunk(block), chunk(block + 100), chunk(block + 200)]):
            assert image.shape == (16, 16, 4)
    assert len(lane.made) <= ahead + 2
    assert len(lane.log) > 100


@AHEAD
@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_a_latent_that_is_no_image_is_refused_after_the_good_ones(ahead: int, value: str) -> None:
    lane = Lane(ahead)
    reader = ImageReader(lane)
    chunks = [chunk(number) for number in range(4)]
    chunks[2][0, 1, 3, 5, 5] = float(value)
    images = reader(chunks)
    good = [next(images) for _ in range(2 * FRAMES)]
    with pytest.raises(UnusableOutput, match="NaN or infinity"):
        next(images)
    same(good, [*expected(chunks[0]), *expected(chunks[1])])
    same([*reader(chunks[:2])], [*expected(chunks[0]), *expected(chunks[1])])


@AHEAD
def test_a_block_that_is_left_in_the_middle_spoils_no_later_one(ahead: int) -> None:
    lane = Lane(ahead)
    reader = ImageReader(lane)
    for block in range(5):
        begun = reader([chunk(block), chunk(block + 10), chunk(block + 20)])
        first = next(begun)
        begun.close()
        chunks = [chunk(block + 30), chunk(block + 40)]
        same([*reader(chunks)], [*expected(chunks[0]), *expected(chunks[1])])
        assert np.array_equal(first, expected(chunk(block))[0])


@pytest.mark.parametrize("strided", [False, True])
def test_images_become_what_the_vae_takes(strided: bool) -> None:
    random_ = np.random.default_rng(0)
    images = [random_.integers(0, 256, (20, 28, 4), np.uint8) for _ in range(5)]
    if strided:  # as cropped ones
        images = [image[2:18, 4:20] for image in images]
    found = to_tensor(images, torch.device("cpu"))
    height, width = images[0].shape[:2]
    assert found.shape == (1, 3, 5, height, width)
    wanted = np.stack(images)[..., :3].astype(np.float32) / np.float32(127.5) - 1
    assert np.array_equal(found[0].permute(1, 2, 3, 0).numpy(), wanted)
    same([*ImageReader(Inline())([found])], expected(found))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["longlive", "streamdiffusionv2"])
def test_a_pipeline_makes_the_same_in_whatever_lane(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The clean pass is queued before the last copy is waited for; the images are the same."""
    log: list[str] = []
    settle = LatentStream.settle

    def settled(stream: LatentStream) -> None:
        log.append("settle")
        settle(stream)

    monkeypatch.setattr(LatentStream, "settle", settled)
    found: list[list[Image]] = []
    for ahead in (None, 1):
        lane = Lane(ahead or 0)
        lane.log = log
        # of prompts, of the norms of their changes, of images
        made = iter([Inline(), Inline(), Inline() if ahead is None else lane])
        monkeypatch.setattr("engine.causal.pipeline.lane", lambda device, made=made: next(made))
        row = CATALOG[name]
        context = Context(tmp_path, tmp_path, lambda *_: None)
        load = CausalLoad(weights="demo", vae="tae")
        pipeline = build(row.target, load, context)
        parameters = CausalParameters(fade=0.0, input_mode="text", size="64x48")
        log.clear()
        found.append([image for _ in range(3) for image in pipeline([], parameters)])
        pipeline.close()
    same(*found)
    waits = [place for place, event in enumerate(log) if event.startswith("wait")]
    settles = [place for place, event in enumerate(log) if event == "settle"]
    assert settles[-1] < waits[-1]
    if name == "longlive":  # three latents a block
        assert waits[-2] < settles[-1]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_on_a_gpu_images_are_those_of_the_cpu() -> None:
    reader = ImageReader(lane(torch.device("cuda")))
    chunks = [chunk(number) for number in range(20)]
    found = [*reader(each.cuda() for each in chunks)]
    wanted = [image for each in chunks for image in expected(each)]
    for one, other in zip(found, wanted, strict=True):
        assert np.abs(one.astype(int) - other).max() <= 1  # rounding
