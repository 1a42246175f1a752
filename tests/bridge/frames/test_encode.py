"""Previews: how many JPEGs so many viewers cost."""

import numpy as np
import pytest

from bridge.frames import encode
from bridge.frames.encode import SHARED, Preview
from bridge.frames.frame import Frame

FPS, BEAT = 60, 0.067  # of the frames, and of a viewer


@pytest.mark.parametrize("viewers", [1, 2, 4, 20])
def test_a_jpeg_is_made_once_for_all_viewers_in_a_beat(monkeypatch, viewers):
    now, made = 0.0, []

    def jpeg(image, width):
        made.append(width)
        return b"%d" % image[0, 0, 0]

    def look():
        index = min(int(now * FPS), 2 * FPS)  # after 2 s it stays as it is
        return Frame(np.full((4, 4, 4), index, np.uint8), now, index)

    monkeypatch.setattr(encode, "perf_counter", lambda: now)
    monkeypatch.setattr(encode, "jpeg", jpeg)
    preview, has = Preview(look), dict.fromkeys(range(viewers), -1)
    moments = sorted((n * BEAT + v * BEAT / viewers, v) for n in range(40) for v in has)
    for moment, viewer in moments:
        now = moment
        if found := preview.newer(has[viewer], 640):
            has[viewer] = found[0]
            assert found[1] == b"%d" % found[0]
            assert found[0] >= look().index - SHARED * FPS - 1, "an old one"
    assert len(made) <= 1.2 * 2 / BEAT + 2
    assert set(has.values()) == {2 * FPS}, "each has the last one"
