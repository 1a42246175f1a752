"""The memory behind the rings: segments by name, as each system has them.

POSIX has files: one that is replaced or removed goes on for those who have it open, but one that
somebody cuts short ends by SIGBUS whoever has it mapped. So only private segments are mapped, those
between a bridge and its worker: they have names that nobody can guess, and lose them as soon as
both have them. Windows has named mappings that can change neither size nor owner while anybody
holds them, so there a name leads to a number, and the number to the segment; both vanish with their
last user.
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
NUMBER = 3  # place of the segment's number behind a name on Windows, in u64
YOUNG = 2.0  # seconds in which a segment may still be being made


class RingError(OSError):
    """A segment cannot be made, or is not one of ours; the text is one sentence."""


class NoRing(RingError):
    """There is a file of that name, and what is in it is no ring, or none yet."""


def folder() -> Path:
    """Where segments lie as files; unused on Windows."""
    shared = Path("/dev/shm")
    return shared if shared.is_dir() else Path(tempfile.gettempdir())


def private_name(serial: int, way: str, number: int) -> str:
    """A name for a segment of this process to (`way` "in") or from ("out") an engine worker."""
    return f"{os.getpid()}-{serial}-{way}-{number}-{token_hex(6)}"


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
        return time.time() - (folder() / (PREFIX + name)).lstat().st_mtime < YOUNG
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

    def create(name: str, head: bytes, size: int) -> tuple[mmap.mmap, mmap.mmap | None]:
        """Make a segment of this name that begins with `head`, and reserve its `size` bytes; what
        is given second must be kept as long as the name. RingError when there is no room: nothing
        is left then, and the segment that had the name has it still.
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
        memory[:8] = head[:8]  # last: a reader takes the segment for whole from here on
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
        """A segment's file, reserved and with its `head` before it has its name; gives its
        descriptor. RingError as above.
        """
        path = folder() / (PREFIX + name)
        # A new file moved over the old name: a reader of the old segment is never cut short.
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
        except BaseException as error:  # whatever it was, nothing half made may stay
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
        zeros = bytes(1 << 20)  # elsewhere a file has room only where something was written
        for at in range(0, size, len(zeros)):
            os.pwrite(file, zeros[: size - at], at)

    def _refusal(error: OSError, path: Path, size: int) -> RingError:
        """Why a segment cannot be made, in a sentence."""
        if error.errno in (errno.ENOSPC, errno.ENOMEM, errno.EFBIG, errno.EDQUOT):
            return RingError(
                f"No room for {size / 1e6:.0f} MB of shared memory in {path.parent} "
                f"({error.strerror}); free some or choose a smaller size."
            )
        if error.errno in (errno.EISDIR, errno.EEXIST, errno.ENOTEMPTY, errno.EACCES, errno.EPERM):
            return RingError(
                f"{path} cannot be made ({error.strerror}): remove what has that name or choose "
                "another."
            )
        return RingError(f"{path} cannot be made: {error.strerror}.")

    def open_file(name: str, flags: int = os.O_RDONLY) -> int:
        """The descriptor of a segment's file, whoever made it; never waits. FileNotFoundError where
        there is none, RingError for what is no file or may not be opened.
        """
        path = folder() / (PREFIX + name)
        _need_file(path, path.lstat())
        try:
            # None of the flags matters to a file; they do to what may take its place just now.
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
            raise RingError(f"{path} is no file: remove it or choose another name.")

    def attach(name: str) -> mmap.mmap:
        """See above."""
        file = open_file(name, os.O_RDWR)
        try:
            size = os.fstat(file).st_size
            if size < HEADER:
                raise NoRing(f"{folder() / (PREFIX + name)} is no frame segment of spout-bridge.")
            return mmap.mmap(file, size)
        finally:
            os.close(file)
