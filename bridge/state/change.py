"""Parameter snapshots, changes and who set them: immutable, for any thread."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from engine.parameters import Value


class By(StrEnum):
    """What sets values; the comment is the setter's detail."""

    PAGE = "page"  # our page in a browser: its HOST:PORT
    REST = "REST"  # any other HTTP client: its HOST:PORT
    OSC = "OSC"  # the sender's HOST:PORT and the addresses it sent
    START = "start"  # the command line: the flag
    JOURNAL = "journal"  # values of the previous run
    MISSED = "missed"  # a file that is available again
    ACTION = "action"  # its name
    SWITCH = "switch"  # to another pipeline, with its load parameters: its id
    LOOK = "look"  # a recall, while it fades too: the look's number
    SET_BACK = "set back"  # by the session, from invalid values: why
    ROLLBACK = "rollback"  # from values that gave no usable image
    SEVERAL = "several"  # merged changes of different kinds of setters
    UNSAID = "unsaid"  # a program that uses the store directly


@dataclass(frozen=True, slots=True)
class Setter:
    """Who set a value."""

    kind: By
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.detail}".rstrip()

    def then(self, later: "Setter") -> "Setter":
        """Who set merged changes."""
        if later is self or later == self:
            return self
        return Setter(self.kind if self.kind is later.kind else By.SEVERAL)


UNSAID = Setter(By.UNSAID)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All values at one moment; `number` goes up by one with every snapshot that differs."""

    number: int
    values: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Change:
    """One update: the new snapshot, the changed values by name, and who set them."""

    snapshot: Snapshot
    changed: Mapping[str, Value]
    setter: Setter

    def then(self, later: "Change") -> "Change":
        """This and a later change, merged."""
        changed = MappingProxyType({**self.changed, **later.changed})
        return Change(later.snapshot, changed, self.setter.then(later.setter))
