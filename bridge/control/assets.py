"""Reference images: checked, stripped to their pixels, kept by a safe name in one folder."""

import hashlib
import re
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np

from bridge.frame import Image

NAME = re.compile(r"^[\w][\w. -]{0,79}$")
ID = re.compile("[0-9a-f]{16}")
LONGEST = 120  # letters of a name that is asked for
DEVICES = re.compile(r"^(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
MOST_PIXELS = 40_000_000
MAGIC = {b"\x89PNG\r\n\x1a\n": "PNG", b"\xff\xd8\xff": "JPEG", b"RIFF": "WebP"}


class AssetError(ValueError):
    """An upload is refused; `status` is the HTTP status that says why."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


def add(folder: Path, name: str, data: bytes) -> dict[str, Any]:
    """Keep a picture; returns its id (of its content), its name in the folder, and its size.

    Only PNG, JPEG and WebP of at most 40 megapixels are taken, and only their pixels are kept.
    """
    check_name(name)
    image = _decoded(data)
    height, width = image.shape[:2]
    ok, png = cv2.imencode(".png", image)
    if not ok:
        raise AssetError("The picture cannot be kept as PNG.", 415)
    content = png.tobytes()
    mark = hashlib.sha256(content).hexdigest()[:16]
    kept = f"{Path(name).stem}-{mark[:6]}.png"
    fresh = folder / f".{kept}.new"
    try:
        fresh.write_bytes(content)
        fresh.replace(folder / kept)
    except OSError as error:
        raise AssetError(f"{kept} cannot be kept in {folder}: {error.strerror}.", 507) from error
    return {"id": mark, "name": kept, "width": width, "height": height}


def names(folder: Path) -> list[str]:
    """The pictures that lie in the folder itself."""
    if not folder.is_dir():
        return []
    root = folder.resolve()
    found = (p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and NAME.match(p.name))
    return sorted(p.name for p in found if p.is_file() and p.resolve().parent == root)


def find(folder: Path, name: str) -> Path:
    """The file of that name; AssetError where it is not one of the folder's."""
    check_name(name)
    path = folder / name
    if not path.is_file() or not path.resolve().is_relative_to(folder.resolve()):
        raise AssetError(f"There is no asset {name!r}.", 404)
    return path


def refer(folder: Path, given: str) -> str:
    """The name of the file that is meant by its name, its name without the suffix, its id, or an
    absolute path into this very folder. ValueError, as one sentence, where there is none.
    """
    path = Path(given)
    name = path.name if path.is_absolute() and path.parent == folder.resolve() else given
    if len(name) <= LONGEST and not any(c in '/\\:*?"<>|' or c < " " for c in name):
        for kept in names(folder):
            stem = Path(kept).stem
            if name in (kept, stem) or (ID.fullmatch(name) and stem.endswith(f"-{name[:6]}")):
                return kept
    raise ValueError(f"There is no picture {given!r:.130} in the assets folder.")


def safe(name: str) -> str:
    """A name that may be kept, from any file's name."""
    return re.sub(r"[^\w. -]|^[^\w]|\.(?=\.)", "_", name)[-60:]


def check_name(name: str) -> None:
    """Refuse whatever could mean another place than the folder."""
    if not NAME.match(name) or DEVICES.match(name) or ".." in name:
        raise AssetError("An asset's name is letters, digits, dot, dash, space: at most 80.")


def _decoded(data: bytes) -> Image:
    if not any(data.startswith(magic) for magic in MAGIC):
        raise AssetError("Send a picture as PNG, JPEG or WebP.", 415)
    if _pixels(data) > MOST_PIXELS:
        raise AssetError("The picture has more than 40 megapixels; scale it down first.", 413)
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise AssetError("The picture is damaged.", 415)
    return cast(Image, image)


def _pixels(data: bytes) -> int:
    """Width times height as the header has it, read before anything is unpacked."""
    if data.startswith(b"\x89PNG"):
        return int.from_bytes(data[16:20], "big") * int.from_bytes(data[20:24], "big")
    if data.startswith(b"RIFF"):
        return _webp_pixels(data)
    place = 2
    while place + 9 < len(data) and data[place] == 0xFF:
        marker, length = data[place + 1], int.from_bytes(data[place + 2 : place + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = data[place + 5 : place + 7], data[place + 7 : place + 9]
            return int.from_bytes(height, "big") * int.from_bytes(width, "big")
        place += 2 + length
    return MOST_PIXELS + 1  # a JPEG that does not say its size is not opened


def _webp_pixels(data: bytes) -> int:
    kind = data[12:16]
    if kind == b"VP8X":
        width, height = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
    elif kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    else:
        width, height = (int.from_bytes(data[at : at + 2], "little") & 0x3FFF for at in (26, 28))
    return width * height
