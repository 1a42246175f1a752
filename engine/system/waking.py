"""Timely waking: what every process with a clock requests from Windows."""

import ctypes
import logging
import struct
import sys

log = logging.getLogger(__name__)

PERIOD = 1  # ms
THROTTLING = 4  # ProcessPowerThrottling
SPEED, TIMERS = 1, 4  # what it could do: slow us down, and ignore the timer period we requested
FAILED = 0  # the result of a failed call


def wake_in_time() -> None:
    """Windows: have waits end at most a millisecond late, not up to a tick of 15.6 ms, and keep
    power saving from slowing this process down, even with its window hidden or without one.
    Elsewhere nothing happens.
    """
    if sys.platform == "win32":
        if ctypes.WinDLL("winmm").timeBeginPeriod(PERIOD):
            log.warning("Windows grants no finer timer than its tick: frames may be uneven.")
        # Windows 10 does not know TIMERS, and then accepts neither.
        if not (_unthrottled(SPEED | TIMERS) or _unthrottled(SPEED)):
            log.info("Windows may slow this process down to save power.")


def _unthrottled(what: int) -> bool:
    """Ask the system never to do `what`; whether it agrees."""
    if sys.platform == "win32":
        kernel = ctypes.WinDLL("kernel32")
        kernel.GetCurrentProcess.restype = ctypes.c_void_p
        state = struct.pack("<III", 1, what, 0)  # version, the flags set, and that they are off
        return kernel.SetProcessInformation(
            ctypes.c_void_p(kernel.GetCurrentProcess()), THROTTLING, state, len(state)
        ) != FAILED  # fmt: skip
    return False
