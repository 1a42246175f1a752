"""The report: limits, a file that is whole and checked, and two of them side by side."""

import json
import math
import random
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from engine.gpu_check.__main__ import _resumed, _summary
from engine.gpu_check.compare import change, differences
from engine.gpu_check.report import (
    FAILED,
    NOT_RUN,
    PASSED,
    RESULTS,
    Figure,
    Outcome,
    Report,
    ReportError,
)

NUMBERS = [0.0, -1.5, 1e-9, 3, 1e12, math.nan, math.inf, -math.inf]


@pytest.mark.parametrize(("value", "most", "least", "wrong"), [
    (0.5, 1, None, ""),
    (1.0, 1, 1, ""),
    (1.5, 1, None, "error: 1.5, more than 1"),
    (0.5, None, 0.9, "error: 0.5, less than 0.9"),
    (math.nan, 1, None, "error: nan"),
    (math.inf, None, 1, "error: inf"),
    ("RuntimeError: no kernel", 1, None, "error: RuntimeError: no kernel"),
    ("2.13.0", None, None, ""),
    (math.nan, None, None, ""),
])  # fmt: skip
def test_a_figure_beyond_its_limit_is_wrong(value, most, least, wrong) -> None:
    assert Figure("error", value, most=most, least=least).wrong == wrong


def drawn(rng: random.Random) -> Figure:
    """Any figure that a step may yield."""
    limits = [rng.choice([None, *NUMBERS[:5]]) for _ in range(2)]
    value = rng.choice([*NUMBERS, "not run: time", "Ω…", "", "x" * 3000])
    return Figure(
        f"name {rng.random()} ü", value, rng.choice(["", "ms"]), *limits,
        rng.choice([None, True, False]), rng.choice(["", "beside"]),
    )  # fmt: skip


def plainly(report: Report) -> list[Any]:
    """All of its steps; a number that JSON has no word for becomes its name."""

    def told(figure: Figure) -> Figure:
        value = figure.value
        odd = isinstance(value, float) and not math.isfinite(value)
        return replace(figure, value=str(value) if odd else value)

    steps = report.steps.items()
    return [(name, replace(each, figures=[*map(told, each.figures)])) for name, each in steps]


def test_what_is_saved_is_loaded_again_whatever_the_figures(tmp_path: Path) -> None:
    rng, path = random.Random(0), tmp_path / "report.json"
    for _ in range(200):
        report = Report({"quick": True}, {"torch": "2.13"})
        for number in range(rng.randrange(4)):
            outcome = Outcome(rng.choice(RESULTS), "why", rng.random(), [drawn(rng)], ["line \x1b"])
            report.steps[f"step {number}"] = outcome
        report.save(path)
        json.loads(path.read_text("utf-8"), parse_constant=pytest.fail)  # no NaN in the file
        loaded = Report.load(path)
        assert (loaded.asked, loaded.machine) == (report.asked, report.machine)
        assert plainly(loaded) == plainly(report)
        assert [[f.wrong for f in each.figures] for each in loaded.steps.values()] == [
            [f.wrong for f in each.figures] for each in report.steps.values()
        ]


GOOD: dict[str, Any] = {
    "gpu_check": 1, "asked": {}, "machine": {}, "steps": {"a": {
        "result": "passed", "why": "", "seconds": 1, "printed": [],
        "figures": [{"name": "x", "value": 1}],
    }},
}  # fmt: skip


def spoilt(**changes: Any) -> str:
    step = GOOD["steps"]["a"]
    whole = {name: value for name, value in changes.items() if name in GOOD}
    inner = {name: value for name, value in changes.items() if name in step}
    return json.dumps(GOOD | {"steps": {"a": step | inner}} | whole)


@pytest.mark.parametrize("text", [
    "", "{", "[]", "null", "3", '"text"', "\ud83d{}", "{}", "[" * 5000,
    spoilt(gpu_check=2), spoilt(steps=[]), spoilt(asked=1), spoilt(machine=None),
    spoilt(result="well"), spoilt(figures={}), spoilt(seconds="soon"), spoilt(printed=None),
    spoilt(figures=[3]), spoilt(figures=[{"name": "x"}]), spoilt(figures=[{"name": 1, "value": 1}]),
    spoilt(figures=[{"name": "x", "value": 1, "most": "2"}]),
    spoilt(figures=[{"name": "x", "value": 1, "other": 2}]), spoilt(seconds=10**400),
    spoilt(figures=[{"name": "x", "value": 1, "beside": ["q"]}]), spoilt(printed=["\ud800"]),
])  # fmt: skip
def test_a_file_that_is_no_report_is_refused_in_one_sentence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "report.json"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(ReportError, match=r"report\.json .*\.$") as refused:
        Report.load(path)
    assert str(refused.value).count("\n") == 0


def test_a_report_that_is_sound_is_read(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(spoilt())
    assert Report.load(tmp_path / "report.json").steps["a"].figures == [Figure("x", 1)]
    with pytest.raises(ReportError, match="cannot be read"):
        Report.load(tmp_path / "none.json")


@pytest.mark.parametrize(("one", "other", "higher", "told"), [
    (10, 20, True, "2.00 times, better"),
    (10, 20, False, "2.00 times, worse"),
    (20, 10, False, "0.50 times, better"),
    (10, 10.1, True, ""),
    (10, 20, None, ""),
    (0, 1, False, "differs"),
    ("2.12", "2.13", None, "differs"),
    ("same", "same", None, ""),
    ("not run: time", 3.0, True, "differs"),
])  # fmt: skip
def test_a_change_is_told_as_better_or_worse(one, other, higher, told) -> None:
    first, second = (Figure("x", value, higher=higher) for value in (one, other))
    assert change(first, second) == told


def test_two_reports_are_set_side_by_side() -> None:
    slow, fast = Figure("speed", 10, "frames/s", higher=True), Figure("error", 0.1, most=1)
    first = Report({}, {"torch": "2.12"}, {"a": Outcome(PASSED, figures=[slow, fast])})
    second = Report({}, {"torch": "2.13"}, {
        "a": Outcome(FAILED, figures=[Figure("error", 5, most=1), Figure("new", 1)]),
        "b": Outcome(NOT_RUN),
    })  # fmt: skip
    assert list(differences(first, second)) == [
        ("torch", "2.12", "2.13", "differs"),
        ("a", PASSED, FAILED, "differs"),
        ("  speed", "10 frames/s", "", ""),
        ("  error", "0.1", "5", "wrong now"),
        ("  new", "", "1", ""),
        ("b", "missing", NOT_RUN, "differs"),
    ]


ODD: list[Any] = [
    None, True, -1, 0.5, 10**400, -(10**400), 1e308, math.nan, math.inf, "", "q", "\ud800",
    "[red]", [], ["q"], {}, {"name": "x", "value": 10**400}, {"quick": True, "device": ["cpu"]},
]  # fmt: skip


def spoil(rng: random.Random, whole: Any) -> Any:
    """The same with odd values at some places."""
    if rng.random() < 0.06:
        return rng.choice(ODD)
    if isinstance(whole, dict):
        kept = {name: spoil(rng, part) for name, part in whole.items() if rng.random() > 0.03}
        return kept | (
            {rng.choice(["q", "unit", "\ud800"]): rng.choice(ODD)} if rng.random() < 0.03 else {}
        )
    return [spoil(rng, part) for part in whole] if isinstance(whole, list) else whole


@pytest.mark.slow
def test_any_json_is_read_or_refused(tmp_path: Path) -> None:
    """What is read can be continued, compared, shown and saved."""
    rng, path, shown = random.Random(1), tmp_path / "report.json", Console(file=StringIO())
    figure = {"name": "x", "value": 1, "unit": "ms", "most": 2, "higher": True, "beside": "y"}
    whole = json.loads(spoilt(figures=[figure], asked={"quick": True, "device": "cpu"}))
    sound = Report({}, {}, {"a": Outcome(PASSED, figures=[Figure("x", 1, higher=True)])})
    read, told = 0, list[str]()
    for _ in range(300):
        path.write_text(json.dumps(spoil(rng, whole)))
        try:
            report = _resumed(path, Report({}, {}))
        except ReportError as error:
            told.append(str(error))
            continue
        read += 1
        for pair in ((report, report), (sound, report), (report, sound)):
            for line in differences(*pair):
                shown.print(*line, markup=False)
        _summary(report, shown)
        report.save(path)
        Report.load(path)
    assert min(read, len(told)) > 20
    assert "\n" not in "".join(told)


@pytest.mark.parametrize("asked", [{}, {"quick": True}, {"quick": "yes", "device": "cpu"}])
def test_a_report_that_does_not_say_what_was_asked_is_not_continued(tmp_path, asked) -> None:
    path = tmp_path / "report.json"
    path.write_text(spoilt(asked=asked))
    with pytest.raises(ReportError, match="is damaged; run gpu-check again"):
        _resumed(path, Report({}, {}))
