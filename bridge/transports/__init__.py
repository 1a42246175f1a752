"""Sources and sinks of frames, opened by URI: `demo:`, `file:clip.mp4`, `shm:NAME` …

A transport is one module of this package (or a plug-in's, by entry point) with a function
`open_source(name, options)` or `open_sink(name, options)`, or both; `name` is the part after the
colon. They raise `TransportError`, one sentence with the cure, on failure. A transport with options
after a `?` also has `check_source(name)` or `check_sink(name)`, which raise the same for invalid
options and never wait. If its senders can be listed it has `offers()`, a list of `Offer`; if a
source cannot be opened twice it sets `EXCLUSIVE = True`.
"""

import logging
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from importlib.metadata import entry_points
from types import ModuleType, TracebackType
from typing import Protocol, Self, cast

from bridge.frames.frame import Frame
from bridge.system.aside import Aside, SlowError
from bridge.system.loops import explained
from bridge.system.paths import meant
from engine.system import loading
from engine.system.installation import pip
from engine.system.texts import did_you_mean

ENTRY_POINTS = "spout_bridge.transports"
SCHEME = re.compile(r"[a-z][a-z0-9+.-]+")  # one letter is a Windows drive
LONGEST_URI = 4096  # characters, as for a path
SHORT = 80  # characters worth repeating in a message
BUILT_IN = {
    "spout": "bridge.transports.spout.transport",
    "demo": "bridge.transports.demo",
    "pattern": "bridge.transports.pattern",
    "file": "bridge.transports.file",
    "camera": "bridge.transports.camera",
    "shm": "bridge.transports.shared_memory",
    "whip": "bridge.transports.webrtc.whip",
    "whep": "bridge.transports.webrtc.whep",
    "null": "bridge.transports.null",
}
PATIENCE = 1.0  # seconds for a transport to be imported, or to list its offers

log = logging.getLogger(__name__)

_plugged: dict[str, str] | None = None  # module by plug-in scheme, from the last lookup
_told: set[str] = set()  # plug-ins already logged as ignored
_imported: dict[str, ModuleType] = {}  # completely, unlike those in sys.modules
_aside = Aside()


class TransportError(Exception):
    """A source or sink cannot be opened, or is lost for good; the text is one sentence."""


class NotNowError(TransportError):
    """The request is valid, but something it needs is missing right now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a transport may need to know: size in pixels and rate in frames per second, for sources
    that draw their own frames and for sinks.

    A source that chooses among senders prefers the one named `prefer` and never takes the one named
    `avoid`. `limit` is the largest size wanted from a source that can scale. `output` and
    `output_fps` are the size and rate of the output, for devices that can choose. A `steady` sink
    is sent `fps` frames a second, held ones too; any other, frames as they come. `ice` are the STUN
    and TURN servers of WebRTC; see `bridge/system/ice.py`.
    """

    width: int = 640
    height: int = 360
    fps: float = 30.0
    prefer: str = ""
    avoid: str = ""
    limit: tuple[int, int] | None = None
    output: tuple[int, int] | None = None
    output_fps: float = 30.0
    steady: bool = False
    ice: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A source available now: its URI, a short description, and why it cannot be used, if it
    cannot. An `exclusive` source serves one program at a time.
    """

    uri: str
    text: str
    problem: str = ""
    exclusive: bool = False


@dataclass(frozen=True, slots=True)
class Side:
    """Source or sink, and the words for it in messages."""

    noun: str
    verb: str
    function: str
    check: str


SOURCE = Side("source", "received from", "open_source", "check_source")
SINK = Side("sink", "sent to", "open_sink", "check_sink")
ONE_SIDED = {
    "demo": SOURCE,
    "pattern": SOURCE,
    "camera": SOURCE,
    "whip": SOURCE,
    "whep": SINK,
}  # the other built-in ones are both


class Transport(Protocol):
    """A source or a sink: opened, used and closed by one thread."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    @property
    def status(self) -> str:
        """A short status for the user: `1280x720 at 30`, `waiting for shm:Cam`; for a sink the
        actual name that receivers can pick. Read by any thread.
        """
        ...


class Source(Transport, Protocol):
    """Frames come from here."""

    def receive(self, timeout: float) -> Frame | None:
        """Wait up to `timeout` seconds for a frame newer than the last; None if none arrives.

        A lost sender also gives None, never an exception: it may come back. `image` is never
        written to afterwards.
        """
        ...

    @property
    def problem(self) -> str:
        """Why no frames arrive, in one sentence with the cure; empty if all is well."""
        ...

    @property
    def there(self) -> bool:
        """Whether the sender is present, as far as known. Read by any thread."""
        ...

    @property
    def stands_in(self) -> bool:
        """Whether its frames are a stand-in rather than the user's input."""
        ...


class Sink(Transport, Protocol):
    """Frames go here.

    Two constant traits say how often a held frame must be sent again. A plug-in that does not
    declare them is treated as needing every beat and keeping nothing.
    """

    @property
    def keeps_last(self) -> bool:
        """Whether late receivers still find the last frame, as in shared memory. It is sent again
        four times a second.
        """
        ...

    @property
    def needs_beat(self) -> bool:
        """Whether it needs a frame at every beat of the output clock, held ones too: sinks that
        write or stream at a constant rate (a file; OMT, NDI, a virtual camera).
        """
        ...

    def send(self, frame: Frame) -> None:
        """Send one frame. The caller may reuse `frame.image` afterwards."""
        ...


def open_source(uri: str, options: Options) -> Source:
    """Open a URI as a source."""
    uri = meant(uri)
    return cast(Source, _opened(uri, SOURCE, options))  # a module of a plug-in has no type


def check_source(uri: str, *, whole: bool = False) -> None:
    """TransportError if a URI is not a usable source, as far as known without reading the disk:
    the caller must not wait. If the URI has options, a built-in module may be imported; if
    `whole`, always, and so its name is checked too.
    """
    _check(uri, SOURCE, whole)


def check_sink(uri: str, *, whole: bool = False) -> None:
    """The same for a sink."""
    _check(uri, SINK, whole)


def _check(uri: str, side: Side, whole: bool) -> None:
    if len(uri) > LONGEST_URI:
        raise TransportError(f"A {side.noun}'s URI has at most {LONGEST_URI} characters.")
    name = _module_of(uri, _known(), side)
    scheme, _, rest = uri.partition(":")
    module = _imported.get(name)
    if module is None and scheme in BUILT_IN and "?" in rest:
        module = _module(scheme, name)
    elif module is None and scheme in BUILT_IN and whole:
        with suppress(TransportError):  # of a missing package, which is no fault of the URI
            module = _module(scheme, name)
    if module is None:
        return
    _checked(uri, module, side)
    if check := getattr(module, side.check, None):
        check(rest)


def clash(one: str, other: str) -> bool:
    """Whether two sources cannot be open at the same time. Never waits."""
    scheme = one.partition(":")[0]
    if scheme != other.partition(":")[0]:
        return False
    module = _imported.get(_known().get(scheme, ""))
    return bool(getattr(module, "EXCLUSIVE", False))


def open_sink(uri: str, options: Options) -> Sink:
    """Open a URI as a sink."""
    uri = meant(uri)
    return cast(Sink, _opened(uri, SINK, options))  # a module of a plug-in has no type


def schemes() -> dict[str, tuple[bool, bool, str]]:
    """For every scheme: can it be a source, can it be a sink, and a one-line description, or why it
    cannot be imported.
    """
    found: dict[str, tuple[bool, bool, str]] = {}
    for scheme, name in _modules().items():
        try:
            module = _aside.ask(f"{scheme}:", partial(_module, scheme, name), PATIENCE)
        except (TransportError, SlowError) as error:
            found[scheme] = False, False, str(error)
            continue
        line, _, _ = (module.__doc__ or "").strip().partition("\n")
        found[scheme] = (hasattr(module, "open_source"), hasattr(module, "open_sink"), line)
    return found


def offers() -> list[Offer]:
    """All senders and devices available now, from every transport that can list them. A transport
    that does not respond becomes an offer with that problem, and delays no other.
    """
    found: list[Offer] = []
    for scheme, name in _modules().items():
        try:
            found += _aside.ask(f"{scheme}:", partial(_offers, scheme, name), PATIENCE)
        except TransportError:
            pass  # a plug-in lacks a package; `schemes` reports it
        except Exception as error:  # noqa: BLE001 - a driver or plug-in failed: the others still count
            found.append(Offer(uri=f"{scheme}:", text="", problem=explained(error, SlowError)))
    return found


def _offers(scheme: str, name: str) -> list[Offer]:
    there = getattr(_module(scheme, name), "offers", None)
    return [offer for offer in there() if isinstance(offer, Offer)] if there else []


def _opened(uri: str, side: Side, options: Options) -> object:
    scheme, _, name = uri.partition(":")
    module = _module(scheme, _module_of(uri, _modules(), side))
    _checked(uri, module, side)
    try:
        return getattr(module, side.function)(name, options)
    except TransportError:
        raise
    except Exception as error:  # anything a plug-in may raise; in a built-in it is a defect
        if scheme in BUILT_IN:
            raise
        log.warning("the plug-in %s cannot open %s", module.__name__, uri, exc_info=error)
        raise TransportError(
            f"{scheme}: the plug-in {module.__name__} failed: {loading.told(error)}"
        ) from error


def _module_of(uri: str, known: Mapping[str, str], side: Side) -> str:
    scheme, colon, _ = uri.partition(":")
    if not colon or scheme not in known:
        fitting = [one for one in known if _may_be(one, known[one], side)]
        choices = ", ".join(f"{name}:" for name in fitting)
        as_file = (
            f"; for a file, write file:{uri}" if uri and not colon and len(uri) < SHORT else ""
        )
        guess = did_you_mean(f"{scheme}:", [f"{name}:" for name in fitting]) if colon else ""
        guess = f".{guess}" if guess else ""
        raise TransportError(f"{uri!r} is not a {side.noun}; use one of {choices}{as_file}{guess}")
    return known[scheme]


def _may_be(scheme: str, name: str, side: Side) -> bool:
    """Whether a scheme can be a source or a sink, as far as known without importing its module."""
    module = _imported.get(name)
    if module is not None:
        return hasattr(module, side.function)
    return ONE_SIDED.get(scheme, side) is side


def _checked(uri: str, module: ModuleType, side: Side) -> None:
    if not hasattr(module, side.function):
        scheme = uri.partition(":")[0]
        raise TransportError(
            f"{scheme}: cannot be {side.verb}; `spout-bridge list` shows what can."
        )


def _modules() -> dict[str, str]:
    """The module of every scheme; looking up plug-ins takes milliseconds and reads the disk."""
    global _plugged  # replaced whole, so that any thread may read it
    found: dict[str, str] = {}
    for point in entry_points(group=ENTRY_POINTS):
        why = ""
        if not SCHEME.fullmatch(point.name):
            why = f"{point.name!r} is not a scheme: use at least two of a to z, digits, + . and -"
        elif point.name in BUILT_IN or point.name in found:
            why = f"a transport {point.name}: already exists"
        if not why:
            found[point.name] = point.value
        elif point.value not in _told:
            _told.add(point.value)
            log.warning("the plug-in %s is ignored: %s", point.value, why)
    _plugged = found
    return {**BUILT_IN, **found}


def _known() -> dict[str, str]:
    """The same, from the last lookup: does not read the disk."""
    return _modules() if _plugged is None else {**BUILT_IN, **_plugged}


def _module(scheme: str, name: str) -> ModuleType:
    try:
        module = _imported[name] = import_module(name)
        return module
    except (ImportError, OSError) as error:  # a missing library, or a broken plug-in
        if isinstance(error, ModuleNotFoundError) and loading.is_missing(error):
            cure = f"install it with `{pip()} install {error.name}`"
            at = "" if scheme in BUILT_IN else loading.place(error)
            what = f"{error.name} ({at})" if at else error.name
            raise TransportError(f"{scheme}: needs the package {what}; {cure}.") from error
        why = loading.sentence(error) if loading.is_refused(error) else f"{loading.told(error)}."
        raise TransportError(f"{scheme}: cannot be used: {why}") from error
    except Exception as error:  # anything a plug-in may raise; in a built-in it is a defect
        if scheme in BUILT_IN:
            raise
        if name not in _told:
            _told.add(name)
            log.warning("the plug-in %s is ignored", name, exc_info=error)
        raise TransportError(f"{scheme}: cannot be used: {loading.told(error)}") from error
