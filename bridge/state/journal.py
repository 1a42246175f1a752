"""The journal: the look of a run, saved on disk so that a crash does not lose it: parameter
values, pipeline, inputs.

It is written by its own thread, at most ten times a second, and replaced atomically. A run that
ends normally records that last; without that record, the next run knows that it crashed.
"""

import json
import logging
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any, cast

from bridge.state.inputs import NONE, ROLES
from bridge.system import whole_files
from bridge.system.lock_file import LockFile
from engine.parameters import Value
from engine.system import held

log = logging.getLogger(__name__)

PERIOD = 0.1  # seconds between writes
AGAIN = 1.0  # seconds until a failed write is retried
LAST = 1.5  # seconds for the last write, including the wait for a locked file
LATE = 3.0  # seconds without an answer from the disk before it is reported
LARGEST = 16 << 20  # bytes; anything larger is not a journal


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The look: all values by name, the pipeline's id, the URI of each input, `none` for none; the
    number of the look that they were saved as or recalled from, 0 for none; and whether the run has
    ended normally since.
    """

    values: Mapping[str, Value]
    pipeline: str
    source: str
    control: str = NONE
    mask: str = NONE
    look: int = 0
    ended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """The look of the previous run, each part of the right type, but `values` unchecked. `well`: it
    ended normally. `show`: it is of a show file instead, as this says. Missing parts are empty.
    """

    values: Mapping[str, object] = field(default_factory=dict[str, object])
    pipeline: str = ""
    source: str = ""
    control: str = ""
    mask: str = ""
    look: int = 0
    well: bool = False
    show: str = ""


class Journal:
    """`put` and `finish` never wait; the newest wins. `begin` and `end` use the disk. Until `open`,
    nothing on disk is changed: the start may still be refused. A failed write keeps the old file
    and is retried each second; `problem` reports it, and the state's `error`.
    """

    def __init__(self, path: Path) -> None:
        self.shared = False  # whether another bridge of this name saves its look here
        self.unread = ""  # why an existing journal is not restored, in one sentence
        self._path = path
        self._claim = LockFile(path.with_name(path.name.removesuffix(".journal.json") + ".lock"))
        self._kept: Kept | None = None
        self._trouble = ""
        self._since = 0.0  # when the current write began
        self._changed = threading.Event()
        self._aside = ""  # new suffix of a journal that was not restored
        self._ready = self._open = False
        self._ended = False
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def begin(self, *, fresh: bool = False) -> Left | None:
        """Read the journal; the look of the previous run, None if there is none to restore.
        `fresh` leaves it unread, and the first write sets it aside.
        """
        self.shared = not self._claim.take()
        if self.shared:
            return None
        left = None
        if fresh:
            self._aside = ".old"
        else:
            left = self._left()
        self._ready = not self._ended
        return left

    def open(self) -> None:
        """The run has started: save what is `put` from now on."""
        self._open = self._ready

    def give_up(self, why: str) -> None:
        """Stop waiting for `begin`, and save nothing over what it may still find."""
        self._ended, self._trouble = True, f"The look is not saved: {why}"

    def put(self, kept: Kept) -> None:
        """Save this, soon."""
        if not self._open:
            return
        self._kept = kept
        with self._lock:  # several threads put; one writes
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
                self._thread.start()
        self._changed.set()

    def finish(self, kept: Kept | None = None) -> None:
        """Write `kept` last, if given; nothing is saved from now on. Never waits."""
        if kept:
            self.put(kept)
        self._ready, self._open, self._ended = False, False, True
        self._changed.set()

    def end(self, kept: Kept | None = None) -> None:
        """The same, and wait for it; then release the journal."""
        self.finish(kept)
        if self._thread:
            self._thread.join(LAST)
        self._claim.give_back()

    @property
    def problem(self) -> str:
        """Why the look is not saved, in one sentence; empty if it is."""
        since = self._since
        if since and (seconds := perf_counter() - since) > LATE:
            return f"The look is not saved: {self._path} has not been written for {seconds:.0f} s."
        return self._trouble

    def _left(self) -> Left | None:
        try:
            kept = self._read()
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError, MemoryError) as error:
            if isinstance(error, OSError) and held.is_held(error):
                self.unread = (
                    f"Nothing is restored: another program has {self._path} locked; it is set "
                    "aside once released."
                )
                self._aside = ".old"
                return None
            why = (str(error) or type(error).__name__)[:200]
            log.warning("the journal %s cannot be read and is set aside: %s", self._path, why)
            self._aside = ".bad"
            return None
        values = kept.get("values")
        if not isinstance(values, dict):
            log.warning("the journal's values are invalid: %.80r", values)
            values = {}
        return Left(
            values=cast("dict[str, object]", values),  # JSON has no other keys
            pipeline=_text(kept, "pipeline"),
            **{role: _text(kept, role) for role in ROLES},
            look=_number(kept, "look"),
            well=kept.get("ended") is True,
            show=_text(kept, "show"),
        )

    def _read(self) -> dict[str, Any]:
        kept = whole_files.read_json(self._path, LARGEST)
        if not isinstance(kept, dict):
            raise ValueError("not a journal")
        return cast("dict[str, Any]", kept)  # JSON has no other keys

    def _run(self) -> None:
        pause = threading.Event()
        while True:
            self._changed.wait(AGAIN if self._trouble else None)
            self._changed.clear()
            ended = self._ended  # read before writing, so that the last one is never missed
            if self._kept is not None:
                self._since = perf_counter()
                self._tell(self._write(self._kept))
                self._since = 0.0
            if ended:
                return
            pause.wait(PERIOD)

    def _write(self, kept: Kept) -> str:
        """Replace the file. Return why that failed, in a sentence; empty if it did not."""
        data = {"values": dict(kept.values), "pipeline": kept.pipeline,
                **{role: getattr(kept, role) for role in ROLES}, "look": kept.look,
                "ended": kept.ended}  # fmt: skip
        try:
            self._replace(json.dumps(data).encode())
        except OSError as error:
            return f"The look is not saved: {self._path} cannot be written ({held.told(error)})."
        return ""

    def _replace(self, content: bytes) -> None:
        if self._aside:  # an unread journal must not be lost; other errors show when writing
            with suppress(FileNotFoundError if self.unread else OSError):
                held.replace(self._path, self._path.with_suffix(self._aside))
            self._aside = self.unread = ""
        whole_files.write(self._path, content)

    def _tell(self, trouble: str) -> None:
        if trouble and trouble != self._trouble:
            log.warning("%s", trouble)
        elif self._trouble and not trouble:
            log.warning("The look is saved again in %s.", self._path)
        self._trouble = trouble


def _number(kept: Mapping[str, Any], name: str) -> int:
    value = kept.get(name, 0)
    if type(value) is not int:
        log.warning("the journal's %s is invalid: %.80r", name, value)
        return 0
    return value


def _text(kept: Mapping[str, Any], name: str) -> str:
    value = kept.get(name, "")
    if not isinstance(value, str):
        log.warning("the journal's %s is invalid: %.80r", name, value)
        return ""
    return value
