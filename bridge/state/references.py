"""Reference images: checked, stripped to their pixels, kept by a safe name in one folder."""

import hashlib
import re
import threading
import unicodedata
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2

from bridge.system.paths import DEVICE
from engine.images.decoding import SUFFIXES, Need, PictureError, decoded
from engine.system import held

ID = re.compile("[0-9a-f]{16}")
MARKED = 6  # digits of the id that a file's name ends with
LONGEST = 120  # letters of a name that is given, bytes of one that is kept
FORBIDDEN = '/\\:*?"<>|'  # in a name: what some system takes for more than a letter
# Nor control characters and ends of lines, marks of direction, which make a name read as another
# one, and halves of characters
NO_LETTERS = re.escape(FORBIDDEN) + r"\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069"
LETTER = rf"[^{NO_LETTERS}\ud800-\udfff]"
NAME = re.compile(f"^(?![ .]){LETTER}{{1,{LONGEST}}}$")
# The same for those who know neither halves of characters nor a look ahead.
TOLD = f"^[^ .{NO_LETTERS}][^{NO_LETTERS}]{{0,{LONGEST - 1}}}$"
CURE = f"give it a name without {' '.join(FORBIDDEN)}, of at most {LONGEST} letters"
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
        end = f"-{mark[:MARKED]}.png"
        kept = _cut(Path(_plain(name)).stem, LONGEST - len(end)) + end
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
    found = (p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and _safe_name(p.name))
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
    there = names(folder)
    if found := [kept for kept in there if _has_id(kept, given)] or _alike(there, given)[:1]:
        return [folder / kept for kept in found]
    raise AssetError(f"There is no asset {given!r:.130}.", 404)


def refer(folder: Path, given: str) -> str:
    """The name of the file that is meant by its name, its name without the suffix, its id, or an
    absolute path into this very folder. ValueError, as one sentence, where there is none.
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
    raise ValueError(f"There is no picture {given!r:.130} in the assets folder.")


def _alike(names: list[str], name: str) -> list[str]:
    """Those that read like it: accents may be letters of their own, as on a Mac, blanks of another
    width, as in the names of its screenshots. With or without the suffix.
    """
    meant = _folded(name)
    return [kept for kept in names if meant in (_folded(kept), _folded(Path(kept).stem))]


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name)


def _plain(name: str) -> str:
    """A name with its accents in their letters, as it is kept."""
    return unicodedata.normalize("NFC", name)


def _cut(text: str, most: int) -> str:
    """As much of a text from its front as lies in `most` bytes."""
    return text.encode()[:most].decode(errors="ignore").rstrip(". ")


def _has_id(kept: str, mark: str) -> bool:
    """Whether a file's name ends as `add` ends that of a picture with this id."""
    return bool(ID.fullmatch(mark)) and Path(kept).stem.endswith(f"-{mark[:MARKED]}")


def safe(name: str) -> str:
    """A name that may be kept, from any file's name."""
    letters = (letter if re.match(LETTER, letter) else "_" for letter in _plain(name))
    path = Path(re.sub(r"^[ .]|\.(?=\.)", "_", "".join(letters)))
    made = _cut(path.stem, LONGEST - len(path.suffix.encode())) + path.suffix
    return f"_{made}" if DEVICE.fullmatch(made) else made


def check_name(name: str) -> None:
    """Refuse whatever could mean another place than the folder, or another name on some system."""
    if not _may_be_given(name):
        raise AssetError(f"{name!r:.60} cannot be an asset's name; {CURE}.")


def _may_be_given(name: str) -> bool:
    return bool(NAME.fullmatch(name)) and not DEVICE.fullmatch(name) and ".." not in name


def _safe_name(name: str) -> bool:
    return _may_be_given(name) and len(_plain(name).encode()) <= LONGEST


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
