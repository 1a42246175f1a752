"""Ray: the nodes of a cluster, and their keepers. Nothing else in the program knows Ray.

Ray places and watches keepers; frames and questions never pass through it.
"""

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from time import monotonic
from typing import Any, Protocol

from bridge.cluster.keeper import VARIABLE, Keeper, NodeOrder, Report
from bridge.cluster.ray_node import keep_to_loopback
from bridge.errors import CommandError
from engine.system.installation import with_extra

log = logging.getLogger(__name__)

STORE = 80_000_000  # bytes of shared memory, the least that Ray accepts: nothing passes through it
STARTING = 60.0  # seconds for Ray to be there
PATIENCE = 1.0  # seconds for keepers to report
GOODBYE = 10.0  # seconds for Ray to end


@dataclass(frozen=True, slots=True)
class Seen:
    """A place as its keeper has reported it; None if it has not."""

    name: str
    node: str
    report: Report | None


class Nodes(Protocol):
    """What a head is told of its nodes."""

    def look(self) -> list[Seen]:
        """All places there are."""
        ...

    def leave(self, place: str) -> None:
        """Have a place end its sessions, with a warning."""
        ...

    def stay(self, place: str) -> None:
        """Have a place serve again."""
        ...


def check_installed() -> None:
    """CommandError, with the cure, without Ray."""
    if sys.platform != "linux":
        raise CommandError("A cluster runs on Linux; a bridge of any system can use it.")
    if find_spec("ray") is None:
        raise CommandError(f"A cluster needs the extra `cluster`: {with_extra('cluster')}.")


class RayNode:
    """The processes of Ray on this machine, which end with `close`."""

    def __init__(
        self, order: NodeOrder, name: str, gpus: int, key: str, *, head: str = "", port: int = 0
    ) -> None:
        """With `head`, HOST:PORT, it joins a cluster; else it is the head, at `port`. `key` opens
        all of Ray on all nodes: who has it can run programs there.
        """
        flags = [
            "--node-ip-address", order.host, "--node-name", name, "--num-gpus", str(gpus),
            "--num-cpus", "0", "--object-store-memory", str(STORE), "--disable-usage-stats",
            "--block",
            *(("--address", head) if head else
              ("--head", "--port", str(port), "--include-dashboard", "false")),
        ]  # fmt: skip
        self.log = Path(order.folder) / "ray.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as told:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "bridge.cluster.ray_node", *flags],
                stdin=subprocess.PIPE, stdout=told, stderr=told, start_new_session=True,
                env={**os.environ, **opened_by(key), VARIABLE: order.text},
            )  # fmt: skip

    @property
    def ended(self) -> bool:
        """Whether Ray is not running here any more."""
        return self._process.poll() is not None

    def close(self) -> None:
        """End it, and what it runs on this machine."""
        self._process.terminate()
        try:
            self._process.wait(GOODBYE)
        except subprocess.TimeoutExpired:
            if sys.platform != "win32":  # it starts on Linux only
                with suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def opened_by(key: str) -> Mapping[str, str]:
    """The environment in which Ray asks for the key and has it."""
    return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": key}


class RayNodes:
    """See `Nodes`. One thread uses it."""

    def __init__(self, host: str, port: int, key: str, node: RayNode) -> None:
        """Connect to the head of Ray; CommandError if it does not come."""
        os.environ.update(opened_by(key))
        keep_to_loopback()
        self._ray: Any = import_module("ray")
        self._keepers: dict[str, tuple[str, Any]] = {}  # the node and the actor, by place
        end = monotonic() + STARTING
        while True:
            try:
                self._ray.init(
                    address=f"{host}:{port}", _node_ip_address=host, log_to_driver=False,
                    logging_level=logging.ERROR,
                )  # fmt: skip
                return
            except Exception as error:  # Ray has its own for each way of not being there yet
                if node.ended or monotonic() > end:
                    raise CommandError(f"Ray does not start; see {node.log}.") from error

    def close(self) -> None:
        """Leave Ray; its keepers end."""
        self._ray.shutdown()

    def look(self) -> list[Seen]:
        """See `Nodes`."""
        alive = {node["NodeID"]: node for node in self._ray.nodes() if node["Alive"]}
        names = [node["NodeName"] for node in alive.values()]
        shown = {
            key: node["NodeName"] if names.count(node["NodeName"]) == 1
            else f"{node['NodeName']}-{key[:6]}" for key, node in alive.items()
        }  # fmt: skip
        self._keepers = {
            place: kept for place, kept in self._keepers.items() if kept[0] in alive
        }  # fmt: skip
        for key, node in alive.items():
            for number in range(int(node["Resources"].get("GPU", 0))):
                place = f"{key[:12]}/{number}"
                if place not in self._keepers:
                    self._keepers[place] = key, self._kept(key, number)
        asked = {actor.report.remote(): place for place, (_, actor) in self._keepers.items()}
        done, _ = self._ray.wait([*asked], num_returns=len(asked), timeout=PATIENCE) if asked else (
            [], [])  # fmt: skip
        reports = {asked[ref]: self._reported(ref) for ref in done}
        return [
            Seen(place, shown[key], reports.get(place)) for place, (key, _) in self._keepers.items()
        ]

    def leave(self, place: str) -> None:
        """See `Nodes`."""
        if kept := self._keepers.get(place):
            kept[1].leave.remote()

    def stay(self, place: str) -> None:
        """See `Nodes`."""
        if kept := self._keepers.get(place):
            kept[1].stay.remote()

    def _kept(self, node: str, number: int) -> Any:
        near: Any = import_module("ray.util.scheduling_strategies").NodeAffinitySchedulingStrategy
        made = self._ray.remote(Keeper).options(
            num_gpus=1, num_cpus=0, max_restarts=-1, scheduling_strategy=near(node, soft=False)
        )
        return made.remote(number)

    def _reported(self, ref: Any) -> Report | None:
        try:
            return self._ray.get(ref)
        except Exception as error:  # noqa: BLE001 - whatever has become of it, it is asked again
            log.warning("a keeper is gone: %s", str(error).partition("\n")[0])
            return None
