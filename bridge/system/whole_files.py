"""Small files that are there whole or not at all: written beside, flushed, and renamed. A crash or
a full disk leaves the old one. All of it may wait for the disk.
"""

import json
import os
import stat
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from engine.system import held


def write(path: Path, content: bytes, *, private: bool = False) -> None:
    """Replace a file, and make its folder if there is none; OSError leaves the old file. A
    `private` one can be read by its owner alone; on Windows the folder decides.
    """
    fresh = path.with_name(path.name + ".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        held.remove(fresh)
        with held.patiently(
            lambda: open(fresh, "xb", opener=_private if private else None)
        ) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        held.replace(fresh, path)
    except OSError:
        with suppress(OSError):  # a full disk leaves it empty
            held.remove(fresh, 0)
        raise
    sync(path.parent)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def read(path: Path, most: int) -> bytes:
    """A file's content; ValueError, in a few words, if it is no regular file of at most `most`
    bytes. OSError as when opening.
    """
    about = path.stat()
    if not stat.S_ISREG(about.st_mode):  # opening a pipe would block
        raise ValueError("not a regular file")
    if about.st_size > most:
        raise ValueError(f"larger than {most >> 10} KB")
    return held.patiently(path.read_bytes)


def read_json(path: Path, most: int) -> Any:
    """The same, read as JSON."""
    content = read(path, most)
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError("not JSON") from error


def as_json(told: object, most: int) -> bytes:
    """The content of a file that `read_json` reads; ValueError, in a few words, if it is larger
    than `most` bytes. It must be `plain`.
    """
    content = json.dumps(told, ensure_ascii=False, indent=1, allow_nan=False).encode()
    if len(content) > most:
        raise ValueError(f"larger than {most >> 10} KB")
    return content


def sync(folder: Path) -> None:
    """Flush a new name in a folder to disk too; Windows does so by itself."""
    if sys.platform == "win32":
        return
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    except OSError:  # not supported for folders by every file system
        pass
    finally:
        os.close(opened)
