"""`spout-bridge models verify`, in a separate process: check files against the pipelines' rows.

Local files are read in full for their hash, and their headers for keys and shapes; with `headers`
only the headers are read, on the hub, before anything is downloaded.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast, get_args

from engine.catalog.artifacts import Artifact
from engine.catalog.controls import CausalLoad
from engine.catalog.rows import Catalog, PipelineRow
from engine.catalog.specs import CausalSpec
from engine.files import soundness
from engine.files.errors import AGAIN, CheckpointError
from engine.files.hub_file import hub_file
from engine.files.kinds import SUFFIXES
from engine.files.library import Library, WeightsError, size_text
from engine.files.shards import is_index
from engine.parameters import Load
from engine.pipeline import InsufficientMemory
from engine.system import by_hand
from engine.verify.check import Role, check_file, check_path
from engine.weights.headers import header

ROLES = frozenset(get_args(Role))


class NotHereError(Exception):
    """A file is missing; the text says where it belongs, and the cure."""


@dataclass(frozen=True, slots=True)
class Needed:
    """A file that a pipeline needs with a `load`, and as what."""

    row: PipelineRow
    load: Load
    role: str
    artifact: Artifact

    @property
    def known(self) -> tuple[CausalSpec, CausalLoad] | None:
        """What the file must fit; None if only the code of a plug-in knows."""
        spec, load = self.row.spec, self.load
        if spec is None or not isinstance(load, CausalLoad) or self.role not in ROLES:
            return None
        return spec, load

    @property
    def has_header(self) -> bool:
        """Whether it is a checkpoint, by its name."""
        return PurePosixPath(self.artifact.file).suffix.lower() in SUFFIXES


def main() -> int:
    """Check the files that standard input asks for, one line each; 0 if all are correct."""
    order = json.load(sys.stdin)
    library = Library(Path(order["models"]), [Path(folder) for folder in order["more"]])
    one: Callable[[Library, Needed], str] = _remote if order["headers"] else _local
    catalog = Catalog.installed()
    seen: set[tuple[str, str]] = set()
    wrong = 0
    for pipeline, values in order["pipelines"].items():
        row = catalog[pipeline]
        load = row.load.model_validate(values)
        network = row.spec.network.name if row.spec else row.id
        for role, artifact in row.needs(load).items():
            if (network, artifact.name) in seen:
                continue
            seen.add((network, artifact.name))
            try:
                text = f"good   {artifact.name}: {one(library, Needed(row, load, role, artifact))}"
            except NotHereError as error:
                wrong += 1
                text = f"missing  {artifact.name}: {error}"
            except (CheckpointError, WeightsError, OSError, InsufficientMemory) as error:
                wrong += 1
                text = f"WRONG  {artifact.name}: {error}"
            sys.stdout.write(f"{text}\n")
            sys.stdout.flush()
    return 1 if wrong else 0


def _local(library: Library, one: Needed) -> str:
    artifact, found = one.artifact, library.find(one.artifact)
    if found is None:
        again = f" Get it with `{library.command(one.row.id)}`."
        if unfit := library.unfit(artifact):
            raise WeightsError(unfit if AGAIN in unfit else f"{unfit}{again}")
        raise NotHereError(f"it belongs at {library.home(artifact)}.{again}")
    if one.known:
        spec, load = one.known
        fits = "keys and shapes fit"
        # cast: a row with a spec names its files by these roles
        remark = check_path(cast(Role, one.role), spec, found.path, vae=load.vae)
    else:
        remark, fits = "", "its header can be read" if one.has_header else "present"
        if why := soundness.fault(found.path):
            raise CheckpointError(why)
    known = "declared" if artifact.sha256 and not is_index(found.path) else "recorded"
    digest = library.check(artifact, found.path, anew=True)
    return f"{fits}, SHA-256 {digest[:12]}… as {known}. {remark}".strip()


def _remote(library: Library, one: Needed) -> str:
    artifact = one.artifact
    if one.role == "tokenizer" or not one.has_header:
        return "not checked: it has no header."
    with hub_file(artifact.repository, artifact.file) as file:
        opened = cast(BinaryIO, file)  # reading and seeking is all it needs
        remark, fits = "", "its header can be read"
        if one.known:
            spec, load = one.known
            # cast: as above
            remark = check_file(cast(Role, one.role), spec, opened, artifact.name, vae=load.vae)
            fits = "keys and shapes fit"
        else:
            header(opened, artifact.name)
        size, read = file.size, file.received
    if artifact.sha256 and size != artifact.size:
        raise WeightsError(f"it has {size} bytes on the hub, expected {artifact.size}.")
    return f"{fits}; {size_text(read)} of {size_text(size)} read. {remark}".strip()


if __name__ == "__main__":
    by_hand.refuse("the file checker of a command", "spout-bridge models verify")
    sys.exit(main())
