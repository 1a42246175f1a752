"""One line of what `spout-bridge doctor` reports."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """What was looked at, what was found, and what cannot work because of it: one sentence with
    the cure, empty where all is well.
    """

    name: str
    value: str
    problem: str = ""
