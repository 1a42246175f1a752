"""`spout-bridge save FILE.show`, and the show that `run FILE.show` begins with."""

import json
import urllib.error
import urllib.request
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from rich.console import Console

from bridge.errors import CommandError, UsageError
from bridge.settings import Settings
from bridge.show.carried import Around, brought, finish, gathered
from bridge.show.loading import proposed
from bridge.show.showfile import INPUTS, SUFFIX, ShowFile, read, written
from bridge.show.zipped import LARGEST
from bridge.state.actions import ActionError
from bridge.state.catalog import installed_catalog
from bridge.state.controls import all_specs
from bridge.state.inputs import ROLES, named
from bridge.state.journal import LARGEST as LARGEST_JOURNAL
from bridge.system import whole_files
from bridge.system.lock_file import LockFile
from bridge.system.paths import place
from engine.files.library import Library
from engine.system import held

LONGEST_DETAIL = 64 << 10  # bytes of a refusal
PATIENCE = 60.0  # seconds for a bridge to make its file: it reads LoRAs wholly


def save(file: str, settings: Settings, console: Console) -> None:
    """Save the show of the bridge on this machine, or that of its folder if none runs."""
    path = place(file)
    if path.suffix.lower() != SUFFIX:
        raise UsageError(f"save takes a file such as my{SUFFIX}, not {file!r:.130}.")
    data, missing, where = current(settings)
    try:
        whole_files.write(path, data)
    except OSError as error:
        raise CommandError(f"{path} cannot be written ({held.told(error)}).") from None
    console.print(f"{path} has the show of {where}.", soft_wrap=True)
    if missing:
        console.print(missing, soft_wrap=True)


def current(settings: Settings) -> tuple[bytes, str, str]:
    """The show of the bridge on this machine, or that of its folder if none runs: the file, what
    is missing in it, and whose it is.
    """
    if found := _running(settings):
        return (*found, f"the bridge on port {settings.port}")
    stopped = f"{settings.name} in {settings.folder}, which is not running"
    return (*_stopped(settings), stopped)


def _running(settings: Settings) -> tuple[bytes, str] | None:
    """The file and what is missing in it, from a running bridge; None if none answers."""
    url = f"http://127.0.0.1:{settings.port}/api/v1/show"
    header = {"authorization": f"Bearer {settings.token}"} if settings.token else {}
    try:
        request = urllib.request.Request(url, headers=header)
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.read(), unquote(answer.headers.get("x-missing", ""))
    except urllib.error.HTTPError as error:
        with error:
            why = _detail(error.read(LONGEST_DETAIL))
        if why and error.code not in (401, 403):
            raise CommandError(why) from None
        cure = "; add --token with its token" if error.code in (401, 403) else ""
        raise CommandError(f"{url} answered {error.code}{cure}.") from None
    except (OSError, ValueError):
        return None


def _detail(answer: bytes) -> str:
    """The sentence of a bridge that refuses; empty if it is another program's answer."""
    try:
        return str(json.loads(answer)["detail"])
    except (ValueError, LookupError, TypeError):
        return ""


def _stopped(settings: Settings) -> tuple[bytes, str]:
    """The same from the folder of a bridge that does not run."""
    path = _journal(settings)
    claim = _claim(settings)
    if not claim.take():
        raise CommandError(
            f"{settings.name} in {settings.folder} is running, but no bridge answers on port "
            f"{settings.port}; give its port with --port."
        )
    claim.give_back()
    try:
        kept: Any = whole_files.read_json(path, LARGEST_JOURNAL)
        values, inputs = dict(kept["values"]), {role: str(kept.get(role, "")) for role in ROLES}
        pipeline = str(kept["pipeline"])
    except FileNotFoundError:
        raise CommandError(
            f"No bridge answers on port {settings.port}, and nothing is saved in {path}."
        ) from None
    except (OSError, ValueError, TypeError, LookupError) as error:
        raise CommandError(f"{path} cannot be read ({error}).") from None
    try:
        around = _around(settings)
        show, missing = gathered(around, pipeline, values, proposed(settings, inputs))
        return written(show), " ".join(missing)
    except ActionError as error:
        raise CommandError(str(error)) from None


def opened(file: str) -> ShowFile:
    """The show in a file; CommandError if it is none."""
    path = place(file)
    try:
        return read(whole_files.read(path, LARGEST))
    except OSError as error:
        raise CommandError(f"The show {path} cannot be read ({held.told(error)}).") from None
    except ValueError as error:
        why = str(error) if isinstance(error, ActionError) else f"It is {error}."
        raise CommandError(f"{path}: {why}") from None


def accepted(
    show: ShowFile, given: Collection[str], console: Console, *, use: bool
) -> dict[str, str]:
    """The proposals that are used: those that no flag decides, of this machine, or chosen by
    `use` or by the answer to a question.
    """
    found = {name: text for name, text in show.proposals.items() if name not in given}
    if not found or use or not show.foreign:
        return found
    told = ", ".join(f"{n.replace('_', '-')} {text}" for n, text in found.items() if named(text))
    if not told:
        return found
    told = f"This show was saved on another machine, with {told}"
    if console.is_terminal:
        if console.input(f"{told}. Use these here? [y/N] ").strip().lower() in ("y", "yes"):
            return found
        return {}
    console.print(f"{told}; unused here without --use-proposals.", soft_wrap=True)
    return {}


def begin_with(show: ShowFile, settings: Settings, inputs: Mapping[str, str], file: str) -> None:
    """Put the show of a file where the next run finds it: in the folder, and in
    the journal, with what that run says of it. CommandError, with nothing changed, if that fails.
    """
    path, around = _journal(settings), _around(settings)
    settings.folder.mkdir(parents=True, exist_ok=True)
    claim = _claim(settings)
    if not claim.take():
        raise CommandError(
            f"A bridge named {settings.name} is running in {settings.folder}: load the show on its "
            "page, or choose another --name."
        )
    try:
        finish(around)
        with brought(around, show) as here:
            said = " ".join([f"{place(file).name}: {_counted(show)}.", *here.missing])
            kept = {"values": dict(here.show.values), "pipeline": here.show.pipeline,
                    **{role: inputs.get(role, "") for role in INPUTS}, "ended": True,
                    "show": said}  # fmt: skip
            if path.exists():
                held.replace(path, path.with_suffix(".old"))
            whole_files.write(path, json.dumps(kept).encode())
    except ActionError as error:
        raise CommandError(str(error)) from None
    except OSError as error:
        raise CommandError(f"{path} cannot be written ({held.told(error)}).") from None
    finally:
        claim.give_back()


def _counted(show: ShowFile) -> str:
    """How many looks and cues it has."""
    counts = {"look": len(show.looks), "cue": len(show.files.get("cues.json", {}).get("cues", ()))}
    return ", ".join(f"{n} {what}{'' if n == 1 else 's'}" for what, n in counts.items())


def _journal(settings: Settings) -> Path:
    return settings.folder / f"{settings.name}.journal.json"


def _claim(settings: Settings) -> LockFile:
    """What a bridge of this name and folder holds while it runs."""
    return LockFile(settings.folder / f"{settings.name}.lock")


def _around(settings: Settings) -> Around:
    specs = {spec.name: spec for spec in all_specs(installed_catalog())}
    return Around(
        folder=settings.folder / f"{settings.name}.show", assets=settings.assets,
        library=Library(settings.models_folder, settings.more_models), specs=specs,
    )  # fmt: skip
