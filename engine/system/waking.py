"""Waits that end in time on Windows: a fine clock, and no throttling to save power."""

import ctypes
import logging
import struct
import sys

log = logging.getLogger(__name__)

PERIOD = 1  # ms
THROTTLING = 4  # ProcessPowerThrottling
SPEED, TIMERS = 1, 4  # what it may do: run us slowly, and forget the period that we asked for
FAILED = 0  # what a call that did not work gives


def wake_in_time() -> None:
    """Windows: have waits end a millisecond late at most, not up to a tick of 15.6, and have no
    saving of power slow this process down, also where its window is hidden or there is none.
    Elsewhere nothing happens.
    """
    if sys.platform == "win32":
        if ctypes.WinDLL("winmm").timeBeginPeriod(PERIOD):
            log.warning("Windows gives no finer clock than its tick: pictures may come unevenly.")
        # Windows 10 knows no TIMERS and then takes nothing of both.
        if not (_unthrottled(SPEED | TIMERS) or _unthrottled(SPEED)):
            log.info("Windows may slow this process down to save power.")


def _unthrottled(what: int) -> bool:
    """Have the system never do `what`; whether it agrees."""
    if sys.platform == "win32":
        kernel = ctypes.WinDLL("kernel32")
        kernel.GetCurrentProcess.restype = ctypes.c_void_p
        state = struct.pack("<III", 1, what, 0)  # version, what is decided, and that it is off
        return kernel.SetProcessInformation(
            ctypes.c_void_p(kernel.GetCurrentProcess()), THROTTLING, state, len(state)
        ) != FAILED  # fmt: skip
    return False
