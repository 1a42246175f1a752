"""Images as the output shows them: copied only where they must be, and never changed later."""

import numpy as np
import pytest

from bridge.frames.canvas import Canvas
from bridge.frames.pixels import fit, is_opaque, opaque
from engine.ipc.ring import RingReader, RingWriter

SIZE = (64, 48)


def noise(width: int = SIZE[0], height: int = SIZE[1], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 4), dtype=np.uint8)


@pytest.fixture
def ring():
    with RingWriter("test-canvas", *SIZE, 3) as writer, RingReader("test-canvas") as reader:
        yield writer, reader
        writer.unlink()


def test_an_image_that_can_be_shown_is_not_copied():
    image = opaque(noise())
    assert Canvas(SIZE, "cover", alpha=False).fit(image) is image
    image[3, 4, 3] = 9
    assert Canvas(SIZE, "cover", alpha=True).fit(image) is image
    made = Canvas(SIZE, "cover", alpha=False).fit(image)
    assert made is not image
    assert (made == opaque(image)).all()


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("size", [SIZE, (32, 24), (200, 31)])
def test_a_borrowed_image_is_always_copied(alpha, size):
    canvas = Canvas(SIZE, "contain", alpha=alpha)
    for seed in range(4):
        image = noise(*size, seed)
        image = opaque(image) if seed % 2 else image
        given = image.copy()
        made = canvas.fit(image, borrowed=True)
        before = made.copy()
        image[:] = 0
        assert (made == before).all()
        wanted = fit(given, *SIZE, "contain")
        assert (made[..., :3] == wanted[..., :3]).all()
        assert (made == wanted).all() if alpha else is_opaque(made)


def test_images_with_reordered_channels_can_be_shown():
    bgra, canvas = noise(), Canvas(SIZE, "cover", alpha=False)
    for image in (bgra[..., [2, 1, 0, 3]], bgra[..., ::-1], np.moveaxis(bgra, -1, 0)[::-1].T):
        image = image if image.shape == bgra.shape else image.transpose(1, 0, 2)
        assert (canvas.fit(image)[..., :3] == image[..., :3]).all()


def test_blends_and_darker_images_share_no_memory_while_they_are_held():
    canvas = Canvas(SIZE, "cover", alpha=False)
    one, other = opaque(noise()), opaque(noise(seed=1))
    held = [
        change
        for amount in (0.2, 0.5, 0.7)
        for change in (canvas.blend(one, other, amount), canvas.darken(one, amount))
    ]
    copies = [image.copy() for image in held]
    canvas.blend(one, other, 0.9)
    assert all((image == copy).all() for image, copy in zip(held, copies, strict=True))
    assert not any(np.shares_memory(a, b) for a in held for b in held if a is not b)


def test_a_borrowed_frame_knows_when_it_was_written_over(ring):
    writer, reader = ring
    writer.write(noise(), 1.0, 1, 5)
    slot = reader.next(borrowed=True)
    assert (slot.index, slot.time, slot.tag) == (1, 1.0, 5)
    assert slot.borrowed
    assert np.shares_memory(slot.image, reader.pixels)
    assert slot.is_whole
    writer.write(noise(seed=1), 2.0, 2)
    writer.write(noise(seed=2), 3.0, 3)
    assert slot.is_whole
    assert (slot.image == noise()).all()
    writer.reserve()  # of the same slot: it comes round
    assert not slot.is_whole
    writer.commit(4.0, 4)
    assert not slot.is_whole


def test_a_copied_frame_stays_as_it_was(ring):
    writer, reader = ring
    writer.write(noise(), 1.0, 1)
    slot = reader.next()
    for seed in range(1, 5):
        writer.write(noise(seed=seed), 1.0, seed)
    assert not slot.borrowed
    assert slot.is_whole
    assert (slot.image == noise()).all()
