"""`spout-bridge run --keep`: the bridge as a child process, restarted whenever it crashes."""

import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from time import perf_counter

from rich.console import Console

from bridge.cli.tokens import token_of
from bridge.errors import ExitStatus
from bridge.settings import Settings
from bridge.system import logs
from bridge.system.endings import stop_event, stop_with_stdin
from bridge.system.processes import OUTSIDE, death, from_outside, kill_with_parent
from engine.system.parent import die_with_parent

REFUSALS = {status for status in ExitStatus if status.refused}
SETTLED = 5.0  # seconds after which a crash is not a failed start
PROVEN = 10.0  # seconds after which the command line is proven right
LONGEST_PAUSE = 10.0  # seconds between a crash and the restart
GLANCE = 0.1  # seconds: Windows handles Ctrl-C between two waits only
TOO_MANY = 4  # crashes in a row, each soon after start: the restored state may be the cause
# Seconds allowed for the bridge to stop: it takes two on an idle machine, and a killed bridge has
# not recorded a clean end in its journal. Windows gives us five.
GRACE = 4.0 if sys.platform == "win32" else 10.0


def supervise(arguments: Sequence[str], settings: Settings, console: Console) -> int:
    """Run the bridge until Ctrl-C, or until it ends cleanly or is refused; the exit status."""
    stop = stop_event()
    if settings.stop_on_stdin_end:
        stop_with_stdin(stop)
    environment = _environment(settings)
    arguments = _without("--keep", arguments)
    deaths, proven = 0, False  # in a row, each soon after its start
    while True:
        began = perf_counter()
        status = _run(arguments, environment, stop)
        lived = perf_counter() - began
        refused = status in REFUSALS
        # Once it has run, a refusal is temporary: the camera or port will be free again. Windows
        # also gives 1, as for a refusal, to a program ended by its task manager.
        proven = proven or not refused or lived >= PROVEN
        if stop.is_set() or status == 0 or not proven:
            return 0 if stop.is_set() else status
        deaths = 1 if lived >= SETTLED else deaths + 1
        pause = min(LONGEST_PAUSE, 2.0 ** (deaths - 2)) if deaths > 1 else 0.0
        when = f"in {pause:.0f} s" if pause else "now"
        how = OUTSIDE if lived >= PROVEN and from_outside(status, ()) else death(status)
        _tell(console, f"The bridge {how} after {lived:.0f} s and restarts {when}.")
        arguments = _without("--fresh", arguments)  # or the look would be lost
        # The next run starts with a clean journal; the old one is kept aside.
        fresh = deaths == TOO_MANY and not refused
        environment["SPOUT_BRIDGE_FRESH"] = "true" if fresh else "false"
        if fresh:
            _tell(console, "Starting clean this time: the restored state may be what crashes it.")
        until = perf_counter() + pause
        while perf_counter() < until and not stop.wait(GLANCE):
            pass


def _tell(console: Console, text: str) -> None:
    """Print a line, if possible: a full disk or a closed pipe must not end the show, and no restart
    waits for a blocked one.
    """

    def write() -> None:
        if console.is_terminal:  # a crashed bridge leaves its line open and the cursor hidden
            console.show_cursor()
            console.line()
        console.print(text)

    logs.say(write)


def _run(arguments: Sequence[str], environment: Mapping[str, str], stop: threading.Event) -> int:
    """One run of the bridge; its exit status, as subprocess has it."""
    process = subprocess.Popen(
        # -P, or a module in the current folder could pass for one of ours.
        [sys.executable, "-P", "-m", "bridge.cli", *arguments],
        env=environment,
        stdin=subprocess.PIPE,
        preexec_fn=die_with_parent if hasattr(os, "fork") else None,
    )
    assert process.stdin is not None
    kill_with_parent(process)
    with process.stdin as told:
        while not stop.is_set():
            with suppress(subprocess.TimeoutExpired):
                return process.wait(GLANCE)
        told.close()  # the only request to stop that works on Windows too
        if sys.platform != "win32":
            process.terminate()  # takes effect sooner
        try:
            return process.wait(GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()


def _environment(settings: Settings) -> dict[str, str]:
    """The bridge's environment: with one token for all starts, and set to stop when we close its
    standard input.
    """
    made = settings.lan and not settings.token
    token = {"SPOUT_BRIDGE_TOKEN": token_of(settings)} if made else {}
    return {**os.environ, **token, "SPOUT_BRIDGE_STOP_ON_STDIN_END": "true"}


def _without(flag: str, arguments: Sequence[str]) -> list[str]:
    """The arguments without a flag, which may be abbreviated: `--fresh`, `--fres`, `--fr`."""
    return [text for text in arguments if len(text) < 3 or not flag.startswith(text)]
