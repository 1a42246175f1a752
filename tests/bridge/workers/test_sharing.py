"""A GPU shared with other programs: which one is used, what is free, how much is asked of it."""

import subprocess
import time
from dataclasses import replace
from functools import partial
from statistics import median

import pynvml
import pytest

from bridge.session import Session
from bridge.settings import Settings
from bridge.workers.client import WorkerClient, WorkerConfig, WorkerPlace
from bridge.workers.feeder import Cap
from bridge.workers.fit import gpu_fit
from bridge.workers.host import EngineHost
from bridge.workers.machine import LocalMachine
from engine.catalog.controls import CausalLoad
from engine.catalog.rows import Catalog
from engine.catalog.specs import LONGLIVE
from engine.cost.fit import NOTHING
from engine.cost.memory import need, total
from engine.parameters import Load
from engine.pipeline import Context, InsufficientMemory
from engine.system import devices
from tests.support.doubles import CATALOG
from tests.support.machine import StagedMachine
from tests.support.nvml import GB, Card, Nvml
from tests.support.rig import running_session

TWO = devices.Gpu(0, "RTX 4090", 20 * GB), devices.Gpu(1, "RTX 5090", 30 * GB)


@pytest.fixture(autouse=True)
def no_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(devices.VISIBLE, raising=False)


def test_no_driver_is_no_gpu_and_no_error(monkeypatch):
    def missing() -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    monkeypatch.setattr(pynvml, "nvmlInit", missing)
    assert devices.gpus() == []


def test_gpus_are_numbered_as_the_driver_does_and_the_driver_is_let_go(monkeypatch):
    nvml = Nvml(monkeypatch, [Card("RTX 4090"), Card("GB10", capability=None, free=None)])
    known = devices.Gpu(0, "RTX 4090", 20 * GB, 24 * GB, (8, 9))
    assert devices.gpus() == [known, devices.Gpu(1, "GB10", None)]
    assert devices.driver() == devices.Driver("580.65", (13, 0))
    assert nvml.open == 0


def test_a_gpu_that_fell_off_the_bus_keeps_its_number_and_ends_nothing(monkeypatch):
    Nvml(monkeypatch, [Card(), Card("RTX 5090")])

    def handle(number: int) -> Card:
        if number == 0:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)
        return Card("RTX 5090")

    monkeypatch.setattr(pynvml, "nvmlDeviceGetHandleByIndex", handle)
    assert [(gpu.number, gpu.name) for gpu in devices.gpus()] == [
        (0, "a GPU that does not answer"), (1, "RTX 5090")
    ]  # fmt: skip
    assert devices.load_of(0) == devices.Load()

    def count() -> int:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_UNKNOWN)

    known = devices.gpus()
    monkeypatch.setattr(pynvml, "nvmlDeviceGetCount", count)
    assert devices.gpus() == known
    assert devices.trouble() == "its driver fails (Unknown Error)"


@pytest.mark.parametrize(
    ("bits", "words"),
    [
        (0, ""), (0x1, ""), (0x2, ""), (0x100, ""),  # idle, or set by the user
        (0x4, "power limit"), (0x20, "heat"), (0x40 | 0x8, "heat"), (0x80 | 0x8, "power supply"),
        (0x8, "heat or power supply"), (0x4 | 0x60, "heat and power limit"),
    ],
)  # fmt: skip
def test_what_slows_a_gpu_is_said_in_words(monkeypatch, bits, words):
    nvml = Nvml(monkeypatch, [Card(), Card(temperature=83, slowed=bits)])
    assert devices.load_of(1) == devices.Load(83, 4 * GB, words)
    assert nvml.open == 0


def test_a_gpu_or_driver_that_says_nothing_of_itself_is_no_error(monkeypatch):
    nvml = Nvml(monkeypatch, [Card(free=None, temperature=None, slowed=None)])
    assert devices.load_of(0) == devices.Load()

    def gone() -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_DRIVER_NOT_LOADED)

    monkeypatch.setattr(pynvml, "nvmlInit", gone)
    assert devices.load_of(0) == devices.Load()
    assert devices.driver() == devices.Driver()
    assert nvml.open == 0


@pytest.mark.parametrize(
    ("value", "hides"),
    [(None, False), ("0", False), ("GPU-8a1f", False), ("1,0", False),
     ("", True), ("-1", True), (" -1", True), ("NoDevFiles", False)],
)  # fmt: skip
def test_hiding_every_gpu_from_cuda_is_a_choice_of_the_cpu(value, hides):
    assert devices.hidden({} if value is None else {"CUDA_VISIBLE_DEVICES": value}) is hides


def test_of_several_gpus_one_is_chosen_and_the_only_one_needs_not_be():
    assert devices.chosen(1, TWO) is TWO[1]
    assert devices.chosen(None, TWO) is None  # CUDA takes the fastest: which, is not known here
    assert devices.chosen(None, TWO[:1]) is TWO[0]
    assert devices.chosen(None, []) is None
    with pytest.raises(ValueError, match=r"no GPU 2 .*: choose 0 \(RTX 4090\), 1 \(RTX 5090\)\."):
        devices.chosen(2, TWO)
    with pytest.raises(ValueError, match=r"no GPU 0 on this machine: .*leave --gpu out"):
        devices.chosen(0, [])


def test_a_bridge_does_not_start_for_a_gpu_that_is_not_there(tmp_path):
    machine = partial(StagedMachine, cards=TWO)
    Session(Settings(folder=tmp_path, gpu=1), CATALOG, machine)
    with pytest.raises(ValueError, match="There is no GPU 7"):
        Session(Settings(folder=tmp_path, gpu=7), CATALOG, machine)


@pytest.mark.parametrize("number", [None, 3])
def test_the_worker_sees_the_chosen_gpu_alone(monkeypatch, tmp_path, number):
    started: list[dict[str, str]] = []

    def start(*_: object, env: dict[str, str], **__: object) -> None:
        started.append(env)
        raise OSError("far enough")

    monkeypatch.setattr(subprocess, "Popen", start)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-8a1f")
    monkeypatch.delenv("CUDA_DEVICE_ORDER", raising=False)
    row = CATALOG["painter"]
    orders = WorkerConfig(row=row, load=row.load(), hang_s=1, load_s=1)
    place = WorkerPlace(assets=tmp_path, models=tmp_path, gpu=number)
    with pytest.raises(OSError, match="far enough"):
        WorkerClient(orders, place, lambda *_: None).start(1, {})
    seen = started[0].get("CUDA_DEVICE_ORDER"), started[0]["CUDA_VISIBLE_DEVICES"]
    assert seen == ((None, "GPU-8a1f") if number is None else ("PCI_BUS_ID", "3"))


def test_what_a_pipeline_needs_is_told_beside_what_is_free():
    row, load = Catalog()["longlive"], CausalLoad()
    assert str(gpu_fit(row, load, "832x480", 24 * GB, 0)) == "fits: 22.8 of 24.0 GB"
    told = str(gpu_fit(row, load, "832x480", 20 * GB, 0))
    assert told.startswith("needs 22.8 GB, but 20.0 GB are free; it would fit with text_encoder=")
    told = str(gpu_fit(row, load, "auto", None, 0))
    assert told == "needs 19.5 GB of a GPU's memory at 512x512"
    assert gpu_fit(row, CausalLoad(weights="demo"), "auto", GB, 0) is NOTHING
    stylize = Catalog()["stylize"]
    assert gpu_fit(stylize, stylize.load(), "auto", GB, 0) is NOTHING


def test_a_live_lora_takes_memory_and_a_merged_one_none(tmp_path):
    folder = tmp_path / "models" / "loras"
    folder.mkdir(parents=True)
    (folder / "style.safetensors").write_bytes(bytes(10**7))
    free = total(need(LONGLIVE, CausalLoad(), 512, 512)) + 5 * 10**6
    machine = staged(tmp_path, [devices.Gpu(0, "RTX 4090", free)])

    def fits(**values: str) -> bool:
        load = CausalLoad(lora_1="style.safetensors", **values)
        return machine.gpu_fit(Catalog()["longlive"], load, "512x512").fits

    assert fits(lora_mode="merged")
    assert not fits(lora_mode="live")


def staged(tmp_path, cards: list[devices.Gpu]) -> StagedMachine:
    """The machine of a session that is not started."""
    made = Session(Settings(folder=tmp_path), Catalog(), partial(StagedMachine, cards=cards))
    return made._machine


@pytest.mark.parametrize(("free", "beside"), [(20 * GB, True), (10 * GB, False), (None, True)])
def test_a_worker_starts_beside_another_only_where_the_gpu_has_room(tmp_path, free, beside):
    cards = [] if free is None else [devices.Gpu(0, "RTX 4090", free)]
    session = Session(Settings(folder=tmp_path), Catalog(), partial(StagedMachine, cards=cards))
    host: EngineHost = session._host
    row = Catalog()["longlive"]
    assert host._too_big(host.orders(row, CausalLoad())) is not beside
    assert not host._too_big(host.orders(row, CausalLoad(weights="demo")))
    assert not host._too_big(host.orders(replace(row, spec=None), CausalLoad()))
    assert host._too_big(host.orders(replace(row, spec=None, memory=1 << 50), CausalLoad()))
    shown = {each["id"]: each["memory"] for each in session.pipelines()}
    assert shown["stylize"] == ""
    assert ("fits" in shown["longlive"]) is (free == 20 * GB)


def test_what_workers_take_of_the_gpu_is_not_counted_against_the_one_in_their_place(tmp_path):
    row, load = Catalog()["longlive"], CausalLoad()
    machine = staged(tmp_path, [devices.Gpu(0, "RTX 4090", 24 * GB)])
    machine.cards = [devices.Gpu(0, "RTX 4090", 2 * GB)]  # since a worker runs
    assert machine.gpu_fit(row, load, "832x480").fits
    assert LocalMachine.free(machine).gpu == 24 * GB
    assert not machine.fit_beside(row, load, "832x480").fits


@pytest.mark.slow
def test_workers_start_on_the_machine_and_failed_starts_open_the_breaker(tmp_path):
    machines: list[StagedMachine] = []

    def made(*given):
        machines.append(StagedMachine(*given))
        return machines[-1]

    with running_session(tmp_path, pipeline="relay", machine=made) as rig:
        stop, (machine,) = rig.steady_input(), machines
        rig.running()
        assert [worker.pid for worker in machine.started] == [rig.session.status().worker]
        machine.refusal = OSError("no more processes")
        rig.session.actions["kill_engine"].run()
        rig.until(lambda: rig.session.status().state == "FAILED")
        told = rig.session.status()
        assert told.error == "The engine worker could not be started: no more processes"
        machine.refusal = None
        rig.session.actions["reload"].run()
        rig.running()
        assert len(machine.started) == 2
        stop()


class Full:
    """A pipeline that finds no room."""

    def __init__(self, load: Load, context: Context) -> None:
        raise InsufficientMemory(f"full does not fit at {context.size}.")


@pytest.mark.slow
def test_too_little_memory_is_told_as_it_is_with_the_size_that_was_asked_for(tmp_path):
    row = replace(Catalog()["longlive"], id="full", target=f"{__name__}:Full", needs=lambda _: {})
    catalog = Catalog([*CATALOG.rows.values(), row])
    with running_session(tmp_path, catalog, pipeline="painter") as rig:
        stop = rig.steady_input()
        rig.running("painter")
        rig.session.store.update({"size": "80x64"})
        rig.session.switch("full", {})
        rig.until(lambda: rig.session.status().error)
        stop()
        told = rig.session.status()
    assert told.error == "full could not be loaded: full does not fit at 80x64."
    assert told.pipeline == "painter"


def played(cap: Cap, seconds: list[float], frames: int, most: float) -> list[float]:
    """When blocks begin that take so many seconds each, by a clock that does not lag."""
    now, begun = 100.0, []
    for block, taken in enumerate(seconds):
        due = cap.due(frames if block else 0, most)
        now = max(now, due)
        cap.begin(due, now)
        begun.append(now - 100.0)
        now += taken
    return begun


def test_blocks_begin_no_faster_than_their_pictures_are_wanted():
    assert played(Cap(), [0.1] * 4, 12, 24) == pytest.approx([0, 0.5, 1.0, 1.5])
    assert played(Cap(), [0.1] * 4, 12, 0) == pytest.approx([0, 0.1, 0.2, 0.3])
    assert played(Cap(), [0.7] * 4, 12, 24) == pytest.approx([0, 0.7, 1.4, 2.1])


def test_a_slow_block_is_not_made_up_for_and_a_little_lateness_does_not_add_up():
    assert played(Cap(), [0.1, 2.0, 0.1, 0.1], 12, 24) == pytest.approx([0, 0.5, 2.5, 3.0])
    late = played(Cap(), [0.505] * 5, 12, 24)  # five milliseconds more than it may take
    assert late == pytest.approx([0, 0.505, 1.01, 1.515, 2.02])
    cap = Cap()
    cap.begin(cap.due(12, 24), 100.0)
    cap.begin(100.5, 100.51)
    assert cap.due(12, 24) == pytest.approx(101.0)


@pytest.mark.slow
def test_max_fps_caps_what_the_engine_makes_and_holds_from_the_next_block(tmp_path):
    load = {"frames": 4, "shortest": 0.0, "longest": 0.0, "max_fps": 20.0}
    with running_session(tmp_path, pipeline="painter", load=load) as rig:
        stop = rig.steady_input(fps=100)
        rig.running()
        block = rig.session._host.current.block
        rig.until(lambda: block.made > 4 and median(block.intervals) < 0.3, 60)  # it is 0.2
        made, began = block.made, time.perf_counter()
        rig.until(lambda: block.made >= made + 6, 60)
        took = time.perf_counter() - began
        assert took > 0.9  # six blocks of 0.2 s; one may be late, and one is counted from its end
        rig.session.store.update({"max_fps": 0.0})
        rig.until(lambda: sum(block.intervals) < len(block.intervals) * 0.1, 60)
        stop()
