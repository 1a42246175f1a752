"""The keeper of a place: it starts `spout-bridge serve` on one GPU, and again whenever it ends.

Ray runs it as an actor on the GPU's node. It never touches the GPU: what runs there may break its
driver, and the keeper must outlive that.
"""

import json
import os
import secrets
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from time import monotonic
from typing import Any, Self

from bridge.settings import PREFIX

VARIABLE = "SPOUT_BRIDGE_NODE"  # of a node's environment: its order as JSON
OWN = ("TOKEN", "LAN", "NEW_TOKEN", "NODE")  # settings of the node's environment that no place has
SOON, LATER = 1.0, 30.0  # seconds until it starts again: at first, and after many failures
STEADY = 60.0  # seconds of running after which failures are forgotten
TAIL = 2000  # bytes of the log in which the last line is found


@dataclass(frozen=True, slots=True)
class NodeOrder:
    """How a node serves: by `command`, at `host`, each place at a port of its own from `port` on,
    with more `flags`.
    """

    host: str
    port: int
    folder: str
    command: Sequence[str]
    flags: Sequence[str] = ()
    encrypted: bool = False
    cpu: bool = False

    @property
    def text(self) -> str:
        """For the environment."""
        return json.dumps(asdict(self))

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """From the environment."""
        return cls(**json.loads(environment[VARIABLE]))


@dataclass(frozen=True, slots=True)
class Report:
    """What a keeper says of its place."""

    url: str
    token: str
    running: bool
    why: str = ""  # it does not, in the words of its log


class Keeper:
    """Every method returns at once."""

    def __init__(self, number: int) -> None:
        """`number` counts the places of a node, from 0."""
        self._order = order = NodeOrder.of(os.environ)
        self._port = order.port + number
        self._folder = Path(order.folder) / "places" / str(self._port)
        self._log = self._folder / "serve.log"
        self._token = secrets.token_urlsafe(24)
        self._process: subprocess.Popen[bytes] | None = None
        self._wanted = True
        self._began = self._ended = 0.0
        self._failures = 0
        self._start()

    def report(self) -> Report:
        """How it is; starts what has ended."""
        process = self._process
        running = process is not None and process.poll() is None
        if not running and process:
            self._process, self._ended = None, monotonic()
            lasted = self._ended - self._began
            self._failures = 0 if lasted > STEADY else self._failures + 1
        pause = min(SOON * 2**self._failures, LATER) if self._failures else SOON
        if not running and self._wanted and monotonic() - self._ended > pause:
            self._start()
        scheme = "wss" if self._order.encrypted else "ws"
        host = f"[{self._order.host}]" if ":" in self._order.host else self._order.host
        why = "" if running else self._last_line() if self._wanted else "drained"
        return Report(f"{scheme}://{host}:{self._port}", self._token, running, why)

    def leave(self) -> None:
        """Warn the bridges that are there, then end."""
        self._wanted, self._began = False, float("-inf")  # this end is no failure
        if process := self._process:
            process.terminate()

    def stay(self) -> None:
        """Serve again."""
        self._wanted = True

    def _start(self) -> None:
        order = self._order
        self._folder.mkdir(parents=True, exist_ok=True)
        unwanted = {f"{PREFIX}{name}" for name in OWN}
        hidden = {"CUDA_VISIBLE_DEVICES"}  # Ray's: the flag says it, by the number of nvidia-smi
        given = {k: v for k, v in os.environ.items() if k.upper() not in unwanted | hidden}
        command = [
            *order.command, "--host", order.host, "--port", str(self._port),
            "--folder", str(self._folder), "--stop-on-stdin-end",
            *(("--device", "cpu") if order.cpu else ("--gpu", self._gpu())), *order.flags,
        ]  # fmt: skip
        # Its token is for this user alone: in the environment, and in a private log.
        log = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=log, stderr=log,
                env={**given, f"{PREFIX}TOKEN": self._token},
            )  # fmt: skip
        finally:
            os.close(log)
        self._began = monotonic()

    def _gpu(self) -> str:
        ray: Any = import_module("ray")
        (number,) = ray.get_gpu_ids()
        return str(number)

    def _last_line(self) -> str:
        try:
            told = self._log.read_bytes()[-TAIL:]
        except OSError as error:
            return f"its log cannot be read: {error.strerror}"
        lines = told.decode(errors="replace").replace(self._token, "…").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "starting")
