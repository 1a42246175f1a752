"""Whether the header of a checkpoint can be read, which a file cut short or overwritten fails.
Free of torch.
"""

import struct
import zipfile
from functools import lru_cache
from pathlib import Path

from engine.files import safetensors_header
from engine.files.errors import CheckpointError, damaged
from engine.files.kinds import SAFETENSORS, SUFFIXES, checked_kind
from engine.system import held

# What zipfile raises on corrupt bytes
CORRUPT = (zipfile.BadZipFile, NotImplementedError, EOFError, LookupError, OverflowError,
           ValueError, struct.error)  # fmt: skip


def fault(path: Path) -> str:
    """Why the header of a checkpoint cannot be read, in one sentence; empty if it can, or for a
    file without one. A file is read once for each size and time; an OSError passes through.
    """
    if path.suffix.lower() not in SUFFIXES:
        return ""
    about = path.stat()
    return _fault(path, about.st_size, about.st_mtime_ns)


@lru_cache(maxsize=1024)
def _fault(path: Path, size: int, time: int) -> str:
    with held.patiently(lambda: path.open("rb")) as file:
        try:
            suffix, whole = checked_kind(file, path)
            if suffix == SAFETENSORS:
                safetensors_header.entries(file, str(path), whole)
            else:
                zipfile.ZipFile(file).namelist()
        except CheckpointError as error:
            return str(error)
        except CORRUPT:
            return str(damaged(path))
    return ""
