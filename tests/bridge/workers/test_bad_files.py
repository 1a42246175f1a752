"""Files that cannot be used: named, done without, and used again once they have been replaced."""

import json
import math
import socket
from contextlib import contextmanager
from functools import partial
from time import perf_counter

import pytest
from pythonosc.osc_message import OscMessage
from pythonosc.udp_client import SimpleUDPClient
from starlette.testclient import TestClient

from bridge.control.http.app import create_app
from bridge.control.http.rules import Rules
from bridge.control.osc.server import OscServer
from tests.support.lora_files import lora_file
from tests.support.machine import StagedMachine
from tests.support.picky import CATALOG, WEIGHTS, spoiled, weights_file
from tests.support.rig import running_session, scene

HERE = "http://127.0.0.1:8000"
AGAIN = "It is used again once its file has been replaced."


@pytest.fixture(name="models")
def _models(tmp_path, monkeypatch):
    """A models folder with weights and two LoRAs, and no other program's."""
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    for name in ("missed", "awaited"):
        monkeypatch.setattr(f"bridge.state.{name}.GLANCE", 0.05)
    models = tmp_path / "models"
    weights_file(models)
    lora_file(models / "loras" / "style.safetensors", 1536)
    lora_file(models / "loras" / "good.safetensors", 1536)
    return models


@pytest.fixture(name="start")
def _start(tmp_path, models):
    machines = []

    def machine(*given):
        machines.append(StagedMachine(*given))
        return machines[-1]

    begin = partial(
        running_session, tmp_path / "data", CATALOG, machine=machine, pipeline="longlive",
        models=models, settle_s=0.2,
    )  # fmt: skip
    begin.machines = machines
    return begin


def shown(rig, pipeline="longlive"):
    rig.put(scene(64, 48))
    rig.running(pipeline)


def loras(rig):
    return tuple(rig.session.store.snapshot.values[f"lora_{place}"] for place in (1, 2, 3))


@pytest.mark.slow
@pytest.mark.parametrize("number", [math.nan, pytest.param(-math.inf, marks=pytest.mark.slow)])
def test_a_lora_that_turned_bad_between_two_runs_is_named_and_done_without(start, models, number):
    style = models / "loras" / "style.safetensors"
    with start(name=f"turned {number}") as rig:
        rig.session.store.update({"lora_1": "style", "lora_2": "good"})
        shown(rig)
    whole = style.read_bytes()
    spoiled(style, number)
    with start(name=f"turned {number}") as rig:
        shown(rig)
        status = rig.session.status()
        assert loras(rig) == ("", "good.safetensors", "")
        assert status.error.startswith(f"lora_1: {style} holds numbers that are NaN")
        assert status.error.endswith(f"download it again. {AGAIN}")
        assert (status.restarts, status.pipeline_asked) == (0, "")
        assert len(start.machines[-1].started) == 2, "it was started once more, and not thrice"
        journal = rig.session.settings.folder / f"{rig.session.settings.name}.journal.json"
        rig.until(lambda: json.loads(journal.read_text())["values"]["lora_1"] == style.name)
        style.write_bytes(whole)
        rig.until(lambda: loras(rig)[0] == style.name)
        rig.until(lambda: not rig.session.status().error)
        rig.until(lambda: rig.session._host.current.orders.load.lora_1 == style.name)


@pytest.mark.slow
def test_all_of_them_are_named_at_once_and_another_choice_ends_it(start, models):
    with start(load={"lora_1": "style", "lora_3": "good"}) as rig:
        shown(rig)
        for name in ("style", "good"):
            spoiled(models / "loras" / f"{name}.safetensors", math.nan)
        rig.crash()  # the files turned bad while it ran
        rig.until(lambda: loras(rig) == ("", "", ""))
        shown(rig)
        rig.until(lambda: rig.session.status().error.startswith("lora_1: "))
        assert "good.safetensors holds numbers" in rig.session.status().error
        assert len(start.machines[-1].started) == 3, "the first, the one that could not, the third"
        lora_file(models / "loras" / "fine.safetensors", 1536)
        rig.session.store.update({"lora_1": "fine", "lora_3": "fine"})
        rig.until(lambda: not rig.session.status().error)
        lora_file(models / "loras" / "style.safetensors", 1536)  # too late
        rig.until(lambda: not rig.session._missed.values)
        assert loras(rig) == ("fine.safetensors", "", "fine.safetensors")


@pytest.mark.slow
def test_one_that_is_replaced_by_another_bad_one_is_waited_for_further(start, models):
    style = spoiled(models / "loras" / "style.safetensors", math.nan)
    with start(load={"lora_2": "style"}) as rig:
        shown(rig)
        worker = rig.session.status().worker
        spoiled(style, math.inf)
        told = f"LoRA {style.name} could not be loaded: {style} holds numbers"
        rig.until(lambda: told in rig.session.status().error)
        assert "; longlive continues without it." in rig.session.status().error
        rig.until(lambda: loras(rig) == ("", "", ""))
        assert rig.session._kept().values["lora_2"] == style.name
        assert rig.session.status().worker == worker, "what runs stays"
        lora_file(style, 1536)
        rig.until(lambda: loras(rig) == ("", style.name, ""))
        rig.until(lambda: not rig.session.status().error)


@pytest.mark.slow
@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_bad_weights_have_a_stand_in_until_they_are_replaced(start, models, number):
    weights_file(models, number)
    with start() as rig:
        shown(rig, "stylize")
        status = rig.session.status()
        assert (status.pipeline_asked, status.restarts) == ("longlive", 0)
        at = models / WEIGHTS.name
        assert status.error.startswith(f"longlive could not be loaded: {at} holds numbers")
        assert status.error.endswith("until then stylize is shown.")
        assert rig.session._kept().pipeline == "longlive", "for the next run"
        weights_file(models, -math.inf)
        rig.until(lambda: rig.session.status().loading == "longlive")
        rig.until(lambda: rig.session.status().pipeline_asked == "longlive")
        assert rig.session.status().pipeline == "stylize", "it is waited for further"
        weights_file(models)
        shown(rig, "longlive")
        assert rig.session.status().pipeline_asked == ""
        rig.until(lambda: rig.session.status().error == "")


@pytest.mark.slow
def test_a_bad_lora_does_not_keep_weights_that_come_late(start, models):
    (models / WEIGHTS.name).unlink()
    spoiled(models / "loras" / "style.safetensors", math.nan)
    with start(load={"lora_1": "style"}) as rig:
        shown(rig, "stylize")
        weights_file(models)
        shown(rig, "longlive")
        assert loras(rig) == ("", "", "")
        rig.until(lambda: rig.session.status().error.endswith(AGAIN))


@pytest.mark.slow
def test_with_another_fallback_than_a_pipeline_it_is_that_which_is_shown(start, models):
    weights_file(models, math.nan)
    with start(fallback="card") as rig:
        rig.put(scene(64, 48))
        rig.until(lambda: rig.session.status().state == "FAILED")
        assert f"{models / WEIGHTS.name} holds numbers" in rig.session.status().error
        weights_file(models)
        rig.session.actions["reload"].run()
        rig.running("longlive")


@contextmanager
def osc(session, socket):
    """The session's OSC server: a client of it, and how to wait for what `socket` hears."""
    server = OscServer(session, session.settings)
    server.bind(0)
    server.start()
    client = SimpleUDPClient("127.0.0.1", server.port)

    def hears(address, value):
        end = perf_counter() + 40
        while perf_counter() < end:
            message = OscMessage(socket.recv(65507))
            if (message.address, message.params) == (address, [value]):
                return
        raise AssertionError(f"{address} did not say {value}")

    try:
        yield client, hears
    finally:
        client._sock.close()
        server.close()


@pytest.fixture(name="ear")
def _ear():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind(("127.0.0.1", 0))
        ear.settimeout(20)
        yield ear


@pytest.mark.slow
def test_by_osc_too_the_value_that_holds_is_the_answer(start, models, ear):
    spoiled(models / "loras" / "style.safetensors", math.nan)
    feedback = f"127.0.0.1:{ear.getsockname()[1]}"
    with start(load={"lora_1": "good"}, osc_feedback=feedback) as rig:
        shown(rig)
        with osc(rig.session, ear) as (client, hears):
            hears("/bridge/lora/1/file", "good.safetensors")
            client.send_message("/bridge/lora/1/file", "style")
            rig.until(lambda: "style.safetensors holds numbers" in rig.session.status().error)
            rig.until(lambda: loras(rig)[0] == "good.safetensors")
            client.send_message("/bridge/lora/1/file", "?")
            hears("/bridge/lora/1/file", "good.safetensors")
            hears("/bridge/state/error", rig.session.status().error)


@pytest.mark.slow
def test_one_that_cannot_be_loaded_live_is_named_and_the_value_goes_back(start, models):
    bad = spoiled(models / "loras" / "style.safetensors", math.nan)
    with (
        start(load={"lora_1": "good"}, osc_feedback=()) as rig,
        TestClient(create_app(rig.session, Rules()), HERE) as client,
    ):
        shown(rig)
        worker = rig.session.status().worker
        answer = client.patch("/api/v1/parameters", json={"lora_1": "style"})
        assert answer.status_code == 200, "its header is good"
        rig.until(lambda: loras(rig)[0] == "good.safetensors")
        status = rig.session.status()
        assert f"LoRA {bad.name} could not be loaded: {bad} holds numbers" in status.error
        assert status.error.endswith("; good.safetensors stays.")
        assert (status.worker, status.restarts) == (worker, 0)
        shown_by = client.get("/api/v1/parameters").json()
        assert shown_by["lora_1"] == "good.safetensors"
        rig.session.actions["kill_engine"].run()
        rig.until(lambda: rig.session.status().restarts)
        rig.until(lambda: rig.session.status().error.startswith("The engine worker was ended by"))
        shown(rig)
        lora_file(models / "loras" / "fine.safetensors", 1536)
        rig.session.store.update({"lora_1": "fine"})
        rig.until(lambda: rig.session._host.current.orders.load.lora_1 == "fine.safetensors")
        rig.until(lambda: not rig.session.status().error)
