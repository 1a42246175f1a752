"""Makes clips for tests, and reads their frames without waiting."""

from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import av.filter
import numpy as np

from bridge.transports.film.clip import Clip


def write(
    path: Path, pictures, *, codec="libx264", pix_fmt="yuv420p", fps=25, times=None, aspect=None,
    options=None, fields="",
) -> Path:  # fmt: skip
    """`pictures` are RGBA, `times` in seconds, `fields` which comes first, as `setfield` has it."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, fps, options=options or {})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = pix_fmt
        if aspect:
            stream.codec_context.sample_aspect_ratio = Fraction(aspect)
        stream.codec_context.time_base = Fraction(1, 1000) if times else Fraction(1, fps)
        for number, image in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), "rgba")
            frame = frame.reformat(format=pix_fmt)
            frame.pts = round(times[number] * 1000) if times else number
            frame.time_base = stream.codec_context.time_base
            container.mux(stream.encode(_flagged(frame, fields) if fields else frame))
        container.mux(stream.encode(None))
    return path


def _flagged(frame, fields):
    graph = av.filter.Graph()
    begin = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
    )
    graph.link_nodes(begin, graph.add("setfield", fields), graph.add("buffersink")).configure()
    graph.vpush(frame)
    return graph.vpull()


def plain(colour, width=64, height=48) -> np.ndarray:
    """One colour, opaque where it has no alpha."""
    return np.full((height, width, 4), (*colour, 255)[:4], np.uint8)


def half_clear(width=64, height=48) -> np.ndarray:
    """Red, transparent on the right."""
    image = plain((255, 0, 0), width, height)
    image[:, width // 2 :, 3] = 0
    return image


def shots(reel, most=1000):
    """When each shot of a round is due, and for how long."""
    return [(round(shot.at, 3), round(shot.length, 3)) for shot in islice(reel.once(), most)]


def first(reel) -> np.ndarray:
    """The first picture of a reel or of a file."""
    return drawn(reel, 1)[0]


def drawn(reel, most=1000) -> list[np.ndarray]:
    """The pictures of a round."""
    reel = Clip(reel) if isinstance(reel, Path) else reel
    return [shot.draw() for shot in islice(reel.once(), most)]
