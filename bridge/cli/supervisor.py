"""`spout-bridge run --keep`: the bridge as a child process, started again whenever it dies."""

import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from time import perf_counter

from rich.console import Console

from bridge.errors import ExitStatus
from bridge.settings import Settings, new_token
from bridge.system import logs
from bridge.system.endings import stop_event, stop_with_stdin
from bridge.system.processes import OUTSIDE, death, from_outside, kill_with_parent
from engine.system.parent import die_with_parent

REFUSALS = {status for status in ExitStatus if status.refused}
SETTLED = 5.0  # seconds of life after which a death is no failed start
PROVEN = 10.0  # the same after which nothing can be wrong with what was asked for
LONGEST_PAUSE = 10.0  # seconds between a death and the next start
GLANCE = 0.1  # seconds: Windows sees Ctrl-C between two waits only
TOO_MANY = 4  # deaths in a row, each soon after its start: what is restored may be why
# Seconds that the bridge may take to end when it is told to: it takes two where nothing else runs,
# and what is killed has not told its journal that it ended well. Windows gives us five.
GRACE = 4.0 if sys.platform == "win32" else 10.0


def supervise(arguments: Sequence[str], settings: Settings, console: Console) -> int:
    """Run the bridge until Ctrl-C, or until it ends as it was meant to; the exit status."""
    stop = stop_event()
    if settings.stop_on_stdin_end:
        stop_with_stdin(stop)
    environment = _environment(settings)
    arguments = _without("--keep", arguments)
    deaths, proven = 0, False  # deaths in a row, each soon after its start
    while True:
        began = perf_counter()
        status = _run(arguments, environment, stop)
        lived = perf_counter() - began
        refused = status in REFUSALS
        # What ran is not refused for good: the camera or the port will be free again. And Windows
        # gives 1, as for a refusal, to a program that its task manager has ended.
        proven = proven or not refused or lived >= PROVEN
        if stop.is_set() or status == 0 or not proven:
            return 0 if stop.is_set() else status
        deaths = 1 if lived >= SETTLED else deaths + 1
        pause = min(LONGEST_PAUSE, 2.0 ** (deaths - 2)) if deaths > 1 else 0.0
        when = f"in {pause:.0f} s" if pause else "now"
        how = OUTSIDE if lived >= PROVEN and from_outside(status, ()) else death(status)
        _tell(console, f"The bridge {how} after {lived:.0f} s and starts again {when}.")
        arguments = _without("--fresh", arguments)  # or the look would be lost
        # The next life finds a clean journal, the old one is put aside.
        fresh = deaths == TOO_MANY and not refused
        environment["SPOUT_BRIDGE_FRESH"] = "true" if fresh else "false"
        if fresh:
            _tell(console, "It starts clean this time: what it restores may be what ends it.")
        until = perf_counter() + pause
        while perf_counter() < until and not stop.wait(GLANCE):
            pass


def _tell(console: Console, text: str) -> None:
    """A line, where anybody can still read it: a full disk or a closed pipe ends no show, and no
    new life waits for a full one.
    """

    def write() -> None:
        if console.is_terminal:  # a dead bridge leaves its line open and the cursor hidden
            console.show_cursor()
            console.line()
        console.print(text)

    logs.say(write)


def _run(arguments: Sequence[str], environment: Mapping[str, str], stop: threading.Event) -> int:
    """One life of the bridge; its exit status, as subprocess has it."""
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
        told.close()  # the one way to ask for an end that Windows has, too
        if sys.platform != "win32":
            process.terminate()  # it is heard sooner
        try:
            return process.wait(GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()


def _environment(settings: Settings) -> dict[str, str]:
    """That of the bridge: with a token that stays, where it would make a new one at each start; and
    it ends when we close its standard input.
    """
    token = {"SPOUT_BRIDGE_TOKEN": new_token()} if settings.lan and not settings.token else {}
    return {**os.environ, **token, "SPOUT_BRIDGE_STOP_ON_STDIN_END": "true"}


def _without(flag: str, arguments: Sequence[str]) -> list[str]:
    """The arguments without a flag, which may have been shortened: `--fresh`, `--fres`, `--fr`."""
    return [text for text in arguments if len(text) < 3 or not flag.startswith(text)]
