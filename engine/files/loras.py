"""The user's LoRA files: where they lie, what they are called, and what each is for.

Ours lie in `loras` of the models folder; those of ComfyUI, Scope and others are used where they
are. A LoRA's name is its path below such a folder, with `/`; of two with one name, the first
folder's is meant, and the other goes by its whole path. Free of torch.
"""

import json
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePath, PurePosixPath

from engine.catalog.artifacts import LORAS
from engine.catalog.specs import DEMO, SPECS, WAN_1_3B, WAN_14B
from engine.files.kinds import SAFETENSORS, SUFFIXES
from engine.files.lora_keys import SECOND, WITHOUT, parsed

FOLDERS = {LORAS, "lora"}  # in whatever case: ComfyUI's, Scope's, those of other programs
PICKLES = (".bin", ".ckpt")  # that are not, but can be converted
DEEPEST = 4  # folders in one another
MOST = 5000  # files that are looked at
HEADER = 1 << 20  # bytes of a header that is read for a list: to parse more, all would wait

WAN22_5B = 3072  # its width
MADE_FOR = {size.dim: f"Wan2.1 {size.name}" for size in (WAN_1_3B, WAN_14B)} | {
    WAN22_5B: "Wan2.2 5B", DEMO.dim: "the demo weights",
}  # fmt: skip
FITS = {
    dim: [spec.id for spec in SPECS.values() if spec.network.dim == dim]
    for dim in {spec.network.dim for spec in SPECS.values()}
}
QUERY = re.compile(
    r"(vace_)?blocks_\d+_(self_attn_[qkvo]|cross_attn_[qo]|attn1_to_(q|k|v|out(_0)?))"
)
OTHER = "another network"

CONVERT = (
    'python -c "import sys,torch;from safetensors.torch import save_file;'
    "d=torch.load(sys.argv[1],'cpu',weights_only=True);d=d.get('state_dict',d);"
    "save_file({k:v.clone() for k,v in d.items() if hasattr(v,'clone')},sys.argv[2])\""
)


@dataclass(frozen=True, slots=True)
class LoraFolder:
    """A folder of LoRAs, and whose it is."""

    folder: Path
    origin: str


@dataclass(frozen=True, slots=True)
class LoraFile:
    """A LoRA file, and the name that means it."""

    name: str
    path: Path
    origin: str


@dataclass(frozen=True, slots=True)
class ListedLora:
    """A LoRA as it is offered: its size in bytes, when it was modified in seconds since 1970, what
    it was made for in words (empty where only loading would tell), and the pipelines that it fits.
    """

    name: str
    origin: str
    size: int
    modified: float
    made_for: str
    fits: list[str]


def lora_folders(places: Iterable[tuple[Path, str]]) -> list[LoraFolder]:
    """The folders of LoRAs that there are now, of the folders of weights and whose each is."""
    found: dict[Path, LoraFolder] = {}
    for place, origin in places:
        with suppress(OSError):  # of a drive that goes just now
            inner = sorted(place.iterdir()) if place.name.lower() not in FOLDERS else [place]
            for folder in inner:
                if folder.name.lower() in FOLDERS and folder.is_dir():
                    found.setdefault(folder.resolve(), LoraFolder(folder.absolute(), origin))
    return list(found.values())


def find(folders: Sequence[LoraFolder], given: str, home: Path) -> LoraFile:
    """The LoRA that is meant by its name, with or without its ending and the folders in front, or
    by its whole path. ValueError, as one sentence, where there is none in `folders`, several are
    meant, or it is of a kind that is not read. `home` is where a missing one should be put.
    """
    absent = ValueError(f"There is no LoRA {given!r:.130} in {home}; put its file there.")
    try:
        name = given.replace("\\", "/")
        found = exact(folders, name) or _by_any_name(folders, name)
    except OSError:  # a name that no file can have
        raise absent from None
    if found is None:
        raise absent
    _check_kind(found)
    return found


def listed(folders: Sequence[LoraFolder]) -> list[ListedLora]:
    """All LoRAs of `folders`, by name; a file's header is read, unless it was before."""
    found: list[ListedLora] = []
    for lora in sorted(_all(folders), key=lambda lora: _plain(lora.name)):
        with suppress(OSError):  # one that goes just now
            seen = lora.path.stat()
            made_for, width = _header(str(lora.path), seen.st_mtime_ns, seen.st_size)
            found.append(
                ListedLora(
                    lora.name, lora.origin, seen.st_size, seen.st_mtime, made_for,
                    FITS.get(width, []),
                )
            )  # fmt: skip
    return found


def exact(folders: Sequence[LoraFolder], given: str) -> LoraFile | None:
    """The LoRA of that very name, with or without its ending, or of that whole path; None where
    there is none. It looks at no other file.
    """
    if not _can_be_meant(given):
        return None
    if (path := Path(given)).anchor:  # on Windows a drive's letter alone leads elsewhere too
        return _by_path(folders, path)
    for name in (given, *(given + suffix for suffix in (*SUFFIXES, *PICKLES))):
        for one in folders:
            if (one.folder / name).is_file():
                return LoraFile(PurePosixPath(name).as_posix(), one.folder / name, one.origin)
    return None


def _can_be_meant(given: str) -> bool:
    """Whether a text is of a file within a folder."""
    return bool(given.strip("/ ")) and "\0" not in given and ".." not in PurePath(given).parts


def _by_path(folders: Sequence[LoraFolder], path: Path) -> LoraFile | None:
    for one in folders:
        for root in (one.folder, one.folder.resolve()):
            if path.is_relative_to(root) and path != root and path.is_file():
                name = path.relative_to(root).as_posix()
                return LoraFile(_unshadowed(folders, one, name), path, one.origin)
    return None


def _by_any_name(folders: Sequence[LoraFolder], given: str) -> LoraFile | None:
    """By a part of its path, whatever the letters' case and the accents' form."""
    wanted = _plain(PurePosixPath(given).as_posix())
    if not _can_be_meant(given):
        return None
    found: dict[str, LoraFile] = {}
    for lora in _all(folders):
        path = PurePath(lora.name)
        whole = [_plain(lora.name), _plain(lora.name.removesuffix(path.suffix))]
        if any(text == wanted or text.endswith(f"/{wanted}") for text in whole):
            found.setdefault(lora.name, lora)
    if len(found) > 1:
        names = ", ".join(list(found)[:5])
        raise ValueError(f"{len(found)} LoRAs may be meant by {given!r:.130}: {names}; write one.")
    return next(iter(found.values()), None)


def _all(folders: Sequence[LoraFolder]) -> Iterator[LoraFile]:
    """The files that are read, in the order of the folders."""
    left = MOST
    for one in folders:
        for name in _below(one.folder):
            left -= 1
            if left < 0:
                return
            yield LoraFile(_unshadowed(folders, one, name), one.folder / name, one.origin)


def _unshadowed(folders: Sequence[LoraFolder], own: LoraFolder, name: str) -> str:
    """A name that means the file in `own`: its whole path where an earlier folder has the name."""
    for one in folders:
        if one is own:
            return name
        if (one.folder / name).is_file():
            break
    return (own.folder / name).as_posix()


def _below(folder: Path) -> Iterator[str]:
    """The names of a folder's LoRAs, links followed, hidden ones and circles left out."""
    seen: set[str] = set()
    for root, folders, files in os.walk(folder, followlinks=True):
        here = Path(root).relative_to(folder)
        real = os.path.realpath(root)
        if real in seen or len(here.parts) >= DEEPEST:
            folders.clear()
        if real in seen:
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for file in sorted(files):
            if PurePath(file).suffix.lower() in SUFFIXES and _can_be_typed(file):
                yield (here / file).as_posix()


def _can_be_typed(name: str) -> bool:
    """Whether a name can be written in JSON and OSC, and means the file again."""
    with suppress(UnicodeEncodeError):
        name.encode()
        return not name.startswith(".") and "\\" not in name and name.isprintable()
    return False


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold().strip().strip("/")


def _check_kind(lora: LoraFile) -> None:
    """ValueError where a file is of no kind that is read."""
    suffix = lora.path.suffix.lower()
    if suffix in PICKLES:
        good = f"{lora.path.stem}.safetensors"
        raise ValueError(
            f"{lora.name} is a pickle, which is not read under the ending {suffix}; convert it in "
            f'its folder with `{CONVERT} "{lora.path.name}" "{good}"`, and name {good}.'
        )
    if suffix not in SUFFIXES:
        raise ValueError(
            f"{lora.name} is none of {', '.join(SUFFIXES)}; choose a file that is, or give it its "
            "right ending."
        )


@lru_cache(MOST)
def _header(path: str, modified: int, size: int) -> tuple[str, int]:
    """What a file was made for, in words, and the width of that network; 0 where it is not known.

    `modified` and `size` say whether it is still the same file.
    """
    if PurePath(path).suffix.lower() != SAFETENSORS:
        return "", 0
    try:
        with Path(path).open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length)) if length <= HEADER else {}
        return _made_for({key: entry["shape"] for key, entry in header.items() if key[:2] != "__"})
    except (OSError, LookupError, TypeError, AttributeError, ValueError, RecursionError):
        return "", 0  # damaged, or not to be read: loading says so


def _made_for(shapes: dict[str, list[int]]) -> tuple[str, int]:
    """The same, of a file's tensors by their shapes."""
    width, kind, second = 0, "", False
    for key, shape in shapes.items():
        layer, part, stranger = parsed(key)
        second = second or stranger == SECOND
        if part in WITHOUT and not stranger:
            kind = "LoCon with a middle matrix" if part == "mid" else part
        elif part == "down" and not stranger and QUERY.fullmatch(layer) and len(shape) == 2:
            width = shape[1]
    if kind:
        return f"nothing here: it is a {kind}", 0
    if width:
        return MADE_FOR.get(width, OTHER), width
    return ("Wan2.2" if second else OTHER if shapes else ""), 0
