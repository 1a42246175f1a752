"""`spout-bridge serve`: engines for bridges on other machines, until Ctrl-C."""

import logging
import socket
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from time import perf_counter

import cv2
from rich.console import Console

from bridge import __version__
from bridge.cli.tokens import check_token, token_of
from bridge.control.http.rules import Rules
from bridge.control.http.server import HttpServer
from bridge.errors import CommandError, ExitStatus, UsageError
from bridge.serve.app import created
from bridge.serve.doors import Door, door, own_folder
from bridge.serve.files import Store
from bridge.serve.holders import Holder, holders_in
from bridge.serve.server import Sessions
from bridge.serve.session import Ground
from bridge.settings import Settings
from bridge.state.alarm import Alarm
from bridge.state.catalog import installed_catalog
from bridge.system import logs
from bridge.system.descriptors import raise_limit
from bridge.system.endings import stop_event, stop_with_stdin
from bridge.system.paths import place
from bridge.system.ports import taken
from bridge.system.windows import awake
from bridge.workers.machine import LocalMachine
from engine.ipc.ring import sweep
from engine.remote.wire import LARGEST_FRAME
from engine.system.waking import wake_in_time

log = logging.getLogger(__name__)

BEAT = 0.5  # seconds between two checks


@dataclass(frozen=True, slots=True)
class Orders:
    """The flags that only `serve` has; times in seconds."""

    most: int
    keep_s: float
    idle_s: float
    drain_s: float
    certificate: str = ""
    key: str = ""
    tokens: str = ""
    behind_proxy: bool = False


def serve(settings: Settings, orders: Orders, console: Console) -> None:
    """Run until Ctrl-C or SIGTERM, or until no bridge has been there for long enough."""
    stop = stop_event()
    if settings.stop_on_stdin_end:
        stop_with_stdin(stop)
    way, token, holders = access(settings, orders)
    logs.hide([token, Rules(token=token).view_token, *(holder.token for holder in holders)])
    raise_limit()
    sweep()
    wake_in_time()
    cv2.setNumThreads(1)  # its pool costs more than it saves on frames of an engine's size
    catalog = installed_catalog()
    with ExitStack() as running:
        running.enter_context(awake(not settings.allow_sleep))
        try:
            machine = LocalMachine(settings, catalog, lambda row: row.load(), lambda _: None)
            named = tuple((holder.token, holder.name) for holder in holders)
            http = HttpServer(None, settings, token, holders=named)
        except ValueError as error:
            raise UsageError(str(error)) from None
        try:
            http.bind()
        except OSError as error:
            told = taken(socket.SOCK_STREAM, settings.host, settings.port, error)
            raise CommandError(told, ExitStatus.PORT_TAKEN) from None
        running.callback(http.close)
        folder = own_folder(settings)
        try:
            store = Store(folder / "files")
        except OSError as error:
            why = f"The folder {settings.folder} is not writable ({error.strerror})"
            raise CommandError(f"{why}: choose another with --folder.") from None
        ground = Ground(machine, catalog, store, folder / "sessions", __version__)
        sessions = Sessions(ground, orders.most, orders.keep_s, holders)
        running.callback(sessions.close)
        if settings.alarm:
            alarm = Alarm(settings.alarm, settings.name, lambda: sessions.alarm)
            running.callback(alarm.stop)
            alarm.start()
        app = created(sessions, machine, catalog, settings.name, way)
        certificate = way.certificate
        http.serve(app, LARGEST_FRAME, (lambda: certificate.context) if certificate else None)
        _greet(console, settings, way, http.port, token, orders.most)
        while not stop.wait(BEAT):
            if certificate:
                certificate.look()
            if perf_counter() - sessions.empty_since > orders.idle_s:
                console.print("No bridge has come: the server ends.")
                return
        _drain(sessions, stop, orders.drain_s, console)


def access(settings: Settings, orders: Orders) -> tuple[Door, str, list[Holder]]:
    """How the server is open, its own token, and who else has one; CommandError, in a sentence, for
    what must not or cannot be. May make a token and a certificate.
    """
    check_token(settings)
    way = door(settings, orders.certificate, orders.key, behind_proxy=orders.behind_proxy)
    if orders.tokens and not (settings.token or settings.lan):
        raise UsageError("--tokens are beside the server's own token: add --token or --lan.")
    token = token_of(settings)
    return way, token, holders_in(place(orders.tokens), token) if orders.tokens else []


def _greet(
    console: Console, settings: Settings, way: Door, port: int, token: str, most: int
) -> None:
    scheme = "wss" if way.certificate else "ws"
    told = [
        f"Engines at {scheme}://{settings.host}:{port}, for at most {most} bridges.",
        "On the artist's machine:",
        *(f"  {line}" for line in way.lines(settings, port, token)),
    ]
    for line in told:
        console.print(line, soft_wrap=True, markup=False, highlight=False)


def _drain(sessions: Sessions, stop: threading.Event, seconds: float, console: Console) -> None:
    """Warn those that are connected and give them time; a second signal ends it at once."""
    stop.clear()
    sessions.drain("The server is being shut down.", seconds)
    if not sessions.busy:
        return
    console.print(f"Bridges are warned: ending in {seconds:g} s, or at once by Ctrl-C.")
    end = perf_counter() + seconds
    while sessions.busy and (left := end - perf_counter()) > 0:
        if stop.wait(min(BEAT, left)):
            return
