"""Runs the steps one after the other, each in a process of its own with a budget."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Any

import psutil

from engine.gpu_check.report import FAILED, NOT_RUN, PASSED, Outcome, Report, figure_of
from engine.gpu_check.steps import START, Step
from engine.system.json_values import is_object

STARTING = 120.0  # seconds for a process to import torch, from a cold disk
LOOK = 0.1  # seconds between looks at it
PRINTED = 20  # last lines of a failed step's process that the report keeps
TIME = "time"  # why a step was not run, or not to its end
Told = Callable[[str, Outcome | None], None]  # a step's name; None as it begins


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What was asked: seconds in all, the device (auto, cuda or cpu), whether `--quick`."""

    seconds: float
    device: str = "auto"
    quick: bool = False


def run(steps: Sequence[Step], order: Order, report: Report, path: Path, told: Told) -> None:
    """Run the steps that `report` does not have, and save it to `path` after each.

    OSError if the report cannot be written; the first write is before the first step.
    """
    report.save(path)
    end = perf_counter() + order.seconds
    for step in steps:
        if step.name in report.steps:
            continue
        told(step.name, None)
        outcome, device = _outcome(step, order, end - perf_counter())
        report.steps[step.name] = outcome
        if device:
            report.machine["device"] = device
        report.save(path)
        told(step.name, outcome)


def unfinished(report: Report) -> None:
    """Forget the steps that time or memory did not suffice for, so that `run` tries them again."""
    for name in [name for name, each in report.steps.items() if each.result == NOT_RUN]:
        del report.steps[name]


def out_of_time(report: Report, name: str) -> bool:
    """Whether time did not suffice for a step, or for its end."""
    outcome = report.steps[name]
    return outcome.result == NOT_RUN and outcome.why.partition(",")[0] == TIME


def _outcome(step: Step, order: Order, left: float) -> tuple[Outcome, str]:
    """How a step ended, and the device that it ran on where it got so far."""
    if step.package and find_spec(step.package) is None:
        return Outcome(NOT_RUN, f"the package {step.package} is not installed"), ""
    budget = step.quick if order.quick else step.budget
    if left < START * budget:
        return Outcome(NOT_RUN, TIME), ""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        return _Process(step, order, Path(folder)).outcome(budget, left)


class _Process:
    """A step's process. It writes its results as lines of JSON to a file, which survive it."""

    def __init__(self, step: Step, order: Order, folder: Path) -> None:
        self._results, self._printed = folder / "results", folder / "printed"
        self._order: dict[str, object] = {
            "target": step.target,
            "device": order.device,
            "quick": order.quick,
            "results": str(self._results),
        }

    def outcome(self, budget: float, left: float) -> tuple[Outcome, str]:
        """Run it: `budget` seconds at most once torch is imported, and `left` seconds in all."""
        began = perf_counter()
        status, in_time = self._run(budget, began + left)
        seconds = perf_counter() - began
        lines = list(self._lines())
        figures = [figure_of(line["figure"]) for line in lines if "figure" in line]
        said = {name: str(value) for line in lines for name, value in line.items()}
        outcome = _ending(status, said, seconds, in_time=in_time)
        wrong = [figure.wrong for figure in figures if figure.wrong]
        if wrong:
            outcome.result = FAILED
            outcome.why = "; ".join(filter(None, [*wrong, outcome.why]))
        outcome.seconds, outcome.figures = round(seconds, 1), figures
        if outcome.result == FAILED:
            outcome.printed = self._last_lines()
        return outcome, said.get("device", "")

    def _run(self, budget: float, end: float) -> tuple[int | None, bool]:
        """The exit status, None if it had to be ended, with its children; and whether it had all of
        its own time before `end`.
        """
        command = [sys.executable, "-P", "-m", "engine.gpu_check.child"]
        self._order["seconds"] = budget
        with self._printed.open("wb") as printed:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=printed, stderr=subprocess.STDOUT
            )
            try:
                assert process.stdin is not None
                with suppress(BrokenPipeError), process.stdin as pipe:  # one that ended at once
                    pipe.write(json.dumps(self._order).encode())
                return _waited(process, self._begun, budget, end)
            finally:  # after Ctrl-C too
                _end(process)

    def _begun(self) -> bool:
        """Whether torch is imported, and the step's own time runs."""
        return self._results.is_file() and self._results.stat().st_size > 0

    def _lines(self) -> Iterator[dict[str, Any]]:
        if not self._results.is_file():
            return
        for line in self._results.read_text(encoding="utf-8").splitlines():
            try:
                told = json.loads(line)
            except ValueError:  # the last line of a process that crashed
                continue
            if is_object(told):
                yield told

    def _last_lines(self) -> list[str]:
        text = self._printed.read_text(encoding="utf-8", errors="replace")
        text = text.replace(os.path.expanduser("~"), "~")  # noqa: PTH111 - never fails, without a home
        return [line.rstrip() for line in text.splitlines() if line.strip()][-PRINTED:]


def _waited(
    process: "subprocess.Popen[bytes]", begun: Callable[[], bool], budget: float, end: float
) -> tuple[int | None, bool]:
    """See `_Process._run`; `begun` says whether the budget has begun."""
    limit, runs = perf_counter() + STARTING, False
    while (now := perf_counter()) < min(limit, end):
        if not runs and begun():
            limit, runs = now + budget, True
        with suppress(subprocess.TimeoutExpired):
            return process.wait(LOOK), True
    return None, limit <= end


def _ending(
    status: int | None, said: Mapping[str, str], seconds: float, *, in_time: bool
) -> Outcome:
    """How a step ended by its exit status, None if it was ended, and the newest of each kind of
    line that it wrote; `in_time` if its whole budget was there.
    """
    at = f" at {said['at']}" if "at" in said else ""
    if status is None and in_time:
        what = "no end" if "device" in said else "torch was not imported"
        return Outcome(FAILED, f"{what} within {seconds:.0f} s{at}")
    if status is None:
        return Outcome(NOT_RUN, f"{TIME}, ended after {seconds:.0f} s{at}")
    if "not run" in said:
        return Outcome(NOT_RUN, said["not run"])
    if "no memory" in said:
        return Outcome(NOT_RUN, f"memory: {said['no memory']}{at}")
    if "error" in said:
        return Outcome(FAILED, f"{said['error']}{at}")
    return (
        Outcome(PASSED) if "end" in said else Outcome(FAILED, f"its process {_death(status)}{at}")
    )


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a process with all its children; nothing happens to one that has ended."""
    if process.poll() is not None:
        return
    try:
        family = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        family = []
    process.kill()
    for child in family:
        try:
            child.kill()
        except psutil.NoSuchProcess:
            continue
    process.wait()


def _death(status: int) -> str:
    """What an exit status means."""
    if status < 0:
        return f"was killed by {signal.Signals(-status).name}"
    if status > 0xFFFF:
        return f"crashed (Windows says {status:#010x})"
    return f"ended with status {status}"
