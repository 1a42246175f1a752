"""Still images, animated images, and folders of both."""

import os
import struct
import sys
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from bridge.transports import Options, TransportError, open_source
from bridge.transports.film.animated import AnimatedWebp
from bridge.transports.film.clip import Clip
from bridge.transports.film.pictures import read
from bridge.transports.film.sequence import Sequence
from tests.bridge.transports.clips import drawn, half_clear, plain, shots, write
from tests.support.rig import running_session


def save(path, image, *, ending="", deep=False, options=()):
    """An RGBA picture to a file, by OpenCV."""
    image = cv2.cvtColor(image, cv2.COLOR_RGBA2BGRA)
    image = image.astype(np.uint16) * 257 if deep else image
    done, data = cv2.imencode(ending or path.suffix, image, list(options))
    assert done
    path.write_bytes(data)
    return path


def marked() -> np.ndarray:
    """Clear below, a red corner on top left and a blue one on top right."""
    image = plain((90, 90, 90), 60, 40)
    image[:20, :30], image[:20, 30:], image[20:, :, 3] = (255, 0, 0, 255), (0, 0, 255, 255), 0
    return image


@pytest.mark.parametrize("ending", [".png", ".webp", ".tif", ".avif"])
def test_a_pictures_transparency_arrives(tmp_path, ending):
    image = read(save(tmp_path / f"a{ending}", half_clear()))
    assert image.shape == (48, 64, 4)
    assert (image[:, :30, 3] >= 253).all()
    assert (image[:, 34:, 3] <= 2).all()
    assert np.abs(image[20, 10].astype(int) - (255, 0, 0, 255)).max() <= 4


@pytest.mark.parametrize("ending", [".png", ".tif"])
def test_a_deep_picture_keeps_its_transparency_and_its_light(tmp_path, ending):
    image = marked()
    assert np.array_equal(read(save(tmp_path / f"a{ending}", image, deep=True)), image)


@pytest.mark.parametrize("depth", [8, 10, 12])
def test_a_deep_avif_is_as_bright_as_it_was(tmp_path, depth):
    gray = np.full((48, 64, 3), 100, np.uint8).astype(np.uint16)
    gray = gray.astype(np.uint8) if depth == 8 else gray << depth - 8
    done, data = cv2.imencode(".avif", gray, [cv2.IMWRITE_AVIF_DEPTH, depth])
    assert done
    (tmp_path / "a.avif").write_bytes(data)
    assert np.abs(read(tmp_path / "a.avif")[..., :3].astype(int) - 100).max() <= 2


def exif(orientation) -> bytes:
    return b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 274, 3, 1, orientation, 0, 0)


def in_png(data, orientation) -> bytes:
    told = b"eXIf" + exif(orientation)
    chunk = struct.pack(">I", len(told) - 4) + told + struct.pack(">I", zlib.crc32(told))
    return data[:33] + chunk + data[33:]


def in_webp(data, orientation) -> bytes:
    assert data[12:16] == b"VP8X"
    told = exif(orientation)
    data = bytearray(
        data + struct.pack("<4sI", b"EXIF", len(told)) + told + b"\0" * (len(told) % 2)
    )
    data[20] |= 8
    struct.pack_into("<I", data, 4, len(data) - 8)
    return bytes(data)


RIGHTED = {1: (0, 1), 2: (1, 0), 3: (3, 2), 4: (2, 3), 5: (0, 2), 6: (2, 0), 7: (3, 1), 8: (1, 3)}


@pytest.mark.parametrize("orientation", RIGHTED)
@pytest.mark.parametrize("kind", [".png", ".webp"])
def test_a_picture_with_transparency_is_turned_as_the_camera_was_held(tmp_path, kind, orientation):
    """`RIGHTED` says in which corner of the file the first and second corner of what is shown lie:
    top left, top right, bottom left, bottom right.
    """
    image = plain((0, 0, 0), 60, 40)
    colours = [(255, 0, 0, 255), (0, 255, 0, 255), (0, 0, 255, 255), (255, 255, 0, 128)]
    for number, colour in enumerate(colours):
        image[20 * (number // 2) :][:20, 30 * (number % 2) :][:, :30] = colour
    options = (cv2.IMWRITE_WEBP_QUALITY, 100) if kind == ".webp" else ()
    path = save(tmp_path / f"a{kind}", image, options=options)
    put = in_png if kind == ".png" else in_webp
    path.write_bytes(put(path.read_bytes(), orientation))
    shown = read(path)
    assert shown.shape[:2] == ((40, 60) if orientation < 5 else (60, 40))
    height, width = shown.shape[:2]
    for corner, column in zip(RIGHTED[orientation], (width // 4, 3 * width // 4), strict=True):
        found = shown[height // 4, column].astype(int)
        assert np.abs(found - colours[corner]).max() < 40, orientation


# Pictures that move


def animation(path, kind, count=4, **options):
    """Bars that wander, with transparency, of 100 ms each."""
    made = cv2.Animation()
    images = []
    for number in range(count):
        image = plain((0, 0, 0, 0))
        image[:, 12 * number : 12 * number + 12] = (250, 20, 20, 255)
        images.append(image)
    made.frames = [cv2.cvtColor(image, cv2.COLOR_RGBA2BGRA) for image in images]
    made.durations = np.full(count, 100, np.int32)
    done, data = cv2.imencodeanimation(kind, made, [cv2.IMWRITE_WEBP_QUALITY, 100])
    assert done
    path.write_bytes(data)
    return path, images


@pytest.mark.skipif(not hasattr(cv2, "imencodeanimation"), reason="it cannot write them")
@pytest.mark.parametrize(("name", "kind"), [("a.png", ".png"), ("a.apng", ".png"),
                                            ("a.webp", ".webp"), ("a.gif", ".gif"),
                                            ("a.avif", ".avif")])  # fmt: skip
def test_a_picture_that_moves_moves(tmp_path, name, kind):
    path, images = animation(tmp_path / name, kind)
    with open_source(f"file:{path}", Options()) as source:
        reel = source._reel
        assert [at for at, _ in shots(reel)] == pytest.approx([0, 0.1, 0.2, 0.3], abs=0.01)
        assert source.receive(30).image.shape == (48, 64, 4)
        assert "64x48 at 10" in source.status
    for image, wanted in zip(drawn(reel), images, strict=True):
        red = (image[20, :, 0] > 128) & (image[20, :, 3] > 128)
        assert np.flatnonzero(red).mean() == pytest.approx(np.flatnonzero(wanted[20, :, 3]).mean())
        if kind != ".avif":  # whose transparency is a film of its own, which is not read
            assert (image[20, ~red, 3] < 10).all()


@pytest.mark.parametrize("way", [None, Image.Transpose.ROTATE_90])
@pytest.mark.parametrize("clear", [True, False])
def test_a_moving_avif_keeps_its_transparency(tmp_path, clear, way):
    pictures = []
    for number in range(4):
        image = plain((60 * number, 90, 30, 255), 96, 64)
        image[:, 48:, 3] = 255 - 85 * number if clear else 255
        one = Image.fromarray(image)
        pictures.append(one.transpose(way) if way is not None else one)
    path = tmp_path / "moving.avif"
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=100, quality=95)
    with open_source(f"file:{path}", Options()) as source:
        shown = drawn(source._reel)
    assert len(shown) == 4
    for image, made in zip(shown, pictures, strict=True):
        assert np.abs(image.astype(int) - np.asarray(made.convert("RGBA"))).max() < 9


def test_frames_of_a_webp_are_laid_over_each_other_as_they_say(tmp_path):
    done, bar = cv2.imencode(".webp", np.full((8, 8, 3), (0, 0, 250), np.uint8),
                             [cv2.IMWRITE_WEBP_QUALITY, 101])  # fmt: skip
    assert done
    inside = bar.tobytes()[12:]

    def frame(x, y, milliseconds, flags):
        numbers = (x // 2, y // 2, 7, 7, milliseconds)
        head = b"".join(number.to_bytes(3, "little") for number in numbers) + bytes([flags])
        return struct.pack("<4sI", b"ANMF", len(head) + len(inside)) + head + inside

    body = struct.pack("<4sII", b"VP8X", 10, 0x12) + b"\x1f\0\0\x0f\0\0"
    body += struct.pack("<4sIIH", b"ANIM", 6, 0, 0)
    body += frame(0, 0, 40, 1) + frame(8, 0, 0, 0) + frame(16, 8, 250, 2)
    path = tmp_path / "a.webp"
    path.write_bytes(struct.pack("<4sI4s", b"RIFF", 4 + len(body), b"WEBP") + body)
    assert shots(AnimatedWebp(path)) == [(0, 0.04), (0.04, 0.1), (0.14, 0.25)]
    one, two, three = (image[..., 3] for image in drawn(AnimatedWebp(path)))
    assert one[:8, :8].all(), "alone"
    assert not one[:, 8:].any()
    assert not two[:8, :8].any(), "the first one went"
    assert two[:8, 8:16].all()
    assert three[:8, 8:16].all(), "the second one stayed"
    assert three[8:, 16:24].all()
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(TransportError, match="is not a readable image"):
        drawn(AnimatedWebp(path))


def test_a_moving_picture_without_end_of_size_is_refused(tmp_path):
    body = struct.pack("<4sII", b"VP8X", 10, 2) + b"\xff\xff\xff" * 2
    path = tmp_path / "a.webp"
    path.write_bytes(struct.pack("<4sI4s", b"RIFF", 4 + len(body), b"WEBP") + body)
    with pytest.raises(TransportError, match=r"megapixels|over the limit of"):
        open_source(f"file:{path}", Options())


# Folders


@pytest.fixture(name="row")
def _row(tmp_path):
    """Twelve pictures whose names count up, each a little brighter."""
    folder = tmp_path / "my shots"
    folder.mkdir()
    for number in range(1, 13):
        save(folder / f"shot_{number}.png", plain((10 * number,) * 3))
    (folder / "notes.txt").write_text("no picture")
    (folder / ".hidden.png").write_text("no picture")
    return folder


@pytest.mark.parametrize(
    "name", ["", "/shot_%d.png", "/shot_%04d.png", "/shot_##.png", "/shot*", "/SHOT_%d.PNG"]
)
def test_a_sequence_is_shown_in_the_order_of_its_numbers(row, name):
    with open_source(f"file:{row}{name}", Options(fps=30)) as source:
        assert [at for at, _ in shots(source._reel)] == pytest.approx(np.arange(12) / 30, abs=0.001)
        assert [int(image[0, 0, 0]) for image in drawn(source._reel)] == list(range(10, 130, 10))
        source.receive(1)
        assert source.status.startswith("64x48 at 30, 12 files of ")


def test_its_rate_may_be_said(row):
    with open_source(f"file:{row}?fps=12.5", Options()) as source:
        assert shots(source._reel)[1] == (0.08, 0.08)
    for rate in ("0", "-3", "inf", "nan", "fast", ""):
        with pytest.raises(TransportError, match=r"write a number from 0.001 to 240"):
            open_source(f"file:{row}?fps={rate}", Options())
    with pytest.raises(TransportError, match="fps is for folders"):
        open_source(f"file:{row}/shot_1.png?fps=3", Options())


def test_pictures_that_do_not_count_are_slides_and_clips_play_whole(tmp_path):
    save(tmp_path / "beach.png", plain((1, 2, 3)))
    write(tmp_path / "clip.mp4", [plain((9, 9, 9))] * 10)
    (tmp_path / "damaged.mp4").write_bytes(b"none")
    save(tmp_path / "sunset.jpg", plain((3, 2, 1)))
    found = shots(Sequence(tmp_path, 30, asked=False))
    assert found[0] == (0, 5)
    assert found[1][0] == 5
    assert found[-1] == (pytest.approx(5.4), 5)
    assert len(found) == 12


def test_a_folder_tells_the_rate_at_which_it_plays_now(tmp_path):
    save(tmp_path / "a.png", plain((1, 2, 3)))
    write(tmp_path / "b.mp4", [plain((9, 9, 9))] * 3, fps=50)
    write(tmp_path / "c.mp4", [plain((9, 9, 9))] * 3, fps=24)
    save(tmp_path / "d.png", plain((3, 2, 1)))
    (tmp_path / "e.png").write_bytes(b"<!doctype html>")
    reel = Sequence(tmp_path, 10, asked=True)
    assert [reel.rate for _ in reel.once()] == ["10", *["50"] * 3, *["24"] * 3, "10", "10"]


def test_strips_are_films_and_what_is_thinner_is_told(tmp_path):
    save(tmp_path / "strip.png", plain((1, 2, 3), 4096, 1))
    with open_source(f"file:{tmp_path}/strip.png", Options()) as source:
        assert source.receive(10).image.shape == (1, 4096, 4)
    for width, height, how in ((30_000, 1, "wide"), (2, 9000, "high"), (1_100_000, 1, "wide")):
        data = b"BM" + struct.pack("<IIIIii", 0, 0, 54, 40, width, height) + bytes(28)
        (tmp_path / "thin.bmp").write_bytes(data)
        with pytest.raises(TransportError, match=f"which is too {how} for an image; crop it"):
            open_source(f"file:{tmp_path}/thin.bmp", Options())


def test_a_file_wins_whose_name_looks_like_more(tmp_path):
    for name in ("100%d.png", "a#1.png", "really?fps=3.png"):
        save(tmp_path / name, plain((7, 7, 7)))
        with open_source(f"file:{tmp_path / name}", Options()) as source:
            assert name in source.status


def test_a_folder_without_pictures_is_told_and_a_picture_that_cannot_be_read_is_left(
    row, tmp_path, caplog
):
    (tmp_path / "empty").mkdir()
    for name in ("empty", "my shots/none_%d.png", "nowhere/a_%d.png"):
        with pytest.raises(TransportError, match=r"No image or video found in|cannot be read"):
            open_source(f"file:{tmp_path}/{name}", Options())
    (row / "shot_1.png").write_bytes(b"")
    (row / "shot_2.png").write_bytes(b"damaged")
    (row / "shot_5.png").unlink()
    (row / "shot_5.png").mkdir()
    reel = Sequence(row, 50, asked=True)
    for _ in range(2):
        first, second, _, fourth, fifth, *rest = (int(image[0, 0, 0]) for image in drawn(reel))
        assert (second, fifth, len(rest)) == (first, fourth, 7), "the one before stays"
    for name in ("shot_1.png", "shot_2.png", "shot_5.png"):
        assert len([text for text in caplog.messages if f"{name} is skipped" in text]) == 1
    with running_session(tmp_path, pipeline="passthrough", source=f"file:{row}?fps=50") as rig:
        rig.until(lambda: rig.session.status().input == "live")
        rig.until(lambda: rig.session.status().frames_new > 30)
        assert not rig.session.status().input_problem
    for file in row.glob("shot_*.png"):
        if file.is_file():
            file.write_bytes(b"damaged")
    with pytest.raises(TransportError, match=r"shot_1.png is not a readable image"):
        open_source(f"file:{row}", Options())


def test_new_pictures_of_a_folder_are_seen_in_the_next_round(row):
    reel = Sequence(row, 30, asked=False)
    assert len(drawn(reel)) == 12
    save(row / "shot_13.png", plain((200,) * 3))
    assert len(drawn(reel)) == 13


def test_a_picture_without_its_ending_is_a_picture(tmp_path):
    save(tmp_path / "photo", plain((7, 8, 9)), ending=".png")
    with open_source(f"file:{tmp_path}/photo", Options()) as source:
        assert tuple(source.receive(30).image[0, 0]) == (7, 8, 9, 255)


def test_a_clip_is_told_from_its_poster(tmp_path):
    path, _ = animation(tmp_path / "a.avif", ".avif")
    assert len(drawn(Clip(path))) == 4


def test_a_picture_of_an_iphone_is_refused_by_its_name(tmp_path):
    path = tmp_path / "IMG_0001.HEIC"
    path.write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 100)
    with pytest.raises(TransportError, match=r"is a HEIC image, .* save it as JPEG or PNG"):
        open_source(f"file:{path}", Options())


# Names that no text can carry


@pytest.mark.skipif(sys.platform != "linux", reason="names are bytes there alone")
@pytest.mark.parametrize(
    "typed",
    ["caf\ufffd.png", "café.png", os.fsdecode(b"caf\xe9.png"), "cafe\u0301.png"],
    ids=["as REST mends it", "as it is read", "as an argument has it", "as a Mac has it"],
)
def test_a_file_is_found_whose_name_has_a_byte_that_is_not_utf8(tmp_path, typed):
    save(tmp_path / os.fsdecode(b"caf\xe9.png"), marked(), ending=".png")
    with open_source(f"file:{tmp_path}/{typed}", Options()) as source:
        assert source.receive(10) is not None
        assert source.status.endswith("caf\udce9.png")


@pytest.mark.parametrize("typed", ["Größe [1].png", "Gro\u0308ße [1].png"])
@pytest.mark.parametrize("kept", ["Größe [1].png", "Gro\u0308ße [1].png"])
def test_accents_may_be_letters_of_their_own(tmp_path, typed, kept):
    save(tmp_path / kept, marked())
    with open_source(f"file:{tmp_path}/{typed}", Options()) as source:
        assert source.receive(10) is not None


def test_nothing_else_is_taken_for_a_file_that_is_not_there(tmp_path):
    save(tmp_path / "cafe.png", marked())
    for typed in ("café.png", "caf\ufffd.png", "nowhere/cafe.png"):
        with pytest.raises(TransportError, match=r"File not found: .*check the path"):
            open_source(f"file:{tmp_path}/{typed}", Options())


@pytest.mark.skipif(sys.platform == "win32", reason="no name there has a question mark")
@pytest.mark.parametrize("name", ["a.png?dl=1", "who?fps=x.png", "b.png?token=a&token=b"])
def test_a_question_mark_may_be_part_of_a_files_name(tmp_path, name):
    save(tmp_path / name, marked(), ending=".png")
    with open_source(f"file:{tmp_path}/{name}", Options()) as source:
        assert source.receive(10) is not None


@pytest.mark.parametrize(
    ("query", "why"),
    [("size=3", "Unknown option size=3 for a folder of images; after . it takes fps="),
     ("fps=12&fps=24", "give it once"), ("fps=banana", "write a number from 0.001 to 240")],
)  # fmt: skip
def test_what_cannot_be_asked_of_a_folder_is_told(row, query, why):
    with pytest.raises(TransportError, match=why):
        open_source(f"file:{row}?{query}", Options())
