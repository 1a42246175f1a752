"""One file per tick, or per new frame: `show-0001.png`, `show-0002.png` …"""

from pathlib import Path

import cv2

from bridge.frames.frame import Image
from bridge.frames.pixels import blank
from bridge.transports import TransportError
from bridge.transports.recording.beat import Beat
from bridge.transports.recording.kinds import NUMBER, newest, numbered
from engine.system import held

OPAQUE = {".jpg", ".jpeg"}
HOW = {".png": (cv2.IMWRITE_PNG_COMPRESSION, 1), ".jpg": (cv2.IMWRITE_JPEG_QUALITY, 95)}
HOW[".jpeg"] = HOW[".jpg"]


class PictureFiles:
    """Written by one thread. Failures raise OSError; a file gets its name once complete."""

    def __init__(self, path: Path, number: int = 0, fps: float = 0.0) -> None:
        """Continue after existing files and after `number`; TransportError if none can be
        written. There are `fps` files a second, as the numbers are the only times: the image is
        written again for each that was held or missed. With 0, there is one per new frame.
        """
        self.count = 0
        self.bytes = 0
        self.began = 0.0
        self._path = path
        self._beat = Beat(fps) if fps else None
        self._most = max(1, round(fps))  # files written again at once: new images come between
        self._image = b""  # the last file
        self._ending = path.suffix.lower()
        self._beside = path.with_name(NUMBER.sub("", path.name, count=1) + ".part")
        try:
            self.number = max(number, newest(path))  # of the last image
            self._beside.write_bytes(self._encoded(blank(8, 8)))
            held.remove(self._beside)
        except OSError as error:
            raise TransportError(f"{path} cannot be written: {held.told(error)}.") from error
        except cv2.error as error:
            raise TransportError(
                f"{self._ending} cannot be written here; end the name in .png."
            ) from error

    def write(self, image: Image, now: float) -> None:
        """Record a frame that is new at `now`, in seconds by any clock."""
        self.began = self.began or now
        data = self._encoded(image)
        if self._beat:
            self._again(self._beat.missed(now))
        self._put(data)
        self._image = data
        self.count += 1

    def hold(self, now: float) -> None:
        """The last frame is still shown."""
        if self._beat and self._beat.due(now):
            self._again(1 + self._beat.missed(now))

    def finish(self, now: float) -> None:
        """Every file is already complete."""

    def abandon(self) -> None:
        """Leave nothing half-written."""
        held.remove(self._beside)

    def _again(self, times: int) -> None:
        """Write the last file again; what is beyond the most at once follows later."""
        for _ in range(min(times, self._most)):
            self._put(self._image)

    def _put(self, data: bytes) -> None:
        self._beside.write_bytes(data)
        held.replace(self._beside, numbered(self._path, self.number + 1))
        self.number += 1
        self.bytes += len(data)
        if self._beat:
            self._beat.next += 1

    def _encoded(self, image: Image) -> bytes:
        opaque = self._ending in OPAQUE
        turned = cv2.cvtColor(image, cv2.COLOR_RGBA2BGR if opaque else cv2.COLOR_RGBA2BGRA)
        return cv2.imencode(self._ending, turned, HOW.get(self._ending, ()))[1].tobytes()
