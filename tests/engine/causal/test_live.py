"""The causal pipelines live: real files, a child worker, OSC, HTTP, an output never black."""

import itertools
import json
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
import pytest

pytest.importorskip("torch", reason="needs pip install 'spout-bridge[engine]'")

import torch
from pythonosc.udp_client import SimpleUDPClient
from safetensors.torch import load_file, save_file

from bridge.control.http.server import HttpServer
from bridge.control.osc.server import OscServer
from bridge.downloads.weights import MissingWeights
from bridge.workers.rollback import GOOD
from engine.catalog import artifacts as files
from engine.catalog.specs import SPECS
from engine.files.library import Library, sha256
from tests.support.checkpoints import write_models
from tests.support.memory import put
from tests.support.rig import Rig, running_session, scene
from tests.support.shards import write_shards
from tests.support.tiny_rows import CATALOG, TINY

pytestmark = pytest.mark.slow
SIZE = "48x32"  # small: one core makes all of it
numbers = itertools.count()


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of this file's own, for its tests put LoRAs there and spoil files."""
    return write_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def bridge(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A session and an OSC client of it, for all tests here: a worker takes seconds to start."""
    folder = tmp_path_factory.mktemp("bridge")
    settings = {"pipeline": "longlive", "size": SIZE, "models": models, "settle_s": 0.5}
    with running_session(folder, CATALOG, osc_feedback=(), **settings) as rig:
        server = OscServer(rig.session, rig.session.settings)
        server.bind(0)
        server.start()
        client = SimpleUDPClient("127.0.0.1", server.port)
        yield rig, client
        client._sock.close()
        server.close()


@pytest.fixture
def live(bridge: tuple[Rig, SimpleUDPClient]) -> Any:
    """The session with a pipeline loaded anew, as if nothing had ever been asked of it or sent."""
    rig, client = bridge
    session = rig.session

    def start(pipeline: str) -> tuple[Rig, SimpleUDPClient]:
        values = {name: spec.default for name, spec in session.store.specs.items()}
        # Another prompt than the last test's, or what was taken back there would still be told.
        session.store.update({**values, "size": SIZE, "prompt": f"a fox {next(numbers)}"})
        session.switch(pipeline)
        rig.until(lambda: _fresh(rig, pipeline), 60)
        session.counters.black_frames = session.counters.bad_blocks = session._host.restarts = 0
        with rig.place.changed:
            rig.place.seen.clear()
        return rig, client

    return start


@pytest.fixture
def send(bridge: tuple[Rig, SimpleUDPClient]) -> Iterator[Any]:
    """Begin to send pictures; that ends with the test."""
    stops: list[Any] = []
    yield lambda: stops.append(bridge[0].steady_input())
    for stop in stops:
        stop()


def _fresh(rig: Rig, pipeline: str) -> bool:
    """Whether that pipeline makes pictures without an input, and all is well."""
    status = rig.session.status()
    rig.session._receiving.newest = None  # the last one of the test before may still have come
    ready = status.pipeline == pipeline and status.state == "RUNNING" and not status.loading
    return ready and status.notes.get("mode") == "text" and not status.error


def _ran(rig: Rig, pipeline: str) -> bool:
    """Whether that pipeline's own pictures are shown."""
    status = rig.session.status()
    if status.error:
        raise AssertionError(status.error)
    return status.pipeline == pipeline and status.state == "RUNNING" and bool(status.notes)


def _never_black(rig: Rig) -> bool:
    black = rig.session.status().black_frames
    return black == 0 and all(seen.frame.image[..., :3].any() for seen in rig.place.seen)


@pytest.mark.parametrize("pipeline", SPECS)
def test_every_parameter_is_played_while_it_runs(live: Any, send: Any, pipeline: str) -> None:
    rig, osc = live(pipeline)
    session = rig.session
    assert session.status().notes["mode"] == "text"  # there is no input yet
    send()
    rig.until(lambda: session.status().notes["mode"] == "video", 60)
    live_specs = [spec for spec in session.store.specs.values() if spec.live and spec.page]
    own = {entry["id"]: entry["parameters"] for entry in session.pipelines()}[pipeline]
    sizes = ("80x64", "auto", "640 by 360", SIZE)  # one of them is none
    for spec in live_specs:
        if spec.name in own:
            values = spec.choices or (spec.minimum, spec.maximum, spec.default)
            for value in sizes if spec.name == "size" else [v for v in values if v is not None]:
                osc.send_message(f"/bridge/{spec.osc}", value)
                time.sleep(0.01)
    osc.send_message("/bridge/prompt", "the last words")
    rig.until(lambda: session.store.snapshot.values["prompt"] == "the last words")
    assert session.store.snapshot.values["size"] == SIZE
    made = session.counters.shown["new"]
    rig.until(lambda: session.counters.shown["new"] > made + 30, 60)
    status = session.status()
    assert status.restarts == 0, status.error
    assert status.bad_blocks == 0
    assert _never_black(rig)


def _workers(process: psutil.Process) -> list[psutil.Process]:
    found = []
    for child in process.children():
        with suppress(psutil.Error):  # it ended meanwhile
            found += [child] if "engine.worker" in child.cmdline() else []
    return found


def test_twenty_switches_by_osc_leave_no_memory_and_no_black(live: Any) -> None:
    rig, osc = live("longlive")
    session, family = rig.session, list(SPECS)
    process, memory, worker = psutil.Process(), [], session.status().worker
    rig.place.keep = 200  # pictures that the test itself keeps
    for number in range(1, 21):
        name = family[number % len(family)]
        osc.send_message(f"/bridge/pipeline/{name}", 1)
        rig.until(lambda name=name: _ran(rig, name), 60)
        status = session.status()
        memory.append((status.memory, status.worker_memory))
    assert session.status().worker == worker  # they take each other's place in one process
    assert [child.pid for child in _workers(process)] == [worker]
    for here in (0, 1):
        # It goes up and down by some 30 MB; that nobody holds an old one is test_family's to show.
        assert memory[-1][here] < memory[len(family) - 1][here] + 60
    assert session.status().restarts == 0
    assert _never_black(rig)


def test_the_last_of_two_quick_switches_holds(live: Any) -> None:
    rig, _ = live("longlive")
    rig.session.switch("reward-forcing")
    rig.until(lambda: rig.session.status().state == "LOADING")
    rig.session.switch("streamdiffusionv2")
    rig.until(lambda: _ran(rig, "streamdiffusionv2"), 60)
    assert _made(rig, 2)
    assert _ran(rig, "streamdiffusionv2")
    assert not rig.session.status().loading
    assert rig.session.status().notes["mode"] == "text"
    assert rig.session.status().restarts == 0


def test_another_family_gets_a_worker_of_its_own(live: Any, send: Any) -> None:
    rig, osc = live("longlive")
    worker = rig.session.status().worker
    send()
    osc.send_message("/bridge/pipeline/stylize", 1)
    rig.running("stylize")
    assert rig.session.status().worker != worker
    rig.until(lambda: len(_workers(psutil.Process())) == 1, 60)
    assert _never_black(rig)


def test_a_pipeline_that_cannot_take_the_place_leaves_the_old_one(live: Any) -> None:
    rig, _ = live("longlive")
    session, worker = rig.session, rig.session.status().worker
    (session.settings.models_folder / "loras" / "broken.pt").write_bytes(b"x")
    with pytest.raises(ValueError, match=r"LoRA 'none\.safetensors' not found"):
        session.switch("reward-forcing", {"lora_1": "none.safetensors"})
    session.switch("reward-forcing", {"lora_1": "broken.pt"})
    rig.until(lambda: session.status().error.startswith("reward-forcing could not be loaded"), 60)
    assert session.store.snapshot.values["lora_1"] == ""  # the next start shall not end on it
    session.store.update({"prompt": "it goes on"})
    made = session.counters.shown["new"]
    rig.until(lambda: session.counters.shown["new"] > made + 12, 60)
    assert (session.status().pipeline, session.status().worker) == ("longlive", worker)
    session.switch("reward-forcing")
    rig.until(lambda: session.status().pipeline == "reward-forcing", 60)
    rig.until(lambda: not session.status().error, 60)
    assert _never_black(rig)


def test_the_scale_of_vace_that_was_posted_once_holds(live: Any) -> None:
    rig, _ = live("longlive")
    session = rig.session
    session.switch("longlive", {"vace_load": True})
    session.store.update({"vace_scale": 1.7})

    def used() -> bool:
        status = session.status()
        return status.state == "RUNNING" and status.notes.get("vace_scale") == 1.7

    rig.until(used, 60)
    session.store.update({"seed": 7, "noise_scale": 0.5})
    session.store.update({"prompt": "something else"})
    cv2.imwrite(str(session.assets / "a.png"), scene(64, 48)[..., :3])
    session.store.update({"reference": "a.png"})
    assert _made(rig, 3)
    assert used()
    worker = session.status().worker
    session.actions["kill_engine"].run()
    rig.until(lambda: session.status().worker != worker and used(), 60)
    session.switch("reward-forcing")
    rig.until(lambda: session.status().pipeline == "reward-forcing" and used(), 60)
    session.switch("longlive")
    rig.until(lambda: session.status().pipeline == "longlive" and used(), 60)
    assert session.store.snapshot.values["vace_scale"] == 1.7


def test_depth_and_mask_of_a_patch_steer_the_blocks_of_the_input(live: Any, send: Any) -> None:
    rig, osc = live("longlive")
    session = rig.session
    session.switch("longlive", {"vace_load": True})
    send()
    depth, mask = "pattern:depth", f"memory:{rig.name}-mask"
    rig.until(lambda: not session.status().loading)
    osc.send_message("/bridge/control", depth)
    osc.send_message("/bridge/mask", mask)
    put(f"{rig.name}-mask", np.full((16, 16, 4), 255, np.uint8))

    def steered(*guides: str) -> bool:
        status = session.status()
        return status.state == "RUNNING" and status.notes.get("guides") == [*guides]

    rig.until(lambda: steered("control", "mask"), 60)
    status = session.status()
    assert (status.notes["mode"], status.error, status.restarts) == ("control", "", 0)
    osc.send_message("/bridge/control", "none")
    rig.until(lambda: steered("mask"), 60)
    osc.send_message("/bridge/mask", "none")
    rig.until(lambda: steered(), 60)
    # Without VACE they are refused, in a sentence.
    session.switch("longlive", {"vace_load": False})
    refused = session.counters.osc_refused
    osc.send_message("/bridge/mask", mask)
    rig.until(lambda: session.counters.osc_refused > refused)
    assert session.status().mask == ""
    assert _never_black(rig)


def test_files_that_are_missing_are_told_and_the_old_pipeline_stays(
    live: Any, send: Any, models: Path
) -> None:
    rig, _ = live("reward-forcing")
    session, away = rig.session, models.with_name("away")
    send()
    server = HttpServer(session, session.settings.model_copy(update={"port": 0}))
    server.bind()
    server.start()
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.port}/api/v1/pipeline",
        json.dumps({"pipeline": "longlive"}).encode(),
        {"content-type": "application/json"},
    )
    models.rename(away)
    try:
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request)
        with refused.value as answer:
            told = json.load(answer)["detail"]
        assert "longlive_base.pt" in told
        assert "weights=demo" in told
        assert session.status().pipeline == "reward-forcing"
        assert session.status().state == "RUNNING"
        session.switch("longlive", {"weights": "demo", "vae": "lightvae"})
        rig.until(lambda: session.status().reason.startswith("DEMO WEIGHTS"), 60)
    finally:
        away.rename(models)
        server.close()


# Damaged files


def named(models: Path, name: str) -> Path:
    return next(models.rglob(name))


Plant = Callable[[Path, Path], Any]


def other_shape(path: Path, _: Path) -> None:
    tensors = torch.load(path, weights_only=True)
    torch.save(tensors | {"model.head.modulation": torch.zeros(1, 3, TINY.dim)}, path)


def flipped(path: Path, _: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


FAULTS: dict[str, tuple[Plant, str]] = {
    "truncated": (lambda p, _: p.write_bytes(p.read_bytes()[:-5000]), "truncated"),
    "renamed": (lambda p, m: shutil.copy(named(m, "style.safetensors"), p), "wrong extension"),
    "another model": (
        lambda p, m: shutil.copy(named(m, "Wan2.1_VAE.pth"), p),
        "contains 0 layers of a Wan2.1 transformer, but the 1.3B has 2",
    ),
    "another shape": (other_shape, "scale_shift_table: (1, 3, 96), expected (1, 2, 96)"),
    "zero bytes": (lambda p, _: p.write_bytes(b""), "is empty; download it again"),
    "a page": (lambda p, _: p.write_text("<!doctype html>"), "is a web page, not the file itself"),
    "one bit": (flipped, "its SHA-256 is "),
}


def test_a_switch_to_a_damaged_file_is_refused_and_what_runs_goes_on(
    live: Any, models: Path
) -> None:
    rig, _ = live("longlive")
    session, path = rig.session, named(models, "rewardforcing.pt")
    worker, sound = session.status().worker, path.read_bytes()
    for name, (plant, words) in FAULTS.items():
        if name == "one bit":  # it shows in the hash alone, which a download records
            Library(models).record(path, sha256(path), came=True)
        try:
            plant(path, models)
            told = ""
            try:  # what its header shows is refused at once
                session.switch("reward-forcing")
            except MissingWeights as refused:
                told = str(refused)
            else:
                rig.until(lambda words=words: words in session.status().error, 60)
            assert path.name in (told or session.status().error), name
            assert _made(rig)
            assert (session.status().pipeline, session.status().worker) == ("longlive", worker)
        finally:
            path.write_bytes(sound)
    status = session.status()
    assert (status.restarts, status.black_frames) == (0, 0)


# Numbers that are none


def test_a_checkpoint_in_shards_runs_and_one_that_is_cut_is_one_sentence(
    live: Any, models: Path
) -> None:
    """Read when the pipeline is changed to; in the log no way through the code of ours."""
    rig, _ = live("longlive")
    session, one = rig.session, models / files.NETWORKS["krea-realtime-video"].name
    folder = one.with_suffix("")
    index = write_shards(folder / "diffusion_pytorch_model.safetensors.index.json", load_file(one))
    aside = one.rename(one.with_suffix(".aside"))
    try:
        session.switch("krea-realtime-video")
        rig.until(lambda: _ran(rig, "krea-realtime-video"), 60)
        session.switch("longlive")
        rig.until(lambda: _ran(rig, "longlive"), 60)
        shard = sorted(folder.glob("*.safetensors"))[1]
        shard.write_bytes(shard.read_bytes()[:-9])
        session.switch("krea-realtime-video")
        rig.until(lambda: f"{shard} is damaged, truncated" in session.status().error, 60)
        shard.unlink()
        session.switch("krea-realtime-video")
        told = f"{index} names the shard {shard.name}, which is missing"
        rig.until(lambda: told in session.status().error, 60)
        assert _made(rig)
        log = "\n".join(session._host.current.log)
        assert "is damaged, truncated" in log
        assert "Traceback" not in log
    finally:
        shutil.rmtree(folder)
        aside.rename(one)


def _lora(models: Path, name: str, change: Any) -> None:
    tensors = load_file(models / files.LORAS / "style.safetensors")
    for key in tensors:
        tensors[key] = change(key, tensors[key].float()).contiguous()
    save_file(tensors, models / files.LORAS / name)


def _one(key: str, tensor: Any, wrong: float) -> Any:
    if key.endswith("1.ffn.0.lora_B.weight"):
        tensor.view(-1)[0] = wrong
    return tensor


def test_a_lora_with_one_wrong_number_is_refused_and_the_old_one_plays_on(
    live: Any, models: Path
) -> None:
    _lora(models, "nan.safetensors", lambda key, t: _one(key, t, float("nan")))
    _lora(models, "inf.safetensors", lambda key, t: _one(key, t, float("inf")))
    rig, osc = live("longlive")
    session = rig.session
    session.store.update({"lora_1": "style.safetensors"})
    rig.until(lambda: not session.status().loading and _made(rig), 60)
    worker = session.status().worker
    for name in ("nan.safetensors", "inf.safetensors"):
        osc.send_message("/bridge/lora/1/file", name)
        rig.until(lambda name=name: f"{name} " in session.status().error, 60)
        assert "NaN or infinit" in session.status().error
        assert "1.ffn.0.lora_B.weight" in session.status().error.replace("blocks.", "")
        rig.until(lambda: session.store.snapshot.values["lora_1"] == "style.safetensors")
        assert _made(rig)
    session.switch("reward-forcing", {"lora_1": "nan.safetensors"})  # a swap in the family
    rig.until(lambda: "reward-forcing could not be loaded" in session.status().error, 60)
    assert _made(rig)
    status = session.status()
    assert (status.pipeline, status.worker, status.restarts) == ("longlive", worker, 0)
    assert session.store.snapshot.values["lora_1"] == "style.safetensors"
    assert _never_black(rig)


def test_a_lora_that_overflows_only_when_it_runs_is_taken_back(live: Any, models: Path) -> None:
    steep = {"A": 1e18, "B": 1e18}  # their product is a number, and times a picture's it is none
    _lora(models, "steep.safetensors", lambda key, t: t.fill_(steep[key.split("lora_")[1][0]]))
    rig, osc = live("longlive")
    session, worker = rig.session, rig.session.status().worker
    assert _made(rig, GOOD + 1)
    osc.send_message("/bridge/lora/1/file", "steep.safetensors")
    rig.until(lambda: "lora_1 is '' again, not 'steep.safetensors'" in session.status().error, 60)
    rig.until(lambda: not session.status().loading, 60)
    assert _made(rig)
    status = session.status()
    assert (status.worker, status.restarts) == (worker, 0)
    assert status.bad_blocks >= 3
    assert _never_black(rig)


def _made(rig: Rig, blocks: int = 1) -> bool:
    """Wait for some more pictures of the engine's own."""
    before = rig.session.counters.shown["new"]
    rig.until(lambda: rig.session.counters.shown["new"] > before + 12 * blocks, 60)
    return True
