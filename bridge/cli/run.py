"""`spout-bridge run` and `view`: a session with its control surfaces, until Ctrl-C."""

import logging
import socket
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from time import perf_counter

from rich.console import Console
from rich.status import Status
from rich.text import Text

from bridge.cli import qr
from bridge.cli.tokens import check_token, token_of
from bridge.control.http.rules import Rules
from bridge.control.http.server import EVERYWHERE, LOOPBACK, HttpServer
from bridge.control.osc.query import OscQuery
from bridge.control.osc.server import OscServer
from bridge.downloads.weights import MissingWeights
from bridge.errors import CommandError, ExitStatus, UsageError
from bridge.playout.fallback import FILE
from bridge.session import Session
from bridge.settings import Settings
from bridge.state import references
from bridge.state.catalog import installed_catalog
from bridge.state.change import By, Setter
from bridge.state.inputs import GUIDES, named
from bridge.state.store import ParameterError
from bridge.system import logs, mdns
from bridge.system.aside import Aside, SlowError
from bridge.system.descriptors import raise_limit
from bridge.system.endings import stop_event, stop_with_stdin
from bridge.system.faults import Faults
from bridge.system.garbage import settled
from bridge.system.networks import own_addresses
from bridge.system.paths import place
from bridge.system.ports import taken, tried
from bridge.system.windows import awake
from bridge.transports import TransportError, check_sink, check_source
from bridge.workers.launch import Ahead
from bridge.workers.machine import LocalMachine, MachineFactory
from bridge.workers.remote import RemoteMachine
from bridge.workers.servers import servers_of
from engine.catalog.ids import PASSTHROUGH
from engine.ipc.ring import sweep
from engine.ipc.segments import RingError
from engine.system.installation import with_extra
from engine.system.waking import wake_in_time

log = logging.getLogger(__name__)

LONGEST_PATH = 1024  # characters; a longer text is not a path
TAKING = 10.0  # seconds to read and store an image given by its path
BEAT = 0.5  # seconds between two checks; no longer: Windows handles Ctrl-C between two waits only
PORT_AGAIN = 5.0  # seconds to retry the ports of a crashed bridge
FIRST = 0.3  # seconds that the web server waits for the first frame
TELL = 5.0  # seconds between lines if not on a terminal


def run_bridge(
    settings: Settings, values: Mapping[str, str], console: Console, ahead: Ahead | None = None
) -> None:
    """Run until Ctrl-C, then close session, OSC and HTTP. Errors are raised before anything is
    started; the first worker is the process started `ahead`.
    """
    stop = stop_event()
    if settings.stop_on_stdin_end:
        stop_with_stdin(stop)
    if settings.mdns and not mdns.installed():
        needs = f"{settings.said('mdns')} needs the extra `mdns`"
        raise UsageError(f"{needs}: {with_extra('mdns')}.")
    token = token_of(settings)
    logs.hide([token, Rules(token=token).view_token])
    raise_limit()
    sweep()
    wake_in_time()
    with ExitStack() as running:
        running.enter_context(awake(not settings.allow_sleep))
        session = session_of(settings, values, ahead)
        # The surfaces are bound first: a port in use must not waste a loaded pipeline.
        http = _http(session, token)
        running.callback(http.close)
        _bind(http.bind, socket.SOCK_STREAM, settings.port, session, stop)
        osc = _osc(session)
        running.callback(osc.close)
        _bind(partial(osc.bind, http.port), socket.SOCK_DGRAM, http.port, session, stop)
        start(session, values, stop.is_set)
        running.push(partial(_stop, session))
        if stop.is_set():
            return
        osc.start()
        session.wait_for_frame(FIRST)  # importing the web server slows every other thread down
        http.start(OscQuery(session, osc, settings.name))
        if settings.mdns:
            announcement = _announcement(settings, http.port)
            running.callback(announcement.close)
            announcement.start()
        if ahead:
            ahead.close()  # the host starts a worker at once, or the next one much later
        settled()
        with Faults().survived("The start message cannot be printed"):
            _greet(console, session, http.port, token)
        _watch(console, session, stop)


def _announcement(settings: Settings, port: int) -> mdns.Announcement:
    """What programs find by mDNS: what is open to the network, else this machine alone is told."""
    osc = settings.osc_lan and bool(settings.osc_allow)
    page = osc or settings.lan or settings.host.lower() not in LOOPBACK
    services = {"_oscjson._tcp": page, "_osc._udp": osc}
    told = {kind: port for kind, is_open in services.items() if is_open or not page}
    return mdns.Announcement(settings.name, told, everywhere=page)


def check(settings: Settings, values: Mapping[str, str]) -> None:
    """Raise what `run_bridge` would raise for a wrong command line; nothing is opened."""
    check_token(settings)
    session = session_of(settings, values)
    _http(session, settings.token).close()
    _osc(session).close()
    session.let_go()


def _http(session: Session, token: str) -> HttpServer:
    try:
        return HttpServer(session, session.settings, token)
    except ValueError as error:
        raise UsageError(str(error)) from None


def _osc(session: Session) -> OscServer:
    try:
        return OscServer(session, session.settings)
    except ValueError as error:
        raise UsageError(str(error)) from None


def view(uri: str, port: int, console: Console) -> None:
    """Show a source on a page: a session with passthrough and no output."""
    # a virus scanner may hold its files; closing must not fail
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        settings = Settings(
            source=uri, sink="null:", pipeline=PASSTHROUGH, port=port, osc_feedback=(),
            folder=Path(folder), name="View", output_size="640x360", fit="contain",
        )  # fmt: skip
        run_bridge(settings, {}, console)


def session_of(
    settings: Settings, values: Mapping[str, str], ahead: Ahead | None = None
) -> Session:
    """A session that is not started yet; UsageError or CommandError for what it cannot use."""
    _check_uris(settings)
    try:
        machine = _machine(settings, ahead)
        session = Session(settings, installed_catalog(), machine)
        try:
            given = _with_assets(session, values)
            session.store.update(given, Setter(By.START, "--set"))
            session.check_room()
        except (ValueError, OSError) as error:
            if not session.returns:
                session.let_go()
                raise
            log.warning("ignored on the command line: %s", _sentence(error))
    except (LookupError, ValueError) as error:
        raise UsageError(_sentence(error)) from None
    except (TransportError, OSError) as error:
        raise CommandError(_sentence(error)) from None
    return session


def _machine(settings: Settings, ahead: Ahead | None) -> MachineFactory:
    """What engines run on; UsageError if the token's file cannot be read."""
    if not settings.engines:
        return partial(LocalMachine, ahead=ahead)
    return partial(RemoteMachine, servers=servers_of(settings))


def _check_uris(settings: Settings) -> None:
    """UsageError for a URI that is wrong whatever it names."""
    others = {role: uri for role in GUIDES if named(uri := getattr(settings, role))}
    if settings.fallback.startswith(FILE):
        others["fallback"] = settings.fallback
    about = ""
    try:
        check_source(settings.source_uri, whole=True)
        check_sink(settings.sink_uri, whole=True)
        for name, uri in others.items():
            about = f"{settings.said(name)}: "
            check_source(uri, whole=True)
    except TransportError as error:
        raise UsageError(f"{about}{error}") from None


def _with_assets(session: Session, values: Mapping[str, str]) -> dict[str, str]:
    """The values, with images given by path copied into the assets folder: the user who types a
    command may read them. AssetError for a file that is not an image.
    """
    result = dict(values)
    for name, value in values.items():
        spec = session.store.specs.get(name)
        if spec and spec.asset and len(value) < LONGEST_PATH:
            path = place(value)
            session.make_folder()
            try:
                take = partial(_taken_in, session.assets, path)
                result[name] = Aside().ask(f"--set {name}: {path}", take, TAKING) or value
            except SlowError as error:
                raise ValueError(str(error)) from None
    return result


def _taken_in(folder: Path, path: Path) -> str:
    """The name of a file once in the assets folder; empty if it does not exist."""
    return str(references.add_file(folder, path)["name"]) if path.is_file() else ""


def _bind(
    bind: Callable[[], None],
    kind: socket.SocketKind,
    port: int,
    session: Session,
    stop: threading.Event,
) -> None:
    """Bind a port. A bridge that takes over from a crashed one, or starts clean after it, waits a
    while for the system to release that one's ports.
    """
    settings = session.settings
    try:
        try:
            bind()
        except OSError:
            if not _takes_over(session):  # checked only now: it reads the journal
                raise
            tried(bind, PORT_AGAIN, stop)
    except OSError as error:
        session.let_go()
        host = "0.0.0.0" if settings.lan else settings.host
        raise CommandError(taken(kind, host, port, error), ExitStatus.PORT_TAKEN) from None


def _takes_over(session: Session) -> bool:
    try:
        return session.settings.fresh or session.returns
    except OSError:  # of its folder, which is reported later
        return False


def start(
    session: Session, values: Mapping[str, str], given_up: Callable[[], bool] = lambda: False
) -> None:
    """Start it with the values of the command line; CommandError if that fails. `given_up` as in
    `Session.start`.
    """
    try:
        session.start(values, given_up)
    except (TransportError, MissingWeights, RingError, OSError) as error:
        raise CommandError(_sentence(error)) from None


def _stop(session: Session, crash: type[BaseException] | None, *_: object) -> None:
    session.stop(well=crash is None)


def _sentence(error: Exception) -> str:
    if isinstance(error, ParameterError):
        return str(error)
    return str(error.args[0]) if isinstance(error, LookupError) else str(error)


def _greet(console: Console, session: Session, port: int, token: str) -> None:
    settings = session.settings
    pages, views = links(settings, port, token)
    way = f"{session.way} → {settings.sink_uri}"
    place, restored = logs.place(), session.restored

    def write() -> None:
        console.print(f"spout-bridge  {way}", style="bold", soft_wrap=True)
        for what, told in ("page  ", pages), ("view  ", views):
            for number, link in enumerate(told):
                console.print(f"{'      ' if number else what}{link}", soft_wrap=True)
        console.print(f"OSC   {where_osc(settings, port)}", soft_wrap=True)
        if place:
            console.print(f"log   {place}", soft_wrap=True)
        if restored:
            console.print(restored, soft_wrap=True)
        if settings.lan and console.is_terminal and qr.can_show(console.encoding):
            by_number = pages[min(1, len(pages) - 1)]
            console.print(qr.drawn(by_number), soft_wrap=True)
        console.print("Ctrl-C to stop.")

    logs.say(write)


def links(settings: Settings, port: int, token: str) -> tuple[list[str], list[str]]:
    """The links to the page, and those that only show it. A page that is open to the network has
    some by number too: phones cannot look up this machine's name.
    """
    hosts = [settings.host if settings.host.lower() not in LOOPBACK else "127.0.0.1"]
    if settings.lan or hosts[0] in EVERYWHERE:
        hosts = [socket.gethostname(), *own_addresses()]
    pages = [f"http://{f'[{host}]' if ':' in host else host}:{port}" for host in hosts]
    if not token:
        return pages, []
    view = Rules(token=token).view_token
    views = [f"{page}/?token={view}  shows, controls nothing" for page in pages]
    return [f"{page}/?token={token}" for page in pages], views


def where_osc(settings: Settings, port: int) -> str:
    """Where OSC is received, and from which machines."""
    example = "for example /bridge/vace 1.5"
    if not settings.osc_lan and not settings.osc_allow:
        return f"UDP {port}, {example}"
    others = ", ".join(settings.osc_allow)
    if not settings.osc_lan:
        return f"UDP 127.0.0.1:{port} only; add --osc-lan to receive from {others}"
    where = f"UDP {EVERYWHERE[0]}:{port}, every address of this machine"
    if not others:
        return f"{where}, but accepted from this machine only; add --osc-allow ADDRESS"
    return f"{where}, from {others} and this machine, {example}"


def _watch(console: Console, session: Session, stop: threading.Event) -> None:
    """Report changes until `stop`. A blocked or closed terminal or pipe neither ends the show nor
    delays its end: another thread writes.
    """
    faults = Faults()
    show = (_StatusLine if console.is_terminal else _Lines)(console)
    while not stop.wait(BEAT):
        with faults.survived("The status line cannot be printed"):
            show(_line(session))
    show.end()


class _StatusLine:
    """On a terminal: one line, updated in place."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status: Status | None = None
        self._text = ""
        self._waits = False  # a pending draw, which will show the newest text

    def __call__(self, text: str) -> None:
        """Show this from now on. Never waits."""
        self._text = text
        if not self._waits:
            self._waits = True
            logs.say(self._draw)

    def end(self) -> None:
        """Restore the terminal."""
        logs.say(self._leave)

    def _draw(self) -> None:
        self._waits = False
        if self._status is None:
            self._status = self._console.status("")
            self._status.start()
        self._status.update(Text(self._text))

    def _leave(self) -> None:
        if self._status:
            self._status.stop()


class _Lines:
    """Elsewhere: an occasional line, if something changed."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last, self._told = "", float("-inf")

    def __call__(self, text: str) -> None:
        """Print this, if it is due. Never waits."""
        now = perf_counter()
        if now - self._told < TELL:
            return
        self._told = now
        if text != self._last:
            self._last = text
            logs.say(lambda: self._console.print(text, soft_wrap=True))

    def end(self) -> None:
        """Nothing to restore."""


def _line(session: Session) -> str:
    status = session.status()
    text = (
        f"{status.state} {status.pipeline or status.loading}  {status.fps:.1f} fps shown, "
        f"{status.input_fps:.0f} in, {status.output_fps:.0f} out, latency {status.latency:.0f} ms, "
        f"longest gap {status.longest_gap:.0f} ms"
    )
    return f"{text}  {status.error or status.reason}".rstrip()
