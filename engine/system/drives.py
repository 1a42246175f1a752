"""Drives and network shares, which may be unavailable: a stick is unplugged, a machine is off. Free
of torch; everything here accesses the disk.
"""

import shutil
from pathlib import Path


def is_folder(path: Path) -> bool:
    """Whether a folder exists. For a locked drive, a reader without a card or a share whose machine
    is off, `Path.is_dir` raises: nothing can be read from them either.
    """
    try:
        return path.is_dir()
    except OSError:
        return False


def existing(folder: Path) -> Path | None:
    """A folder, or its nearest existing parent; None if even its drive is missing."""
    return next(filter(is_folder, (folder, *folder.absolute().parents)), None)


def free(folder: Path) -> int:
    """Bytes free where a folder is or would be; 0 if its drive is unavailable."""
    place = existing(folder)
    try:
        return shutil.disk_usage(place).free if place else 0
    except OSError:  # pulled out just now
        return 0


def away(path: Path) -> str:
    """That a path's drive or share is unavailable, in a sentence without its full stop; empty if it
    is available.
    """
    whole = path.absolute()
    if is_folder(Path(whole.anchor)):
        return ""
    if whole.drive.endswith(":"):
        return f"Drive {whole.drive} is not available"
    return f"The share {whole.drive or whole.anchor} cannot be reached"


def cure(path: Path) -> str:
    """The cure for what is `away`."""
    return "plug it in" if path.absolute().drive.endswith(":") else "connect it"
