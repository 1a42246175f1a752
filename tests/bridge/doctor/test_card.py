"""What `spout-bridge doctor` says of the card: of twelve planted machines, and of some parts."""

import json
from pathlib import Path

import pytest

from bridge.doctor import card, checks
from bridge.doctor.check import Check
from bridge.errors import ExitStatus
from bridge.settings import Settings
from bridge.workers.card import CardCheck
from engine.catalog.rows import BUILT_IN
from engine.system import builds, devices
from tests.support.cards import MACHINES, Planted

GENERATING = [row.id for row in BUILT_IN if row.packages]


@pytest.fixture(autouse=True)
def packages_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether this machine has torch and Triton does not matter here."""
    monkeypatch.setattr(card, "find_spec", lambda name: object())


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
        assert values["torch runs on"] == "nothing"
        assert able[2:] == []
    else:
        assert problems == []
        assert values["torch runs on"].startswith(f"{name}, torch {machine.build.version}")
        assert able[2:] == GENERATING


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
    assert values["pipelines"].split(", ")[2:] == GENERATING  # they run all the same
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
        monkeypatch.setattr(card, "find_spec", lambda name: None)
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
        assert last.startswith(
            f"No problems found, but {', '.join(GENERATING)} need the extra `engine`: "
        )
    checks.doctor(Settings(folder=tmp_path, port=0), as_json=True)
    told = {each["name"]: each for each in json.loads(capsys.readouterr().out)}
    able = told["pipelines"]["value"].split(", ")[2:]
    assert able == (GENERATING if packages else [])


def test_the_doctor_says_what_the_check_before_a_start_says(monkeypatch, tmp_path: Path):
    """One verdict, whoever asks."""
    machine = MACHINES["5090, PyPI's torch on Windows"]
    machine.plant(monkeypatch)
    why = CardCheck(tmp_path, None, devices.gpus, cpu=False).trouble()
    assert said(Settings(folder=tmp_path))[1] == [f"The generating pipelines cannot run on {why}."]
