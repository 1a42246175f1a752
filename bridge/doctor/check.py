"""One line of the report of `spout-bridge doctor`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """What was checked, what was found, and what does not work because of it: one sentence with
    the cure, empty if all is well. `lacks` says the same of what is no fault of the machine: what
    generating pipelines still need.
    """

    name: str
    value: str
    problem: str = ""
    lacks: str = ""
