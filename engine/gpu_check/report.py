"""The report: figures of each step, in a JSON file that is complete after every step."""

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from engine.system import held
from engine.system.json_values import is_list, is_object

VERSION = 1  # of the file
PASSED, FAILED, NOT_RUN = "passed", "failed", "not run"
RESULTS = (PASSED, FAILED, NOT_RUN)
KINDS = {
    "name": str, "value": int | float | str, "unit": str, "most": int | float,
    "least": int | float, "higher": bool, "beside": str,
}  # fmt: skip


class ReportError(ValueError):
    """A file is not a report: one sentence with the cure."""


class NotRun(Exception):
    """A step cannot run here: the reason, in a few words."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One value that a step found.

    `value` is a number in `unit`, or words. It is wrong above `most` or below `least`; words are
    wrong where a limit was given, as NaN is. `higher` says which way is better, None neither.
    """

    name: str
    value: float | str
    unit: str = ""
    most: float | None = None
    least: float | None = None
    higher: bool | None = None
    beside: str = ""

    @property
    def wrong(self) -> str:
        """What is wrong with it, in a few words; empty if nothing."""
        if self.most is None and self.least is None:
            return ""
        if isinstance(self.value, str) or not math.isfinite(self.value):
            return f"{self.name}: {self.value}"
        if self.most is not None and self.value > self.most:
            return f"{self.name}: {self.shown}, more than {number(self.most)}"
        if self.least is not None and self.value < self.least:
            return f"{self.name}: {self.shown}, less than {number(self.least)}"
        return ""

    @property
    def shown(self) -> str:
        """Value and unit."""
        value = self.value if isinstance(self.value, str) else number(self.value)
        return f"{value} {self.unit}".strip()


def number(value: float) -> str:
    """A number as people read it: three digits that count."""
    if value and abs(value) < 1e-3:
        return f"{value:.1e}"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


@dataclass
class Outcome:
    """How a step ended: one of RESULTS, the reason in a sentence, seconds, what it had found, and
    the last lines that its process printed where it failed.
    """

    result: str
    why: str = ""
    seconds: float = 0.0
    figures: list[Figure] = field(default_factory=list[Figure])
    printed: list[str] = field(default_factory=list[str])


@dataclass
class Report:
    """What was asked, of which machine, and how each step ended, by its name in order."""

    asked: dict[str, Any]
    machine: dict[str, Any]
    steps: dict[str, Outcome] = field(default_factory=dict[str, Outcome])

    @property
    def failed(self) -> list[str]:
        """Names of the steps that failed."""
        return [name for name, outcome in self.steps.items() if outcome.result == FAILED]

    def save(self, path: Path) -> None:
        """Write it, so that the file is whole at any moment; OSError if it cannot be written."""
        whole = {
            "gpu_check": VERSION,
            "asked": self.asked,
            "machine": self.machine,
            "steps": {name: _told(outcome) for name, outcome in self.steps.items()},
        }
        beside = path.with_name(f"{path.name}.new")
        beside.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        held.replace(beside, path)

    @classmethod
    def load(cls, path: Path) -> "Report":
        """Read one; ReportError if the file is missing or is not a report."""
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ReportError(f"{path} cannot be read ({error.strerror or error}).") from None
        except (ValueError, RecursionError):  # not JSON, not UTF-8, or too deep
            raise ReportError(f"{path} is not JSON; give a report of gpu-check.") from None
        if not is_object(told) or "gpu_check" not in told:
            raise ReportError(f"{path} is not a report of gpu-check.")
        if told["gpu_check"] != VERSION:
            raise ReportError(
                f"{path} was written by another version of gpu-check; run gpu-check again."
            )
        asked, machine, steps = (told.get(part) for part in ("asked", "machine", "steps"))
        try:
            if not (is_object(asked) and is_object(machine) and is_object(steps)):
                raise TypeError
            outcomes = {name: _outcome(each) for name, each in steps.items()}
            json.dumps(told, ensure_ascii=False).encode()  # half a surrogate cannot be shown
        except (TypeError, ValueError, KeyError, OverflowError, RecursionError):
            raise damaged(path) from None
        return cls(asked, machine, outcomes)


def damaged(path: Path) -> ReportError:
    """The error for a report whose parts are not what was saved."""
    return ReportError(f"{path} is damaged; run gpu-check again.")


def _told(outcome: Outcome) -> dict[str, Any]:
    return asdict(outcome) | {"figures": [as_json(figure) for figure in outcome.figures]}


def as_json(figure: Figure) -> dict[str, Any]:
    """A figure without what is left at its default; JSON has no NaN, so it becomes a word."""
    value = figure.value
    if isinstance(value, float) and not math.isfinite(value):
        value = str(value)
    parts = {name: part for name, part in asdict(figure).items() if part is not None and part != ""}
    return parts | {"value": value}


def figure_of(told: object) -> Figure:
    """The reverse of `as_json`; TypeError or OverflowError if it is not a figure."""
    if not is_object(told):
        raise TypeError
    if any(name in told and not isinstance(told[name], kind) for name, kind in KINDS.items()):
        raise TypeError
    parts: dict[str, Any] = {
        name: float(part) if type(part) is int else part for name, part in told.items()
    }
    return Figure(**parts)


def _outcome(told: object) -> Outcome:
    if not is_object(told) or told["result"] not in RESULTS:
        raise TypeError
    figures, printed = told["figures"], told["printed"]
    if not (is_list(figures) and is_list(printed)):
        raise TypeError
    read = [figure_of(each) for each in figures]
    lines = [str(line) for line in printed]
    return Outcome(str(told["result"]), str(told["why"]), float(told["seconds"]), read, lines)
