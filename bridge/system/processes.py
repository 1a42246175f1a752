"""Child processes: that on Windows they end with this one, however it ends; and how one ended."""

import ctypes
import os
import signal
import struct
import sys
from collections.abc import Iterable
from functools import cache
from subprocess import Popen

KILL_ON_JOB_CLOSE = 0x2000
OUTSIDE = "was ended from outside, as by the task manager"
EXTENDED_LIMITS = 9  # the kind of information; 144 bytes, the flags at 16


# What Windows' task manager, `taskkill` and PowerShell end a process with; 1 is also Python's own.
FROM_OUTSIDE = (1, 0xFFFFFFFF)
WORDS = "(most recent call "  # are in what Python says before it ends by itself


def from_outside(status: int, said: Iterable[str]) -> bool:
    """Whether a child was ended by somebody else, as far as its exit status and what it `said` at
    last can tell. On Windows, where no signal says so.
    """
    if sys.platform != "win32" or status not in FROM_OUTSIDE:
        return False
    return not any(WORDS in line for line in said)


def death(status: int) -> str:
    """What an exit status, as subprocess has it, says of a child."""
    if status < 0:
        return f"was killed by {signal.Signals(-status).name}"
    if status == FROM_OUTSIDE[-1]:
        return OUTSIDE
    if status > 0xFFFF:
        return f"crashed (Windows says {status:#010x})"
    return f"ended with status {status}"


def kill_with_parent(process: "Popen[bytes]") -> None:
    """Let a child end with us; where that cannot be had, it ends when its pipe closes."""
    if sys.platform == "win32":
        handle = int(process._handle)  # pyright: ignore[reportAttributeAccessIssue]
        ctypes.WinDLL("kernel32").AssignProcessToJobObject(
            ctypes.c_void_p(_job()), ctypes.c_void_p(handle)
        )


@cache
def _job() -> int:
    """The job object of this process; never closed: Windows does that when the process is gone."""
    assert sys.platform == "win32"
    kernel = ctypes.WinDLL("kernel32")
    kernel.CreateJobObjectW.restype = ctypes.c_void_p
    job = kernel.CreateJobObjectW(None, None)
    limits = bytearray(144)
    struct.pack_into("<I", limits, 16, KILL_ON_JOB_CLOSE)
    kernel.SetInformationJobObject(
        ctypes.c_void_p(job), EXTENDED_LIMITS, bytes(limits), len(limits)
    )
    return job


def speaking_utf8() -> dict[str, str]:
    """The environment of a child that runs Python: what it prints is UTF-8, also on Windows, unless
    somebody chose otherwise.
    """
    return {"PYTHONIOENCODING": "utf-8:backslashreplace", **os.environ}
