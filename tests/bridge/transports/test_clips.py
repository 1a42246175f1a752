"""Video files of every kind play as they are meant: timestamps, fields, rotation, alpha, damage."""

import random
import shutil
import struct
import subprocess
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from bridge.transports import Options, TransportError, open_source
from bridge.transports.film.clip import Clip, Timeline
from tests.bridge.transports.clips import drawn, first, half_clear, plain, shots, write
from tests.support.rig import running_session
from tests.support.slow_cases import rest_slow

DATA = Path(__file__).parents[2] / "data"

# Clocks


def times_of(path):
    return [at for at, _ in shots(Clip(path))]


def gray(count, size=(64, 48)):
    """Pictures that get brighter, so that each can be told."""
    return [plain((10 + 2 * number,) * 3, *size) for number in range(count)]


@pytest.mark.parametrize(
    ("ending", "jump"), [("ts", 3600), ("ts", -3600), ("ts", 90), ("mkv", 3600), ("flv", 90)]
)
def test_a_clock_that_is_set_on_the_way_keeps_nobody_waiting(tmp_path, ending, jump):
    times = [4000 + n / 25 + (jump if n >= 25 else 0) for n in range(50)]
    if jump < 0:
        parts = [
            write(tmp_path / f"{n}.ts", gray(50)[n : n + 25], times=times[n : n + 25]).read_bytes()
            for n in (0, 25)
        ]
        path = tmp_path / "clip.ts"
        path.write_bytes(b"".join(parts))
    else:
        path = write(tmp_path / f"clip.{ending}", gray(50), times=times)
    due = times_of(path)
    assert len(due) == 50, "both parts are seen"
    assert all(0.02 <= b - a <= 0.07 for a, b in pairwise(due)), "at their own rate, no wait"


@pytest.mark.slow
def test_a_show_goes_on_over_a_clock_that_jumps(tmp_path):
    times = [n / 25 + (3600 if n >= 25 else 0) for n in range(50)]
    path = write(tmp_path / "clip.ts", gray(50), times=times)
    with running_session(tmp_path, pipeline="passthrough", source=f"file:{path}") as rig:
        for bright in (True, False, True):  # the second part, the first again, and once more
            rig.wait(lambda frame, bright=bright: (frame.image[20, 20, 1] > 60) == bright)


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts"])
def test_a_hole_in_which_nothing_was_seen_is_kept(tmp_path, ending):
    times = [0, 0.04, 0.08, 3.5, 3.54, 3.75, 4]
    due = times_of(write(tmp_path / f"clip.{ending}", gray(7), times=times, options={"bf": "0"}))
    assert due == pytest.approx(times, abs=0.002)


def test_a_slow_clip_is_no_clock_that_jumps(tmp_path):
    times = [0, 100, 200, 300]
    path = write(tmp_path / "clip.mp4", gray(4), times=times, codec="mpeg4")
    assert times_of(path) == pytest.approx(times, abs=0.002)


def test_a_long_screen_recording_that_stood_still_goes_on_standing(tmp_path):
    times = [*(n / 10 for n in range(20)), 42.0, 42.1]
    assert times_of(write(tmp_path / "clip.mkv", gray(22), times=times)) == pytest.approx(times)


def test_no_clock_makes_a_picture_wait_or_go_back():
    rng = random.Random(4)
    for _ in range(200):
        hole = rng.choice((5.0, 60.0))
        line, at = Timeline(25, hole), 0.0
        for _ in range(60):
            seen = rng.choice((None, rng.uniform(-1e5, 1e5), line._last + rng.uniform(-1, 1)))
            line.place(seen, rng.choice((0.0, 0.04, 3600.0)))
            assert at <= line.at <= at + hole + 0.5
            assert 0 < line.length <= hole
            at = line.at


# Shapes


def circle(width, height, aspect) -> np.ndarray:
    """A white disc that is round where a pixel is `aspect` times as wide as it is high."""
    rows, columns = np.mgrid[:height, :width]
    away = ((columns - width / 2) * aspect) ** 2 + (rows - height / 2) ** 2
    image = plain((0, 0, 0), width, height)
    image[away < (0.35 * height) ** 2, :3] = 255
    return image


def is_round(image) -> bool:
    bright = image[..., 1] > 128
    width, height = (np.ptp(np.flatnonzero(bright.any(axis))) + 1 for axis in (0, 1))
    return width == pytest.approx(height, rel=0.015, abs=2)


@pytest.mark.parametrize(
    ("ending", "codec", "size", "aspect"),
    [("ts", "mpeg2video", (720, 576), "64/45"), ("avi", "mpeg4", (720, 480), "8/9"),
     ("mp4", "libx264", (1440, 1080), "4/3"), ("mkv", "libx264", (352, 288), "12/11"),
     ("mov", "mpeg4", (400, 200), "1/2")],
)  # fmt: skip
def test_a_circle_stays_round(tmp_path, ending, codec, size, aspect):
    wide, high = map(int, aspect.split("/"))
    path = write(tmp_path / f"clip.{ending}", [circle(*size, wide / high)] * 2, codec=codec,
                 aspect=aspect, options={"b": "8M"})  # fmt: skip
    image = first(path)
    assert is_round(image)
    assert image.shape[0] == size[1]
    assert image.shape[1] == pytest.approx(size[0] * wide / high, abs=1)


def test_a_circle_is_round_where_only_the_container_tells_the_shape():
    (image, *others) = drawn(DATA / "pal.webm")  # VP8 of 180x144
    assert image.shape == (144, 256, 4)
    assert all(map(is_round, [image, *others]))


def test_a_shape_of_pixels_that_cannot_be_meant_is_left_alone(tmp_path):
    path = write(tmp_path / "clip.mkv", [plain((9, 9, 9))], codec="ffv1", aspect="200/1")
    assert first(path).shape == (48, 64, 4)


MATRICES = [(1, 0, 0, 1), (0, 1, -1, 0), (-1, 0, 0, -1), (0, -1, 1, 0),
            (-1, 0, 0, 1), (1, 0, 0, -1), (0, 1, 1, 0), (0, -1, -1, 0)]  # fmt: skip
CORNERS = {(-1, -1): (255, 0, 0), (1, -1): (0, 255, 0), (-1, 1): (0, 0, 255), (1, 1): (200,) * 3}


def quadrants(width=128, height=64) -> np.ndarray:
    image = plain((0, 0, 0), width, height)
    for (x, y), colour in CORNERS.items():
        columns = slice(width // 2, None) if x > 0 else slice(width // 2)
        image[slice(height // 2, None) if y > 0 else slice(height // 2), columns, :3] = colour
    return image


def with_matrix(path, a, b, c, d):
    """The same clip with another display matrix in its track header."""
    data = bytearray(path.read_bytes())
    place = data.index(b"tkhd") + 44
    struct.pack_into(">9i", data, place, a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


def corners_of(image) -> dict:
    height, width = image.shape[:2]
    return {(x, y): tuple(image[height // 2 + y * height // 4, width // 2 + x * width // 4, :3])
            for x, y in CORNERS}  # fmt: skip


def near(one, other, by=12) -> bool:
    return np.abs(np.int32(one) - np.int32(other)).max() <= by


@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize("aspect", rest_slow(["1/1", "2/1"]))
def test_all_eight_display_matrices_are_followed(tmp_path, matrix, aspect):
    path = write(tmp_path / "clip.mp4", [quadrants()], aspect=aspect, options={"qp": "0"})
    a, b, c, d = matrix
    image = first(with_matrix(path, *matrix))
    width = 128 * int(aspect[0])
    assert image.shape[:2] == ((64, width) if a else (width, 64))
    seen = corners_of(image)
    for (x, y), colour in CORNERS.items():  # the matrix maps a corner to where it is shown
        assert near(seen[a * x + c * y, b * x + d * y], colour), matrix


@pytest.mark.foreign
@pytest.mark.parametrize("matrix", rest_slow([(matrix,) for matrix in MATRICES], 3))
def test_ffmpeg_turns_them_the_same_way(tmp_path, matrix):
    if not shutil.which("ffmpeg"):
        pytest.skip("ffmpeg is not installed")
    path = with_matrix(write(tmp_path / "clip.mp4", [quadrants()], options={"qp": "0"}), *matrix)
    subprocess.run(["ffmpeg", "-v", "error", "-i", path, "-frames:v", "1", tmp_path / "a.png"],
                   check=True, timeout=60)  # fmt: skip
    theirs = cv2.cvtColor(cv2.imread(str(tmp_path / "a.png")), cv2.COLOR_BGR2RGB)
    ours = first(path)
    assert ours.shape[:2] == theirs.shape[:2]
    assert all(near(colour, corners_of(theirs)[at]) for at, colour in corners_of(ours).items())


# Transparency


@pytest.mark.parametrize(
    ("ending", "codec", "pix_fmt", "options"),
    [("webm", "libvpx", "yuva420p", {"auto-alt-ref": "0"}), ("webm", "libvpx-vp9", "yuva420p", {}),
     ("mkv", "libvpx-vp9", "yuva420p", {}), ("mov", "prores_ks", "yuva444p10le", {}),
     ("mov", "qtrle", "argb", {}), ("mkv", "ffv1", "yuva420p", {}), ("apng", "apng", "rgba", {}),
     ("mov", "png", "rgba", {})],
)  # fmt: skip
def test_what_is_transparent_in_a_clip_arrives(tmp_path, ending, codec, pix_fmt, options):
    path = write(tmp_path / f"clip.{ending}", [half_clear()] * 5, codec=codec, pix_fmt=pix_fmt,
                 options=options)  # fmt: skip
    pictures = drawn(path)
    assert len(pictures) == 5
    for image in pictures:
        assert (image[:, :30, 3] >= 253).all()
        assert (image[:, 34:, 3] <= 2).all()
        assert near(image[20, 10, :3], (255, 0, 0))


def test_a_transparent_film_is_transparent_at_the_output(tmp_path):
    path = write(tmp_path / "clip.webm", [half_clear()] * 5, codec="libvpx-vp9",
                 pix_fmt="yuva420p")  # fmt: skip
    with running_session(
        tmp_path, pipeline="passthrough", alpha="input", source=f"file:{path}"
    ) as rig:
        shown = rig.wait(lambda frame: frame.image[24, 50, 3] < 10).image
        assert shown[24, 10, 3] > 250
        assert near(shown[24, 10, :3], (255, 0, 0))


# Fields


def fields(top, count=6, width=96, height=64):
    """A bar that moves with every field, two fields to a picture; `top` is 0 where the upper one
    comes first.
    """
    bar = plain((0, 0, 0), width, height)[None].repeat(2 * count, 0)
    for number, image in enumerate(bar):
        image[:, 6 * number : 6 * number + 12, :3] = 255
    woven = bar[::2].copy()
    woven[:, 1 - top :: 2] = bar[1::2, 1 - top :: 2]
    return list(woven)


def combs(image) -> float:
    """How much more neighbouring rows differ than rows two apart."""
    rows = image[8:-8, :, 1].astype(int)
    return float(np.abs(rows[1:] - rows[:-1]).mean() - np.abs(rows[2:] - rows[:-2]).mean())


@pytest.mark.parametrize(
    ("ending", "codec", "options"),
    [("ts", "mpeg2video", {"flags": "+ildct+ilme", "q": "2"}),
     ("mp4", "libx264", {"flags": "+ildct", "qp": "4"}),
     ("mkv", "libx264", {"flags": "+ildct", "qp": "4", "bf": "0"})],
)  # fmt: skip
@pytest.mark.parametrize("top", [0, 1])
def test_two_fields_become_two_pictures_without_combs(tmp_path, ending, codec, options, top):
    path = write(tmp_path / f"clip.{ending}", fields(top), codec=codec, options=options,
                 fields=("tff", "bff")[top])  # fmt: skip
    with av.open(str(path)) as container:
        assert combs(next(container.decode(video=0)).to_ndarray(format="rgba")) > 5, "else no test"
    pictures = drawn(path)
    assert max(map(combs, pictures[2:-2])) < 2
    places = [np.flatnonzero(image[30, :, 1] > 128).mean() for image in pictures[2:-2]]
    assert all(3 < b - a < 9 for a, b in pairwise(places)), "it moves with every field"
    due = times_of(path)
    assert len(due) == 12
    assert all(b - a == pytest.approx(0.02, abs=0.002) for a, b in pairwise(due))


@pytest.mark.parametrize(("woven", "rate"), [("tff", 50), ("bff", 50), ("", 25)])
def test_a_clip_tells_the_rate_at_which_it_plays(tmp_path, woven, rate):
    options = {"flags": "+ildct", "qp": "4"} if woven else {}
    path = write(tmp_path / "clip.mkv", fields(0), options=options, fields=woven)
    with open_source(f"file:{path}", Options()) as source:
        for _ in range(4):
            source.receive(10)
        assert source.status == f"96x64 at {rate}, clip.mkv"


def test_what_has_no_fields_is_left_as_it_is(tmp_path):
    stripes = plain((0, 0, 0))
    stripes[::2, :, :3] = 255
    path = write(tmp_path / "clip.mkv", [stripes] * 3, codec="ffv1", pix_fmt="bgr0")
    assert all(np.array_equal(image, stripes) for image in drawn(path))


# What is no film


def song(path, codec):
    """Sound with a cover, as music programs save it."""
    kind = "mp4" if path.suffix == ".m4a" else None
    with av.open(str(path), "w", format=kind) as container:
        sound = container.add_stream(codec, 44100)
        cover = container.add_stream("mjpeg", 25)
        cover.width, cover.height, cover.pix_fmt = 64, 48, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        frame = av.VideoFrame.from_ndarray(plain((200, 0, 0))[..., :3].copy(), "rgb24")
        for packet in [*cover.encode(frame.reformat(format="yuvj420p")), *cover.encode(None)]:
            container.mux(packet)
        silence = np.zeros((1, 44100), np.int16)
        part = av.AudioFrame.from_ndarray(silence, "s16", "mono")
        part.sample_rate = 44100
        for packet in [*sound.encode(part), *sound.encode(None)]:
            container.mux(packet)
    return path


@pytest.mark.parametrize(("name", "codec"), [("a.mp3", "libmp3lame"), ("a.m4a", "aac"),
                                             ("a.flac", "flac")])  # fmt: skip
def test_a_song_with_a_cover_is_refused_in_a_sentence(tmp_path, name, codec):
    path = song(tmp_path / name, codec)
    with pytest.raises(TransportError, match="is audio with cover art, not a video; use another"):
        open_source(f"file:{path}", Options())


def test_a_codec_that_nobody_knows_is_named(tmp_path):
    path = write(tmp_path / "clip.mp4", [plain((9, 9, 9))])
    for tag in (b"xyz9", b"q0q0"):
        data = path.read_bytes().replace(b"avc1", tag)
        (tmp_path / "odd.mp4").write_bytes(data)
        with pytest.raises(
            TransportError, match=f"no decoder for its codec '{tag.decode()}'; save it as"
        ):
            open_source(f"file:{tmp_path}/odd.mp4", Options())


def test_a_source_that_cannot_be_played_is_told_and_the_one_before_goes_on(tmp_path):
    path = song(tmp_path / "song.m4a", "aac")
    with running_session(tmp_path, pipeline="passthrough") as rig:
        stop = rig.steady_input()
        rig.running()
        rig.session.set_source(f"file:{path}")
        rig.until(lambda: "is audio with cover art" in rig.session.status().input_problem)
        rig.until(lambda: rig.session.status().input == "live")
        stop()


# Colours

LUMA = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 9: (0.2627, 0.0593)}  # of red and blue
PATCHES = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (128, 128, 128),
           (200, 60, 30), (20, 130, 220)]  # fmt: skip


def planes(rgb, matrix, limited, bits):
    """One colour as luma and two differences, by the definition of the standards."""
    red, green, blue = (value / 255 for value in rgb)
    of_red, of_blue = LUMA[matrix]
    luma = of_red * red + (1 - of_red - of_blue) * green + of_blue * blue
    pair = (blue - luma) / (2 - 2 * of_blue), (red - luma) / (2 - 2 * of_red)
    scale, most = 1 << bits - 8, (1 << bits) - 1
    if limited:
        found = (16 + 219 * luma) * scale, *((128 + 224 * part) * scale for part in pair)
    else:
        found = luma * most, *((1 << bits - 1) + part * most for part in pair)
    return [min(most, max(0, round(value))) for value in found]


def patches(path, width, matrix, limited, bits):
    """A lossless clip, each picture of which is one patch of `PATCHES`."""
    pix_fmt = "yuv420p" if bits == 8 else "yuv420p10le"
    depth, small = (np.uint8, np.uint16)[bits > 8], ((width + 1) // 2, 24)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", 25)
        stream.width, stream.height, stream.pix_fmt = width, 48, pix_fmt
        stream.codec_context.colorspace = matrix
        stream.codec_context.color_range = 1 if limited else 2
        for rgb in PATCHES:
            frame = av.VideoFrame(width, 48, pix_fmt)
            frame.colorspace, frame.color_range = matrix, 1 if limited else 2
            sizes = (width, 48), small, small
            values = planes(rgb, matrix, limited, bits)
            for plane, value, (wide, high) in zip(frame.planes, values, sizes, strict=True):
                rows = np.zeros((high, plane.line_size // depth().itemsize), depth)
                rows[:, :wide] = value
                plane.update(rows.tobytes())
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("matrix", rest_slow(LUMA))
@pytest.mark.parametrize("limited", [True, False])
@pytest.mark.parametrize("bits", [8, 10])
@pytest.mark.parametrize("width", [64, 62, 61])
def test_colours_are_those_of_the_standard_in_every_column(tmp_path, matrix, limited, bits, width):
    path = patches(tmp_path / "clip.mkv", width, matrix, limited, bits)
    for image, rgb in zip(drawn(path), PATCHES, strict=True):
        assert image.shape == (48, width, 4)
        worst = np.abs(image[..., :3].astype(int) - rgb).max()
        assert worst <= 3, (rgb, image[0, 0], image[-1, -1])


# Files that were right before


def test_a_size_that_changes_on_the_way_is_followed(tmp_path):
    parts = [write(tmp_path / f"{n}.ts", gray(4, size), options={"bf": "0"},
                   times=[10 * n + k / 25 for k in range(4)]).read_bytes()
             for n, size in enumerate([(64, 48), (96, 64)])]  # fmt: skip
    (tmp_path / "clip.ts").write_bytes(b"".join(parts))
    shapes = [image.shape[:2] for image in drawn(tmp_path / "clip.ts")]
    assert shapes == [(48, 64)] * 4 + [(64, 96)] * 4


def test_b_pictures_and_a_long_group_come_in_order(tmp_path):
    path = write(tmp_path / "clip.mp4", gray(60), options={"bf": "3", "g": "250", "qp": "0"})
    levels = [int(image[20, 20, 1]) for image in drawn(path)]
    assert len(levels) == 60
    assert levels == sorted(levels)


def test_what_is_cut_off_is_played_as_far_as_it_goes(tmp_path):
    path = write(tmp_path / "clip.ts", gray(50), codec="mpeg2video")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    assert 10 < len(drawn(path)) < 50


@pytest.mark.slow
def test_a_small_file_of_huge_pictures_is_refused(tmp_path, monkeypatch):
    """A GIF of 11 kB may hold hundreds of 64 megapixels each."""
    frames = [Image.new("P", (8000, 5001), colour) for colour in (1, 2)]
    frames[0].save(tmp_path / "bomb.gif", save_all=True, append_images=frames[1:])
    with pytest.raises(
        TransportError, match=r"images of 8000x5001, over the limit of 40 megapixels"
    ):
        open_source(f"file:{tmp_path}/bomb.gif", Options())


PAGES = {
    "page.mp4": (b"<!DOCTYPE html><html><body>Sign in</body></html>", "a web page"),
    "page.png": (b"\n<html lang='en'>", "a web page"),
    "page": (b"<html>", "a web page"),
    "pointer.mov": (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d\n", "a Git LFS po"),
    "pointer.jpg": (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d\n", "a Git LFS po"),
    "answer.mkv": (b'{"error": "gone"}', "a server's response"),
    "show.zip": (b"PK\x03\x04" + bytes(50), "a ZIP archive"),
    "deck.pdf": (b"%PDF-1.7\n", "a PDF"),
}  # fmt: skip


@pytest.mark.parametrize("name", PAGES)
def test_what_was_saved_instead_of_a_film_is_called_by_its_true_name(tmp_path, name):
    data, what = PAGES[name]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(TransportError) as caught:
        open_source(f"file:{tmp_path / name}", Options())
    assert str(caught.value).startswith(f"{tmp_path / name} is {what}")
    assert ", not a video or image; " in str(caught.value)
