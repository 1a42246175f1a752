"""A camera of this machine, by number or name; reopened after it was unplugged."""

import logging
import sys
import threading
from collections.abc import Sequence
from time import perf_counter
from typing import cast

import cv2

from bridge.frames.frame import Frame, Image
from bridge.transports import Offer, Options, TransportError
from bridge.transports.base import TransportBase
from bridge.transports.camera_modes import Mode, Wish, asked, of_directshow, of_linux, told
from bridge.transports.camera_names import cameras

log = logging.getLogger(__name__)

EXCLUSIVE = True  # a driver gives a camera to one program at a time
DSHOW = "dshow/"  # before a number: DirectShow's numbering, the one with names on Windows
OBEY = ("V4L2", "DSHOW")  # OpenCV backends that accept a format; others may take seconds to fail
AGAIN = 1.0  # seconds until an unplugged camera is tried again

_known: dict[tuple[int, str], Sequence[Mode]] = {}  # by number and name


class CameraSource(TransportBase):
    """The newest frame of a camera, read in a thread: a driver's read cannot be interrupted."""

    def __init__(
        self, number: int, options: Options, wish: Wish, name: str = "", api: int = 0
    ) -> None:
        """Open the camera; TransportError on failure. `api` is the OpenCV backend, 0 for the
        system's default.
        """
        self._number, self._api = number, api
        self._name = name
        self._called = f"{number} ({name})" if name else f"{number}"
        self._options, self._wish = options, wish
        self._got = Mode(0, 0, 0.0, "")  # as reported by the driver; the size comes from the frames
        self._camera = self._opened()
        self._newest: Frame | None = None
        self._given = 0
        self._size = ""
        self._changed = threading.Condition()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._read, name=f"camera {number}", daemon=True)
        self._thread.start()

    def receive(self, timeout: float) -> Frame | None:
        """The newest frame if there is a new one; None while the camera is unplugged."""
        with self._changed:
            self._changed.wait_for(self._fresh, timeout)
            frame = self._newest if self._fresh() else None
            self._given = frame.index if frame else self._given
            return frame

    def close(self) -> None:
        """Release the camera; a driver that hangs is abandoned after a second."""
        self._stopped.set()
        self._thread.join(1)

    @property
    def there(self) -> bool:
        """Whether frames arrive."""
        return bool(self._size)

    @property
    def status(self) -> str:
        """The mode in use, and the requested one if that differs; or that the camera is missing."""
        size, got = self._size, self._got
        if not size:
            return f"waiting for camera {self._called}"
        rate = f" at {got.fps:.4g}" if got.fps else ""
        what = ", ".join(part for part in (f"{size}{rate}", got.letters, self._name) if part)
        width, height = map(int, size.split("x"))
        if self._wish.met(Mode(width, height, got.fps, got.letters)):
            return what
        return f"{what} (requested: {self._wish})"

    def _fresh(self) -> bool:
        return self._newest is not None and self._newest.index > self._given

    def _read(self) -> None:
        index = 0
        while not self._stopped.is_set():
            found, picture = self._camera.read()
            if not found:
                self._reopen()
                continue
            seen = perf_counter()
            # cast: cv2's types say any array
            image = cast(Image, cv2.cvtColor(picture, cv2.COLOR_BGR2RGBA))
            index += 1
            with self._changed:
                self._newest = Frame(image, seen, index)
                self._size = f"{image.shape[1]}x{image.shape[0]}"
                self._changed.notify()
        self._camera.release()

    def _reopen(self) -> None:
        self._size = ""
        self._camera.release()
        if self._stopped.wait(AGAIN):
            return
        try:
            self._camera = self._opened()
        except TransportError as error:
            log.debug("%s", error)

    def _opened(self) -> cv2.VideoCapture:
        way = [self._api] if self._api else []
        camera = cv2.VideoCapture(self._number, *way)
        if not camera.isOpened():
            raise TransportError(
                f"Camera {self._called} cannot be opened ({_there()}); "
                "plug it in, or close the program that uses it."
            )
        mode = self._wish.best(_modes(self._number, self._name, self._api), self._options)
        if mode.letters and camera.getBackendName() in OBEY:  # before the size, which it limits
            camera.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*mode.letters))
        for what, wanted in (
            (cv2.CAP_PROP_FRAME_WIDTH, mode.width),
            (cv2.CAP_PROP_FRAME_HEIGHT, mode.height),
            (cv2.CAP_PROP_FPS, mode.fps),
        ):
            if camera.get(what) != wanted:  # each set takes seconds in Media Foundation
                camera.set(what, wanted)
        fps = camera.get(cv2.CAP_PROP_FPS)
        self._got = Mode(0, 0, fps if 0 < fps <= 1000 else 0.0, _letters(camera))
        return camera


def check_source(name: str) -> None:
    """TransportError for options that no camera accepts; opens none."""
    asked(name)


def open_source(name: str, options: Options) -> CameraSource:
    """`camera:N`, counted from 0; `camera:dshow/N` on Windows; or `camera:NAME`; each with optional
    options, as in `camera:0?size=1920x1080&fps=60`.
    """
    name, wish = asked(name)
    number = name.removeprefix(DSHOW) or "0"
    by_name = name.startswith(DSHOW)
    there = cameras() if by_name or not number.isdecimal() else {}
    if not number.isdecimal():
        called = (str(n) for n, text in there.items() if text.lower() == number.lower())
        number, by_name = next(called, ""), True
        if not number:
            raise TransportError(
                f"camera:{name} was not found ({_there()}); use its number, as in camera:0."
            )
    api = cv2.CAP_DSHOW if by_name and sys.platform == "win32" else 0
    return CameraSource(int(number), options, wish, there.get(int(number), ""), api)


def offers() -> list[Offer]:
    """The cameras that this system lists, with sizes and rates: by number on Linux, by DirectShow
    on Windows.
    """
    way = DSHOW if sys.platform == "win32" else ""
    found: list[Offer] = []
    for number, name in cameras().items():
        has = told(_modes(number, name, cv2.CAP_DSHOW if way else 0))
        text = ": ".join(part for part in (name or "a camera", has) if part)
        found.append(Offer(uri=f"camera:{way}{number}", text=text, exclusive=True))
    return found


def _modes(number: int, name: str, api: int) -> Sequence[Mode]:
    """A camera's modes, as far as the system reports them; queried once per camera: it is slow."""
    key = number, name
    if key not in _known:
        by_name = name and api == cv2.CAP_DSHOW and sys.platform == "win32"
        if found := of_directshow(name) if by_name else of_linux(number):
            _known[key] = found
    return _known.get(key, [])


def _letters(camera: cv2.VideoCapture) -> str:
    """The four-letter code of its pixel format; empty if not reported."""
    code = int(camera.get(cv2.CAP_PROP_FOURCC))
    found = code.to_bytes(4, "little").decode("latin-1") if 0 < code < 1 << 32 else ""
    return found if found.isascii() and found.isalnum() else ""


def _there() -> str:
    """The cameras that this system lists, in words."""
    if sys.platform not in ("linux", "win32"):
        return "cameras are numbered from 0"
    found = [f"{number} {name}".strip() for number, name in cameras().items()]
    return f"this machine has {', '.join(found)}" if found else "this machine has none"
