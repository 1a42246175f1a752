"""Windows: processes that end with this one, however it ends."""

import ctypes
import struct
import sys
from subprocess import Popen

KILL_ON_JOB_CLOSE = 0x2000
EXTENDED_LIMITS = 9  # the kind of information; 144 bytes, the flags at 16
_job: int | None = None  # never closed: Windows does that when this process is gone


def tie(process: "Popen[bytes]") -> None:
    """Let a child end with us; where that cannot be had, it ends when its pipe closes."""
    global _job
    if sys.platform != "win32":
        return
    kernel = ctypes.WinDLL("kernel32")
    kernel.CreateJobObjectW.restype = ctypes.c_void_p
    if _job is None:
        _job = kernel.CreateJobObjectW(None, None)
        limits = bytearray(144)
        struct.pack_into("<I", limits, 16, KILL_ON_JOB_CLOSE)
        kernel.SetInformationJobObject(
            ctypes.c_void_p(_job), EXTENDED_LIMITS, bytes(limits), len(limits)
        )
    handle = int(process._handle)  # pyright: ignore
    kernel.AssignProcessToJobObject(ctypes.c_void_p(_job), ctypes.c_void_p(handle))
