"""Windows-only services of the bridge. On other systems these functions do nothing.

On Windows a process ends not only by a signal: the console window is closed, the user logs off,
another program asks our windows to close. Each leaves a process about five seconds. And the machine
goes to sleep without user input.
"""

import ctypes
import logging
import os
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from time import sleep

log = logging.getLogger(__name__)

ALLOWED = 4.5  # seconds that ending may take, of the five that Windows gives
CONSOLE_ENDS = (2, 5, 6)  # console window closed, logoff, shutdown
CLOSE, MAY_END, END = 0x10, 0x11, 0x16  # WM_CLOSE, WM_QUERYENDSESSION, WM_ENDSESSION
GONE = (109, 232, 233)  # ERROR_BROKEN_PIPE, ERROR_NO_DATA, ERROR_PIPE_NOT_CONNECTED
# ES_CONTINUOUS: until the next call of the same thread; ES_SYSTEM_REQUIRED, ES_DISPLAY_REQUIRED
AS_USUAL, AWAKE = 0x80000000, 0x80000003
WINDOW = "spout-bridge"  # class and title of the hidden window

_ends: list[Callable[[], None]] = []  # called at an end
_kept: list[object] = []  # callbacks that Windows holds by address must never be collected


def on_end(stop: Callable[[], None]) -> None:
    """Have `stop` called from another thread when Windows wants this process to end, and delay that
    until the process has ended by itself or its time is up.
    """
    if sys.platform == "win32":
        first, _ends[:] = not _ends, [stop]
        if first:
            _hear_console()
            threading.Thread(target=_window, name="end of session", daemon=True).start()


@contextmanager
def awake(wanted: bool) -> Generator[None]:
    """While inside and `wanted`, neither the machine nor its displays go to sleep for lack of user
    input: a projector is a display. Enter and leave in the same thread.
    """
    if not wanted or sys.platform != "win32":
        yield
        return
    if not ctypes.WinDLL("kernel32").SetThreadExecutionState(ctypes.c_ulong(AWAKE)):
        log.warning("Windows may go to sleep during this run: check its power settings.")
    try:
        yield
    finally:
        ctypes.WinDLL("kernel32").SetThreadExecutionState(ctypes.c_ulong(AS_USUAL))


def pipe_ended(descriptor: int) -> bool:
    """Whether a pipe has no writer left and all its data has been read. Never waits: a blocking
    read there would block every other thread that touches the pipe.
    """
    if sys.platform == "win32":
        import msvcrt

        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        handle, waiting = ctypes.c_void_p(msvcrt.get_osfhandle(descriptor)), ctypes.c_ulong()
        if kernel.PeekNamedPipe(handle, None, 0, None, ctypes.byref(waiting), None):
            if waiting.value:
                os.read(descriptor, waiting.value)
            return False
        return ctypes.get_last_error() in GONE
    return False


def _end() -> None:
    for stop in _ends:
        stop()
    sleep(ALLOWED)  # when this returns Windows ends the process, which should be gone by then


def _hear_console() -> None:
    """Ctrl-C and Ctrl-Break are left to Python's signals."""
    if sys.platform == "win32":

        @ctypes.WINFUNCTYPE(ctypes.c_int, ctypes.c_ulong)
        def heard(event: int) -> int:
            if event not in CONSOLE_ENDS:
                return 0
            _end()
            return 1

        _kept.append(heard)
        if not ctypes.WinDLL("kernel32").SetConsoleCtrlHandler(heard, 1):
            log.warning("Windows will not report the end of its console.")


def _window() -> None:
    """A window that is never shown: only windows get a logoff, or a polite `taskkill`. Runs in a
    thread of its own.
    """
    if sys.platform == "win32":
        from ctypes import wintypes

        user = ctypes.WinDLL("user32", use_last_error=True)
        takes = (wintypes.HWND, wintypes.UINT, wintypes.WPARAM, wintypes.LPARAM)
        procedure = ctypes.WINFUNCTYPE(ctypes.c_ssize_t, *takes)
        user.DefWindowProcW.restype = ctypes.c_ssize_t
        user.DefWindowProcW.argtypes = takes
        user.CreateWindowExW.restype = wintypes.HWND

        @procedure
        def told(window: int, message: int, first: int, second: int) -> int:
            if message == CLOSE:
                for stop in _ends:
                    stop()
                return 0
            if message == MAY_END:
                return 1
            if message == END:
                if first:
                    _end()
                return 0
            return user.DefWindowProcW(window, message, first, second)

        class Class(ctypes.Structure):
            _fields_ = (
                ("style", wintypes.UINT), ("procedure", procedure), ("extra", ctypes.c_int),
                ("more", ctypes.c_int), ("instance", wintypes.HINSTANCE), ("icon", wintypes.HICON),
                ("cursor", wintypes.HANDLE), ("brush", wintypes.HBRUSH),
                ("menu", wintypes.LPCWSTR), ("name", wintypes.LPCWSTR),
            )  # fmt: skip

        about = Class(procedure=told, name=WINDOW)
        _kept.extend((told, about))
        user.RegisterClassW(ctypes.byref(about))
        if not user.CreateWindowExW(0, WINDOW, WINDOW, 0, 0, 0, 0, 0, None, None, None, None):
            log.info("no window, so logoff is not reported: error %d", ctypes.get_last_error())
            return
        message = wintypes.MSG()
        while user.GetMessageW(ctypes.byref(message), None, 0, 0) > 0:
            user.DispatchMessageW(ctypes.byref(message))
