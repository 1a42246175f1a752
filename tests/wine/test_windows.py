"""Windows-only services of the bridge: whether Windows does what is asked."""

import ctypes
import os
import sys
import threading

import pytest
from rig_tools import wait

from bridge.system import logon, windows
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


ODD = ["plain", "two words", "Jürgen's Bühne", '"quoted"', "100 %", "%PATH%", "back\\slash", "",
       "end\\", "a;b & c | d > e", "^", 'both\\" and " \\\\', "tab\there", "日本"]  # fmt: skip


def test_a_shortcut_holds_every_command_as_windows_reads_it(tmp_path, monkeypatch):
    """Written and read by the shell, and split by what splits every command line."""
    monkeypatch.setattr(logon, "_folder", lambda: tmp_path)
    show = tmp_path / "Jürgens Bühne & mehr"
    show.mkdir()
    command = [sys.executable, "-P", "-m", "bridge.cli", "run", "--keep", *ODD]
    path = logon.add(logon.Entry("Left Wing", command, show))
    assert path == tmp_path / "spout-bridge Left Wing.lnk"
    (tmp_path / "spout-bridge of mine.lnk").write_bytes(b"no shortcut")
    (found,) = logon.entries()
    assert [*found.command] == command
    assert (found.name, found.folder, found.file) == ("Left Wing", show, path)
    assert [*tmp_path.glob("*.new")] == []
    with pytest.raises(logon.LogonError, match="fewer flags"):
        logon.add(logon.Entry("Long", [*command, "x" * 4096], show))
    logon.add(logon.Entry("Left Wing", command[:6], show))
    (found,) = logon.entries()
    assert [*found.command] == command[:6]
    logon.remove(found)
    assert logon.entries() == []
    assert (tmp_path / "spout-bridge of mine.lnk").exists()


def test_this_account_has_a_startup_folder():
    assert "tart" in logon._folder().name
