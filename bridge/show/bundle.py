"""A bundle: a folder with everything that a show needs on a machine without a network. Its
`bundle.json` lists the files by size and hash, and is trusted as little as a show file is.

A bundle is written beside the one before, as FOLDER.part, and takes its place when it is whole.
"""

import hashlib
import json
import os
import re
import shutil
import signal
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil
from packaging.version import Version

from bridge import __version__
from bridge.system import whole_files
from engine.files.library import size_text
from engine.system import drives, held
from engine.system.json_values import each_once, is_object

FORMAT, VERSION = "spout-bridge bundle", 1
MANIFEST = "bundle.json"
LARGEST = 16 << 20  # bytes of the manifest
LONGEST = 400  # characters of a name
HASH = re.compile(r"[0-9a-f]{64}")
RELEASE = re.compile(r"\d{1,4}(\.\d{1,4}){1,3}")
OF_SYSTEMS = re.compile(r"\._.*|\.DS_Store|Thumbs\.db|desktop\.ini")  # left in folders looked at
FAT = {"vfat", "msdos", "fat", "fat32"}  # on Linux, macOS and Windows
LARGEST_ON_FAT = (4 << 30) - 1  # bytes of a file
LET_GO = 60.0  # seconds that a virus scanner may hold a copied file


class BadBundle(ValueError):
    """A folder is no bundle, or cannot become one; one sentence with the cure."""


@dataclass(frozen=True, slots=True)
class Entry:
    """How a file of a bundle is known: its size in bytes and its SHA-256 in hex."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Part:
    """A file for a bundle: its path there, with `/`, and where it is now. `sha256` is what it must
    have, if that is known.
    """

    name: str
    source: Path
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Bundle:
    """What a manifest says: the release that made it, and the files by their path."""

    made_by: str
    files: Mapping[str, Entry]


def problems(folder: Path) -> list[str]:
    """What is wrong with the bundle in a folder, a sentence each; reads every file. BadBundle if
    it is none.
    """
    bundle = _manifest(folder)
    found, odd = _tree(folder)
    told = [f"{name} is a link or no file, which a bundle has none of." for name in odd]
    if Version(bundle.made_by) < Version(__version__):
        told.append(
            f"It is too old: spout-bridge {bundle.made_by} made it, and this is {__version__}; "
            "make it again."
        )
    for name, entry in bundle.files.items():
        if name not in found:
            told.append(f"{name} is missing.")
        elif not _is(folder / name, entry):
            told.append(f"{name} is changed.")
    extra = found - bundle.files.keys() - {MANIFEST}
    told += [f"{name} is not in {MANIFEST}." for name in sorted(extra)]
    return told


def opened(folder: Path) -> Bundle | None:
    """The bundle in a folder; None if there is no folder, or an empty one. BadBundle for anything
    else, and for a bundle with links.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return None
    bundle = _manifest(folder)
    if odd := _tree(folder)[1]:
        raise BadBundle(f"{folder} has a link or no file, {odd[0]!r:.130}; remove it.")
    return bundle


def to_copy(folder: Path, parts: Iterable[Part]) -> int:
    """How many bytes a bundle in a folder would write: a file of the same name and size is
    probably there, and one on the same disk is linked. BadBundle if they do not fit there.
    """
    place = drives.existing(folder)
    if place is None:
        raise BadBundle(f"{drives.away(folder)}: {drives.cure(folder)}.")
    disk, fat, needed = _disk(place), _filesystem(place) in FAT, 0
    for part in parts:
        about = part.source.stat()
        if fat and about.st_size > LARGEST_ON_FAT:
            raise BadBundle(
                f"{part.name} has {size_text(about.st_size)}, and the disk of {folder} is FAT32, "
                "which holds no file above 4 GB: format it as exFAT."
            )
        there = any(_size(where / part.name) == about.st_size for where in (folder, _part(folder)))
        needed += 0 if there or _disk(part.source) == disk else about.st_size
    if needed > (free := drives.free(place)):
        raise BadBundle(
            f"{size_text(needed)} do not fit into {folder}, which has {size_text(free)} free; "
            "choose another folder."
        )
    return needed


def write(
    folder: Path, parts: Sequence[Part], about: Mapping[str, object], tell: Callable[[str], None]
) -> None:
    """Make the bundle of these parts in a folder, or bring the one there up to date; `about` is
    noted in its manifest, and `tell` gets a line for each file that is copied. Until all of it is
    there, the folder stays as it is; what is copied is kept beside it for the next try. BadBundle,
    or OSError, if that fails.
    """
    before, work = opened(folder), _part(folder)
    opened(work)  # a folder of that name may be another program's
    head = {"format": FORMAT, "version": VERSION, "made_by": __version__,
            "made": datetime.now(UTC).isoformat(timespec="seconds"), **about}  # fmt: skip
    whole_files.write(work / MANIFEST, _json({**head, "files": {}}))  # marks it as ours
    entries = {part.name: _brought(part, work, folder, tell) for part in parts}
    for name in _tree(work)[0] - entries.keys() - {MANIFEST}:
        held.remove(work / name)
    files = {name: asdict(entry) for name, entry in sorted(entries.items())}
    whole_files.write(work / MANIFEST, _json({**head, "files": files}))
    gone = before.files.keys() - entries.keys() if before else ()
    with _uninterrupted():
        _take_place(work, folder, gone)


def _brought(part: Part, work: Path, folder: Path, tell: Callable[[str], None]) -> Entry:
    """Have a part in the folder or, new, in the one beside it."""
    entry = Entry(part.source.stat().st_size, _sha256(part.source))
    if part.sha256 and entry.sha256 != part.sha256:
        raise BadBundle(
            f"{part.source} has changed: its SHA-256 is {entry.sha256}, but {part.sha256} is "
            "expected; remove it and get it again."
        )
    fresh = work / part.name
    if _is(fresh, entry):
        return entry
    held.remove(fresh)
    if not _is(folder / part.name, entry):
        tell(f"{part.name}  {size_text(entry.size)}")
        _copy(part.source.resolve(), fresh, entry)
    return entry


def _copy(source: Path, target: Path, entry: Entry) -> None:
    """Link or copy a file, which gets its name once it is there as a whole."""
    target.parent.mkdir(parents=True, exist_ok=True)
    half = target.with_name(f"{target.name}.half")
    try:
        held.remove(half)
        try:
            os.link(source, half)
        except OSError:  # another disk, or one without links
            shutil.copyfile(source, half)
            with half.open("r+b") as file:
                os.fsync(file.fileno())
            if not _is(half, entry):
                raise BadBundle(
                    f"The copy {half} is damaged; try again, or another disk."
                ) from None
        held.replace(half, target, LET_GO)
    except BaseException:
        with suppress(OSError):
            held.remove(half)
        raise


def _take_place(work: Path, folder: Path, gone: Iterable[str]) -> None:
    """Move what is new into the folder, and remove what is `gone` from it."""
    if not folder.exists():
        work.rename(folder)
    else:
        found = _tree(work)[0]
        for name in (*(found - {MANIFEST}), MANIFEST):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            held.replace(work / name, folder / name, LET_GO)
        for name in gone:
            held.remove(folder / name)
        shutil.rmtree(work)
    whole_files.sync(folder.parent)


@contextmanager
def _uninterrupted() -> Generator[None]:
    """Ignore Ctrl-C for a moment."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _part(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.part")


def _manifest(folder: Path) -> Bundle:
    try:
        return _read(whole_files.read(folder / MANIFEST, LARGEST))
    except (FileNotFoundError, NotADirectoryError):
        raise BadBundle(
            f"{folder} is not a bundle: it has no {MANIFEST}; choose another folder."
        ) from None
    except OSError as error:
        raise BadBundle(f"{folder / MANIFEST} cannot be read ({held.told(error)}).") from None
    except (ValueError, RecursionError) as error:
        why = (type(error) is ValueError and str(error)) or "not JSON"
        raise BadBundle(f"{folder} is not a bundle: its {MANIFEST} is {why}.") from None


def _read(data: bytes) -> Bundle:
    """A manifest; ValueError, to follow `its bundle.json is`, if it is none."""
    told: object = json.loads(data.decode(), object_pairs_hook=each_once)
    if not is_object(told) or told.get("format") != FORMAT:
        raise ValueError("of another program")
    if told.get("version") != VERSION:
        raise ValueError(f"not of version {VERSION}: use the spout-bridge that made it")
    made_by, rows = told.get("made_by"), told.get("files")
    if not isinstance(made_by, str) or not RELEASE.fullmatch(made_by) or not is_object(rows):
        raise ValueError("damaged; make the bundle again")
    files = {name: _entry(name, row) for name, row in rows.items()}
    if len({name.lower() for name in (*files, MANIFEST)}) <= len(files):
        raise ValueError("damaged: it names a file twice")
    return Bundle(made_by, files)


def _entry(name: str, row: object) -> Entry:
    size, digest = (row.get("size"), row.get("sha256")) if is_object(row) else (None, None)
    inside = not set(name) & set("\\:") and not {"", ".", ".."} & {*name.split("/")}
    if not inside or not name.isprintable() or len(name) > LONGEST:
        raise ValueError(f"damaged: it names a file outside of the bundle, {name!r:.130}")
    if type(size) is not int or not isinstance(digest, str) or not HASH.fullmatch(digest):
        raise ValueError(f"damaged: it has no size or hash of {name}")
    return Entry(size, digest)


def _tree(folder: Path) -> tuple[set[str], list[str]]:
    """The files in a folder, as paths with `/`, and what is neither file nor folder, such as
    links, which are not followed.
    """
    files, odd, root = set[str](), list[str](), folder.resolve()
    todo = [folder]
    for here in todo:  # which grows
        for path in sorted(here.iterdir()):
            inside = path.relative_to(folder)
            if path.resolve() != root / inside:  # also what Windows calls a junction
                odd.append(inside.as_posix())
            elif path.is_dir():
                todo.append(path)
            elif path.is_file():
                if not OF_SYSTEMS.fullmatch(path.name):
                    files.add(inside.as_posix())
            else:
                odd.append(inside.as_posix())
    return files, odd


def _is(path: Path, entry: Entry) -> bool:
    """Whether a file is there, and as it should be."""
    return _size(path) == entry.size and _sha256(path) == entry.sha256


def _size(path: Path) -> int | None:
    """In bytes; None if there is no such file."""
    try:
        return path.stat().st_size if path.is_file() else None
    except OSError:
        return None


def _sha256(path: Path) -> str:
    with held.patiently(lambda: path.open("rb")) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _disk(path: Path) -> int:
    """A number of the disk that a file or folder is on."""
    return path.stat().st_dev


def _filesystem(place: Path) -> str:
    """The kind of file system that a folder is on; empty if the system does not say."""
    whole = place.resolve()
    mounts = {Path(one.mountpoint): one.fstype.lower() for one in psutil.disk_partitions(all=True)}
    return next((mounts[one] for one in (whole, *whole.parents) if one in mounts), "")


def _json(told: object) -> bytes:
    return json.dumps(told, indent=1).encode()
