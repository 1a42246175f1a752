# pyright: basic
"""A bridge process on this machine: start it, find it again, end it.

Plain Python: it runs in TouchDesigner as the Text DAT of the same name, and anywhere else. A DAT's
module is recompiled with every update of the component and loses its state. So process records are
kept as plain values in a separate Python module, which outlives the DATs.
"""

import ctypes
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
import types
from contextlib import suppress
from pathlib import Path
from typing import Any

SHELF = "spout_bridge_processes"  # a module unknown to TouchDesigner
STOP = 6.0  # seconds for a normal end, including finishing a recording
FORCED = 1.0  # seconds for a forced end
GLANCE = 0.05
TAIL, LONGEST = 4096, 300  # bytes read from the end of a log, characters kept of a line
# Variables that TouchDesigner sets for itself, or that point programs to its libraries.
ALIEN = ("PYTHON", "QT_", "DYLD_")
ALIEN_NAMES = ("VIRTUAL_ENV", "LD_LIBRARY_PATH", "LD_PRELOAD", "__PYVENV_LAUNCHER__")


def shelf():
    """Records, by pid, of the processes started from this TouchDesigner: `owner` (id of a
    component), `process` (None if only the pid is known), `born`, `port` and `log`.
    """
    return _kept().running


def _kept():
    made: Any = types.ModuleType(SHELF)
    made.running, made.closers = {}, {}
    kept: Any = sys.modules.setdefault(SHELF, made)
    if not hasattr(kept, "users"):  # made by an earlier version, in this TouchDesigner
        kept.users = {}
    return kept


def use(owner, port, lives=bool):
    """Note that a component is connected to a bridge on this machine at this port; None: no longer.
    `lives()` says whether the component still exists.
    """
    if port is None:
        _kept().users.pop(owner, None)
    else:
        _kept().users[owner] = port, lives


def enlist(owner, close):
    """Register `close` to end a component's thread, at the latest when it is replaced or found to
    be gone, since nothing else may signal that.
    """
    earlier = _kept().closers.get(owner)
    _kept().closers[owner] = close
    if earlier:
        earlier()


def start(command, owner, port, folder, log):
    """Start a command line and return its record. OSError or ValueError if it cannot be started.

    Its standard input is our pipe; closing it ends the bridge normally, even if TouchDesigner
    crashes.
    """
    with Path(log).open("wb") as out:
        process = subprocess.Popen(
            command if os.name == "nt" else shlex.split(command),
            stdin=subprocess.PIPE, stdout=out, stderr=out, cwd=folder or None, env=environment(),
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )  # fmt: skip
    found = {"owner": owner, "process": process, "pid": process.pid, "born": born(process.pid),
             "port": port, "log": str(log)}  # fmt: skip
    shelf()[process.pid] = found
    return found


def environment():
    """The environment for a bridge, without TouchDesigner's own Python and libraries."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith(ALIEN) and name.upper() not in ALIEN_NAMES
    }
    return {**kept, "PYTHONIOENCODING": "utf-8", "SPOUT_BRIDGE_STOP_ON_STDIN_END": "true"}


def of(owner):
    """The record of a component's process; None if it has none."""
    return next((found for found in list(shelf().values()) if found["owner"] == owner), None)


def claim(owner, port, record, lives):
    """Find a component's process again, after an update or after reopening the project. `record` is
    what the component stored, `lives(id)` says whether a component with that id exists. Processes
    whose component is gone and that are not claimed are ended.
    """
    record = record or {}
    closers = _kept().closers
    for other in [number for number in list(closers) if number != owner and not lives(number)]:
        closers.pop(other)()
    for found in list(shelf().values()):
        same = found["pid"] == record.get("pid") and found["born"] == record.get("born")
        if found["owner"] != owner and lives(found["owner"]):
            continue  # another component's: a copy keeps its original's record
        if same or found["port"] == port:
            found["owner"] = owner
        elif found["owner"] is not None:
            end(found)
    pid = record.get("pid")
    if pid and pid not in shelf() and record.get("born") and born(pid) == record["born"]:
        shelf()[pid] = {**record, "owner": owner, "process": None}  # from an earlier TouchDesigner


def record(found):
    """What a component stores to find it again."""
    return {name: found[name] for name in ("pid", "born", "port", "log")}


def status(found):
    """The exit status; None while it runs, 0 if unknown."""
    if found["process"] is not None:
        return found["process"].poll()
    return None if born(found["pid"]) == found["born"] else 0


def stop(found, patience=STOP):
    """End it as with Ctrl-C, then by force; returns its exit status. Blocks."""
    process, pid = found["process"], found["pid"]
    if process is not None:
        with suppress(OSError):
            process.stdin.close()
        if not _gone(found, patience):
            process.terminate()
        if not _gone(found, FORCED):
            process.kill()
            process.wait()
    elif status(found) is None:
        with suppress(OSError):
            os.kill(pid, signal.SIGTERM)  # forced on Windows
        if not _gone(found, patience) and hasattr(signal, "SIGKILL"):
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
    return ended(found)


def ended(found):
    """Remove the record of an ended process; returns its exit status."""
    shelf().pop(found["pid"], None)
    if found["process"] is not None:
        with suppress(OSError):
            found["process"].stdin.close()
    return status(found) or 0


def let_go(owner):
    """The component is gone: pass its bridge to another connected component, such as a copy, or end
    it in a thread. Does not block.
    """
    found = of(owner)
    if found is None:
        return
    users = list(_kept().users.items())
    heirs = [n for n, (port, lives) in users if port == found["port"] and n != owner and lives()]
    free = [number for number in heirs if of(number) is None]
    if free:
        found["owner"] = free[0]
    else:
        end(found)


def end(found):
    """End a process without a component, in a thread. Does not block."""
    found["owner"] = None
    threading.Thread(target=stop, args=(found,), name="SpoutBridge end").start()


def _gone(found, seconds):
    end = time.monotonic() + seconds
    while status(found) is None:
        if time.monotonic() > end:
            return False
        time.sleep(GLANCE)
    return True


def last_lines(path, number):
    """The last non-empty lines of a log, joined; empty if none."""
    try:
        with Path(path).open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - TAIL))
            text = file.read(TAIL).decode("utf-8", "replace")
    except OSError:
        return ""
    lines = [" ".join(line.split())[:LONGEST] for line in text.replace("\r", "\n").split("\n")]
    return " ".join([line for line in lines if line][-number:])


def born(pid):
    """The start time of a process, to distinguish it from a later one with the same pid; empty if
    it does not exist or has ended.
    """
    if sys.platform == "win32":
        return _born_windows(pid)
    with suppress(OSError, IndexError):
        fields = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
        return "" if fields[0] == "Z" else fields[19]
    with suppress(OSError, subprocess.SubprocessError):
        asked = subprocess.run(
            ["ps", "-o", "lstart=", "-p", str(pid)],
            capture_output=True, text=True, timeout=FORCED, check=False,
        )  # fmt: skip
        return asked.stdout.strip()
    return ""


def _born_windows(pid):
    kernel = ctypes.WinDLL("kernel32", use_last_error=True)  # pyright: ignore[reportAttributeAccessIssue]
    kernel.OpenProcess.restype = ctypes.c_void_p
    handle = kernel.OpenProcess(0x1000 | 0x100000, False, pid)  # to query it, and to wait for it
    if not handle:
        return ""
    handle = ctypes.c_void_p(handle)
    times = [ctypes.c_uint64() for _ in range(4)]
    try:
        told = kernel.GetProcessTimes(handle, *(ctypes.byref(moment) for moment in times))
        running = kernel.WaitForSingleObject(handle, 0) == 258  # WAIT_TIMEOUT
        return str(times[0].value) if told and running else ""
    finally:
        kernel.CloseHandle(handle)
