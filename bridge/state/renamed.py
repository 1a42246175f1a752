"""The one table of renamed things: old names and their new ones.

Old names are still accepted by OSC, REST, command line, journal and TouchDesigner, with one log
line for each. They are removed in version `GONE_IN`, with their row here.
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
    """One renamed thing. Addresses are below `/bridge/`; `values` are the choices of a parameter
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
    Renamed("address", "lora_1", "lora/1/file"),
    Renamed("address", "lora_2", "lora/2/file"),
    Renamed("address", "lora_3", "lora/3/file"),
    Renamed("action", "calm", "live"),
    Renamed("state", "report", "notes"),
)


def renamed(what: What, known: Collection[str]) -> Iterator[tuple[str, str]]:
    """Old and new name of each thing renamed to one of `known`, unless one of those has the old
    name, as a plug-in's may.
    """
    for row in RENAMED:
        if row.what == what and row.new in known and row.old not in known:
            yield row.old, row.new


def tell_once(old: str, new: str) -> None:
    """Log the use of an old name, once for each name and process."""
    if old not in _told:
        _told.add(old)
        log.warning("%s is now called %s; the old name works until version %s.", old, new, GONE_IN)


_told = set[str]()


class CurrentNames:
    """The current names of parameters. Any thread may ask."""

    def __init__(self, known: Collection[str]) -> None:
        """`known` are the current names."""
        self._names = dict(renamed("parameter", known))
        # Only of parameters with renamed values: checked first, as setting a value must be cheap.
        self.values = {row.new: row.values for row in RENAMED if row.values and row.new in known}

    def name(self, name: str) -> str:
        """The current name for any name."""
        if name not in self._names:
            return name
        tell_once(name, self._names[name])
        return self._names[name]

    def value(self, name: str, value: object) -> object:
        """The current name of a parameter's value; `name` is the parameter's current name."""
        values = self.values.get(name, {})
        if not isinstance(value, str) or value not in values:
            return value
        tell_once(f"{name}: {value}", str(values[value]))
        return values[value]
