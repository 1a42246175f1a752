"""What holds of the parameters, and what changed: values that any thread may keep."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from engine.parameters import Value

SEVERAL = "several"  # who asked for changes that had to become one


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All values at one moment; `number` goes up by one with every change."""

    number: int
    values: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Change:
    """What one update did: the new snapshot, the names it changed, and who asked."""

    snapshot: Snapshot
    changed: Mapping[str, Value]
    origin: str

    def then(self, later: "Change") -> "Change":
        """This and a later one, as one."""
        changed = MappingProxyType({**self.changed, **later.changed})
        origin = later.origin if later.origin == self.origin else SEVERAL
        return Change(later.snapshot, changed, origin)
