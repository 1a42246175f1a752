"""The journal: what a run shows, kept on disk so that no end loses a look: the values of the
parameters, the pipeline, the inputs.

It is written by its own thread, at most ten times a second, and replaced atomically. A run that
ends well says so in it at last; one that finds no such word knows that the last run crashed.
"""

import json
import logging
import os
import stat
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any, cast

from bridge.state.inputs import NONE, ROLES
from bridge.system.lock_file import LockFile
from engine.parameters import Value
from engine.system import held

log = logging.getLogger(__name__)

PERIOD = 0.1  # seconds between writes
AGAIN = 1.0  # seconds until a write that failed is tried again
LAST = 1.5  # seconds that the last write may take; a held file is waited for in it
LATE = 3.0  # seconds without an answer of the disk from which on it is told
LARGEST = 16 << 20  # bytes; what is larger is no journal


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What is shown: all values by name, the pipeline's id, the URI of each input, `none` for none;
    and whether the run has ended well since.
    """

    values: Mapping[str, Value]
    pipeline: str
    source: str
    control: str = NONE
    mask: str = NONE
    ended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What a run before has left, each part of the right type but nothing more: `values` are not
    checked. `well` says whether that run ended normally. What it says nothing of is empty.
    """

    values: Mapping[str, object] = field(default_factory=dict[str, object])
    pipeline: str = ""
    source: str = ""
    control: str = ""
    mask: str = ""
    well: bool = False


class Journal:
    """`put` never waits; the newest wins. `begin` and `end` use the disk. Until `open` nothing of
    what lies there is changed: a start may still be refused. A write that fails leaves the old file
    and is tried again each second; `problem` tells it, and the state's `error`.
    """

    def __init__(self, path: Path) -> None:
        self.shared = False  # whether another bridge of this name keeps its look here
        self.unread = ""  # why nothing is restored although there is a journal, in a sentence
        self._path = path
        self._claim = LockFile(path.with_name(path.name.removesuffix(".journal.json") + ".lock"))
        self._kept: Kept | None = None
        self._trouble = ""
        self._since = 0.0  # when the write that runs began
        self._changed = threading.Event()
        self._aside = ""  # what the name of a journal that was not taken up ends in from now on
        self._ready = self._open = False
        self._ended = False
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def begin(self, *, fresh: bool = False) -> Left | None:
        """Take the journal up; what a run before has left, None for nothing that can be had.
        `fresh` leaves that unread, and the first write puts it aside.
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
        """The run has begun: keep what is `put` from now on."""
        self._open = self._ready

    def give_up(self, why: str) -> None:
        """Neither wait for `begin` any longer nor keep anything over what it may still find."""
        self._ended, self._trouble = True, f"The look is not kept: {why}"

    def put(self, kept: Kept) -> None:
        """Keep this, soon."""
        if not self._open:
            return
        self._kept = kept
        with self._lock:  # several threads put; one writes
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
                self._thread.start()
        self._changed.set()

    def end(self, kept: Kept | None = None) -> None:
        """Write `kept` at last, if anything, and let others have the journal."""
        if kept:
            self.put(kept)
        self._ready, self._open, self._ended = False, False, True
        self._changed.set()
        if self._thread:
            self._thread.join(LAST)
        self._claim.give_back()

    @property
    def problem(self) -> str:
        """Why the look is not kept, in a sentence; empty when it is."""
        since = self._since
        if since and (seconds := perf_counter() - since) > LATE:
            return f"The look is not kept: {self._path} has not been written for {seconds:.0f} s."
        return self._trouble

    def _left(self) -> Left | None:
        try:
            kept = self._read()
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError, MemoryError) as error:
            if isinstance(error, OSError) and held.is_held(error):
                self.unread = (
                    f"Nothing is restored: another program has {self._path} open and lets nobody "
                    "read it; it is put aside when that lets go."
                )
                self._aside = ".old"
                return None
            why = (str(error) or type(error).__name__)[:200]
            log.warning("the journal %s cannot be read and is put aside: %s", self._path, why)
            self._aside = ".bad"
            return None
        values = kept.get("values")
        if not isinstance(values, dict):
            log.warning("the journal's values are none: %.80r", values)
            values = {}
        return Left(
            values=cast("dict[str, object]", values),  # JSON has no other keys
            pipeline=_text(kept, "pipeline"),
            **{role: _text(kept, role) for role in ROLES},
            well=kept.get("ended") is True,
        )

    def _read(self) -> dict[str, Any]:
        about = self._path.stat()
        if not stat.S_ISREG(about.st_mode):  # to open a pipe would wait for ever
            raise ValueError("it is no file")
        if about.st_size > LARGEST:
            raise ValueError("it is too large to be one")
        kept = json.loads(held.patiently(self._path.read_bytes))
        if not isinstance(kept, dict):
            raise ValueError("it is no journal")
        return cast("dict[str, Any]", kept)  # JSON has no other keys

    def _run(self) -> None:
        pause = threading.Event()
        while True:
            self._changed.wait(AGAIN if self._trouble else None)
            self._changed.clear()
            ended = self._ended  # before what is written, so that the last is never missed
            if self._kept is not None:
                self._since = perf_counter()
                self._tell(self._write(self._kept))
                self._since = 0.0
            if ended:
                return
            pause.wait(PERIOD)

    def _write(self, kept: Kept) -> str:
        """Replace the file; why that cannot be, in a sentence."""
        data = {"values": dict(kept.values), "pipeline": kept.pipeline,
                **{role: getattr(kept, role) for role in ROLES}, "ended": kept.ended}  # fmt: skip
        try:
            self._replace(json.dumps(data).encode())
        except OSError as error:
            with suppress(OSError):  # a full disk leaves it empty
                held.remove(self._path.with_suffix(".new"), 0)
            return f"The look is not kept: {self._path} cannot be written ({held.told(error)})."
        return ""

    def _replace(self, content: bytes) -> None:
        if self._aside:  # what was not read is not lost; of others, writing tells
            with suppress(FileNotFoundError if self.unread else OSError):
                held.replace(self._path, self._path.with_suffix(self._aside))
            self._aside = self.unread = ""
        fresh = self._path.with_suffix(".new")
        held.remove(fresh)
        with held.patiently(lambda: fresh.open("xb")) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        held.replace(fresh, self._path)
        _sync(self._path.parent)

    def _tell(self, trouble: str) -> None:
        if trouble and trouble != self._trouble:
            log.warning("%s", trouble)
        elif self._trouble and not trouble:
            log.warning("The look is kept again in %s.", self._path)
        self._trouble = trouble


def _text(kept: Mapping[str, Any], name: str) -> str:
    value = kept.get(name, "")
    if not isinstance(value, str):
        log.warning("the journal's %s is none: %.80r", name, value)
        return ""
    return value


def _sync(folder: Path) -> None:
    """Have the new name reach the disk too; Windows does so by itself."""
    if sys.platform == "win32":
        return
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    except OSError:  # not every file system knows it for folders
        pass
    finally:
        os.close(opened)
