"""Starting a worker's process, also ahead of its orders.

A worker takes a third of a second until it can read a message, and the bridge takes as long to
import the session: so the first worker's process is started first.
"""

import subprocess
import sys
from dataclasses import dataclass, field

from bridge.system.processes import kill_with_parent, speaking_utf8
from engine.remote.address import VARIABLE
from engine.system import devices
from engine.system.closing import Closing

WORKER = "engine.worker"  # the module that a worker's process runs
RELAY = "engine.remote.relay"  # the same of one whose engine is elsewhere
# Ctrl-C reaches every process of a console; the worker ends only on our request.
NEW_GROUP = subprocess.CREATE_NEW_PROCESS_GROUP if sys.platform == "win32" else 0
GROUP = None if sys.platform == "win32" else 0


@dataclass(frozen=True, slots=True)
class Relayed:
    """What a relay is started with: its settings, as JSON, with the token."""

    settings: str = field(repr=False)


def launch(
    gpu: int | None, *, cpu: bool, relay: Relayed | None = None
) -> "subprocess.Popen[bytes]":
    """Start a worker's process, with unbuffered pipes to it. It sees the GPU of this number, all if
    None, or with `cpu` none; it may be a `relay`. OSError if that is not possible.
    """
    module, more = (RELAY, {VARIABLE: relay.settings}) if relay else (WORKER, {})
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", module],  # no modules from the current folder
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={
            **speaking_utf8(),
            "PYTHONUNBUFFERED": "1",
            **devices.environment(gpu, cpu=cpu),
            **more,
        },
        creationflags=NEW_GROUP,
        process_group=GROUP,
    )
    kill_with_parent(process)
    return process


class Ahead(Closing):
    """The process of the first worker, until it is taken. A context manager: what nobody has taken
    ends with it.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, gpu: int | None, *, cpu: bool) -> None:
        """As `launch`; OSError likewise."""
        self._process = launch(gpu, cpu=cpu)

    def take(self) -> "subprocess.Popen[bytes] | None":
        """The process, to one caller; None if there is none, or if it has ended."""
        process, self._process = self._process, None
        if process and process.poll() is not None:
            _end(process)
            return None
        return process

    def close(self) -> None:
        """End what nobody has taken."""
        process, self._process = self._process, None
        if process:
            _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.kill()  # on Windows of the launcher alone; its child ends as its pipe does
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe:
            pipe.close()
    process.wait()
