"""`spout-bridge models verify`, in a separate process: check files against the pipelines' rows.

Local files are read in full for their hash, and their headers for keys and shapes; with `headers`
only the headers are read, on the hub, before anything is downloaded.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, cast

from engine.catalog import artifacts as files
from engine.catalog.controls import CausalLoad
from engine.catalog.specs import SPECS, CausalSpec
from engine.files.errors import CheckpointError
from engine.files.hub_file import hub_file
from engine.files.library import Library, WeightsError, size_text
from engine.files.shards import is_index
from engine.pipeline import InsufficientMemory
from engine.system import by_hand
from engine.verify.check import Role, check_file, check_path


def main() -> int:
    """Check the files that standard input asks for, one line each; 0 if all are correct."""
    order = json.load(sys.stdin)
    library = Library(Path(order["models"]), [Path(folder) for folder in order["more"]])
    one: Callable[..., str] = _remote if order["headers"] else _local
    seen: set[tuple[str, str]] = set()
    wrong = 0
    for pipeline, values in order["pipelines"].items():
        spec, load = SPECS[pipeline], CausalLoad.model_validate(values)
        for role, artifact in files.needed(spec, load).items():
            if (spec.network.name, artifact.name) in seen:
                continue
            seen.add((spec.network.name, artifact.name))
            try:
                text = f"good   {artifact.name}: {one(library, spec, load, role, artifact)}"
            except (CheckpointError, WeightsError, OSError, InsufficientMemory) as error:
                wrong += 1
                text = f"WRONG  {artifact.name}: {error}"
            sys.stdout.write(f"{text}\n")
            sys.stdout.flush()
    return 1 if wrong else 0


def _local(
    library: Library, spec: CausalSpec, load: CausalLoad, role: Role, artifact: files.Artifact
) -> str:
    found = library.find(artifact)
    if found is None:
        raise WeightsError(f"missing; it belongs at {library.home(artifact)}.")
    remark = check_path(role, spec, found.path, vae=load.vae)
    known = "declared" if artifact.sha256 and not is_index(found.path) else "recorded"
    digest = library.check(artifact, found.path, anew=True)
    return f"keys and shapes fit, SHA-256 {digest[:12]}… as {known}. {remark}".strip()


def _remote(
    library: Library, spec: CausalSpec, load: CausalLoad, role: Role, artifact: files.Artifact
) -> str:
    if role == "tokenizer":
        return "not checked: it has no header."
    with hub_file(artifact.repository, artifact.file) as file:
        opened = cast(BinaryIO, file)  # reading and seeking is all it needs
        remark = check_file(role, spec, opened, artifact.name, vae=load.vae)
        size, read = file.size, file.received
    if artifact.sha256 and size != artifact.size:
        raise WeightsError(f"it has {size} bytes on the hub, expected {artifact.size}.")
    return f"keys and shapes fit; {size_text(read)} of {size_text(size)} read. {remark}".strip()


if __name__ == "__main__":
    by_hand.refuse("the file checker of a command", "spout-bridge models verify")
    sys.exit(main())
