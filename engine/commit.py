"""Memory that may still be asked for. Windows promises no more than memory and page file hold
together, whether it is used or not: a load can fail there with much of the memory free. Free of
torch.
"""

import ctypes
import struct
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import psutil

from engine.faults import WINDOWS

STATUS = struct.Struct("<2I7Q")  # Windows' MEMORYSTATUSEX; its places of limit and rest:
PHYSICAL, LIMIT, LEFT = 2, 4, 5
KEY = r"SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management"
MB = 1 << 20
LITTLE = 1e9  # bytes; with less left, what fails for memory is not the file's fault


def available() -> int:
    """Bytes of the computer's memory that a program may ask for now."""
    free, more = psutil.virtual_memory().available, left()
    return free if more is None else min(free, more)


def little_left() -> bool:
    """Whether so little memory is left that anything may fail for it."""
    return available() < LITTLE


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
