"""Two files of a made-up repository, and pipelines of which one needs the first."""

import io
import os
import zipfile
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from engine.catalog.artifacts import Artifact
from engine.catalog.rows import BUILT_IN, Catalog

CONTENT = os.urandom(5 << 20)
HASH = sha256(CONTENT).hexdigest()
NAME = "authors/model/files/net.pt"
NET = Artifact("authors/model", "files/net.pt", len(CONTENT), HASH)
SMALL = Artifact("authors/model", "small.pth")

PASSTHROUGH = next(row for row in BUILT_IN if row.id == "passthrough")

_archive = io.BytesIO()
with zipfile.ZipFile(_archive, "w") as _zip:
    _zip.writestr("small/data.pkl", b"")
ARCHIVE = _archive.getvalue()  # as torch begins one, so that its header can be read


def _needs(load: object) -> dict[str, Artifact]:
    return {"network": NET}


NEEDY = replace(PASSTHROUGH, id="needy", title="Needs files", needs=_needs)
ROWS = Catalog((PASSTHROUGH, NEEDY))


def put(path: Path, content: bytes = CONTENT) -> Path:
    """A file with its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
