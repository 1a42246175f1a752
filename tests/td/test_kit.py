"""How the component gets into a patch: the clipboard, and the loader."""

import sys

import pytest

from bridge.cli import clipboard, td
from bridge.cli.commands import main
from bridge.settings import data_folder
from tests.td.test_selftest import double, playing
from tests.td.test_td import KIT, home

__all__ = ["double", "home"]  # fixtures


@pytest.mark.parametrize(
    ("system", "there", "program", "encoding"),
    [
        ("win32", "clip.exe", "clip.exe", "utf-16"),
        ("darwin", "pbcopy", "pbcopy", "utf-8"),
        ("linux", "xsel", "xsel", "utf-8"),
    ],
)
def test_the_line_goes_into_the_clipboard(monkeypatch, system, there, program, encoding):
    asked = []

    class Done:
        returncode = 0

    monkeypatch.setattr("sys.platform", system)
    monkeypatch.setattr("shutil.which", lambda name: name if name == there else None)
    assert clipboard.copy("Ünal", lambda *a, **more: asked.append((a, more)) or Done) == ""
    assert asked[0][0][0][0] == program
    assert asked[0][1]["input"].decode(encoding) == "Ünal"


def test_without_a_clipboard_it_says_so_and_prints_the_line(monkeypatch, capsys):
    monkeypatch.setattr("shutil.which", lambda name: None)
    main(["td", "--copy"])
    out, err = capsys.readouterr()
    assert out.startswith("exec(")
    assert "not copied to the clipboard: none of these is installed:" in " ".join(err.split())


def test_a_clipboard_that_hangs_or_fails_is_told(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: name)

    def hangs(*_, **more):
        raise clipboard.subprocess.TimeoutExpired("xclip", more["timeout"])

    assert "timed out" in clipboard.copy("x", hangs)


def test_a_loader_builds_the_installed_kit_where_it_is_dragged_in(tmp_path, monkeypatch, capsys):
    with playing(tmp_path / "project", monkeypatch) as double:
        saved = tmp_path / "project" / "SpoutBridge_loader.tox"
        assert "def onCreate" in saved.read_text("utf-8")
        scene = double.place.create("baseCOMP", "scene")
        for tries in range(2):
            loader = scene.create("baseCOMP", "SpoutBridge_loader")
            dat = loader.create("executeDAT", "loader")
            dat.text = (KIT / "dats" / "loader.py").read_text("utf-8")
            dat.module.onCreate()
            double.frame()
            if tries == 0:
                assert "run `spout-bridge td` in a terminal" in capsys.readouterr().out
                assert scene.op("SpoutBridge") is None
                loader.destroy()
                td.point()
        double.frame()
        assert scene.op("SpoutBridge").SelfTest() == []
        assert sys.executable in scene.op("SpoutBridge").par.Command.eval()
        assert [op.name for op in scene.children] == ["SpoutBridge"]


@pytest.mark.parametrize("system", ["win32", "darwin", "linux"])
@pytest.mark.parametrize("named", ["/somewhere/else", "not/whole", ""])
def test_the_loader_looks_where_the_bridge_tells_it(double, monkeypatch, system, named):
    for name in ("XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, named)
    dat = double.place.create("executeDAT", "loader")
    dat.text = (KIT / "dats" / "loader.py").read_text("utf-8")
    loader = dat.module
    monkeypatch.setattr("sys.platform", system)
    assert loader.data_folder() == data_folder()


def test_the_loader_stands_still_while_its_tox_is_made(double):
    """`SpoutBridge_saving` does not cook."""
    td.point()
    scratch = double.place.create("baseCOMP", "SpoutBridge_saving")
    scratch.allowCooking = False
    dat = scratch.create("baseCOMP", "SpoutBridge_loader").create("executeDAT", "loader")
    dat.text = (KIT / "dats" / "loader.py").read_text("utf-8")
    dat.module.onCreate()
    for _ in range(3):
        double.frame()
    assert scratch.op("SpoutBridge") is None
