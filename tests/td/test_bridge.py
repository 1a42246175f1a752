"""The component on the strict double, with the bridge's real HTTP and OSC over loopback."""

import http.server
import json
import os
import re
import shlex
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from time import perf_counter
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from bridge.cli.arguments import parser_of
from bridge.cli.td import KIT
from bridge.control import schema as schemas
from bridge.control.http.server import HttpServer
from bridge.control.osc.server import OscServer
from bridge.settings import Settings
from bridge.state.status import Status
from bridge.system.aside import SlowError
from tests.support.bridge import running
from tests.support.desk import FakeDesk
from tests.support.lora_files import lora_file
from tests.td.double import Par, ParMode, TdError
from tests.td.test_td import paste, touchdesigner

pytestmark = pytest.mark.slow

GOLDEN = Path(__file__).parents[1] / "golden"


class Desk(FakeDesk):
    """One whose time goes on: its uptime is what the component takes for a heartbeat."""

    def __init__(self, folder):
        super().__init__(folder)
        self.began = perf_counter()

    def status(self) -> Status:
        return Status(**{"uptime": round(perf_counter() - self.began, 2), **self.now})


@contextmanager
def bridge(desk, port=0, token="", **more):
    """HTTP and OSC of a desk; the port."""
    settings = Settings(port=port, folder=desk.assets, osc_feedback=(), **more)
    with ExitStack() as stack:
        http_server = HttpServer(desk, settings, token)
        http_server.bind()
        stack.callback(http_server.close)
        osc = OscServer(desk, settings)
        osc.bind(http_server.port)
        stack.callback(osc.close)
        http_server.start()
        osc.start()
        yield http_server.port


def free_port(kind=socket.SOCK_DGRAM):
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def kept_waiting():
    """Seconds in which this thread could have run and others had the cores: not the component's."""
    told = Path("/proc/thread-self/schedstat")
    return int(told.read_text().split()[1]) / 1e9 if told.exists() else 0.0


# How long the component waits, in seconds, where that is its choice: for these tests less.
HASTY = {
    "bridge_link": {"RETRY": 0.2, "RETRY_SLOWLY": 1.0, "DEAF_AFTER": 1.5, "SUBSCRIBE": 0.5},
    "bridge_web": {"LOOK": 0.1},
}


class Patch:
    """A TouchDesigner with the component, played at some 200 frames a second."""

    def __init__(self, td):
        self.td, self.slowest = td, 0.0
        paste()
        self.comp = td.place.op("SpoutBridge")
        for name, waits in HASTY.items():
            vars(self.comp.op(name).module).update(waits)
        self.par = self.comp.par
        self.own = [par.name for par in self.comp.customPars]
        self.par.Replyport = free_port()
        self.par.Fadeseconds = 0.05

    def connect(self, port, state="CONNECTED"):
        self.par.Port = port
        self.until(lambda: self.state == state)

    @property
    def state(self):
        return self.par.Connection.eval()

    def until(self, true, timeout=30.0):
        end = perf_counter() + timeout
        while not true():
            assert self.td.textport == []
            assert perf_counter() < end, (self.state, self.par.Message.eval(),
                                          self.par.Lasterror.eval())  # fmt: skip
            self.play(0.0)

    def play(self, seconds):
        end = perf_counter() + seconds
        while True:
            began, before = perf_counter(), kept_waiting()
            self.td.frame()
            took = perf_counter() - began - (kept_waiting() - before)
            self.slowest = max(self.slowest, took)
            time.sleep(0.005)
            if perf_counter() > end:
                return

    def drive(self, name, text):
        """Give a parameter an expression, as an artist would."""
        par = self.par[name]
        par.expr, par.mode = text, ParMode.EXPRESSION


@pytest.fixture
def desk(tmp_path):
    (tmp_path / "assets").mkdir()
    return Desk(tmp_path / "assets")


@pytest.fixture
def patch(tmp_path):
    with touchdesigner(tmp_path / "project") as td:
        yield Patch(td)


def value(desk, name):
    return desk.store.snapshot.values[name]


def page(comp, name):
    return {par.name: par for p in comp.customPages if p.name == name for par in p.pars}


# Connecting.


def test_the_pages_are_the_schemas(patch, desk):
    with bridge(desk) as port:
        patch.connect(port)
        row = next(row for row in desk.pipelines() if row["active"])
        generate, names = page(patch.comp, "Generate"), patch.comp.Names()
        shown = {*row["parameters"], *row["load"]}
        of_all = {n for r in desk.pipelines() for n in (*r["parameters"], *r["load"])}
        assert set(names) == {*shown, *(set(desk.store.specs) - of_all), "pipeline"}
        for name in shown:
            spec, par = desk.store.specs[name], patch.par[names[name]]
            assert par.page.name == (spec.page or "Generate")
            assert spec.help in par.help
            assert f"/bridge/{spec.osc}" in par.help
            assert par.default == spec.default
            if spec.minimum is not None:
                assert (par.min, par.max, par.clampMin) == (spec.minimum, spec.maximum, True)
            if spec.choices:
                assert tuple(par.menuNames) == spec.choices
        assert generate["Prompt"].eval() == value(desk, "prompt")
        assert next(iter(generate)) == "Pipeline"
        assert set(page(patch.comp, "Show")) >= {"Mix", "Bypass", "Look", "Reset", "Panic"}
        assert page(patch.comp, "Status")["Statestate"].eval() == "RUNNING"
        assert all(par.readOnly for par in page(patch.comp, "Status").values())
        assert patch.par.Engine.eval() == "RUNNING"
        assert patch.comp.errors == []


def test_a_value_goes_there_and_comes_back(patch, desk):
    with bridge(desk) as port:
        patch.connect(port)
        patch.par.Vacescale = 1.5
        patch.comp.Set("prompt", "ocean\n“waves” é")
        patch.par.Bypass = True
        patch.until(lambda: value(desk, "vace_scale") == 1.5 and value(desk, "bypass") is True)
        patch.until(lambda: value(desk, "prompt") == "ocean\n“waves” é")
        desk.store.update({"prompt": "ü 日本 🌊?"})
        patch.until(lambda: patch.comp.Get("prompt") == "ü 日本 🌊?")
        desk.store.update({"vace_scale": 0.25, "prompt": "fire", "on_loss": "card"})
        patch.until(lambda: patch.par.Vacescale.eval() == 0.25)
        patch.until(lambda: patch.comp.Get("prompt") == "fire")
        patch.until(lambda: patch.par.Onloss.eval() == "card")
        number = desk.store.snapshot.number
        patch.play(0.5)
        assert desk.store.snapshot.number == number, "an echo went round"


def test_the_last_value_of_a_fast_fader_arrives_and_is_not_thrown_back(patch, desk):
    with bridge(desk) as port:
        patch.connect(port)
        for step in range(101):
            patch.par.Vacescale = step / 100
            patch.td.frame()
            assert patch.par.Vacescale.eval() == step / 100
            time.sleep(0.003)
        patch.until(lambda: value(desk, "vace_scale") == 1.0)
        patch.play(0.5)
        assert patch.par.Vacescale.eval() == 1.0


def test_a_lost_datagram_is_sent_again(patch, desk):
    with bridge(desk) as port:
        patch.connect(port)
        osc_out = patch.comp.op("osc_out")
        send, lost = osc_out.sendOSC, []
        osc_out.sendOSC = lambda address, values, **more: (
            send(address, values, **more) if lost or "vace" not in address else lost.append(address)
        )
        patch.par.Vacescale = 0.5
        patch.until(lambda: value(desk, "vace_scale") == 0.5)
        assert lost == ["/bridge/vace"]


@pytest.mark.slow
def test_what_the_bridge_refuses_turns_back_to_what_it_has(patch, desk):
    with bridge(desk) as port:
        patch.connect(port)
        patch.comp.Set("reference", "nowhere.png")
        patch.until(lambda: "nowhere.png" in patch.par.Lasterror.eval())
        patch.until(lambda: patch.par.Reference.eval() == "")


def test_a_picture_of_this_machine_is_taken_along(patch, desk, tmp_path):
    path = tmp_path / "my painting.png"
    path.write_bytes(cv2.imencode(".png", np.full((20, 30, 3), 90, np.uint8))[1].tobytes())
    with bridge(desk) as port:
        patch.connect(port)
        patch.par.Reference = str(path)
        patch.until(lambda: value(desk, "reference") != "")
        patch.until(lambda: patch.par.Reference.eval() == value(desk, "reference"))
        assert len([*desk.assets.iterdir()]) == 1
        patch.par.Reference = str(tmp_path / "gone.png")
        patch.until(lambda: "reference: " in patch.par.Lasterror.eval())


def test_a_picture_beside_the_project_and_one_of_the_bridges(patch, desk, tmp_path):
    picture = cv2.imencode(".png", np.full((20, 30, 3), 90, np.uint8))[1].tobytes()
    (tmp_path / "project" / "mine.png").write_bytes(picture)
    (desk.assets / "there.png").write_bytes(picture)
    with bridge(desk) as port:
        patch.connect(port)
        patch.par.Reference = "mine.png"  # as TouchDesigner writes a file beside the project
        patch.until(lambda: value(desk, "reference").startswith("mine-"))
        patch.until(lambda: patch.par.Reference.eval() == value(desk, "reference"))
        patch.par.Reference = "there.png"
        patch.until(lambda: value(desk, "reference") == "there.png")
        if hasattr(os, "mkfifo"):
            os.mkfifo(tmp_path / "project" / "pipe.png")
            patch.par.Reference = str(tmp_path / "project" / "pipe.png")
            patch.until(lambda: "not found" in patch.par.Lasterror.eval())
            patch.par.Reference = "mine.png"
            patch.until(lambda: value(desk, "reference").startswith("mine-"))


def test_a_picture_is_taken_however_its_path_was_pasted(patch, desk, tmp_path, monkeypatch):
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    picture = cv2.imencode(".png", np.full((20, 30, 3), 90, np.uint8))[1].tobytes()
    path = tmp_path / "my pic é.png"
    path.write_bytes(picture)
    (tmp_path / "project" / "mine.png").write_bytes(picture + b" ")
    (tmp_path / "home.png").write_bytes(picture + b"  ")
    (desk.assets / "there.png").write_bytes(picture)
    with bridge(desk) as port:
        patch.connect(port)
        for pasted, begins in (
            (f'"{path}"', "my pic é-"), ('"mine.png"', "mine-"), (path.as_uri(), "my pic é-"),
            ("'there.png'", "there.png"), (f"\u202a{path}", "my pic é-"),
            ("file:mine.png", "mine-"), (f" {path} ", "my pic é-"), ("~/home.png", "home-"),
        ):  # fmt: skip
            patch.par.Reference = pasted
            patch.until(lambda begins=begins: value(desk, "reference").startswith(begins))
            patch.until(lambda: patch.par.Reference.eval() == value(desk, "reference"))
        patch.par.Reference2 = f'"{path}"'
        patch.until(lambda: patch.par.Reference2.eval().startswith("my pic é-"))
        assert patch.par.Lasterror.eval() == ""


def test_buttons_press_the_bridges_actions(patch, desk):
    with bridge(desk) as port:
        patch.connect(port)
        patch.td.press(patch.comp, "Killengine")
        patch.comp.Do("reset")
        patch.until(lambda: desk.acted == ["kill_engine", "reset"])
        assert page(patch.comp, "Show")["Refsnap"].label == "Ref Snap"
        patch.td.press(patch.comp, "Refsnap")
        patch.until(lambda: desk.acted == ["kill_engine", "reset", "ref/snap"])
        patch.td.press(patch.comp, "Look3")
        patch.until(lambda: desk.acted[3:] == ["look 3"])
        patch.td.press(patch.comp, "Help")
        assert patch.comp.op("help").viewed


def test_status_and_numbers_are_outputs(patch, desk):
    with bridge(desk) as port:
        patch.connect(port)
        desk.now = {**desk.now, "fps": 12.5, "latency": 240.0, "output_size": "640x360",
                    "error": "no more paint"}  # fmt: skip
        patch.until(lambda: patch.par.Fps.eval() == 12.5 and patch.par.Outputw.eval() == 640)
        assert patch.par.Latency.eval() == 240
        assert patch.par.Lasterror.eval() == "no more paint"
        assert patch.comp.op("status").row("error")[1].val == "no more paint"
        assert patch.comp.op("state_numbers").row("latency")[1].val == "240"
        assert patch.comp.op("state_numbers").row("error") is None


# Pipelines.


def test_a_change_of_pipeline_rebuilds_the_page_and_keeps_the_wiring(patch, desk):
    with bridge(desk) as port:
        patch.connect(port)
        patch.drive("Antiflicker", "0.25")
        patch.par.Pipeline = "passthrough"
        patch.until(lambda: desk.switched == [("passthrough", {})])
        desk.now = {**desk.now, "pipeline": "passthrough"}
        patch.until(lambda: "Prompt" not in page(patch.comp, "Generate"))
        assert patch.par.Antiflicker.enable is False, "driven: greyed out, not gone"
        assert "Mix" in page(patch.comp, "Show")
        desk.now = {**desk.now, "pipeline": "stylize"}
        patch.until(lambda: "Prompt" in page(patch.comp, "Generate"))
        patch.until(lambda: patch.par.Prompt.eval() == value(desk, "prompt"))
        assert patch.par.Antiflicker.enable is True
        assert patch.par.Antiflicker.expr == "0.25"
        assert patch.par.Pipeline.eval() == "stylize"
        patch.until(lambda: value(desk, "anti_flicker") == 0.25)


def test_twenty_changes_of_pipeline_and_the_pages_are_right_each_time(patch, desk):
    with bridge(desk) as port:
        patch.connect(port)
        ids, ours = [row["id"] for row in desk.pipelines()], set(patch.own)
        for number in range(20):
            name = ids[(number + 1) % len(ids)]
            desk.now = {**desk.now, "pipeline": name}
            patch.until(lambda name=name: patch.par.Pipeline.eval() == name)
            row = next(row for row in desk.pipelines() if row["active"])
            of_all = {n for r in desk.pipelines() for n in (*r["parameters"], *r["load"])}
            common = set(desk.store.specs) - of_all
            patch.until(
                lambda row=row, common=common: (
                    set(patch.comp.Names())
                    == {*row["parameters"], *row["load"], *common, "pipeline"}
                )
            )
            there = {par.name for par in patch.comp.customPars}
            assert set(patch.comp.Names().values()) <= there
            shown = {name for p in ("Generate", "Engine", "Video") for name in page(patch.comp, p)}
            assert shown - ours <= set(patch.comp.Names().values()), "nothing of another pipeline"
            for key, own in patch.comp.Names().items():
                if key != "pipeline" and patch.par[own].style != "File":
                    patch.until(lambda key=key: patch.comp.Get(key) == value(desk, key))
        assert patch.par.Lasterror.eval() == ""
        assert desk.switched == []


def test_a_page_that_could_not_be_made_is_made_later_and_the_rest_at_once(
    patch, desk, monkeypatch, caplog
):
    refused, given = [], Par.help

    def help(par, text):
        if par.name == "Prompt" and len(refused) < 2:
            refused.append(par.name)
            raise TdError("not in this build")
        given.fset(par, text)

    monkeypatch.setattr(Par, "help", property(given.fget, help))
    with bridge(desk) as port:
        patch.connect(port)
        assert "Prompt cannot be created: TdError: not in this build" in patch.par.Lasterror.eval()
        assert "Promptweight" in page(patch.comp, "Generate")
        assert "Panic" in page(patch.comp, "Show")
        assert "Prompt" not in page(patch.comp, "Generate"), "nor half of it"
        patch.until(lambda: "Prompt" in page(patch.comp, "Generate"))
        patch.until(lambda: patch.par.Prompt.eval() == value(desk, "prompt"))
        assert patch.par.Lasterror.eval() == ""
    assert refused == ["Prompt", "Prompt"]
    assert "not in this build" in caplog.text


def test_other_entries_in_a_menu_change_no_choice_and_send_nothing(patch, desk):
    with bridge(desk) as port:
        patch.connect(port)
        desk.store.update({"on_loss": "card"})
        patch.until(lambda: patch.par.Onloss.eval() == "card")
        for look in ("first", "opening"):
            patch.par.Look = look
            patch.td.press(patch.comp, "Savelook")
        assert patch.par.Look.menuNames == ["first", "opening"]
        assert patch.par.Look.eval() == "opening"
        rows = list(desk._rows.items())
        desk._rows = dict(reversed(rows))  # an update of the bridge has them in another order
        number = desk.store.snapshot.number
        patch.comp.Connect()
        patch.until(lambda: patch.par.Pipeline.menuNames == [name for name, _ in reversed(rows)])
        assert patch.par.Pipeline.eval() == "stylize", "nor for one frame"
        patch.until(lambda: patch.state == "CONNECTED")
        patch.play(0.5)
        assert patch.par.Pipeline.eval() == "stylize"
        assert patch.par.Onloss.eval() == "card"
        assert patch.par.Look.eval() == "opening"
        assert desk.switched == []
        assert desk.store.snapshot.number == number


def test_a_choice_that_a_menu_has_no_more_is_not_sent(patch, desk, monkeypatch):
    with bridge(desk) as port:
        patch.connect(port)
        desk.store.update({"on_loss": "card"})
        patch.until(lambda: patch.par.Onloss.eval() == "card")
        number, schema = desk.store.snapshot.number, schemas.schema(desk)
        [row] = [row for row in schema["parameters"] if row["name"] == "on_loss"]
        row["choices"] = ["hold", "passthrough"]
        monkeypatch.setattr("bridge.control.http.app.schema", lambda _: schema)
        patch.comp.Connect()
        patch.until(lambda: patch.par.Onloss.menuNames == ["hold", "passthrough"])
        patch.until(lambda: patch.state == "CONNECTED")
        patch.play(0.5)
        assert desk.store.snapshot.number == number
        assert value(desk, "on_loss") == "card"


def test_a_bridge_without_pipelines_leaves_a_menu_of_one_empty_entry(patch, desk):
    desk._rows = {}
    with bridge(desk) as port:
        patch.connect(port)
        assert patch.par.Pipeline.menuNames == [""]
        assert patch.par.Lasterror.eval() == ""


def test_the_loras_of_the_bridges_machine_are_a_menu(patch, desk):
    """What fits comes first; one that is gone, or that is only typed, stays as it is."""
    there = desk.weights.library.models / "loras"
    big = lora_file(there / "a big.safetensors", 5120)
    lora_file(there / "ink" / "my style.safetensors", 1536)
    lora_file(there / "odd.safetensors", 77)
    (there / "unknown.pt").write_bytes(b"weights")
    desk.now["pipeline"] = "longlive"
    with bridge(desk) as port:
        patch.connect(port)
        par = patch.par.Lora1
        patch.until(lambda: len(par.menuNames) > 1)
        assert par.menuNames == [
            "", "ink/my style.safetensors", "unknown.pt", "a big.safetensors", "odd.safetensors"
        ]  # fmt: skip
        none, fits, unknown, other, odd = par.menuLabels
        assert none == "none"
        assert re.fullmatch(
            r"ink/my style.safetensors  fits .*longlive.*; 0.0 MB; 20..-..-..", fits
        )
        assert "unknown.pt  compatibility shown on loading; 0.0 MB" in unknown
        assert "fits krea-realtime-video" in other
        assert "longlive" not in other
        assert "odd.safetensors  fits no pipeline" in odd
        par.val = "a big.safetensors"
        patch.until(lambda: value(desk, "lora_1") == "a big.safetensors")
        big.unlink()
        number = desk.store.snapshot.number
        patch.comp.Connect()
        patch.until(lambda: "a big.safetensors" not in patch.par.Lora1.menuNames)
        assert patch.par.Lora1.eval() == "a big.safetensors"
        patch.par.Lora2 = "typed by hand"
        patch.until(lambda: value(desk, "lora_2") == "typed by hand")
        patch.play(0.3)
        assert patch.par.Lora1.eval() == value(desk, "lora_1") == "a big.safetensors"
        assert desk.store.snapshot.number == number + 1
        assert patch.par.Lasterror.eval() == ""


def test_loras_that_cannot_be_listed_leave_the_menu_as_it_is(patch, desk, monkeypatch):
    desk.now["pipeline"] = "longlive"
    lora_file(desk.weights.library.models / "loras" / "ink.safetensors", 1536)
    with bridge(desk) as port:
        patch.connect(port)
        patch.until(lambda: patch.par.Lora1.menuNames == ["", "ink.safetensors"])

        def sleeps():
            raise SlowError("The disk does not answer.")

        monkeypatch.setattr(desk.weights, "loras", sleeps)
        patch.comp.Connect()
        patch.until(lambda: patch.state == "CONNECTING")
        patch.until(lambda: patch.state == "CONNECTED")
        patch.play(0.2)
        assert patch.par.Lora1.menuNames == ["", "ink.safetensors"]
        assert patch.par.Lasterror.eval() == ""


def test_what_drives_a_text_drives_it_still_where_it_became_a_menu(patch, desk):
    """As a parameter of a component that was saved by an earlier version."""
    desk.now["pipeline"] = "longlive"
    with bridge(desk) as port:
        patch.connect(port)
        schema = patch.comp.ext.SpoutBridgeExt._show.schema()
        plain = [{**spec, "lora": False} for spec in schema["parameters"]]
        patch.comp.ext.SpoutBridgeExt._show._build({**schema, "parameters": plain})
        assert patch.par.Lora1.style == "Str"
        patch.drive("Lora1", "'ink' + '.safetensors'")
        patch.par.Lora2 = "mine"
        patch.until(lambda: value(desk, "lora_2") == "mine")
        number = desk.store.snapshot.number
        patch.comp.Connect()
        patch.until(lambda: patch.par.Lora1.style == "StrMenu")
        assert (patch.par.Lora1.expr, patch.par.Lora2.eval()) == ("'ink' + '.safetensors'", "mine")
        patch.play(0.3)
        assert value(desk, "lora_1") == "ink.safetensors"
        assert desk.store.snapshot.number <= number + 1


def test_a_switch_that_is_refused_turns_the_menu_back(patch, desk):
    desk.switch = lambda *_: (_ for _ in ()).throw(LookupError("There are no weights here."))
    with bridge(desk) as port:
        patch.connect(port)
        patch.par.Pipeline = "longlive"
        patch.until(lambda: "no weights" in patch.par.Lasterror.eval())
        patch.until(lambda: patch.par.Pipeline.eval() == "stylize")


def test_what_an_expression_drives_stays_with_the_patch(patch, desk):
    with bridge(desk) as port:
        patch.connect(port)
        patch.drive("Promptweight", "absTime.seconds % 2")
        patch.play(0.2)
        first = value(desk, "prompt_weight")
        patch.until(lambda: value(desk, "prompt_weight") != first)
        patch.drive("Vacescale", "1.75")
        patch.until(lambda: value(desk, "vace_scale") == 1.75)
        desk.store.update({"vace_scale": 0.5})
        patch.until(lambda: value(desk, "vace_scale") == 1.75)
        assert patch.par.Vacescale.mode is ParMode.EXPRESSION


# The states of the connection.


def test_the_bridge_goes_and_comes_back(patch, desk):
    with bridge(desk) as port:
        patch.connect(port)
        patch.until(lambda: patch.par.Live.eval() == 1.0)
    patch.until(lambda: patch.state == "LOST")
    assert "Lost the bridge" in patch.par.Message.eval()
    assert patch.comp.errors == [patch.par.Message.eval()]
    patch.until(lambda: patch.par.Live.eval() == 0.0)
    patch.par.Vacescale = 0.75
    patch.play(0.1)
    with bridge(desk, port):
        patch.until(lambda: patch.state == "CONNECTED")
        patch.until(lambda: value(desk, "vace_scale") == 0.75)
        patch.until(lambda: patch.par.Live.eval() == 1.0)
    assert patch.comp.errors == []


@pytest.mark.parametrize("osc_first", [True, False])
def test_a_stall_of_touchdesigner_dips_no_output(patch, desk, osc_first):
    with bridge(desk) as port:
        patch.connect(port)
        patch.until(lambda: patch.par.Live.eval() == 1.0)
        patch.td.osc_first = osc_first
        time.sleep(1.3)
        for _ in range(20):
            patch.td.frame()
            assert patch.par.Live.eval() == 1.0
        assert patch.state == "CONNECTED"


@pytest.mark.slow
def test_a_bridge_that_began_anew_at_once_is_noticed(patch, desk, tmp_path):
    with bridge(desk) as port:
        patch.connect(port)
        patch.play(1.0)
    other = Desk(desk.assets)
    other.store.update({"prompt": "another bridge"})
    with bridge(other, port):
        patch.until(lambda: patch.par.Prompt.eval() == "another bridge")
        patch.until(lambda: patch.state == "CONNECTED")


def test_the_placeholder_of_a_sender_that_is_gone_is_never_shown(patch, desk):
    with bridge(desk) as port:
        patch.connect(port)
        patch.until(lambda: patch.par.Live.eval() == 1.0)
        spout = patch.comp.op("spout_in")
        spout.width = spout.height = 128
        patch.play(0.0)
        assert patch.par.Live.eval() == 0.0
        assert spout.cooked > 0, "or it would never see the sender come back"
        spout.width, spout.height = 1280, 720
        patch.until(lambda: patch.par.Live.eval() == 1.0)


@pytest.mark.slow
def test_the_picture_stays_where_that_is_wanted(patch, desk):
    patch.par.Whengone = "stay"
    with bridge(desk) as port:
        patch.connect(port)
        patch.until(lambda: patch.par.Live.eval() == 1.0)
    patch.until(lambda: patch.state == "LOST")
    patch.play(0.2)
    assert patch.par.Live.eval() == 1.0


def test_nobody_there(patch):
    patch.connect(free_port(socket.SOCK_STREAM), "OFFLINE")
    assert "No bridge at" in patch.par.Message.eval()
    assert patch.par.Live.eval() == 0.0


@contextmanager
def stranger(answer):
    """A TCP server that says something to whoever connects; None for nothing at all."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        ended = threading.Event()

        def serve():
            kept = []
            while not ended.is_set():
                with suppress(OSError):
                    kept.append(server.accept()[0])
                    if answer is not None and not ended.is_set():
                        kept[-1].recv(4096)
                        kept[-1].sendall(answer)
                        kept.pop().close()
            for sock in kept:
                sock.close()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            ended.set()
            with socket.create_connection(server.getsockname()):
                pass
            thread.join()


HTML = b"<html>hello</html>"
PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(HTML), HTML)


@pytest.mark.parametrize("answer", [b"220 smtp ready\r\n", PAGE, b"\0\1\2\3\r\n\r\n"])
def test_something_else_is_there(patch, answer):
    with stranger(answer) as port:
        patch.connect(port, "WRONG")
        assert "is not spout-bridge" in patch.par.Message.eval()


def test_another_web_server_is_there(patch, tmp_path):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        patch.connect(server.server_port, "WRONG")
        server.shutdown()
        thread.join()


def test_blanks_around_what_was_pasted_do_nothing(patch, desk):
    with bridge(desk) as port:
        patch.connect(port)
        patch.par.Host, patch.par.Sendname, patch.par.Receivename = " 127.0.0.1\n", " In ", "Out "
        patch.par.Vacescale = 0.5
        patch.until(lambda: value(desk, "vace_scale") == 0.5)
        assert patch.state == "CONNECTED"
        inside = [patch.comp.op(name).par for name in ("spout_out", "spout_in", "osc_in")]
        assert [par.sendername.eval() for par in inside[:2]] == ["In", "Out"]
        assert inside[2].localaddress.eval() == "127.0.0.1"


def test_a_mistyped_host_is_called_that_and_osc_never_tries_it(patch, desk, monkeypatch, caplog):
    look_up = socket.getaddrinfo

    def known(host, *arguments, **more):
        if host == "127.0.0.l":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return look_up(host, *arguments, **more)

    monkeypatch.setattr(socket, "getaddrinfo", known)
    osc_out, tried = patch.comp.op("osc_out"), []
    send = osc_out.sendOSC
    osc_out.sendOSC = lambda *message, **more: (
        tried.append(osc_out.par.address.eval()) or send(*message, **more)
    )
    with bridge(desk) as port:
        patch.connect(port)
        patch.par.Host = "127.0.0.l"
        patch.until(lambda: patch.state == "OFFLINE")
        assert patch.par.Message.eval() == "There is no machine called 127.0.0.l: check Host."
        patch.until(lambda: patch.par.Live.eval() == 0.0)
        assert patch.par.Lasterror.eval() == ""
        patch.comp.Do("reset")
        patch.until(lambda: "reset: There is no machine" in patch.par.Lasterror.eval())
        for host in ("http://127.0.0.1", "127.0.0.1:8000", "[::1]", "", "my pc", "127.0.0.1\u200b"):
            patch.par.Host = host
            patch.until(lambda: patch.par.Message.eval().startswith("Host is "))
            assert patch.state == "OFFLINE"
        patch.td.quit()
        assert set(tried) == {"127.0.0.1"}
    assert caplog.records == []


def test_whatever_sendosc_raises_the_frames_go_on_and_it_is_tried_again(patch, desk, caplog):
    osc_out = patch.comp.op("osc_out")
    send, broken = osc_out.sendOSC, [True]

    def sending(*message, **more):
        if broken:
            raise RuntimeError("no route")
        send(*message, **more)

    with bridge(desk) as port:
        patch.connect(port)
        patch.until(lambda: patch.par.Live.eval() == 1.0)
        osc_out.sendOSC = sending
        patch.par.Vacescale, patch.par.Fade = 0.5, 2.0
        patch.until(lambda: patch.state == "OFFLINE")
        assert "OSC cannot be sent to 127.0.0.1:" in patch.par.Message.eval()
        assert "no route" in patch.par.Message.eval()
        patch.until(lambda: patch.par.Live.eval() == 0.0)
        patch.td.press(patch.comp, "Panic")
        patch.until(lambda: "panic: OSC cannot be sent" in patch.par.Lasterror.eval())
        broken.clear()
        patch.comp.Connect()
        patch.until(lambda: patch.state == "CONNECTED")
        patch.until(lambda: (value(desk, "vace_scale"), value(desk, "fade")) == (0.5, 2.0))
    assert [record.levelname for record in caplog.records] == ["ERROR"], "told once"


@pytest.mark.slow
def test_one_who_never_answers_holds_up_no_frame(patch):
    with stranger(None) as port:
        patch.connect(port, "OFFLINE")
    assert "timed out" in patch.par.Message.eval()
    assert patch.slowest < 2, "the timeout is 3 s, and none of it is the patch's"


@pytest.mark.parametrize("version", [None, "0.0.9"])
def test_an_old_bridge_is_called_old(patch, desk, monkeypatch, version):
    with bridge(desk) as port:
        if version is None:  # those before the version was told
            schema = schemas.schema(desk)
            del schema["version"]
            monkeypatch.setattr("bridge.control.http.app.schema", lambda _: schema)
        else:
            monkeypatch.setattr(schemas, "__version__", version)
        patch.connect(port, "OLD")
        assert "update it" in patch.par.Message.eval()
        assert page(patch.comp, "Generate") == {}


def test_a_token_is_asked_for_and_taken(patch, desk):
    with bridge(desk, token="secret") as port:
        patch.connect(port, "REFUSED")
        assert "token" in patch.par.Message.eval()
        patch.par.Token = "secret"
        patch.until(lambda: patch.state == "CONNECTED")


@pytest.mark.slow
def test_a_reply_port_that_another_has(patch, desk):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other, bridge(desk) as port:
        other.bind(("127.0.0.1", 0))
        patch.par.Replyport = other.getsockname()[1]
        patch.connect(port, "DEAF")
        assert "Reply Port" in patch.par.Message.eval()
        assert patch.par.Live.eval() > 0, "the pictures come all the same"
        patch.par.Vacescale = 0.5
        patch.until(lambda: value(desk, "vace_scale") == 0.5)
        desk.now = {**desk.now, "fps": 7.5}
        patch.until(lambda: patch.par.Fps.eval() == 7.5)
        patch.par.Replyport = free_port()
        patch.until(lambda: patch.state == "CONNECTED")


def test_switched_off(patch, desk):
    with bridge(desk) as port:
        patch.connect(port)
        patch.comp.Disconnect()
        patch.until(lambda: patch.state == "OFF")
        patch.par.Vacescale = 0.5
        patch.play(0.2)
        assert value(desk, "vace_scale") == 1.0
        patch.comp.Connect()
        patch.until(lambda: value(desk, "vace_scale") == 0.5)


@pytest.mark.slow
def test_a_patch_opens_without_its_bridge_and_sends_what_was_moved(patch, desk):
    with bridge(desk) as port:
        patch.connect(port)
    patch.comp.initializeExtensions()  # as on opening the file
    patch.until(lambda: patch.state == "OFFLINE")
    assert "prompt" in patch.comp.Names()
    patch.play(0.1)
    patch.comp.Set("prompt", "moved while away")
    patch.play(0.1)
    with bridge(desk, port):
        patch.until(lambda: value(desk, "prompt") == "moved while away")


def test_the_patch_is_right_where_that_is_wanted(patch, desk):
    with bridge(desk) as port:
        patch.connect(port)
        patch.par.Active = False
        patch.until(lambda: patch.state == "OFF")
        desk.store.update({"vace_scale": 0.125})
        patch.par.Onconnect = "patch"
        patch.par.Active = True
        patch.until(lambda: value(desk, "vace_scale") == 1.0)


def test_a_patch_that_was_saved_before_plays_the_bridge_of_today(patch, desk):
    """`golden/patch.json` is the component of a project that was saved by version 0.1.0, with what
    expressions and scripts of it may name; it is never made anew.
    """
    saved = json.loads((GOLDEN / "patch.json").read_text())
    pages = patch.comp.op("bridge_pages").module
    of_now = {
        former: row.name
        for row in pages.plan(schemas.schema(desk), {"Live"})
        for former in row.former
    }
    with bridge(desk) as port:
        patch.connect(port)
        names = {par.name for par in patch.comp.customPars}
        of_then = {*saved["values"], *saved["pulses"], *saved["shown"]}
        assert {of_now.get(name, name) for name in of_then} <= names
        for name, held in saved["values"].items():
            if name not in ("Host", "Token", "Look"):
                setattr(patch.par, of_now.get(name, name), held)
        looks = patch.comp.op("looks")
        for row in saved["looks"]:
            looks.appendRow(row)
        patch.until(lambda: value(desk, "prompt") == "gold circles")
        patch.until(lambda: (value(desk, "mix"), value(desk, "hold_s")) == (0.75, 5.0))
        desk.store.update({"prompt": "another", "anti_flicker": 1.0})
        patch.until(lambda: patch.par.Prompt.eval() == "another")
        patch.comp.RecallLook("dawn")
        patch.until(
            lambda: (value(desk, "prompt"), value(desk, "anti_flicker")) == ("gold circles", 0.25)
        )
    words = shlex.split(saved["command"].format(port=port))
    parser_of([], []).parse_args(words[words.index("bridge.cli") + 1 :])


def test_parameters_that_were_renamed_take_over_values_and_wiring(patch, desk):
    """A project that is opened after an update of the bridge: its component has the old names."""
    pages, comp = patch.comp.op("bridge_pages").module, patch.comp
    own = {par.name for par in comp.customPars}
    rows = pages.plan(schemas.schema(desk), own)
    before = [row._replace(name=row.former[0], former=()) if row.former else row for row in rows]
    assert before != rows
    assert pages.apply(comp, before) == []
    comp.par.Nopicture = "card"
    patch.drive("Steady", "0.25")
    assert pages.apply(comp, rows, [row.name for row in before]) == []
    assert comp.par.Onloss.eval() == "card"
    assert (comp.par.Antiflicker.expr, comp.par.Antiflicker.enable) == ("0.25", True)
    assert comp.par.Golive is not None
    assert [comp.par[name] for name in ("Nopicture", "Steady", "Calm")] == [None] * 3
    kept = comp.par.Onloss.eval()
    assert pages.apply(comp, rows, [row.name for row in rows]) == []
    assert comp.par.Onloss.eval() == kept


# Looks, callbacks, defects.


def test_looks_are_saved_recalled_and_followed_by_the_next(patch, desk):
    with bridge(desk) as port:
        patch.connect(port)
        for name, scale in (("opening", 0.5), ("2", 1.5)):
            patch.par.Vacescale = scale
            patch.comp.Set("prompt", name)
            patch.comp.Set("steady", 0.25)  # by its previous name
            patch.par.Look = name
            patch.td.press(patch.comp, "Savelook")
        assert patch.comp.Looks() == patch.par.Look.menuNames == ["opening", "2"]
        patch.until(lambda: value(desk, "vace_scale") == 1.5 and value(desk, "prompt") == "2")
        patch.until(lambda: not desk.store.untold)
        numbers = []
        desk.store.listen(lambda change: numbers.append(dict(change.changed)))
        patch.comp.RecallLook("opening")
        patch.until(lambda: patch.par.Vacescale.eval() == 0.5)
        assert numbers == [{"vace_scale": 0.5, "prompt": "opening"}], "one snapshot"
        patch.until(lambda: patch.par.Look.eval() == "opening")
        patch.td.press(patch.comp, "Nextlook")
        patch.until(lambda: patch.par.Prompt.eval() == "2")
        patch.comp.RecallLook("third")
        assert "Look 'third' does not exist" in patch.par.Lasterror.eval()
        patch.comp.DeleteLook("2")
        assert patch.comp.Looks() == ["opening"]


def test_a_look_is_found_by_its_name_and_not_as_a_pattern(patch, desk):
    with bridge(desk) as port:
        patch.connect(port)
        for name, scale in (("abc", 0.25), ("a*", 0.5), ("[b]", 0.75), ("?", 1.0)):
            patch.par.Vacescale = scale
            patch.comp.SaveLook(name)
        assert patch.comp.Looks() == ["abc", "a*", "[b]", "?"]
        patch.comp.RecallLook("a*")
        patch.until(lambda: patch.par.Vacescale.eval() == 0.5)
        patch.comp.SaveLook("a*")
        patch.comp.DeleteLook("?")
        assert patch.comp.Looks() == ["abc", "[b]", "a*"]
        patch.comp.DeleteLook("*")
        assert patch.comp.Looks() == ["abc", "[b]", "a*"]


def test_back_to_the_defaults_but_for_the_stage_and_what_is_driven(patch, desk):
    with bridge(desk) as port:
        patch.connect(port)
        patch.drive("Vacescale", "0.5")
        patch.par.Mix, patch.par.Promptweight = 0.25, 1.5
        patch.comp.Set("prompt", "ü 日本")
        patch.until(lambda: value(desk, "prompt") == "ü 日本" and value(desk, "mix") == 0.25)
        patch.until(lambda: value(desk, "vace_scale") == 0.5)
        patch.td.press(patch.comp, "Resettodefaults")
        patch.until(lambda: patch.comp.Get("prompt") == desk.store.specs["prompt"].default)
        assert patch.par.Promptweight.eval() == desk.store.specs["prompt_weight"].default
        patch.play(0.3)
        assert (value(desk, "mix"), value(desk, "vace_scale")) == (0.25, 0.5)


def test_loading_and_memory_are_on_the_first_page(patch, desk):
    with bridge(desk) as port:
        patch.connect(port)
        first = page(patch.comp, "Bridge")
        assert first["Loading"].eval() == ""
        desk.now = {**desk.now, "loading": "longlive", "phase": "text encoder", "progress": 0.4,
                    "memory": 200.0, "worker_memory": 1800.0}  # fmt: skip
        patch.until(lambda: patch.par.Loading.eval() == "longlive: text encoder, 40 %")
        patch.until(lambda: patch.par.Memory.eval() == 2000.0)
    patch.until(lambda: patch.state == "LOST")
    assert (patch.par.Loading.eval(), patch.par.Memory.eval()) == ("", 0.0)


def test_what_only_shows_leaves_nothing_to_save(patch, desk):
    with bridge(desk) as port:
        patch.connect(port)
        patch.until(lambda: patch.par.Live.eval() == 1.0)
        patch.play(0.3)
        before = patch.td.dirty
        for fps in (5.5, 7.5):
            desk.now = {**desk.now, "fps": fps, "error": f"no more paint {fps}", "phase": str(fps)}
            patch.until(lambda fps=fps: patch.par.Fps.eval() == fps)
            patch.until(lambda fps=fps: patch.par.Statephase.eval() == str(fps))
            patch.until(lambda fps=fps: patch.par.Lasterror.eval() == f"no more paint {fps}")
        assert patch.td.dirty == before
    patch.until(lambda: patch.state == "LOST")
    patch.until(lambda: patch.par.Live.eval() == 0.0)
    assert patch.td.dirty == before
    assert patch.par.Statefps.readOnly


def test_a_state_that_the_bridge_has_no_more_leaves_no_parameter(patch, desk, monkeypatch):
    with bridge(desk) as port:
        patch.connect(port)
        assert patch.par["Statephase"] is not None
        schema = schemas.schema(desk)
        schema["state"] = [row for row in schema["state"] if row["name"] != "phase"]
        monkeypatch.setattr("bridge.control.http.app.schema", lambda _: schema)
        patch.comp.Connect()
        patch.until(lambda: patch.par["Statephase"] is None)
        patch.until(lambda: patch.state == "CONNECTED")


CALLBACKS = """
heard = []
def onConnect(info): heard.append(("connect", info["connection"]))
def onDisconnect(info): heard.append(("disconnect", info["connection"]))
def onState(info): heard.append(("state", info["state"]))
def onPipeline(info): heard.append(("pipeline", info["pipeline"]))
def onLook(info): heard.append(("look", info["look"]))
def onError(info): raise RuntimeError("my mistake")
"""


def test_callbacks_are_called_and_cannot_break_it(patch, desk):
    patch.td.press(patch.comp, "Createcallbacks")
    dat = patch.td.place.op("SpoutBridge_callbacks")
    assert patch.par.Callbackdat.eval() is dat
    assert all(f"def {name}(info)" in dat.text for name in patch.comp.Contract()["callbacks"])
    dat.text = CALLBACKS
    with bridge(desk) as port:
        patch.connect(port)
        patch.comp.SaveLook("one")
        patch.comp.RecallLook("one")
        patch.until(lambda: ("look", "one") in dat.module.heard)
        patch.comp.RecallLook("none such")
        assert "my mistake" in patch.par.Lasterror.eval()
    patch.until(lambda: patch.state == "LOST")
    wanted = [("connect", "CONNECTED"), ("state", "RUNNING"), ("pipeline", "stylize"),
              ("disconnect", "LOST")]  # fmt: skip
    assert set(wanted) <= set(dat.module.heard)


def test_several_tools_listen_beside_the_callback_dat(patch, desk):
    patch.td.press(patch.comp, "Createcallbacks")
    own = patch.par.Callbackdat.eval()
    one, two = (patch.td.place.create("textDAT", name) for name in ("one", "two"))
    own.text = "heard = []\ndef onLook(info): heard.append(info['look'])"
    one.text = "def onLook(info): raise RuntimeError('mine')"
    two.text = own.text
    for dat in (one, two, two):
        patch.comp.AddListener(dat)
    patch.comp.AddListener(one.path)
    with pytest.raises(LookupError, match="No DAT with callbacks at '/project1/three'"):
        patch.comp.AddListener("/project1/three")
    with bridge(desk) as port:
        patch.connect(port)
        patch.comp.initializeExtensions()
        patch.until(lambda: patch.state == "CONNECTED")
        patch.comp.SaveLook("x")
        patch.comp.RecallLook("x")
        patch.until(lambda: own.module.heard and two.module.heard)
        assert (own.module.heard, two.module.heard) == (["x"], ["x"])
        assert "onLook in /project1/one: RuntimeError: mine" in patch.par.Lasterror.eval()
        patch.comp.RemoveListener(two)
        one.destroy()
        patch.comp.RecallLook("x")
        patch.until(lambda: own.module.heard == ["x", "x"])
        assert two.module.heard == ["x"]


def test_a_defect_stops_the_component_and_not_the_patch(patch, caplog):
    patch.comp.op("spout_in").destroy()
    patch.play(0.05)
    assert "AttributeError" in patch.par.Lasterror.eval()
    assert len(caplog.records) == 1, "told once, not at every frame"
    assert "AttributeError" in patch.comp.SelfTest()[0]
    patch.comp.create("syphonspoutinTOP", "spout_in")
    patch.until(lambda: patch.par.Lasterror.eval() == "")
    patch.comp.op("spout_in").destroy()
    patch.until(lambda: "AttributeError" in patch.par.Lasterror.eval())


# The last error.


def test_the_last_error_goes_when_what_failed_works_again(patch, desk, tmp_path):
    path = tmp_path / "art.png"
    path.write_bytes(cv2.imencode(".png", np.full((20, 30, 3), 90, np.uint8))[1].tobytes())
    shown = patch.par.Lasterror
    with bridge(desk) as port:
        patch.connect(port)
        patch.par.Reference = str(tmp_path / "gone.png")
        patch.until(lambda: "gone.png" in shown.eval())
        patch.par.Prompt = "waves"  # of something else
        desk.now = {**desk.now, "error": "no more paint"}
        patch.until(lambda: shown.eval() == "no more paint")
        patch.until(lambda: value(desk, "prompt") == "waves")
        patch.comp.RecallLook("none such")
        assert "none such" in shown.eval()
        patch.comp.SaveLook("one")
        assert shown.eval() == "no more paint", "the newest of those that last"
        desk.now = {**desk.now, "error": ""}
        patch.until(lambda: "gone.png" in shown.eval())
        patch.par.Reference = str(path)
        patch.until(lambda: shown.eval() == "")
        patch.par.Reference2 = str(tmp_path / "gone.png")
        patch.until(lambda: "reference_2: File " in shown.eval())
        patch.par.Reference2 = ""
        patch.until(lambda: shown.eval() == "")
        desk.switch = lambda *_: (_ for _ in ()).throw(LookupError("There are no weights here."))
        patch.par.Pipeline = "longlive"
        patch.until(lambda: "no weights" in shown.eval())
        del desk.switch
        patch.par.Pipeline = "passthrough"
        patch.until(lambda: shown.eval() == "")


def test_an_error_of_what_is_over_goes_after_a_while_and_one_that_lasts_stays(patch, desk):
    with bridge(desk) as port:
        patch.connect(port)
        desk.now = {**desk.now, "error": "no more paint"}
        patch.until(lambda: patch.par.Lasterror.eval() == "no more paint")
        patch.comp.Set("reference", "nowhere.png")  # which the bridge refuses, and it turns back
        patch.until(lambda: "nowhere.png" in patch.par.Lasterror.eval())
        patch.until(lambda: patch.par.Reference.eval() == "")
        assert "nowhere.png" in patch.par.Lasterror.eval(), "that it turned back is no cure"
        at = time.monotonic
        patch.comp.op("bridge_show").module.time = SimpleNamespace(monotonic=lambda: at() + 61.0)
        patch.until(lambda: patch.par.Lasterror.eval() == "no more paint")
        patch.play(0.1)
        assert patch.par.Lasterror.eval() == "no more paint"


def test_an_error_of_one_bridge_is_not_shown_beside_another(patch, desk):
    other = Desk(desk.assets)
    with bridge(desk) as port, bridge(other) as there:
        patch.connect(port)
        desk.now = {**desk.now, "error": "no more paint"}
        patch.until(lambda: patch.par.Lasterror.eval() == "no more paint")
        patch.par.Port = there
        patch.until(lambda: patch.par.Lasterror.eval() == "")
        patch.until(lambda: patch.state == "CONNECTED")
        patch.par.Port = port
        patch.until(lambda: patch.par.Lasterror.eval() == "no more paint")


def test_a_bridge_that_was_left_is_heard_no_more(patch, desk):
    """Two that are heard at one port would look like one that began anew, over and over."""
    other = Desk(desk.assets)
    with bridge(desk) as port, bridge(other) as there:
        patch.connect(port)
        patch.par.Port = there
        patch.until(lambda: patch.state == "CONNECTING")
        patch.until(lambda: patch.state == "CONNECTED")
        patch.play(0.3)
        heard = []
        patch.comp.ext.SpoutBridgeExt.heard = lambda *message: heard.append(message)
        desk.store.update({"prompt": "of the one that was left"})
        other.store.update({"fade": 2.5})
        patch.until(lambda: ("/bridge/fade", [2.5]) in heard)
        assert "/bridge/prompt" not in [address for address, _ in heard]


def test_an_error_of_a_callback_goes_when_it_works(patch):
    patch.td.press(patch.comp, "Createcallbacks")
    dat = patch.par.Callbackdat.eval()
    dat.text = "def onError(info): raise RuntimeError('my mistake')"
    patch.comp.RecallLook("none such")
    assert "my mistake" in patch.par.Lasterror.eval()
    dat.text = "def onError(info): pass"
    patch.comp.RecallLook("nor this")
    assert "Look 'nor this' does not exist" in patch.par.Lasterror.eval()
    patch.comp.SaveLook("nor this")
    assert patch.par.Lasterror.eval() == ""


# A bridge of this machine.


def python(code):
    """A command line of this system."""
    words = [sys.executable, "-c", code]
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)


def test_a_bridge_that_does_not_start_says_why(patch):
    patch.par.Command = python("import sys; sys.exit('Port 8000 is in use by another program')")
    patch.td.press(patch.comp, "Startbridge")
    patch.until(lambda: "Port 8000 is in use" in patch.par.Lasterror.eval())
    patch.td.press(patch.comp, "Stopbridge")
    patch.until(lambda: "not started here" in patch.par.Lasterror.eval())
    patch.par.Command = "no-such-program"
    patch.comp.par.Command.default = ""
    patch.td.press(patch.comp, "Startbridge")
    patch.until(lambda: "no-such-program cannot be started" in patch.par.Lasterror.eval())
    assert "Install spout-bridge here" in patch.par.Lasterror.eval()
    patch.par.Command = python(OBEYS)
    patch.td.press(patch.comp, "Startbridge")
    patch.until(lambda: patch.par.Lasterror.eval() == "")
    patch.td.press(patch.comp, "Stopbridge")
    patch.until(lambda: patch.comp.fetch("spout_bridge_process", None) is None)


@pytest.mark.skipif(os.name == "nt", reason="a script is no program there")
def test_a_command_of_another_machine_gives_way_to_the_bridge_that_path_finds(
    patch, tmp_path, monkeypatch, caplog
):
    program = tmp_path / "spout-bridge"
    code = "import sys\nprint('by PATH', *sys.argv[1:], flush=True)\nsys.stdin.read()\n"
    program.write_text(f"#!{sys.executable}\n{code}")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    patch.par.Port = port = free_port(socket.SOCK_STREAM)
    patch.par.Command = '"C:/Somebody/Else/Scripts/spout-bridge.exe" run'
    patch.until(lambda: patch.state == "OFFLINE")
    patch.td.press(patch.comp, "Startbridge")
    patch.until(lambda: patch.par.Message.eval() == f"by PATH run --keep --port {port}")
    assert "does not exist on this machine; starting spout-bridge run" in caplog.text
    patch.td.press(patch.comp, "Stopbridge")
    patch.until(lambda: patch.state == "OFFLINE")


def test_a_bridge_that_is_being_started_says_how_it_goes(patch):
    patch.par.Port = free_port(socket.SOCK_STREAM)
    patch.par.Command = python("import sys; print('loading ü', flush=True); sys.stdin.read()")
    patch.until(lambda: patch.state == "OFFLINE")
    patch.td.press(patch.comp, "Startbridge")
    patch.until(lambda: patch.state == "STARTING")
    patch.until(lambda: patch.par.Message.eval() == "loading ü")
    assert patch.comp.errors == []
    patch.comp.initializeExtensions()
    patch.until(lambda: patch.state == "STARTING" and patch.par.Message.eval() == "loading ü")
    patch.td.press(patch.comp, "Stopbridge")
    patch.until(lambda: patch.state == "OFFLINE")


def test_a_bridge_that_was_started_here_is_not_awaited_at_another_port(patch):
    first, second = free_port(socket.SOCK_STREAM), free_port(socket.SOCK_STREAM)
    patch.par.Port = first
    patch.par.Command = python("import sys; print('RUNNING', flush=True); sys.stdin.read()")
    patch.td.press(patch.comp, "Startbridge")
    patch.until(lambda: patch.par.Message.eval() == "RUNNING")
    patch.par.Port = second
    has = f"the bridge started here uses port {first}."
    patch.until(lambda: patch.par.Message.eval().endswith(has))
    assert patch.state == "OFFLINE"
    patch.play(1.2)
    assert (patch.state, patch.par.Message.eval().endswith(has)) == ("OFFLINE", True)
    patch.par.Port = first
    patch.until(lambda: (patch.state, patch.par.Message.eval()) == ("STARTING", "RUNNING"))
    patch.par.Port = second
    patch.until(lambda: patch.par.Message.eval().endswith(has))
    patch.td.press(patch.comp, "Stopbridge")
    patch.until(
        lambda: patch.par.Message.eval().endswith(
            "start one, or set Port to the one that the bridge prints when it starts."
        )
    )


OBEYS = "import sys; sys.stdin.read()"  # what the bridge does: the end of its input is its own


@pytest.fixture
def started(patch):
    """The process of a stand-in that the component has started."""
    patch.par.Command = python(OBEYS)
    patch.td.press(patch.comp, "Startbridge")
    shelf = patch.comp.op("bridge_process").module.shelf()
    patch.until(lambda: patch.comp.fetch("spout_bridge_process", None) is not None)
    [found] = shelf.values()
    yield found["process"]
    until_of(patch.td, lambda: shelf == {})
    assert found["process"].poll() is not None, "no process is left"


def test_a_bridge_that_was_started_here_outlives_updates_and_ends_with_touchdesigner(
    patch, started
):
    for dat in [child for child in patch.comp.children if child.name.startswith("bridge_")]:
        dat.text += "\n"  # an update: every module is made anew, and what it held is lost
    patch.comp.name = "Dreams"
    patch.comp.initializeExtensions()
    patch.td.press(patch.comp, "Startbridge")
    patch.until(lambda: "already running" in patch.par.Lasterror.eval())
    assert started.poll() is None
    patch.td.quit()
    assert started.poll() == 0, "it was asked to end, and not killed"


def test_stop_bridge_ends_one_that_was_started_before_an_update(patch, started):
    patch.comp.op("bridge_process").text += "\n"
    patch.comp.initializeExtensions()
    patch.td.press(patch.comp, "Stopbridge")
    patch.until(lambda: started.poll() == 0)
    patch.until(lambda: patch.comp.fetch("spout_bridge_process", None) is None)


def test_one_that_does_not_obey_is_ended_by_force(patch):
    patch.comp.op("bridge_process").module.STOP = 0.2
    patch.comp.op("bridge_process").module.stop.__defaults__ = (0.2,)
    patch.par.Command = python("import time; time.sleep(60)")
    patch.td.press(patch.comp, "Startbridge")
    shelf = patch.comp.op("bridge_process").module.shelf()
    patch.until(lambda: shelf)
    [found] = shelf.values()
    patch.td.press(patch.comp, "Stopbridge")
    patch.until(lambda: found["process"].poll() not in (None, 0))


def test_a_bridge_ends_with_its_component(patch, started):
    patch.comp.destroy()
    until_of(patch.td, lambda: started.poll() == 0)
    until_of(patch.td, lambda: threads() == [])


def test_a_copy_has_no_say_in_the_bridge_of_the_original(patch, started):
    copy = patch.td.place.copy(patch.comp)
    copy.par.Replyport = free_port()
    assert copy.fetch("spout_bridge_process", None) is None
    patch.td.press(copy, "Stopbridge")
    until_of(patch.td, lambda: "not started here" in copy.par.Lasterror.eval())
    copy.destroy()
    patch.play(0.2)
    assert started.poll() is None
    patch.comp.destroy()
    until_of(patch.td, lambda: started.poll() == 0)


def test_a_bridge_goes_over_to_a_copy_that_is_connected_to_it(patch, started):
    patch.play(0.1)
    copy = patch.td.place.copy(patch.comp)
    copy.par.Replyport = free_port()
    far = patch.td.place.copy(patch.comp)
    far.par.Replyport, far.par.Host = free_port(), "192.0.2.1"  # the same port of another machine
    patch.play(0.1)
    patch.comp.destroy()
    until_of(patch.td, lambda: copy.fetch("spout_bridge_process", None) is not None)
    assert started.poll() is None
    far.destroy()
    copy.initializeExtensions()
    for _ in range(20):
        patch.td.frame()
        time.sleep(0.01)
    assert started.poll() is None
    patch.td.press(copy, "Stopbridge")
    until_of(patch.td, lambda: started.poll() == 0)


@pytest.mark.parametrize("told", [True, False])
def test_another_project_is_opened(patch, started, told):
    port = patch.par.Port.eval()
    patch.td.open(told)
    if not told:  # nobody heard of it: the next component ends what has none
        paste()
        patch.td.place.op("SpoutBridge").par.Port = port + 1
        patch.td.place.op("SpoutBridge").initializeExtensions()
    until_of(patch.td, lambda: started.poll() == 0)
    until_of(patch.td, lambda: len(threads()) == (not told))


def test_the_same_project_is_opened_again(patch, started):
    """With what it had when it was saved; nobody heard of the end of the first one."""
    kept = patch.comp.fetch("spout_bridge_process")
    patch.td.open(told=False)
    paste()
    comp = patch.td.place.op("SpoutBridge")
    comp.store("spout_bridge_process", kept)
    comp.initializeExtensions()
    for _ in range(20):
        patch.td.frame()
    assert started.poll() is None, "the show goes on"
    patch.td.press(comp, "Stopbridge")
    until_of(patch.td, lambda: started.poll() == 0)


def test_one_of_an_earlier_touchdesigner_is_found_again_by_its_pid_and_birth(patch):
    module = patch.comp.op("bridge_process").module
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as other:
        mark = {"pid": other.pid, "born": module.born(other.pid), "port": 1, "log": ""}
        patch.comp.store("spout_bridge_process", {**mark, "born": "another"})
        patch.comp.initializeExtensions()
        assert module.shelf() == {}, "its number may be another program's now"
        assert patch.comp.fetch("spout_bridge_process", None) is None
        patch.comp.store("spout_bridge_process", mark)
        patch.comp.initializeExtensions()
        patch.td.press(patch.comp, "Stopbridge")
        patch.until(lambda: other.poll() is not None and module.shelf() == {})


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "SpoutBridge web"]


@pytest.mark.parametrize("names", ["", "older"])
def test_a_connection_that_cannot_be_closed_leaves_no_thread(tmp_path, names, caplog):
    with touchdesigner(tmp_path / "project", names=names) as td:
        paste()
        comp = td.place.op("SpoutBridge")
        assert len(threads()) == 1
        for _ in range(3):
            comp.initializeExtensions()
        until_of(td, lambda: len(threads()) == 1)
        td.frame()
        comp.op("osc_out").destroy()  # in what order a component goes is TouchDesigner's affair
        comp.ext.SpoutBridgeExt._link._values = None
        comp.destroy()
        until_of(td, lambda: threads() == [])
        assert td.textport == []
        assert "could not be closed" in caplog.text


def until_of(td, true):
    """As Patch.until, where the component may have gone."""
    end = perf_counter() + 10.0
    while not true():
        assert td.textport == []
        assert perf_counter() < end
        td.frame()
        time.sleep(0.005)


@pytest.mark.slow
def test_start_play_switch_and_stop_a_real_bridge(patch, tmp_path):
    flags = f" --folder {tmp_path / 'data'} --sink null: --source pattern: --output-size 320x180"
    patch.par.Port = free_port(socket.SOCK_STREAM)
    patch.par.Command = patch.par.Command.eval() + flags
    process = patch.comp.op("bridge_process").module
    environment = {**process.environment(), "PYTHONPATH": str(KIT.parent)}  # this tree's bridge
    process.environment = lambda: environment
    patch.td.press(patch.comp, "Startbridge")
    patch.until(lambda: patch.state == "STARTING")
    patch.until(lambda: patch.state == "CONNECTED", 60)
    patch.until(lambda: patch.par.Engine.eval() == "RUNNING", 60)
    patch.until(lambda: patch.par.Outputw.eval() == 320)
    patch.until(lambda: patch.par.Live.eval() == 1.0)
    calm = patch.td.place.create("textDAT", "calm")
    calm.text = "lost = []\ndef onDisconnect(info): lost.append(info['message'])"
    patch.comp.AddListener(calm)
    for name in ("passthrough", "stylize", "passthrough"):
        patch.par.Pipeline = name
        patch.until(lambda name=name: patch.par.Statepipeline.eval() == name, 60)
        has = name == "stylize"
        patch.until(lambda has=has: ("Prompt" in page(patch.comp, "Generate")) is has)
    patch.until(lambda: patch.par.Fps.eval() > 10, 30)
    assert calm.module.lost == []
    paste()  # an update of the component
    patch.until(lambda: patch.state == "CONNECTED")
    patch.td.press(patch.comp, "Stopbridge")
    patch.until(lambda: patch.state == "LOST")
    patch.until(lambda: process.shelf() == {})
    assert patch.slowest < 2, "an answer of the bridge may take 3 s: no frame waits for it"


@pytest.mark.slow
def test_a_bridge_that_is_killed_and_started_again(patch, tmp_path):
    flags = ("--sink", "null:", "--source", "pattern:", "--pipeline", "passthrough")
    with running(tmp_path / "data", *flags) as real:
        patch.connect(real.port)
        patch.par.Mix = 0.5
        patch.until(lambda: real.ask("parameters")["mix"] == 0.5)
        patch.play(0.5)  # the journal is written ten times a second
        real.process.kill()
        real.process.wait()
        patch.until(lambda: patch.state == "LOST")
        patch.until(lambda: patch.par.Live.eval() == 0)
    with running(tmp_path / "data", "--port", str(real.port), *flags) as real:
        patch.until(lambda: patch.state == "CONNECTED", 40)
        assert real.ask("parameters")["mix"] == 0.5
        patch.until(lambda: patch.par.Live.eval() == 1)
