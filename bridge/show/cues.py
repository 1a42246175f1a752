"""The cue list: looks in the order of a show. What the next cue needs stands by, so that GO shows
it at once; a GO before it is ready keeps the old look moving, and goes when it is.

A missing file may come back, so a GO waits for it. A cue that can never go, as its look is gone, is
refused, and skipped by the next GO.

The list, and which cue was shown last, are in `cues.json`. Recalling a look may wait for a disk, so
cues go in a thread of their own.
"""

import json
import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol

from bridge.show.folder_lock import FolderLock
from bridge.show.lent import CUE_MARK, Lent
from bridge.state import names
from bridge.state.actions import CUE, LOOK, ActionError, Argument
from bridge.state.change import By, Setter
from bridge.state.status import Readiness, StandbyTold
from bridge.state.store import AbsentError, ParameterError, UnusableError
from bridge.system import whole_files
from bridge.system.loops import Loop, explained
from engine.parameters import Kind, Value, digits
from engine.system import held
from engine.system.json_values import is_list, is_object

log = logging.getLogger(__name__)

LARGEST = 1 << 20  # bytes of the file
MOST = 1000  # cues
AGAIN = 2.0  # seconds between checks whether the next cue needs something else now
GLANCE = 0.02  # seconds between checks whether a cue that waits is ready
SHOWN = 3  # cues, or looks, in words
DIGITS = 3  # of a cue's number after the point

# What a cue is made of, each with what checks it.
FIELDS: Mapping[str, Argument] = {
    "number": CUE,
    "name": Argument(name="name", kind=Kind.TEXT, help="Name of the cue."),
    "look": replace(LOOK, name="look", help="Number of its look.", index=False),
    "fade": Argument(
        name="fade", kind=Kind.FLOAT, help="Time to fade to it; none: as `look_fade` says.",
        minimum=0, maximum=60, unit="s",
    ),
    "follow": Argument(
        name="follow", kind=Kind.FLOAT, help="Time until the next cue goes by itself; none: never.",
        minimum=0, maximum=86_400, unit="s",
    ),
}  # fmt: skip
OPTIONAL = frozenset({"fade", "follow"})  # which may be null


class Recaller(Protocol):
    """The looks, as cues use them. LookupError or ValueError, with a sentence, for a look that does
    not exist or cannot be used; then nothing changes.
    """

    def recall(self, number: int, fade: float | None = None) -> None:
        """Show a look with a fade in seconds; `look_fade` says how long if None. It may wait for a
        disk.
        """
        ...

    def content(self, number: int) -> tuple[str, Mapping[str, Value]]:
        """The pipeline and the values that recalling a look would set now."""
        ...


@dataclass(frozen=True, slots=True)
class Cue:
    """A step of the show; times in seconds."""

    number: float
    name: str
    look: int
    fade: float | None = None  # as `look_fade` says
    follow: float | None = None  # until the next one goes by itself

    def __str__(self) -> str:
        return digits(self.number)


@dataclass(frozen=True, slots=True)
class _Lack:
    """Why a cue cannot be shown, in a sentence; whether that may pass by itself, and what its look
    was then.
    """

    why: str
    look: object
    passes: bool = False


class Cues:
    """Any thread may call any method; `read`, `add`, `change` and `remove` use the disk."""

    def __init__(
        self,
        path: Path,
        looks: Recaller,
        lent: Lent,
        folder: FolderLock,
        when: Callable[[float], float] = lambda now: now,
    ) -> None:
        """`when` tells when to show what is to be shown now, so that it falls on its beat."""
        self._unread = ""  # what of the file is skipped; a sentence
        self._unsaved = ""  # why the file is not that of now, likewise
        self._failure = ""  # of this program, likewise
        self._path = path
        self._looks = looks
        self._lent = lent
        self._all: tuple[Cue, ...] = ()  # in order
        self._shown: float | None = None  # number of the cue that was shown last
        self._when = when
        self._going: Cue | None = None  # to be shown once it is ready
        self._due = float("-inf")  # and not before this
        self._follow_at: float | None = None  # when the next one goes by itself
        self._skipped: Mapping[Cue, _Lack] = {}  # cues that could not go since the last one went
        self._lack: _Lack | None = None  # of the cue that is prepared
        self._later = ""  # which cues after that cannot be shown, and why
        self._prepared: Cue | None = None
        self._prepare_at = 0.0
        self._aside = False  # the file cannot be read and is kept under another name
        self._lock = threading.Lock()
        self._folder = folder
        self._loop = Loop("cues", self._step, self._failed, AGAIN)

    def start(self) -> None:
        """Read the list, and have what the next cue needs stand by from now on."""
        self.read()
        self._loop.start()

    def stop(self) -> None:
        """Let no further cue go."""
        self._loop.stop()

    def read(self) -> None:
        """Read the file, if there is one. What is none of a cue is named and skipped, and the file
        is kept under another name when the list is saved.
        """
        try:
            found, shown, odd = _read(whole_files.read_json(self._path, LARGEST))
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            found, shown, odd = (), None, [f"all of it is skipped: {str(error).rstrip('.')}"]
        with self._lock:
            self._all, self._shown = found, shown
        if odd:
            more = f"; and {len(odd) - SHOWN} more" if len(odd) > SHOWN else ""
            self._aside = True
            self._unread = f"{self._path}: {'; '.join(odd[:SHOWN])}{more}."
            log.warning("%s", self._unread)

    def again(self) -> None:
        """Another list is in the file: use that, from its beginning."""
        with self._lock:
            self._all, self._shown, self._going, self._follow_at = (), None, None, None
            self._skipped = {}
        self._aside, self._unread, self._unsaved, self._failure = False, "", "", ""
        self.read()
        self._prepare_at = 0.0
        self._loop.wake()

    # The list.

    @property
    def all(self) -> tuple[Cue, ...]:
        """The cues in order."""
        return self._all

    def add(self, given: Mapping[str, object]) -> Cue:
        """Add a cue of these fields; without a number it becomes the last one. ParameterError for a
        bad field or a number that exists.
        """
        with self._folder.writing():
            last = self._all[-1].number if self._all else 0.0
            after, highest = float(int(last) + 1), CUE.spec.maximum or 0
            first = {"number": after, "name": "", "fade": None, "follow": None}
            if "number" not in given and after > highest:
                raise UnusableError(
                    {"number": f"Cue {digits(highest)} is the last possible; give a number."}
                )
            cue = _checked({**first, **given})
            if len(self._all) >= MOST:
                raise UnusableError({"number": f"There are {MOST} cues already; delete one."})
            self._put(cue)
        return cue

    def change(self, number: float, given: Mapping[str, object]) -> Cue:
        """Change fields of a cue, its number too. LookupError for an unknown one, ParameterError as
        in `add`.
        """
        with self._folder.writing():
            old = self._of(number)
            cue = _checked({**asdict(old), **given})
            self._put(cue, old)
        return cue

    def remove(self, number: float) -> None:
        """Delete a cue; LookupError for an unknown one."""
        with self._folder.writing():
            self._save(self._of(number), None)

    def _of(self, number: float) -> Cue:
        found = next((cue for cue in self._all if cue.number == round(number, DIGITS)), None)
        if found is None:
            raise LookupError(f"There is no cue {digits(number)}{self._known()}.")
        return found

    def _known(self) -> str:
        some = ", ".join(map(str, self._all[:10])) + (" …" if len(self._all) > 10 else "")
        return f"; there are {some}" if self._all else ""

    def _put(self, cue: Cue, old: Cue | None = None) -> None:
        if any(cue.number == other.number for other in self._all if other is not old):
            raise UnusableError({"number": f"There is a cue {cue} already."})
        self._save(old, cue)

    def _save(self, old: Cue | None, new: Cue | None) -> None:
        """Save the list with a cue in place of another one, then use it; it also waits, and was
        shown, in its place. ActionError if it cannot be saved.
        """
        others = [cue for cue in self._all if cue is not old]
        made = tuple(sorted([*others, new] if new else others, key=lambda cue: cue.number))
        shown = new.number if old and new and old.number == self._shown else self._shown
        try:
            self._write(made, shown)
        except OSError as error:
            raise ActionError(self._not_saved(error), 507) from error
        self._unread = ""
        with self._lock:
            self._all, self._shown = made, shown
            if old and self._going == old:
                self._going = new
        self._prepare_at = 0.0
        self._loop.wake()

    def _write(self, cues: tuple[Cue, ...], shown: float | None) -> None:
        if self._aside:
            held.replace(self._path, self._path.with_suffix(".bad"))
            self._aside = False
        told = {"shown": shown, "cues": [asdict(cue) for cue in cues]}
        whole_files.write(self._path, json.dumps(told, ensure_ascii=False, indent=1).encode())
        self._unsaved = ""

    def _not_saved(self, error: OSError) -> str:
        return f"The cues are not saved: {self._path} cannot be written ({held.told(error)})."

    # The show.

    def go(self) -> None:
        """Show the next cue, once it is ready; ActionError if there is none, or if it can never be
        shown: then the one after it is the next.
        """
        with self._lock:
            if self._going:
                return
            self._forgive()
            following = self._following()
            if following is None:
                raise ActionError(self._no_cue("last"))
            self._begin(following)

    def back(self) -> None:
        """Show the cue before the one shown last; ActionError as `go`."""
        with self._lock:
            self._forgive()
            shown = self._shown
            earlier = [cue for cue in self._all if shown is not None and cue.number < shown]
            left = [cue for cue in earlier if cue not in self._skipped]
            if not left:
                raise ActionError(self._no_cue("first"))
            self._begin(left[-1])

    def to(self, number: Value) -> None:
        """Show the cue of this number; ActionError if there is none, or if it never can be."""
        with self._lock:
            try:
                self._begin(self._of(float(number)))
            except LookupError as error:
                raise ActionError(str(error.args[0]), 404) from error

    def cancel(self) -> None:
        """Let a cue that waits not go, nor the next one by itself; ActionError if none would."""
        with self._lock:
            if self._going is None and self._follow_at is None:
                raise ActionError("No cue waits.")
            self._going = self._follow_at = None
        self._prepare_at = 0.0
        self._loop.wake()

    @property
    def place(self) -> str:
        """The number of the cue shown last; empty for none."""
        shown = self._shown
        return "" if shown is None else digits(shown)

    def point(self, place: Value) -> None:
        """Go on from this place, without showing anything; nothing goes by itself."""
        with self._lock:
            self._shown, self._skipped = float(place) if place else None, {}
            self._going = self._follow_at = None
        with suppress(ActionError), self._folder.writing():  # else another list comes
            self._keep_place()
        self._prepare_at = 0.0
        self._loop.wake()

    @property
    def trouble(self) -> str:
        """Why the last cue was not shown, or what is not saved; a sentence, or empty."""
        return self._failure or self._told_skipped() or self._unsaved or self._unread

    @property
    def standby(self) -> StandbyTold:
        """How what the next cue needs, or the one that waits, is doing."""
        with self._lock:
            target = self._going or self._following()
        if target is None:
            return StandbyTold()
        if target is not self._prepared:
            return StandbyTold(Readiness.NOT_READY, f"Cue {target} is about to be prepared.")
        lack, later = self._lack, self._later
        told = StandbyTold(Readiness.NOT_READY, lack.why) if lack else self._lent.standby()
        return replace(told, reason=f"{told.reason} {later}") if later else told

    def unshowable(self, cues: Iterable[Cue]) -> list[str]:
        """Which of these can never be shown as the looks are now: a sentence for each look."""
        shown_by: dict[int, list[Cue]] = {}
        for cue in cues:
            shown_by.setdefault(cue.look, []).append(cue)
        found = {look: self._look(look) for look in shown_by}
        return [
            _unshowable(shown_by[look], why) for look, why in found.items() if isinstance(why, str)
        ]

    def of_look(self, number: int) -> list[Cue]:
        """The cues that show a look."""
        return [cue for cue in self._all if cue.look == number]

    def told(self) -> dict[str, Any]:
        """Its part of `Status`."""
        with self._lock:
            following, going, at = self._following(), self._going, self._follow_at
            shown = self.place
        standby = self.standby
        return {
            "standby": standby.state,
            "standby_reason": standby.reason,
            "standby_progress": round(standby.progress, 3),
            "cue": shown,
            "cue_next": str(following or ""),
            "cue_waits": str(going or ""),
            "cue_follow": round(max(0.0, at - perf_counter()), 1) if at is not None else 0.0,
        }

    def _no_cue(self, end: str) -> str:
        if not self._all:
            return "There are no cues."
        if self._skipped:
            return self._told_skipped()
        if self._shown is None:
            return "No cue has been shown yet."
        return f"Cue {digits(self._shown)} is the {end} one."

    def _following(self) -> Cue | None:
        """The cue that GO shows."""
        shown = self._shown
        later = (cue for cue in self._all if shown is None or cue.number > shown)
        return next((cue for cue in later if cue not in self._skipped), None)

    def _look(self, number: int) -> tuple[str, Mapping[str, Value]] | str:
        """What recalling a look would set; else why it never can, in a sentence."""
        try:
            return self._looks.content(number)
        except (LookupError, ValueError) as error:
            return _sentence(error)

    def _skip(self, cue: Cue, lack: _Lack) -> None:
        """It cannot be shown: GO shows the next one that can. The caller holds the lock."""
        others = {each: why for each, why in self._skipped.items() if each != cue}
        self._skipped = {**others, cue: lack}
        while (after := self._following()) and isinstance(why := self._look(after.look), str):
            self._skipped = {after: _Lack(_unshowable([after], why), why), **self._skipped}
        log.warning("%s", self._told_skipped())

    def _forgive(self) -> None:
        """Skip no longer what has another look, or is another cue. The caller holds the lock."""
        self._skipped = {
            cue: lack for cue, lack in self._skipped.items()
            if cue in self._all and self._look(cue.look) == lack.look
        }  # fmt: skip

    def _told_skipped(self) -> str:
        skipped, following = self._skipped, self._following()
        if not skipped:
            return ""
        then = f"GO shows cue {following} next." if following else "There is no next cue."
        return f"{[*skipped.values()][-1].why} {then}"

    def _begin(self, cue: Cue) -> None:
        look = self._look(cue.look)
        lack = self._lack if self._prepared is cue else None
        if isinstance(look, str):
            lack = _Lack(_unshowable([cue], look), look)
        if lack and not lack.passes and lack.look == look:
            self._skip(cue, lack)
            raise ActionError(self._told_skipped())
        self._skipped = {each: why for each, why in self._skipped.items() if each != cue}
        self._due = self._when(perf_counter())
        self._going, self._follow_at = cue, None
        self._failure = ""
        if lack:
            self._prepare_at = 0.0  # it may have passed
        self._loop.wake()

    # Its own thread.

    def _failed(self, error: Exception) -> None:
        self._going = None
        self._failure = explained(error)

    def _step(self) -> None:
        self._loop.wait(self._pause())
        now = perf_counter()
        with self._lock:
            if self._follow_at is not None and now >= self._follow_at:
                self._going, self._follow_at = self._following(), None
            going, target = self._going, self._going or self._following()
        if self._unsaved and now >= self._prepare_at:
            with suppress(ActionError), self._folder.writing():  # else later
                self._keep_place()
        if target is not self._prepared or now >= self._prepare_at:
            self._prepare(target)
        if going and not self._loop.stopped.is_set():
            self._try(going)

    def _pause(self) -> float:
        if self._going:
            ahead = self._due - perf_counter()
            return ahead if 0 < ahead < GLANCE else GLANCE
        due = self._follow_at
        return AGAIN if due is None else min(AGAIN, max(0.0, due - perf_counter()))

    def _prepare(self, target: Cue | None) -> None:
        """Have what a cue needs stand by; nothing for None."""
        lack = self._stand_by(target) if target else None
        if lack or (self._prepared and not target):
            self._lent.stand_by("", {})
        after = [cue for cue in self._all if target and cue.number > target.number]
        with self._lock:
            self._forgive()
            self._later = " ".join(self.unshowable(after)[:SHOWN])
            self._lack, self._prepared = lack, target
        self._prepare_at = perf_counter() + AGAIN

    def _stand_by(self, cue: Cue) -> _Lack | None:
        """Have what it needs stand by; why that is impossible."""
        look = self._look(cue.look)
        if isinstance(look, str):
            return _Lack(_unshowable([cue], look), look)
        try:
            self._lent.stand_by(*look)
        except (LookupError, ValueError, OSError) as error:
            passes = isinstance(error, (AbsentError, OSError))
            return _Lack(_unshowable([cue], _sentence(error)), look, passes)
        return None

    def _try(self, cue: Cue) -> None:
        """Show a cue on its beat, if it is ready or could not become ready beside what is shown;
        skip one that never can be shown.
        """
        if lack := self._lack:
            if not lack.passes:
                self._skip_going(cue, lack)
            return
        standby = self._lent.standby()
        ready = standby.state is Readiness.READY or standby.in_place
        if not ready or perf_counter() < self._due:
            return
        with suppress(ActionError), self._folder.writing():  # else it waits for the show to load
            self._show(cue)

    def _skip_going(self, cue: Cue, lack: _Lack) -> None:
        with self._lock:
            if self._going is cue:
                self._going = None
                self._skip(cue, lack)
        self._loop.wake()

    def _show(self, cue: Cue) -> None:
        if self._going is not cue:
            return  # cancelled
        try:
            self._looks.recall(cue.look, cue.fade)
        except (LookupError, ValueError, OSError) as error:
            self._prepare(cue)
            if not self._lack:  # else it waits, or is skipped for that
                why = _unshowable([cue], _sentence(error))
                self._skip_going(cue, _Lack(why, self._look(cue.look)))
            return
        before = self.place
        with self._lock:
            self._shown, self._skipped = cue.number, {}
            if self._going is cue:
                self._going = None
            if self._going is None and cue.follow is not None:
                self._follow_at = perf_counter() + cue.follow
        self._lent.recalled(
            Setter(By.LOOK, str(cue.look)), f"cue {cue}", {CUE_MARK: before}, {CUE_MARK: str(cue)}
        )
        self._loop.wake()
        self._keep_place()

    def _keep_place(self) -> None:
        """Save which cue was shown last; what cannot be saved is tried again."""
        try:
            self._write(self._all, self._shown)
        except OSError as error:
            self._unsaved = self._not_saved(error)


def _unshowable(cues: Sequence[Cue], why: str) -> str:
    names = [str(cue) for cue in cues[:SHOWN]]
    if len(cues) > SHOWN:
        names.append(f"{len(cues) - SHOWN} more")
    *first, last = names
    which = f"Cues {', '.join(first)} and {last}" if first else f"Cue {last}"
    return f"{which} cannot be shown: {why}"


def _sentence(error: Exception) -> str:
    text = str(error.args[0] if isinstance(error, LookupError) and error.args else error)
    return f"{text.rstrip('.')}."


def _checked(given: Mapping[str, object]) -> Cue:
    """A cue from its fields; ParameterError with a sentence for each bad one."""
    problems = {name: f"A cue has no {name!r:.80}." for name in given.keys() - FIELDS.keys()}
    found: dict[str, Any] = {}
    for name, field in FIELDS.items():
        if name not in given:
            problems[name] = f"The {name} is missing: {field.spec.accepts}."
            continue
        if name in OPTIONAL and given[name] is None:
            continue
        try:
            found[name] = field.check(given[name])
        except ValueError as error:
            problems[name] = str(error)
    name = str(found.get("name", ""))
    try:
        found["name"] = names.named(name, "A cue's", needed=False)
    except ValueError as error:
        problems["name"] = str(error)
    if problems:
        raise ParameterError(problems)
    cue = Cue(**found)
    return replace(cue, number=round(cue.number, DIGITS))


def carried(told: object) -> tuple[dict[str, Any], list[str]]:
    """What a show has of a file: the list without the place, which is that of one evening; and why
    each entry that is no cue is left out. ValueError if it is no list.
    """
    cues, _, odd = _read({"cues": told.get("cues")} if is_object(told) else None)
    return {"cues": [asdict(cue) for cue in cues]}, odd


def _read(told: object) -> tuple[tuple[Cue, ...], float | None, list[str]]:
    """The list in a file, the number shown last, and why each entry that is no cue is skipped;
    ValueError if it is no list.
    """
    if not is_object(told) or not is_list(told.get("cues")):
        raise ValueError("it is not a cue list")
    cues: dict[float, Cue] = {}
    odd: list[str] = []
    for place, each in enumerate(told["cues"], 1):
        try:
            cue = _checked(each if is_object(each) else {})
            if cue.number in cues:
                raise ValueError(f"cue {cue} occurs twice")
            cues[cue.number] = cue
        except ValueError as error:
            why = str(error).partition(". ")[0].rstrip(".")
            named = is_object(each) and "number" in each
            which = f"entry {place} (cue {each['number']!r:.20})" if named else f"entry {place}"
            odd.append(f"{which} is skipped: {why}")
    shown = told.get("shown")
    try:
        shown = None if shown is None else float(CUE.check(shown))
    except ValueError as error:
        odd.append(f"the place is skipped: {str(error).rstrip('.')}")
        shown = None
    return tuple(sorted(cues.values(), key=lambda cue: cue.number)), shown, odd
