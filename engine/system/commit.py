"""How much memory may still be allocated, and which errors mean that memory ran out.

Windows promises no more than memory and page file hold together, whether it is used or not: a
load can fail there with much of the memory free. Free of torch.
"""

import ctypes
import errno
import struct
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import psutil

STATUS = struct.Struct("<2I7Q")  # Windows' MEMORYSTATUSEX; its places of limit and rest:
PHYSICAL, LIMIT, LEFT = 2, 4, 5
KEY = r"SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management"
MB = 1 << 20
LITTLE = 1e9  # bytes; with less left, what fails for memory is not the file's fault

# How the system and the libraries say that memory was refused. Windows' 1455 is its page file,
# which safetensors and torch report in words alone.
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
    """Bytes of the computer's memory that a program may ask for now."""
    free, more = psutil.virtual_memory().available, left()
    return free if more is None else min(free, more)


def little_left() -> bool:
    """Whether so little memory is left that anything may fail for it."""
    return available() < LITTLE


def short_of_memory(error: BaseException) -> bool:
    """Whether an error, of whatever library, means that memory ran out: no file is to blame."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    if isinstance(error, OSError):
        numbers = getattr(error, "winerror", None) in NO_MEMORY, error.errno == errno.ENOMEM
        if any(numbers):
            return True
    return any(words in str(error) for words in SAID)


def cure() -> str:
    """What makes room, to follow a sentence without its end, where the page file is what lacks."""
    more = left()
    return f"; {WINDOWS}" if more is not None and more < psutil.virtual_memory().available else ""


def left() -> int | None:
    """Bytes that Windows may still promise; None where that is no limit: on other systems, and
    where the page file grows as it is needed.
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
    """Bytes by which page files of `now` bytes in all can grow; None where Windows sees to that.
    `files` is how they are set up: path, least and most MB each.
    """
    most = 0
    for line in files:
        parts = line.split()
        if len(parts) < 3 or not parts[-1].isdecimal() or parts[-1] == "0":
            return None
        most += int(parts[-1]) * MB
    return max(0, most - now)


def _page_files() -> Sequence[str]:
    """What the registry says of them; as if Windows saw to them where it says nothing."""
    winreg: Any = import_module("winreg")
    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, KEY) as key:
            value, _ = winreg.QueryValueEx(key, "PagingFiles")
    except OSError:
        return ["?"]
    return [line for line in ([value] if isinstance(value, str) else value) if line.strip()]
