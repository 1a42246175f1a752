"""Reference pictures by their names in the assets folder."""

from pathlib import Path
from typing import cast

import cv2
import numpy as np

from engine.pipeline import Image

SIDE = 256  # pixels that the encoder sees; a larger picture is made small where it is read
LONGEST = 200  # bytes of a name; file systems end at 255


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


def load(path: Path) -> Image:
    """The picture (256, 256, 3) in RGB of a PNG, JPEG or WebP file.

    ValueError, as one sentence, where it is no picture that can be read.
    """
    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
        image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    except (OSError, cv2.error):
        image = None
    if image is None:
        raise ValueError(f"The reference {path.name!r} is no picture that can be read.")
    return cast(Image, cv2.cvtColor(fitted(cast(Image, image)), cv2.COLOR_BGR2RGB))


def fitted(image: Image) -> Image:
    """A picture (H, W, 3 or 4) of any size as the encoder sees it: (256, 256, 3)."""
    shrinks = min(image.shape[:2]) > SIDE
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cast(Image, cv2.resize(image[..., :3], (SIDE, SIDE), interpolation=method))
