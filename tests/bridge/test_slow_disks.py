"""A disk that sleeps: only what needs it waits, and the last request wins."""

import threading
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter, sleep

import cv2
import httpx2
import numpy as np
import pytest
from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder

import bridge.downloads.weights
import bridge.session
import bridge.state.awaited
import bridge.state.data_folder
import bridge.state.references
import bridge.workers.lora_sizes
import engine.files.library
import engine.images.assets
import engine.stylize.references
from bridge.control.http.server import HttpServer
from bridge.control.osc.server import OscServer
from bridge.downloads.weights import MissingWeights
from bridge.settings import Settings
from bridge.system.aside import Disk, SlowError
from bridge.workers.lora_sizes import LoraSizes
from engine.catalog.controls import CausalLoad
from engine.files.library import Library
from tests.bridge.control.osc.test_osc import message, osc
from tests.bridge.downloads.files import NET, ROWS, put
from tests.support.doubles import CATALOG
from tests.support.rig import running_session, scene
from tests.support.slow_cases import rest_slow

SOON = 8.0  # seconds; a value that waits for the disk would take until the test wakes it


class Sleeper:
    """Stands in for the look into a folder: whoever comes while it sleeps stays in it."""

    def __init__(self, look) -> None:
        self._look = look
        self._awake = threading.Event()
        self._awake.set()
        self.asked: list[str] = []

    def __call__(self, folder, *more):
        self.asked.append(*more or [""])
        assert self._awake.wait(30)
        return self._look(folder, *more)

    def sleep(self) -> None:
        self._awake.clear()

    def wake(self) -> None:
        self._awake.set()


@pytest.fixture(name="disk")
def _disk(monkeypatch):
    """The assets folder's disk."""
    sleeper = Sleeper(bridge.state.references.names)
    monkeypatch.setattr(bridge.state.references, "names", sleeper)
    yield sleeper
    sleeper.wake()


@pytest.fixture(name="o")
def _o(tmp_path, disk):
    for name in ("a.png", "b.png", "c.png"):
        (tmp_path / name).write_bytes(b"x")
    with osc(tmp_path) as held:
        yield held


def bundle(*parts) -> bytes:
    built = OscBundleBuilder(IMMEDIATELY)
    for address, *arguments in parts:
        built.add_content(message(address, *arguments))
    return built.build().dgram


def test_faders_buttons_and_questions_go_on_while_a_reference_is_looked_for(o, disk):
    disk.sleep()
    o.send("/bridge/ref", "a.png")
    o.until(lambda: disk.asked)
    for step in range(1, 6):
        o.send("/bridge/vace", step / 4)
        o.until(lambda step=step: o.value("vace_scale") == step / 4)
    o.send("/bridge/prompt", "goes on")
    o.until(lambda: o.value("prompt") == "goes on")
    o.send("/bridge/panic")
    o.until(lambda: "panic" in o.desk.acted)
    o.send("/bridge/ping")
    o.heard("/bridge/pong")
    assert o.value("reference") == ""
    disk.wake()
    o.until(lambda: o.value("reference") == "a.png")
    o.hears("/bridge/ref", "a.png")


def test_of_one_address_the_last_value_counts_however_long_the_disk_slept(o, disk):
    disk.sleep()
    o.send("/bridge/ref", "a.png")
    o.until(lambda: disk.asked)
    for name in ("b.png", "a.png", "c.png", "b.png"):
        o.send("/bridge/ref", name)
    o.send("/bridge/ref/2", "a.png")
    disk.wake()
    o.until(lambda: (o.value("reference"), o.value("reference_2")) == ("b.png", "a.png"))
    disk.sleep()
    asked = len(disk.asked)
    o.send("/bridge/ref", "c.png")
    o.until(lambda: len(disk.asked) > asked)
    o.desk.store.update({"reference": ""})  # by another door, and it needs no look
    disk.wake()
    o.send("/bridge/ref/2", "c.png")
    o.until(lambda: o.value("reference_2") == "c.png")
    assert o.value("reference") == ""


def test_a_bundle_stays_whole_and_overwrites_nothing_that_came_after_it(o, disk):
    changes = []
    o.desk.store.listen(changes.append)
    disk.sleep()
    o.raw(bundle(("/bridge/ref", "a.png"), ("/bridge/vace", 0.5), ("/bridge/fade", 3.0),
                 ("/bridge/reset",)))  # fmt: skip
    o.until(lambda: disk.asked)
    o.send("/bridge/fade", 2.0)
    o.until(lambda: o.value("fade") == 2.0)
    assert o.value("vace_scale") != 0.5
    assert o.desk.acted == []
    disk.wake()
    o.until(lambda: o.desk.acted == ["reset"])
    assert dict(changes[-1].changed) == {"reference": "a.png", "vace_scale": 0.5}
    assert o.value("fade") == 2.0


def test_a_flood_for_a_disk_that_sleeps_costs_one_thread_and_the_newest_counts(o, disk):
    before = threading.active_count()
    disk.sleep()
    for number in range(3000):
        o.send("/bridge/ref", f"{'abc'[number % 3]}.png")
        o.raw(bundle(("/bridge/ref/2", "a.png"), ("/bridge/vace", number % 7 / 8)))
    o.send("/bridge/ref", "c.png")
    o.send("/bridge/anti_flicker", 0.25)
    o.until(lambda: o.value("anti_flicker") == 0.25)
    assert threading.active_count() - before <= 4
    disk.wake()
    o.until(lambda: (o.value("reference"), o.value("reference_2")) == ("c.png", "a.png"))
    o.until(lambda: o.value("vace_scale") == 2999 % 7 / 8)


def test_defaults_are_all_of_them_and_what_comes_after_them_stays(tmp_path):
    with _served(tmp_path) as (rig, _, held):
        rig.session.store.update({"vace_scale": 0.5, "mix": 0.5})
        held(message("/bridge/defaults").dgram)
        held(message("/bridge/vace", 0.25).dgram)
        rig.until(lambda: rig.session.store.snapshot.values["mix"] == 1.0)
        assert rig.session.store.snapshot.values["vace_scale"] == 0.25


@pytest.mark.slow
@pytest.mark.parametrize("button", rest_slow(["defaults", "live", "panic"]))
@pytest.mark.parametrize("with_picture", [False, True])
def test_a_button_in_a_bundle_has_its_place_among_the_values(tmp_path, button, with_picture):
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "a.png").write_bytes(b"x")
    picture = [("/bridge/ref", "a.png")] * with_picture
    with _served(tmp_path) as (rig, _, held):
        held(bundle(*picture, ("/bridge/vace", 0.5), ("/bridge/black", 0), (f"/bridge/{button}",),
                    ("/bridge/vace", 0.25), ("/bridge/black", 1), ("/bridge/freeze", 0),
                    *picture))  # fmt: skip
        holds = {"vace_scale": 0.25, "black": True, "freeze": False}
        holds |= {"reference": "a.png"} if with_picture else {}
        rig.until(lambda: holds.items() <= rig.session.store.snapshot.values.items())
        sleep(0.05)  # whatever else was begun
        assert holds.items() <= rig.session.store.snapshot.values.items()


@contextmanager
def _served(tmp_path, **more):
    """A running session with its server, and what handles one datagram."""
    with running_session(tmp_path, pipeline="passthrough", size="auto", **more) as rig:
        settings = Settings(port=0, folder=tmp_path, osc_feedback=())
        http = HttpServer(rig.session, settings)
        http.bind()
        http.start()
        server = OscServer(rig.session, settings)
        try:
            with httpx2.Client(base_url=f"http://127.0.0.1:{http.port}", timeout=20) as client:
                yield rig, client, lambda data: server._handle(data, ("127.0.0.1", 7))
        finally:
            http.close()
            server.close()


def test_rest_goes_on_while_a_reference_is_looked_for_and_the_last_wish_counts(tmp_path, disk):
    (tmp_path / "assets").mkdir()
    for name in ("a.png", "b.png"):
        (tmp_path / "assets" / name).write_bytes(b"x")
    with _served(tmp_path) as (rig, http, _):
        disk.sleep()
        answers = []

        def ask(name):
            answers.append(http.patch("/api/v1/parameters", json={"reference": name}).json())

        first = threading.Thread(target=ask, args=["a.png"])
        first.start()
        rig.until(lambda: disk.asked)
        began = perf_counter()
        assert http.get("/healthz").status_code == 200
        given = {"vace_scale": 0.75}
        assert http.patch("/api/v1/parameters", json=given).json() == given
        assert http.get("/api/v1/state").status_code == 200
        assert http.get("/api/v1/schema").status_code == 200
        # what needs no look is there at once, and what was asked for before it does not undo it
        cleared = threading.Thread(target=lambda: ask(""))
        cleared.start()
        rig.until(lambda: answers == [{"reference": ""}])
        assert perf_counter() - began < SOON
        disk.wake()
        first.join(10)
        assert answers == [{"reference": ""}, {"reference": ""}], "told what holds"


@pytest.mark.slow
def test_a_disk_that_never_answers_is_a_sentence(tmp_path, disk, monkeypatch):
    monkeypatch.setattr(bridge.session, "LATER", 0.3)
    monkeypatch.setattr("bridge.control.http.app.PATIENCE", 0.3)
    with _served(tmp_path) as (rig, http, held):
        disk.sleep()
        refused = http.patch("/api/v1/parameters", json={"reference": "a.png"})
        assert refused.status_code == 422
        assert f"The folder {tmp_path / 'assets'} has not answered for" in refused.text
        held(message("/bridge/ref", "a.png").dgram)
        rig.until(lambda: rig.session.counters.osc_refused == 1)
        listing = http.get("/api/v1/assets")
        assert listing.status_code == 503
        assert "has not answered for" in listing.text


def test_a_disk_costs_one_thread_and_each_asker_has_its_own_answer():
    disk, awake, before = Disk("It"), threading.Event(), threading.active_count()

    def look(number):
        awake.wait(20)
        if number % 2:
            raise ValueError(f"none {number}")
        return number

    answers: dict[int, object] = {}

    def ask(number):
        try:
            answers[number] = disk.ask(number, lambda: look(number), 20)
        except ValueError as error:
            answers[number] = str(error)

    askers = [threading.Thread(target=ask, args=[number]) for number in range(8)]
    for asker in askers:
        asker.start()
    assert threading.active_count() - before <= 8 + 1
    with pytest.raises(SlowError, match="It has not answered for"):
        disk.ask("other", lambda: 1, 0.05)
    awake.set()
    for asker in askers:
        asker.join(20)
    assert answers == {n: f"none {n}" if n % 2 else n for n in range(8)}


# The frame path.


@pytest.fixture(name="files")
def _files(monkeypatch):
    """The disk under the assets folder as the engine sees it."""
    sleeper = Sleeper(engine.images.assets.find)
    monkeypatch.setattr(engine.images.assets, "find", sleeper)
    monkeypatch.setattr(engine.images.assets, "AGAIN", 0.05)
    monkeypatch.setattr(engine.images.assets, "SLOW", 0.2)
    yield sleeper
    sleeper.wake()


@contextmanager
def _painting(tmp_path):
    """Stylize in this process, with its picture at a full reference and no other look."""
    (tmp_path / "assets").mkdir()
    for name, colour in (("red.png", (0, 0, 255)), ("blue.png", (255, 0, 0))):
        picture = np.full((32, 32, 3), colour, np.uint8)
        cv2.imwrite(str(tmp_path / "assets" / name), picture)
    load = {"reference": "red.png", "prompt": "", "fade": 0.0, "anti_flicker": 0.0}
    with running_session(tmp_path, CATALOG, load, pipeline="stylize", engine="thread") as rig:
        stop = rig.steady_input()
        rig.running("stylize")
        yield rig
        stop()


def _warmth(rig):
    """Red less blue of a picture that is made from now on."""
    made = rig.session.counters.shown["new"]
    rig.until(lambda: rig.session.counters.shown["new"] >= made + 3)
    image = rig.session.latest_frame("output").image.astype(int)
    return image[..., 0].mean() - image[..., 2].mean()


@pytest.mark.slow
def test_a_reference_that_is_shown_needs_no_disk(tmp_path, files):
    with _painting(tmp_path) as rig:
        rig.until(lambda: _warmth(rig) > 20)
        files.sleep()
        asked = len(files.asked)
        rig.until(lambda: len(files.asked) > asked)
        assert _warmth(rig) > 20, "the show goes on, with its look"
        rig.until(lambda: "has not answered for" in rig.session.status().error)
        rig.session.store.update({"prompt": "ocean waves", "reference_weight": 0.0})
        rig.until(lambda: _warmth(rig) < 0)  # words need no disk either
        rig.session.store.update({"prompt": "", "reference_weight": 1.0})
        rig.until(lambda: _warmth(rig) > 20)
        assert len(files.asked) == asked + 1, "one look at a time"
        (tmp_path / "assets" / "blue.png").replace(tmp_path / "assets" / "red.png")
        files.wake()
        rig.until(lambda: _warmth(rig) < 0)  # a changed file is still taken up
        status = rig.session.status()
        assert (status.error, status.restarts, status.bad_blocks) == ("", 0, 0)


def test_a_disk_that_sleeps_from_the_start_holds_up_no_picture(tmp_path, files):
    files.sleep()
    with _painting(tmp_path) as rig:
        assert abs(_warmth(rig)) < 20  # the input, until the look is there
        rig.until(lambda: "has not answered for" in rig.session.status().error)
        files.wake()
        rig.until(lambda: _warmth(rig) > 20)


def test_a_picture_that_cannot_be_read_to_its_end_leaves_the_look(tmp_path, files, monkeypatch):
    with _painting(tmp_path) as rig:
        rig.until(lambda: _warmth(rig) > 20)
        reads = Sleeper(engine.stylize.references.load)
        monkeypatch.setattr(engine.stylize.references, "load", reads)
        reads.sleep()
        (tmp_path / "assets" / "blue.png").replace(tmp_path / "assets" / "red.png")
        rig.until(lambda: reads.asked)
        assert _warmth(rig) > 20
        rig.until(lambda: "has not answered for" in rig.session.status().error)
        rig.session.store.update({"prompt": "ocean waves", "reference": ""})
        rig.until(lambda: _warmth(rig) < 0)
        reads.wake()


# The start.


@pytest.mark.slow
def test_a_models_folder_that_does_not_answer_holds_up_no_start(tmp_path, monkeypatch):
    looks = Sleeper(engine.files.library._may_be)
    monkeypatch.setattr(engine.files.library, "_may_be", looks)
    monkeypatch.setattr(bridge.downloads.weights, "PATIENCE", 0.2)
    monkeypatch.setattr(bridge.state.awaited, "GLANCE", 0.05)
    put(tmp_path / "models" / NET.name)
    looks.sleep()
    began, threads = perf_counter(), threading.active_count()
    chosen = {"pipeline": "needy", "fallback": "passthrough", "models": tmp_path / "models"}
    try:
        with running_session(tmp_path, ROWS, **chosen) as rig:
            assert perf_counter() - began < SOON
            stop = rig.steady_input()
            rig.running("passthrough")
            status = rig.session.status()
            assert status.pipeline_asked == "needy"
            assert status.error.startswith(
                f"needy is waiting for its files. The models folder {tmp_path / 'models'} has not"
            )
            assert status.error.endswith("Until then passthrough is shown.")
            with pytest.raises(MissingWeights, match="has not answered for"):
                rig.session.switch("needy")
            rig.session.actions["reload"].run()
            assert len(looks.asked) == 1, "a disk that hangs is asked by one"
            assert threading.active_count() - threads < 30
            looks.wake()
            rig.running("needy")
            rig.until(lambda: not rig.session.status().error)
            stop()
    finally:
        looks.wake()


@pytest.mark.slow
def test_a_fallback_whose_disk_does_not_answer_is_no_reason_not_to_start(tmp_path, monkeypatch):
    looks = Sleeper(engine.files.library._may_be)
    monkeypatch.setattr(engine.files.library, "_may_be", looks)
    monkeypatch.setattr(bridge.downloads.weights, "PATIENCE", 0.2)
    (tmp_path / "models").mkdir()
    looks.sleep()
    chosen = {"pipeline": "passthrough", "fallback": "needy", "models": tmp_path / "models"}
    try:
        with running_session(tmp_path, ROWS, **chosen) as rig:
            rig.put(scene(64, 48))
            rig.running("passthrough")
    finally:
        looks.wake()


@pytest.mark.slow
def test_a_data_folder_that_does_not_answer_holds_up_no_start(tmp_path, monkeypatch):
    make = Path.mkdir
    looks = Sleeper(lambda path: make(path, parents=True, exist_ok=True))
    monkeypatch.setattr(Path, "mkdir", lambda path, *_, **__: looks(path))
    monkeypatch.setattr(bridge.state.data_folder, "AT_START", 0.2)
    looks.sleep()
    began = perf_counter()
    try:
        with running_session(tmp_path / "new", pipeline="passthrough") as rig:
            assert perf_counter() - began < SOON
            rig.put(scene(64, 48))
            rig.running("passthrough")
            assert "has not answered for" in rig.session.status().error
            monkeypatch.undo()
            looks.wake()
            rig.until(lambda: "Images, the look and the log" not in rig.session.status().error)
    finally:
        looks.wake()


def test_what_loras_take_is_known_from_before_while_their_disk_sleeps(tmp_path, monkeypatch):
    put(tmp_path / "loras" / "a.safetensors", b"12345678")
    load = CausalLoad(lora_1="a.safetensors", lora_mode="live")
    sizes = LoraSizes(Library(tmp_path))
    assert sizes.bytes(load) == 8
    awake = threading.Event()
    monkeypatch.setattr("engine.files.library.Library.lora_bytes", lambda *_: awake.wait(20))
    monkeypatch.setattr(bridge.workers.lora_sizes, "PATIENCE", 0.1)
    try:
        assert sizes.bytes(load) == 8
        other = LoraSizes(Library(tmp_path))
        assert other.bytes(load) == 0, "it is of one library, and forgets with it"
    finally:
        awake.set()
