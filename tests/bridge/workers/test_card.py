"""A card that torch cannot use: the pipelines that need it are refused, never run on the CPU."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pynvml
import pytest

from bridge.downloads.weights import MissingWeights
from bridge.session import Session
from bridge.settings import Settings
from bridge.workers import card
from bridge.workers.card import CardCheck
from engine.catalog.rows import BUILT_IN, Catalog
from engine.system import builds, devices
from engine.system.builds import Build, Found
from tests.support.cards import CU126, MACHINES, RTX_3090, RTX_4090, Planted
from tests.support.nvml import GB
from tests.support.rig import running_session
from tests.support.slow_cases import rest_slow

PLAIN = next(row for row in BUILT_IN if row.id == "passthrough")
NEEDS_TORCH = replace(PLAIN, id="paints", packages=("torch",), extra="engine")
RIGHT, WRONG = MACHINES["H100"], MACHINES["4090, PyPI's torch on Windows"]


@pytest.fixture(autouse=True)
def torch_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether this machine has torch does not matter here."""
    monkeypatch.setattr("bridge.downloads.weights._not_installed", lambda packages: [])


def check_of(machine: Planted, folder: Path, **chosen) -> CardCheck:
    number = chosen.get("number", machine.number)
    return CardCheck(folder, number, devices.gpus, cpu=chosen.get("cpu", False))


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
def test_of_each_machine_it_is_said_whether_it_generates(monkeypatch, tmp_path, machine):
    machine.plant(monkeypatch)
    seen: list[dict[str, str]] = []
    monkeypatch.setattr(card, "tried", lambda chosen: seen.append(chosen) or machine.tried())
    told = check_of(machine, tmp_path).trouble()
    assert bool(told) == bool(machine.says)
    if machine.says:
        assert told.startswith(machine.card.name)
        assert told.endswith("or start with `--device cpu`")
        assert "\n" not in told
        assert [words for words in machine.says if words not in told] == []
    if machine.build.cuda is None:
        assert seen == []  # its files say enough
    else:
        assert seen == [devices.environment(machine.number)]


@pytest.mark.parametrize(
    ("code", "chip", "runs"),
    [
        ("sm_86", (8, 9), True), ("sm_89", (8, 6), False), ("sm_80", (8, 0), True),
        ("sm_90", (8, 9), False), ("sm_75", (8, 6), False), ("sm_120", (12, 1), True),
        ("sm_100", (12, 0), False), ("sm_90a", (9, 0), True), ("sm_100a", (10, 3), False),
        ("compute_75", (12, 0), True), ("compute_120", (12, 0), True),
        ("compute_90", (8, 9), False), ("gfx942", (9, 4), False),
    ],
)  # fmt: skip
def test_code_runs_on_chips_of_its_family_and_ptx_on_every_newer_one(code, chip, runs):
    assert builds.runs([code], chip) is runs
    assert not builds.runs([], chip)


def test_a_kernel_that_runs_is_the_truth_and_is_tried_once(monkeypatch, tmp_path):
    """Whatever driver and chips say: there are drivers that run a newer CUDA."""
    machine = MACHINES["3090, an old driver"]
    machine.plant(monkeypatch)
    good = replace(machine.tried(), error="")
    tries: list[object] = []
    monkeypatch.setattr(card, "tried", lambda chosen: tries.append(chosen) or good)
    assert check_of(machine, tmp_path).trouble() == ""
    assert check_of(machine, tmp_path).trouble() == ""  # another start
    assert len(tries) == 1
    monkeypatch.setattr(builds, "installed", lambda: Build("2.14.0", (13, 0)))
    assert check_of(machine, tmp_path).trouble() == ""
    assert len(tries) == 2
    (tmp_path / card.RECORD).write_text('{"torch 2.14.0": [1, {"error": 3}]')
    assert check_of(machine, tmp_path).trouble() == ""
    assert len(tries) == 3


def test_what_failed_is_tried_again_at_the_next_start_and_after_a_while(monkeypatch, tmp_path):
    RIGHT.plant(monkeypatch)
    found = [replace(RIGHT.tried(), error="CUDA error: out of memory"), RIGHT.tried()]
    monkeypatch.setattr(card, "tried", lambda chosen: found.pop(0))
    check = check_of(RIGHT, tmp_path)
    assert "torch 2.10.0+cu128 fails on it (CUDA error: out of memory); run " in check.trouble()
    assert check.trouble()
    monkeypatch.setattr(card, "AGAIN", 0.0)
    assert check.trouble() == ""
    assert found == []


def test_without_a_card_or_with_the_cpu_chosen_nothing_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(card, "tried", lambda chosen: pytest.fail("there is nothing to try"))
    empty = Planted((), ("", 0), WRONG.build)
    empty.plant(monkeypatch)
    assert check_of(empty, tmp_path).trouble() == ""
    assert builds.device(cuda=False) == "cpu"
    WRONG.plant(monkeypatch)
    assert check_of(WRONG, tmp_path, cpu=True).trouble() == ""
    monkeypatch.setattr(builds, "installed", lambda: None)  # no torch, or one for other chips
    assert check_of(WRONG, tmp_path).trouble() == ""
    WRONG.plant(monkeypatch)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert check_of(WRONG, tmp_path).trouble() == ""  # the user's own choice
    assert check_of(WRONG, tmp_path, number=0).trouble() != ""  # --gpu wins over it
    assert builds.device(cuda=False) == "cpu"


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
def test_the_engine_too_never_computes_on_the_cpu_by_accident(monkeypatch, machine):
    machine.plant(monkeypatch)
    for name, value in devices.environment(machine.number).items():
        monkeypatch.setenv(name, value)
    assert builds.device(cuda=True) == "cuda"
    with pytest.raises(builds.UnusableGpu) as refused:
        builds.device(cuda=False)
    told = str(refused.value)
    assert told.startswith(f"torch cannot run on {machine.card.name}: ")
    assert told.endswith("or start with `--device cpu`.")


def test_the_asked_pipeline_waits_for_a_torch_that_uses_the_card(monkeypatch, tmp_path, caplog):
    caplog.set_level("INFO", logger="bridge")
    monkeypatch.setattr("bridge.state.awaited.GLANCE", 0.1)
    WRONG.plant(monkeypatch)
    catalog = Catalog((*BUILT_IN, NEEDS_TORCH))
    with running_session(tmp_path, catalog, pipeline="paints", fallback="passthrough") as rig:
        stop = rig.steady_input()
        rig.running("passthrough")
        status = rig.session.status()
        assert status.pipeline_asked == "paints"
        assert status.error.startswith(
            "paints cannot run on NVIDIA GeForce RTX 4090: torch 2.13.0+cpu has no CUDA; run `"
        )
        assert status.error.endswith("`--device cpu`. Until then passthrough is shown.")
        assert status.error in caplog.messages
        monkeypatch.setattr(builds, "installed", lambda: CU126)  # installed meanwhile
        monkeypatch.setattr(card, "tried", lambda chosen: Found("2.13.0+cu126", "12.6"))
        rig.running("paints")
        assert rig.session.status().error == ""
        stop()


@pytest.mark.slow
def test_a_live_switch_is_refused_and_the_old_one_stays(monkeypatch, tmp_path):
    WRONG.plant(monkeypatch)
    catalog = Catalog((*BUILT_IN, NEEDS_TORCH))
    with running_session(tmp_path, catalog, pipeline="passthrough") as rig:
        stop = rig.steady_input()
        rig.running("passthrough")
        worker = rig.session.status().worker
        with pytest.raises(MissingWeights, match="paints cannot run on NVIDIA GeForce RTX 4090"):
            rig.session.switch("paints")
        status = rig.session.status()
        assert (status.pipeline, status.worker) == ("passthrough", worker)
        stop()


def test_with_device_cpu_the_worker_sees_no_card_and_memory_is_the_computers(monkeypatch, tmp_path):
    WRONG.plant(monkeypatch)
    session = Session(Settings(folder=tmp_path, device="cpu"), Catalog((*BUILT_IN, NEEDS_TORCH)))
    session.weights.require(NEEDS_TORCH, NEEDS_TORCH.load())
    assert session._machine.free().gpu is None
    assert devices.environment(None, cpu=True) == {"CUDA_VISIBLE_DEVICES": "-1"}
    with pytest.raises(ValueError, match=r"^--device cpu uses no GPU; leave it or --gpu out\.$"):
        Session(Settings(folder=tmp_path, device="cpu", gpu=0), Catalog())


def test_nobody_waits_for_a_driver_that_hangs(monkeypatch, tmp_path):
    MACHINES["T4"].plant(monkeypatch)
    answer = threading.Event()
    good = MACHINES["T4"].tried()
    monkeypatch.setattr(card, "tried", lambda chosen: answer.wait(60) and good)
    monkeypatch.setattr(card, "PATIENCE", 0.1)
    settings, catalog = Settings(folder=tmp_path), Catalog((*BUILT_IN, NEEDS_TORCH))
    weights = Session(settings, catalog).weights
    told = str(weights.lack(NEEDS_TORCH, NEEDS_TORCH.load()))
    assert told.startswith("paints is waiting for the GPU. The first check of the GPU with this ")
    answer.set()
    monkeypatch.setattr(card, "PATIENCE", 30.0)
    assert weights.lack(NEEDS_TORCH, NEEDS_TORCH.load()) is None


@pytest.fixture
def hanging(monkeypatch) -> Iterator[threading.Event]:
    """Its driver hangs until this is set."""
    answer = threading.Event()
    monkeypatch.setattr(devices, "PATIENCE", 0.1)
    yield answer
    answer.set()


def fails(error: Exception) -> Callable[[], None]:
    def call() -> None:
        raise error

    return call


FAILING = {
    "wrong version": (pynvml.NVMLError(18), "its driver fails (RM has detected an NVML/RM version"),
    "a crash inside": (
        OSError("exception: access violation\nreading 0x08"),
        "its driver fails (exception: access violation reading 0x08); restart the machine, or",
    ),
    "no text": (RuntimeError(), "its driver fails (RuntimeError); restart the machine, or start"),
}


@pytest.mark.parametrize("call", rest_slow(["nvmlInit", "nvmlDeviceGetCount"]))
@pytest.mark.parametrize(("error", "words"), FAILING.values(), ids=FAILING)
def test_a_driver_that_fails_is_a_card_that_cannot_be_used(
    monkeypatch, tmp_path, caplog, error, words, call
):
    RIGHT.plant(monkeypatch)
    monkeypatch.setattr(card, "tried", lambda chosen: pytest.fail("there is nothing to try"))
    monkeypatch.setattr(pynvml, call, fails(error))
    told = check_of(RIGHT, tmp_path).trouble()
    assert told.startswith(f"the NVIDIA GPU: {words}")
    assert told.endswith("; restart the machine, or start with `--device cpu`")
    assert "\n" not in told
    with pytest.raises(builds.UnusableGpu, match="torch cannot run on the NVIDIA GPU: its driver"):
        builds.device(cuda=False)
    assert check_of(RIGHT, tmp_path, cpu=True).trouble() == ""
    session = Session(Settings(folder=tmp_path, gpu=0), Catalog((*BUILT_IN, NEEDS_TORCH)))
    assert "paints cannot run on" in str(session.weights.lack(NEEDS_TORCH, NEEDS_TORCH.load()))
    assert [each for each in caplog.messages if "GPU cannot be used" in each] == [
        f"The NVIDIA GPU cannot be used: {devices.trouble()}."
    ]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert builds.device(cuda=False) == "cpu"


@pytest.mark.parametrize("call", ["nvmlInit", "nvmlDeviceGetTemperature", "nvmlShutdown"])
def test_whatever_a_driver_raises_while_it_is_asked_for_its_load_is_no_load(monkeypatch, call):
    RIGHT.plant(monkeypatch)
    monkeypatch.setattr(pynvml, call, lambda *given: fails(OSError("access violation"))())
    assert devices.load_of(0).temperature is None


def test_a_driver_that_hangs_at_the_start_delays_once_and_is_used_when_it_answers(
    monkeypatch, tmp_path, hanging
):
    RIGHT.plant(monkeypatch)
    threads: list[str] = []

    def hang() -> None:
        threads.append(threading.current_thread().name)
        hanging.wait(60)

    monkeypatch.setattr(pynvml, "nvmlInit", hang)
    monkeypatch.setattr(card, "tried", lambda chosen: RIGHT.tried())
    session = Session(Settings(folder=tmp_path, gpu=0), Catalog((*BUILT_IN, NEEDS_TORCH)))
    for _ in range(20):
        told = str(session.weights.lack(NEEDS_TORCH, NEEDS_TORCH.load()))
        assert told.startswith(
            "paints cannot run on the NVIDIA GPU: its driver does not answer; restart the machine, "
        )
    assert threads == ["GPUs"]
    assert session._machine.free().gpu is None
    hanging.set()
    while session.weights.lack(NEEDS_TORCH, NEEDS_TORCH.load()):
        time.sleep(0.005)
    assert devices.trouble() == ""
    assert session._machine.free().gpu == RIGHT.card.free


def test_a_driver_that_is_slow_each_time_is_no_driver_that_hangs(monkeypatch, hanging):
    RIGHT.plant(monkeypatch)
    asked, again, now = threading.Event(), threading.Event(), [0.0]
    answers = iter([hanging, again])

    def slow() -> None:
        asked.set()
        next(answers).wait(60)

    monkeypatch.setattr(pynvml, "nvmlInit", slow)
    monkeypatch.setattr(devices, "perf_counter", lambda: now[0])

    def seen_at(seconds: float) -> tuple[int, str]:
        now[0] = seconds
        return len(devices.gpus(0.01)), devices.trouble()

    assert seen_at(0) == (0, "")
    assert asked.wait(60)
    assert seen_at(5) == (0, "its driver does not answer")
    hanging.set()
    while devices.trouble():
        time.sleep(0.005)
    assert seen_at(5) == seen_at(14) == (1, "")  # its last answer took as long
    assert seen_at(16) == (1, "its driver does not answer")
    again.set()


def test_a_driver_that_hangs_live_delays_no_switch(monkeypatch, tmp_path, hanging):
    nvml = RIGHT.plant(monkeypatch)
    session = Session(Settings(folder=tmp_path), Catalog((*BUILT_IN, NEEDS_TORCH)))
    machine = session._machine
    with monkeypatch.context() as asked:
        asked.setattr(devices, "gpus", lambda *given: pytest.fail("it needs no card"))
        assert machine.fit_beside(PLAIN, PLAIN.load(), "64x64").fits
    nvml.cards = [replace(RIGHT.card, free=2 * GB)]
    row = Catalog()["longlive"]
    before = machine.fit_beside(row, row.load(), "64x64")
    monkeypatch.setattr("bridge.workers.machine.GLANCE", 0.05)
    monkeypatch.setattr(pynvml, "nvmlInit", lambda: hanging.wait(60))
    began = time.perf_counter()
    for _ in range(5):
        assert machine.fit_beside(row, row.load(), "64x64") == before  # by the last answer
    assert time.perf_counter() - began < 10
    assert before.free is not None
    assert before.free <= 2 * GB


@pytest.mark.parametrize(
    ("cards", "value", "cure"),
    [
        (1, "1", "0"), (1, "5", "0"), (1, "1,0", "0"), (2, "2", "0 or 1"), (1, " 07 ", "0"),
        (1, "-1", ""), (1, "", ""), (1, "0,1", ""), (2, "1,0", ""), (0, "3", ""),
    ],
)  # fmt: skip
def test_a_variable_that_names_no_card_here_is_no_choice_of_the_cpu(
    monkeypatch, tmp_path, cards, value, cure
):
    both = (RTX_4090, RTX_3090)[:cards]
    Planted(both, ("580.65", 13000), CU126).plant(monkeypatch)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    monkeypatch.setattr(card, "tried", lambda chosen: Found("2.13.0+cu126", "12.6"))
    told = CardCheck(tmp_path, None, devices.gpus, cpu=False).trouble()
    assert bool(told) == bool(cure)
    if cure:
        there = ", ".join(f"{place} ({each.name})" for place, each in enumerate(both))
        assert told == (
            f"the GPU of CUDA_VISIBLE_DEVICES={value}: this machine has {there}; "
            f"set CUDA_VISIBLE_DEVICES to {cure}, or start with `--device cpu`"
        )
        with pytest.raises(builds.UnusableGpu, match="torch cannot run on the GPU of CUDA_VISIB"):
            builds.device(cuda=False)
    assert CardCheck(tmp_path, None, devices.gpus, cpu=True).trouble() == ""


PROBES = {
    "crash": ("import os; os.abort()", "the process that tried it was killed by SIGABRT"),
    "chatter": ("print('Traceback')", "the process that tried it ended with status 0"),
    "hang": ("import time; time.sleep(600)", "it has not answered for 2 s"),
}


@pytest.mark.skipif(sys.platform == "win32", reason="a crash is told by another number there")
@pytest.mark.parametrize(("code", "words"), rest_slow(PROBES.values()), ids=PROBES)
def test_a_driver_that_crashes_or_hangs_takes_only_the_process_that_tries_it(
    monkeypatch, tmp_path, code, words
):
    (tmp_path / "planted.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(card, "PROBE", "planted")
    if "sleep" in code:
        monkeypatch.setattr(card, "DEADLINE", 2.0)
    assert card.tried({}) == Found(error=words)


@pytest.mark.slow
def test_torch_itself_is_asked_in_a_process_of_its_own():
    torch = pytest.importorskip("torch", reason="torch is MISSING: see CONTRIBUTING.md")
    found = card.tried(devices.environment(None, cpu=True))
    assert found.version == torch.__version__
    assert found.error
    assert (found.name, found.capability) == ("", None)
    assert Found.of('{"version": "", "cuda": "", "codes": [], "name": "", "capability": [8, 9], '
                    '"error": ""}') == Found(capability=(8, 9))  # fmt: skip
