"""Where frames come from and go to, opened by URI: `demo:`, `file:clip.mp4`, `shm:NAME` …

A transport is one module of this package (or a plug-in's, by entry point) with a function
`open_source(name, options)` or `open_sink(name, options)`, or both; `name` is what follows the
colon. It raises `TransportError`, one sentence with the cure, when it cannot be had. One that takes
wishes behind a `?` has `check_source(name)` too, which raises the same for those that cannot be,
and waits for nothing. One whose senders can be found has `offers()` too, a list of `Offer`; one
whose sources cannot be had twice says `EXCLUSIVE = True`.
"""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
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
SCHEME = re.compile(r"[a-z][a-z0-9+.-]+")  # one letter is a drive of Windows
LONGEST_URI = 4096  # letters, as of a path
SHORT = 80  # letters of what is worth writing out once more
BUILT_IN = {
    "spout": "bridge.transports.spout.transport",
    "demo": "bridge.transports.demo",
    "pattern": "bridge.transports.pattern",
    "file": "bridge.transports.file",
    "camera": "bridge.transports.camera",
    "shm": "bridge.transports.shared_memory",
    "null": "bridge.transports.null",
}
PATIENCE = 1.0  # seconds that a transport may take to be imported, or to say what it offers

log = logging.getLogger(__name__)

_plugged: dict[str, str] | None = None  # the module of each plug-in's scheme, as last looked up
_told: set[str] = set()  # plug-ins of which the log says that they are left out
_imported: dict[str, ModuleType] = {}  # wholly, unlike those in sys.modules
_aside = Aside()


class TransportError(Exception):
    """A source or sink cannot be opened, or is gone for good; the text is one sentence."""


class NotNowError(TransportError):
    """It is right by itself, and what it needs is not there now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a transport may need to know: the size in pixels and the rate in frames a second that
    a source without a size of its own should draw at, or that a sink will be given.

    Where a source may choose among senders, it takes the one called `prefer` and never the one
    called `avoid`. `limit` is the largest size that is wanted of one that can scale by itself.
    Where a device may choose, `output` and `output_fps` are the size and rate that are shown.
    """

    width: int = 640
    height: int = 360
    fps: float = 30.0
    prefer: str = ""
    avoid: str = ""
    limit: tuple[int, int] | None = None
    output: tuple[int, int] | None = None
    output_fps: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Something that can be received from now: its URI, what it is in a few words, and why it
    cannot be had, if so. What is `exclusive` can be had by one program at a time.
    """

    uri: str
    text: str
    problem: str = ""
    exclusive: bool = False


@dataclass(frozen=True, slots=True)
class Side:
    """What a transport is asked for, and the words for it."""

    noun: str
    verb: str
    function: str


SOURCE = Side("source", "received from", "open_source")
SINK = Side("sink", "sent to", "open_sink")


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
        """What to tell the user in a few words: `1280x720 at 30`, `waiting for shm:Cam`; of a
        sink the true name that others can pick. Read by any thread.
        """
        ...


class Source(Transport, Protocol):
    """Frames come from here."""

    def receive(self, timeout: float) -> Frame | None:
        """Wait up to `timeout` seconds for a frame newer than the last; None when there is none.

        A sender that is gone is None too, never an exception: it may come back. Nobody writes to
        `image` afterwards.
        """
        ...

    @property
    def problem(self) -> str:
        """What keeps the pictures away, in one sentence with the cure; empty for nothing."""
        ...

    @property
    def there(self) -> bool:
        """Whether the sender is there, as far as can be told. Read by any thread."""
        ...

    @property
    def stands_in(self) -> bool:
        """Whether what it gives is nobody's input, only something to look at."""
        ...


class Sink(Transport, Protocol):
    """Frames go here.

    Two of its traits say how often it must be sent a picture that is only held. Of a plug-in that
    does not declare them, a beat is needed and nothing is kept. They never change.
    """

    @property
    def keeps_last(self) -> bool:
        """Whether who looks later finds the frame that was sent last, as in shared memory."""
        ...

    @property
    def needs_beat(self) -> bool:
        """Whether a frame must come at every beat of the output clock, a held one too: what writes
        or streams at an even rate (a file; OMT, NDI, a virtual camera).
        """
        ...

    def send(self, frame: Frame) -> None:
        """Hand one frame over. `frame.image` may be reused by the caller afterwards."""
        ...


def open_source(uri: str, options: Options) -> Source:
    """Open what a URI names, to receive from."""
    uri = meant(uri)
    return cast(Source, _opened(uri, SOURCE, options))  # a module of a plug-in has no type


def check_source(uri: str) -> None:
    """TransportError where a URI names nothing that can be received from, as far as that is known
    without a look at the disk: who calls this may not wait. Where there are wishes, a module of
    ours is imported for it.
    """
    if len(uri) > LONGEST_URI:
        raise TransportError(f"A source's URI has at most {LONGEST_URI} letters.")
    name = _module_of(uri, _known(), SOURCE)
    scheme, _, rest = uri.partition(":")
    module = _imported.get(name)
    if module is None and scheme in BUILT_IN and "?" in rest:
        module = _module(scheme, name)
    if module is None:
        return
    _checked(uri, module, SOURCE)
    if check := getattr(module, "check_source", None):
        check(rest)


def clash(one: str, other: str) -> bool:
    """Whether two sources cannot be had at the same time. Waits for nothing."""
    scheme = one.partition(":")[0]
    if scheme != other.partition(":")[0]:
        return False
    module = _imported.get(_known().get(scheme, ""))
    return bool(getattr(module, "EXCLUSIVE", False))


def open_sink(uri: str, options: Options) -> Sink:
    """Open what a URI names, to send to."""
    uri = meant(uri)
    return cast(Sink, _opened(uri, SINK, options))  # a module of a plug-in has no type


def schemes() -> dict[str, tuple[bool, bool, str]]:
    """For every scheme: can it be a source, can it be a sink, and what it is in one line; of one
    that cannot be imported, why.
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
    """All senders and devices that are there now, of every transport that can tell. One that does
    not answer is an offer with that problem, and keeps nobody.
    """
    found: list[Offer] = []
    for scheme, name in _modules().items():
        try:
            found += _aside.ask(f"{scheme}:", partial(_offers, scheme, name), PATIENCE)
        except TransportError:
            pass  # a plug-in that misses a package; `schemes` tells
        except Exception as error:  # noqa: BLE001 - of a driver or a plug-in: the others are there
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
    except Exception as error:  # whatever a stranger's module does: one of ours is a defect
        if scheme in BUILT_IN:
            raise
        log.warning("the plug-in %s cannot open %s", module.__name__, uri, exc_info=error)
        raise TransportError(
            f"{scheme}: the plug-in {module.__name__} fails: {loading.told(error)}"
        ) from error


def _module_of(uri: str, known: Mapping[str, str], side: Side) -> str:
    scheme, colon, _ = uri.partition(":")
    if not colon or scheme not in known:
        choices = ", ".join(f"{name}:" for name in known)
        as_file = f"; a file is file:{uri}" if uri and not colon and len(uri) < SHORT else ""
        guess = did_you_mean(f"{scheme}:", [f"{name}:" for name in known]) if colon else ""
        guess = f".{guess}" if guess else ""
        raise TransportError(f"{uri!r} is no {side.noun}; write one of {choices}{as_file}{guess}")
    return known[scheme]


def _checked(uri: str, module: ModuleType, side: Side) -> None:
    if not hasattr(module, side.function):
        scheme = uri.partition(":")[0]
        raise TransportError(
            f"{scheme}: cannot be {side.verb}; `spout-bridge list` shows what can."
        )


def _modules() -> dict[str, str]:
    """The module of every scheme; to ask for those of plug-ins takes milliseconds, and the disk."""
    global _plugged  # replaced whole, so that any thread may read it
    found: dict[str, str] = {}
    for point in entry_points(group=ENTRY_POINTS):
        why = ""
        if not SCHEME.fullmatch(point.name):
            why = f"{point.name!r} is no scheme: two letters at least, of a to z, digits, + . and -"
        elif point.name in BUILT_IN or point.name in found:
            why = f"there is a transport {point.name}: already"
        if not why:
            found[point.name] = point.value
        elif point.value not in _told:
            _told.add(point.value)
            log.warning("the plug-in %s is left out: %s", point.value, why)
    _plugged = found
    return {**BUILT_IN, **found}


def _known() -> dict[str, str]:
    """The same as they were when somebody last asked: no look at the disk."""
    return _modules() if _plugged is None else {**BUILT_IN, **_plugged}


def _module(scheme: str, name: str) -> ModuleType:
    try:
        module = _imported[name] = import_module(name)
        return module
    except (ImportError, OSError) as error:  # its libraries, or a plug-in that is no good
        if isinstance(error, ModuleNotFoundError) and loading.is_missing(error):
            cure = f"install it with `{pip()} install {error.name}`"
            at = "" if scheme in BUILT_IN else loading.place(error)
            what = f"{error.name} ({at})" if at else error.name
            raise TransportError(f"{scheme}: needs the package {what}; {cure}.") from error
        why = loading.sentence(error) if loading.is_refused(error) else f"{loading.told(error)}."
        raise TransportError(f"{scheme}: cannot be used: {why}") from error
    except Exception as error:  # whatever a stranger's module does: one of ours is a defect
        if scheme in BUILT_IN:
            raise
        if name not in _told:
            _told.add(name)
            log.warning("the plug-in %s is left out", name, exc_info=error)
        raise TransportError(f"{scheme}: cannot be used: {loading.told(error)}") from error
