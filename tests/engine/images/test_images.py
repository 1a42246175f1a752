"""Images from files: header first, no more than needed, one at a time."""

import io
import re
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import cv2
import httpx2
import numpy as np
import pytest

from bridge.control.http import uploads
from bridge.control.http.server import HttpServer
from bridge.state import references as assets
from bridge.state.references import AssetError
from engine.images import decoding
from engine.images.assets import COMING, KEPT_BYTES, MOST, Pictures
from engine.images.decoding import Need, PictureError, decoded, header
from tests.support.rig import running_session

ROOT = Path(__file__).parents[3]
WHOLE = Need(10_000, 10_000)
KINDS = [".png", ".jpg", ".webp", ".bmp", ".avif"]


def encoded(kind=".png", width=80, height=48, depth=np.uint8, *options):
    """Red above on the left, else a blue that grows darker."""
    image = np.zeros((height, width, 3), depth)
    most = np.iinfo(depth).max
    image[..., 0] = np.linspace(most, most // 2, width).astype(depth)
    image[: height // 2, : width // 2] = 0, 0, most
    ok, data = cv2.imencode(kind, image, options)
    if not ok:
        pytest.skip(f"this build of OpenCV writes no {kind}")
    return data.tobytes()


def is_red(pixel):
    return pixel[0] > 180 and pixel[2] < 90


# Headers


@pytest.mark.parametrize("size", [(80, 48), (333, 1), (1, 333), (4097, 16)])
@pytest.mark.parametrize("kind", KINDS)
def test_a_header_of_every_kind_says_the_size(kind, size):
    if kind == ".avif" and 1 in size:
        size = tuple(max(side, 16) for side in size)
    found = header(encoded(kind, *size))
    assert (found.width, found.height) == size
    assert found.kind.lower().replace("jpeg", "jpg") == kind[1:]


@pytest.mark.parametrize(("kind", "options"), [
    *((kind, ()) for kind in KINDS),
    (".webp", (cv2.IMWRITE_WEBP_QUALITY, 80)),
    (".jpg", (cv2.IMWRITE_JPEG_PROGRESSIVE, 1)),
])  # fmt: skip
def test_a_header_says_what_pillow_finds(kind, options):
    pillow = pytest.importorskip("PIL.Image")
    for size in ((80, 48), (17, 301), (1040, 304)):
        data = encoded(kind, *size, np.uint8, *options)
        with pillow.open(io.BytesIO(data)) as image:
            found = header(data)
            assert (found.kind.upper(), found.width, found.height) == (image.format, *image.size)


def test_lossy_and_extended_webp_say_their_size_too():
    assert header(encoded(".webp", 300, 20, np.uint8, cv2.IMWRITE_WEBP_QUALITY, 80))[1:3] == (
        300, 20
    )  # fmt: skip
    canvas = b"RIFF\0\0\0\0WEBPVP8X" + b"\x0a\0\0\0" + bytes([0x12, 0, 0, 0])
    assert header(canvas + b"\x1f\x4e\0" + b"\x0f\x27\0")[1:3] == (20_000, 10_000)


def test_a_jpeg_says_its_size_behind_much_else_and_which_must_be_held_whole():
    plain = encoded(".jpg")
    inserted = b"".join(
        b"\xff\xff\xff\xe2" + (2 + 60_000).to_bytes(2, "big") + b"\xc0" * 60_000 for _ in range(20)
    )
    assert header(plain[:2] + inserted + plain[2:]) == header(plain)
    progressive = encoded(".jpg", 80, 48, np.uint8, cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
    assert header(progressive).most < header(plain).most


def test_a_bitmap_from_the_top_down_and_an_old_one_say_their_size():
    data = bytearray(encoded(".bmp", 20, 10))
    data[22:26] = (-10).to_bytes(4, "little", signed=True)
    assert header(bytes(data))[1:3] == (20, 10)
    old = b"BM" + bytes(12) + (12).to_bytes(4, "little") + b"\x14\0\x0a\0\x01\0\x18\0"
    assert header(old)[1:3] == (20, 10)


def test_an_avif_says_the_size_of_the_whole_not_of_a_tile():
    def box(kind, *inside):
        content = b"".join(inside)
        return (8 + len(content)).to_bytes(4, "big") + kind + content

    def ispe(width, height):
        return box(b"ispe", bytes(4), width.to_bytes(4, "big"), height.to_bytes(4, "big"))

    start = box(b"ftyp", b"avif", bytes(4))
    ipco = box(b"ipco", ispe(512, 512), ispe(9000, 8000), ispe(64, 64))
    meta = box(b"meta", bytes(4), box(b"iprp", ipco))
    assert header(start + meta)[1:3] == (9000, 8000)
    entry = box(b"av01", bytes(24), (7000).to_bytes(2, "big"), (6000).to_bytes(2, "big"), bytes(50))
    track = box(b"stbl", box(b"stsd", bytes(8), entry))
    moov = box(b"moov", box(b"trak", box(b"mdia", box(b"minf", track))))
    assert header(start + meta.replace(b"ispe", b"free") + moov)[1:3] == (7000, 6000)


@pytest.mark.parametrize("data", [
    b"\xff\xd8\xff" + b"\xe0\0\x02\xff" * 200_000,
    b"\xff\xd8\xff" + b"\xff" * 1_000_000,
    b"\0\0\0\x1cftypavif" + bytes(16) + b"\0\0\0\x08free" * 200_000,
    b"\0\0\0\x1cftypavif" + bytes(16) + b"\0\0\0\0meta" * 200_000,
], ids=["segments", "filling", "boxes", "boxes in boxes"])  # fmt: skip
def test_a_header_that_never_comes_is_given_up_soon(data):
    before = time.process_time()
    with pytest.raises(PictureError):
        decoding.checked(data)
    assert time.process_time() - before < 2


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_beyond_the_budget_is_refused_before_it_is_unpacked(kind, monkeypatch):
    data = bytearray(encoded(kind))
    big = (30_000).to_bytes(4, "big")
    if kind == ".png":
        data[16:24] = big + big
    elif kind == ".jpg":
        at = data.index(b"\xff\xc0")
        data[at + 5 : at + 9] = big[2:] + big[2:]
    elif kind == ".webp":
        data[21:25] = b"\xff\xff\xff\x0f"
    elif kind == ".bmp":
        data[18:26] = big[::-1] + big[::-1]
    else:
        at = data.index(b"ispe")
        data[at + 8 : at + 16] = big + big
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("it was unpacked"))
    with pytest.raises(PictureError, match=r"pixels, but at most \d+ megapixels") as refused:
        decoded(bytes(data), WHOLE, "The reference 'a'")
    assert refused.value.status == 413
    assert str(refused.value).startswith("The reference 'a' is ")


# What comes of them


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reduced", [1, 2, 8])
def test_every_kind_is_read_at_no_less_than_is_needed(kind, reduced):
    image = decoded(encoded(kind, 320, 160), Need(320 // reduced, 160 // reduced))
    assert image.shape == (160 // reduced, 320 // reduced, 3)
    assert is_red(image[1, 1])
    assert not is_red(image[-2, -2])


def test_what_must_cover_is_reduced_less_than_what_must_lie_within():
    data = encoded(".jpg", 800, 100)
    assert decoded(data, Need(100, 50)).shape[:2] == (13, 100)
    assert decoded(data, Need(100, 50, cover=True)).shape[:2] == (100, 800)


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_deep_pictures_are_as_others(depth):
    image = decoded(encoded(".png", 64, 32, depth), WHOLE)
    assert image.dtype == np.uint8
    assert image[0, 0].tolist() == [255, 0, 0]


def _of_a_camera(kind, way):
    """A picture with a camera's word on how it was held (EXIF, 1 to 8), which OpenCV's AVIF has in
    its boxes too.
    """
    image = np.zeros((48, 80, 3), np.uint8)
    image[:24, :40], image[24:, :40] = (0, 0, 255), (0, 255, 0)
    try:
        ok, data = cv2.imencodeWithMetadata(
            kind, image, [cv2.IMAGE_METADATA_EXIF], [np.frombuffer(_exif(way), np.uint8)]
        )
    except (AttributeError, cv2.error):
        ok, data = False, np.empty(0, np.uint8)
    if not ok:
        pytest.skip(f"this build of OpenCV writes no {kind} with EXIF")
    return data.tobytes()


LESS = bytes.maketrans(b"\x85\x86", b"\x05\x06")


def _exif(way):
    return b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0" + bytes([way]) + bytes(6)


@pytest.mark.parametrize("way", range(1, 9))
def test_an_avif_is_upright_whether_its_boxes_or_its_camera_say_how_it_lies(way):
    wanted = decoded(_of_a_camera(".jpg", way), WHOLE)
    both = _of_a_camera(".avif", way)
    boxes_alone = both.replace(_exif(way), _exif(1))
    exif_alone = both.replace(b"irot", b"free").replace(b"imir", b"free")
    at = both.index(b"ipma")  # what a reader does not know must not be essential either
    exif_alone = exif_alone[:at] + exif_alone[at : at + 28].translate(LESS) + exif_alone[at + 28 :]
    turned = b"irot" in both or b"imir" in both
    assert turned == (way != 1)
    for data in (both, boxes_alone, exif_alone):
        found = decoded(data, WHOLE)
        assert found.shape == wanted.shape
        assert np.abs(found.astype(int) - wanted).mean() < 12
        small = decoded(data, Need(40, 40))
        assert (small.shape[0] > small.shape[1]) == (wanted.shape[0] > wanted.shape[1])
    for place in range(len(both)):  # whatever is damaged, it is no more than a damaged picture
        with suppress(PictureError):
            decoded(both[:place] + b"\xff" + both[place + 1 :], WHOLE)
        if both[place : place + 4] == b"mdat":
            break


def cut_out(kind, depth=np.uint8, width=64, height=32):
    """Opaque red on the left, then half of blue, then nothing, which hides magenta."""
    most = np.iinfo(depth).max
    image = np.zeros((height, width, 4), depth)
    image[:, : width // 4] = 0, 0, most, most
    image[:, width // 4 : width // 2] = most, 0, 0, most // 2
    image[:, width // 2 :] = most, 0, most, 0
    options = (cv2.IMWRITE_AVIF_DEPTH, 8) if kind == ".avif" else ()
    ok, data = cv2.imencode(kind, image, options)
    if not ok:
        pytest.skip(f"this build of OpenCV writes no {kind}")
    return data.tobytes()


def close(pixel, *wanted):
    return np.abs(pixel.astype(int) - wanted).max() < 25


@pytest.mark.parametrize("need", [WHOLE, Need(16, 8)])
@pytest.mark.parametrize(
    ("kind", "depth"),
    [(".png", np.uint8), (".png", np.uint16), (".webp", np.uint8), (".avif", np.uint8),
     (".bmp", np.uint8)],
)  # fmt: skip
def test_what_is_cut_out_lies_on_white(kind, depth, need):
    data = cut_out(kind, depth)
    assert header(data).cut
    image = decoded(data, need)
    middle, part = image.shape[0] // 2, image.shape[1] // 8
    assert image.dtype == np.uint8
    assert image.shape[:2] == ((32, 64) if need is WHOLE else (8, 16))
    assert close(image[middle, part], 255, 0, 0)
    assert close(image[middle, 3 * part], 128, 128, 255)
    assert close(image[middle, 6 * part], 255, 255, 255)


def test_what_is_cut_out_lies_on_white_as_pillow_lays_it():
    pillow = pytest.importorskip("PIL.Image")
    draw = np.random.default_rng(8)
    for mode in ("RGBA", "LA", "P", "L"):
        image = pillow.fromarray(draw.integers(0, 256, (40, 56, 4), np.uint8), "RGBA")
        out, more = io.BytesIO(), {}
        if mode in ("P", "L"):  # one of the palette, or of the greys, stands for nothing
            image, more = image.convert("RGB").convert(mode), {"transparency": 7}
        else:
            image = image.convert(mode)
        image.save(out, "png", **more)
        rgba = pillow.open(io.BytesIO(out.getvalue())).convert("RGBA")
        white = pillow.new("RGBA", rgba.size, "white")
        wanted = np.asarray(pillow.alpha_composite(white, rgba).convert("RGB")).astype(int)
        found = decoded(out.getvalue(), WHOLE)
        assert np.abs(found - wanted).max() <= 1, mode


@pytest.mark.parametrize("way", range(1, 9))
@pytest.mark.parametrize("kind", [".png", ".webp"])
def test_a_cut_out_that_lies_on_its_side_is_upright(kind, way):
    pillow = pytest.importorskip("PIL.Image")
    ops = pytest.importorskip("PIL.ImageOps")
    image = np.full((48, 80, 4), 255, np.uint8)
    image[:24, :40, :3], image[24:, 40:, 3] = (255, 0, 0), 0
    out = io.BytesIO()
    more = {"lossless": True} if kind == ".webp" else {}
    pillow.fromarray(image, "RGBA").save(out, kind[1:], exif=b"Exif\0\0" + _exif(way), **more)
    upright = ops.exif_transpose(pillow.open(io.BytesIO(out.getvalue()))).convert("RGBA")
    white = pillow.new("RGBA", upright.size, "white")
    wanted = np.asarray(pillow.alpha_composite(white, upright).convert("RGB")).astype(int)
    found = decoded(out.getvalue(), WHOLE)
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max() <= 1


def test_a_deep_cut_out_beyond_what_it_takes_is_refused():
    data = bytearray(cut_out(".png", np.uint16))
    data[16:24] = (5000).to_bytes(4, "big") * 2
    with pytest.raises(PictureError, match="5000x5000 pixels, but at most 20 megapixels"):
        decoding.checked(bytes(data))


@pytest.mark.parametrize("reduced", [1, 4])
def test_a_photo_that_lies_on_its_side_is_upright_at_every_size(reduced):
    plain = encoded(".jpg", 320, 160)
    turned = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"  # orientation 6
    exif = b"Exif\0\0" + turned
    data = plain[:2] + b"\xff\xe1" + (2 + len(exif)).to_bytes(2, "big") + exif + plain[2:]
    image = decoded(data, Need(160 // reduced, 320 // reduced))
    assert image.shape[:2] == (320 // reduced, 160 // reduced)
    assert is_red(image[1, -2])


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", 415),
        (b"GIF89a" + bytes(100), 415),
        (b"v/1\x01" + bytes(100), 415),  # OpenEXR: floats
        (b"#?RADIANCE\n", 415),
        (encoded()[:60], 415),
        (encoded(".jpg")[:3], 415),
        (encoded(".bmp")[:20], 415),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), 415),
    ],
)
def test_what_is_no_such_picture_is_refused_in_a_sentence(data, status):
    with pytest.raises(PictureError) as refused:
        decoded(data, WHOLE)
    assert refused.value.status == status
    assert re.fullmatch(r"The image .*\.", str(refused.value))


def test_an_image_whose_header_gives_no_size_is_damaged():
    data = bytearray(encoded(".png"))
    data[16:24] = bytes(8)
    with pytest.raises(PictureError, match=r"is damaged: its PNG header gives no size; save it ag"):
        decoded(bytes(data), WHOLE)


FOREIGN = {
    "a web page": [b"<!DOCTYPE html><html>", b"\xef\xbb\xbf\r\n <html lang=en>", b"<HEAD><title>x"],
    "a Git LFS pointer": [b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2"],
    "a server's response": [b'{"error": "gone"}', b"Entry not found"],
    "a PDF": [b"%PDF-1.4\n"], "a ZIP archive": [b"PK\x03\x04" + bytes(40)],
    "an SVG": [b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"<?xml version='1.0'?><svg/>"],
    "a GIF": [b"GIF89a" + bytes(40)], "a TIFF": [b"II*\0" + bytes(40), b"MM\0*" + bytes(40)],
    "a HEIC": [b"\0\0\0\x18ftypheic" + bytes(40)],
    "a video": [b"\0\0\0\x18ftypmp42" + bytes(40), b"\x1a\x45\xdf\xa3" + bytes(40)],
    "a Photoshop file": [b"8BPS" + bytes(40)], "an OpenEXR": [b"v/1\x01" + bytes(40)],
}  # fmt: skip


@pytest.mark.parametrize(("name", "data"), [(n, d) for n, ds in FOREIGN.items() for d in ds])
def test_what_is_no_picture_is_called_by_its_true_name(name, data):
    with pytest.raises(PictureError) as caught:
        decoded(data, WHOLE, "The image 'a.png'")
    told = str(caught.value)
    assert told.startswith(f"The image 'a.png' is {name}")
    assert told.count(", not ") == 1
    assert ", not PNG, JPEG, WebP, BMP or AVIF; " in told
    assert caught.value.status == 415


@pytest.mark.parametrize("kind", [".png", ".bmp", ".jpg"])
@pytest.mark.parametrize(
    ("size", "how"), [((30000, 1), "wide"), ((1, 30000), "high"), ((4097, 1), "wide")]
)
def test_a_picture_of_which_nothing_would_be_left_is_too_thin_and_not_damaged(kind, size, how):
    with pytest.raises(PictureError, match=f"x{size[1]} pixels, which is too {how} for an image"):
        decoded(encoded(kind, *size), WHOLE)


@pytest.mark.parametrize("cover", [True, False])
@pytest.mark.parametrize("size", [(4096, 1), (1, 256), (3, 9000), (8192, 2)])
def test_a_strip_of_colours_is_a_picture(size, cover):
    image = decoded(encoded(".png", *size), Need(16, 16, cover))
    assert min(image.shape[:2]) >= 1


def test_one_is_unpacked_at_a_time(monkeypatch):
    now, most, real = [0], [0], cv2.imdecode

    def counted(*args):
        now[0] += 1
        most[0] = max(most[0], now[0])
        time.sleep(0.01)
        now[0] -= 1
        return real(*args)

    monkeypatch.setattr(cv2, "imdecode", counted)
    threads = [threading.Thread(target=decoded, args=(encoded(), WHOLE)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert most == [1]


# Those that a pipeline is shown


def arrived(pictures, *asked):
    end = time.perf_counter() + 20
    while (found := pictures.get(*asked)) is None:
        assert time.perf_counter() < end
        assert not pictures.problems, pictures.problems
        time.sleep(0.002)
    return found


@pytest.fixture
def pictures(tmp_path):
    made = Pictures(tmp_path)
    yield made
    made.close()


def test_pictures_are_kept_at_the_size_they_are_used_at(pictures, tmp_path):
    (tmp_path / "a.png").write_bytes(encoded(".png", 1600, 800))
    _, image = arrived(pictures, "a.png", (64, 64), "contained")
    assert image.shape == (64, 64, 4)
    assert image[2, 2].tolist() == [255, 255, 255, 255]  # white around it
    assert is_red(image[20, 2])
    _, mask = arrived(pictures, "a.png", (64, 48), "stretched")
    assert mask.shape == (48, 64, 4)
    assert is_red(mask[1, 1])
    assert pictures.held == image.nbytes + mask.nbytes


def test_what_is_kept_is_bounded_by_bytes_and_never_less_than_a_block_needs(
    pictures, tmp_path, monkeypatch
):
    monkeypatch.setattr("engine.images.assets.KEPT_BYTES", KEPT_BYTES // 16)
    for number in range(12):
        (tmp_path / f"{number}.png").write_bytes(encoded())
    size = 1024, 512  # 2 MB each; a block takes three references, a mask, a first, a last
    first = [arrived(pictures, f"{n}.png", size, "contained")[0] for n in range(6)]
    again = [pictures.get(f"{n}.png", size, "contained")[0] for n in range(6)]
    assert first == again, "a block's own pictures push each other out"
    for number in range(12):
        arrived(pictures, f"{number}.png", (256, 256), "contained")
    assert pictures.held <= KEPT_BYTES // 16
    assert pictures.held > KEPT_BYTES // 32, "what there is room for is kept"


def test_names_that_sweep_by_leave_nothing_behind(pictures, tmp_path, monkeypatch):
    go_on = threading.Event()
    monkeypatch.setattr(
        "engine.images.assets.read", lambda *_: go_on.wait(20) and decoded(encoded(), WHOLE)
    )
    for number in range(5 * COMING):
        (tmp_path / f"{number}.png").write_bytes(b"x")
        pictures.get(f"{number}.png", (16, 16), "contained")
        pictures._folder._looks._thread.submit(lambda: None).result(10)
        pictures.get(f"{number}.png", (16, 16), "contained")
    assert 0 < pictures.arriving <= COMING
    go_on.set()
    arrived(pictures, f"{number}.png", (16, 16), "contained")


def test_reasons_are_bounded_too(pictures, tmp_path):
    for number in range(MOST + 20):
        (tmp_path / f"{number}.png").write_bytes(b"none")
        while pictures.get(f"{number}.png", (16, 16), "contained") is None:
            if f"{number}.png" in pictures.problems:
                break
            time.sleep(0.0005)  # else the thread that reads waits for this one
    assert len(pictures._images._known) <= MOST


def test_a_file_changed_by_hand_is_read_anew(pictures, tmp_path, monkeypatch):
    monkeypatch.setattr("engine.images.assets.AGAIN", 0.05)
    (tmp_path / "a.png").write_bytes(encoded())
    key, _ = arrived(pictures, "a.png", (16, 16), "contained")
    (tmp_path / "a.png").write_bytes(encoded(".png", 40, 40))
    end = time.perf_counter() + 20
    while arrived(pictures, "a.png", (16, 16), "contained")[0] == key:  # and no gap between them
        assert time.perf_counter() < end


def test_what_was_read_stays_when_its_file_is_damaged_or_gone_and_that_is_told(
    pictures, tmp_path, monkeypatch
):
    monkeypatch.setattr("engine.images.assets.AGAIN", 0.0)
    (tmp_path / "a.png").write_bytes(encoded())
    good = arrived(pictures, "a.png", (16, 16), "contained")[0]
    for spoil, word in (
        (lambda: (tmp_path / "a.png").write_bytes(b"none"), "The reference"),
        ((tmp_path / "a.png").unlink, "Image 'a.png' not found"),
    ):
        spoil()
        end = time.perf_counter() + 20
        while word not in pictures.problems.get("a.png", ""):
            assert pictures.get("a.png", (16, 16), "contained")[0] == good
            assert time.perf_counter() < end
    pictures.begin()
    pictures.get("", (16, 16), "contained")
    assert not pictures.problems, "what is no longer asked for is no longer told"


def test_what_is_known_needs_no_disk(pictures, tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(encoded())
    use = "a.png", (16, 16), "contained"
    good = arrived(pictures, *use)[0]
    monkeypatch.setattr("engine.images.assets.SLOW", 0.0)
    awake = threading.Event()
    monkeypatch.setattr("engine.images.assets.find", lambda *_: awake.wait(20))
    monkeypatch.setattr("engine.images.assets.AGAIN", 0.0)
    try:
        for _ in range(3):
            assert pictures.get(*use)[0] == good
        assert "has not answered for" in pictures.problems["a.png"]
        assert pictures.get("b.png", *use[1:]) is None
    finally:
        awake.set()


@pytest.mark.slow
def test_a_picture_too_large_is_told_and_frames_go_on(tmp_path):
    folder = tmp_path / "assets"
    folder.mkdir()
    bomb = bytearray(encoded())
    bomb[16:24] = (60_000).to_bytes(4, "big") * 2
    (folder / "bomb.png").write_bytes(bomb)
    (folder / "cut.png").write_bytes(encoded()[:70])
    (folder / "deep.png").write_bytes(encoded(".png", 64, 32, np.uint16))
    (folder / "long.png").write_bytes(b"")
    with (folder / "long.png").open("r+b") as file:
        file.truncate(1 << 33)  # of any size, without a disk that has it
    with running_session(tmp_path, pipeline="stylize") as rig:
        stop = rig.steady_input()
        rig.running()
        told = {"bomb.png": "60000x60000 pixels", "cut.png": "damaged", "long.png": "100 MB"}
        for name, words in told.items():
            rig.session.store.update({"reference": name})
            rig.until(lambda words=words: words in str(rig.session.status().notes["problems"]))
            shown = rig.session.counters.shown["new"]
            rig.until(lambda shown=shown: rig.session.counters.shown["new"] > shown + 3)
        rig.session.store.update({"reference": "deep.png"})
        rig.until(lambda: not rig.session.status().notes["problems"])
        status = rig.session.status()
        assert (status.restarts, status.black_frames, status.bad_blocks) == (0, 0, 0)
        stop()


# Those that are taken in


def test_an_upload_is_kept_at_a_side_that_is_used(tmp_path):
    kept = assets.add(tmp_path, "wide.jpg", encoded(".jpg", 5000, 1000))
    assert (kept["width"], kept["height"]) == (2048, 410)
    found = cv2.imread(str(tmp_path / kept["name"]))
    assert found.shape == (410, 2048, 3)
    assert found[5, 5, 2] > 180


def test_a_file_given_at_the_start_is_not_read_beyond_the_limit(tmp_path):
    path = tmp_path / "huge.png"
    with path.open("wb") as file:
        file.truncate(1 << 33)
    with pytest.raises(AssetError, match="larger than 25 MB"):
        assets.add_file(tmp_path, path)


def test_the_same_picture_by_many_at_once_is_kept_once(tmp_path):
    failed = []

    def add():
        try:
            assets.add(tmp_path, "a.png", encoded())
        except AssetError as error:
            failed.append(error)

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert not failed
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.slow
def test_uploads_wait_aside_and_are_refused_beyond_eight(tmp_path):
    with running_session(tmp_path, pipeline="passthrough") as rig:
        server = HttpServer(rig.session, rig.session.settings.model_copy(update={"port": 0}))
        server.bind()
        server.start()
        stop = rig.steady_input()
        url = f"http://127.0.0.1:{server.port}"
        answers = []

        def send():
            answers.append(httpx2.post(
                f"{url}/api/v1/assets", params={"name": "a.png"}, content=encoded(),
                headers={"content-type": "image/png"}, timeout=30,
            ))  # fmt: skip

        with assets._turn:  # as if one took its time
            threads = [threading.Thread(target=send) for _ in range(uploads.MOST + 4)]
            for thread in threads:
                thread.start()
            rig.until(lambda: len(answers) == 4)
            assert {answer.status_code for answer in answers} == {503}
            assert "try again in a moment" in answers[0].json()["detail"]
            shown = rig.session.counters.shown["new"]
            assert httpx2.get(f"{url}/healthz", timeout=20).status_code == 200
            changed = httpx2.patch(f"{url}/api/v1/parameters", json={"mix": 0.5}, timeout=20)
            assert changed.status_code == 200
            assert httpx2.post(f"{url}/api/v1/actions/reset", json={}, timeout=20).is_success
            rig.until(lambda: rig.session.counters.shown["new"] > shown + 5)
        for thread in threads:
            thread.join(20)
        assert sorted(answer.status_code for answer in answers) == [201] * 8 + [503] * 4
        server.close()
        stop()


# What they cost, each in a process of its own


def peak(code, *args):
    """Megabytes by which a piece of code raised the most memory that its process had. Linux tells
    that of the program alone; elsewhere the most of a process begins with that of its parent.
    """
    resource = pytest.importorskip("resource", reason="only POSIX tells the most of a process")
    assert resource
    whole = f"""
import re, resource, sys, threading
from pathlib import Path
from bridge.state import references as assets
from engine.images.assets import Pictures
def most():
    if sys.platform == "linux":
        return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
folder = Path(sys.argv[1])
{code}
unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
print((most() - before) / unit)
"""
    done = subprocess.run(
        [sys.executable, "-c", whole, *map(str, args)], cwd=ROOT, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert not done.returncode, done.stderr
    return float(done.stdout)


@pytest.mark.slow
def test_eight_deep_pictures_at_once_cost_as_much_as_one(tmp_path):
    data = tmp_path / "deep"
    flat = np.full((3000, 4000, 3), 30_000, np.uint16)  # 72 MB unpacked
    data.write_bytes(cv2.imencode(".png", flat)[1].tobytes())
    cost = peak(
        """
data = (folder / "deep").read_bytes()
before = most()
threads = [threading.Thread(target=assets.add, args=(folder, "a.png", data)) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
""", tmp_path,
    )  # fmt: skip
    # a thread keeps some of what it had; eight at once are 600 MB
    assert cost < 250, f"{cost:.0f} MB"


@pytest.mark.slow
def test_six_photos_of_108_megapixels_cost_little(tmp_path):
    photo = np.zeros((9000, 12000, 3), np.uint8)
    photo[::64] = 200
    data = cv2.imencode(".jpg", photo)[1].tobytes()
    del photo
    for number in range(6):
        (tmp_path / f"{number}.jpg").write_bytes(data)
    cost = peak(
        """
pictures = Pictures(folder)
before = most()
for number in range(6):
    while pictures.get(f"{number}.jpg", (832, 480), "contained") is None:
        threading.Event().wait(0.01)
        assert not pictures.problems, pictures.problems
pictures.close()
""", tmp_path,
    )  # fmt: skip
    assert cost < 150, f"{cost:.0f} MB"
