"""Examples and layouts, read and played by other programs."""

import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

import py2tosc
import pytest
from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message_builder import OscMessageBuilder

from bridge.control.layouts import layout, write
from bridge.control.osc.routes import addresses
from bridge.control.osc.server import OscServer
from bridge.control.schema import installed, schema
from bridge.session import Session
from bridge.settings import Settings
from bridge.state.status import STATUS
from engine.catalog.rows import Catalog
from tests.support.bridge import COMMAND, running
from tests.support.desk import FakeDesk

HERE = Path(__file__).parent
EXAMPLES = HERE.parent / "examples"
UNITY = EXAMPLES / "unity" / "SpoutBridge.cs"
PATCH = EXAMPLES / "pure-data" / "spout-bridge.pd"
MAX = EXAMPLES / "max" / "spout-bridge.maxpat"
README = EXAMPLES / "README.md"
COMMANDS = {"pipeline", "source", "ping", "pong", "query", "subscribe", "unsubscribe", "error"}


def need(**programs: str) -> None:
    """Skip where a program is not there; where CI runs, that is a failure."""
    packages = " ".join(package for name, package in programs.items() if not shutil.which(name))
    if packages and os.environ.get("CI"):
        pytest.fail(f"must be installed where CI runs: apt-get install {packages}")
    if packages:
        pytest.skip(f"apt-get install {packages}")


def message(address, *values):
    builder = OscMessageBuilder(address)
    for value in values:
        builder.add_arg(value)
    return builder.build()


def actions(shown) -> Iterator[str]:
    """The buttons of actions: of one that needs a number, a button for each of the first."""
    for row in shown["actions"]:
        needed = row["argument"] if row["argument"] and row["argument"]["needed"] else None
        if needed and not needed["index"]:
            continue
        places = [f"/{number}" for number in range(1, 9)] if needed else [""]
        yield from (f"/bridge/{row['name']}{place}" for place in places)


def declared(shown) -> set[str]:
    """Every address that a schema means."""
    return {
        "/bridge/pipeline",
        "/bridge/query",
        *(f"/bridge/{row['osc']}" for row in shown["parameters"]),
        *actions(shown),
        *(f"/bridge/pipeline/{row['id']}" for row in shown["pipelines"]),
        *(f"/bridge/state/{row['name']}" for row in shown["state"]),
    }


@pytest.fixture(name="shown", scope="module")
def _shown(tmp_path_factory):
    settings = Settings(folder=tmp_path_factory.mktemp("layouts"))
    return schema(Session(settings, Catalog()))


def messages_of(path):
    """What a TouchOSC layout sends and hears, as a foreign reader has it."""
    document = py2tosc.load(path)
    assert document.validate() == []
    return [(control, message) for control in document.walk() for message in control.messages]


def address_of(message) -> str:
    (whole,) = message.path
    assert str(whole.type) == "CONSTANT"
    return whole.value


@pytest.mark.slow
def test_a_foreign_reader_finds_every_address_of_the_schema_in_the_touchosc_file(shown, tmp_path):
    touchosc, _ = write(layout(shown), tmp_path)
    found = messages_of(touchosc)
    assert {address_of(message) for _, message in found} == declared(shown)
    heard = {address_of(message) for _, message in found if message.receive}
    buttons = {"/bridge/query", *actions(shown)}
    buttons |= {f"/bridge/pipeline/{row['id']}" for row in shown["pipelines"]}
    assert heard == declared(shown) - buttons, "what has a value shows it"
    faders = {address_of(m): m.arguments[0] for c, m in found if c.control_type == "FADER"}
    for row in shown["parameters"]:
        if fader := faders.get(f"/bridge/{row['osc']}"):
            assert (fader.scale_min, fader.scale_max) == (row["minimum"], row["maximum"])
    assert len(faders) > 10
    texts = py2tosc.load(touchosc).find_all(name="/bridge/prompt value")
    assert texts, "the prompt is shown"


def test_every_message_that_the_touchosc_file_sends_is_taken(tmp_path, monkeypatch):
    # where all is installed that any choice needs
    monkeypatch.setattr("bridge.state.store.find_spec", lambda package: package)
    desk = FakeDesk(tmp_path)
    offers = {"prompt": ["ocean waves", "a <b> & ]]> é"], "seed": ["7"]}
    shown = schema(desk)
    touchosc, _ = write(layout(shown, picks=offers), tmp_path)
    pressed = {action.removeprefix("/bridge/") for action in actions(shown)}
    pressed = {name.rpartition("/")[0] if name[-1:].isdecimal() else name for name in pressed}
    server = OscServer(desk, Settings(osc_feedback=(), folder=tmp_path))
    sent = 0
    try:
        for _, bound in messages_of(touchosc):
            if not bound.send:
                continue
            (argument,) = bound.arguments
            kind = {"INTEGER": int, "FLOAT": float, "STRING": str}[str(argument.conversion)]
            constant = str(argument.type) == "CONSTANT"
            for end in [argument.value] if constant else [argument.scale_min, argument.scale_max]:
                data = message(address_of(bound), kind(end)).dgram
                server._handle(data, ("127.0.0.1", 9))
                sent += 1
        newest = desk.pipelines()[-1]["id"]
        end = time.perf_counter() + 40
        while not (
            [name for name, _ in desk.switched][-1:] == [newest]
            and {deed.partition(" ")[0] for deed in desk.acted} == pressed
        ):  # they are done beside the thread that listens, and the newest wins
            assert time.perf_counter() < end, (desk.switched, desk.acted)
            time.sleep(0.01)
    finally:
        server.close()
    assert sent > 60
    assert desk.counters.osc_refused == 0
    assert desk.store.snapshot.values["prompt"] == offers["prompt"][1]
    assert desk.store.snapshot.values["vace_scale"] == 2.0
    assert desk.store.snapshot.values["seed"] == 7


def test_open_stage_control_gets_the_same_addresses_and_known_widgets_only(shown, tmp_path):
    made = layout(shown)
    _, session = write(made, tmp_path)
    whole = json.loads(session.read_bytes())
    assert whole["type"] == "session"
    assert whole["content"]["type"] == "root"
    found = []

    def walk(widget):
        found.append(widget)
        for child in (*widget.get("tabs", ()), *widget.get("widgets", ())):
            walk(child)

    walk(whole["content"])
    assert {w["address"] for w in found if "address" in w} == declared(shown) == made.addresses
    kinds = {"root", "tab", "panel", "fader", "button", "switch", "input", "text"}
    assert {w["type"] for w in found} == kinds
    ids = [w["id"] for w in found]
    assert len(ids) == len(set(ids)), "widgets of one id would move together"


def test_a_layout_of_one_pipeline_has_its_own_parameters_and_those_of_the_output(shown):
    ids = [row["id"] for row in shown["pipelines"]]
    each = {name: layout(shown, name).addresses for name in ids}
    assert set().union(*each.values()) == declared(shown)
    assert "/bridge/noise" in each["longlive"]
    assert "/bridge/noise" not in each["stylize"]
    assert "/bridge/prompt" not in each["passthrough"]
    assert all("/bridge/mix" in found for found in each.values())
    with pytest.raises(ValueError, match="choose stylize"):
        layout(shown, "nothing")
    with pytest.raises(ValueError, match="'mix' is not a parameter that buttons"):
        layout(shown, picks={"mix": ["1"]})


@pytest.mark.slow
def test_one_command_writes_them(tmp_path):
    folder = tmp_path / "new" / "folder"
    done = subprocess.run(
        [*COMMAND, "layouts", "--write", str(folder), "--pipeline", "longlive",
         "--offer", "prompt=ocean=waves", "--reply-port", "9123"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "addresses" in done.stderr
    files = sorted(path.name for path in folder.iterdir())
    assert files == ["spout-bridge-longlive.open-stage-control.json", "spout-bridge-longlive.tosc"]
    document = py2tosc.load(folder / files[1])
    assert "value = 9123" in document.root.get("script")
    assert any(m.arguments[0].value == "ocean=waves" for _, m in messages_of(folder / files[1]))
    refused = subprocess.run(
        [*COMMAND, "layouts", "--write", str(folder), "--offer", "prompt"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert refused.returncode == 2
    assert "--offer takes NAME=TEXT" in refused.stderr


def test_the_addresses_in_the_examples_exist(tmp_path):
    desk = Session(Settings(folder=tmp_path), Catalog())
    state = {row.name for row in STATUS}
    known = {a.removeprefix("/bridge/") for a in addresses(desk.store.specs.values())}
    known |= COMMANDS | set(desk.actions) | {f"state/{name}" for name in state}
    unity = UNITY.read_text("utf-8")
    acts = re.search(r"Do something once: ([^.]*)\.", unity)
    written = {
        "unity": {
            *re.findall(r'(?:Bind\(|Root \+ |"/bridge/)"?([a-z_/0-9]+)"', unity),
            *re.findall(r'"(\w+)"', acts[1]),
            *(f"state/{name}" for name in re.findall(r'name == "(\w+)"\) \w+ =', unity)),
        },
        "pure data": set(re.findall(r"oscformat (?:-f \w )?bridge (\S+?);", PATCH.read_text())),
        "max": set(re.findall(r"/bridge/([a-z_/0-9]+)", MAX.read_text())),
        "readme": set(re.findall(r"`/bridge/([a-z_/0-9]+)", README.read_text("utf-8"))),
    }  # fmt: skip
    for where, found in written.items():
        assert len(found) >= 5, where
        assert found - {"state/"} <= known, where


def test_the_max_patch_is_whole():
    patcher = json.loads(MAX.read_text())["patcher"]
    boxes = {row["box"]["id"]: row["box"] for row in patcher["boxes"]}
    assert len(boxes) == len(patcher["boxes"])
    for row in patcher["lines"]:
        (source, outlet), (to, inlet) = row["patchline"]["source"], row["patchline"]["destination"]
        assert outlet < boxes[source]["numoutlets"] == len(boxes[source]["outlettype"])
        assert inlet < boxes[to]["numinlets"]
    assert any("NOT TRIED" in box.get("text", "") for box in boxes.values())


@pytest.fixture(name="play", scope="module")
def _play(tmp_path_factory):
    """The Unity script, compiled against stubs; and its OSC part alone, as any program has it."""
    need(mcs="mono-mcs", mono="mono-runtime")
    folder = tmp_path_factory.mktemp("unity")
    mcs = ["mcs", "-langversion:7", "-warnaserror"]
    stubs = [HERE / "unity" / "Stubs.cs", HERE / "unity" / "Play.cs"]
    for arguments in (
        [f"-out:{folder / 'play.exe'}", "-define:UNITY_5_3_OR_NEWER", UNITY, *stubs],
        [f"-out:{folder / 'osc.dll'}", "-target:library", UNITY],
    ):
        done = subprocess.run([*mcs, *arguments], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    return folder / "play.exe"


class Unity:
    """The component in a program that calls it as Unity would."""

    def __init__(self, process) -> None:
        self.process, self.lines = process, []

    def does(self, line: str) -> None:
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        while (said := self.process.stdout.readline().rstrip("\n")) != f"done {line}":
            assert said, f"it ended: {self.lines[-5:]}"
            self.lines.append(said)


@contextmanager
def unity(play, port, *arguments):
    process = subprocess.Popen(
        ["mono", str(play), str(port), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        encoding="utf-8",
    )  # fmt: skip
    try:
        yield Unity(process)
        process.stdin.close()
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


@pytest.mark.foreign
@pytest.mark.slow
def test_unity_steers_the_bridge_and_shows_its_own_picture_without_it(play, tmp_path):
    arguments = ["--source", "pattern:", "--sink", "null:", "--pipeline", "passthrough"]
    with running(tmp_path, *arguments) as bridge, unity(play, bridge.port, "send at start") as u:
        bridge.until(lambda s: s["state"] == "RUNNING" and s["pipeline"] == "passthrough")
        u.does("set silence 0.8")
        u.does("set pipeline passthrough")
        u.does("wait shown received")
        u.does("set vaceScale 1.5")
        u.does("set prompt étoile filante")
        u.does("set freeze True")
        u.does("send /bridge/noise 0.25")
        u.does("play 20")
        values = bridge.ask("parameters")
        assert values["vace_scale"] == 1.5
        assert values["prompt"] == "étoile filante"
        assert values["freeze"]
        assert values["noise_scale"] == 0.25
        assert bridge.state()["restarts"] == 0
        bridge.ask("parameters", {"vace_scale": 0.5, "freeze": False}, "PATCH")
        u.does("wait vaceScale 0.5")
        u.does("wait freeze False")
        u.does("wait state RUNNING")
        u.does("act panic")
        u.does("wait black True")
        u.does("set pipeline stylize")
        u.does("play 3")
        bridge.until(lambda s: s["pipeline"] == "stylize")
        u.does("play 30")
        u.does("wait shown received")
        assert "state pipeline stylize" in u.lines
        assert "value /bridge/noise 0.25" in u.lines
        bridge.process.kill()
        u.does("wait shown source")


@pytest.mark.slow
@pytest.mark.foreign
def test_unity_takes_over_what_stands_there_and_never_builds_a_pipeline_anew(play, tmp_path):
    desk = FakeDesk(tmp_path)
    desk.store.update({"prompt": "from before", "vace_scale": 0.25})
    with unity_server(desk, tmp_path) as server, unity(play, server.port) as u:
        u.does("wait prompt from before")
        u.does("wait vaceScale 0.25")
        u.does("play 5")
        assert desk.store.snapshot.number == 2
    assert desk.switched == []
    with unity_server(desk, tmp_path) as server, unity(play, server.port, "send at start") as u:
        u.does("play 40")
        assert desk.store.snapshot.values["prompt"] == "starry night", "the inspector's own"
    assert desk.switched == [], "it runs already"


@contextmanager
def unity_server(desk, folder):
    server = OscServer(desk, Settings(osc_feedback=(), folder=folder))
    server.bind(0)
    server.start()
    try:
        yield server
    finally:
        server.close()


@pytest.mark.slow
@pytest.mark.foreign
def test_unity_survives_damaged_answers(play):
    bundle = OscBundleBuilder(IMMEDIATELY)
    bundle.add_content(message("/bridge/state/error", "é ok"))
    bundle.add_content(message("/bridge/state/fps", 30.0))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bridge:
        bridge.bind(("127.0.0.1", 0))
        bridge.settimeout(20)
        with unity(play, bridge.getsockname()[1]) as u:
            data, asker = bridge.recvfrom(2048)
            assert data.startswith(b"/bridge/subscribe\0")
            good = message("/bridge/state/fps", 1.0).dgram
            damaged = [b"", b"x", b"/bridge/vace", b"/bridge/vace\0\0\0\0", b"#bundle\0",
                       b"#bundle\0" + b"\0" * 8 + b"\xff" * 8, b"#bundle\0" * 3000,
                       message("/bridge/vace", True).dgram, message("/bridge/vace").dgram,
                       message("/bridge/vace", "no number").dgram,
                       *(good[:end] for end in range(len(good)))]  # fmt: skip
            for bad in damaged:
                bridge.sendto(bad, asker)
            bridge.sendto(bundle.build().dgram, asker)
            u.does("wait fps 30")
            u.does("wait error é ok")


@pytest.mark.foreign
@pytest.mark.slow
def test_pure_data_plays_its_patch(tmp_path):
    need(pd="puredata-core")
    arguments = ["--source", "pattern:", "--sink", "null:", "--pipeline", "passthrough"]
    with running(tmp_path, *arguments) as bridge:
        bridge.until(lambda s: s["state"] == "RUNNING")
        sent = ["port " + str(bridge.port), "prompt ocean waves", "ramp 400", "freeze 1"]
        send = [part for line in sent for part in ("-send", f"spout-bridge-{line}")]
        with (tmp_path / "said").open("w") as said:
            pd = subprocess.Popen(
                ["pd", "-nogui", "-noaudio", "-nomidi", "-open", str(PATCH), *send], stderr=said
            )
        try:
            end = perf_counter() + 60
            while (values := bridge.ask("parameters"))["vace_scale"] != 2.0:
                assert perf_counter() < end, values
                time.sleep(0.05)
            assert values["prompt"] == "ocean waves"
            assert values["freeze"]
            bridge.ask("parameters", {"vace_scale": 0.25}, "PATCH")
            lines = (tmp_path / "said").read_text
            while "vace: 0.25" not in lines():
                assert perf_counter() < end, lines()
                time.sleep(0.05)
            bridge.process.kill()
            while "alive: 0" not in lines():
                assert perf_counter() < end, lines()
                time.sleep(0.05)
        finally:
            pd.terminate()
            pd.wait()
    text = lines()
    for line in ("alive: 1", "state: symbol RUNNING", "pipeline: symbol passthrough",
                 r"prompt: symbol ocean\ waves", "freeze: 1"):  # fmt: skip
        assert line in text
    assert "error:" not in text, text


def test_looks_and_what_goes_with_them_have_a_page_of_their_own():
    made = layout(installed())
    pages = {page.title: [c.address.removeprefix("/bridge/") for c in page.controls]
             for page in made.pages}  # fmt: skip
    assert pages["Looks"][:9] == [*(f"look/{number}" for number in range(1, 9)), "look/save"]
    assert {"go", "undo", "redo", "state/look", "state/undo"} <= {*pages["Looks"]}
    assert {"panic", "live", "black"} <= {*pages["Show"]}
    everywhere = [address for page in pages.values() for address in page]
    assert len(everywhere) == len(set(everywhere))
