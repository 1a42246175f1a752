"""`spout-bridge bundle FOLDER`: a show, and all that it needs, for a machine without a network."""

import os
import re
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import entry_points
from pathlib import Path, PureWindowsPath

from rich.console import Console

from bridge import transports
from bridge.cli.show import current, opened
from bridge.downloads.wheels import Machine, Wheels
from bridge.errors import CommandError, ExitStatus, UsageError
from bridge.settings import Settings
from bridge.show import bundle as bundles
from bridge.show.bundle import BadBundle, Part
from bridge.show.carried import loras_here, renamed
from bridge.show.showfile import ShowFile, read, written
from bridge.state.actions import ActionError
from bridge.state.catalog import installed_catalog
from bridge.state.controls import all_specs
from bridge.state.renamed import CurrentNames
from bridge.system.paths import FILE, place
from bridge.workers.cache import programs
from engine.catalog import rows
from engine.catalog.artifacts import LORAS
from engine.files.library import FileError, Library, lack, size_text
from engine.parameters import describe
from engine.system import drives, held
from engine.system.texts import counted

SHOW = "show.show"
WEIGHTS, WHEELS, CACHE = "weights", "wheels", "cache"  # folders in a bundle
PLAIN = re.compile(r"[\w .()+-]+(/[\w .()+-]+)*", re.ASCII)  # a name for every file system
PLUG_INS = (rows.ENTRY_POINTS, transports.ENTRY_POINTS)
INSTALLED = "spout-bridge-venv"  # in the home folder of the other machine


@dataclass(frozen=True, slots=True)
class Wish:
    """What a bundle is to hold: a show file, or "" for the show of this machine; extras, or None
    for those installed here; what machine it is for; and whether with compiled programs.
    """

    show: str
    extras: Sequence[str] | None
    machine: Machine
    cache: bool


def check(folder: str, console: Console) -> int:
    """Compare a bundle with its manifest; the exit status."""
    path = place(folder)
    try:
        with console.status("reading every file"):
            found = bundles.problems(path)
    except BadBundle as error:
        raise CommandError(str(error)) from None
    except OSError as error:
        raise CommandError(
            f"{error.filename or path} cannot be read ({held.told(error)})."
        ) from None
    for line in found:
        console.print(line, soft_wrap=True)
    if found:
        cure = f"run `spout-bridge bundle` again on the machine that made it, or copy {path} again"
        console.print(f"{counted(len(found), 'problem')}: {cure}.", soft_wrap=True)
        return ExitStatus.FAILED
    console.print(f"{path} is complete.", soft_wrap=True)
    return ExitStatus.DONE


def bundle(folder: str, wish: Wish, settings: Settings, console: Console) -> None:
    """Make a bundle, or bring one up to date; CommandError with the cure if that fails."""
    path = place(folder)
    if os.path.ismount(path):
        raise UsageError(f"bundle takes a new folder, such as {path / 'show'}, not a whole disk.")
    try:
        bundles.opened(path)
        _make(path, wish, settings, console)
    except (BadBundle, ActionError, FileError) as error:
        raise CommandError(str(error)) from None
    except OSError as error:
        where = error.filename or path
        raise CommandError(f"{where}: {held.told(error)}; the same command goes on.") from None
    except KeyboardInterrupt:
        raise CommandError(f"Stopped; {path} is as before, and the same command goes on.") from None


def _make(path: Path, wish: Wish, settings: Settings, console: Console) -> None:
    library = Library(settings.models_folder, settings.more_models)
    show, missing = _show(wish.show, settings)
    weights, without = _weights(show, library)
    show, loras, lost = _with_loras(show, library)
    show, left = _without_paths(show)
    for line in (*missing, *without, *lost, *left):
        console.print(line, soft_wrap=True)
    cache = programs(settings.cache_folder) if wish.cache and wish.machine.here else {}
    with tempfile.TemporaryDirectory(
        prefix="spout-bridge-bundle-", ignore_cleanup_errors=True
    ) as name:
        made = Path(name)
        (made / WHEELS).mkdir()
        wheels = Wheels(made / WHEELS, wish.machine, quiet=not console.is_terminal)
        installs = wheels.gather(_plug_ins(), wish.extras)
        script = _script(wish.machine, installs, weights=bool(weights or loras), cache=bool(cache))
        (made / SHOW).write_bytes(written(show))
        (made / script[0]).write_bytes(script[1])
        own = [made / SHOW, made / script[0], *sorted((made / WHEELS).iterdir())]
        parts = [Part(one.relative_to(made).as_posix(), one) for one in own]
        parts += [*weights, *loras, *(Part(f"{CACHE}/{n}", one) for n, one in cache.items())]
        size = sum(part.source.stat().st_size for part in parts)
        copied = bundles.to_copy(path, parts)
        console.print(
            f"{size_text(size)} in {counted(len(parts), 'file')}, of which {size_text(copied)} are "
            f"to be copied to {path} ({size_text(drives.free(path))} free).",
            soft_wrap=True,
        )
        about = {"python": wish.machine.python, "platform": wish.machine.platform or sys.platform,
                 "installs": installs}  # fmt: skip
        bundles.write(path, parts, about, lambda line: console.print(line, soft_wrap=True))
    if cache:
        console.print("The compiled programs contain names of folders of this machine; "
                      "--without-cache leaves them out.", soft_wrap=True)  # fmt: skip
    console.print(
        f"{path} is complete. On the other machine, which needs Python {wish.machine.python}, "
        f"run {script[0]} in it.", soft_wrap=True,
    )  # fmt: skip


def _show(file: str, settings: Settings) -> tuple[ShowFile, Sequence[str]]:
    """The show, and what of it is missing here."""
    if file:
        return opened(file), ()
    data, missing, where = current(settings)
    try:
        return read(data), [missing] if missing else []
    except ActionError as error:  # of another release
        raise CommandError(f"The show of {where} cannot be used. {error}") from None


def _weights(show: ShowFile, library: Library) -> tuple[list[Part], list[str]]:
    """The files of its pipelines, and which of those are unknown here. CommandError for files that
    are missing.
    """
    catalog, parts, told = installed_catalog(), dict[str, Part](), list[str]()
    looks = [(one.pipeline, {**show.values, **one.values}) for one, _ in show.looks]
    for pipeline, values in [(show.pipeline, show.values), *looks]:
        try:
            row = catalog[pipeline]
            specs = {spec.name: spec for spec in describe(row.load)}
            now = CurrentNames(specs)
            given = {now.name(name): value for name, value in values.items()}
            load = row.load(**{n: s.coerce(given[n]) for n, s in specs.items() if n in given})
        except (LookupError, ValueError) as error:
            told.append(f"Not in the bundle: {pipeline}. {error.args[0]}")
            continue
        wanted = tuple(row.needs(load).values())
        if gone := lack(library, row.id, wanted, demo=False):
            raise CommandError(str(gone))
        for one in wanted:
            files = library.parts(one)
            for name, path in files.items():
                mark = one.sha256 if len(files) == 1 else ""  # of the whole in one file
                parts[name] = Part(f"{WEIGHTS}/{name}", path, mark)
    return [*parts.values()], [*dict.fromkeys(told)]


def _with_loras(show: ShowFile, library: Library) -> tuple[ShowFile, list[Part], Sequence[str]]:
    """The show with the names that its LoRAs have in the bundle, their files, and which are
    missing here.
    """
    here, missing = loras_here(library, show.loras)
    parts: list[Part] = []
    names: dict[str, str] = {}
    for name, mark in show.loras.items():
        if name not in here:
            names[name] = name if PLAIN.fullmatch(name) else PureWindowsPath(name).name
            continue
        found = library.lora(here[name])
        plain = PLAIN.fullmatch(found.name)
        names[name] = found.name if plain else f"{mark.sha256[:12]}{found.path.suffix}"
        parts.append(Part(f"{WEIGHTS}/{LORAS}/{names[name]}", found.path, mark.sha256))
    specs = {spec.name: spec for spec in all_specs(installed_catalog())}
    marks = {names[name]: mark for name, mark in show.loras.items()}
    return replace(renamed(show, specs, {"lora": names}), loras=marks), parts, missing


def _without_paths(show: ShowFile) -> tuple[ShowFile, list[str]]:
    """The show without the films and folders that it proposes: they are on this machine only."""
    left = {name: uri for name, uri in show.proposals.items() if uri.startswith(FILE)}
    kept = {name: text for name, text in show.proposals.items() if name not in left}
    told = [f"Not in the bundle: {name} {uri}; choose it on the other machine."
            for name, uri in left.items()]  # fmt: skip
    return replace(show, proposals=kept), told


def _plug_ins() -> list[str]:
    """The packages with plug-ins that are installed here."""
    points = [point for group in PLUG_INS for point in entry_points(group=group)]
    return sorted({point.dist.name for point in points if point.dist})


def _script(
    machine: Machine, installs: Sequence[str], *, weights: bool, cache: bool
) -> tuple[str, bytes]:
    """What installs and runs the show on the other machine: the name of the file, and its bytes."""
    about = (
        f"Installs spout-bridge without a network and runs the show. Needs Python {machine.python}."
    )
    flags = f" --more-models {WEIGHTS}" if weights else ""
    if machine.windows:
        home = rf"%USERPROFILE%\{INSTALLED}"
        steps = [
            '@cd /d "%~dp0"', f'py -{machine.python} -m venv "{home}"',
            rf'"{home}\Scripts\python" -m pip install --no-index --find-links {WHEELS} '
            + " ".join(f'"{one}"' for one in installs),
            rf'"{home}\Scripts\spout-bridge" bundle --check .',
        ]  # fmt: skip
        if cache:
            steps.append(rf'xcopy {CACHE} "{home}\{CACHE}" /e /i /y /q')
            flags += rf' --cache "{home}\{CACHE}"'
        first = " && ".join(steps) + " || (pause & exit /b 1)"
        run = rf'@"{home}\Scripts\spout-bridge" run {SHOW}{flags} %*'
        return "install.bat", f"@rem {about}\r\n{first}\r\n{run}\r\n".encode()
    home = f"$HOME/{INSTALLED}"
    steps = [
        'cd "$(dirname "$0")"', f'python{machine.python} -m venv "{home}"',
        f'"{home}/bin/python" -m pip install --no-index --find-links {WHEELS} '
        + " ".join(f"'{one}'" for one in installs),
        f'"{home}/bin/spout-bridge" bundle --check .',
    ]  # fmt: skip
    if cache:
        steps.append(f'cp -R {CACHE} "{home}"')
        flags += f' --cache "{home}/{CACHE}"'
    first = " && ".join(steps) + " || exit 1"
    run = f'exec "{home}/bin/spout-bridge" run {SHOW}{flags} "$@"'
    return "install.sh", f"#!/bin/sh\n# {about}\n{first}\n{run}\n".encode()
