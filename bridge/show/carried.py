"""A show to and from the folders of this machine: NAME.show, the reference images, the LoRAs.

Bringing one in writes everything beside what is there, and swaps the folders last; until then
nothing has changed, and after that it can be swapped back. The folder before is kept as
NAME.show.old.
"""

import logging
import os
import shutil
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from bridge.show import look as looks
from bridge.show.look import JPEG_LIMIT, Look
from bridge.show.showfile import FILES, MORE, LoraMark, Part, ShowFile, this_machine
from bridge.state import references
from bridge.state.actions import ActionError
from bridge.state.references import AssetError
from bridge.state.renamed import CurrentNames
from bridge.system import whole_files
from engine.files.library import Library, sha256
from engine.parameters import ParameterSpec, Value
from engine.system import held
from engine.system.texts import mended

log = logging.getLogger(__name__)

MORE_FILE = "show.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """Where the files of a show are: its own folder, NAME.show; the folder of reference images;
    the weights, with the LoRAs. `specs` are all parameters by name.
    """

    folder: Path
    assets: Path
    library: Library
    specs: Mapping[str, ParameterSpec]

    @property
    def name(self) -> str:
        """Of the bridge."""
        return self.folder.name.removesuffix(".show")

    @property
    def place(self) -> Path:
        """Where the folder really is: it may be a link, to a stick."""
        return Path(os.path.realpath(self.folder))

    def beside(self, end: str) -> Path:
        """The folder of another state of the show, on the same disk."""
        return self.place.with_name(f"{self.folder.name}.{end}")


def _check_link(around: Around, done: str) -> None:
    if os.path.lexists(around.folder) and not around.place.exists():
        raise ActionError(
            f"The show is not {done}: {around.folder} is a link to {around.place}, which is not "
            "there; plug in its disk, or remove the link.", 507,
        )  # fmt: skip


def _check_others(around: Around) -> None:
    """Refuse to put a show in place of a folder elsewhere that has other files too: the next one
    would remove them.
    """
    here = Path(os.path.realpath(around.folder.parent)) / around.folder.name
    if around.place == here or not around.place.is_dir():
        return
    ours = {"", "looks", *(Path(name).stem for name in (MORE_FILE, *FILES))}  # "": .DS_Store
    for path in sorted(around.place.iterdir()):
        if path.name.partition(".")[0] not in ours:
            raise ActionError(
                f"The show is not loaded: {around.folder} is a link to {around.place}, which has "
                f"other files too, {mended(path.name)!r:.130}; give the show a folder of its own."
            )


# Out of this machine.


def gathered(
    around: Around, pipeline: str, values: Mapping[str, Value], proposals: Mapping[str, str]
) -> tuple[ShowFile, tuple[str, ...]]:
    """The show, with these values, and what of it is missing on this machine or left out, as no
    bridge could read it, a sentence each. Reads the disk, LoRAs wholly. ActionError if a file
    cannot be read.
    """
    _check_link(around, "saved")
    specs = around.specs
    missing: list[str] = []
    kept = _plain_values(values, specs, missing)
    pictures: dict[str, bytes] = {}
    loras: dict[str, LoraMark] = {}
    try:
        found = _saved_looks(around.folder, missing)
        sets = [kept, *(one.values for one, _ in found)]
        for name in _named(sets, specs, "asset"):
            try:
                references.check_name(name)
                data = references.find(around.assets, name).read_bytes()
                pictures[name] = references.clean(data, name)
            except AssetError as error:
                missing.append(str(error))
        for name in _named(sets, specs, "lora"):
            try:
                path = around.library.lora(name).path
                loras[name] = LoraMark(sha256(path), path.stat().st_size)
            except ValueError as error:
                missing.append(str(error))
        parts = {n: _carried(around.folder / n, part, missing) for n, part in FILES.items()}
        more = _carried(around.folder / MORE_FILE, MORE, missing) or {}
    except OSError as error:
        raise ActionError(
            f"The show is not saved: {error.filename or 'a file'} cannot be read "
            f"({held.told(error)}).", 507
        ) from error  # fmt: skip
    show = ShowFile(
        name=around.name, pipeline=pipeline, values=kept, looks=found,
        files={name: part for name, part in parts.items() if part is not None},
        references=pictures, loras=loras, proposals=proposals, machine=this_machine(), more=more,
    )  # fmt: skip
    return show, tuple(missing)


def _plain_values(
    values: Mapping[str, Value], specs: Mapping[str, ParameterSpec], missing: list[str]
) -> dict[str, Value]:
    """The values that last; those of a journal that was edited may be anything."""
    found: dict[str, Value] = {}
    for name, value in values.items():
        try:
            if not (name in specs and specs[name].momentary):
                found[name] = looks.plain_value(name, value)
        except ValueError as error:
            missing.append(f"Left out of the show: {error}")
    return found


def _saved_looks(folder: Path, missing: list[str]) -> list[tuple[Look, bytes]]:
    """The looks in their order, each with its image or an empty one."""
    found, skipped = looks.in_folder(folder)
    missing += (looks.skipped(path, why) for path, why in skipped.items())
    return [(one, _image(folder / "looks" / f"{one.number}.jpg", missing))
            for one in found.values()]  # fmt: skip


def _image(path: Path, missing: list[str]) -> bytes:
    try:
        return looks.checked_image(whole_files.read(path, JPEG_LIMIT))
    except FileNotFoundError:
        pass
    except ValueError as error:
        missing.append(looks.skipped(path, error))
    return b""


def _carried(path: Path, part: Part, missing: list[str]) -> dict[str, Any] | None:
    """A file as the show has it; None without one, and for a file that is none."""
    try:
        carried, left_out = part.carried(whole_files.read_json(path, part.most))
        whole_files.as_json(carried, part.most)
    except FileNotFoundError:
        return None
    except ValueError as error:
        missing.append(looks.skipped(path, error))
        return None
    missing += (f"{path}: {why}." for why in left_out)
    return carried


def _named(
    sets: Iterable[Mapping[str, object]], specs: Mapping[str, ParameterSpec], kind: str
) -> list[str]:
    """The files that values name: those of parameters whose `kind`, asset or lora, is true."""
    now = CurrentNames(specs.keys()).name
    found = dict.fromkeys(
        value
        for values in sets
        for name, value in values.items()
        if (spec := specs.get(now(name))) and getattr(spec, kind) and isinstance(value, str)
    )
    return [name for name in found if name]


# Into this machine.


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """A show with the names that its files have here. `missing` says what is not as it was, a
    sentence each.
    """

    show: ShowFile
    missing: tuple[str, ...]


@contextmanager
def brought(around: Around, show: ShowFile) -> Generator[Brought]:
    """Bring in what a show needs, then swap its folder in, and yield. After an error from then on,
    the folder and the images are as before. ActionError if something cannot be written.
    """
    added: list[Path] = []
    fresh, swapped = around.beside("new"), False
    try:
        try:
            _check_link(around, "loaded")
            _check_others(around)
            pictures = {
                name: _picture(around.assets, name, png, added)
                for name, png in show.references.items()
            }
            loras, missing = loras_here(around.library, show.loras)
            here = renamed(show, around.specs, {"asset": pictures, "lora": loras})
            _write(fresh, here)
            _swap(around)
            swapped = True
        except OSError as error:
            where = error.filename or around.folder
            raise ActionError(
                f"The show is not loaded: {where} cannot be written ({held.told(error)}).", 507
            ) from error
        yield Brought(show=here, missing=tuple(missing))
    except BaseException:
        if swapped:
            _swap_back(around)
        for path in added:
            with suppress(OSError):
                held.remove(path)
        with suppress(OSError):
            _clear(fresh)
        raise


def finish(around: Around) -> None:
    """After a crash between the two steps of a swap, take the first one back."""
    if around.beside("new").exists() and not around.place.exists():
        _take_back(around)


def _swap(around: Around) -> None:
    old = around.beside("old")
    _clear(old)
    if around.place.exists():
        held.replace(around.place, old)
    try:
        held.replace(around.beside("new"), around.place)
    except OSError:
        _take_back(around)
        raise


def _swap_back(around: Around) -> None:
    """As before a swap; what was swapped in is gone."""
    with suppress(OSError):
        _clear(around.place)
    _take_back(around)


def _take_back(around: Around) -> None:
    with suppress(OSError):  # without one before, there is nothing to take back
        held.replace(around.beside("old"), around.place)


def _clear(path: Path) -> None:
    """Remove a folder, or a file of that name; of a link only itself."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        held.remove(path)


def _write(folder: Path, show: ShowFile) -> None:
    """A new folder with the files of a show."""
    _clear(folder)
    for one, image in show.looks:
        whole_files.write(folder / "looks" / f"{one.number}.json", looks.content(one))
        if image:
            whole_files.write(folder / "looks" / f"{one.number}.jpg", image)
    order = {"order": [one.number for one, _ in show.looks]}
    whole_files.write(folder / "looks.json", whole_files.as_json(order, looks.LARGEST))
    for name, part in FILES.items():
        told = show.files.get(name, part.empty)
        whole_files.write(folder / name, whole_files.as_json(told, part.most))
    if show.more:
        whole_files.write(folder / MORE_FILE, whole_files.as_json(show.more, MORE.most))


def _picture(assets: Path, name: str, png: bytes, added: list[Path]) -> str:
    """The name of an image here: its own if that is free, or that of the same image; else a new
    one. What is written is `added`.
    """
    path = (assets / name).with_suffix(".png")
    for there in (assets / name, path):
        with suppress(OSError, ValueError):
            data = whole_files.read(there, references.MOST_BYTES)
            if references.clean(data, name) == png:
                return there.name
    if path.exists():
        end = f"-{references.mark_of(png)[:6]}.png"
        path = path.with_name(path.stem[: references.LONGEST - len(end)] + end)
    if not path.exists():
        added.append(path)
        whole_files.write(path, png)
    return path.name


def loras_here(
    library: Library, wanted: Mapping[str, LoraMark]
) -> tuple[dict[str, str], Sequence[str]]:
    """The names of LoRAs here, found by hash under any name; and what is missing or another."""
    names: dict[str, str] = {}
    missing: list[str] = []
    for name, mark in wanted.items():
        own = ""
        with suppress(ValueError):
            own = library.lora(name).name
        same = [own] if own else []
        same += [one.name for one in library.loras() if one.size == mark.size and one.name != own]
        for each in same:
            with suppress(OSError, ValueError):
                path = library.lora(each).path
                if path.stat().st_size == mark.size and sha256(path) == mark.sha256:
                    names[name] = each
                    break
        if name in names:
            continue
        called = PurePosixPath(name).name
        if own:
            missing.append(f"LoRA {called} has another content here than in the show.")
        else:
            digest = mark.sha256[:12]
            missing.append(f"LoRA {called} is missing (SHA-256 {digest}…); copy its file here.")
    return names, missing


def renamed(
    show: ShowFile, specs: Mapping[str, ParameterSpec], files: Mapping[str, Mapping[str, str]]
) -> ShowFile:
    """The show with other names of its files; `files` has them by the old ones, for each kind."""
    now = CurrentNames(specs.keys()).name

    def here(name: str, value: Value) -> Value:
        spec = specs.get(now(name))
        for kind, names in files.items():
            if spec and getattr(spec, kind) and isinstance(value, str):
                return names.get(value, value)
        return value

    def all_of(values: Mapping[str, Value]) -> dict[str, Value]:
        return {name: here(name, value) for name, value in values.items()}

    return replace(
        show,
        values=all_of(show.values),
        looks=[(replace(one, values=all_of(one.values)), image) for one, image in show.looks],
    )
