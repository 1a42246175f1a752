"""What every transport promises, and what each promises by itself."""

import os
import re
import shutil
import subprocess
import sys
import textwrap
import time
from importlib import import_module
from importlib.metadata import EntryPoint
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from time import perf_counter

import av
import cv2
import numpy as np
import pytest

from bridge import transports
from bridge.frames.frame import Frame
from bridge.playout.endpoint import Word
from bridge.transports import (
    BUILT_IN,
    ENTRY_POINTS,
    ONE_SIDED,
    SINK,
    SOURCE,
    Options,
    TransportError,
    camera,
    camera_names,
    check_sink,
    offers,
    open_sink,
    open_source,
    schemes,
)
from bridge.transports.pattern import draw, read_counter
from engine.ipc.ring import RingReader, RingWriter, owner
from engine.ipc.segments import PREFIX, folder

WEBRTC = pytest.mark.skipif(find_spec("aiortc") is None, reason="the extra `webrtc` is missing")
ELSEWHERE = pytest.mark.skipif(sys.platform == "win32", reason="there it exists")
OPTIONS = Options(width=64, height=48, fps=60)


def picture(width=64, height=48, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 4), dtype=np.uint8)


def film(path: Path, frames=30, fps=30, size=(64, 48), codec="libx264") -> Path:
    """A clip whose pictures say which they are."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, fps)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for number in range(frames):
            image = draw("clip", *size, number)
            packets = stream.encode(av.VideoFrame.from_ndarray(image, "rgba"))
            container.mux(packets)
        container.mux(stream.encode(None))
    return path


def plugin(path: Path) -> None:
    """An installed package with a transport of its own."""
    (path / "echo_transport.py").write_text(
        textwrap.dedent('''
        """A stranger's transport."""
        from time import perf_counter
        import numpy as np
        from bridge.frames.frame import Frame
        from bridge.transports.base import ClockedSource, TransportBase
        from bridge.system.timing import Deadline

        class Echo(ClockedSource):
            status = "echo"
            def _draw(self, index):
                return Frame(np.full((2, 2, 4), index % 256, np.uint8), perf_counter(), index)

        class Swallow(TransportBase):
            status = "swallowed"
            def send(self, frame):
                pass

        def open_source(name, options):
            return Echo(Deadline(options.fps))

        def open_sink(name, options):
            return Swallow()
        ''')
    )
    info = path / "echo_transport-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: echo-transport\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[{ENTRY_POINTS}]\necho = echo_transport\n")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Clip, picture, plug-in and shared memory to open URIs on."""
    plugin(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    film(tmp_path / "clip.mp4")
    cv2.imwrite(str(tmp_path / "still.png"), picture())
    with open_sink("shm:test-conform", OPTIONS) as sink:
        for number in range(1, 3):
            sink.send(Frame(picture(seed=number), perf_counter(), number))
        yield tmp_path
    sys.modules.pop("echo_transport", None)


SOURCES = ["demo:", "pattern:name", "file:PLACE/clip.mp4", "file:PLACE/still.png",
           "shm:test-conform", "echo:"]  # fmt: skip
SINKS = ["null:", "shm:test-sink", "file:PLACE/out.mp4", "echo:",
         pytest.param("whep:", marks=[pytest.mark.slow, WEBRTC])]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("uri", SOURCES)
def test_a_source_gives_whole_rgba_pictures_with_rising_numbers_and_is_never_late(place, uri):
    with open_source(uri.replace("PLACE", str(place)), OPTIONS) as source:
        frames = []
        end = perf_counter() + 1.2
        while perf_counter() < end and len(frames) < 5:
            began = perf_counter()
            frame = source.receive(0.05)
            assert perf_counter() - began < 30, "receive waits no longer than it was told"
            if frame:
                frames.append(frame)
        assert frames
        for frame in frames:
            assert frame.image.ndim == 3
            assert frame.image.shape[2] == 4
            assert frame.image.dtype == np.uint8
            assert frame.image.flags.c_contiguous
            assert abs(frame.time - perf_counter()) < 10
        assert all(after.index > before.index for before, after in pairwise(frames))
        assert all(after.time >= before.time for before, after in pairwise(frames))
        kept = [frame.image.copy() for frame in frames]
        source.receive(0.05)
        same = (np.array_equal(a, b.image) for a, b in zip(kept, frames, strict=True))
        assert all(same), "a picture that was given is not drawn over"
        assert isinstance(source.status, str)
        assert source.status
        assert "\n" not in source.status


def test_a_source_without_a_sender_waits_and_says_so():
    for uri in ("null:", "shm:test-nobody"):
        with open_source(uri, OPTIONS) as source:
            began = perf_counter()
            assert source.receive(0.05) is None
            assert 0.04 < perf_counter() - began < 30
            assert source.status


@pytest.mark.parametrize("uri", SINKS)
def test_a_sink_takes_pictures_of_any_size_and_the_callers_buffer_is_free(place, uri):
    with open_sink(uri.replace("PLACE", str(place)), OPTIONS) as sink:
        for number, (width, height) in enumerate([(64, 48), (64, 48), (33, 21), (1, 1), (128, 96)]):
            image = picture(width, height, number)
            sink.send(Frame(image, perf_counter(), number + 1))
            image[:] = 0
        assert isinstance(sink.status, str)
        assert sink.status


@pytest.mark.parametrize(
    ("uri", "keeps_last", "needs_beat"),
    [
        ("null:", False, False),
        ("shm:test-sink", True, False),
        ("file:PLACE/out.mp4", False, True),
        ("echo:", False, True),  # a plug-in that declares neither
    ],
)
def test_a_sink_says_whether_it_needs_held_pictures(place, uri, keeps_last, needs_beat):
    with open_sink(uri.replace("PLACE", str(place)), OPTIONS) as sink:
        word = Word.of(sink)
        assert (word.keeps_last, word.needs_beat) == (keeps_last, needs_beat)


def test_every_sink_of_ours_declares_what_it_needs():
    names = [name for name in BUILT_IN.values() if name.startswith("bridge.")]  # no double
    ours = [import_module(name) for name in (*names, "bridge.transports.recording.sink")]
    sinks = [kind for module in ours for kind in vars(module).values()
             if isinstance(kind, type) and kind.__module__ == module.__name__
             and hasattr(kind, "send")]  # fmt: skip
    assert len(sinks) >= sum(hasattr(module, "open_sink") for module in ours)
    for sink in sinks:
        assert {"keeps_last", "needs_beat"} <= vars(sink).keys(), sink
        assert not (sink.keeps_last and sink.needs_beat), f"{sink}: one of them is for nothing"


def test_every_scheme_is_listed_with_a_line_and_a_stranger_may_add_one(place):
    listed = schemes()
    assert set(listed) >= {"demo", "pattern", "file", "camera", "shm", "null", "echo"}
    assert listed["echo"] == (True, True, "A stranger's transport.")
    assert all(line for _, _, line in listed.values())


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("", "is not a source; use one of spout:, demo:"),
        ("nothing:", "is not a source"),
        ("clip.mp4", "File not found: .*clip.mp4"),
        ("clip", "is not a source; use one of .*; for a file, write file:clip"),
        ("file:", "needs a path"),
        ("file:PLACE/none.mp4", "File not found"),
        ("file:PLACE", "is not a readable image"),
        ("file:PLACE/text.mp4", "cannot be played"),
        ("file:PLACE/sound.wav", "No video found in"),
        ("file:PLACE/broken.png", "is not a readable image"),
        ("file:PLACE/empty.png", "is not a readable image"),
        ("shm:", "not a valid shared memory name"),
        ("shm:a/b", "not a valid shared memory name"),
        pytest.param("spout:Cam", "exists on Windows only", marks=ELSEWHERE),
        ("camera:front", "use its number"),
        ("camera:97", "Camera 97 cannot be opened"),
    ],
)
def test_a_source_that_cannot_be_opened_is_one_sentence(tmp_path, uri, words):
    (tmp_path / "text.mp4").write_text("no film")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (tmp_path / "empty.png").touch()
    with av.open(str(tmp_path / "sound.wav"), "w") as container:
        stream = container.add_stream("pcm_s16le", 44100)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 4410), np.int16), "s16", "mono")
        sound.sample_rate = 44100
        container.mux(stream.encode(sound))
    with pytest.raises(TransportError, match=words) as caught:
        open_source(uri.replace("PLACE", str(tmp_path)), OPTIONS).receive(0.1)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("nothing:", "is not a sink; use one of"),
        ("demo:", "cannot be sent to"),
        ("camera:0", "cannot be sent to"),
        ("file:", "needs a path"),
        ("file:PLACE/no/folder.mp4", "Folder not found"),
        ("shm: a", "not a valid shared memory name"),
        pytest.param("spout:Out", "exists on Windows only", marks=ELSEWHERE),
    ],
)
def test_a_sink_that_cannot_be_opened_is_one_sentence(tmp_path, uri, words):
    with pytest.raises(TransportError, match=words):
        open_sink(uri.replace("PLACE", str(tmp_path)), OPTIONS)
    assert list(tmp_path.iterdir()) == [], "nothing is left half-made"


@pytest.mark.parametrize("imported", [False, True])
def test_what_is_no_source_or_sink_is_answered_with_what_can_be_one(place, monkeypatch, imported):
    listed = schemes()
    if not imported:
        monkeypatch.setattr(transports, "_imported", {})
    for side, opened in enumerate((open_source, open_sink)):
        with pytest.raises(TransportError) as caught:
            opened("out.xyz", OPTIONS)
        said = re.search("use one of ([^;]+);", str(caught.value))[1].split(", ")
        assert said == [f"{name}:" for name, row in listed.items() if row[side] or name == "spout"]
    for scheme, side in ONE_SIDED.items():
        assert listed[scheme][:2] == (side is SOURCE, side is SINK)


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("file:a.mp4?minutes=abc", "minutes=abc is not valid"),
        ("file:a.mp4?megabytes=-1", "megabytes=-1 is not valid"),
        ("file:a.mp4?codec=divx", "Unknown codec=divx"),
        ("file:a.xyz?minutes=1", ".xyz is not a recording format"),
        ("whep:?viewers=0", "viewers=0 is not valid; write a number from 1 to 64"),
        ("whep:?mbps=3", "Unknown option mbps=3 for whep:; after ? it takes mbit=, viewers="),
        ("fil:a.mp4", "Did you mean file:?"),
    ],
)
def test_a_sink_that_cannot_be_is_refused_before_anything_is_opened(uri, words):
    with pytest.raises(TransportError) as caught:
        check_sink(uri)
    assert words in str(caught.value)


def test_a_plugin_that_misses_a_package_names_it(tmp_path, monkeypatch):
    plugin(tmp_path)
    (tmp_path / "echo_transport.py").write_text("import unobtainium\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(TransportError, match="pip install unobtainium"):
        open_source("echo:", OPTIONS)
    assert "pip install unobtainium" in schemes()["echo"][2], "the list goes on without it"
    assert isinstance(offers(), list)


def test_a_plugins_own_misspelt_import_is_no_missing_package(tmp_path, monkeypatch):
    plugin(tmp_path)
    (tmp_path / "echo_transport.py").write_text("\nimport bridge.transprots\n")
    monkeypatch.syspath_prepend(tmp_path)
    why = r"cannot be used: No module named 'bridge\.transprots' \(echo_transport, line 2\)"
    with pytest.raises(TransportError, match=why):
        open_source("echo:", OPTIONS)
    assert "pip install" not in schemes()["echo"][2]


# Files


@pytest.mark.slow
@pytest.mark.alone
def test_a_clip_plays_at_its_own_rate_and_over_and_over(tmp_path):
    film(tmp_path / "clip.mp4", frames=20, fps=25, size=(320, 240))
    with open_source(f"file:{tmp_path}/clip.mp4", OPTIONS) as source:
        seen = []
        end = perf_counter() + 1.2
        while perf_counter() < end:
            frame = source.receive(0.1)
            if frame:
                seen.append((frame.time, read_counter(frame.image)))
        assert "320x240 at 25" in source.status
    times, numbers = zip(*seen, strict=True)
    assert 27 <= len(seen) <= 32, f"{len(seen)} pictures in 1.2 s at 25 a second"
    assert all((b - a) % 20 == 1 for a, b in pairwise(numbers)), "none left out, none twice"
    assert max(b - a for a, b in pairwise(times)) < 0.12


def test_who_comes_late_gets_the_picture_that_is_due(tmp_path):
    film(tmp_path / "clip.mp4", frames=60, fps=30)
    with open_source(f"file:{tmp_path}/clip.mp4", OPTIONS) as source:
        times = [perf_counter()]
        numbers = []
        for pause in (0, 0.3):
            time.sleep(pause)
            times.append(perf_counter())
            numbers.append(read_counter(source.receive(30).image))
            times.append(perf_counter())
    _, asked, got, asked_late, got_late = times
    least, most = 30 * (asked_late - got), 30 * (got_late - asked)
    assert least - 2 <= numbers[1] - numbers[0] <= most + 2


def test_a_still_keeps_its_alpha(tmp_path):
    image = picture()
    cv2.imwrite(str(tmp_path / "a.png"), cv2.cvtColor(image, cv2.COLOR_RGBA2BGRA))
    with open_source(f"file:{tmp_path}/a.png", OPTIONS) as source:
        assert np.array_equal(source.receive(30).image, image)


# Cameras


@pytest.mark.slow
def test_a_camera_gives_its_newest_picture_and_comes_back_when_it_was_pulled_out(
    tmp_path, monkeypatch
):
    """The driver is OpenCV's own reader on a clip: at its end the camera is gone for a moment."""
    clip = film(tmp_path / "clip.avi", frames=12, codec="mpeg4")
    real = cv2.VideoCapture
    opened = []

    def capture(number):
        opened.append(number)
        return real(str(clip))

    monkeypatch.setattr(cv2, "VideoCapture", capture)
    with open_source("camera:3", OPTIONS) as source:
        frame = source.receive(30)
        assert frame.image.shape == (48, 64, 4)
        assert (frame.image[..., 3] == 255).all()
        end = perf_counter() + 40
        while "waiting for camera 3" not in source.status:
            source.receive(0.05)
            assert perf_counter() < end
        while len(opened) < 2 or not (again := source.receive(0.1)):
            assert perf_counter() < end
        assert again.index > frame.index
    assert opened[:2] == [3, 3]


@pytest.fixture
def dev(tmp_path, monkeypatch):
    """A folder in the place of /dev, and what the system says of what is in it."""
    monkeypatch.setattr(camera_names, "DEVICES", tmp_path / "dev")
    monkeypatch.setattr(camera_names, "SYSTEM", tmp_path / "sys")
    (tmp_path / "dev").mkdir()
    return tmp_path


def test_cameras_are_listed_by_their_names_and_folders_are_none(dev, monkeypatch):
    for name in ("video-tools", "video9", "videos"):
        (dev / "dev" / name).mkdir()  # as in C:\\dev of a Windows machine
    assert camera_names.linux() == {}
    monkeypatch.setattr(camera_names.stat, "S_ISCHR", lambda mode: True)
    (dev / "sys" / "video9").mkdir(parents=True)
    (dev / "sys" / "video9" / "name").write_text("Logitech C920\n")
    assert camera_names.linux() == {9: "Logitech C920"}
    monkeypatch.setattr("bridge.transports.camera.cameras", camera_names.linux)
    monkeypatch.setattr(camera.sys, "platform", "linux")
    (offer,) = camera.offers()
    assert (offer.uri, offer.text, offer.exclusive) == ("camera:9", "Logitech C920", True)


class Listed:
    """A device as PyAV lists it."""

    def __init__(self, description, *media_types):
        self.name, self.description, self.media_types = f"@{description}", description, media_types


def test_on_windows_names_and_numbers_are_directshows(monkeypatch):
    devices = [Listed("Integrated Camera", "video"), Listed("OBS Virtual Camera"),
               Listed("C920", "video", "audio"), Listed("Microphone", "audio")]  # fmt: skip
    monkeypatch.setattr(av, "enumerate_input_devices", lambda way: devices, raising=False)
    assert camera_names.directshow() == {0: "Integrated Camera", 1: "OBS Virtual Camera", 2: "C920"}

    def none(way):
        raise OSError(5, "I/O error")  # as PyAV says that there is none

    monkeypatch.setattr(av, "enumerate_input_devices", none)
    assert camera_names.directshow() == {}
    monkeypatch.delattr(av, "enumerate_input_devices")
    assert camera_names.directshow() == {}


@pytest.mark.parametrize(
    ("uri", "wanted"),
    [("camera:1", (1,)), ("camera:dshow/1", (1, cv2.CAP_DSHOW)), ("camera:", (0,)),
     ("camera:c920", (2, cv2.CAP_DSHOW)), ("camera:dshow/", (0, cv2.CAP_DSHOW))],
)  # fmt: skip
def test_a_camera_is_opened_by_directshow_where_that_is_asked_for(
    tmp_path, monkeypatch, uri, wanted
):
    clip = film(tmp_path / "clip.avi", frames=12, codec="mpeg4")
    real, opened = cv2.VideoCapture, []
    monkeypatch.setattr(cv2, "VideoCapture", lambda *how: opened.append(how) or real(str(clip)))
    monkeypatch.setattr(camera.sys, "platform", "win32")
    monkeypatch.setattr(camera, "cameras", lambda: {0: "Inside", 1: "OBS", 2: "C920"})
    with open_source(uri, OPTIONS) as source:
        assert source.receive(30).image.shape == (48, 64, 4)
    assert opened[0] == wanted
    assert [offer.uri for offer in camera.offers()] == [f"camera:dshow/{n}" for n in range(3)]
    with pytest.raises(TransportError, match=r"has 0 Inside, 1 OBS, 2 C920.*use its number"):
        open_source("camera:front", OPTIONS)


# Shared memory


def test_pictures_pass_exactly_with_alpha_and_the_last_one_stays_for_who_comes_late():
    with open_sink("shm:test-exact", OPTIONS) as sink:
        for number in range(1, 6):
            sink.send(Frame(picture(333, 201, number), perf_counter(), number))
        with open_source("shm:test-exact", OPTIONS) as source:
            assert np.array_equal(source.receive(30).image, picture(333, 201, 5))
            assert source.receive(0.05) is None, "a picture is given once"


def test_a_held_picture_is_not_a_new_one_but_an_unnumbered_one_is():
    with open_sink("shm:test-held", OPTIONS) as sink, open_source("shm:test-held", OPTIONS) as got:
        sink.send(Frame(picture(), perf_counter(), 7))
        assert got.receive(30)
        sink.send(Frame(picture(), perf_counter(), 7))
        assert got.receive(0.05) is None
        for _ in range(2):
            sink.send(Frame(picture(), perf_counter(), 0))
            assert got.receive(0.5), "index 0 says nothing, so it is taken for new"


def test_the_sender_may_change_its_size():
    with open_sink("shm:test-size", OPTIONS) as sink, open_source("shm:test-size", OPTIONS) as got:
        for number, size in enumerate([(64, 48), (1, 1), (320, 240), (333, 201)], 1):
            sink.send(Frame(picture(*size, number), perf_counter(), number))
            assert np.array_equal(got.receive(30).image, picture(*size, number))


SENDER = """
import sys, time
import numpy as np
from bridge.frames.frame import Frame
from bridge.transports import Options, open_sink
with open_sink("shm:test-killed-sender", Options(width=8, height=8)) as sink:
    number = 0
    while True:
        number += 1
        sink.send(Frame(np.full((8, 8, 4), int(sys.argv[1]), np.uint8), 0.0, number))
        time.sleep(0.01)
"""


@pytest.mark.slow
def test_a_sender_may_be_killed_and_come_back_under_its_name():
    with open_source("shm:test-killed-sender", OPTIONS) as source:
        for value in (10, 20):
            sender = subprocess.Popen([sys.executable, "-c", SENDER, str(value)])
            try:
                end = perf_counter() + 30
                while not (frame := source.receive(0.1)) or frame.image[0, 0, 0] != value:
                    assert perf_counter() < end
                assert str(sender.pid) in source.status
            finally:
                sender.kill()
                sender.wait()
            end = perf_counter() + 30
            while "waiting for" not in source.status:
                source.receive(0.05)
                assert perf_counter() < end, source.status
    (folder() / f"{PREFIX}test-killed-sender").unlink(missing_ok=True)


def test_two_senders_cannot_have_one_name():
    sender = subprocess.Popen([sys.executable, "-c", SENDER, "1"])
    try:
        end = perf_counter() + 30
        while owner("test-killed-sender") != sender.pid:
            assert perf_counter() < end
            time.sleep(0.01)
        with pytest.raises(TransportError, match=f"in use by process {sender.pid}"):
            open_sink("shm:test-killed-sender", OPTIONS)
    finally:
        sender.kill()
        sender.wait()
    with open_sink("shm:test-killed-sender", OPTIONS):
        pass  # a dead one's name is free


@pytest.mark.skipif(sys.platform == "win32", reason="a mapping there is no file")
def test_what_is_no_segment_of_ours_is_left_alone():
    path = folder() / f"{PREFIX}test-foreign"
    for content in (b"", b"x" * 100, b"SPBRIDGE" + b"\1\0\0\0" + b"\xff" * 200):
        path.write_bytes(content)
        try:
            with open_source("shm:test-foreign", OPTIONS) as source:
                assert source.receive(0.05) is None
        finally:
            path.unlink()


def test_a_closed_sink_takes_its_name_away():
    with open_sink("shm:test-gone", OPTIONS) as sink:
        sink.send(Frame(picture(), perf_counter(), 1))
        RingReader("test-gone").close()
    with pytest.raises(FileNotFoundError):
        RingReader("test-gone")


@pytest.mark.foreign
@pytest.mark.skipif(sys.platform != "linux", reason="the reader opens /dev/shm")
def test_a_stranger_reads_it_in_twenty_lines_of_c(tmp_path):
    if not shutil.which("gcc"):
        assert not os.environ.get("CI"), "gcc must be installed where CI runs"
        pytest.skip("gcc is not installed")
    program = tmp_path / "reader"
    subprocess.run(
        [
            "gcc",
            "-O2",
            "-Wall",
            "-o",
            program,
            Path(__file__).parents[2] / "support" / "shm_reader.c",
        ],
        check=True,
    )
    writer = RingWriter("test-c", 333, 201, 4)
    try:
        for number in range(1, 8):
            writer.write(picture(333, 201, number), perf_counter(), number)
        told = subprocess.run([program, "test-c"], capture_output=True, text=True, check=True)
        total = 0
        for value in picture(333, 201, 7).tobytes():
            total = (total * 31 + value) & 0xFFFFFFFFFFFFFFFF
        assert told.stdout.split() == ["333", "201", "7", str(total)]
    finally:
        writer.unlink()
        writer.close()


@pytest.mark.parametrize("kind", [".png", ".jpg", ".bmp", ".webp", ".tif"])
def test_a_picture_is_held_against_a_budget_before_it_is_unpacked(tmp_path, kind, monkeypatch):
    path = tmp_path / f"art{kind}"
    cv2.imwrite(str(path), np.full((30, 40, 3), 90, np.uint8))
    with open_source(f"file:{path}", Options()) as source:
        assert source.receive(30).image.shape == (30, 40, 4)
    monkeypatch.setattr("bridge.transports.film.pictures.MOST_PIXELS", 1199)
    monkeypatch.setattr(cv2, "imdecode", None)
    with pytest.raises(TransportError, match="has images of 40x30, over"):
        open_source(f"file:{path}", Options())
    path.write_bytes(b"no picture")
    with pytest.raises(TransportError, match="is not a readable image"):
        open_source(f"file:{path}", Options())
    monkeypatch.setattr("bridge.transports.film.pictures.MOST_BYTES", 5)
    with pytest.raises(TransportError, match="scale it down first"):
        open_source(f"file:{path}", Options())


@pytest.fixture
def strangers(tmp_path, monkeypatch):
    """Installs transports of strangers, each a module by its text; gives the schemes back."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(**modules):
        points = []
        for scheme, text in modules.items():
            name = f"stranger_{tmp_path.name}_{scheme}"
            (tmp_path / f"{name}.py").write_text(textwrap.dedent(text))
            points.append(EntryPoint(scheme, name, ENTRY_POINTS))
        monkeypatch.setattr("bridge.transports.entry_points", lambda group: points)
        return transports.schemes()

    yield install
    monkeypatch.undo()
    transports._modules()


def test_what_a_strangers_transport_does_wrong_is_told_as_its_own(strangers, caplog):
    told = strangers(
        bare="def open_source(name, options): raise KeyError('lens')",
        broken="1 / 0",
        lacking="import os\nimport nump.linalg",
        shm="def open_source(name, options): pass",
        c="def open_source(name, options): pass",
    )
    assert told["bare"] == (True, False, ""), "no docstring is no fault"
    assert "broken: cannot be used: division by zero" in told["broken"][2]
    assert told["lacking"][2].startswith("lacking: needs the package nump (stranger_")
    assert "line 2); install it" in told["lacking"][2]
    assert told["shm"][1], "that of ours"
    assert "c" not in told
    for uri in ("bare:x", "broken:x"):
        with pytest.raises(TransportError, match=r"'lens'|division by zero"):
            open_source(uri, OPTIONS)
    for why in ("a transport shm: already exists", "'c' is not a scheme", "division by zero"):
        assert caplog.text.count(why) >= 1
    warned = [record for record in caplog.records if "is ignored" in record.message]
    transports.schemes()
    again = [record for record in caplog.records if "is ignored" in record.message]
    assert len(again) == len(warned) == 3, "each is told once"
