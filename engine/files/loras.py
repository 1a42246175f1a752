"""The user's LoRA files: where they lie, what they are called, and what each is for.

Ours lie in `loras` of the models folder; those of ComfyUI, Scope and others are used where they
are. A LoRA's name is its path below such a folder, with `/`; of two with one name, the first
folder's is meant, and the other goes by its whole path. Free of torch.
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

FOLDERS = {LORAS, "lora"}  # in whatever case: ComfyUI's, Scope's, those of other programs
PICKLES = (".bin", ".ckpt")  # that are not, but can be converted
DEEPEST = 4  # folders in one another
WIDTHS = {spec.id: spec.network.dim for spec in SPECS.values()}  # of the networks, as released

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
    meant, or it is nothing that a pipeline here can take, by its ending or its header. `home` is
    where a missing one should be put.
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
    if refused := _header(found.path).refused:
        raise ValueError(refused)
    return found


def listed(folders: Sequence[LoraFolder], widths: Mapping[str, int] = WIDTHS) -> list[ListedLora]:
    """All LoRAs of `folders`, by name; a file's header is read, unless it was before. `widths` are
    those of the pipelines' networks.
    """
    found: list[ListedLora] = []
    for lora in sorted(_all(folders), key=lambda lora: _plain(lora.name)):
        with suppress(OSError):  # one that goes just now
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
    """Why a pipeline with a network of that width cannot take the LoRA of that very name, in a
    sentence; empty where it may, and where there is none.
    """
    found = exact(folders, name)
    return unfit(_header(found.path), found.name, width, pipeline) if found else ""


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
            fits = PurePath(file).suffix.lower() in SUFFIXES and _can_be_typed(file)
            if fits and Path(root, file).is_file():  # to open a pipe may take for ever
                yield (here / file).as_posix()


def _can_be_typed(name: str) -> bool:
    """Whether a name can be written in JSON and OSC, and means the file again."""
    with suppress(UnicodeEncodeError):
        name.encode()
        return not name.startswith(".") and "\\" not in name and name.isprintable()
    return False


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold().strip().strip("/")


def _header(path: Path) -> LoraHeader:
    """What a file says of itself; nothing where the disk does not let us read it."""
    try:
        return looked(path)
    except OSError:  # loading says so
        return UNKNOWN


def _check_kind(lora: LoraFile) -> None:
    """ValueError where a file is of no kind that is read."""
    suffix = lora.path.suffix.lower()
    if suffix in SUFFIXES:
        return
    with suppress(OSError):
        if told := unread(lora.path):
            raise ValueError(f"{lora.name} is {told}.")
    if suffix in PICKLES:
        good = f"{lora.path.stem}.safetensors"
        raise ValueError(
            f"{lora.name} is a pickle, which is not read under the ending {suffix}; convert it in "
            f'its folder with `{CONVERT} "{lora.path.name}" "{good}"`, and name {good}.'
        )
    raise ValueError(
        f"{lora.name} is none of {', '.join(SUFFIXES)}; choose a file that is, or give it its "
        "right ending."
    )
