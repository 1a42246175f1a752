"""The TouchDesigner component without TouchDesigner: built, read and checked on a strict double."""

import ast
import builtins
import json
import os
import subprocess
import sys
import tomllib
import zipfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from bridge import __version__, td
from bridge.cli import main
from tests.td.double import NAMES, Par, Td, TdError, dump, everything

KIT = td.KIT
NETWORK = tomllib.loads((KIT / "network.toml").read_text("utf-8"))
SOURCES = sorted(KIT.rglob("*.py"))
DATS = [path for path in SOURCES if path.name != td.BUILDER]
GOLDEN = Path(__file__).parent / "td" / "golden.txt"
OURS = {par["name"] for page in NETWORK["page"] for par in page.get("par", ())}
IN_TD = {"parent", "op", "me", "project", "absTime"}  # of what TouchDesigner gives, what is used


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
    with pytest.raises(Exception, match="textDAT called fade that is not part"):
        paste()
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
    ],
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
                found |= {f"op {path}"} if path not in {*operators, "/"} else set()
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


def test_no_parameter_of_the_bridge_is_declared_again():
    """The schema is the one place; a handful of read-outs are values of the state."""
    from engine.parameters import describe
    from engine.pipelines.catalog import BUILT_IN

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
    assert "is there already" in " ".join(capsys.readouterr().err.split())


@pytest.mark.slow
def test_the_wheel_has_the_kit(tmp_path):
    wheel = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(tmp_path)]
    subprocess.run([*wheel, str(KIT.parent)], check=True)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as found:
        names = set(found.namelist())
        found.extractall(tmp_path / "site")
    kit = [p for p in KIT.rglob("*") if p.suffix in (".py", ".toml", ".md")]
    assert {p.relative_to(KIT.parent).as_posix() for p in kit} <= names
    assert not {name for name in names if name.startswith("tests/")}
    done = subprocess.run(
        [sys.executable, "-P", "-c", "from bridge.td import line; print(line())"],
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


def test_the_drawing_is_of_this_network():
    docs = KIT.parent / "docs"
    script = {"__file__": str(docs / "draw_td.py")}
    exec((docs / "draw_td.py").read_text("utf-8"), script)
    assert (docs / "td.svg").read_text("utf-8") == script["draw"](NETWORK), "docs/draw_td.py"
