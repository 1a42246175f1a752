"""A camera of this machine, by its number or its name."""

import logging
import sys
import threading
from time import perf_counter
from typing import cast

import cv2

from bridge.frames.frame import Frame, Image
from bridge.transports import Offer, Options, TransportError
from bridge.transports.base import TransportBase
from bridge.transports.camera_names import cameras

log = logging.getLogger(__name__)

EXCLUSIVE = True  # a driver gives a camera to one at a time
DSHOW = "dshow/"  # before a number: by DirectShow, in whose order Windows' cameras have names
AGAIN = 1.0  # seconds until a camera that was pulled out is tried again


class CameraSource(TransportBase):
    """The newest picture of a camera. A thread reads it, for a driver's read cannot be ended."""

    def __init__(self, number: int, options: Options, name: str = "", api: int = 0) -> None:
        """Open the camera and take one picture; TransportError where there is none. `api` is what
        OpenCV is to open it by, 0 for what the system prefers.
        """
        self._number, self._api = number, api
        self._name = name
        self._called = f"{number} ({name})" if name else f"{number}"
        self._options = options
        self._camera = self._opened()
        self._newest: Frame | None = None
        self._given = 0
        self._size = ""
        self._changed = threading.Condition()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._read, name=f"camera {number}", daemon=True)
        self._thread.start()

    def receive(self, timeout: float) -> Frame | None:
        """The newest picture if there is a new one; None while the camera is unplugged."""
        with self._changed:
            self._changed.wait_for(self._fresh, timeout)
            frame = self._newest if self._fresh() else None
            self._given = frame.index if frame else self._given
            return frame

    def close(self) -> None:
        """Let the camera go; a driver that hangs is left behind after a second."""
        self._stopped.set()
        self._thread.join(1)

    @property
    def there(self) -> bool:
        """Whether it gives pictures."""
        return bool(self._size)

    @property
    def status(self) -> str:
        """The size, or that it is gone."""
        if not self._size:
            return f"waiting for camera {self._called}"
        return f"{self._size}, {self._name}" if self._name else self._size

    def _fresh(self) -> bool:
        return self._newest is not None and self._newest.index > self._given

    def _read(self) -> None:
        index = 0
        while not self._stopped.is_set():
            found, picture = self._camera.read()
            if not found:
                self._reopen()
                continue
            image = cast(Image, cv2.cvtColor(picture, cv2.COLOR_BGR2RGBA))
            index += 1
            with self._changed:
                self._newest = Frame(image, perf_counter(), index)
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
                f"There is no camera {self._called} that can be opened ({_there()}); "
                "plug it in, or end the program that uses it."
            )
        options = self._options
        for what, wanted in (
            (cv2.CAP_PROP_FRAME_WIDTH, options.width),
            (cv2.CAP_PROP_FRAME_HEIGHT, options.height),
            (cv2.CAP_PROP_FPS, options.fps),
        ):
            if camera.get(what) != wanted:  # each takes Media Foundation seconds
                camera.set(what, wanted)
        return camera


def open_source(name: str, options: Options) -> CameraSource:
    """`camera:N`, the first one being 0; `camera:dshow/N` on Windows; or `camera:NAME`."""
    number = name.removeprefix(DSHOW) or "0"
    by_name = name.startswith(DSHOW)
    there = cameras() if by_name or not number.isdecimal() else {}
    if not number.isdecimal():
        called = (str(n) for n, text in there.items() if text.lower() == number.lower())
        number, by_name = next(called, ""), True
        if not number:
            raise TransportError(
                f"camera:{name} is no camera ({_there()}); write its number, as in camera:0."
            )
    api = cv2.CAP_DSHOW if by_name and sys.platform == "win32" else 0
    return CameraSource(int(number), options, there.get(int(number), ""), api)


def offers() -> list[Offer]:
    """The cameras that this system lists: Linux by number, Windows by DirectShow."""
    way = DSHOW if sys.platform == "win32" else ""
    return [
        Offer(uri=f"camera:{way}{number}", text=name or "a camera", exclusive=True)
        for number, name in cameras().items()
    ]


def _there() -> str:
    """Which cameras this system shows."""
    if sys.platform not in ("linux", "win32"):
        return "cameras count from 0"
    found = [f"{number} {name}".strip() for number, name in cameras().items()]
    return f"this machine has {', '.join(found)}" if found else "this machine shows none"
