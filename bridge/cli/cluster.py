"""`spout-bridge cluster`: begin a cluster, join one, drain a node, print how it is."""

import ipaddress
import json
import secrets
import socket
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rich.console import Console
from rich.table import Table

from bridge.cli.serve import Orders, access
from bridge.cluster.app import STATUS, app_of
from bridge.cluster.head import Head
from bridge.cluster.keeper import NodeOrder
from bridge.cluster.nodes import RayNode, RayNodes, check_installed
from bridge.cluster.places import Places
from bridge.control.http.rules import TOKEN, Rules
from bridge.control.http.server import HttpServer
from bridge.errors import CommandError, ExitStatus, UsageError
from bridge.serve.doors import door
from bridge.settings import Settings
from bridge.system import logs, whole_files
from bridge.system.endings import stop_event, stop_with_stdin
from bridge.system.paths import place
from bridge.system.ports import taken
from engine.remote.address import Server, checked
from engine.remote.asking import RefusedError, answer
from engine.system import devices

BEAT = 0.5  # seconds between two checks
LARGEST_KEY = 1 << 10  # bytes of its file
SERVE = (sys.executable, "-m", "bridge.cli", "serve")
NO_SOCKETS = 1  # bytes of a WebSocket's message: the head has none


@dataclass(frozen=True, slots=True)
class Node:
    """The flags of `up` and `join` about this machine."""

    address: str
    name: str
    gpus: int | None
    port: int
    certificate: str
    key: str
    serve: Sequence[str]  # more flags of `serve`


def up(settings: Settings, node: Node, ray_port: int, spares: int, console: Console) -> None:
    """Run the head of a cluster, and a node of it, until Ctrl-C or SIGTERM."""
    stop = _stop(settings)
    check_installed()
    order = _order(settings, node)
    way, token, _ = access(settings, Orders(0, 0, 0, 0, node.certificate, node.key))
    key = _own_key(settings.folder / "cluster" / "key")
    logs.hide([token, Rules(token=token).view_token, key])
    try:
        http = HttpServer(None, settings, token)
    except ValueError as error:
        raise UsageError(str(error)) from None
    try:
        http.bind()
    except OSError as error:
        told = taken(socket.SOCK_STREAM, settings.host, settings.port, error)
        raise CommandError(told, ExitStatus.PORT_TAKEN) from None
    with ExitStack() as running:
        running.callback(http.close)
        ray = RayNode(order, _name(node), _gpus(settings, node), key, port=ray_port)
        running.callback(ray.close)
        nodes = RayNodes(order.host, ray_port, key, ray)
        running.callback(nodes.close)
        stop = _stop(settings, stop)  # Ray has set handlers of its own
        head = Head(nodes, Places(spares), str(settings.engine_ca or ""))
        running.callback(head.close)
        head.start()
        certificate = way.certificate
        http.serve(app_of(head), NO_SOCKETS, (lambda: certificate.context) if certificate else None)
        console.print(f"Cluster at cluster://{settings.host}:{http.port}.")
        _print(console, "On the artist's machine:", *(
            line.replace("wss://", "cluster://").replace("ws://", "cluster://")
            for line in way.lines(settings, http.port, token)
        ))  # fmt: skip
        joins = f"spout-bridge cluster join {order.host}:{ray_port} --key {key}"
        _print(console, "On other machines with GPUs:", joins)
        _watch(stop, ray, certificate.look if certificate else None)


def join(settings: Settings, node: Node, head: str, key: str, console: Console) -> None:
    """Run a node of a cluster until Ctrl-C or SIGTERM."""
    stop = _stop(settings)
    check_installed()
    host, _, port = head.rpartition(":")
    if not host or not port.isdigit():
        raise UsageError(f"{head!r:.130} is no head; write HOST:PORT, as `cluster up` prints it.")
    order = _order(settings, node)
    found = _given_key(key)
    logs.hide([found])
    with ExitStack() as running:
        ray = RayNode(order, _name(node), _gpus(settings, node), found, head=head)
        running.callback(ray.close)
        console.print(f"Joining {head}; see `spout-bridge cluster status` there.")
        _watch(stop, ray)


def drain(settings: Settings, head: str, node: str, *, move: bool, undo: bool) -> None:
    """Give no more sessions to a node, or use it again."""
    given = {"draining": not undo, "move": move}
    _asked(settings, head, f"/api/v1/nodes/{quote(node, safe='')}", given)


def status(settings: Settings, head: str, *, as_json: bool) -> None:
    """Print how a cluster is."""
    told = _asked(settings, head, STATUS)
    if as_json:
        sys.stdout.write(json.dumps(told, indent=2) + "\n")
        return
    names = ("node", "server", "state", "sessions", "why")
    table = Table(*names, title=f"{told['waiting']} in the queue", title_justify="left")
    for one in told["places"]:
        state = f"{one['state']}, draining" if one["draining"] else one["state"]
        sessions = f"{one['sessions']} of {one['most']}"
        table.add_row(one["node"], one["url"], state, sessions, one["why"])
    Console(markup=False, highlight=False).print(table)


def _asked(settings: Settings, head: str, path: str, given: Any = None) -> Any:
    try:
        url = checked(head, insecure=settings.insecure)
        server = Server(url, settings.token, str(settings.engine_ca or ""), settings.insecure)
        return answer(server, path, given, method="PUT" if given else None)
    except RefusedError as error:
        cure = " Add --token with its token." if error.status in (401, 403) else ""
        raise CommandError(f"{error}{cure}") from None
    except OSError as error:
        why = error.strerror or str(error)
        raise CommandError(
            f"No cluster answers at {head} ({why}); start one, or give its address with --head."
        ) from None
    except ValueError as error:
        raise UsageError(str(error)) from None


def _stop(settings: Settings, before: threading.Event | None = None) -> threading.Event:
    stop = stop_event()
    if before and before.is_set():
        stop.set()
    if settings.stop_on_stdin_end:
        stop_with_stdin(stop)
    return stop


def _order(settings: Settings, node: Node) -> NodeOrder:
    """How this machine serves; CommandError for an address that is open to all."""
    try:
        address = ipaddress.ip_address(node.address)
    except ValueError:
        raise UsageError(f"--node-ip-address takes an address, not {node.address!r:.99}.") from None
    if address.is_unspecified or address.is_global:
        raise CommandError(
            f"--node-ip-address {address} would open Ray to the internet: give this machine's "
            "address in a private network, such as a VPN.", ExitStatus.UNSAFE,
        )  # fmt: skip
    here = settings.model_copy(update={"host": str(address), "lan": False})
    door(here, node.certificate, node.key, behind_proxy=False)
    files = (("--tls-cert", node.certificate), ("--tls-key", node.key))
    flags = [
        *(part for flag, file in files if file for part in (flag, str(place(file)))),
        "--models", str(settings.models_folder), "--cache", str(settings.cache_folder),
        *(["--insecure"] if settings.insecure else []), *node.serve,
    ]  # fmt: skip
    return NodeOrder(
        str(address), node.port, str(settings.folder / "cluster"), SERVE, flags,
        encrypted=bool(node.certificate), cpu=settings.device == "cpu",
    )  # fmt: skip


def _name(node: Node) -> str:
    return node.name or socket.gethostname()


def _gpus(settings: Settings, node: Node) -> int:
    if node.gpus is not None:
        return node.gpus
    return 1 if settings.device == "cpu" else len(devices.gpus())


def _own_key(path: Path) -> str:
    """The key of this machine's cluster, the same for all runs."""
    try:
        return _kept(path)
    except FileNotFoundError:
        made = secrets.token_urlsafe(32)
    try:
        whole_files.write(path, made.encode(), private=True)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror or error}.") from None
    return made


def _given_key(text: str) -> str:
    if not text.startswith("@"):
        return text
    try:
        return _kept(place(text[1:]))
    except FileNotFoundError:
        raise UsageError(f"--key {text}: there is no such file.") from None


def _kept(path: Path) -> str:
    try:
        found = whole_files.read(path, LARGEST_KEY).decode("ascii").strip()
        if TOKEN.fullmatch(found):
            return found
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise CommandError(f"{path} cannot be read: {error}.") from None
    raise CommandError(f"{path} holds no key; delete it, and a new one is made.")


def _print(console: Console, title: str, *lines: str) -> None:
    for line in (title, *(f"  {line}" for line in lines)):
        console.print(line, soft_wrap=True, markup=False, highlight=False)


def _watch(stop: threading.Event, ray: RayNode, look: Any = None) -> None:
    while not stop.wait(BEAT):
        if look:
            look()
        if ray.ended:
            raise CommandError(f"Ray has ended; see {ray.log}.")
