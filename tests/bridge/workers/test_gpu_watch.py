"""How the GPU is doing, in the state: asked aside, so that a driver that hangs delays nobody."""

import sys
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from bridge.workers import gpu_watch
from bridge.workers.gpu_watch import GpuWatch
from engine.system import devices
from engine.system.devices import Gpu, Load
from engine.worker.guards import device_name
from tests.support.nvml import Card, Nvml
from tests.support.rig import running_session

WARM, HOT = Card("RTX 4090", temperature=61), Card("RTX 5090", temperature=88, slowed=0x20)


def until(holds: Callable[[], bool]) -> None:
    """Wait for what must come; a test that waits in vain ends by its own time limit."""
    while not holds():
        time.sleep(0.005)


def test_the_state_has_the_device_and_how_the_gpu_is_doing(monkeypatch, tmp_path):
    nvml = Nvml(monkeypatch, [WARM])
    monkeypatch.setattr(gpu_watch, "EVERY", 0.05)
    with running_session(tmp_path, pipeline="relay") as rig:
        stop = rig.steady_input()
        rig.running()
        rig.until(lambda: rig.session.status().gpu_temperature == 61)
        told = rig.session.status()
        assert (told.device, told.gpu_memory, told.gpu_slowed_by) == ("CPU", 4000.0, "")
        nvml.cards = [HOT]
        rig.until(lambda: rig.session.status().gpu_slowed_by == "heat")
        assert rig.session.status().gpu_temperature == 88
        nvml.cards = [Card(free=None, temperature=None, slowed=None)]
        rig.until(lambda: not rig.session.status().gpu_temperature)
        stop()


@pytest.mark.parametrize(("ready", "name"), [(True, "NVIDIA H100"), (False, "CPU"), (None, "CPU")])
def test_a_worker_names_the_gpu_that_its_pipeline_uses(monkeypatch, ready, name):
    cuda = SimpleNamespace(is_initialized=lambda: ready, get_device_name=lambda: "NVIDIA H100")
    stand_in = None if ready is None else SimpleNamespace(cuda=cuda)
    monkeypatch.setitem(sys.modules, "torch", stand_in)
    assert device_name() == name


def test_of_several_gpus_it_is_the_chosen_one_or_the_one_the_engine_runs_on(monkeypatch):
    Nvml(monkeypatch, [WARM, HOT])
    found = devices.gpus()

    def seen(number, device) -> Load:
        watch = GpuWatch(found, number)
        until(lambda: watch.now(device) != Load())
        return watch.now(device)

    assert seen(0, "RTX 5090").temperature == 61
    assert seen(1, "CPU").temperature == 88
    assert seen(None, "RTX 5090").temperature == 88
    assert GpuWatch(found, None).now("CPU") == Load()
    assert GpuWatch([], None).now("CPU") == Load()


def test_a_driver_that_hangs_is_asked_once_and_its_old_answer_is_dropped(monkeypatch):
    answer, asked = threading.Event(), []

    def load_of(number: int) -> Load:
        asked.append(number)
        if len(asked) > 1:
            answer.wait(60)
        return Load(50, 1, "")

    monkeypatch.setattr(devices, "load_of", load_of)
    monkeypatch.setattr(gpu_watch, "EVERY", 0.0)
    monkeypatch.setattr(gpu_watch, "STALE", 0.2)
    watch = GpuWatch([Gpu(0, "RTX 4090", None)], None)
    until(lambda: watch.now("CPU").temperature == 50)
    until(lambda: watch.now("CPU") == Load())
    began = time.perf_counter()
    for _ in range(100):
        watch.now("CPU")
    assert time.perf_counter() - began < 10
    assert len(asked) == 2
    answer.set()
    monkeypatch.setattr(gpu_watch, "STALE", 60.0)
    until(lambda: watch.now("CPU").temperature == 50)


def test_a_gpu_that_is_not_there_is_no_choice():
    with pytest.raises(ValueError, match="There is no GPU 3"):
        GpuWatch([], 3)
