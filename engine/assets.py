"""Pictures by their names in the assets folder."""

from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

import cv2
import numpy as np

from engine.decoding import Need, read
from engine.pipeline import Image

LONGEST = 200  # bytes of a name; file systems end at 255
KEPT_BYTES = 64_000_000  # of pictures that are held beside those in use
IN_USE = 6  # pictures that one block is made with at most: they stay, however large
COMING = 2 * IN_USE  # pictures that are waited for: when more are asked for, the oldest go
MOST = 200  # pictures, and reasons why there is none, that are kept at all
WHITE = 255

How: TypeAlias = Literal["contained", "stretched"]


class Key(NamedTuple):
    """A file as it was, and what is made of its picture; another one when the file changes."""

    path: Path
    time: int
    bytes: int
    width: int
    height: int
    how: How


def find(folder: Path, name: str) -> tuple[Path, int, int] | None:
    """The file of that name, its time and its size; None where there is none in this very folder:
    a name never leads elsewhere. What else a reference may be called, the bridge has looked up.
    """
    if not name or name.startswith(".") or len(name.encode(errors="replace")) > LONGEST:
        return None
    if any(character in '/\\:*?"<>|' or character < " " for character in name):
        return None
    path = folder / name
    try:
        if not path.is_file() or not path.resolve(strict=True).is_relative_to(folder.resolve()):
            return None
        seen = path.stat()
    except OSError:  # gone while it was looked at
        return None
    return path, seen.st_mtime_ns, seen.st_size


class Pictures:
    """Pictures of the assets folder at the sizes they are used at, read in a thread of their own
    and kept. All calls come from one thread, that of the frames.
    """

    def __init__(self, assets: Path) -> None:
        self._assets = assets
        self._known: OrderedDict[Key, Image | str] = OrderedDict()
        self._coming: OrderedDict[Key, Future[Image]] = OrderedDict()
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="pictures")
        self.problems: dict[str, str] = {}  # by name: why there is no such picture

    def get(self, name: str, size: tuple[int, int], how: How) -> tuple[Key, Image] | None:
        """What the picture is known by, and the picture (H, W, 4) at exactly that size, width and
        height: `contained` is whole on white, `stretched` fills it.

        None while it is being read, or where `problems` says why there is none. Never waits.
        """
        self.problems.pop(name, None)
        found = find(self._assets, name) if name else None
        if found is None:
            if name:
                self.problems[name] = f"There is no picture {name!r} in the assets folder."
            return None
        key = Key(*found, *size, how)
        if key not in self._known and not self._arrived(key):
            return None
        known = self._known[key]
        self._known.move_to_end(key)
        if isinstance(known, str):
            self.problems[name] = known
            return None
        return key, known

    def close(self) -> None:
        """End the thread."""
        self._reader.shutdown(wait=False, cancel_futures=True)

    @property
    def arriving(self) -> int:
        """How many pictures are being read."""
        return sum(not future.done() for future in self._coming.values())

    @property
    def held(self) -> int:
        """Bytes of the pictures that are kept."""
        return sum(known.nbytes for known in self._known.values() if not isinstance(known, str))

    def _arrived(self, key: Key) -> bool:
        future = self._coming.get(key)
        if future is None:
            future = self._coming[key] = self._reader.submit(_made, key)
            while len(self._coming) > COMING:
                self._coming.popitem(last=False)[1].cancel()
        if not future.done():
            return False
        del self._coming[key]
        error = future.exception()
        if error is not None and not isinstance(error, (ValueError, MemoryError, cv2.error)):
            raise error
        why = str(error) or "This machine has too little memory left for the picture."
        self._known[key] = future.result() if error is None else why
        while len(self._known) > IN_USE and self.held > KEPT_BYTES:
            self._known.popitem(last=False)
        while len(self._known) > MOST:
            self._known.popitem(last=False)
        return True


def contained(image: Image, width: int, height: int) -> Image:
    """A picture (H, W, 3) whole on a white canvas (height, width, 4), as the authors of VACE place
    it.
    """
    scale = min(width / image.shape[1], height / image.shape[0])
    fitted = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    small = cv2.resize(image, fitted, interpolation=cv2.INTER_LINEAR)
    canvas = np.full((height, width, 4), WHITE, np.uint8)
    top, left = (height - fitted[1]) // 2, (width - fitted[0]) // 2
    canvas[top : top + fitted[1], left : left + fitted[0], :3] = small
    return canvas


def stretched(image: Image, width: int, height: int) -> Image:
    """A picture (H, W, 3) as (height, width, 4), whatever its shape."""
    canvas = np.full((height, width, 4), WHITE, np.uint8)
    canvas[..., :3] = cv2.resize(image, (width, height))
    return canvas


def _made(key: Key) -> Image:
    """The picture of a file, at the size that is asked for; the file's own is let go."""
    image = read(key.path, Need(key.width, key.height, key.how == "stretched"), "reference")
    make = contained if key.how == "contained" else stretched
    return make(image, key.width, key.height)
