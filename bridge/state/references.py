"""Reference images: checked, stripped to their pixels, saved under a safe name in one folder.

In URLs and on disk they are called assets. Bytes of an upload: `bridge/control/http/guard.py`.
"""

import hashlib
import re
import threading
import unicodedata
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2

from bridge.state import names as names_of_people
from bridge.system.paths import DEVICE
from engine.images.decoding import KINDS, SUFFIXES, Need, PictureError, decoded
from engine.system import held
from engine.system.texts import did_you_mean

ID = re.compile("[0-9a-f]{16}")
MARKED = 6  # digits of the id at the end of a file's name
LONGEST = 120  # characters of a given name, bytes of a saved one
FORBIDDEN = '/\\:*?"<>|'  # in a name: special on some system
NO_LETTERS = re.escape(FORBIDDEN) + names_of_people.NO_LETTERS
LETTER = rf"[^{NO_LETTERS}\ud800-\udfff]"  # nor lone surrogates
NAME = re.compile(f"^(?![ .]){LETTER}{{1,{LONGEST}}}$")
# The same for regex dialects without surrogates or lookahead.
TOLD = f"^[^ .{NO_LETTERS}][^{NO_LETTERS}]{{0,{LONGEST - 1}}}$"
CURE = f"give it a name without {' '.join(FORBIDDEN)}, of at most {LONGEST} characters"
MOST_BYTES = 25 << 20  # of an added file
LONGEST_SIDE = 2048  # pixels that are saved: no pipeline uses more of a reference

_turn = threading.Lock()


class AssetError(ValueError):
    """An asset is refused; `status` is the HTTP status."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


def add(folder: Path, name: str, data: bytes, what: str = "The image") -> dict[str, Any]:
    """Save an image; returns its id (of its content), its name in the folder, and its size there.

    Only PNG, JPEG, WebP, BMP and AVIF within the budget of `engine.images.decoding` are accepted;
    only the pixels are saved, scaled down to 2048 a side. One at a time: others wait here. `what`
    names the image in errors.
    """
    check_name(name)
    with _turn:
        content, width, height = _png(data, what)
        mark = mark_of(content)
        kept = marked(f"{Path(name).stem}.png", mark)
        fresh = folder / f".{kept}.new"
        try:
            folder.mkdir(parents=True, exist_ok=True)  # it may have been removed
            fresh.write_bytes(content)
            held.replace(fresh, folder / kept)
        except OSError as error:
            with suppress(OSError):  # a full disk leaves it empty
                held.remove(fresh, 0)
            raise AssetError(
                f"{kept} cannot be saved in {folder}: {held.told(error)}.", 507
            ) from error
    return {"id": mark, "name": kept, "width": width, "height": height}


def clean(data: bytes, what: str = "The image") -> bytes:
    """An image as it is saved: only its pixels, as PNG; AssetError as in `add`."""
    with _turn:
        return _png(data, what)[0]


def marked(name: str, mark: str) -> str:
    """A name as it is saved: with the id of its content before the ending."""
    path = Path(_plain(name))
    end = f"-{mark[:MARKED]}{path.suffix.lower()}"
    return _cut(path.stem, LONGEST - len(end.encode())) + end


def mark_of(content: bytes) -> str:
    """The id of an image that `clean` has made."""
    return hashlib.sha256(content).hexdigest()[:16]


def add_file(folder: Path, path: Path) -> dict[str, Any]:
    """Save the image of a file elsewhere; see `add`. AssetError also if it cannot be read or is too
    large.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise AssetError(f"{path} cannot be read ({error.strerror or error}).", 404) from error
    if len(data) > MOST_BYTES:
        raise AssetError(f"{path} is larger than {MOST_BYTES >> 20} MB; scale it down first.", 413)
    return add(folder, safe(path.name), data, str(path))


def names(folder: Path) -> list[str]:
    """The images in the folder itself, without subfolders."""
    if not folder.is_dir():
        return []
    root = folder.resolve()
    found = (p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and _safe_name(p.name))
    return sorted(p.name for p in found if p.is_file() and p.resolve().parent == root)


def find(folder: Path, given: str) -> Path:
    """The file with that name or id; AssetError if the folder has none."""
    return _found(folder, given)[0]


def remove(folder: Path, given: str) -> None:
    """Remove the file with that name, or all with that id; AssetError also if another program
    keeps one in use. Waits for that briefly.
    """
    for path in _found(folder, given):
        try:
            held.remove(path)
        except OSError as error:
            raise AssetError(f"{path.name} cannot be removed: {held.told(error)}.", 409) from error


def _found(folder: Path, given: str) -> list[Path]:
    """The files meant by a name or an id; AssetError for none."""
    path = folder / given
    if _safe_name(given) and path.is_file() and path.resolve().is_relative_to(folder.resolve()):
        return [path]
    there = names(folder)
    if found := [kept for kept in there if _has_id(kept, given)] or _alike(there, given)[:1]:
        return [folder / kept for kept in found]
    raise AssetError(f"Asset {given!r:.130} not found.", 404)


def refer(folder: Path, given: str) -> str:
    """The name of the file meant by its name, its name without the suffix, its id, or an absolute
    path into this folder. ValueError, in one sentence, if there is none.
    """
    path, places = Path(given), (folder.absolute(), folder.resolve())
    name = path.name if path.is_absolute() and path.parent in places else given
    if _safe_name(name):
        there = names(folder)
        found = [kept for kept in there if name == kept or _has_id(kept, name)]
        if found := found or [kept for kept in there if name == Path(kept).stem]:
            return found[0]
        if found := _alike(there, name):
            return found[0]
        if (folder / name).is_file():
            raise ValueError(
                f"{name} is not an image: a reference is {KINDS}. To use a video, make it the "
                "input: --source file:PATH."
            )
        guess = did_you_mean(name, [text for kept in there for text in (kept, Path(kept).stem)])
        raise ValueError(f"Image {given!r:.130} not found in the assets folder.{guess}")
    raise ValueError(f"Image {given!r:.130} not found in the assets folder.")


def _alike(names: list[str], name: str) -> list[str]:
    """Those that look the same: accents may be separate characters, as on a Mac, and spaces of
    another width, as in the names of its screenshots. With or without the suffix.
    """
    meant = _folded(name)
    return [kept for kept in names if meant in (_folded(kept), _folded(Path(kept).stem))]


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name)


def _plain(name: str) -> str:
    """A name with composed accents, as saved."""
    return unicodedata.normalize("NFC", name)


def _cut(text: str, most: int) -> str:
    """The beginning of a text, up to `most` bytes."""
    return text.encode()[:most].decode(errors="ignore").rstrip(". ")


def _has_id(kept: str, mark: str) -> bool:
    """Whether a file's name ends with this id, as `add` names it."""
    return bool(ID.fullmatch(mark)) and Path(kept).stem.endswith(f"-{mark[:MARKED]}")


def safe(name: str) -> str:
    """A valid asset name made from any file name."""
    letters = (letter if re.match(LETTER, letter) else "_" for letter in _plain(name))
    path = Path(re.sub(r"^[ .]|\.(?=\.)", "_", "".join(letters)))
    made = _cut(path.stem, LONGEST - len(path.suffix.encode())) + path.suffix
    return f"_{made}" if DEVICE.fullmatch(made) else made


def check_name(name: str) -> None:
    """Refuse a name that could lead outside the folder, or mean another name on some system."""
    if not _may_be_given(name):
        if DEVICE.fullmatch(name):
            raise AssetError(f"{name} is the name of a device on Windows; choose another name.")
        raise AssetError(f"{name!r:.60} is not a valid asset name; {CURE}.")


def _may_be_given(name: str) -> bool:
    return bool(NAME.fullmatch(name)) and not DEVICE.fullmatch(name) and ".." not in name


def _safe_name(name: str) -> bool:
    return _may_be_given(name) and len(_plain(name).encode()) <= LONGEST


def _png(data: bytes, what: str) -> tuple[bytes, int, int]:
    """An image's pixels as a PNG, its width and its height."""
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
        raise AssetError("The image cannot be saved as PNG.", 415)
    return png.tobytes(), width, height
