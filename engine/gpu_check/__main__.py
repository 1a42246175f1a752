"""`spout-bridge gpu-check`, in a separate process: run the steps, or compare two reports."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from engine.gpu_check.compare import differences
from engine.gpu_check.report import (
    FAILED,
    NOT_RUN,
    PASSED,
    Figure,
    Outcome,
    Report,
    ReportError,
    damaged,
)
from engine.gpu_check.runner import Order, out_of_time, run, unfinished
from engine.gpu_check.steps import QUICK, STEPS, Step
from engine.system import by_hand
from engine.system.parent import die_with_parent
from engine.system.texts import did_you_mean, quoted

COLOURS = {PASSED: "green", FAILED: "red", NOT_RUN: "yellow"}
WIDE = 200  # characters of a line for a file or another program
INTERRUPTED = 130  # exit status after Ctrl-C


def main() -> int:
    """What standard input asks for; 0 if no step failed and time sufficed for the essential."""
    by_hand.refuse("the card's check of a command", "spout-bridge gpu-check")
    die_with_parent()
    order: dict[str, Any] = json.load(sys.stdin)
    console = Console(markup=False, highlight=False)
    if not console.is_terminal:
        console = Console(markup=False, highlight=False, width=WIDE)
    try:
        if order["compare"]:
            _compare([Path(path) for path in order["compare"]], console)
            return 0
        return _check(order, console)
    except ReportError as error:
        return _refused(str(error))


def _check(order: dict[str, Any], console: Console) -> int:
    path = Path(order["path"])
    asked = {name: order[name] for name in ("quick", "minutes", "device")}
    report = Report(asked, order["machine"])
    if order["resume"]:
        report = _resumed(path, report)
    steps = _steps(order["only"], quick=bool(report.asked["quick"]))
    what = Order(
        seconds=60.0 * order["minutes"],
        device=str(report.asked["device"]),
        quick=bool(report.asked["quick"]),
    )

    def told(name: str, outcome: Outcome | None) -> None:
        if outcome is None:
            console.print(f"{name} …", style="dim")
            return
        line = f"{name}: {outcome.result}, {outcome.seconds:.0f} s"
        why = f": {outcome.why}" if outcome.why else ""
        console.print(f"{line}{why}", style=COLOURS[outcome.result], soft_wrap=True)

    try:
        run(steps, what, report, path, told)
    except OSError as error:
        return _refused(f"{path} is not writable ({error.strerror or error}); choose another file.")
    except KeyboardInterrupt:
        console.print(f"\nStopped. Continue with: spout-bridge gpu-check --resume {quoted(path)}")
        return INTERRUPTED
    _summary(report, console)
    console.print(f"The report is {path}.", soft_wrap=True)
    late = [step.name for step in steps if step.essential and out_of_time(report, step.name)]
    if late:
        names = " and ".join(late)
        console.print(
            f"It is incomplete: time did not suffice for {names}. Continue with: spout-bridge "
            f"gpu-check --resume {quoted(path)}",
            style="red",
            soft_wrap=True,
        )
    return 1 if report.failed or late else 0


def _steps(only: Sequence[str], *, quick: bool) -> Sequence[Step]:
    """Those that are asked for; ReportError for a name that no step has."""
    steps = QUICK if quick else STEPS
    names = [step.name for step in steps]
    for name in only:
        if name not in names:
            guess = did_you_mean(name, names)
            raise ReportError(f"There is no step {name!r}; choose {', '.join(names)}.{guess}")
    return [step for step in steps if not only or step.name in only]


def _resumed(path: Path, asked: Report) -> Report:
    """The report of a file, to be continued as it was asked for; ReportError if it is of another
    machine.
    """
    report = Report.load(path)
    quick, device = report.asked.get("quick"), report.asked.get("device")
    if not (isinstance(quick, bool) and isinstance(device, str)):
        raise damaged(path)
    for name, value in asked.machine.items():
        if (was := report.machine.get(name)) != value:
            raise ReportError(
                f"{path} was made with {name} {was}, and this is {value}; run without --resume."
            )
    unfinished(report)
    return report


def _summary(report: Report, console: Console) -> None:
    table = Table("", "measured", "", title="gpu-check", title_justify="left", box=None)
    for name, outcome in report.steps.items():
        table.add_row(name, outcome.result, outcome.why, style=COLOURS[outcome.result])
        for figure in outcome.figures:
            table.add_row(
                f"  {figure.name}",
                figure.shown,
                ", ".join(filter(None, [*_limits(figure), figure.beside])),
            )
    console.print(table)
    counts = [f"{_count(report, result)} {result}" for result in COLOURS]
    console.print(f"On {report.machine.get('device', 'no device')}: {', '.join(counts)}.")


def _limits(figure: Figure) -> list[str]:
    """What a number is compared with; words have no limit, and are wrong where one was given."""
    if isinstance(figure.value, str):
        return ["wrong"] if figure.wrong else []
    if figure.most == 0:
        return ["must be 0"]
    limits = [("at most", figure.most), ("at least", figure.least)]
    return [f"{word} {value:g}" for word, value in limits if value is not None]


def _count(report: Report, result: str) -> int:
    return sum(outcome.result == result for outcome in report.steps.values())


def _compare(paths: list[Path], console: Console) -> None:
    table = Table("figure", *(path.name for path in paths), "", box=None)
    for row in differences(*(Report.load(path) for path in paths)):
        table.add_row(*row)
    console.print(table)


def _refused(why: str) -> int:
    Console(stderr=True, markup=False, highlight=False).print(
        f"spout-bridge: {why}", style="red", soft_wrap=True
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
