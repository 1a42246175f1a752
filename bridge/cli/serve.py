"""`spout-bridge serve`: engines for bridges on other machines, until Ctrl-C."""

import logging
import socket
from contextlib import ExitStack
from time import perf_counter

from rich.console import Console

from bridge import __version__
from bridge.cli.tokens import check_token, token_of
from bridge.control.http.rules import Rules
from bridge.control.http.server import HttpServer
from bridge.errors import CommandError, ExitStatus, UsageError
from bridge.serve.app import created
from bridge.serve.files import Store
from bridge.serve.server import Sessions
from bridge.serve.session import Ground
from bridge.settings import Settings
from bridge.state.catalog import installed_catalog
from bridge.system import logs
from bridge.system.descriptors import raise_limit
from bridge.system.endings import stop_event
from bridge.system.ports import taken
from bridge.system.windows import awake
from bridge.workers.machine import LocalMachine
from engine.ipc.ring import sweep
from engine.remote.wire import LARGEST_FRAME
from engine.system.waking import wake_in_time

log = logging.getLogger(__name__)

BEAT = 0.5  # seconds between two checks
LAST = 2.0  # seconds for workers to end


def serve(settings: Settings, most: int, keep_s: float, idle_s: float, console: Console) -> None:
    """Run until Ctrl-C or SIGTERM, or until no bridge has been there for `idle_s` seconds."""
    stop = stop_event()
    check_token(settings)
    token = token_of(settings)
    logs.hide([token, Rules(token=token).view_token])
    raise_limit()
    sweep()
    wake_in_time()
    catalog = installed_catalog()
    with ExitStack() as running:
        running.enter_context(awake(not settings.allow_sleep))
        try:
            machine = LocalMachine(settings, catalog, lambda row: row.load(), lambda _: None)
            http = HttpServer(None, settings, token)
        except ValueError as error:
            raise UsageError(str(error)) from None
        try:
            http.bind()
        except OSError as error:
            told = taken(socket.SOCK_STREAM, settings.host, settings.port, error)
            raise CommandError(told, ExitStatus.PORT_TAKEN) from None
        running.callback(http.close)
        folder = settings.folder / "serve"
        ground = Ground(machine, catalog, Store(folder / "files"), folder / "sessions", __version__)
        sessions = Sessions(ground, most, keep_s)
        running.callback(sessions.close)
        app = created(sessions, machine, catalog, settings.name)
        http.serve(app, LARGEST_FRAME)
        console.print(f"Engines at ws://{settings.host}:{http.port}, for at most {most} bridges.")
        if token:
            console.print(f"Token: {token}")
        while not stop.wait(BEAT):
            if perf_counter() - sessions.empty_since > idle_s:
                console.print("No bridge has come: the server ends.")
                break
        sessions.drain("The server ends.", LAST)
