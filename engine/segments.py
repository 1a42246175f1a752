"""The memory behind the rings: segments by name, as each system has them.

POSIX has files: one that is replaced or removed goes on for those who have it open. Windows has
named mappings that can change neither size nor owner while anybody holds them, so there a name
leads to a number, and the number to the segment; both vanish with their last user.
"""

import mmap
import os
import re
import sys
import tempfile
import time
from itertools import count
from pathlib import Path

PREFIX = "spout-bridge-"
PRIVATE = re.compile(r"\d+-\d+-(in|out)-\d+|.*\.new")  # between a bridge and its worker
MAGIC = b"SPBRIDGE"
HEADER = 64  # bytes
NUMBER = 3  # place of the segment's number behind a name on Windows, in u64
YOUNG = 2.0  # seconds in which a segment may still be being made


class RingError(OSError):
    """A segment cannot be made, or is not one of ours; the text is one sentence."""


def folder() -> Path:
    """Where segments lie as files; unused on Windows."""
    shared = Path("/dev/shm")
    return shared if shared.is_dir() else Path(tempfile.gettempdir())


def unlink(name: str) -> None:
    """Take a segment's name away; nothing happens where it is gone already."""
    if sys.platform == "win32":
        _sign(name, 0)
    else:
        (folder() / (PREFIX + name)).unlink(missing_ok=True)


def public_names() -> list[str]:
    """The names of the segments there are, without those between bridges and their workers. On
    Windows they cannot be listed.
    """
    if sys.platform == "win32":
        return []
    names = (path.name.removeprefix(PREFIX) for path in sorted(folder().glob(PREFIX + "*")))
    return [name for name in names if not PRIVATE.fullmatch(name)]


def sweep_of(pid: int) -> None:
    """Remove what an engine worker that is gone has left: segments that begin with its id."""
    if sys.platform != "win32":
        for path in folder().glob(f"{PREFIX}{pid}-*-out-*"):
            path.unlink(missing_ok=True)


def is_young(name: str) -> bool:
    """Whether a segment may still be being made."""
    try:
        return time.time() - (folder() / (PREFIX + name)).stat().st_mtime < YOUNG
    except FileNotFoundError:
        return True


if sys.platform == "win32":
    _segments = count(1)

    def _sign(name: str, number: int | None = None) -> mmap.mmap:
        """The mapping that says which segment has the name; asking for it makes it."""
        sign = mmap.mmap(-1, HEADER, tagname=PREFIX + name)
        if number is not None:
            with memoryview(sign).cast("Q") as words:
                words[NUMBER] = number
        return sign

    def create(name: str, size: int) -> tuple[mmap.mmap, mmap.mmap | None]:
        """Make a segment of this name, and reserve its memory; what is given second must be kept
        as long as the name. RingError when there is no room.
        """
        number = os.getpid() << 32 | next(_segments)
        try:
            memory = mmap.mmap(-1, size, tagname=f"{PREFIX}{name}-{number}")
        except (OSError, OverflowError) as error:
            raise RingError(
                f"No room for {size / 1e6:.0f} MB of shared memory; "
                "close other programs or choose a smaller size."
            ) from error
        return memory, _sign(name, number)

    def attach(name: str) -> mmap.mmap:
        """The segment of this name; FileNotFoundError where there is none."""
        with _sign(name) as sign:
            number = int.from_bytes(sign[24:32], "little")
        if not number:
            raise FileNotFoundError(PREFIX + name)
        tag = f"{PREFIX}{name}-{number}"
        with mmap.mmap(-1, HEADER, tagname=tag) as head:
            if head[:8] != MAGIC:
                raise FileNotFoundError(tag)  # not whole yet, or its last user is gone
            slots, stride = head[12:16], head[48:56]
            size = HEADER + int.from_bytes(slots, "little") * int.from_bytes(stride, "little")
            return mmap.mmap(-1, size, tagname=tag)

else:

    def create(name: str, size: int) -> tuple[mmap.mmap, mmap.mmap | None]:
        """See above."""
        path = folder() / (PREFIX + name)
        fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
        # A new file moved over the old name: a reader of the old segment is never cut short.
        file = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            _reserve(file, size)
            memory = mmap.mmap(file, size)
            fresh.replace(path)
        except OSError as error:
            fresh.unlink(missing_ok=True)
            raise RingError(
                f"No room for {size / 1e6:.0f} MB of shared memory in {folder()} "
                f"({error.strerror}); free some or choose a smaller size."
            ) from error
        finally:
            os.close(file)
        return memory, None

    def _reserve(file: int, size: int) -> None:
        if sys.platform == "linux":
            os.posix_fallocate(file, 0, size)
        else:
            os.ftruncate(file, size)

    def attach(name: str) -> mmap.mmap:
        """See above."""
        path = folder() / (PREFIX + name)
        file = os.open(path, os.O_RDWR)
        try:
            size = os.fstat(file).st_size
            if size < HEADER:
                raise RingError(f"{path} is no frame segment of spout-bridge.")
            return mmap.mmap(file, size)
        finally:
            os.close(file)
