"""Where log lines go: to the terminal, and to one file per bridge name.

Each has a bounded queue and a thread of its own: a disk or terminal that is slow, full or gone, or
paused by a click (Windows' QuickEdit), never blocks the caller. Other terminal output of a running
bridge goes the same way, through `say`. Lines that did not fit are counted, and the count is logged
when there is room again. Secrets are masked before a line leaves the calling thread.
"""

import logging
import re
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from glob import escape
from logging.handlers import QueueHandler
from os import getpid
from pathlib import Path
from queue import Full, Queue
from time import perf_counter
from typing import IO
from urllib.parse import quote

from bridge.system.lock_file import LockFile
from engine.system import held

log = logging.getLogger(__name__)

FILES, SIZE = 5, 2_000_000  # per name: number of files, and bytes of each
LINES = 4000  # that may wait for a disk or a terminal
AGAIN = 5.0  # seconds until a file that cannot be written is tried again
PATIENCE = 1.0  # seconds that the last lines may take
BRIEFLY = 0.3  # seconds to wait for a file held by another program: more lines keep coming
RECENT = 500  # lines kept in memory for the page
LONGEST = 2000  # characters of such a line, its traceback included
LAYOUT = "%(asctime)s %(levelname)s %(threadName)s %(name)s: %(message)s"
SHORTEST_SECRET = 4  # letters; masking shorter ones would make lines unreadable
# A token in a URL, a header or a text; the user name and password in a URL.
NAMES = r"(?i)((?:token|password|secret|api_?key|authorization)[\"']?\s*[=:]\s*[\"']?"
MASKS = (
    (re.compile(NAMES + r"(?:bearer |basic )?)[^\s&\"',;]+"), r"\1***"),
    (re.compile(r"(?i)(bearer\s+)[^\s\"',]+"), r"\1***"),
    (re.compile(r"(\w://)[^/\s@]+@"), r"\1***@"),
)

_secrets: tuple[str, ...] = ()
_handlers: list["Posting"] = []
_file: "LogFile | None" = None
_recent: "Recent | None" = None
_terminal: "Posting | None" = None


def hide(secrets: Iterable[str]) -> None:
    """Mask these in every line from now on; also in their URL-encoded form."""
    global _secrets
    known = {*_secrets}
    for secret in secrets:
        if len(secret) >= SHORTEST_SECRET:
            known |= {secret, quote(secret), quote(secret, safe="")}
    _secrets = tuple(sorted(known, key=len, reverse=True))


def masked(text: str) -> str:
    """The text with its secrets masked."""
    for secret in _secrets:
        text = text.replace(secret, "***")
    for pattern, instead in MASKS:
        text = pattern.sub(instead, text)
    return text


def to_terminal(handler: logging.Handler, level: int) -> None:
    """Show lines of this level and above."""
    global _terminal
    _terminal = _add(handler, level)


def say(write: Callable[[], object]) -> None:
    """Have `write` show something on the terminal, in order with log lines; called in the thread
    that writes there, which never blocks the caller. Without such a thread it is called here.
    """
    if _terminal:
        _terminal.put(write)
    else:
        _written(write)


def to_file(folder: Path, name: str, level: int) -> None:
    """Write the lines of the bridge of this name into a file below `folder`, which is
    `Settings.folder`, uncaught errors of threads included. The file is opened by the thread that
    writes it.
    """
    global _file, _recent
    _file = LogFile(folder / "logs", name)
    _file.setFormatter(logging.Formatter(LAYOUT))
    _add(_file, level)
    _recent = Recent(level)
    logging.getLogger().addHandler(_recent)
    threading.excepthook = _uncaught
    sys.unraisablehook = _unraisable


def end() -> bool:
    """Write what is queued, and restore logging as it was. False if the terminal is stuck: then the
    interpreter's exit would block there too.
    """
    global _file, _recent, _secrets, _terminal
    root, well = logging.getLogger(), True
    for handler in _handlers:
        root.removeHandler(handler)
        well = (handler.end() or handler is not _terminal) and well
    _handlers.clear()
    if _recent:
        root.removeHandler(_recent)
    if _file:
        threading.excepthook, sys.unraisablehook = threading.__excepthook__, sys.__unraisablehook__
    _file, _recent, _secrets, _terminal = None, None, (), None
    return well


def place() -> str:
    """The current log file; empty for none."""
    return str(_file.path) if _file else ""


def see() -> str:
    """Where to find the details of an unexpected error, to be added to a sentence."""
    return f" (unexpected; see {place()})" if _file else ""


def recent(after: int = 0) -> tuple[int, list["Line"]]:
    """The number of the newest line, and the kept lines after number `after`, without secrets.
    Numbers start at 1 with each run; 0 and no lines while no log file is written.
    """
    return _recent.after(after) if _recent else (0, [])


class _Unlocked:
    """Replaces a handler's lock: one thread uses it, and the exit must not wait for it."""

    def acquire(self) -> None:
        """Nothing to wait for."""

    release = _at_fork_reinit = acquire

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


class Posting(QueueHandler):
    """Hands lines to `target` in a thread of its own. Never waits."""

    def __init__(self, target: logging.Handler) -> None:
        self._waiting: Queue[logging.LogRecord | Callable[[], object] | None] = Queue(LINES)
        super().__init__(self._waiting)
        self._target = target
        target.lock = _Unlocked()  # type: ignore[assignment]  # it is entered and left only
        self._missed = 0
        self._told = 0
        self._thread = threading.Thread(target=self._serve, name="log", daemon=True)
        self._thread.start()

    def enqueue(self, record: logging.LogRecord) -> None:
        """Queue it, or count it."""
        self.put(record)

    def put(self, what: logging.LogRecord | Callable[[], object]) -> None:
        """The same for a line, or a function that writes something else."""
        try:
            self._waiting.put_nowait(what)
        except Full:
            self._missed += 1

    def format(self, record: logging.LogRecord) -> str:
        """The message with its traceback, without secrets."""
        return masked(super().format(record))

    def handleError(self, record: logging.LogRecord) -> None:
        """A line that cannot be formatted is counted: printing that could block."""
        self._missed += 1

    def end(self) -> bool:
        """Flush the queue, for a moment at most; whether that was enough."""
        with suppress(Full):
            self._waiting.put(None, timeout=PATIENCE)
        self._thread.join(PATIENCE)
        if self._thread.is_alive():  # stuck inside: touching it at exit would block too
            self._target.flush = self._target.close = _nothing
            return False
        return True

    def _serve(self) -> None:
        while (what := self._waiting.get()) is not None:
            if isinstance(what, logging.LogRecord):
                self._hand_over(what)
            elif not _written(what):
                self._missed += 1
            if (missed := self._missed) > self._told and self._waiting.empty():
                text = f"{missed - self._told} lines came too fast and are missing here"
                self._told = missed
                self._hand_over(logging.makeLogRecord(
                    {"name": __name__, "levelno": logging.WARNING, "levelname": "WARNING",
                     "msg": text}
                ))  # fmt: skip
        self._target.close()

    def _hand_over(self, record: logging.LogRecord) -> None:
        try:
            self._target.handle(record)
        except Exception:  # noqa: BLE001 - a terminal that is gone: nowhere left to report it
            self._missed += 1


@dataclass(frozen=True, slots=True)
class Line:
    """A log line: its number, seconds since 1970, its level's name, and its text."""

    number: int
    time: float
    level: str
    text: str


class Recent(logging.Handler):
    """Keeps the newest lines in memory. Any thread; nothing here waits."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self._lines: deque[Line] = deque(maxlen=RECENT)
        self._number = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line; the handler's lock is held."""
        try:
            text = masked(self.format(record))
        except Exception:  # noqa: BLE001 - a line that cannot be formatted: the file counts it
            return
        self._number += 1
        text = text if len(text) <= LONGEST else f"{text[:LONGEST]} …"
        self._lines.append(Line(self._number, record.created, record.levelname, text))

    def after(self, number: int) -> tuple[int, list[Line]]:
        """The newest number, and the kept lines above `number`."""
        with self.lock or nullcontext():
            return self._number, [line for line in self._lines if line.number > number]


class LogFile(logging.Handler):
    """The file of one bridge name, and its predecessors: `name.log`, `name.log.1` … A second bridge
    of that name writes a file of its own. All but `path` is used by one thread.
    """

    def __init__(self, folder: Path, name: str) -> None:
        super().__init__()
        self.path = folder / f"{name}.log"
        self._claim = LockFile(folder / f"{name}.lock")
        self._claimed = False
        self._file: IO[bytes] | None = None
        self._note = ""  # first line of the file
        self._size = 0
        self._lost = 0
        self._again_at = 0.0  # when opening, or rotating, is tried again

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line with its traceback."""
        line = (self.format(record) + "\n").encode("utf-8", "backslashreplace")
        try:
            self._write(line)
        except OSError:
            self._lost += 1
            self._shut()
            self._again_at = perf_counter() + AGAIN

    def close(self) -> None:
        """Close it and release the name."""
        self._shut()
        self._claim.give_back()
        super().close()

    def _write(self, line: bytes) -> None:
        if self._size > SIZE and perf_counter() >= self._again_at:
            self._make_room()
        if self._size > 2 * SIZE or (not self._file and perf_counter() < self._again_at):
            self._lost += 1
            return
        file = self._file or self._open()
        if self._lost:
            file.write(b"%d lines could not be written here\n" % self._lost)
            self._lost = 0
        file.write(line)
        file.flush()
        self._size += len(line)

    def _open(self) -> IO[bytes]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if not self._claimed:
            self._claimed = True
            if not self._claim.take():
                name = self.path.stem
                self.path = self.path.with_name(f"{name}.{getpid()}.log")
                _forget(self.path.parent, f"{escape(name)}.[0-9]*.log*")
                self._note = f"Another bridge named {name} writes {name}.log.\n"
                log.warning("%s This one writes %s.", self._note.strip(), self.path)
        if self.path.exists() and not self.path.is_file():  # opening a pipe would block forever
            raise OSError("not a file")
        if self._moving.is_file() and not self.path.exists():  # rotating failed: keep the old file
            held.replace(self._moving, self.path, BRIEFLY)
        self._file = held.patiently(lambda: self.path.open("ab"), BRIEFLY)
        self._size = self._file.tell()
        self._file.write(self._note.encode())
        self._note = ""
        return self._file

    def _make_room(self) -> None:
        """Start a new file. If another program holds one (Windows), keep using the old one."""
        self._shut()
        self._again_at = perf_counter() + AGAIN
        try:
            self.path.replace(self._moving)  # first, or failed tries would push out all old files
            for number in range(FILES - 2, 0, -1):
                if (old := self._numbered(number)).exists():
                    old.replace(self._numbered(number + 1))
            self._moving.replace(self._numbered(1))
            self._size, self._again_at = 0, 0.0
        except OSError:
            pass
        self._open()

    @property
    def _moving(self) -> Path:
        return self.path.with_suffix(".moving")

    def _numbered(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")

    def _shut(self) -> None:
        file, self._file = self._file, None
        if file:
            try:
                file.close()
            except OSError:  # unwritten lines are lost with it
                self._lost += 1


def _written(write: Callable[[], object]) -> bool:
    try:
        write()
    except (Exception, SystemExit):  # noqa: BLE001 - as above; and rich exits when a pipe is gone
        return False
    return True


def _add(target: logging.Handler, level: int) -> Posting:
    handler = Posting(target)
    handler.setLevel(level)
    _handlers.append(handler)
    logging.getLogger().addHandler(handler)
    # Ours as requested; from other packages only warnings and errors.
    least = min(handler.level for handler in _handlers)
    logging.getLogger("bridge").setLevel(least)
    return handler


def _forget(folder: Path, pattern: str) -> None:
    """Keep only the newest few files of bridges that shared a name."""
    dated: list[tuple[float, Path]] = []
    for path in folder.glob(pattern):
        with suppress(OSError):  # another bridge removed it just now
            dated.append((path.stat().st_mtime, path))
    for _, path in sorted(dated)[: 1 - FILES]:
        with suppress(OSError):  # in use by a reader: next time
            path.unlink(missing_ok=True)


def _nothing() -> None:
    pass


def _uncaught(about: threading.ExceptHookArgs) -> None:
    if about.exc_type is SystemExit or about.exc_value is None:
        return
    name = about.thread.name if about.thread else "a thread"
    log.error("unexpected: %s has ended", name, exc_info=about.exc_value)


def _unraisable(about: "sys.UnraisableHookArgs") -> None:
    log.error("unexpected: %s %r", about.err_msg or "in", about.object, exc_info=about.exc_value)
