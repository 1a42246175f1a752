"""The memory behind the rings: segments by name, as each system has them.

POSIX has files: one that is replaced or removed stays usable for programs that have it open, but
truncating one kills every program that has it mapped with SIGBUS. So only private segments are
mapped, those between a bridge and its worker: their names cannot be guessed, and are removed as
soon as both have opened them. Windows has named mappings that can change neither size nor owner
while in use, so there a name leads to a number, and the number to the segment; both vanish with
their last user.
"""

import errno
import mmap
import os
import re
import stat
import sys
import tempfile
import time
from itertools import count
from pathlib import Path
from secrets import token_hex

PREFIX = "spout-bridge-"
PRIVATE_NAME = r"\d+-\d+-(in|out)-\d+-[0-9a-f]{12}"  # as `private_name` makes them
PRIVATE = re.compile(r"\d+-\d+-(in|out)-\d+(-[0-9a-f]{12})?|.*\.new")
MAGIC = b"SPBRIDGE"
HEADER = 64  # bytes
NUMBER = 3  # offset of the segment's number in a name's mapping on Windows, in u64
YOUNG = 2.0  # seconds that creating a segment may take


class RingError(OSError):
    """A segment cannot be created, or is not one of ours; the text is one sentence."""


class NoRing(RingError):
    """A file of that name exists but does not contain a ring, or not yet."""


def folder() -> Path:
    """The folder of the segments' files; unused on Windows."""
    shared = Path("/dev/shm")
    return shared if shared.is_dir() else Path(tempfile.gettempdir())


def private_name(serial: int, way: str, number: int) -> str:
    """A name for a segment of this process to (`way` "in") or from ("out") an engine worker."""
    return f"{os.getpid()}-{serial}-{way}-{number}-{token_hex(6)}"


def unlink(name: str) -> None:
    """Remove a segment's name, if it still exists."""
    if sys.platform == "win32":
        _sign(name, 0)
    else:
        (folder() / (PREFIX + name)).unlink(missing_ok=True)


def public_names() -> list[str]:
    """The names of the existing segments, without those between bridges and their workers. On
    Windows they cannot be listed.
    """
    if sys.platform == "win32":
        return []
    names = (path.name.removeprefix(PREFIX) for path in sorted(folder().glob(PREFIX + "*")))
    return [name for name in names if not PRIVATE.fullmatch(name)]


def sweep_of(pid: int) -> None:
    """Remove the segments left by an ended engine worker, whose names begin with its id."""
    if sys.platform != "win32":
        for path in folder().glob(f"{PREFIX}{pid}-*-out-*"):
            path.unlink(missing_ok=True)


def is_young(name: str) -> bool:
    """Whether a segment may still be under construction."""
    try:
        return time.time() - (folder() / (PREFIX + name)).lstat().st_mtime < YOUNG
    except FileNotFoundError:
        return True


if sys.platform == "win32":
    _segments = count(1)

    def _sign(name: str, number: int | None = None) -> mmap.mmap:
        """The mapping that tells which segment has the name; created if missing."""
        sign = mmap.mmap(-1, HEADER, tagname=PREFIX + name)
        if number is not None:
            with memoryview(sign).cast("Q") as words:
                words[NUMBER] = number
        return sign

    def create(name: str, head: bytes, size: int) -> tuple[mmap.mmap, mmap.mmap | None]:
        """Create a segment of this name that begins with `head`, and reserve its `size` bytes; keep
        the second return value as long as the name. RingError if there is no room: then nothing is
        left behind, and the previous segment keeps the name.
        """
        number = os.getpid() << 32 | next(_segments)
        try:
            memory = mmap.mmap(-1, size, tagname=f"{PREFIX}{name}-{number}")
        except (OSError, OverflowError) as error:
            raise RingError(
                f"No room for {size / 1e6:.0f} MB of shared memory; "
                "close other programs or choose a smaller size."
            ) from error
        memory[8 : len(head)] = head[8:]
        memory[:8] = head[:8]  # last: from now on readers consider the segment complete
        return memory, _sign(name, number)

    def attach(name: str) -> mmap.mmap:
        """The segment of this name; FileNotFoundError if it does not exist."""
        with _sign(name) as sign:
            number = int.from_bytes(sign[24:32], "little")
        if not number:
            raise FileNotFoundError(PREFIX + name)
        tag = f"{PREFIX}{name}-{number}"
        with mmap.mmap(-1, HEADER, tagname=tag) as head:
            if head[:8] != MAGIC:
                raise FileNotFoundError(tag)  # not complete yet, or its last user is gone
            slots, stride = head[12:16], head[48:56]
            size = HEADER + int.from_bytes(slots, "little") * int.from_bytes(stride, "little")
            return mmap.mmap(-1, size, tagname=tag)

else:

    def create(name: str, head: bytes, size: int) -> tuple[mmap.mmap, mmap.mmap | None]:
        """See above."""
        file = make(name, head, size)
        try:
            return mmap.mmap(file, size), None
        except OSError as error:
            unlink(name)
            raise _refusal(error, folder() / (PREFIX + name), size) from error
        finally:
            os.close(file)

    def make(name: str, head: bytes, size: int) -> int:
        """Create a segment's file, reserved and with its `head` before it gets its name; returns
        its descriptor. RingError as above.
        """
        path = folder() / (PREFIX + name)
        # A new file is moved over the old name: readers of the old segment keep all of it.
        is_private = PRIVATE.fullmatch(name)
        fresh = path if is_private else path.with_name(f"{path.name}.{token_hex(6)}.new")
        try:
            file = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise _refusal(error, path, size) from error
        try:
            _reserve(file, size)
            os.pwrite(file, head, 0)
            fresh.replace(path)
        except BaseException as error:  # whatever the error, leave nothing half-created
            os.close(file)
            fresh.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise _refusal(error, path, size) from error
            raise
        return file

    def _reserve(file: int, size: int) -> None:
        if sys.platform == "linux":
            os.posix_fallocate(file, 0, size)
            return
        zeros = bytes(1 << 20)  # elsewhere only written parts of a file have space reserved
        for at in range(0, size, len(zeros)):
            os.pwrite(file, zeros[: size - at], at)

    def _refusal(error: OSError, path: Path, size: int) -> RingError:
        """Why a segment cannot be created, in a sentence."""
        if error.errno in (errno.ENOSPC, errno.ENOMEM, errno.EFBIG, errno.EDQUOT):
            return RingError(
                f"No room for {size / 1e6:.0f} MB of shared memory in {path.parent} "
                f"({error.strerror}); free some or choose a smaller size."
            )
        if error.errno in (errno.EISDIR, errno.EEXIST, errno.ENOTEMPTY, errno.EACCES, errno.EPERM):
            return RingError(
                f"{path} cannot be created ({error.strerror}): remove the file of that name or "
                "choose another."
            )
        return RingError(f"{path} cannot be created: {error.strerror}.")

    def open_file(name: str, flags: int = os.O_RDONLY) -> int:
        """The descriptor of a segment's file, whichever program created it; never waits.
        FileNotFoundError if it does not exist, RingError if it is not a file or must not be opened.
        """
        path = folder() / (PREFIX + name)
        _need_file(path, path.lstat())
        try:
            # The flags mean nothing for a file; they guard against something else in its place.
            file = os.open(path, flags | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise RingError(
                f"{path} cannot be opened ({error.strerror}): its sender must run as the same user."
            ) from error
        try:
            _need_file(path, os.fstat(file))
        except RingError:
            os.close(file)
            raise
        return file

    def _need_file(path: Path, found: os.stat_result) -> None:
        if not stat.S_ISREG(found.st_mode):
            raise RingError(f"{path} is not a file: remove it or choose another name.")

    def attach(name: str) -> mmap.mmap:
        """See above."""
        file = open_file(name, os.O_RDWR)
        try:
            size = os.fstat(file).st_size
            if size < HEADER:
                raise NoRing(
                    f"{folder() / (PREFIX + name)} is not a frame segment of spout-bridge."
                )
            return mmap.mmap(file, size)
        finally:
            os.close(file)
