"""Windows-only services of the bridge: whether Windows does what is asked."""

import ctypes
import os
import threading

import pytest
from rig_tools import wait

from bridge.system import windows
from bridge.system.windows import AS_USUAL, AWAKE, CLOSE, END, MAY_END, awake, on_end, pipe_ended
from engine.system.waking import wake_in_time


def state() -> int:
    """What holds for this thread; to ask for it is to set it, so it is set again."""
    kernel = ctypes.WinDLL("kernel32")
    kernel.SetThreadExecutionState.restype = ctypes.c_ulong
    held = kernel.SetThreadExecutionState(ctypes.c_ulong(AS_USUAL))
    kernel.SetThreadExecutionState(ctypes.c_ulong(held | AS_USUAL))
    return held


def test_the_machine_stays_awake_inside_and_only_there():
    ctypes.WinDLL("kernel32").SetThreadExecutionState(ctypes.c_ulong(AS_USUAL))
    with awake(False):
        assert state() | AS_USUAL == AS_USUAL
    with awake(True):
        assert state() | AS_USUAL == AWAKE
    assert state() | AS_USUAL == AS_USUAL


def test_the_finer_clock_is_given(caplog):
    caplog.set_level("INFO")
    wake_in_time()
    assert not any("finer clock" in record.message for record in caplog.records)


def test_a_pipe_has_ended_when_all_is_read_and_nobody_writes():
    reader, writer = os.pipe()
    assert not pipe_ended(reader)
    os.write(writer, b"words")
    assert not pipe_ended(reader)
    os.close(writer)
    assert pipe_ended(reader)
    os.close(reader)


@pytest.fixture
def window(monkeypatch):
    """Ours, which nobody sees, and how often it was told to end."""
    monkeypatch.setattr(windows, "ALLOWED", 0.1)
    told = threading.Semaphore(0)
    on_end(told.release)
    user = ctypes.WinDLL("user32")
    user.FindWindowW.restype = ctypes.c_void_p
    find = lambda: user.FindWindowW(windows.WINDOW, windows.WINDOW)  # noqa: E731
    wait(find)
    return ctypes.c_void_p(find()), told


def test_a_logoff_is_an_end_and_one_that_is_called_off_is_none(window):
    window, told = window
    send = ctypes.WinDLL("user32").SendMessageW
    assert send(window, MAY_END, None, None) == 1
    send(window, END, None, None)
    assert not told.acquire(timeout=0.2)
    send(window, END, ctypes.c_void_p(1), None)
    assert told.acquire(timeout=30)


def test_a_polite_taskkill_is_an_end(window):
    window, told = window
    for _ in range(2):
        assert ctypes.WinDLL("user32").PostMessageW(window, CLOSE, None, None)
        assert told.acquire(timeout=30), "and leaves the window where it is"
