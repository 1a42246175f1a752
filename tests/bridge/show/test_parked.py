"""What is parked outlives the run; a file that is none harms nothing."""

import errno
import logging

import pytest

from bridge.show.folder_lock import FolderLock
from bridge.show.parked import Parked
from bridge.state.actions import ActionError
from bridge.state.controls import OutputParameters
from bridge.state.store import merged
from engine.parameters import describe

SPECS = merged(describe(OutputParameters))


def test_what_is_parked_is_there_in_the_next_run(tmp_path):
    path = tmp_path / "Bridge.show" / "parked.json"
    one = Parked(path, SPECS, FolderLock())
    one.read()
    assert one.names == frozenset()
    one.choose(["mix", "hold_s"])
    path.write_text(path.read_text().replace("]", ', "of_a_plug_in"]'))
    two = Parked(path, SPECS, FolderLock())
    two.read()
    assert two.names == {"mix", "hold_s"}
    two.choose(["mix"])
    assert "of_a_plug_in" in path.read_text(), "unknown names are kept"


def test_an_unknown_name_parks_nothing(tmp_path):
    parked = Parked(tmp_path / "parked.json", SPECS, FolderLock())
    with pytest.raises(ActionError, match=r"^Unknown parameter 'mixx'\. Did you mean mix\?"):
        parked.choose(["mixx", "black"])
    assert parked.names == frozenset()
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    "content", ["", "[", "[]", '{"parked": 3}', "null", "\0" * 9, "9" * 70_000]
)
def test_a_file_that_is_none_is_named_and_skipped(tmp_path, caplog, content):
    path = tmp_path / "parked.json"
    path.write_text(content)
    with caplog.at_level(logging.WARNING):
        parked = Parked(path, SPECS, FolderLock())
        parked.read()
    assert parked.names == frozenset()
    assert f"{path} is skipped: " in caplog.text


def test_a_full_disk_is_reported_and_nothing_changes(tmp_path, monkeypatch):
    parked = Parked(tmp_path / "parked.json", SPECS, FolderLock())
    parked.choose(["mix"])

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(ActionError, match=r"parked.json cannot be written \(No space left") as told:
        parked.choose(["black"])
    assert told.value.status == 507
    assert parked.names == {"mix"}
    monkeypatch.undo()
    parked.read()
    assert parked.names == {"mix"}
    assert not [*tmp_path.glob("*.new")]
