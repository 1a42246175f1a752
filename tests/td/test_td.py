"""The TouchDesigner component without TouchDesigner: built, read and checked on a strict double."""

import ast
import builtins
import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from bridge import __version__
from bridge.cli import td
from bridge.cli.arguments import parser_of
from bridge.cli.commands import main
from tests.support.slow_cases import rest_slow
from tests.td.double import (
    NAMES,
    Comp,
    Connector,
    PaneType,
    Par,
    Td,
    TdError,
    Value,
    dump,
    everything,
)

KIT = td.KIT
NETWORK = tomllib.loads((KIT / "network.toml").read_text("utf-8"))
SOURCES = sorted(KIT.rglob("*.py"))
DATS = [path for path in SOURCES if path.name != td.BUILDER]
GOLDEN = Path(__file__).parent / "golden.txt"
OURS = {par["name"] for page in NETWORK["page"] for par in page.get("par", ())}
IN_TD = {"parent", "op", "me", "project", "absTime", "app", "ui", "run", "tdu", "sysinfo",
         "licenses", "baseCOMP", *NAMES["operators"]}  # fmt: skip


@contextmanager
def touchdesigner(folder, **more):
    """A TouchDesigner in which `import td` works."""
    folder.mkdir(exist_ok=True)
    double = Td(folder, **more)
    sys.modules["td"] = double
    try:
        yield double
    finally:
        del sys.modules["td"]
        double.close()


def paste(kit=KIT):
    """What an artist does."""
    exec(td.line(kit), {})


def report(double):
    return json.loads(Path(double.project.folder, "SpoutBridge_report.json").read_text("utf-8"))


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Where `spout-bridge td` tells the loader of the kit: not in this user's own folder."""
    for name in ("XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path / "data"))
    monkeypatch.setenv("HOME", str(tmp_path))  # macOS has no variable for it


@pytest.fixture
def double(tmp_path):
    with touchdesigner(tmp_path) as made:
        yield made


@pytest.fixture
def kit(tmp_path):
    """A copy to break."""
    return td.write(tmp_path)


# The builder.


def test_one_line_builds_a_component_that_says_it_is_well(double, capsys):
    paste()
    comp = double.place.op("SpoutBridge")
    assert double.textport == []
    told = report(double)
    assert (told["missing"], told["errors"]) == ([], [])
    assert told["version"] == comp.par.Version.eval() == __version__
    assert Path(told["saved"]).name == "SpoutBridge.tox"
    assert Path(told["saved"]).is_file()
    assert comp.SelfTest() == []
    assert "/project1/SpoutBridge" in capsys.readouterr().out
    assert sys.executable in comp.par.Command.eval()


def test_dragged_in_and_run_it_builds_where_it_lies(double):
    dat = double.place.create("textDAT", "build_td")
    dat.par.file = str(KIT / td.BUILDER)
    text = (KIT / td.BUILDER).read_text("utf-8")
    exec(compile(text, "build_td", "exec"), {"me": dat, "__name__": "build_td"})
    assert double.place.op("SpoutBridge").SelfTest() == []


def test_what_is_built_is_what_was_read(double):
    """A change of network.toml shows as a change of this text: look at it, then keep it."""
    paste()
    made = dump(double.place.op("SpoutBridge")).replace(sys.executable, "PYTHON")
    if os.environ.get("SPOUT_BRIDGE_NEW_GOLDEN"):
        GOLDEN.write_text(made, "utf-8")
    assert made == GOLDEN.read_text("utf-8"), "SPOUT_BRIDGE_NEW_GOLDEN=1 writes the new text"


def test_a_second_run_changes_nothing_but_brings_it_up_to_date(double):
    paste()
    comp = double.place.op("SpoutBridge")
    before = dump(comp)
    ids = {op.path: id(op) for op in everything(comp)}
    paste()
    assert [child.name for child in double.place.children] == ["SpoutBridge"]
    assert dump(comp) == before
    assert {op.path: id(op) for op in everything(comp)} == ids
    assert report(double)["made"] == []


def test_what_the_artist_did_survives_a_build(double):
    paste()
    comp = double.place.op("SpoutBridge")
    comp.name = "Dreams"
    comp.par.Port = 8010
    comp.par.Sendname.expr = "'Cam'"
    comp.par.Sendname.mode = type(comp.par.Sendname.mode).EXPRESSION
    comp.op("looks").appendRow(["opening", "{}"])
    mine = comp.create("textDAT", "my_notes")
    page = comp.appendCustomPage("Mine")
    page.appendFloat("Brightness")
    NETWORK_PAGES = [page["name"] for page in NETWORK["page"]]
    comp.sortCustomPages = lambda *names: list(names) == NETWORK_PAGES or 1 / 0
    paste()
    assert double.place.children == [comp]
    assert comp.par.Port.eval() == 8010
    assert comp.par.Sendname.eval() == "Cam"
    assert comp.Looks() == ["opening"]
    assert mine in comp.children
    assert comp.par["Brightness"] is not None


def test_beside_a_stranger_of_the_same_name(double):
    stranger = double.place.create("baseCOMP", "SpoutBridge")
    inside = stranger.create("textDAT", "in1")
    paste()
    paste()
    assert [child.name for child in double.place.children] == ["SpoutBridge", "SpoutBridge1"]
    assert stranger.children == [inside]
    assert stranger.customPages == []
    assert double.place.op("SpoutBridge1").SelfTest() == []


def test_a_stranger_inside_is_named_before_anything_is_changed(double):
    paste()
    comp = double.place.op("SpoutBridge")
    comp.op("fade").destroy()
    comp.create("textDAT", "fade").text = "mine"
    before = dump(comp)
    paste()
    assert "textDAT named fade that is not part" in report(double)["errors"][0]
    assert dump(comp) == before


def test_an_earlier_version_is_brought_up_to_date(double, kit):
    text = (kit / "network.toml").read_text("utf-8")
    more = '[[op]]\nname = "old_one"\ntype = "textDAT"\nat = [0, 0]\n'
    (kit / "network.toml").write_text(text.replace("[[page]]", more + "\n[[page]]", 1), "utf-8")
    paste(kit)
    comp = double.place.op("SpoutBridge")
    assert comp.op("old_one") is not None
    paste()
    assert comp.op("old_one") is None
    assert report(double)["removed"] == ["old_one"]


def test_what_one_operator_or_parameter_raises_costs_that_one_only(double, monkeypatch):
    """Written with its traceback, in any case; when TouchDesigner is well again, a run mends."""
    create, checked = Comp.create, Value.checked

    def broken(comp, kind, name=None):
        if getattr(kind, "name", kind) == "crossTOP":
            raise TdError("no more memory on the card")
        return create(comp, kind, name)

    def picky(par, value):
        if (par.owner.name, par.name) == ("osc_in", "maxlines"):
            raise TdError("not this number")
        return checked(par, value)

    with monkeypatch.context() as patch:
        patch.setattr(Comp, "create", broken)
        patch.setattr(Value, "checked", picky)
        paste()
    told = report(double)
    wrong = [line for line in told["errors"] if "SpoutBridge/" in line]
    assert "/project1/SpoutBridge/fade: TdError: no more memory" in wrong[0]
    assert "osc_in maxlines: TdError: not this number" in wrong[1]
    assert "broken" in told["tracebacks"][0]["traceback"]
    comp = double.place.op("SpoutBridge")
    assert comp.op("out1") is not None
    assert comp.SelfTest() == []
    assert not Path(double.project.folder, "SpoutBridge.tox").exists(), "half a component"
    paste()
    assert report(double)["errors"] == []
    assert report(double)["made"] == ["fade"]
    assert comp.op("out1").inputConnectors[0].source is comp.op("fade")
    assert comp.op("osc_in").par.maxlines.eval() == 20


@pytest.mark.parametrize("broken", ["findChildren", "save", "sortCustomPages", "appendCustomPage"])
def test_the_report_is_written_whatever_is_raised(double, monkeypatch, broken, capsys):
    def raises(*_, **__):
        raise TdError("out of the blue")

    with monkeypatch.context() as patch:
        patch.setattr(Comp, broken, raises)
        paste()
    assert any("out of the blue" in line for line in report(double)["errors"])
    assert any("in raises" in row["traceback"] for row in report(double)["tracebacks"])
    assert "out of the blue" in capsys.readouterr().out
    paste()
    assert report(double)["errors"] == []
    assert double.place.op("SpoutBridge").SelfTest() == []
    assert [child.name for child in double.place.children] == ["SpoutBridge"]


def test_a_project_that_cannot_be_written_has_its_report_in_the_temporary_folder(
    double, tmp_path, monkeypatch, capsys
):
    (tmp_path / "temp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temp"))
    double.project.folder = str(tmp_path / "gone")
    paste()
    told = json.loads((tmp_path / "temp" / "SpoutBridge_report.json").read_text("utf-8"))
    assert "SpoutBridge.tox" in told["errors"][0]
    assert str(tmp_path / "temp") in capsys.readouterr().out
    assert double.place.op("SpoutBridge").SelfTest() == []


def test_a_kit_that_a_windows_editor_saved_is_read(double, kit):
    """With its mark in front, which is no TOML, and in a DAT no Python."""
    for path in [*kit.glob("*.toml"), *kit.rglob("*.py")]:
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    paste(kit)
    assert double.textport == []
    assert (report(double)["errors"], report(double)["missing"]) == ([], [])
    assert double.place.op("SpoutBridge").SelfTest() == []


@pytest.mark.parametrize("text", [None, "[[op]", 'name = "x"'])
def test_a_kit_that_is_not_whole_is_reported(double, kit, text, capsys):
    (kit / "network.toml").unlink()
    if text is not None:
        (kit / "network.toml").write_text(text, "utf-8")
    paste(kit)
    assert report(double)["errors"]
    assert "read" in report(double)["tracebacks"][0]["traceback"]
    assert "not built" in capsys.readouterr().out
    assert double.place.children == []


def test_copies_are_the_artists_and_never_touched(double):
    """A copy has the tag and what is stored, as in TouchDesigner."""
    paste()
    comp = double.place.op("SpoutBridge")
    double.press(comp, "Createcallbacks")
    callbacks = double.place.op("SpoutBridge_callbacks")
    callbacks.text = "mine = 1"
    twice = comp.copy(comp.op("fade"), name="my_fade")
    twice.par.cross = 0.5
    out = double.place.copy(comp.op("spout_in"), name="my_spout")
    out.par.sendername = "Other"
    before = [dump(comp), callbacks.text, out.par.sendername.eval()]
    for _ in range(2):
        paste()
        assert report(double)["errors"] == []
        assert report(double)["removed"] == []
    assert [dump(comp), callbacks.text, out.par.sendername.eval()] == before
    assert twice.par.cross.eval() == 0.5
    assert not (twice.tags | out.tags | callbacks.tags)
    assert set(double.place.children) == {comp, callbacks, out}


def test_the_artists_node_in_the_place_of_ours_stays(double):
    """Of the same name and even of the same type: it has not our tag."""
    paste()
    comp = double.place.op("SpoutBridge")
    comp.op("fade").destroy()
    mine = comp.create("crossTOP", "fade")
    paste()
    assert "crossTOP named fade that is not part" in report(double)["errors"][0]
    assert comp.op("fade") is mine


def test_all_components_are_brought_up_to_date(double, kit):
    """Two bridges in one patch, one of them deep in it; a component that is refused stops none."""
    paste()
    first = double.place.op("SpoutBridge")
    scene = double.place.create("baseCOMP", "scene")
    second, third = scene.copy(first, name="Stage"), scene.copy(first, name="Third")
    second.par.Port, second.par.Sendname = 8010, "StageIn"
    third.op("fade").destroy()
    third.create("textDAT", "fade")
    text = (kit / "network.toml").read_text("utf-8").replace('"0.1.0"', '"0.1.1"')
    (kit / "network.toml").write_text(text, "utf-8")
    paste(kit)
    told = report(double)
    assert told["components"] == [first.path, second.path, third.path]
    assert [c.par.Version.eval() for c in (first, second, third)] == ["0.1.1", "0.1.1", "0.1.0"]
    assert [line.partition(":")[0] for line in told["errors"]] == [third.path]
    assert (second.par.Port.eval(), second.par.Sendname.eval()) == (8010, "StageIn")
    assert len(double.place.children) == 2


def test_the_saved_component_knows_nothing_of_this_patch_and_machine(double):
    paste()
    comp = double.place.op("SpoutBridge")
    comp.par.Token, comp.par.Host = "s3cret-token-of-mine", "10.1.2.3"
    comp.par.Sendname = "MyShow"
    comp.op("looks").appendRow(["opening night", "{}"])
    comp.op("schema_cache").text = json.dumps(
        {"made": [], "schema": {"parameters": [], "pipelines": [{"id": "only-mine"}]}}
    )
    comp.create("textDAT", "notes").text = "call Anastasia"
    comp.store("process", 4711)
    paste()
    saved = Path(report(double)["saved"]).read_text("utf-8")
    for secret in (
        "s3cret", "10.1.2.3", "MyShow", "opening night", "only-mine", "Anastasia", "4711",
        sys.executable, str(KIT),
    ):  # fmt: skip
        assert secret not in saved, secret
    assert "Toggle Active = True" in saved
    assert "spout-bridge run --keep" in saved  # found by PATH, where it is loaded
    assert report(double)["errors"] == []
    assert double.place.children == [comp]
    assert comp.par.Token.eval() == "s3cret-token-of-mine"
    assert comp.par.Token.password


def test_nothing_works_in_the_component_that_is_built_to_be_saved(double, monkeypatch):
    """A second one at work would send a second picture, and take the port that OSC comes in by."""
    active, cooking = [], []
    connect, save = Connector.connect, Comp.save

    def connecting(connector, source):
        owner = connector.owner.parent()
        if "_saving" in owner.path:
            active.append(owner.par.Active.eval())
        connect(connector, source)

    def saving(comp, path):
        cooking.append(comp.parent().allowCooking)
        return save(comp, path)

    monkeypatch.setattr(Connector, "connect", connecting)
    monkeypatch.setattr(Comp, "save", saving)
    paste()
    assert set(active) == set(cooking) == {False}


def test_the_report_is_there_before_anything_is_saved(double, monkeypatch):
    def dies(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Comp, "save", dies)
    with pytest.raises(KeyboardInterrupt):
        paste()
    assert report(double)["components"] == ["/project1/SpoutBridge"]


def test_the_command_is_this_machines_unless_the_artist_has_one(double, monkeypatch):
    paste()
    par = double.place.op("SpoutBridge").par.Command
    monkeypatch.setattr(td, "command", lambda: "elsewhere/python -m bridge.cli run")
    paste()
    assert par.eval() == "elsewhere/python -m bridge.cli run"
    par.val = "start_my_bridge.bat {port}"
    paste()
    assert par.eval() == "start_my_bridge.bat {port}"


@pytest.mark.parametrize("current", ["TEXTPORT", "PANEL", None])
def test_it_is_built_where_the_artist_works(double, current):
    """The line is pasted into the Textport, which may be the current pane and owns no network."""
    scene = double.place.create("baseCOMP", "scene")
    noise = scene.create("rampTOP", "noise")
    noise.nodeX, noise.nodeY = 500, 300
    double.ui.panes[0].owner = scene
    other = SimpleNamespace(type=current and PaneType[current], owner=double.root)
    double.ui.panes.insert(0, other)
    double.ui.panes.current = other
    paste()
    comp = scene.op("SpoutBridge")
    assert (comp.nodeX, comp.nodeY) == (500 + noise.nodeWidth + 60, 300)
    assert comp.viewer


def test_without_any_network_editor_it_is_built_in_the_project(double):
    double.ui.panes.clear()
    double.ui.panes.current = None
    paste()
    assert double.place.op("SpoutBridge").SelfTest() == []


def test_what_is_docked_by_itself_is_used_or_taken_away(double):
    paste()
    comp = double.place.op("SpoutBridge")
    assert [op.name for op in comp.children if op.dock] == ["card_ramp_keys"]
    assert {op.name for op in comp.children} == {row["name"] for row in NETWORK["op"]} | {
        "card_ramp_keys"
    }


def test_no_operator_hides_a_module_from_the_libraries():
    """A DAT is what `import` finds first in TouchDesigner."""
    shipped = {"numpy", "cv2", "requests", "yaml", "attr", "certifi", "idna", "urllib3", "td"}
    names = {row["name"] for row in NETWORK["op"]}
    assert not names & (set(sys.stdlib_module_names) | shipped)


def test_spout_in_takes_its_sender_by_name_only(double):
    """Else the sender that is selected in Spout's own panel, which may be ours, comes back in."""
    paste()
    assert double.place.op("SpoutBridge").op("spout_in").par.usespoutactivesender.eval() is False


def test_the_input_is_fitted_where_the_bridge_has_gone(double):
    paste()
    fade = double.place.op("SpoutBridge").op("fade")
    first = fade.inputConnectors[0].source
    assert (first.OPType, first.par.fit.eval()) == ("fitTOP", "fitbest")
    assert first.par.resolutionw.eval() == fade.par.resolutionw.eval()
    assert first.par.resolutionh.eval() == fade.par.resolutionh.eval()


def test_a_component_of_a_builder_that_kept_no_list_is_brought_up_to_date(double):
    """By the tag and the names that there were; what else has the tag is a copy."""
    paste()
    comp = double.place.op("SpoutBridge")
    comp.unstore("spout_bridge")
    comp.op("state_numbers").name = "numbers"
    comp.op("card_ramp_keys").tags.clear()  # those did not look at what is docked
    copied = comp.copy(comp.op("fade"), name="my_fade")
    paste()
    assert report(double)["errors"] == []
    assert report(double)["removed"] == ["numbers"]
    assert report(double)["made"] == ["state_numbers"]
    assert report(double)["kept"] == [copied.path]
    assert copied in comp.children
    assert comp.op("numbers") is None
    assert comp.SelfTest() == []


@pytest.mark.parametrize("names", ["older", "newer"])
def test_other_builds_have_other_names(tmp_path, names):
    with touchdesigner(tmp_path / names, names=names) as double:
        paste()
        assert report(double)["missing"] == []
        comp = double.place.op("SpoutBridge")
        assert comp.SelfTest() == []
        double.press(comp, "Help")
        assert comp.op("help").viewed


@pytest.mark.parametrize(
    ("find", "instead", "says"),
    [
        ("sendername = ", "senderName = ", "spout_out: senderName"),
        ('type = "horizontal"', 'type = "sideways"', "'sideways' is not one of"),
        ('type = "dattoCHOP"', 'type = "tabletoCHOP"', "no tabletoCHOP"),
        ('"ext0name|extname1"', '"ext0Name"', "SpoutBridge: ext0Name"),
        ("op('./SpoutBridgeExt')", "op('./SpoutBridgeEx')", "did not start"),
    ],
)
def test_a_wrong_name_is_reported(double, kit, find, instead, says):
    text = (kit / "network.toml").read_text("utf-8")
    assert find in text
    (kit / "network.toml").write_text(text.replace(find, instead), "utf-8")
    paste(kit)
    told = report(double)
    assert any(says in line for line in told["missing"] + told["errors"]), told


def test_an_extension_that_does_not_start_is_noticed(double, kit):
    path = kit / "dats" / "SpoutBridgeExt.py"
    path.write_text(path.read_text("utf-8").replace("self._opened = None", "self._opened = nil"))
    paste(kit)
    assert "NameError" in double.textport[-1]
    assert any("did not start" in line for line in report(double)["errors"])


# The double itself: what it is good for is that it refuses.


@pytest.mark.parametrize(
    "wrong",
    rest_slow(
        [
            lambda op: setattr(op.par, "sendName", "x"),
            lambda op: op.parent().op("osc_in").par.__setattr__("protocol", "udp"),
            lambda op: op.parent().customPages[0].appendStr("negPrompt"),
            lambda op: op.parent().create("spoutinTOP", "x"),
            lambda op: op.inputConnectors[1].connect(op),
            lambda op: op.inputConnectors[0].connect(op.parent().op("status")),
            lambda op: setattr(op.parent().par.Active, "tooltip", "x"),
            lambda op: bool(op.parent().par.Active),
            lambda op: setattr(op.parent().par, "Port", "eight thousand"),
        ]
    ),
)
def test_the_double_refuses(double, wrong):
    paste()
    with pytest.raises((TdError, AttributeError, KeyError, IndexError)):
        wrong(double.place.op("SpoutBridge").op("spout_out"))


# The sources.


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_sources_are_python_3_11_and_import_the_standard_library_only(path):
    tree = ast.parse(path.read_text("utf-8"), str(path), feature_version=(3, 11))
    compile(tree, str(path), "exec")
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
    assert found - {"td"} <= set(sys.stdlib_module_names)
    assert "td" not in found or path.name == td.BUILDER


def free_names(tree):
    """Names that are read and bound nowhere in the module."""
    bound = set(dir(builtins))
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            bound.add(node.name)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.alias):
            bound.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.ExceptHandler) and node.name:
            bound.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound.add(node.id)
    read = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    return read - bound - {"__file__", "__name__"}


def unresolved(text):
    """What a source names that neither network.toml nor TouchDesigner has, as far as one sees."""
    tree = ast.parse(text)
    operators = {row["name"] for row in NETWORK["op"]}
    builtin = {name for pars in NAMES["operators"].values() for name in pars}
    builtin |= {name for pars in NAMES["common"].values() for name in pars}
    of_par = {name for name in dir(Par) if not name.startswith("_")}
    found = {f"name {name}" for name in free_names(tree) - IN_TD}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, (ast.Attribute, ast.Name)):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
            first = node.args[0] if node.args else None
            if called == "op" and isinstance(first, ast.Constant):
                path = str(first.value).removeprefix("./")
                found |= {f"op {path}"} if path not in {*operators, "/", "/project1"} else set()
        if isinstance(node, ast.Attribute):
            owner = node.value
            of = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
            if of == "par" and node.attr not in OURS | builtin | of_par:
                found.add(f"par {node.attr}")
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_every_name_resolves(path):
    assert unresolved(path.read_text("utf-8")) == set()


def test_every_expression_resolves_and_evaluates(double):
    paste()
    for row in NETWORK["op"]:
        for name, text in row.get("expr", {}).items():
            assert unresolved(text) == set(), text
            double.place.op("SpoutBridge").op(row["name"]).par[name].eval()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("op('osc_inn').par.port", "op osc_inn"),
        ("owner.par.Sendnane", "par Sendnane"),
        ("def f():\n    return prent()", "name prent"),
    ],
)
def test_the_walk_finds_what_is_wrong(text, found):
    assert found in unresolved(text)


@pytest.mark.parametrize("path", DATS, ids=lambda path: path.name)
def test_nothing_of_touchdesigner_is_touched_while_a_module_loads(path):
    tree = ast.parse(path.read_text("utf-8"))
    for node in tree.body:
        if not isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
            assert not names & IN_TD


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_identity_is_asked_of_none_only(path):
    """TouchDesigner may hand out another object for the same operator or parameter each time."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], (ast.Is, ast.IsNot)):
            asked = ast.unparse(node)
            constant = isinstance(node.comparators[0], ast.Constant)
            assert constant or asked in PROBES, f"{asked}: ask by =="


PROBES = (  # the Self Test asks just that
    "self._comp.op(SCRATCH) is self._scratch",
    "self._scratch.par['Two'] is self._scratch.par['Two']",
)


def test_no_parameter_of_the_bridge_is_declared_again():
    """The schema is the one place; a handful of read-outs are values of the state."""
    from engine.catalog.rows import BUILT_IN
    from engine.parameters import describe

    specs = {
        spec.name for row in BUILT_IN for c in (row.parameters, row.load) for spec in describe(c)
    }
    for path in [*SOURCES, KIT / "network.toml"]:
        if path.name != "network.toml":
            tree = ast.parse(path.read_text("utf-8"))
            texts = {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)}
        else:
            texts = {par["name"].lower() for page in NETWORK["page"] for par in page.get("par", ())}
        found = {text for text in texts if isinstance(text, str)} & specs
        assert found <= {"weights"} & found, path.name


def test_the_names_are_those_of_the_operators_that_are_used():
    assert set(NAMES["operators"]) == {row["type"] for row in NETWORK["op"]}


# The command.


def test_the_line_holds_for_any_path(tmp_path, capsys):
    folder = tmp_path / 'O\'Brien "x" Ünal & Co'
    folder.mkdir()
    main(["td", "--write", str(folder)])
    line = capsys.readouterr().out.strip()
    assert "\n" not in line
    with touchdesigner(folder) as double:
        exec(line, {})
        assert double.place.op("SpoutBridge").SelfTest() == []


def test_windows_paths_are_quoted():
    """A backslash before a quote or an n must stay one."""
    path = "C:\\new\\tables\\'x'\\build_td.py"
    assert ast.literal_eval(repr(path)) == path
    tree = ast.parse(td.line(Path("C:\\new folder\\td_components")))
    texts = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)]
    assert any("C:\\new folder" in text for text in texts if isinstance(text, str))


def test_a_folder_that_has_a_kit_is_left_alone(tmp_path, capsys):
    main(["td", "--write", str(tmp_path)])
    with pytest.raises(SystemExit):
        main(["td", "--write", str(tmp_path)])
    assert "already exists" in " ".join(capsys.readouterr().err.split())


@pytest.mark.slow
def test_the_wheel_has_the_kit(tmp_path):
    wheel = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(tmp_path)]
    subprocess.run([*wheel, str(KIT.parent)], check=True)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as found:
        names = set(found.namelist())
        found.extractall(tmp_path / "site")
    kit = [p for p in KIT.rglob("*") if p.suffix in (".py", ".toml", ".md", ".json")]
    assert {p.relative_to(KIT.parent).as_posix() for p in kit} <= names
    assert not {name for name in names if name.startswith("tests/")}
    done = subprocess.run(
        [sys.executable, "-P", "-c", "from bridge.cli.td import line; print(line())"],
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert str(tmp_path / "site" / "td_components") in done.stdout


# The manual.

MANUAL = (KIT / "README.md").read_text("utf-8")


def test_the_manual_has_every_parameter_and_state():
    for shown in NETWORK["page"]:
        for par in shown.get("par", ()):
            label = par.get("label", par["name"])
            assert f"**{label}**" in MANUAL, label
    states = {line.split("|")[1].strip() for line in MANUAL.splitlines() if line.startswith("| ")}
    link = {}
    exec((KIT / "bridge_link.py").read_text("utf-8"), link)
    assert set(link["STATES"]) <= states


def test_the_recipes_are_python_and_the_cue_list_runs(double):
    texts = [part.partition("```")[0] for part in MANUAL.split("```python\n")[1:]]
    assert len(texts) == 4
    for text in texts:
        ast.parse(text, feature_version=(3, 11))
    script = double.place.create("textDAT", "cue_script")
    cues = double.place.create("tableDAT", "cues")
    cues.clear()
    for row in (("look", "pipeline"), ("opening", "stylize"), ("end", "passthrough")):
        cues.appendRow(row)
    script.text, heard = texts[2], []
    bridge = double.place.create("baseCOMP", "SpoutBridge")
    bridge.Set = lambda *given: heard.append(given)
    bridge.RecallLook = heard.append
    for number in (None, None, None, 2):
        script.module.go(number)
    assert heard[1::2] == ["opening", "end", "opening", "end"]
    assert heard[2] == ("pipeline", "passthrough")


def test_the_first_run_names_what_there_is():
    script = (KIT / "FIRST_RUN.md").read_text("utf-8")
    labels = {
        par.get("label", par["name"]) for page in NETWORK["page"] for par in page.get("par", ())
    }
    assert set(re.findall(r"\*\*(.+?)\*\*", script)) <= labels
    pages = {page["name"] for page in NETWORK["page"]}
    assert set(re.findall(r"Page \*(.+?)\*", script)) <= pages
    assert [f"{number}." in script for number in range(1, 17)] == [True] * 16
    for command in re.findall(r"spout-bridge\"? (td [^`\n]*)", script):
        assert parser_of({}, {}).parse_args(command.split()).command == "td"


def test_the_drawing_is_of_this_network():
    docs = KIT.parent / "docs"
    script = {"__file__": str(docs / "draw_td.py")}
    exec((docs / "draw_td.py").read_text("utf-8"), script)
    assert (docs / "td.svg").read_text("utf-8") == script["draw"](NETWORK), "docs/draw_td.py"
