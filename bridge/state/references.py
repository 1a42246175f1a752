"""Reference images: checked, stripped to their pixels, kept by a safe name in one folder."""

import hashlib
import re
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2

from bridge.system.paths import DEVICE
from engine.images.decoding import SUFFIXES, Need, PictureError, decoded
from engine.system import held

NAME = re.compile(r"^[\w][\w. -]{0,79}$")
ID = re.compile("[0-9a-f]{16}")
MARKED = 6  # digits of the id that a file's name ends with
LONGEST = 120  # letters of a name that is asked for
MOST_BYTES = 25 << 20  # of a file that is taken in
LONGEST_SIDE = 2048  # pixels that are kept: no pipeline is shown more of a reference

_turn = threading.Lock()


class AssetError(ValueError):
    """An upload is refused; `status` is the HTTP status that says why."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


def add(folder: Path, name: str, data: bytes, what: str = "The picture") -> dict[str, Any]:
    """Keep a picture; returns its id (of its content), its name in the folder, and its size there.

    Only PNG, JPEG, WebP, BMP and AVIF within the budget of `engine.images.decoding` are taken, and
    only their pixels are kept, no more of them than 2048 a side. One at a time: others wait here.
    `what` is what errors call it.
    """
    check_name(name)
    with _turn:
        content, width, height = _png(data, what)
        mark = hashlib.sha256(content).hexdigest()[:16]
        kept = f"{Path(name).stem}-{mark[:MARKED]}.png"
        fresh = folder / f".{kept}.new"
        try:
            folder.mkdir(parents=True, exist_ok=True)  # somebody may have removed it
            fresh.write_bytes(content)
            held.replace(fresh, folder / kept)
        except OSError as error:
            with suppress(OSError):  # a full disk leaves it empty
                held.remove(fresh, 0)
            raise AssetError(
                f"{kept} cannot be kept in {folder}: {held.told(error)}.", 507
            ) from error
    return {"id": mark, "name": kept, "width": width, "height": height}


def add_file(folder: Path, path: Path) -> dict[str, Any]:
    """Keep the picture of a file that lies elsewhere; see `add`. AssetError also where it cannot be
    read or is larger than what is taken in.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise AssetError(f"{path} cannot be read ({error.strerror or error}).", 404) from error
    if len(data) > MOST_BYTES:
        raise AssetError(f"{path} has more than {MOST_BYTES >> 20} MB; scale it down first.", 413)
    return add(folder, safe(path.name), data, str(path))


def names(folder: Path) -> list[str]:
    """The pictures that lie in the folder itself."""
    if not folder.is_dir():
        return []
    root = folder.resolve()
    found = (p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and NAME.match(p.name))
    return sorted(p.name for p in found if p.is_file() and p.resolve().parent == root)


def find(folder: Path, given: str) -> Path:
    """The file of that name or id; AssetError where it is none of the folder's."""
    return _found(folder, given)[0]


def remove(folder: Path, given: str) -> None:
    """Remove the file of that name, or all that have that id; AssetError also where another program
    holds one. Waits for that a moment.
    """
    for path in _found(folder, given):
        try:
            held.remove(path)
        except OSError as error:
            raise AssetError(f"{path.name} cannot be removed: {held.told(error)}.", 409) from error


def _found(folder: Path, given: str) -> list[Path]:
    """The files that are meant by a name or an id; AssetError for none."""
    path = folder / given
    if _safe_name(given) and path.is_file() and path.resolve().is_relative_to(folder.resolve()):
        return [path]
    if found := [folder / kept for kept in names(folder) if _has_id(kept, given)]:
        return found
    raise AssetError(f"There is no asset {given!r:.130}.", 404)


def refer(folder: Path, given: str) -> str:
    """The name of the file that is meant by its name, its name without the suffix, its id, or an
    absolute path into this very folder. ValueError, as one sentence, where there is none.
    """
    path, places = Path(given), (folder.absolute(), folder.resolve())
    name = path.name if path.is_absolute() and path.parent in places else given
    if len(name) <= LONGEST and not any(c in '/\\:*?"<>|' or c < " " for c in name):
        for kept in names(folder):
            if name in (kept, Path(kept).stem) or _has_id(kept, name):
                return kept
    raise ValueError(f"There is no picture {given!r:.130} in the assets folder.")


def _has_id(kept: str, mark: str) -> bool:
    """Whether a file's name ends as `add` ends that of a picture with this id."""
    return bool(ID.fullmatch(mark)) and Path(kept).stem.endswith(f"-{mark[:MARKED]}")


def safe(name: str) -> str:
    """A name that may be kept, from any file's name."""
    return re.sub(r"[^\w. -]|^[^\w]|\.(?=\.)", "_", name)[-60:]


def check_name(name: str) -> None:
    """Refuse whatever could mean another place than the folder."""
    if not _safe_name(name):
        raise AssetError("An asset's name is letters, digits, dot, dash, space: at most 80.")


def _safe_name(name: str) -> bool:
    return bool(NAME.fullmatch(name)) and not DEVICE.fullmatch(name) and ".." not in name


def _png(data: bytes, what: str) -> tuple[bytes, int, int]:
    """A picture's pixels as a PNG, its width and its height."""
    try:
        image = decoded(data, Need(LONGEST_SIDE, LONGEST_SIDE), what)
    except PictureError as error:
        raise AssetError(str(error), error.status) from error
    height, width = image.shape[:2]
    scale = LONGEST_SIDE / max(height, width)
    if scale < 1:
        width, height = max(1, round(width * scale)), max(1, round(height * scale))
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    ok, png = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    if not ok:
        raise AssetError("The picture cannot be kept as PNG.", 415)
    return png.tobytes(), width, height
