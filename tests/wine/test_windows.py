"""What the bridge asks of Windows: whether Windows does it."""

import ctypes
import os

from bridge.windows import AS_USUAL, AWAKE, awake, pipe_ended
from engine.waking import wake_in_time


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
