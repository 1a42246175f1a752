"""The saved look: restored after a crash; after a normal end the command line wins;
a damaged journal stops nothing.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import cv2
import numpy as np
import psutil
import pytest

from bridge.cli.commands import main
from bridge.session import Session
from bridge.settings import Settings, data_folder
from bridge.state import references
from bridge.state.journal import Journal, Kept
from engine.catalog.rows import Catalog
from tests.bridge.cli.test_keep import free_port
from tests.support.bridge import refused, running
from tests.support.doubles import CATALOG
from tests.support.rig import running_session, scene
from tests.support.slow_cases import rest_slow

LOOK = Kept(values={"mix": 0.25, "black": True}, pipeline="passthrough", source="pattern:kept")
PLAIN = ("--sink", "null:", "--pipeline", "passthrough", "--output-size", "64x48")


def until(true, seconds: float = 40.0):
    end = time.perf_counter() + seconds
    while not (found := true()):
        assert time.perf_counter() < end, "it did not come"
        time.sleep(0.01)
    return found


def journal(folder, name="Bridge"):
    return folder / f"{name}.journal.json"


def written(folder, name="Bridge") -> dict:
    return json.loads(journal(folder, name).read_text())


def leave(folder, *, well: bool, name="Bridge", **parts) -> None:
    """What a run leaves that ended so."""
    left = {"values": {"mix": 0.25, "freeze": True, "size": "32x32"}, "pipeline": "painter",
            "source": "pattern:kept", "ended": well, **parts}  # fmt: skip
    journal(folder, name).write_text(json.dumps(left))


def restored(folder, named=(), *, begins=False, **settings) -> tuple[Session, str, str]:
    """A session that has restored: itself, its pipeline and source. Where it `begins` it has kept
    its look too.
    """
    session = Session(Settings(folder=folder, **settings), CATALOG)
    session.make_folder()
    session.store.update(dict(named))
    row, left = session._restore.take_up(named)
    if begins:
        session._journal.open()
        session._keep()
    session._journal.end()
    return session, row.id, left["source"]


def test_after_a_normal_end_what_the_command_names_wins(tmp_path):
    leave(tmp_path, well=True)
    session, pipeline, source = restored(tmp_path)
    assert (session.store.snapshot.values["mix"], pipeline, source) == (
        0.25, "painter", "pattern:kept")  # fmt: skip
    assert session.store.snapshot.values["size"] == "32x32"
    assert session.restored == (
        "Restored the look of the last run, which ended normally: the command line overrides it."
    )
    session, pipeline, source = restored(
        tmp_path, {"mix": 0.75}, pipeline="passthrough", source="demo:", size="64x64"
    )
    assert (session.store.snapshot.values["mix"], pipeline, source) == (0.75, "passthrough", "")
    assert session.store.snapshot.values["size"] == "64x64"


def test_the_environment_names_things_too(tmp_path, monkeypatch):
    leave(tmp_path, well=True)
    monkeypatch.setenv("SPOUT_BRIDGE_PIPELINE", "passthrough")
    assert restored(tmp_path)[1:] == ("passthrough", "pattern:kept")


def test_after_a_crash_what_was_shown_wins(tmp_path):
    leave(tmp_path, well=False)
    session, pipeline, source = restored(
        tmp_path, {"mix": 0.75}, pipeline="passthrough", source="demo:", size="64x64"
    )
    values = session.store.snapshot.values
    assert (values["mix"], values["size"], pipeline, source) == (
        0.25, "32x32", "painter", "pattern:kept")  # fmt: skip
    assert values["freeze"], "after a crash, what interrupts the show is kept too"
    assert "crashed" in session.restored


def test_a_journal_of_before_has_no_end_and_counts_as_a_crash(tmp_path):
    old = {"values": {"mix": 0.5}, "pipeline": "passthrough", "source": "demo:"}
    journal(tmp_path).write_text(json.dumps(old))
    session, pipeline, _ = restored(tmp_path, pipeline="painter")
    assert (pipeline, session.store.snapshot.values["mix"]) == ("passthrough", 0.5)
    assert "crashed" in session.restored


def test_fresh_starts_clean_and_destroys_nothing(tmp_path):
    leave(tmp_path, well=False)
    session, pipeline, source = restored(tmp_path, begins=True, fresh=True)
    assert (session.store.snapshot.values["mix"], pipeline, source) == (1.0, "stylize", "")
    assert session.restored == ""
    assert json.loads((tmp_path / "Bridge.journal.old").read_text())["values"]["mix"] == 0.25


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 200_000,
        b'{"values":' * 50_000,
        b"",
        b"\0" * 5000,
        b"\xff\xfe{}",
        b"null",
        b"[1]",
        b'"text"',
        b'{"values": 9' + b"9" * 10_000 + b"}",
        b'{"values": {"mix": 0.25}, "pipeline": "pass',
    ],
    ids=["brackets", "objects", "empty", "zeros", "no UTF-8", "null", "list", "text", "number",
         "half"],
)  # fmt: skip
def test_what_is_no_journal_is_put_aside(tmp_path, content, caplog):
    journal(tmp_path).write_bytes(content)
    session, pipeline, source = restored(tmp_path)
    assert journal(tmp_path).read_bytes() == content, "until a run begins"
    session, pipeline, source = restored(tmp_path, begins=True)
    assert (session.store.snapshot.values["mix"], pipeline, source) == (1.0, "stylize", "")
    assert "is set aside" in caplog.text
    assert (tmp_path / "Bridge.journal.bad").read_bytes() == content


def test_half_of_it_may_be_good(tmp_path, caplog):
    values = {"mix": 0.25, "black": "perhaps", "hold_s": [[1]], "vace_scale": None, "nothing": 1,
              "freeze": {"a": 1}, "max_fps": 1e400, "prompt": ["x"], "size": 7, "": 1}  # fmt: skip
    leave(tmp_path, well=False, values=values, pipeline="gone", source="gone:x")
    session, pipeline, source = restored(tmp_path)
    assert (session.store.snapshot.values["mix"], pipeline, source) == (0.25, "stylize", "")
    assert sum("is ignored" in line for line in caplog.messages) == 9
    assert any("unknown parameters in the journal: , nothing" in line for line in caplog.messages)


@pytest.mark.parametrize("part", [None, 1, [], {}, True, "x" * 100_000])
@pytest.mark.parametrize("name", ["values", "pipeline", "source", "look", "ended"])
def test_any_type_at_any_place(tmp_path, name, part):
    leave(tmp_path, well=False, **{name: part})
    restored(tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pipes in folders")
def test_a_folder_or_a_pipe_in_its_place_is_put_aside_and_the_look_is_kept(tmp_path):
    journal(tmp_path, "pipe").parent.mkdir(exist_ok=True)
    os.mkfifo(journal(tmp_path, "pipe"))
    (journal(tmp_path, "folder") / "full").mkdir(parents=True)
    journal(tmp_path, "device").symlink_to("/dev/zero")
    for name in ("pipe", "folder", "device"):
        kept = Journal(journal(tmp_path, name))
        assert kept.begin() is None
        kept.open()
        kept.end(LOOK)
        assert written(tmp_path, name)["values"]["mix"] == 0.25


def test_a_disk_that_takes_nothing_is_told_until_it_does(tmp_path, monkeypatch):
    monkeypatch.setattr("bridge.state.journal.AGAIN", 0.05)
    kept = Journal(journal(tmp_path))
    kept.begin()
    kept.open()
    fresh = tmp_path / "Bridge.journal.json.new"
    (fresh / "in the way").mkdir(parents=True)
    kept.put(LOOK)
    until(lambda: "The look is not saved" in kept.problem)
    assert str(journal(tmp_path)) in kept.problem
    (fresh / "in the way").rmdir()
    fresh.rmdir()
    until(lambda: kept.problem == "")
    assert written(tmp_path)["pipeline"] == "passthrough", "it is written unasked"
    kept.end()


def picture() -> bytes:
    return cv2.imencode(".png", np.random.default_rng(1).integers(0, 256, (200, 200, 3)))[
        1
    ].tobytes()


def test_a_folder_of_pictures_that_somebody_removed_is_made_again(tmp_path):
    kept = references.add(tmp_path / "gone" / "assets", "a.png", picture())
    assert references.names(tmp_path / "gone" / "assets") == [kept["name"]]


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="mounts a small disk")
def test_a_full_or_read_only_disk_is_told_until_it_is_over(tmp_path, monkeypatch):
    monkeypatch.setattr("bridge.state.journal.AGAIN", 0.05)
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], check=True)
    try:
        kept = Journal(journal(disk))
        kept.begin()
        kept.open()
        kept.put(LOOK)
        until(lambda: journal(disk).exists())
        (disk / "film").write_bytes(b"x" * 40_000)
        more = Kept(values={"prompt": "x" * 30_000}, pipeline="stylize", source="demo:")
        kept.put(more)
        until(lambda: "No space left" in kept.problem)
        assert written(disk)["pipeline"] == "passthrough", "the one before stands whole"
        until(lambda: not [*disk.glob("*.new")])
        with pytest.raises(references.AssetError, match="cannot be saved") as caught:
            references.add(disk, "a.png", picture())
        assert caught.value.status == 507
        assert not [*disk.glob(".*.new")]
        (disk / "film").unlink()
        until(lambda: kept.problem == "")
        assert written(disk)["pipeline"] == "stylize"
        kept.end()
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        kept = Journal(journal(disk))
        assert kept.begin()
        kept.open()
        kept.put(LOOK)
        until(lambda: "Read-only" in kept.problem)
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        until(lambda: kept.problem == "")
        kept.end()
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def test_the_trouble_stands_in_the_error_and_a_normal_end_keeps_the_look(tmp_path):
    look = {"pipeline": "passthrough", "name": "again"}
    with running_session(tmp_path, **look) as rig:
        fresh = tmp_path / "again.journal.json.new"
        rig.until(lambda: journal(tmp_path, "again").exists())
        (fresh / "in the way").mkdir(parents=True)
        rig.session.store.update({"mix": 0.25, "black": True, "black_fade": 0.0})
        rig.until(lambda: "The look is not saved" in rig.session.status().error)
        assert rig.session.status().black_frames == 0
        (fresh / "in the way").rmdir()
        fresh.rmdir()
        rig.until(lambda: rig.session.status().error == "")
        assert not written(tmp_path, "again")["ended"]
        rig.session.set_source("pattern:kept")
        rig.until(lambda: rig.session.status().source.startswith("pattern:kept"))
    kept = written(tmp_path, "again")
    assert (kept["ended"], kept["source"], kept["values"]["mix"]) == (True, "pattern:kept", 0.25)
    assert "black" not in kept["values"]


def test_a_second_bridge_of_the_name_keeps_its_hands_off(tmp_path):
    leave(tmp_path, well=True)
    first = Journal(journal(tmp_path))
    assert first.begin()
    first.open()
    session, pipeline, _ = restored(tmp_path)
    assert "Another bridge named Bridge" in session.restored
    assert pipeline == "stylize"
    session._journal.put(LOOK)
    first.end(LOOK)
    assert written(tmp_path)["source"] == "pattern:kept"
    third = Journal(journal(tmp_path))
    assert third.begin(), "the name is free again"
    third.open()
    third.end()


@pytest.mark.slow
def test_a_kept_source_that_is_away_is_waited_for_and_never_forgotten(tmp_path):
    film = tmp_path / "film.png"
    kept = {"pipeline": "painter", "source": f"file:{film}", "values": {"frames": 2}}
    leave(tmp_path, well=False, name="rest", **kept)
    with running_session(tmp_path, name="rest", pipeline="passthrough", source="demo:") as rig:
        rig.until(lambda: "File not found" in rig.session.status().error)
        status = rig.session.status()
        assert (status.source_uri, status.input) == (f"file:{film}", "failed")
        rig.session.store.update({"mix": 0.5})
        rig.until(lambda: written(tmp_path, "rest").get("values", {}).get("mix") == 0.5)
        assert written(tmp_path, "rest")["source"] == f"file:{film}"
        cv2.imwrite(str(film), scene(64, 48)[..., :3])
        rig.until(lambda: rig.session.status().frames_new > 2)
        assert not rig.session.status().error


@pytest.mark.slow
def test_what_the_command_names_may_be_gone_after_a_crash_and_not_before(tmp_path):
    gone = "--set", f"reference={tmp_path}/gone.png", "--fallback", f"file:{tmp_path}/gone.mp4"
    for arguments in (gone[:2], gone[2:]):
        with pytest.raises(SystemExit):
            main(["run", *PLAIN, "--port", "0", "--folder", str(tmp_path), *arguments])
    leave(tmp_path, well=False, pipeline="passthrough", source="pattern:kept")
    with running(tmp_path, *PLAIN, *gone) as bridge:
        bridge.until(lambda state: state["state"] == "RUNNING")


def test_a_reference_that_is_gone_is_told_kept_and_taken_when_it_is_back(tmp_path, monkeypatch):
    monkeypatch.setattr("bridge.state.missed.GLANCE", 0.05)
    values = {"reference": "gone.png", "reference_2": "too.png", "lora_1": "gone.safetensors"}
    leave(tmp_path, well=True, name="gone", values=values, pipeline="passthrough", source="demo:")
    with running_session(tmp_path, name="gone", pipeline="passthrough") as rig:
        error = rig.session.status().error
        for text in values.values():
            assert f"'{text}'" in error, "each is told"
        assert error.count("It is restored once available.") == 3
        until(lambda: written(tmp_path, "gone")["values"]["reference"] == "gone.png")
        cv2.imwrite(str(rig.session.assets / "gone.png"), scene(64, 48)[..., :3])
        rig.until(lambda: rig.session.store.snapshot.values["reference"] == "gone.png")
        assert "'gone.png'" not in rig.session.status().error
        rig.session.store.update({"reference_2": ""})  # what it is already, and chosen anew
        assert "'too.png'" not in rig.session.status().error
        cv2.imwrite(str(rig.session.assets / "too.png"), scene(64, 48)[..., :3])
        rig.session.actions["defaults"].run()
        rig.until(lambda: not rig.session.status().error)
        assert not rig.session._missed.values
    assert written(tmp_path, "gone")["values"]["reference_2"] == ""


def test_what_waits_for_its_file_outlives_the_next_run_too(tmp_path):
    leave(tmp_path, well=True, name="away", values={"reference": "gone.png"}, source="demo:")
    for _ in range(2):
        with running_session(tmp_path, name="away", pipeline="passthrough") as rig:
            assert "'gone.png'" in rig.session.status().error
    assert written(tmp_path, "away")["values"]["reference"] == "gone.png"


def test_what_the_journals_door_refuses_is_told_until_it_is_chosen_anew(tmp_path):
    values = {"mix": "much", "fade": 2.0, "on_loss": "nothing"}
    leave(tmp_path, well=True, name="odd", values=values, pipeline="gone", source="gone:x")
    with running_session(tmp_path, name="odd", pipeline="passthrough", source="demo:") as rig:
        session = rig.session
        assert session.store.snapshot.values["fade"] == 2.0
        assert "mix of the previous run: mix takes" in session.status().error
        session.store.update({"mix": 1.0})
        assert "mix of the run" not in session.status().error
        session.store.update({"on_loss": "card"})
        rig.until(lambda: not session.status().error)
    leave(tmp_path, well=False, name="odd", values={}, pipeline="gone", source="gone:x")
    with running_session(tmp_path, name="odd", pipeline="passthrough", source="demo:") as rig:
        error = rig.session.status().error
        assert "The pipeline of the previous run: Unknown pipeline 'gone'" in error
        assert "The source of the previous run: 'gone:x' is not a source" in error
        rig.session.set_source("demo:")
        rig.session.switch("passthrough")
        rig.until(lambda: not rig.session.status().error)


def test_what_a_plug_in_had_is_kept_until_that_is_back_or_another_is_chosen(tmp_path):
    values = {"steps": 7, "odd name": 1, "deep": [1], "long": "x" * 9999}
    left = {"pipeline": "painter", "source": "gone:x", "values": values}
    leave(tmp_path, well=False, name="plug", **left)
    usual = {"name": "plug", "engine": "thread", "output_size": "64x48"}
    with running_session(tmp_path, Catalog(), **usual):  # without the plug-in
        until(lambda: written(tmp_path, "plug")["values"].get("mix") == 1.0)
        kept = written(tmp_path, "plug")
        assert (kept["pipeline"], kept["source"]) == ("painter", "gone:x")
        assert {name: kept["values"].get(name) for name in values} == {
            "steps": 7, "odd name": None, "deep": None, "long": None,
        }  # fmt: skip
    shutil.copy(journal(tmp_path, "plug"), journal(tmp_path, "back"))
    back = Session(Settings(folder=tmp_path, name="back"), CATALOG)  # with it
    back.make_folder()
    assert back._restore.take_up(())[0] is CATALOG["painter"]
    assert back.store.snapshot.values["steps"] == 7
    leave(tmp_path, well=False, name="plug", **left)
    with running_session(tmp_path, Catalog(), **usual) as rig:
        rig.session.switch("passthrough")
        rig.session.set_source("demo:")
        until(lambda: written(tmp_path, "plug")["pipeline"] == "passthrough")
        until(lambda: written(tmp_path, "plug")["source"] == "demo:")


@pytest.mark.slow
def test_a_journal_of_any_number_of_keys_costs_no_time(tmp_path, caplog):
    values = {f"key {number}": number for number in range(50_000)} | {"mix": 0.25}
    leave(tmp_path, well=True, name="many", values=values, pipeline="passthrough", source="demo:")
    before = time.process_time()
    session, *_ = restored(tmp_path, name="many")
    assert time.process_time() - before < 1.25, "3.5 s when each key was tried"
    assert session.store.snapshot.values["mix"] == 0.25
    lines = [line for line in caplog.messages if "unknown parameters in the journal" in line]
    assert len(lines) == 1
    assert "(50000)" in lines[0]


def test_no_home_and_odd_variables_are_no_defect(tmp_path, monkeypatch, capsys):
    if os.name != "nt" and sys.platform != "darwin":
        monkeypatch.setenv("XDG_DATA_HOME", "")
        assert data_folder().is_absolute()
        monkeypatch.setenv("XDG_DATA_HOME", "here")
        assert data_folder().is_absolute()
        monkeypatch.delenv("XDG_DATA_HOME")

    def nobody():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr("bridge.settings.Path.home", nobody)
    with pytest.raises(SystemExit) as end:
        main(["run", "--port", "0"])
    assert (end.value.code, "--folder" in capsys.readouterr().err) == (1, True)


@pytest.mark.parametrize("place", ["", "assets"])
def test_a_file_in_place_of_a_folder_is_one_sentence(tmp_path, place, capsys, monkeypatch):
    monkeypatch.setattr("bridge.cli.run.stop_event", threading.Event)
    folder = tmp_path / "folder"
    if place:
        folder.mkdir()
    (folder / place).write_text("a file")
    with pytest.raises(SystemExit) as end:
        main(["run", "--port", "0", "--folder", str(folder)])
    told = " ".join(capsys.readouterr().err.split())
    assert (end.value.code, "cannot be created" in told, "--folder" in told) == (1, True, True)


def _of(name, folder):
    return {path.name: path.read_bytes() for path in folder.glob(f"{name}.journal.*")}


@pytest.mark.slow
@pytest.mark.parametrize("more", [(), ("--fresh",)], ids=["", "fresh"])
@pytest.mark.parametrize("left", [True, False, None], ids=["ended", "crashed", "damaged"])
@pytest.mark.parametrize(
    "refusal",
    rest_slow(["--sink shm:", "--sink camera:0", "--sink file:none/x.mp4", "--port {taken}"]),
)  # fmt: skip
def test_a_start_that_is_refused_leaves_the_journal_as_it_was(
    tmp_path, monkeypatch, capsys, refusal, left, more
):
    stop = threading.Event()
    stop.set()  # what should not begin ends at once
    monkeypatch.setattr("bridge.cli.run.stop_event", lambda: stop)
    monkeypatch.setattr("bridge.cli.run.PORT_AGAIN", 0.05)
    kept = {"values": {"mix": 0.25}, "pipeline": "passthrough", "source": "demo:"}
    if left is None:
        journal(tmp_path).write_bytes(b"[" * 9)
    else:
        leave(tmp_path, well=left, **kept)
    before = _of("Bridge", tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        refusal = refusal.format(taken=taken.getsockname()[1])
        command = ["run", "--port", "0", "--folder", str(tmp_path), "--set", "prompt=typed"]
        with pytest.raises(SystemExit) as end:
            main([*command, *more, *refusal.split()])
    assert end.value.code in (1, 2, 3), capsys.readouterr().err
    assert _of("Bridge", tmp_path) == before


@pytest.mark.slow
def test_what_is_typed_after_a_refused_start_wins_as_before_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("bridge.cli.run.stop_event", threading.Event)
    with running_session(tmp_path, pipeline="passthrough", name="look") as rig:
        rig.session.store.update({"mix": 0.25, "fade": 0.5})
    command = ["run", "--port", "0", "--folder", str(tmp_path), "--name", "look"]
    with pytest.raises(SystemExit):
        main([*command, "--sink", "shm:", "--set", "mix=0.75"])
    session, *_ = restored(tmp_path, {"mix": 0.5}, name="look")
    values = session.store.snapshot.values
    assert "ended normally" in session.restored
    assert (values["mix"], values["fade"]) == (0.5, 0.5)


@pytest.mark.slow
def test_a_service_that_is_restarted_keeps_its_show(tmp_path):
    """By SIGTERM, then without a flag, then with one; then after a kill, and by `--keep`."""

    def shown(bridge, source, mix, *, black):
        bridge.until(lambda state: state["source"].startswith(source))
        bridge.until(lambda state: state["pipeline"] == "passthrough")
        values = bridge.ask("parameters")
        assert (values["mix"], values["black"]) == (mix, black)
        assert [look["name"] for look in bridge.ask("looks")["looks"]] == ["Dawn"]

    with running(tmp_path, *PLAIN, "--source", "demo:") as bridge:
        bridge.ask("looks", {"name": "Dawn"})
        bridge.osc("/bridge/mix", 0.25)
        bridge.osc("/bridge/black", 1)
        bridge.osc("/bridge/source", "pattern:kept")
        bridge.until(lambda state: state["source"].startswith("pattern:kept"))
        until(lambda: bridge.ask("parameters")["mix"] == 0.25)
        bridge.process.send_signal(signal.SIGTERM)
        assert bridge.process.wait(10) == 0
    with running(tmp_path, "--sink", "null:", "--output-size", "64x48") as bridge:
        shown(bridge, "pattern:kept", 0.25, black=False)
        assert any("ended normally" in line for line in bridge.lines)
    with running(tmp_path, *PLAIN, "--set", "mix=0.5", "--source", "demo:") as bridge:
        assert bridge.ask("parameters")["mix"] == 0.5
        assert bridge.state()["source"].startswith("demo:")
        bridge.osc("/bridge/black", 1)
        bridge.osc("/bridge/source", "pattern:late")
        until(lambda: written(tmp_path)["values"].get("black"))
        until(lambda: written(tmp_path)["source"] == "pattern:late")
        bridge.process.kill()
        bridge.process.wait()
    flags = ["--set", "mix=0.75", "--source", "demo:"]
    with running(tmp_path, *PLAIN, *flags, "--keep", "--port", free_port()) as keeper:
        shown(keeper, "pattern:late", 0.5, black=True)
        assert any("crashed" in line for line in keeper.lines)
        (bridge,) = psutil.Process(keeper.process.pid).children()
        bridge.kill()
        until(lambda: sum("crashed" in line for line in keeper.lines) == 2)
        shown(keeper, "pattern:late", 0.5, black=True)
        keeper.process.send_signal(signal.SIGTERM)
        assert keeper.process.wait(10) == 0
    with running(tmp_path, "--sink", "null:") as bridge:
        shown(bridge, "pattern:late", 0.5, black=False)


@pytest.mark.slow
def test_no_journal_keeps_a_kept_bridge_from_starting(tmp_path):
    journal(tmp_path).write_bytes(b"[" * 200_000)
    with running(tmp_path, "--keep", *PLAIN) as keeper:
        keeper.until(lambda state: state["state"] in ("RUNNING", "WARMUP"))
        assert not any("restarts" in line for line in keeper.lines)
    (tmp_path / "read only").mkdir()
    status, text = refused("run", "--keep", "--port", "0", "--folder", "/proc/nothing")
    assert (status, "cannot be created" in text) == (1, True)
