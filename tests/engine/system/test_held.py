"""Files that another program holds open, as on Windows: retried, then reported, never fatal.

`scanner` stands in for such a program and refuses what Windows would. What real sharing modes do
is in tests/wine/test_files.py.
"""

import json
import logging
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from bridge.state import references
from bridge.state.journal import Journal, Kept
from bridge.system import logs
from bridge.transports import Options, open_sink
from engine.files.library import RECORD, Library
from engine.system import held
from tests.bridge.downloads.files import SMALL, put
from tests.support.rig import running_session

LOOK = Kept(values={"mix": 0.25}, pipeline="passthrough", source="demo:")


class Scanner:
    """Holds files by their names: nobody renames or removes them, nor replaces them; of those in
    `alone` nobody reads either.
    """

    def __init__(self) -> None:
        self.holds: set[str] = set()
        self.alone: set[str] = set()
        self.refused = 0

    def check(self, *paths: Path) -> None:
        for path in paths:
            if path.name in self.holds | self.alone and path.exists():
                self.refused += 1
                error = PermissionError(13, "The process cannot access the file", str(path))
                error.winerror = 32
                raise error

    def let_go_after(self, seconds: float) -> None:
        threading.Timer(seconds, lambda: (self.holds.clear(), self.alone.clear())).start()


@pytest.fixture
def scanner(monkeypatch):
    found = Scanner()
    replace, unlink, read = Path.replace, Path.unlink, Path.read_bytes

    def replacing(self, target):
        found.check(self, Path(target))
        return replace(self, target)

    def removing(self, missing_ok=False):
        found.check(self)
        return unlink(self, missing_ok=missing_ok)

    def reading(self):
        if self.name in found.alone:
            found.check(self)
        return read(self)

    monkeypatch.setattr(Path, "replace", replacing)
    monkeypatch.setattr(Path, "unlink", removing)
    monkeypatch.setattr(Path, "read_bytes", reading)
    return found


def until(true, seconds: float = 20.0):
    end = time.perf_counter() + seconds
    while not (found := true()):
        assert time.perf_counter() < end, "it did not come"
        time.sleep(0.01)
    return found


def test_what_is_held_for_a_moment_is_done_all_the_same(scanner, tmp_path):
    fresh, target = put(tmp_path / "a.new", b"new"), put(tmp_path / "a", b"old")
    scanner.holds = {"a"}
    scanner.let_go_after(0.1)
    held.replace(fresh, target)
    assert target.read_bytes() == b"new"
    assert scanner.refused
    scanner.holds = {"a"}
    scanner.let_go_after(0.1)
    held.remove(target)
    assert not target.exists()


def test_what_is_wrong_for_good_is_not_tried_twice(tmp_path):
    tried = []

    def full():
        tried.append(1)
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        held.patiently(full)
    assert len(tried) == 1


def test_a_journal_that_is_held_is_told_and_written_at_a_later_turn(scanner, tmp_path, monkeypatch):
    monkeypatch.setattr("bridge.state.journal.AGAIN", 0.05)
    monkeypatch.setattr(held, "patiently", lambda do, patience=0: do())
    path = put(tmp_path / "X.journal.json", b'{"values": {}}')
    journal = Journal(path)
    journal.begin()
    journal.open()
    scanner.holds = {path.name}
    journal.put(LOOK)
    until(lambda: "another program has it open" in journal.problem)
    scanner.holds.clear()
    until(lambda: not journal.problem)
    assert json.loads(path.read_text())["pipeline"] == "passthrough"
    journal.end()


def test_an_end_with_a_held_journal_is_an_end(scanner, tmp_path):
    with running_session(tmp_path, pipeline="passthrough", name="held") as rig:
        until(lambda: (tmp_path / "held.journal.json").exists())
        rig.session.store.update({"mix": 0.5})
        scanner.holds = {"held.journal.json"}
        scanner.let_go_after(0.3)
    kept = json.loads((tmp_path / "held.journal.json").read_text())
    assert (kept["ended"], kept["values"]["mix"]) == (True, 0.5), "the last look came in time"


def test_a_journal_that_nobody_may_read_is_not_written_over(scanner, tmp_path, monkeypatch):
    monkeypatch.setattr(held, "patiently", lambda do, patience=0: do())
    monkeypatch.setattr("bridge.state.journal.AGAIN", 0.05)
    path = put(tmp_path / "X.journal.json", b'{"values": {"mix": 0.75}}')
    scanner.alone = {path.name}
    journal = Journal(path)
    assert journal.begin() is None
    journal.open()
    assert "Nothing is restored: another program has" in journal.unread
    journal.put(LOOK)
    until(lambda: journal.problem)
    scanner.alone.clear()
    until(lambda: not journal.problem)
    journal.end()
    assert json.loads((tmp_path / "X.journal.old").read_text())["values"] == {"mix": 0.75}
    assert json.loads(path.read_text())["values"] == {"mix": 0.25}


def test_the_user_is_told_that_nothing_could_be_restored(scanner, tmp_path, monkeypatch):
    monkeypatch.setattr(held, "patiently", lambda do, patience=0: do())
    path = put(tmp_path / "told.journal.json", b'{"values": {}, "ended": true}')
    scanner.alone = {path.name}
    with running_session(tmp_path, pipeline="passthrough", name="told") as rig:
        assert "another program has" in rig.session.restored
        scanner.alone.clear()


def test_an_old_log_that_is_read_keeps_its_name_and_nothing_is_lost(scanner, tmp_path, monkeypatch):
    monkeypatch.setattr(logs, "SIZE", 500)
    monkeypatch.setattr(logs, "AGAIN", 0.0)
    monkeypatch.setattr(logs, "BRIEFLY", 0.0)
    file = logs.LogFile(tmp_path, "X")
    say = lambda number: file.emit(  # noqa: E731
        logging.makeLogRecord({"msg": f"line {number} {'x' * 100}", "levelno": 20})
    )
    for number in range(8):
        say(number)
    assert (tmp_path / "X.log.1").exists()
    scanner.holds = {"X.log.1"}
    for number in range(8, 14):
        say(number)
    scanner.holds.clear()
    say(14)
    file.close()
    found = "".join(p.read_text() for p in sorted(tmp_path.glob("X.log*")))
    assert [n for n in range(15) if f"line {n} " in found] == [*range(15)]
    assert not (tmp_path / "X.moving").exists()


def test_old_logs_of_others_that_are_read_do_not_stop_ours(scanner, tmp_path):
    first = logs.LogFile(tmp_path, "X")
    first.emit(logging.makeLogRecord({"msg": "first"}))
    for number in range(logs.FILES + 1):
        put(tmp_path / f"X.{number}.log", b"old")
    scanner.holds = {f"X.{number}.log" for number in range(logs.FILES + 1)}
    second = logs.LogFile(tmp_path, "X")
    second.emit(logging.makeLogRecord({"msg": "second"}))
    second.close()
    first.close()
    assert "second" in second.path.read_text()


def test_hashes_that_cannot_be_read_or_replaced_are_kept(scanner, tmp_path, monkeypatch):
    monkeypatch.setattr(held, "patiently", lambda do, patience=0: do())
    library = Library(tmp_path)
    one, two = put(tmp_path / SMALL.name, b"one"), put(tmp_path / "other", b"two")
    library.record(one, "1" * 64, came=True)
    scanner.alone = {RECORD}
    library.record(two, "2" * 64)
    assert library.check(SMALL, one), "read once more instead"
    scanner.alone.clear()
    scanner.holds = {RECORD}
    library.record(two, "2" * 64)
    assert [*json.loads((tmp_path / RECORD).read_text())] == [str(one)], "and the old stands"
    assert not [*tmp_path.glob(f"{RECORD}.*")], "no litter"


def test_a_picture_that_is_held_is_refused_in_a_sentence(scanner, tmp_path, monkeypatch):
    monkeypatch.setattr(held, "patiently", lambda do, patience=0: do())
    png = cv2.imencode(".png", np.full((8, 8, 3), 90, np.uint8))[1].tobytes()
    name = references.add(tmp_path, "a.png", png)["name"]
    scanner.holds = {name}
    with pytest.raises(references.AssetError, match="another program has it open") as error:
        references.remove(tmp_path, name)
    assert error.value.status == 409
    with pytest.raises(references.AssetError, match="another program has it open"):
        references.add(tmp_path, "a.png", png)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    scanner.holds.clear()
    references.remove(tmp_path, name)
    assert references.names(tmp_path) == []


def test_an_empty_recording_that_is_held_ends_like_any_other(
    scanner, tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr(held, "patiently", lambda do, patience=0: do())
    scanner.holds = {"show.mp4"}
    with open_sink(f"file:{tmp_path / 'show.mp4'}", Options()):
        put(tmp_path / "show.mp4", b"")
    assert "is empty and could not be deleted" in caplog.text
