"""Drives and network shares that are missing: a stick is pulled out, a machine is off.

Free of torch; everything here asks the disk.
"""

import shutil
from pathlib import Path


def is_folder(path: Path) -> bool:
    """Whether there is a folder. A locked drive, a reader without a card and a share whose machine
    is off raise in `Path.is_dir`: there is nothing to be had of them either.
    """
    try:
        return path.is_dir()
    except OSError:
        return False


def existing(folder: Path) -> Path | None:
    """A folder, or the nearest one above it that there is; None where not even its drive is."""
    return next(filter(is_folder, (folder, *folder.absolute().parents)), None)


def free(folder: Path) -> int:
    """Bytes that are free where a folder is or would be; 0 where its drive is away."""
    place = existing(folder)
    try:
        return shutil.disk_usage(place).free if place else 0
    except OSError:  # pulled out just now
        return 0


def away(path: Path) -> str:
    """What is away where not even the drive of a path is there now, in a sentence without its end;
    empty where it is.
    """
    whole = path.absolute()
    if is_folder(Path(whole.anchor)):
        return ""
    if whole.drive.endswith(":"):
        return f"There is no drive {whole.drive} now"
    return f"The share {whole.drive or whole.anchor} cannot be reached now"


def cure(path: Path) -> str:
    """What brings back what is `away`: nobody plugs in a share."""
    return "plug it in" if path.absolute().drive.endswith(":") else "connect it"
