"""Memory of images: used again, and never while anything refers to it."""

import random
import threading
from collections import deque

import numpy as np

from engine.system.buffers import PAGE, SPARE, Buffers


def address(image: np.ndarray) -> int:
    return image.ctypes.data


def test_memory_is_used_again_once_its_image_is_gone(monkeypatch):
    made, empty = [], np.empty
    monkeypatch.setattr(np, "empty", lambda *shape: made.append(shape) or empty(*shape))
    buffers, held = Buffers(64, 48), deque(maxlen=3)
    for _ in range(50):
        held.append(buffers.take())
    assert len(made) == 4


def test_a_view_of_a_view_keeps_it():
    buffers = Buffers(64, 48)
    views = (
        lambda image: image[3:9],
        lambda image: image.reshape(-1)[::7].view(),
        lambda image: memoryview(image[5]),
        lambda image: image.view("<u4").T,
        lambda image: np.frombuffer(image.data, np.uint8)[100:],
    )
    for view in views:
        image = buffers.take()
        image[:] = 7
        kept = view(image)
        del image
        for other in [buffers.take() for _ in range(4)]:
            other[:] = 9
        assert np.unique(np.asarray(kept)).tolist() in ([7], [0x07070707])


def test_it_lies_in_a_page_as_asked():
    buffers = Buffers(30, 20)
    for like in (0, 1, 64, 4095, 12345):
        image = buffers.take(like)
        assert address(image) % PAGE == like % PAGE
        assert image.shape == (20, 30, 4)
        assert image.flags.c_contiguous
        assert image.flags.writeable


def test_images_of_many_threads_never_share_memory():
    buffers, ends = Buffers(16, 16), []

    def work(number: int) -> None:
        draw, held = random.Random(number), deque()
        for step in range(400):
            image = buffers.take(draw.randrange(9999))
            image[:] = mark = draw.randrange(256)
            held.append((image[draw.randrange(16) :], mark))
            while len(held) > draw.randrange(6):
                view, drawn = held.popleft()
                if not (view == drawn).all():
                    ends.append((number, step))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not ends


def test_little_is_kept_for_later():
    buffers = Buffers(1920, 1080)
    held = [buffers.take() for _ in range(40)]
    del held
    assert sum(room.nbytes for room in buffers._free) <= SPARE
