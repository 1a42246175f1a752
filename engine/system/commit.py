"""Memory that can still be allocated, and how to recognise a refusal. Windows commits no more than
memory and page file together, used or not: a load can fail there with much of the memory free. Free
of torch.
"""

import ctypes
import errno
import struct
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any

import psutil

STATUS = struct.Struct("<2I7Q")  # Windows' MEMORYSTATUSEX, and its fields used here:
PHYSICAL, LIMIT, LEFT = 2, 4, 5
KEY = r"SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management"
MB = 1 << 20
LITTLE = 1e9  # bytes; with less left, running out of memory is not the file's fault

# How the system and the libraries report that memory was refused. Windows' 1455 is its page file,
# which safetensors and torch report only as text.
NO_MEMORY = {8, 14, 1455}  # Windows' numbers
SAID = ("os error 1455", "WinError 1455", "code: <1455>", "os error 12)", "annot allocate memory",
        "an't allocate memory", "not enough memory", "bad allocation", "ailed to allocate",
        "(-4:Insufficient memory)")  # fmt: skip
WINDOWS = (
    "close other programs, or let Windows choose the size of its page file (System, About, "
    "Advanced system settings, Performance, Advanced, Virtual memory)"
)
MORE = WINDOWS if sys.platform == "win32" else "close other programs, or give it more memory"


def available() -> int:
    """Bytes of the computer's memory that a program can allocate now."""
    free, more = psutil.virtual_memory().available, left()
    return free if more is None else min(free, more)


def little_left() -> bool:
    """Whether so little memory is left that anything may fail."""
    return available() < LITTLE


def short_of_memory(error: BaseException) -> bool:
    """Whether an error from any library means that memory ran out, so that no file is to blame. It
    may be wrapped in another one, as compilers do.
    """
    return any(map(_refused, _with_causes(error)))


def _with_causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what led to it, hidden (`from None`) or not."""
    left, seen = [error], set[int]()
    while left:
        found = left.pop()
        if id(found) not in seen:
            seen.add(id(found))
            yield found
            left += filter(None, (found.__cause__, found.__context__))


def _refused(error: BaseException) -> bool:
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    if isinstance(error, OSError):
        numbers = getattr(error, "winerror", None) in NO_MEMORY, error.errno == errno.ENOMEM
        if any(numbers):
            return True
    return any(words in str(error) for words in SAID)


def cure() -> str:
    """The cure if the page file is too small, to append to a sentence without its full stop; else
    empty.
    """
    more = left()
    return f"; {WINDOWS}" if more is not None and more < psutil.virtual_memory().available else ""


def left() -> int | None:
    """Bytes that Windows can still commit; None if there is no such limit: on other systems, or if
    the page file grows as needed.
    """
    if sys.platform != "win32":
        return None
    raw = ctypes.create_string_buffer(STATUS.pack(STATUS.size, *[0] * 8), STATUS.size)
    if not ctypes.WinDLL("kernel32").GlobalMemoryStatusEx(raw):
        return None
    told = STATUS.unpack(raw.raw)
    more = growth(_page_files(), told[LIMIT] - told[PHYSICAL])
    return None if more is None else told[LEFT] + more


def growth(files: Sequence[str], now: int) -> int | None:
    """Bytes by which page files of `now` bytes in total can grow; None if Windows manages their
    size. `files` are their settings: path, minimum and maximum MB of each.
    """
    most = 0
    for line in files:
        parts = line.split()
        if len(parts) < 3 or not parts[-1].isdecimal() or parts[-1] == "0":
            return None
        most += int(parts[-1]) * MB
    return max(0, most - now)


def _page_files() -> Sequence[str]:
    """Their settings in the registry; if missing, as if managed by Windows."""
    winreg: Any = import_module("winreg")
    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, KEY) as key:
            value, _ = winreg.QueryValueEx(key, "PagingFiles")
    except OSError:
        return ["?"]
    return [line for line in ([value] if isinstance(value, str) else value) if line.strip()]
