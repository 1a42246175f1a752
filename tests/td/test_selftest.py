"""The Self Test on the double, frame by frame, and the reader of what it writes."""

import json
import sys
import threading
import time
from contextlib import contextmanager, suppress
from time import perf_counter

import pytest

from bridge.cli import td, td_report
from bridge.cli.commands import main
from bridge.errors import CommandError
from tests.td.double import Comp, Dat, Op, Par, TdError, dump, everything
from tests.td.playing import Playing
from tests.td.take import take, text
from tests.td.test_bridge import Desk, bridge, free_port
from tests.td.test_core import module
from tests.td.test_td import KIT, paste

CORE = module("bridge_selftest")
STRAIGHT = [list(map(float, colour)) for colour in CORE.COLOURS]


@contextmanager
def playing(folder, monkeypatch, kit=KIT, **more):
    folder.mkdir(exist_ok=True)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)  # nobody waits for the stall
    double = Playing(folder, **more)
    monkeypatch.setitem(sys.modules, "td", double)
    try:
        paste(kit)
        yield double
    finally:
        double.close()


@pytest.fixture
def double(tmp_path, monkeypatch):
    with playing(tmp_path / "project", monkeypatch) as made:
        yield made


ASKING = ("bridge,", "text,")  # the steps in which a bridge has to answer
ANSWER = 0.05  # seconds of such a frame: hundreds of them are waited for an answer


def run(double, frames=4000):
    """Press it and play until it has written; the report. Only what asks a bridge takes time."""
    comp = double.place.op("SpoutBridge")
    double.press(comp, "Selftest")
    told, asked = comp.par.Selftestfile, threading.Event()
    for _ in range(frames):
        double.frame()
        if comp.par.Connection.eval() == "CONNECTED" and told.eval().startswith(ASKING):
            asked.wait(ANSWER)
        if told.eval().startswith("Self Test: send"):
            break
    assert told.eval().startswith("Self Test: send this file: "), told.eval()
    path = td_report.Path(double.project.folder, "SpoutBridge_selftest.json")
    return path, json.loads(path.read_text("utf-8"))


def relied(lines):
    """The differences that matter."""
    return [line for line in lines if "THE COMPONENT" in line]


def test_the_double_does_what_the_component_relies_on_and_nothing_is_left(double, capsys):
    comp = double.place.op("SpoutBridge")
    for _ in range(3):
        double.frame()
    before, ids = dump(comp), [id(op) for op in everything(double.root)]
    path, report = run(double)
    assert [line.partition(":")[0] for line in td_report.read(path)[1:]] == [
        "The bridge was not tested"
    ]
    assert report["errors"] == []
    assert set(report["rules"]) == set(json.loads((KIT / "assumed.json").read_text())["rules"])
    assert capsys.readouterr().out.splitlines()[-1] == f"Self Test: send this file: {path}"
    assert [id(op) for op in everything(double.root)] == ids
    comp.par.Selftestfile = ""
    assert dump(comp) == before
    assert "spout_bridge_probe" not in sys.modules
    assert double.time.play is True
    assert comp.SelfTest() == []


def test_the_report_has_what_would_replace_our_list_of_names(double):
    _, report = run(double)
    assert report["types"]["rampTOP"]["extendleft"] == [
        "Menu", "hold", ["hold", "blockclamptoblack", "zero", "repeat", "mirror"]
    ]  # fmt: skip
    node = report["operators"]["spout_out"]
    assert node["cooks"] == 60
    assert node["resolution"] == [1280, 720]
    assert "PATH" in report["about"]["environment"]
    assert report["about"]["paused"] is False
    assert "Token" not in report["types"]["baseCOMP"]  # no parameter of the artist's, nor its value


def test_the_names_of_a_report_can_be_taken(double):
    _, report = run(double)
    assumed = json.loads((KIT / "assumed.json").read_text("utf-8"))
    taken = take(report, assumed)
    assert json.loads(text(taken)) == taken
    for kind, names in assumed["operators"].items():
        assert taken["operators"][kind] == names, kind
    report["types"]["flipTOP"]["flipz"] = ["Toggle", False, None]
    report["types"]["fitTOP"] = {"error": "not in this build"}
    again = take(report, assumed)
    assert again["operators"]["flipTOP"]["flipz"] == "Toggle"
    assert again["operators"]["fitTOP"] == assumed["operators"]["fitTOP"]


def planted(monkeypatch, kind):
    """A TouchDesigner that is otherwise; what the reader says of it, and nothing else."""
    if kind == "read_only":
        monkeypatch.setattr(Par, "val", read_only(Par.val))
        return "Rule read_only: setting a read-only parameter from a script: check failed"
    if kind == "row_missing":
        whole = Dat.row
        empty = lambda dat, name: whole(dat, name) or ([] if dat.name == "table" else None)  # noqa: E731
        monkeypatch.setattr(Dat, "row", empty)
        return "Rule row_missing: `row` with an unknown name returns None: False there, True"
    if kind == "while_paused":
        frame = Playing.frame
        monkeypatch.setattr(Playing, "frame", paused(frame))
        return "Rule while_paused: what is called while the timeline is paused: 'osc' there"
    monkeypatch.setattr(Op, "__init__", renamed(Op.__init__, "syphonspoutoutTOP", "sendername"))
    return "syphonspoutoutTOP sendername: is missing; THE COMPONENT SETS IT."


def read_only(val):
    def put(par, value):
        if par.readOnly and par.owner.name == "selftest_scratch":
            raise TdError("This parameter is read only")
        val.__set__(par, value)

    return property(val.__get__, put)


def paused(frame):
    def play(double):
        dats = [op for op in everything(double.root) if op.OPType == "executeDAT"]
        for dat in dats:
            dat.par.framestart = double.time.play
        frame(double)

    return play


def renamed(init, kind, name):
    def other(op, *arguments):
        init(op, *arguments)
        if op.OPType == kind:
            par = op.built_in.pop(name)
            par.name = name + "s"
            op.built_in[par.name] = par

    return other


PLANTED = ("read_only", "row_missing", "while_paused", "name")


def test_planted_differences_are_each_named(tmp_path, monkeypatch, capsys):
    """All at once: each is told, and nothing else is."""
    said = [planted(monkeypatch, kind) for kind in PLANTED]
    with playing(tmp_path / "project", monkeypatch) as double:
        path, _ = run(double)
    main(["td", "--read", str(path)])
    lines = capsys.readouterr().out.splitlines()[-200:]
    for sentence in said:
        assert any(line.startswith(sentence) for line in lines), (sentence, lines)
    rest = [line for line in relied(lines) if not any(line.startswith(one) for one in said)]
    assert rest == []


@pytest.mark.parametrize(
    ("owner", "name"),
    [(Op, "docked"), (Op, "time"), (Comp, "create"), (Comp, "findChildren"), (Op, "pars")],
)
def test_whatever_is_raised_is_written_down_and_the_rest_goes_on(double, monkeypatch, owner, name):
    def raises(*_, **__):
        raise TdError("not in this build")

    with monkeypatch.context() as patch:
        broken = property(raises) if isinstance(vars(owner)[name], property) else raises
        patch.setattr(owner, name, broken)
        path, report = run(double)
    assert "not in this build" in json.dumps(report)
    assert {"about", "tables", "bridge"} <= {step for step, _ in report["steps"]}
    assert any("not in this build" in line for line in td_report.read(path))
    assert not [op for op in everything(double.root) if op.name.startswith("selftest_")]


def test_a_second_press_ends_the_first_and_puts_back(double, capsys):
    comp = double.place.op("SpoutBridge")
    double.press(comp, "Selftest")
    while "paused" not in comp.par.Selftestfile.eval():
        double.frame()
    for _ in range(5):
        double.frame()
    assert double.time.play is False
    double.press(comp, "Selftest")
    assert double.time.play is True
    path = td_report.Path(double.project.folder, "SpoutBridge_selftest.json")
    assert "The test did not finish: it was started again." in td_report.read(path)
    path, _ = run(double)
    assert not any("did not finish" in line for line in td_report.read(path))
    assert not [op for op in everything(double.root) if op.name.startswith("selftest_")]
    assert capsys.readouterr().out.count("send this file") == 3


def test_it_works_where_the_extension_does_not_start_and_tells_why(tmp_path, monkeypatch):
    kit = td.write(tmp_path)
    path = kit / "dats" / "SpoutBridgeExt.py"
    text = path.read_text("utf-8").replace("self._opened = None", "self._opened = nil")
    path.write_text(text, "utf-8")
    web = kit / "bridge_web.py"
    web.write_text(web.read_text("utf-8") + "\nimport nothing_of_this_name\n", "utf-8")
    with playing(tmp_path / "project", monkeypatch, kit) as double:
        lines = td_report.read(run(double)[0])
    assert any(
        "The builder reported: The extension of /project1/SpoutBridge" in line for line in lines
    )
    assert any("The DAT bridge_web failed to load: ModuleNotFoundError" in line for line in lines)
    assert any(line.startswith("Step start failed: ModuleNotFoundError") for line in lines)


@pytest.mark.parametrize("names", ["older", "newer"])
def test_other_builds_have_other_names_and_that_is_no_difference(tmp_path, monkeypatch, names):
    with playing(tmp_path / "project", monkeypatch, names=names) as double:
        assert relied(td_report.read(run(double)[0])) == []


def test_the_timeline_goes_on_after_the_pause(double):
    comp = double.place.op("SpoutBridge")
    double.press(comp, "Selftest")
    while "stall" not in comp.par.Selftestfile.eval():
        double.frame()
    assert double.time.play is True


def test_a_run_of_fewer_words_will_do(double, monkeypatch):
    whole = Playing.run

    def older(double, script, *args, delayFrames=0):
        whole(double, script, *args, delayFrames=delayFrames, fromOP=double.root)

    monkeypatch.setattr(Playing, "run", older)
    _, report = run(double)
    assert [row["step"] for row in report["errors"]] == ["run"]  # which asks for just that
    assert report["rules"]["after_stall"] == "osc"


def test_without_any_run_the_file_is_written_all_the_same(double, monkeypatch):
    def none(*_, **__):
        raise TdError("there is no run")

    monkeypatch.setattr(Playing, "run", none)
    path, report = run(double, frames=1)
    assert "there is no run" in report["errors"][0]["traceback"]
    assert any("there is no run" in line for line in td_report.read(path))


@pytest.mark.slow
def test_a_folder_that_cannot_be_written_has_its_file_in_the_temporary_one(
    double, tmp_path, monkeypatch
):
    double.project.folder = str(tmp_path / "gone")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    comp = double.place.op("SpoutBridge")
    double.press(comp, "Selftest")
    for _ in range(2000):
        double.frame()
    assert (tmp_path / "SpoutBridge_selftest.json").is_file()
    assert str(tmp_path) in comp.par.Selftestfile.eval()


# With a bridge.


@pytest.fixture
def desk(tmp_path):
    (tmp_path / "assets").mkdir()
    made = Desk(tmp_path / "assets")
    made.now["pipeline"] = "passthrough"
    return made


def with_bridge(double, desk, **more):
    comp = double.place.op("SpoutBridge")
    comp.par.Replyport = free_port()
    with bridge(desk, **more) as port:
        comp.par.Port = port
        end = perf_counter() + 10
        while comp.par.Connection.eval() != "CONNECTED":
            double.frame()
            assert perf_counter() < end, comp.par.Message.eval()
        return run(double)


@pytest.mark.slow
def test_words_and_a_picture_go_to_the_bridge_and_back(double, desk):
    double.spout, double.osc_is_ascii = (lambda sent, u, v: sent(u, v)), False
    before = desk.store.snapshot.values["prompt"]
    path, report = with_bridge(double, desk)
    found = report["bridge"]
    assert found["osc_echo"]["arrived"] == found["osc_echo"]["sent"]
    assert found["osc_echo"]["sent"].startswith("ü 日本")
    assert found["osc_echo"]["back"] == [found["osc_echo"]["sent"]]
    assert desk.store.snapshot.values["prompt"] == before
    assert found["picture"]["arrangement"] == found["picture"]["red_and_blue"] == "as sent"
    assert found["picture"]["alpha"] == "kept"
    assert found["picture"]["frames_of_delay"] == [3] * 5
    assert not [line for line in td_report.read(path) if "icture" in line or "OSC:" in line]
    comp = double.place.op("SpoutBridge")
    assert "heard" not in vars(comp.ext.SpoutBridgeExt)
    assert comp.op("send_fit").inputConnectors[0].source is comp.op("in1")
    assert not [op for op in everything(double.root) if op.name.startswith("selftest_")]


@pytest.mark.slow
def test_a_picture_that_comes_back_otherwise_is_named(double, desk):
    def other(sent, u, v):
        red, green, blue, _ = sent(u, 1 - v)
        return blue, green, red, 0.2

    double.spout, double.delay = other, 30
    path, _ = with_bridge(double, desk)
    lines = td_report.read(path)
    assert "Image: came back upside down." in lines
    assert "Image: red and blue are swapped." in lines
    assert any("alpha came back as [0.2" in line for line in lines)
    assert any("round trip took" in line for line in lines)


@pytest.mark.slow
def test_words_that_are_spoilt_on_the_way_are_named(double, desk, monkeypatch):
    whole = Dat.sendOSC

    def ascii_only(dat, address, values, **more):
        whole(dat, address, [v.encode("ascii", "replace").decode() if isinstance(v, str) else v
                             for v in values], **more)  # fmt: skip

    monkeypatch.setattr(Dat, "sendOSC", ascii_only)
    before = desk.store.snapshot.values["prompt"]
    path, _ = with_bridge(double, desk)
    [line] = [line for line in td_report.read(path) if line.startswith("OSC:")]
    assert line.startswith("OSC: 'ü 日本")
    assert "'? ??" in line
    assert line.endswith("; the component handles that: it sends and requests such text by HTTP.")
    assert relied([line]) == []
    assert desk.store.snapshot.values["prompt"] == before


@pytest.mark.slow
def test_control_and_mask_that_did_not_come_are_named(double, desk):
    comp = double.place.op("SpoutBridge")
    comp.par.Controltop = double.place.create("rampTOP", "depth")
    desk.now |= {"mask": "shm:cut · 32x24", "mask_input": "waiting"}
    path, report = with_bridge(double, desk)
    assert report["bridge"]["live_inputs"]["mask"] == {
        "wanted": "", "has": "shm:cut · 32x24", "stands": "waiting"
    }  # fmt: skip
    lines = td_report.read(path)
    wanted = report["bridge"]["live_inputs"]["control"]["wanted"]
    assert wanted.endswith(":BridgeControl")
    assert f"control: the component wants {wanted}, the bridge has ''." in lines
    assert "mask: waiting: shm:cut · 32x24" in lines
    whole = report["bridge"]["live_inputs"]
    whole["control"].update(has=f"{wanted} · 64x48", stands="live")
    whole["mask"].update(wanted="none", has="", stands="none")
    path.write_text(json.dumps(report), "utf-8")
    assert not [line for line in td_report.read(path) if line.startswith(("control", "mask"))]


def test_another_pipeline_is_left_alone_and_told(double, desk):
    desk.now["pipeline"] = "stylize"
    path, report = with_bridge(double, desk)
    assert "The image was not tested: no bridge running passthrough answers." in (
        td_report.read(path)
    )
    assert report["bridge"]["pipeline"] == "stylize"


def test_what_the_component_copes_with_is_told_as_that(double):
    path, report = run(double)
    report["rules"].update(menu_value="kept", ramp_keys=["x"], valid_after_destroy=True)
    del report["rules"]["read_only"]
    path.chmod(0o600)
    path.write_text(json.dumps(report), "utf-8")
    lines = {line.split()[1]: line for line in td_report.read(path) if line.startswith("Rule")}
    assert "'kept' there, 'first' here; the component handles" in lines["menu_value:"]
    assert lines["ramp_keys:"].endswith("the component handles that.")
    assert lines["valid_after_destroy:"].endswith("THE COMPONENT RELIES ON IT.")
    assert lines["read_only:"].endswith("not checked.")


# The core.


@pytest.mark.parametrize("arrangement", CORE.ARRANGEMENTS)
@pytest.mark.parametrize("swapped", [False, True])
def test_each_arrangement_is_told_from_the_others(arrangement, swapped):
    order = CORE.ARRANGEMENTS[arrangement]
    back = [STRAIGHT[order.index(place)] for place in range(4)]
    back = [[c[2], c[1], c[0], 1.0] if swapped else [*c[:3], 1.0] for c in back]
    back = [[min(1.0, part + 0.05) for part in colour] for colour in back]
    found = CORE.judge(STRAIGHT, back)
    assert (found["arrangement"], found["alpha"]) == (arrangement, "opaque")
    assert (found["red_and_blue"] == "swapped") is swapped


def test_another_picture_and_a_card_that_was_not_drawn_are_told():
    grey = [[0.5, 0.5, 0.5, 1.0]] * 4
    assert CORE.judge(STRAIGHT, grey)["arrangement"] == "none"
    assert "does not have four colours" in CORE.judge(grey, grey)["arrangement"]


def test_the_order_within_a_frame():
    assert CORE.order([("osc", 1), ("frame", 1), ("frame", 2)], "frame", "osc") == "osc"
    assert (
        CORE.order([("frame", 1), ("osc", 1), ("osc", 2), ("frame", 2)], "frame", "osc") == "both"
    )
    assert CORE.order([("frame", 1)], "frame", "osc") == ""


# The reader.


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "cannot be read"),
        ("{", "not a Self Test report, or is incomplete"),
        ("[" * 100000, "not a Self Test report"),
        ('{"version": 1}', "is not a Self Test report."),
        ("[]", "is not a Self Test report."),
    ],
)
def test_what_is_no_report_is_refused(tmp_path, text, says):
    path = tmp_path / "file.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(CommandError, match=says):
        td_report.read(path)


def report(**sections):
    """A whole one, as far as the reader looks, but for some sections."""
    bridge = {"status": 200, "http_seconds": 0.1, "osc_echo": {"sent": "ü 7", "arrived": "ü 7",
              "back": ["ü 7"]}, "picture": {"arrangement": "as sent"}}  # fmt: skip
    whole = {"format": 1, "version": "0.1.0", "about": {}, "types": {}, "operators": {},
             "rules": {}, "bridge": bridge, "steps": [], "errors": [], "builder": {},
             "modules": {}}  # fmt: skip
    return {**whole, **sections}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be"])
def test_a_report_that_another_program_saved_is_read(tmp_path, encoding, capsys):
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    text = json.dumps(report(errors=[{"step": "é", "traceback": "Größe"}]), ensure_ascii=False)
    path = tmp_path / "saved.json"
    path.write_bytes((mark + text).encode(encoding))
    main(["td", "--read", str(path)])
    assert "Step é failed: Größe" in capsys.readouterr().out


ODD = (None, 5, "text", ["a"], [[]], {"a": 5}, {"a": None}, {"a": ["b"]})


def test_a_report_of_which_a_part_is_odd_is_called_that(tmp_path):
    path = tmp_path / "odd.json"
    for name, kind in td_report.SECTIONS.items():
        for odd in [odd for odd in ODD if not isinstance(odd, kind)]:
            path.write_text(json.dumps(report(**{name: odd})))
            with pytest.raises(
                CommandError, match=f"not a valid Self Test report: {name} is malformed"
            ):
                td_report.read(path)


@pytest.mark.slow
def test_whatever_is_odd_within_a_part_is_no_defect_of_the_reader(tmp_path):
    """Anything may stand in a file that went through other hands."""
    path, whole = tmp_path / "odd.json", report()
    parts = [{name: odd} for name in whole for odd in ODD]
    parts += [{"bridge": {**whole["bridge"], name: odd}} for name in whole["bridge"] for odd in ODD]
    parts += [{"builder": {name: odd}} for name in ("missing", "errors") for odd in ODD]
    parts += [{"types": {"flipTOP": odd}} for odd in (*ODD, {"flipy": None}, {"flipy": [1]})]
    for part in parts:
        path.write_text(json.dumps(report(**part)))
        with suppress(CommandError):
            td_report.read(path)


@pytest.mark.parametrize(
    ("echo", "said"),
    [({"arrived": "? 7"}, "handles"), ({"arrived": "starry night"}, "RELIES"),
     ({"arrived": None}, "RELIES"), ({"back": ["Ã¼ 7"]}, "handles"), ({"back": []}, "RELIES")],
)  # fmt: skip
def test_words_that_came_otherwise_are_told_from_those_that_did_not(tmp_path, echo, said):
    whole = report()
    whole["bridge"]["osc_echo"].update(echo)
    path = tmp_path / "report.json"
    path.write_text(json.dumps(whole))
    [line] = [line for line in td_report.read(path) if line.startswith("OSC:")]
    assert said in line
