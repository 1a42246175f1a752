"""Names that were given up, and what each is called now: the one table of them.

The old ones are still taken, by OSC, REST, command line, journal and TouchDesigner, and the log
says so once for each. They go with version `GONE_IN`, and their row with them.
"""

import logging
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

log = logging.getLogger(__name__)

GONE_IN = "0.3"

What: TypeAlias = Literal["parameter", "address", "action", "state"]


@dataclass(frozen=True, slots=True)
class Renamed:
    """One name of before. Addresses are below `/bridge/`; `values` are the choices of a parameter
    that were renamed with it.
    """

    what: What
    old: str
    new: str
    values: Mapping[str, str] = field(default_factory=dict[str, str])


RENAMED = (
    Renamed("parameter", "vace_enabled", "vace_load"),
    Renamed("parameter", "vace_use_input_video", "control_from_input"),
    Renamed("parameter", "kv_cache_attention_bias", "cache_bias"),
    Renamed(
        "parameter", "kv_recache", "prompt_change", {"after": "on_time", "before": "as_trained"}
    ),
    Renamed("parameter", "no_picture", "on_loss"),
    Renamed("parameter", "steady", "anti_flicker"),
    Renamed("address", "lora/1", "lora/1/strength"),
    Renamed("address", "lora/2", "lora/2/strength"),
    Renamed("address", "lora/3", "lora/3/strength"),
    Renamed("action", "calm", "live"),
    Renamed("state", "report", "notes"),
)


def renamed(what: What, known: Collection[str]) -> Iterator[tuple[str, str]]:
    """Old and new name of each that was renamed to one of `known`, where none of those has the old
    name, as a plug-in's may.
    """
    for row in RENAMED:
        if row.what == what and row.new in known and row.old not in known:
            yield row.old, row.new


def tell_once(old: str, new: str) -> None:
    """Say in the log that somebody uses an old name; once for each in a process."""
    if old not in _told:
        _told.add(old)
        log.warning("%s is now called %s; the old name is taken until %s.", old, new, GONE_IN)


_told = set[str]()


class CurrentNames:
    """What parameters are called now. Any thread may ask."""

    def __init__(self, known: Collection[str]) -> None:
        """`known` are the names of now."""
        self._names = dict(renamed("parameter", known))
        # Of parameters that had others: asked first, since to set a value must cost little.
        self.values = {row.new: row.values for row in RENAMED if row.values and row.new in known}

    def name(self, name: str) -> str:
        """The name of now, of any."""
        if name not in self._names:
            return name
        tell_once(name, self._names[name])
        return self._names[name]

    def value(self, name: str, value: object) -> object:
        """A value as it is called now, of a parameter by its name of now."""
        values = self.values.get(name, {})
        if not isinstance(value, str) or value not in values:
            return value
        tell_once(f"{name} {value}", f"{name} {values[value]}")
        return values[value]
