"""Steps run in processes of their own: what ends badly is found, named, and costs only itself."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from engine.gpu_check import runner
from engine.gpu_check.report import FAILED, NOT_RUN, PASSED, Outcome, Report
from engine.gpu_check.runner import Order, run, unfinished
from engine.gpu_check.steps import QUICK, STEPS, Step

ROOT = str(Path(__file__).parents[3])
LONG = 300.0  # seconds that no step of these tests needs


def test_what_a_failed_step_printed_names_no_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path / "artist"))
    process = runner._Process(missing("a"), Order(seconds=9), tmp_path)
    lines = [f"line {number}" for number in range(30)] + [f'File "{tmp_path / "artist" / "x.py"}"']
    (tmp_path / "printed").write_text("\n\n".join(lines))
    found = process._last_lines()
    assert found[0] == "line 11"
    assert found[-1].startswith('File "~')


def gone(pid: int) -> bool:
    """Whether a killed process goes within a minute; one that nobody has waited for counts."""
    try:
        process = psutil.Process(pid)
        return process.status() == psutil.STATUS_ZOMBIE or process.wait(60) is None
    except psutil.NoSuchProcess:
        return True


def planted(name: str, budget: float = LONG) -> Step:
    return Step(name, f"tests.engine.gpu_check.faults:{name}", budget)


def missing(name: str) -> Step:
    """A step that needs no process."""
    return Step(name, "no.module:step", 10, package="no_such_package")


def checked(steps: list[Step], folder: Path, seconds: float = 10 * LONG) -> dict[str, Outcome]:
    report, path = Report({}, {}), folder / f"{steps[0].name}.json"
    run(steps, Order(seconds=seconds, device="cpu"), report, path, lambda *_: None)
    assert Report.load(path).steps == report.steps
    return report.steps


@pytest.mark.slow
@pytest.mark.timeout(2 * LONG)
def test_a_wrong_kernel_a_leak_a_hang_and_a_crash_are_found_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch", reason="needs pip install 'spout-bridge[engine]'")
    monkeypatch.setenv("PYTHONPATH", ROOT)
    rest = [planted("crash"), planted("wrong_kernel_and_leak")]
    with ThreadPoolExecutor() as pool:  # waiting for the hang costs nothing
        hanging = pool.submit(checked, [planted("hang", 3)], tmp_path)
        found = checked(rest, tmp_path) | hanging.result()
    assert {each.result for each in found.values()} == {FAILED}
    why = {name: outcome.why for name, outcome in found.items()}
    assert "ended" in why["crash"] or "killed by SIGSEGV" in why["crash"] or "0x" in why["crash"]
    assert why["crash"].endswith("at a bad pointer")
    both = why["wrong_kernel_and_leak"]
    assert "sdpa, plain, a block and its window: error: 0.01" in both
    assert "windows kept" in both
    assert why["hang"].startswith("no end within ")
    assert why["hang"].endswith(" s at a pass that never ends")
    assert [figure.name for figure in found["crash"].figures] == ["before it crashes"]
    assert "Segmentation" in " ".join(found["crash"].printed) or sys.platform == "win32"
    child = next(each.value for each in found["hang"].figures if each.name == "its child")
    assert gone(int(child))


@pytest.mark.parametrize(("status", "said", "in_time", "result", "why"), [
    (0, {"end": "True"}, True, PASSED, ""),
    (0, {"not run": "fp8 needs a newer card", "at": "x"}, True, NOT_RUN, "fp8 needs a newer card"),
    (0, {"no memory": "OutOfMemoryError: 2 GB", "at": "VACE"}, True, NOT_RUN,
     "memory: OutOfMemoryError: 2 GB at VACE"),
    (0, {"error": "RuntimeError: no kernel", "at": "flex"}, True, FAILED,
     "RuntimeError: no kernel at flex"),
    (1, {}, True, FAILED, "its process ended with status 1"),
    (0, {"at": "flex"}, True, FAILED, "its process ended with status 0 at flex"),
    (0xC0000005, {"at": "flex"}, True, FAILED,
     "its process crashed (Windows says 0xc0000005) at flex"),
    (None, {"device": "CPU", "at": "flex"}, True, FAILED, "no end within 7 s at flex"),
    (None, {}, True, FAILED, "torch was not imported within 7 s"),
    (None, {}, False, NOT_RUN, "time, ended after 7 s"),
])  # fmt: skip
def test_how_a_process_ended_is_told(status, said, in_time, result, why) -> None:
    ended = runner._ending(status, said, 7.0, in_time=in_time)
    assert (ended.result, ended.why) == (result, why)


@pytest.mark.slow
def test_time_that_runs_out_is_a_result_and_not_a_failure(tmp_path: Path) -> None:
    steps = [planted("hang", 6), planted("crash"), planted("leak")]
    found = checked(steps, tmp_path, seconds=2)
    assert {each.result for each in found.values()} == {NOT_RUN}
    assert found["hang"].why.startswith("time, ended after 2 s")  # its own budget was not over
    assert found["crash"].why == found["leak"].why == "time"


def test_a_step_without_its_package_needs_no_process(tmp_path: Path) -> None:
    found = checked([missing("one"), missing("two")], tmp_path)
    assert [each.result for each in found.values()] == [NOT_RUN, NOT_RUN]
    assert found["one"].why == "the package no_such_package is not installed"


def test_the_file_is_complete_after_every_step(tmp_path: Path) -> None:
    path, seen = tmp_path / "report.json", []

    def told(name: str, outcome: Outcome | None) -> None:
        seen.append((name, [*Report.load(path).steps]))

    run([missing("a"), missing("b")], Order(seconds=9), Report({}, {}), path, told)
    assert seen == [("a", []), ("a", ["a"]), ("b", ["a"]), ("b", ["a", "b"])]
    assert [*tmp_path.iterdir()] == [path]


def test_a_report_is_continued_where_it_was_not_finished(tmp_path: Path) -> None:
    report = Report({}, {})
    for name, result in (("good", PASSED), ("bad", FAILED), ("late", NOT_RUN)):
        report.steps[name] = Outcome(result, "before")
    unfinished(report)
    steps = [missing(name) for name in ("good", "bad", "late", "new")]
    run(steps, Order(seconds=9), report, tmp_path / "report.json", lambda *_: None)
    assert {name for name, each in report.steps.items() if each.why == "before"} == {"good", "bad"}
    assert report.steps.keys() == {"good", "bad", "late", "new"}
    assert report.failed == ["bad"]


def test_a_folder_that_is_not_there_is_noticed_before_the_first_step(tmp_path: Path) -> None:
    def told(name: str, outcome: Outcome | None) -> None:
        pytest.fail("a step began")

    with pytest.raises(OSError, match=r"No such file|cannot find"):
        run([missing("a")], Order(seconds=9), Report({}, {}), tmp_path / "no" / "r.json", told)


def test_the_steps_fit_into_their_time() -> None:
    assert len({step.name for step in STEPS}) == len(STEPS)
    assert [step.name for step in QUICK] == [step.name for step in STEPS[: len(QUICK)]]
    assert all(step.quick <= step.budget for step in STEPS)
