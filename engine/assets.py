"""Pictures by their names in the assets folder."""

from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import cast

import cv2
import numpy as np

from engine.pipeline import Image

LONGEST = 200  # bytes of a name; file systems end at 255
KEPT = 16  # pictures that are held decoded


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


def picture(path: Path) -> Image:
    """The picture (H, W, 3) in RGB of a PNG, JPEG or WebP file.

    ValueError, as one sentence, where it is no picture that can be read.
    """
    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
        image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    except (OSError, cv2.error):
        image = None
    if image is None:
        raise ValueError(f"The reference {path.name!r} is no picture that can be read.")
    return cast(Image, cv2.cvtColor(image, cv2.COLOR_BGR2RGB))


class Pictures:
    """Pictures of the assets folder, read in a thread of their own and kept."""

    def __init__(self, assets: Path) -> None:
        self._assets = assets
        self._known: OrderedDict[tuple[Path, int, int], Image | str] = OrderedDict()
        self._coming: dict[tuple[Path, int, int], Future[Image]] = {}
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="pictures")
        self.problems: dict[str, str] = {}  # by name: why there is no such picture

    def get(self, name: str) -> tuple[tuple[Path, int, int], Image] | None:
        """What the picture is known by, which changes with the file, and the picture (H, W, 3);
        None while it is being read, or where `problems` says why there is none. Never waits.
        """
        self.problems.pop(name, None)
        key = find(self._assets, name) if name else None
        if key is None:
            if name:
                self.problems[name] = f"There is no picture {name!r} in the assets folder."
            return None
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

    def _arrived(self, key: tuple[Path, int, int]) -> bool:
        future = self._coming.get(key)
        if future is None:
            future = self._coming[key] = self._reader.submit(picture, key[0])
        if not future.done():
            return False
        del self._coming[key]
        error = future.exception()
        if error is not None and not isinstance(error, ValueError):
            raise error
        self._known[key] = future.result() if error is None else str(error)
        if len(self._known) > KEPT:
            self._known.popitem(last=False)
        return True
