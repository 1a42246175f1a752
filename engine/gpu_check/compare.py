"""Two reports side by side."""

from collections.abc import Iterator
from typing import Any

from engine.gpu_check.report import Figure, Outcome, Report

SAME = 0.02  # share by which a measured number may move and count as the same
Line = tuple[str, str, str, str]  # what, in the first, in the second, how they differ


def differences(first: Report, second: Report) -> Iterator[Line]:
    """Every line of either report: machine, then steps with their figures."""
    for name in _names(first.machine, second.machine):
        one, other = (str(each.machine.get(name, "")) for each in (first, second))
        yield name, one, other, "" if one == other else "differs"
    for name in _names(first.steps, second.steps):
        one, other = first.steps.get(name), second.steps.get(name)
        results = [each.result if each else "missing" for each in (one, other)]
        yield name, results[0], results[1], "" if results[0] == results[1] else "differs"
        yield from _figures(one, other)


def _figures(one: Outcome | None, other: Outcome | None) -> Iterator[Line]:
    by_name = [{figure.name: figure for figure in each.figures} if each else {}
               for each in (one, other)]  # fmt: skip
    for name in _names(*by_name):
        first, second = (figures.get(name) for figures in by_name)
        shown = [figure.shown if figure else "" for figure in (first, second)]
        yield f"  {name}", shown[0], shown[1], change(first, second)


def change(first: Figure | None, second: Figure | None) -> str:
    """How the second differs from the first, in words; empty if it does not."""
    if first is None or second is None:
        return ""
    if second.wrong and not first.wrong:
        return "wrong now"
    if first.wrong and not second.wrong:
        return "right now"
    one, other = first.value, second.value
    if isinstance(one, str) or isinstance(other, str):
        return "" if one == other else "differs"
    if one == other or not one or not other:
        return "" if one == other else "differs"
    ratio = other / one
    if second.higher is None or abs(ratio - 1) < SAME or ratio < 0:
        return ""
    better = (ratio > 1) == second.higher
    return f"{ratio:.2f} times, {'better' if better else 'worse'}"


def _names(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    return [*one, *(name for name in other if name not in one)]
