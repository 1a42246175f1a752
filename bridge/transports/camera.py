"""A camera of this machine, by its number."""

import logging
import sys
import threading
from pathlib import Path
from time import perf_counter
from typing import cast

import cv2

from bridge.frame import Frame, Image
from bridge.transports import Offer, Options, TransportError
from bridge.transports.base import Opened

log = logging.getLogger(__name__)

EXCLUSIVE = True  # a driver gives a camera to one at a time
AGAIN = 1.0  # seconds until a camera that was pulled out is tried again


class CameraSource(Opened):
    """The newest picture of a camera. A thread reads it, for a driver's read cannot be ended."""

    def __init__(self, number: int, options: Options) -> None:
        """Open the camera and take one picture; TransportError where there is none."""
        self._number = number
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
        return self._size or f"waiting for camera {self._number}"

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
        camera = cv2.VideoCapture(self._number)
        if not camera.isOpened():
            raise TransportError(
                f"There is no camera {self._number} that can be opened ({_there()}); "
                "plug it in, or end the program that uses it."
            )
        camera.set(cv2.CAP_PROP_FRAME_WIDTH, self._options.width)
        camera.set(cv2.CAP_PROP_FRAME_HEIGHT, self._options.height)
        camera.set(cv2.CAP_PROP_FPS, self._options.fps)
        return camera


def open_source(name: str, options: Options) -> CameraSource:
    """`camera:N`, the first one being 0."""
    if not (name or "0").isdecimal():
        raise TransportError(f"camera:{name} is no camera; write its number, as in camera:0.")
    return CameraSource(int(name or "0"), options)


def offers() -> list[Offer]:
    """The cameras that this system lists by number; only Linux does."""
    numbers = (path.name.removeprefix("video") for path in sorted(Path("/dev").glob("video*")))
    return [Offer(uri=f"camera:{number}", text="a camera", exclusive=True) for number in numbers]


def _there() -> str:
    """Which cameras this system shows."""
    if sys.platform != "linux":
        return "cameras count from 0"
    names = sorted(path.name for path in Path("/dev").glob("video*"))
    return f"this machine has {', '.join(names)}" if names else "this machine shows none"
