"""Parameter snapshots, changes and who set them: immutable, for any thread."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from engine.parameters import Value


class By(StrEnum):
    """What sets values; the comment is the setter's detail."""

    PAGE = "page"  # our page in a browser: its HOST:PORT
    REST = "REST"  # any other HTTP client: its HOST:PORT
    OSC = "OSC"  # the sender's HOST:PORT and the addresses it sent
    MIDI = "MIDI"  # the port's name
    START = "start"  # the command line: the flag
    JOURNAL = "journal"  # values of the previous run
    MISSED = "missed"  # a file that is available again
    ACTION = "action"  # its name
    SWITCH = "switch"  # to another pipeline, with its load parameters: its id
    LOOK = "look"  # a recall, while it fades too: the look's number
    SET_BACK = "set back"  # by the session, from invalid values: why
    ROLLBACK = "rollback"  # from values that gave no usable image
    UNDO = "undo"  # or redo; when it switches back, the pipeline's id
    SEVERAL = "several"  # merged changes of different kinds of setters
    UNSAID = "unsaid"  # a program that uses the store directly


REMOTE = frozenset({By.PAGE, By.REST, By.OSC})  # whose detail begins with HOST:PORT
OWN = frozenset({By.JOURNAL, By.MISSED, By.SET_BACK, By.ROLLBACK, By.UNDO})  # the bridge itself


@dataclass(frozen=True, slots=True)
class Setter:
    """Who set a value. `hand` says who in words that stay the same during a gesture:
    `OSC 192.168.1.20`, without the port and the addresses; `action defaults`; `rollback`, without
    its reason.
    """

    kind: By
    detail: str = ""
    hand: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        who = self.detail
        if self.kind in REMOTE:
            who = who.partition(" ")[0].rpartition(":")[0]
        elif self.kind in OWN:
            who = ""
        object.__setattr__(self, "hand", f"{self.kind} {who}".rstrip())

    def __str__(self) -> str:
        return f"{self.kind} {self.detail}".rstrip()

    @property
    def switches(self) -> bool:
        """Whether the values are set together with the pipeline that is loaded with them."""
        return self.kind in (By.SWITCH, By.LOOK) or (self.kind is By.UNDO and self.detail != "")

    def then(self, later: "Setter") -> "Setter":
        """Who set merged changes."""
        if later is self or later == self:
            return self
        return Setter(self.kind if self.kind is later.kind else By.SEVERAL)


UNSAID = Setter(By.UNSAID)
LOOKING = Setter(By.LOOK)  # whether a look could be recalled: nothing is set


@dataclass(frozen=True, slots=True)
class Moved:
    """Who moved a value last, and when, in seconds since 1970."""

    setter: Setter
    at: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All values at one moment; `number` goes up by one with every snapshot that differs."""

    number: int
    values: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Change:
    """One update: the new snapshot, the changed values by name, and who set them; where several
    did, `setters` says who set which.
    """

    snapshot: Snapshot
    changed: Mapping[str, Value]
    setter: Setter
    setters: Mapping[str, Setter] = field(default_factory=dict[str, Setter])

    def by(self, name: str) -> Setter:
        """Who set one of the changed values."""
        return self.setters.get(name, self.setter)

    @property
    def parts(self) -> Iterable[tuple[Setter, Mapping[str, Value]]]:
        """The changed values of each setter."""
        if not self.setters:
            return ((self.setter, self.changed),)
        found: dict[Setter, dict[str, Value]] = {}
        for name, value in self.changed.items():
            found.setdefault(self.by(name), {})[name] = value
        return found.items()

    def then(self, later: "Change") -> "Change":
        """This and a later change, merged."""
        changed = MappingProxyType({**self.changed, **later.changed})
        setters = {name: part.by(name) for part in (self, later) for name in part.changed}
        return Change(later.snapshot, changed, self.setter.then(later.setter), setters)
