"""A missing drive is one sentence that names it; once back, it is used.

Linux has no drives: here `is_folder` stands in for one that is gone. The real thing, `Q:`, is in
tests/wine/test_files.py.
"""

import shutil
from pathlib import Path, PureWindowsPath

import pytest

from bridge.cli.commands import main
from bridge.transports import Options, TransportError, open_sink, open_source
from engine.files.library import Library, lack
from engine.system import drives
from tests.bridge.downloads.files import NEEDY, NET, ROWS, put
from tests.support.rig import running_session


@pytest.fixture
def stick(tmp_path, monkeypatch):
    """A drive that can be pulled out: `there` says whether it is in."""
    folder = tmp_path / "stick"
    is_folder = drives.is_folder
    there = {"in": False}

    def without_it(path):
        gone = path == Path(path.anchor) or path.is_relative_to(folder)
        return is_folder(path) and (there["in"] or not gone)

    folder.mkdir()
    monkeypatch.setattr(drives, "is_folder", without_it)
    monkeypatch.setattr(drives, "existing", lambda path: path if without_it(path) else None)
    return folder, there


def refused(capsys, *arguments) -> str:
    with pytest.raises(SystemExit) as end:
        main([*map(str, arguments)])
    assert end.value.code == 1, "what was asked for cannot be; 70 would be a defect"
    return " ".join(capsys.readouterr().err.split())


def test_what_lies_on_it_is_said_with_the_drive_and_found_when_it_is_back(stick):
    folder, there = stick
    library = Library(folder / "models")
    told = lack(library, "needy", [NET])
    assert told
    assert told.free == 0
    assert "cannot be reached: connect it, or choose another folder" in str(told)
    assert "download" not in str(told), "there is nowhere to put it"
    put(folder / "models" / NET.name)
    there["in"] = True
    assert lack(library, "needy", [NET]) is None, "it is looked for anew each time"


def test_another_folder_that_is_away_is_named_beside_what_is_missing(stick, tmp_path, monkeypatch):
    folder, _ = stick
    library = Library(tmp_path / "models", [folder])
    monkeypatch.setattr(drives, "away", lambda path: "Gone" if path == folder else "")
    told = str(lack(library, "needy", [NET]))
    assert "Gone (--more-models)" in told
    assert "models download needy" in told


@pytest.mark.slow
def test_a_running_show_goes_on_and_takes_what_comes_back(stick, tmp_path, monkeypatch):
    monkeypatch.setattr("bridge.state.awaited.GLANCE", 0.1)
    folder, there = stick
    options = {"pipeline": "needy", "models": folder / "models"}
    with running_session(tmp_path, ROWS, **options) as rig:
        assert "cannot be reached" in rig.session.status().error
        listed = rig.session.weights.listing()
        assert listed["free"] == 0
        assert "cannot be reached" in listed["away"], "the page says it in place of the room"
        with pytest.raises(ValueError, match=r"cannot be reached"):
            rig.session.weights.require(NEEDY, NEEDY.load())
        with pytest.raises(ValueError, match=r"cannot be reached"):
            rig.session.weights.download("needy")
        put(folder / "models" / NET.name)
        there["in"] = True
        rig.until(lambda: rig.session.status().pipeline == "needy")
        assert rig.session.status().error == ""


@pytest.mark.parametrize("what", ["copy", "layouts", "td", "run"])
def test_every_command_says_so(stick, tmp_path, capsys, monkeypatch, what):
    folder, _ = stick
    away = folder / "models"

    def fails(self, *_, **__):
        raise FileNotFoundError(2, "No such file or directory", str(self))

    if what == "copy":
        text = refused(capsys, "models", "copy", "longlive", "--to", away, "--folder", tmp_path)
    else:
        monkeypatch.setattr(Path, "mkdir", fails)
        monkeypatch.setattr(shutil, "copytree", fails)
        flags = {"layouts": ["--write", away], "td": ["--write", away],
                 "run": ["--port", "0", "--folder", away]}[what]  # fmt: skip
        text = refused(capsys, what, *flags)
    assert "cannot be reached" in text
    assert "another" in text


def test_a_film_and_a_recording_on_it_are_said_too(stick):
    folder, _ = stick
    with pytest.raises(TransportError, match=r"cannot be reached for .*; connect it, or"):
        open_source(f"file:{folder / 'film.mp4'}", Options())
    with pytest.raises(TransportError, match=r"cannot be reached to record .*; connect it, or"):
        open_sink(f"file:{folder / 'show.mp4'}", Options())


def test_a_drive_is_plugged_in_and_a_share_is_connected(monkeypatch):
    monkeypatch.setattr(PureWindowsPath, "absolute", lambda self: self, raising=False)
    assert drives.cure(PureWindowsPath(r"E:\films\a.mp4")) == "plug it in"
    assert drives.cure(PureWindowsPath(r"\\nas\films\a.mp4")) == "connect it"


def test_a_share_that_does_not_answer_is_no_folder(monkeypatch):
    def locked(self):
        raise OSError(22, "This drive is locked by BitLocker", str(self))

    monkeypatch.setattr(Path, "is_dir", locked)
    assert drives.existing(Path("/a/b")) is None
    assert drives.free(Path("/a/b")) == 0
    assert "cannot be reached" in drives.away(Path("/a/b"))
