"""What holds of the parameters, what changed, and who asked: values that any thread may keep."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from engine.parameters import Value


class By(StrEnum):
    """What sets values; beside each what a setter's detail is."""

    PAGE = "page"  # of ours, in a browser: its HOST:PORT
    REST = "REST"  # any other client of HTTP: its HOST:PORT
    OSC = "OSC"  # the sender's HOST:PORT and the addresses that it sent to
    START = "start"  # the command: the flag
    JOURNAL = "journal"  # what the run before had
    ACTION = "action"  # its name
    SWITCH = "switch"  # to another pipeline, with what that is loaded with: its id
    SET_BACK = "set back"  # by the session, from what cannot be: why
    ROLLBACK = "rollback"  # from what no usable picture came of
    SEVERAL = "several"  # changes of different setters that had to become one
    UNSAID = "unsaid"  # a program that uses the store itself


@dataclass(frozen=True, slots=True)
class Setter:
    """Who sets values."""

    kind: By
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.detail}".rstrip()


UNSAID = Setter(By.UNSAID)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All values at one moment; `number` goes up by one with every change."""

    number: int
    values: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Change:
    """What one update did: the new snapshot, the values it changed by name, and who asked."""

    snapshot: Snapshot
    changed: Mapping[str, Value]
    setter: Setter

    def then(self, later: "Change") -> "Change":
        """This and a later one, as one."""
        changed = MappingProxyType({**self.changed, **later.changed})
        setter = later.setter if later.setter == self.setter else Setter(By.SEVERAL)
        return Change(later.snapshot, changed, setter)
