"""A bridge on Windows that is asked to end in the ways that only Windows has.

    asks_to_end.py console|logoff|pipe GO [arguments of spout-bridge]

It asks when the file GO is there, and ends with the bridge's status.
"""

import ctypes
import subprocess
import sys
import threading
import time
from pathlib import Path

EVENTS = {"console": 2, "logoff": 5}


def console(event: int) -> None:
    """As when the console's window is closed: then Windows starts this in every process of it."""
    ctypes.WinDLL("kernelbase").CtrlRoutine(ctypes.c_void_p(event))


def wait_for(go: Path) -> None:
    while not go.exists():
        time.sleep(0.05)


def main() -> None:
    how, go = sys.argv[1], Path(sys.argv[2])
    arguments = sys.argv[3:]
    if how == "pipe":
        command = [sys.executable, "-m", "bridge.cli", *arguments, "--stop-on-stdin-end"]
        with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
            process.stdin.write(b"nothing of interest")
            process.stdin.flush()
            wait_for(go)
            process.stdin.close()
            sys.exit(process.wait(20))

    def ask() -> None:
        wait_for(go)
        console(EVENTS[how])

    threading.Thread(target=ask, daemon=True).start()
    from bridge.cli.commands import main as command

    command(arguments)


main()
