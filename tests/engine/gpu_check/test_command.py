"""`spout-bridge gpu-check` as it is typed."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bridge.cli import commands as cli
from bridge.cli import gpu_check
from engine.gpu_check import __main__ as main
from engine.gpu_check.report import FAILED, NOT_RUN, PASSED, Figure, Outcome, Report
from engine.gpu_check.runner import Order
from engine.gpu_check.steps import STEPS, Step
from tests.support.nvml import Card, Nvml
from tests.support.slow_cases import rest_slow


def typed(capfd: pytest.CaptureFixture[str], *words: str) -> tuple[Any, str]:
    """The exit status, and what was printed on both streams."""
    status: Any = 0
    try:
        cli.main(["gpu-check", *words])
    except SystemExit as end:
        status = end.code
    out, err = capfd.readouterr()
    return status or 0, out + err


@pytest.fixture
def machine() -> dict[str, str]:
    """That of a report of here."""
    pytest.importorskip("torch", reason="needs pip install 'spout-bridge[engine]'")
    return gpu_check.machine()


def finished(path: Path, result: str, machine: dict[str, str]) -> None:
    """Write a report to which nothing is left to add."""
    steps = {step.name: Outcome(result) for step in STEPS}
    Report({"quick": False, "minutes": 10, "device": "cpu"}, machine, steps).save(path)


@pytest.mark.slow
def test_one_step_is_run_and_reported(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], machine: dict[str, str]
) -> None:
    path = tmp_path / "new report.json"
    only = ("--only", "builds", "--only", "attention sage", "--device", "cpu")
    status, told = typed(capfd, *only, "--write", str(path))
    report = Report.load(path)
    assert status == 0
    assert report.steps.keys() == {"builds", "attention sage"}
    assert report.steps["builds"].result == PASSED
    assert report.machine == {**machine, "device": "CPU, toy size"}
    assert "On CPU, toy size: 1 passed, 0 failed, 1 not run." in told
    assert f"The report is {path}." in told


@pytest.mark.parametrize(("result", "status"), [(PASSED, 0), (FAILED, 1)])
def test_the_exit_status_says_whether_a_step_failed(
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    machine: dict[str, str],
    result: str,
    status: int,
) -> None:
    path = tmp_path / "report.json"
    finished(path, result, machine)
    assert typed(capfd, "--resume", str(path))[0] == status


@pytest.mark.parametrize(
    ("name", "why", "status"),
    [
        ("first frame", "time", 1),
        ("speed longlive", "time, ended after 45 s at compiling", 1),
        ("speed longlive", "memory: 4 GB", 0),
        ("parity", "time", 0),
    ],
)
def test_without_a_first_frame_or_speed_for_lack_of_time_it_fails(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    name: str,
    why: str,
    status: int,
) -> None:
    def run(steps: Sequence[Step], order: Order, report: Report, *_: object) -> None:
        report.steps |= {step.name: Outcome(PASSED) for step in steps}
        report.steps[name] = Outcome(NOT_RUN, why)

    monkeypatch.setattr(main, "run", run)
    path = tmp_path / "my report.json"
    order = {"quick": False, "minutes": 10, "device": "cpu", "path": str(path), "machine": {},
             "resume": False, "only": []}  # fmt: skip
    assert main._check(order, Console(width=200)) == status
    end = (
        f'time did not suffice for {name}. Continue with: spout-bridge gpu-check --resume "{path}"'
    )
    assert (end in capsys.readouterr().out) is bool(status)


def test_a_report_of_another_machine_is_not_continued(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], machine: dict[str, str]
) -> None:
    path = tmp_path / "report.json"
    finished(path, PASSED, machine | {"torch": "1.0"})
    status, told = typed(capfd, "--resume", str(path))
    assert status == 1
    assert f"was made with torch 1.0, and this is {machine['torch']}; run without" in told


def test_two_reports_are_compared_without_torch(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu_check, "find_spec", lambda name: None)
    paths = [str(tmp_path / name) for name in ("before.json", "after.json")]
    for path, speed in zip(paths, (10.0, 25.0), strict=True):
        figure = Figure("512x512: network alone", speed, "frames/s", higher=True)
        steps = {"speed longlive": Outcome(PASSED, figures=[figure])}
        Report({}, {}, steps).save(Path(path))
    status, told = typed(capfd, "--compare", *paths)
    assert status == 0
    (line,) = (line for line in told.splitlines() if "network alone" in line)
    assert line.split()[-7:] == ["10", "frames/s", "25", "frames/s", "2.50", "times,", "better"]


@pytest.mark.parametrize(("words", "status", "sentence"), [
    (("--minutes", "5"), 2, "takes a number of minutes from 6, not '5'"),
    (("--minutes", "nan"), 2, "takes a number of minutes from 6, not 'nan'"),
    (("--minutes", "inf"), 2, "takes a number of minutes from 6, not 'inf'"),
    (("--quick", "--minutes", "7"), 2, "not allowed with argument --quick"),
    (("--quik",), 2, "--quick"),
    (("--device", "tpu"), 2, "--device takes auto or cpu, not 'tpu'."),
    (("--device", "cuda"), 2, "--device takes auto or cpu, not 'cuda'."),
    (("--device", "cpu", "--gpu", "0"), 2, "leave it or --gpu out"),
    (("--compare", "no.json", "none.json"), 1, "no.json cannot be read"),
])  # fmt: skip
def test_what_cannot_be_is_refused_in_a_sentence(
    capfd: pytest.CaptureFixture[str], words: tuple[str, ...], status: int, sentence: str
) -> None:
    found, told = typed(capfd, *words)
    assert found == status
    assert sentence in told
    assert "Traceback" not in told


@pytest.mark.parametrize(("words", "sentence"), rest_slow([
    (("--only", "attention sgae"), "Did you mean attention sage?"),
    (("--write", "no/such/folder.json"), "is not writable (No such file or directory)"),
    (("--resume", "none.json"), "none.json cannot be read"),
    (("--quick", "--only", "fp8"), "There is no step 'fp8'; choose builds"),
]))  # fmt: skip
def test_what_only_its_process_knows_is_refused_too(
    capfd: pytest.CaptureFixture[str],
    machine: dict[str, str],
    words: tuple[str, ...],
    sentence: str,
) -> None:
    status, told = typed(capfd, *words)
    assert status == 1
    assert sentence.lower() in told.lower()
    assert "Traceback" not in told


@pytest.mark.parametrize(
    ("cards", "cure"),
    [(0, "no NVIDIA driver answers; leave --gpu out"), (1, "choose 0 (NVIDIA GeForce RTX 4090)")],
)
def test_a_card_that_is_not_there_is_refused_as_by_run(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, cards: int, cure: str
) -> None:
    Nvml(monkeypatch, [Card()] * cards)
    monkeypatch.setattr(gpu_check, "find_spec", lambda name: object())
    status, told = typed(capfd, "--quick", "--gpu", "3")
    assert status == 2
    assert f"There is no GPU 3 on this machine: {cure}." in told


@pytest.mark.parametrize(
    ("figure", "limits"),
    [
        (Figure("error", 0.0, most=0), ["must be 0"]),
        (Figure("speed", 9.0, "frames/s", least=8.5), ["at least 8.5"]),
        (Figure("ratio", 1.0, most=1.1, least=0.9), ["at most 1.1", "at least 0.9"]),
        (Figure("cards not used", "Tesla T4: torch does not use it", most=0), ["wrong"]),
        (Figure("driver", "580.65"), []),
    ],
)
def test_a_limit_is_shown_only_where_it_can_be_compared(figure: Figure, limits: list[str]) -> None:
    assert main._limits(figure) == limits


def test_without_torch_it_says_what_to_install(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu_check, "find_spec", lambda name: None)
    status, told = typed(capfd)
    assert status == 1
    assert "needs the extra `engine`" in told


def test_the_report_in_a_file_is_json_that_others_read(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    finished(path, PASSED, {})
    told = json.loads(path.read_text("utf-8"))
    assert told["gpu_check"] == 1
    assert [*told["steps"]] == [step.name for step in STEPS]
