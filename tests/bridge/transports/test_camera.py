"""Cameras: which size, rate and format is requested, what was got, what a camera offers."""

import errno
import struct
import sys
import threading
from contextlib import suppress

import cv2
import numpy as np
import pytest

from bridge.transports import Options, TransportError, camera, camera_modes, camera_names
from bridge.transports import open_source as opened
from bridge.transports.camera_modes import Mode, Wish, asked, printed, told
from tests.support.rig import running_session

WEBCAM = [
    Mode(640, 480, 30, "YUYV"), Mode(1280, 720, 10, "YUYV"), Mode(1920, 1080, 5, "YUYV"),
    Mode(640, 480, 30, "MJPG"), Mode(1280, 720, 60, "MJPG"), Mode(1280, 720, 30, "MJPG"),
    Mode(1920, 1080, 30, "MJPG"),
]  # fmt: skip


class Driver:
    """As OpenCV's reader of a camera: it takes the nearest of what it has, in its own format until
    it is told another.
    """

    modes = WEBCAM
    backend = "V4L2"
    opening = threading.Event()
    opening.set()

    def __init__(self, *how):
        assert Driver.opening.wait(30)
        self.wish = {cv2.CAP_PROP_FRAME_WIDTH: 640, cv2.CAP_PROP_FRAME_HEIGHT: 480,
                     cv2.CAP_PROP_FPS: 30}  # fmt: skip
        self.letters = "YUYV"

    def now(self) -> Mode:
        width, height, fps = self.wish.values()
        own = [mode for mode in self.modes if mode.letters == self.letters]
        return min(own, key=lambda m: (abs(m.width - width) + abs(m.height - height),
                                       abs(m.fps - fps)))  # fmt: skip

    def isOpened(self):
        return True

    def getBackendName(self):
        return self.backend

    def set(self, what, value):
        if what == cv2.CAP_PROP_FOURCC:
            letters = int(value).to_bytes(4, "little").decode()
            self.letters = letters if any(m.letters == letters for m in self.modes) else "YUYV"
        else:
            self.wish[what] = value
        return True

    def get(self, what):
        now = self.now()
        return {cv2.CAP_PROP_FOURCC: cv2.VideoWriter.fourcc(*now.letters),
                cv2.CAP_PROP_FRAME_WIDTH: now.width, cv2.CAP_PROP_FRAME_HEIGHT: now.height,
                cv2.CAP_PROP_FPS: now.fps}[what]  # fmt: skip

    def read(self):
        now = self.now()
        threading.Event().wait(0.01)
        return True, np.full((now.height, now.width, 3), 90, np.uint8)

    def release(self):
        pass


@pytest.fixture(name="driver")
def _driver(monkeypatch):
    """A camera in the place of OpenCV's, of which the system tells its modes."""
    monkeypatch.setattr(cv2, "VideoCapture", Driver)
    monkeypatch.setattr(camera, "_known", {})
    monkeypatch.setattr(camera, "cameras", lambda: {0: "C920", 1: "What? cam"})
    monkeypatch.setattr(camera, "of_linux", lambda number: Driver.modes)
    monkeypatch.setattr(camera.sys, "platform", "linux")
    monkeypatch.setattr(Driver, "modes", WEBCAM)
    monkeypatch.setattr(Driver, "backend", "V4L2")
    return monkeypatch


def status_of(uri, **options) -> str:
    with opened(uri, Options(**options)) as source:
        for _ in range(100):
            if source.receive(0.1):
                return source.status
    raise AssertionError(source.status)


SHOWN = {"output": (1280, 720), "output_fps": 60}


@pytest.mark.parametrize(
    ("uri", "options", "wanted"),
    [
        ("camera:0", SHOWN, "1280x720 at 60, MJPG"),
        ("camera:0", {"output": (1280, 720), "output_fps": 30}, "1280x720 at 30, MJPG"),
        ("camera:0", {"output": (1920, 1080), "output_fps": 60}, "1920x1080 at 30, MJPG"),
        ("camera:0", {"output": (640, 480), "output_fps": 60}, "640x480 at 30, YUYV"),
        ("camera:0", {**SHOWN, "limit": (320, 180)}, "640x480 at 30, YUYV"),
        ("camera:0?size=1920x1080", SHOWN, "1920x1080 at 30, MJPG"),
        ("camera:0?size=1920*1080&fps=5", SHOWN, "1920x1080 at 5, YUYV"),
        ("camera:0?format=yuyv", SHOWN, "640x480 at 30, YUYV"),
        ("camera:0?size=1280x720&format=YUYV", SHOWN, "1280x720 at 10, YUYV"),
        ("camera:c920?fps=30&size=640x480", SHOWN, "640x480 at 30, YUYV, C920"),
        ("camera:what? cam", SHOWN, "1280x720 at 60, MJPG, What? cam"),
        ("camera:what? cam?fps=60", SHOWN, "1280x720 at 60, MJPG, What? cam"),
    ],
)
def test_what_suits_is_chosen_and_what_was_got_is_told(driver, uri, options, wanted):
    assert status_of(uri, **options) == wanted


@pytest.mark.parametrize(
    ("uri", "wanted"),
    [
        ("camera:0?size=1920x1080&fps=60",
         "1920x1080 at 30, MJPG (requested: 1920x1080 at 60)"),
        ("camera:0?size=800x600", "1280x720 at 60, MJPG (requested: 800x600)"),
        ("camera:0?format=NV12", "1280x720 at 10, YUYV (requested: NV12)"),
    ],
)  # fmt: skip
def test_what_was_asked_for_and_is_not_given_is_told(driver, uri, wanted):
    assert status_of(uri, **SHOWN) == wanted


@pytest.mark.parametrize(
    ("backend", "uri", "wanted"),
    [("V4L2", "camera:5", "1280x720 at 60, MJPG"), ("V4L2", "camera:5?size=640x480", "640x480"),
     ("MSMF", "camera:5", "1280x720 at 10, YUYV")],
)  # fmt: skip
def test_of_a_camera_that_tells_nothing_the_same_is_asked(driver, backend, uri, wanted):
    driver.setattr(camera, "of_linux", lambda number: [])
    driver.setattr(Driver, "backend", backend)
    assert status_of(uri, **SHOWN).startswith(wanted)


@pytest.mark.parametrize(
    "query",
    ["size=big", "size=auto", "size=0x0", "fps=0", "fps=nan", "fps=1e9", "fps=", "format=MJPEG",
     "gain=3", "size", "fps=30&fps=60", "size=640x480&size=640x480", "fps=30 s"],
)  # fmt: skip
def test_what_cannot_be_asked_of_a_camera_is_one_sentence(driver, query):
    with pytest.raises(TransportError) as caught:
        opened(f"camera:0?{query}", Options())
    text = str(caught.value)
    assert "\n" not in text
    assert any(cure in text for cure in ("such as 576x320", "1 to 240", "four letters, as in",
                                         "it takes size=, fps=, format=", "use its number",
                                         "give it once"))  # fmt: skip


@pytest.mark.parametrize("fps", ["29.97", "29,97"])
def test_a_rate_may_have_a_comma(fps):
    assert asked(f"0?fps={fps}") == ("0", Wish(fps=29.97))


def test_no_text_behind_a_camera_ends_otherwise():
    rng = np.random.default_rng(7)
    for _ in range(500):
        text = "".join(rng.choice(list("?&=x0159.-+%size fps format MJPG \u00e9\ud83d"), 18))
        with suppress(TransportError):
            name, wish = asked(f"0?{text}")
            assert isinstance(wish, Wish)
            assert f"0?{text}".startswith(name)


def test_a_session_shows_the_mode_and_tells_while_the_camera_opens(driver, tmp_path):
    driver.setattr("bridge.playout.endpoint.TELL", 0.2)
    driver.setattr("bridge.session.OPENING", 0.2)
    Driver.opening.clear()
    try:
        with running_session(
            tmp_path, pipeline="passthrough", source="camera:0", output_size="1280x720"
        ) as rig:
            status = rig.session.status
            rig.until(lambda: "camera:0 has not opened for" in status().input_problem)
            assert status().source == "camera:0 · opening"
            assert status().input == "opening"
            Driver.opening.set()
            rig.until(lambda: status().source == "camera:0 · 1280x720 at 60, MJPG")
            assert status().input_problem == ""
            rig.session.set_source("camera:0?size=640x480&fps=30")
            rig.until(lambda: status().source.endswith("fps=30 · 640x480 at 30, YUYV"))
    finally:
        Driver.opening.set()


# What a camera has


def test_the_list_says_what_a_camera_has(driver):
    first, second = camera.offers()
    assert first.uri == "camera:0"
    assert first.text == "C920: 1920x1080 at 30, 1280x720 at 60, 640x480 at 30"
    assert second.text.startswith("What? cam: 1920x1080")
    driver.setattr(camera, "_known", {})
    driver.setattr(camera, "of_linux", lambda number: [])
    assert camera.offers()[0].text == "C920"


def video4linux(modes):
    """The kernel's answers about a camera; the tables are those of videodev2.h."""
    letters = list(dict.fromkeys(mode.letters for mode in modes))

    def ioctl(device, what, data):
        number, about = struct.unpack_from("<II", data)
        try:
            if what == 0xC0405602:
                assert about == 1
                code = letters[number].encode()
                return struct.pack("<III32s4s16x", number, 1, 0, b"a format", code)
            code = about.to_bytes(4, "little").decode()
            sizes = list(dict.fromkeys((m.width, m.height) for m in modes if m.letters == code))
            if what == 0xC02C564A:
                return struct.pack("<IIIII24x", number, about, 1, *sizes[number])
            width, height = struct.unpack_from("<II", data, 8)
            rates = [
                m.fps for m in modes if (m.width, m.height, m.letters) == (width, height, code)
            ]
            return struct.pack("<IIIIIII24x", number, about, width, height, 1, 1000,
                               round(rates[number] * 1000))  # fmt: skip
        except IndexError:
            raise OSError(errno.EINVAL, "Invalid argument") from None

    return ioctl


@pytest.mark.skipif(sys.platform != "linux", reason="they are Video4Linux's questions")
def test_what_video4linux_says_of_a_camera_is_read(monkeypatch, tmp_path):
    (tmp_path / "video0").touch()
    monkeypatch.setattr(camera_modes, "DEVICES", tmp_path)
    monkeypatch.setattr("fcntl.ioctl", video4linux(WEBCAM))
    assert sorted(camera_modes.of_linux(0), key=str) == sorted(WEBCAM, key=str)
    assert camera_modes.of_linux(1) == []

    def none(*_):
        raise OSError(errno.ENOTTY, "Inappropriate ioctl for device")

    monkeypatch.setattr("fcntl.ioctl", none)
    assert camera_modes.of_linux(0) == []


def test_a_camera_of_any_size_has_the_common_ones():
    def ask(what, data):
        number, about = struct.unpack_from("<II", data)
        if number:
            raise OSError(errno.EINVAL, "Invalid argument")
        if what == camera_modes.FORMATS:
            return struct.pack("<III32s4s16x", 0, 1, 0, b"", b"NV12")
        if what == camera_modes.SIZES:
            return struct.pack("<III6I8x", 0, about, 3, 32, 1600, 2, 32, 1200, 2)
        return struct.pack("<IIIIIII24x", 0, about, *struct.unpack_from("<II", data, 8), 3, 1, 30)

    found = list(camera_modes._modes(ask))
    assert found == [Mode(640, 480, 30, "NV12"), Mode(1280, 720, 30, "NV12")]


def test_what_ffmpeg_prints_of_a_camera_of_windows_is_read():
    text = """DirectShow video device options (from video devices)
 Pin "Capture" (alternative pin name "0")
  vcodec=mjpeg  min s=1920x1080 fps=5 max s=1920x1080 fps=30
  pixel_format=yuyv422  min s=640x480 fps=5 max s=640x480 fps=30 (tv, bt470bg/bt709/unknown)
  pixel_format=yuyv422  min s=640x480 fps=5 max s=640x480 fps=30
  pixel_format=nv12  min s=1280x720 fps=5 max s=1280x720 fps=60.0002
"""
    found = printed(text)
    assert found == [Mode(1920, 1080, 30, "MJPG"), Mode(640, 480, 30, "YUY2"),
                     Mode(1280, 720, 60.0002, "NV12")]  # fmt: skip
    assert told(found) == "1920x1080 at 30, 1280x720 at 60, 640x480 at 30"
    assert printed("no such device") == []


def test_directshow_that_is_not_there_says_nothing():
    if sys.platform != "win32":
        assert camera_modes.of_directshow("C920") == []
    assert camera_names.cameras() is not None
