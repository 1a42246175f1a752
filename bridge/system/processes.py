"""Child processes: on Windows they end with this one, however it ends; and how one ended."""

import ctypes
import os
import signal
import struct
import sys
from collections.abc import Iterable
from functools import cache
from subprocess import Popen

KILL_ON_JOB_CLOSE = 0x2000
OUTSIDE = "was killed from outside, such as by the task manager"
EXTENDED_LIMITS = 9  # the information class; 144 bytes, the flags at 16


# Exit status of a kill by Windows' task manager, `taskkill` or PowerShell; 1 is also Python's own.
FROM_OUTSIDE = (1, 0xFFFFFFFF)
WORDS = "(most recent call "  # in what Python prints before it ends by itself


def from_outside(status: int, said: Iterable[str]) -> bool:
    """Whether a child was killed by another program, judged by its exit status and the last lines
    that it printed (`said`). On Windows, where no signal shows it.
    """
    if sys.platform != "win32" or status not in FROM_OUTSIDE:
        return False
    return not any(WORDS in line for line in said)


def death(status: int) -> str:
    """What an exit status, as in subprocess, means for a child."""
    if status < 0:
        return f"was killed by {signal.Signals(-status).name}"
    if status == FROM_OUTSIDE[-1]:
        return OUTSIDE
    if status > 0xFFFF:
        return f"crashed (Windows says {status:#010x})"
    return f"ended with status {status}"


def kill_with_parent(process: "Popen[bytes]") -> None:
    """Let a child end with us; if that fails, it ends when its pipe closes."""
    if sys.platform == "win32":
        handle = int(process._handle)  # pyright: ignore[reportAttributeAccessIssue]  # there on Windows alone
        ctypes.WinDLL("kernel32").AssignProcessToJobObject(
            ctypes.c_void_p(_job()), ctypes.c_void_p(handle)
        )


@cache
def _job() -> int:
    """The job object of this process; never closed: Windows does that at the end of the process."""
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
    """The environment of a child that runs Python: its output is UTF-8, also on Windows, unless the
    user has chosen otherwise.
    """
    return {"PYTHONIOENCODING": "utf-8:backslashreplace", **os.environ}
