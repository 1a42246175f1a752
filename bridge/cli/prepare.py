"""`spout-bridge prepare`: files, compiled programs and caches, ready before the show.

It runs the session that a show runs, without ports and in a folder of its own, until all is warm;
then another one, which shows how long a start takes from now on.
"""

import json
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

from rich.console import Console
from rich.text import Text

from bridge.cli import models
from bridge.cli.run import session_of, start
from bridge.downloads.weights import MissingFiles
from bridge.errors import CommandError, ExitStatus, UsageError
from bridge.frames.encode import png
from bridge.settings import Settings
from bridge.state.catalog import installed_catalog
from bridge.state.controls import all_specs
from bridge.state.journal import Journal
from bridge.state.missed import Missed
from bridge.state.named_files import NamedFiles
from bridge.state.restore import Restore
from bridge.state.status import EngineState, Status
from bridge.state.store import ParameterStore
from bridge.system.aside import SlowError
from bridge.system.windows import awake
from bridge.transports.pattern import draw
from bridge.workers.cache import CacheFolder
from bridge.workers.card import RECORD, CardCheck
from engine.catalog.rows import PipelineRow
from engine.files.library import Library
from engine.ipc.ring import is_alive
from engine.parameters import Load, describe
from engine.sizes import AUTO
from engine.system import devices
from engine.system.json_values import is_list

FOLDER = "spout-bridge-prepare-"  # begins the name of a run's folder; the process id follows
CARD = 120.0  # seconds that torch may take to try the GPU
LOOK = 0.05  # seconds between two looks at the state
SLOWER = 1.1  # ratio, and a second more, above which a prepared start is not faster
STALLED = 600.0  # seconds in which nothing becomes warm, until the rest is given up
WARM = re.compile(r"warm (\d+) of (\d+)")
NUMBERS = re.compile(r"[\s,]*\d.*")  # of a phase: `compiling 3 of 10, about 40 s`
IMAGE = 256, 256  # width and height of a drawn reference


@dataclass(frozen=True, slots=True)
class Wish:
    """What a show will use beside its settings: values as typed, how many references, LoRAs."""

    values: Mapping[str, str]
    references: int
    loras: Sequence[str]
    yes: bool  # download without asking
    json: bool


@dataclass(slots=True)
class Report:
    """What was done, for people line by line, and for programs at the end."""

    console: Console
    about: dict[str, Any]
    steps: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def step(self, name: str, seconds: float) -> None:
        """A step is done."""
        self.steps.append({"step": name, "seconds": round(seconds, 1)})
        self.console.print(f"{name:<32} {seconds:8.1f} s", soft_wrap=True)

    def end(self, **result: Any) -> None:
        """Print all of it as JSON."""
        whole = {**self.about, "steps": self.steps, **result}
        sys.stdout.write(json.dumps(whole, indent=2, ensure_ascii=False) + "\n")


def prepare(settings: Settings, wish: Wish) -> int:
    """Prepare a show; the exit status. CommandError with what is missing and its cure."""
    console = Console(markup=False, highlight=False, stderr=wish.json)
    about: dict[str, Any] = {
        "pipeline": settings.pipeline, "size": settings.size, "references": wish.references,
        "loras": [*wish.loras],
    }  # fmt: skip
    report = Report(console, about)
    try:
        with awake(True):
            found = _prepared(*_restored(settings, wish, report), report)
    except KeyboardInterrupt:
        return _failed(report, wish, CommandError("Stopped; what is ready so far is kept."))
    except CommandError as error:
        return _failed(report, wish, error)
    if wish.json:
        report.end(ready=True, first_frame_s=round(found.first_frame, 1), warm=found.warm,
                   problems=found.problems, error="")  # fmt: skip
    return ExitStatus.DONE


def _failed(report: Report, wish: Wish, error: CommandError) -> int:
    if not wish.json:
        raise error
    report.end(ready=False, first_frame_s=None, warm="", problems=[], error=str(error))
    return error.status


@dataclass(frozen=True, slots=True)
class Found:
    """What a run showed. `first_frame` is in seconds from its start."""

    first_frame: float
    warm: str
    device: str
    problems: Sequence[str]


def _restored(settings: Settings, wish: Wish, report: Report) -> tuple[Settings, Wish]:
    """What `run` would start with in this folder, unless a pipeline is named: that of the previous
    run, its size, and its values of the pipeline's parameters where none are given.
    """
    catalog = installed_catalog()
    if "pipeline" in settings.model_fields_set or settings.pipeline not in catalog.rows:
        return settings, wish
    library = Library(settings.models_folder, settings.more_models)
    files = NamedFiles(settings.assets, library)
    store = ParameterStore(all_specs(catalog), files.picture, files.lora)
    journal = Journal(settings.folder / f"{settings.name}.journal.json")
    restore = Restore(settings, catalog, store, journal, Missed(store, files.lora_stamp))
    try:
        row, _ = restore.take_up({*wish.values, *settings.model_fields_set})
    finally:
        journal.end()
    if restore.told:
        report.console.print(restore.told, soft_wrap=True)
    if not restore.left.pipeline:
        return settings, wish
    values: dict[str, str] = {}
    for spec in (*describe(row.load), *describe(row.parameters)):
        value = store.snapshot.values[spec.name]
        if spec.name != "size" and value != store.specs[spec.name].default:
            values[spec.name] = str(settings.assets / str(value) if spec.asset else value)
    size = settings.size if "size" in settings.model_fields_set else store.snapshot.values["size"]
    report.about |= {"pipeline": row.id, "size": size}
    changed = settings.model_copy(update={"pipeline": row.id, "size": size})
    return changed, replace(wish, values=values | dict(wish.values))


def _prepared(settings: Settings, wish: Wish, report: Report) -> Found:
    try:
        row = installed_catalog()[settings.pipeline]
    except LookupError as error:
        raise UsageError(str(error.args[0])) from None
    _check_cache(settings)
    _sweep()
    # a virus scanner may hold its files; closing must not fail
    with tempfile.TemporaryDirectory(
        prefix=f"{FOLDER}{os.getpid()}-", ignore_cleanup_errors=True
    ) as name:
        folder = Path(name)
        values = {**wish.values, **_loras(row, wish), **_references(row, wish, folder)}
        load = models.load_of(row, values)
        show = _show(settings, folder)
        _try_card(row, settings, folder)
        _get_files(row, load, settings, show, values, wish, report)
        found = _run(show, values, row, report)
        for problem in found.problems:
            report.console.print(problem, soft_wrap=True)
        again = _run(show, values, row, None)
    _check_cache(settings)  # the disk may be full by now
    seconds = again.first_frame
    told = f"{seconds:.0f}" if seconds >= 1 else f"{seconds:.1f}"
    what = ", ".join(filter(None, (
        f"{row.id} at {settings.size}{' size' if settings.size == AUTO else ''}",
        "DEMO WEIGHTS" if getattr(load, "weights", "") == "demo" else "",
        again.device and f"on {again.device}",
    )))  # fmt: skip
    slower = seconds > max(SLOWER * found.first_frame, found.first_frame + 1)
    report.console.print(
        f"{what}: the first frame takes {told} s; nothing is left to prepare"
        if slower
        else f"{what} is ready: first frame after {told} s from now on",
        soft_wrap=True,
    )
    return replace(found, first_frame=seconds)


def _sweep() -> None:
    """Remove the folders of runs that were killed."""
    for path in Path(tempfile.gettempdir()).glob(f"{FOLDER}*-*"):
        pid = path.name.removeprefix(FOLDER).partition("-")[0]
        if pid.isdecimal() and not is_alive(int(pid)):
            shutil.rmtree(path, ignore_errors=True)  # it may be another user's


def _check_cache(settings: Settings) -> None:
    if problem := CacheFolder(settings.cache_folder).problem():
        raise CommandError(problem)


def _loras(row: PipelineRow, wish: Wish) -> dict[str, str]:
    names = [spec.name for spec in describe(row.load) if spec.lora]
    if len(wish.loras) > len(names):
        raise UsageError(f"--lora: {row.id} takes {len(names) or 'no'} LoRAs.")
    return dict(zip(names, wish.loras, strict=False))


def _references(row: PipelineRow, wish: Wish, folder: Path) -> dict[str, str]:
    """Drawn images for as many references as are wanted, and what loads the network for them."""
    specs = describe(row.parameters)
    names = [spec.name for spec in specs if spec.asset and spec.name.startswith("reference")]
    if wish.references > len(names):
        raise UsageError(f"--references: {row.id} takes {len(names) or 'no'} references.")
    values = {row.guided: "true"} if row.guided and wish.references else {}
    for place, name in enumerate(names[: wish.references]):
        path = folder / f"{name}.png"
        path.write_bytes(png(draw(name, *IMAGE, place)))
        values[name] = str(path)
    return values


def _show(settings: Settings, folder: Path) -> Settings:
    """The settings of the runs: what decides how the engine starts, with a drawn input."""
    return Settings(
        source="pattern:", sink="null:", control="", mask="", fallback="hold", alarm="",
        osc_feedback=(), name="Prepare", fresh=True, engine="process", folder=folder,
        models=settings.models_folder, more_models=settings.more_models,
        cache=settings.cache_folder, pipeline=settings.pipeline, size=settings.size,
        gpu=settings.gpu, device=settings.device, load_s=settings.load_s,
    )  # fmt: skip


def _try_card(row: PipelineRow, settings: Settings, folder: Path) -> None:
    """Have torch try the GPU, whose answer the show finds in the data folder, and these runs in
    theirs. Whoever starts a worker reports what is wrong with it.
    """
    if "torch" not in row.packages:
        return
    patiently = partial(devices.gpus, devices.LONG)
    check = CardCheck(settings.folder, settings.gpu, patiently, cpu=settings.device == "cpu")
    until = perf_counter() + CARD
    while perf_counter() < until:
        with suppress(SlowError):
            check.trouble()
            break
        time.sleep(LOOK)
    with suppress(OSError):  # there is none without a GPU
        shutil.copyfile(settings.folder / RECORD, folder / RECORD)


def _get_files(
    row: PipelineRow,
    load: Load,
    settings: Settings,
    show: Settings,
    values: Mapping[str, str],
    wish: Wish,
    report: Report,
) -> None:
    """Download and verify; CommandError for what is missing beside files, or cannot be used."""
    session = session_of(show, values)
    try:
        lack = session.weights.lack(row, load)
    finally:
        session.let_go()
    if lack and (not isinstance(lack, MissingFiles) or (wish.json and not wish.yes)):
        raise CommandError(str(lack))
    if not row.needs(load):
        return
    library = Library(settings.models_folder, settings.more_models)
    job = models.job([row.id], values, library, yes=wish.yes)
    for name, work in (("download", models.download), ("verify", models.verify)):
        began = perf_counter()
        if work(job, report.console):
            raise CommandError(f"{row.id} is not ready: {name} did not succeed; see above.")
        report.step(name, perf_counter() - began)


def _run(
    settings: Settings, values: Mapping[str, str], row: PipelineRow, report: Report | None
) -> Found:
    """Run until the first frame, and with a `report` until all is warm."""
    session = session_of(settings, values)
    steps = Steps(report)
    start(session, values)
    try:
        with Console(stderr=True).status("starting") as line:
            while not steps.done(status := session.status(), row):
                line.update(Text(status.phase or status.reason or "starting"))
                time.sleep(LOOK)
    finally:
        session.stop()
    problems = status.notes.get("problems")
    told = [str(problem) for problem in problems] if is_list(problems) else []
    return Found(steps.first_frame, steps.warm, status.device, told)


class Steps:
    """The steps of a run, seen in its state."""

    def __init__(self, report: Report | None) -> None:
        """Without a `report` the first frame is the last step."""
        self.first_frame = 0.0
        self.warm = ""
        self._report = report
        self._began = self._since = self._warmed = perf_counter()
        self._phase = ""

    def done(self, status: Status, row: PipelineRow) -> bool:
        """Whether this was the last step; CommandError if it will never come."""
        now = perf_counter()
        self._check(status, row)
        if (phase := NUMBERS.sub("", status.phase)) != self._phase:
            if self._phase:
                self._tell(self._phase, now - self._since)
            self._phase, self._since = phase, now
        shown = status.state == EngineState.RUNNING and status.pipeline == row.id
        if not shown or not status.frames_new:
            return False
        if not self.first_frame:
            self.first_frame = now - self._began
            self._tell("first frame, from the start", self.first_frame)
        return self._report is None or self._all_warm(status, now)

    def _all_warm(self, status: Status, now: float) -> bool:
        told = str(status.notes.get("warm", ""))
        if told != self.warm:
            self.warm, self._warmed = told, now
        ready = WARM.fullmatch(told)
        if ready is None or ready[1] == ready[2]:
            if ready:
                self._tell(told, now - self._began)
            return True
        if now - self._warmed > STALLED:
            raise CommandError(
                f"Only {told} after {now - self._began:.0f} s: the rest does not fit into memory, "
                "or does not compile; choose a smaller --size."
            )
        return False

    def _check(self, status: Status, row: PipelineRow) -> None:
        if status.state == EngineState.DEGRADED:
            raise CommandError(f"{status.reason} Choose a smaller --size.")
        idle = status.state == EngineState.IDLE and status.error
        if idle or status.state == EngineState.FAILED or status.pipeline_asked:
            raise CommandError(status.error or status.reason or f"{row.id} cannot run.")

    def _tell(self, name: str, seconds: float) -> None:
        if self._report:
            self._report.step(name, seconds)
