"""The user's LoRA files: where they are, their names, and what each is for.

Ours are in `loras` in the models folder; those of ComfyUI, Scope and others are used in place. A
LoRA's name is its path below such a folder, with `/`; if two share a name, the first folder wins
and the other is named by its full path. Free of torch.
"""

import os
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath

from engine.catalog.artifacts import LORAS
from engine.catalog.specs import SPECS
from engine.files.kinds import SUFFIXES, unread
from engine.files.lora_header import MOST, UNKNOWN, LoraHeader, looked, unfit
from engine.system.texts import did_you_mean

FOLDERS = {LORAS, "lora"}  # in any case: ComfyUI's, Scope's, other programs'
PICKLES = (".bin", ".ckpt")  # not supported, but convertible
DEEPEST = 4  # nested folders
WIDTHS = {spec.id: spec.network.dim for spec in SPECS.values()}  # of the released networks

CONVERT = (
    'python -c "import sys,torch;from safetensors.torch import save_file;'
    "d=torch.load(sys.argv[1],'cpu',weights_only=True);d=d.get('state_dict',d);"
    "save_file({k:v.clone() for k,v in d.items() if hasattr(v,'clone')},sys.argv[2])\""
)


@dataclass(frozen=True, slots=True)
class LoraFolder:
    """A LoRA folder, and the program that owns it."""

    folder: Path
    origin: str


@dataclass(frozen=True, slots=True)
class LoraFile:
    """A LoRA file and its name."""

    name: str
    path: Path
    origin: str


@dataclass(frozen=True, slots=True)
class ListedLora:
    """A LoRA as listed: size in bytes, modification time in seconds since 1970, what it was made
    for in words (empty if only loading would tell), and the pipelines that it fits.
    """

    name: str
    origin: str
    size: int
    modified: float
    made_for: str
    fits: list[str]


def lora_folders(places: Iterable[tuple[Path, str]]) -> list[LoraFolder]:
    """The LoRA folders that exist now, given the weight folders and their owners."""
    found: dict[Path, LoraFolder] = {}
    for place, origin in places:
        with suppress(OSError):  # the drive may disappear meanwhile
            inner = sorted(place.iterdir()) if place.name.lower() not in FOLDERS else [place]
            for folder in inner:
                if folder.name.lower() in FOLDERS and folder.is_dir():
                    found.setdefault(folder.resolve(), LoraFolder(folder.absolute(), origin))
    return list(found.values())


def find(folders: Sequence[LoraFolder], given: str, home: Path) -> LoraFile:
    """The LoRA with this name, with or without extension and leading folders, or full path.
    ValueError, as one sentence, if it is not in `folders`, is ambiguous, or cannot be used by any
    pipeline, by its extension or header. `home` is where a missing one should be put.
    """
    absent = f"LoRA {given!r:.130} not found in {home}; put its file there."
    try:
        name = given.replace("\\", "/")
        found = exact(folders, name) or _by_any_name(folders, name)
    except OSError:  # not a valid file name
        raise ValueError(absent) from None
    if found is None:
        names = [PurePosixPath(lora.name).with_suffix("") for lora in _all(folders)]
        known = [text for path in names for text in (str(path), path.name)]
        stem = name.removesuffix(PurePosixPath(name).suffix)
        raise ValueError(absent + did_you_mean(stem, known))
    _check_kind(found)
    if refused := _header(found.path).refused:
        raise ValueError(refused)
    return found


def listed(folders: Sequence[LoraFolder], widths: Mapping[str, int] = WIDTHS) -> list[ListedLora]:
    """All LoRAs in `folders`, sorted by name; headers are read once and cached. `widths` are the
    pipelines' network widths.
    """
    found: list[ListedLora] = []
    for lora in sorted(_all(folders), key=lambda lora: _plain(lora.name)):
        with suppress(OSError):  # the file may disappear meanwhile
            seen = lora.path.stat()
            header = _header(lora.path)
            fits = [name for name, width in widths.items() if header.width == width]
            found.append(
                ListedLora(
                    lora.name, lora.origin, seen.st_size, seen.st_mtime, header.made_for, fits
                )
            )
    return found


def misfit(folders: Sequence[LoraFolder], name: str, pipeline: str, width: int) -> str:
    """Why a pipeline with a network of this width cannot use the LoRA of exactly this name, in a
    sentence; empty if it may, or if there is no such LoRA.
    """
    found = exact(folders, name)
    return unfit(_header(found.path), found.name, width, pipeline) if found else ""


def exact(folders: Sequence[LoraFolder], given: str) -> LoraFile | None:
    """The LoRA with exactly this name, with or without extension, or full path; else None. Looks at
    no other file.
    """
    if not _can_be_meant(given):
        return None
    if (path := Path(given)).anchor:  # on Windows, a drive letter alone also points elsewhere
        return _by_path(folders, path)
    for name in (given, *(given + suffix for suffix in (*SUFFIXES, *PICKLES))):
        for one in folders:
            if (one.folder / name).is_file():
                return LoraFile(PurePosixPath(name).as_posix(), one.folder / name, one.origin)
    return None


def _can_be_meant(given: str) -> bool:
    """Whether this can name a file within a folder."""
    return bool(given.strip("/ ")) and "\0" not in given and ".." not in PurePath(given).parts


def _by_path(folders: Sequence[LoraFolder], path: Path) -> LoraFile | None:
    for one in folders:
        for root in (one.folder, one.folder.resolve()):
            if path.is_relative_to(root) and path != root and path.is_file():
                name = path.relative_to(root).as_posix()
                return LoraFile(_unshadowed(folders, one, name), path, one.origin)
    return None


def _by_any_name(folders: Sequence[LoraFolder], given: str) -> LoraFile | None:
    """By the end of its path, ignoring case and Unicode form."""
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
        raise ValueError(f"{given!r:.130} matches {len(found)} LoRAs: {names}; choose one.")
    return next(iter(found.values()), None)


def _all(folders: Sequence[LoraFolder]) -> Iterator[LoraFile]:
    """All LoRA files, in the order of the folders."""
    left = MOST
    for one in folders:
        for name in _below(one.folder):
            left -= 1
            if left < 0:
                return
            yield LoraFile(_unshadowed(folders, one, name), one.folder / name, one.origin)


def _unshadowed(folders: Sequence[LoraFolder], own: LoraFolder, name: str) -> str:
    """An unambiguous name for a file in `own`: its full path if an earlier folder has that name."""
    for one in folders:
        if one is own:
            return name
        if (one.folder / name).is_file():
            break
    return (own.folder / name).as_posix()


def _below(folder: Path) -> Iterator[str]:
    """Names of the LoRAs in a folder; follows links, skips hidden files and loops."""
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
            fits = PurePath(file).suffix.lower() in SUFFIXES and _can_be_typed(file)
            if fits and Path(root, file).is_file():  # opening a pipe could block for ever
                yield (here / file).as_posix()


def _can_be_typed(name: str) -> bool:
    """Whether a name survives JSON and OSC unchanged."""
    with suppress(UnicodeEncodeError):
        name.encode()
        return not name.startswith(".") and "\\" not in name and name.isprintable()
    return False


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold().strip().strip("/")


def _header(path: Path) -> LoraHeader:
    """The header of a file; UNKNOWN if it cannot be read."""
    try:
        return looked(path)
    except OSError:  # loading reports it
        return UNKNOWN


def _check_kind(lora: LoraFile) -> None:
    """ValueError if the file type is not supported."""
    suffix = lora.path.suffix.lower()
    if suffix in SUFFIXES:
        return
    with suppress(OSError):
        if told := unread(lora.path):
            raise ValueError(f"{lora.name} is {told}.")
    if suffix in PICKLES:
        good = f"{lora.path.stem}.safetensors"
        raise ValueError(
            f"{lora.name} is a pickle, which is not supported as {suffix}; convert it in its "
            f'folder with `{CONVERT} "{lora.path.name}" "{good}"`, and use {good}.'
        )
    raise ValueError(
        f"{lora.name} is not one of {', '.join(SUFFIXES)}; choose a file that is, or correct its "
        "extension."
    )
