"""`spout-bridge models`: the weights of the pipelines, on this machine and on the hub."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table

from bridge.downloads.downloads import Download, Downloads
from bridge.errors import CommandError, ExitStatus, UsageError
from bridge.state.catalog import installed_catalog
from bridge.system.processes import speaking_utf8
from bridge.workers.fit import gpu_fit
from bridge.workers.lora_sizes import LoraSizes
from engine.catalog.artifacts import Artifact
from engine.catalog.rows import PipelineRow
from engine.files.library import Library, WeightsError, sha256, size_text
from engine.parameters import Load, describe
from engine.system import drives, held
from engine.system.devices import chosen, gpus
from engine.system.installation import with_extra
from engine.system.texts import quoted

LET_GO = 60.0  # seconds that a virus scanner may hold a copied file
COMMON_LINE = 100e6 / 8  # bytes per second of a typical connection, for the estimated time


@dataclass(frozen=True)
class Job:
    """What a command was asked to do: pipelines with their load parameters, and flags."""

    library: Library
    loads: Sequence[tuple[PipelineRow, Load]]
    to: Path | None
    headers: bool
    yes: bool
    refused: Sequence[PipelineRow] = ()  # plug-ins that cannot be used

    @property
    def artifacts(self) -> list[Artifact]:
        """Every file of all pipelines, once."""
        every = [one for row, load in self.loads for one in row.needs(load).values()]
        return list(dict.fromkeys(every))


def job(
    pipelines: Sequence[str],
    values: Mapping[str, str],
    library: Library,
    *,
    to: Path | None = None,
    headers: bool = False,
    yes: bool = False,
) -> Job:
    """UsageError for an unknown pipeline, CommandError for a value it does not accept."""
    catalog = installed_catalog()
    try:
        rows = [catalog[name] for name in pipelines] or list(catalog.rows.values())
    except LookupError as error:
        raise UsageError(str(error.args[0])) from None
    loads = [(row, load_of(row, values)) for row in rows]
    loads = [(row, load) for row, load in loads if row.needs(load)]
    if not loads:
        raise UsageError(f"{', '.join(pipelines)} needs no weights.")
    refused = [] if pipelines else [row for row in catalog.rows.values() if row.missing]
    return Job(library, loads, to, headers, yes, refused)


def load_of(row: PipelineRow, values: Mapping[str, str]) -> Load:
    """What a pipeline would be loaded with; CommandError for a value it does not accept."""
    given = [spec for spec in describe(row.load) if spec.name in values]
    try:
        return row.load(**{spec.name: spec.coerce(values[spec.name]) for spec in given})
    except ValueError as error:
        raise CommandError(f"--set: {error}") from None


def listing(job: Job, console: Console) -> int:
    """The files of each pipeline, which are on disk, and whether it fits the GPU."""
    card = chosen(None, gpus())
    free, loras = card.free if card else None, LoraSizes(job.library)
    for row, load in job.loads:
        files = row.needs(load).values()
        gone = job.library.missing(files)
        missing = (
            f", {size_text(sum(one.size for one in gone))} missing" if gone else ", all downloaded"
        )
        size = str(getattr(load, "size", "auto"))
        fit = gpu_fit(row, load, size, free, loras.bytes(load))
        title = f"{row.id}: {size_text(sum(one.size for one in files))}{missing}; {fit}"
        table = Table(title=title, title_justify="left")
        for head in ("file", "size", "found in", "licence"):
            table.add_column(head, overflow="fold")
        unfit = {one: why for one in gone if (why := job.library.unfit(one))}
        for one in files:
            found = job.library.find(one)
            about = "" if one.sha256 else "about "
            here = found.origin if found else "cannot be used" if one in unfit else "missing"
            table.add_row(
                one.name, about + size_text(one.size), here, one.licence or "see its page"
            )
        console.print(table)
        for why in unfit.values():
            console.print(why, soft_wrap=True)
    _list_loras(job, console)
    room = f"{size_text(_free(job.library))} free"
    folder = f"Models folder: {job.library.models}"
    console.print(f"{folder} ({job.library.away or room})", soft_wrap=True)
    return 0


def as_json(job: Job) -> dict[str, Any]:
    """The same for another program: bytes, and the path of each file on disk."""
    library = job.library
    pipelines: list[dict[str, Any]] = []
    for row, load in job.loads:
        files = [(one, library.find(one)) for one in row.needs(load).values()]
        pipelines.append({
            "id": row.id,
            "bytes": sum(one.size for one, _ in files),
            "missing_bytes": sum(one.size for one, found in files if not found),
            "files": [
                {"name": one.name, "bytes": one.size, "licence": one.licence,
                 "path": str(found.path) if found else None}
                for one, found in files
            ],
        })  # fmt: skip
    return {
        "folder": str(library.models),
        "pipelines": pipelines,
        "loras": [asdict(lora) for lora in library.loras()],
    }


def _list_loras(job: Job, console: Console) -> None:
    """The LoRAs on this machine, if any."""
    table = Table(title="LoRAs, for lora_1 to lora_3", title_justify="left")
    for head in ("name", "size", "date", "made for", "fits", "found in"):
        table.add_column(head, overflow="fold")
    for lora in job.library.loras():
        day = time.strftime("%Y-%m-%d", time.localtime(lora.modified))
        fits = ", ".join(lora.fits)
        table.add_row(lora.name, size_text(lora.size), day, lora.made_for, fits, lora.origin)
    if table.rows:
        console.print(table)


def where(job: Job, console: Console) -> int:
    """The path of each file, one per line."""
    for one in job.artifacts:
        found = job.library.find(one)
        text = str(found.path) if found else f"missing: {job.library.home(one)}"
        console.print(text, soft_wrap=True)
    return ExitStatus.FAILED if job.library.missing(job.artifacts) else ExitStatus.DONE


def download(job: Job, console: Console) -> int:
    """Download what is missing; size, free space and time are shown before the first byte."""
    gone = job.library.missing(job.artifacts)
    if not gone:
        console.print("All files are downloaded.")
        return 0
    if job.library.away:
        raise CommandError(job.library.away)
    size = sum(one.size for one in gone)
    for one in gone:
        console.print(f"{one.name}  {size_text(one.size)}  {one.terms}", soft_wrap=True)
    console.print(
        f"About {size_text(size)} into {job.library.models} "
        f"({size_text(_free(job.library))} free), {_duration(size / COMMON_LINE)} at 100 Mbit/s.",
        soft_wrap=True,
    )
    if not job.yes:
        if sys.stdin is None or not sys.stdin.isatty():
            raise CommandError("Nothing is downloaded without a yes: add --yes.")
        if input("Proceed? [Y/n] ").lower() not in ("", "y", "yes"):
            return ExitStatus.FAILED
    downloads = Downloads(job.library.models)
    try:
        downloads.start(", ".join(row.id for row, _ in job.loads), gone)
    except ValueError as error:
        raise CommandError(str(error)) from None
    try:
        _watch(downloads, console)
    except KeyboardInterrupt:
        downloads.cancel()
        downloads.join(5)
        console.print("Stopped; the partial download is kept, and the same command resumes it.")
        return ExitStatus.FAILED
    if downloads.now.error:
        raise CommandError(downloads.now.error)
    console.print("All files are downloaded.")
    return 0


def verify(job: Job, console: Console) -> int:
    """Compare the files on disk with their declarations; with `headers`, the hub's files. Plug-ins
    that cannot be used, and so have no files, are listed first.
    """
    if find_spec("torch") is None:
        raise CommandError(f"This needs the extra `engine`: {with_extra('engine')}.")
    for row in job.refused:
        console.print(f"{row.title}: {row.missing}", soft_wrap=True)
    console.file.flush()  # before the lines of the other process
    order = {
        "models": str(job.library.models),
        "more": [str(folder) for folder in job.library.more],
        "headers": job.headers,
        "pipelines": {row.id: load.model_dump() for row, load in job.loads},
    }
    command = [sys.executable, "-P", "-m", "engine.verify"]
    told, out = json.dumps(order).encode(), sys.stderr if console.stderr else None
    done = subprocess.run(command, input=told, stdout=out, check=False, env=speaking_utf8())
    return done.returncode


def copy(job: Job, console: Console) -> int:
    """Copy the files to another folder, for an offline machine; each copy is verified."""
    if job.to is None:
        raise UsageError("copy needs --to FOLDER.")
    target = Library(job.to)
    if target.away:
        cure = drives.cure(job.to)
        raise CommandError(f"{drives.away(job.to)}: {cure}, or choose another folder with --to.")
    found = {one: job.library.find(one) for one in job.artifacts}
    if gone := [one.name for one, place in found.items() if place is None]:
        raise CommandError(f"Missing, so not copied: {', '.join(gone)}. Download them first.")
    if split := [place.path for place in found.values() if place and place.in_shards]:
        raise CommandError(
            f"{split[0]} is the index of a sharded checkpoint: copy its whole folder to the same "
            f"place below {job.to}, then the rest with this command and --to {quoted(job.to)}."
        )
    todo = {one: place for one, place in found.items() if place and not target.home(one).is_file()}
    size = sum(place.path.stat().st_size for place in todo.values())
    if size > _free(target):
        raise CommandError(
            f"{size_text(size)} does not fit into {job.to}, which has "
            f"{size_text(_free(target))} free; choose another folder with --to."
        )
    for one, place in todo.items():
        home = target.home(one)
        console.print(f"{one.name}  {size_text(place.path.stat().st_size)}", soft_wrap=True)
        try:
            target.record(home, _copied(job.library, one, place.path, home))
        except WeightsError as error:
            raise CommandError(str(error)) from None
        except OSError as error:  # a full disk, an unplugged drive, a file in use
            raise CommandError(
                f"{home} cannot be written: {held.told(error)}; try again."
            ) from None
    flag = f"--models {quoted(job.to)}"
    console.print(f"All files are in {job.to}; use them with {flag}.", soft_wrap=True)
    return 0


def _copied(library: Library, one: Artifact, path: Path, home: Path) -> str:
    """Copy one file, which gets its name once verified; its SHA-256."""
    home.parent.mkdir(parents=True, exist_ok=True)
    part = home.with_name(f"{home.name}.part")
    try:
        shutil.copyfile(path, part)
        expected = library.check(one, path)
        if sha256(part) != expected:
            raise WeightsError(
                f"The copy of {one.name} is corrupt; try again, or use another disk."
            )
        held.replace(part, home, LET_GO)
    except BaseException:
        with suppress(OSError):
            held.remove(part)
        raise
    return expected


def _watch(downloads: Downloads, console: Console) -> None:
    """Show the download: a bar on a terminal, elsewhere an occasional line."""
    columns = ("{task.description}", BarColumn(), DownloadColumn(), TransferSpeedColumn(),
               TimeRemainingColumn())  # fmt: skip
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("contacting the hub", total=None)
        told = ""
        while True:
            now: Download = downloads.now
            bar.update(task, description=now.file or "contacting the hub", total=now.whole or None,
                       completed=now.done)  # fmt: skip
            if not now.running:
                return
            line = f"{now.file}" if now.file else ""
            if not console.is_terminal and line != told:
                console.print(str(now), soft_wrap=True)
                told = line
            time.sleep(0.2)


def _free(library: Library) -> int:
    return drives.free(library.models)


def _duration(seconds: float) -> str:
    minutes = max(1, round(seconds / 60))
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"
