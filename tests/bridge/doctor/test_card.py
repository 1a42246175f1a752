"""What `spout-bridge doctor` says of the card: of twelve planted machines, and of some parts."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pynvml
import pytest

from bridge.doctor import card, checks
from bridge.doctor.check import Check
from bridge.errors import ExitStatus
from bridge.settings import Settings
from bridge.workers.card import CardCheck
from engine.catalog.rows import BUILT_IN
from engine.files.library import Library
from engine.system import builds, devices
from tests.support.cards import CPU, MACHINES, RTX_4090, Planted
from tests.support.nvml import GB

GENERATING = [row.id for row in BUILT_IN if row.extra]
FITTING = [name for name in GENERATING if name != "krea-realtime-video"]  # into 20 GB


@pytest.fixture(autouse=True)
def packages_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether this machine has torch, Triton and weights does not matter here."""
    monkeypatch.setattr(card, "find_spec", lambda name: object())
    monkeypatch.setattr(Library, "missing", lambda library, artifacts: [])


def said(settings: Settings) -> tuple[dict[str, str], list[str]]:
    found: list[Check] = [*card.card(settings)]
    return {each.name: each.value for each in found}, [e.problem for e in found if e.problem]


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
def test_of_each_machine_the_doctor_says_what_is_in_the_way(monkeypatch, tmp_path, machine):
    machine.plant(monkeypatch)
    monkeypatch.setattr(card, "tried", lambda chosen: machine.tried())
    values, problems = said(Settings(folder=tmp_path, gpu=machine.number))
    number, name = machine.number or 0, machine.card.name
    chip = "{}.{}".format(*machine.card.capability)
    if len(machine.cards) == 1:
        assert values["NVIDIA GPU"].startswith(
            f"{number}: {name}, compute capability {chip}, driver {machine.driver[0]} (CUDA "
        )
        assert values["NVIDIA GPU"].endswith("), 20.0 of 24.0 GB free")
    able = values["pipelines"].split(", ")
    assert able[:2] == ["stylize", "passthrough"]
    if machine.says:
        (problem,) = problems
        assert problem.startswith(f"The generating pipelines cannot run on {name}: ")
        assert problem.endswith(".")
        assert [words for words in machine.says if words not in problem] == []
        assert values["torch runs on"] == "no GPU of this machine"
        assert able[2:] == []
    else:
        assert problems == []
        assert values["torch runs on"].startswith(f"{name}, torch {machine.build.version}")
        assert able[2:] == FITTING


def test_without_a_card_the_cpu_is_named_and_nothing_is_in_the_way(monkeypatch, tmp_path):
    Planted((), ("", 0), MACHINES["T4"].build).plant(monkeypatch)
    values, problems = said(Settings(folder=tmp_path))
    assert values["NVIDIA GPU"] == "none: no NVIDIA driver answers, so pipelines run on the CPU"
    assert values["torch runs on"] == "the CPU"
    assert values["pipelines"].split(", ")[2:] == GENERATING
    assert problems == []
    with_number, problems = said(Settings(folder=tmp_path, gpu=1))
    assert with_number["pipelines"] == "stylize, passthrough"
    assert problems == [
        "There is no GPU 1 on this machine: no NVIDIA driver answers; leave --gpu out."
    ]


def test_with_the_cpu_chosen_the_card_is_in_nobodys_way(monkeypatch, tmp_path):
    MACHINES["4090, PyPI's torch on Windows"].plant(monkeypatch)
    monkeypatch.setattr(card, "tried", lambda chosen: pytest.fail("there is nothing to try"))
    values, problems = said(Settings(folder=tmp_path, device="cpu"))
    assert (values["torch runs on"], problems) == ("the CPU, as chosen", [])
    monkeypatch.setenv(devices.VISIBLE, devices.HIDDEN)
    values, problems = said(Settings(folder=tmp_path))
    assert (values["torch runs on"], problems) == ("the CPU, as chosen", [])


@pytest.mark.parametrize("number", [None, 0])
def test_a_driver_that_fails_is_no_machine_without_a_card(monkeypatch, tmp_path, number):
    MACHINES["T4"].plant(monkeypatch)

    def crash() -> None:
        raise OSError("access violation")

    monkeypatch.setattr(pynvml, "nvmlInit", crash)
    values, problems = said(Settings(folder=tmp_path, gpu=number))
    assert values["NVIDIA GPU"] == "unknown: its driver fails (access violation)"
    assert values["torch runs on"] == "no GPU of this machine"
    assert values["pipelines"] == "stylize, passthrough"
    assert problems == [
        "The generating pipelines cannot run on the NVIDIA GPU: its driver fails (access "
        "violation); restart the machine, or start with `--device cpu`."
    ]
    values, problems = said(Settings(folder=tmp_path, device="cpu"))
    assert (values["torch runs on"], problems) == ("the CPU", [])


def test_a_variable_that_names_no_card_here_is_a_problem(monkeypatch, tmp_path):
    MACHINES["T4"].plant(monkeypatch)
    monkeypatch.setenv(devices.VISIBLE, "1")
    values, problems = said(Settings(folder=tmp_path))
    assert values["torch runs on"] == "no GPU of this machine"
    assert problems == [
        "The generating pipelines cannot run on the GPU of CUDA_VISIBLE_DEVICES=1: this machine "
        "has 0 (Tesla T4); set CUDA_VISIBLE_DEVICES to 0, or start with `--device cpu`."
    ]


@pytest.mark.parametrize(("system", "package"), [("win32", "triton-windows"), ("linux", "triton")])
def test_a_card_without_triton_is_slower_and_told_the_cure(monkeypatch, tmp_path, system, package):
    machine = MACHINES["H100"]
    machine.plant(monkeypatch)
    monkeypatch.setattr(card, "tried", lambda chosen: machine.tried())
    monkeypatch.setattr(card, "find_spec", lambda name: None if name == "triton" else object())
    monkeypatch.setattr(card.sys, "platform", system)
    values, (problem,) = said(Settings(folder=tmp_path))
    assert values["triton"] == "not installed"
    assert problem.startswith("Triton is missing, so no layer is compiled and frames are made more")
    assert problem.endswith(f"-m pip install {package}`.")
    assert values["pipelines"].split(", ")[2:] == FITTING  # they run all the same
    MACHINES["4090, PyPI's torch on Windows"].plant(monkeypatch)
    assert "triton" not in said(Settings(folder=tmp_path))[0]  # first a torch that runs


@pytest.mark.parametrize("planted", ["no card", "T4", "4090, PyPI's torch on Windows"])
@pytest.mark.parametrize("packages", [True, False])
def test_no_problems_is_said_only_where_a_generating_pipeline_could_run(
    monkeypatch, tmp_path, capsys, planted, packages
):
    machine = MACHINES.get(planted, Planted((), ("", 0), MACHINES["T4"].build))
    machine.plant(monkeypatch)
    monkeypatch.setattr(card, "tried", lambda chosen: machine.tried())
    if not packages:
        monkeypatch.setattr(builds, "installed", lambda: None)
        monkeypatch.setattr(card, "find_spec", lambda name: name if name == "onnxruntime" else None)
    for findings in ("_packages", "_runtime"):
        monkeypatch.setattr(checks, findings, list)
    status = checks.doctor(Settings(folder=tmp_path, port=0))
    last = capsys.readouterr().out.splitlines()[-1]
    if packages and machine.says:
        assert (status, last[:9]) == (ExitStatus.FAILED, "Problem: ")
        return
    assert status == ExitStatus.DONE
    if packages:
        assert last == "No problems found."
    else:
        assert f"{', '.join(GENERATING)} need the extra `engine`: " in last
    told = as_json(tmp_path, capsys)
    able = told["pipelines"]["value"].split(", ")[2:]
    assert able == (
        (FITTING if machine.says or planted == "T4" else GENERATING) if packages else []
    )
    # programs get the sentence that people get
    assert last.removeprefix("No problems found, but ") == (
        told["pipelines"]["lacks"] or "No problems found."
    )


def as_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, str]]:
    checks.doctor(Settings(folder=folder, port=0), as_json=True)
    return {each["name"]: each for each in json.loads(capsys.readouterr().out)}


def test_weights_that_are_missing_are_said_of_each_pipeline(monkeypatch, tmp_path, capsys):
    Planted((), ("", 0), MACHINES["T4"].build).plant(monkeypatch)
    monkeypatch.setattr(Library, "missing", lambda library, artifacts: [*artifacts])
    for findings in ("_packages", "_runtime"):
        monkeypatch.setattr(checks, findings, list)
    assert checks.doctor(Settings(folder=tmp_path, port=0)) == ExitStatus.DONE
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("No problems found, but longlive is missing 5 files of 20.4 GB: run `")
    told = as_json(tmp_path, capsys)
    assert told["pipelines"]["value"] == "stylize, passthrough"
    for name in GENERATING:
        assert re.match(r"missing \d files of \d+\.\d GB: .+", told[name]["value"])
        assert f"`spout-bridge models download {name} --models {tmp_path}" in told[name]["lacks"]
        assert told[name]["lacks"] in last
    # one that is complete suffices
    here = {
        one for row in BUILT_IN if row.id == "longlive" for one in row.needs(row.load()).values()
    }
    monkeypatch.setattr(
        Library, "missing", lambda library, files: [x for x in files if x not in here]
    )
    checks.doctor(Settings(folder=tmp_path, port=0))
    assert capsys.readouterr().out.splitlines()[-1] == "No problems found."
    assert as_json(tmp_path, capsys)["pipelines"]["value"] == "stylize, passthrough, longlive"


@pytest.mark.parametrize("build", ["4090, PyPI's torch on Windows", "4090, code of 8.6"])
def test_a_card_too_small_is_said_before_any_advice_on_torch(monkeypatch, tmp_path, capsys, build):
    small = replace(MACHINES[build], cards=(replace(RTX_4090, free=6 * GB),))
    small.plant(monkeypatch)
    monkeypatch.setattr(card, "tried", lambda chosen: small.tried())
    for findings in ("_packages", "_runtime"):
        monkeypatch.setattr(checks, findings, list)
    checks.doctor(Settings(folder=tmp_path, port=0))
    *_, lacks, last = capsys.readouterr().out.splitlines()
    if not small.says:
        lacks = last
    assert "longlive needs 19.5 GB, but 6.0 GB are free; it would fit with " in lacks
    assert last.startswith("Problem: " if small.says else "No problems found, but longlive needs")
    # on the CPU its memory does not matter
    checks.doctor(Settings(folder=tmp_path, port=0, device="cpu"))
    assert capsys.readouterr().out.splitlines()[-1] == "No problems found."


def test_an_old_driver_is_named_beside_a_torch_without_cuda(monkeypatch, tmp_path):
    replace(MACHINES["T4, a very old driver"], build=CPU).plant(monkeypatch)
    (problem,) = said(Settings(folder=tmp_path))[1]
    assert "torch 2.13.0+cpu has no CUDA, and driver 470.82 is too old for one that has" in problem
    assert "install driver 528 or newer from https://www.nvidia.com/drivers, then run `" in problem


def test_the_doctor_says_what_the_check_before_a_start_says(monkeypatch, tmp_path: Path):
    """One verdict, whoever asks."""
    machine = MACHINES["5090, PyPI's torch on Windows"]
    machine.plant(monkeypatch)
    why = CardCheck(tmp_path, None, devices.gpus, cpu=False).trouble()
    assert said(Settings(folder=tmp_path))[1] == [f"The generating pipelines cannot run on {why}."]
