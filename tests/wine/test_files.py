"""Files, drives, paths and the registry as Windows has them: what test_held.py, test_drives.py and
test_paths.py of the Linux side play. Runs in the Windows Python with SHIM=none.
"""

import ctypes
import json
import mimetypes
import os
import subprocess
import sys
import threading
import winreg
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest
from rig_tools import wait
from starlette.testclient import TestClient

from bridge.control.http.app import create_app
from bridge.control.http.rules import Rules
from bridge.state.journal import Journal, Kept
from bridge.system.logs import LogFile
from bridge.session import Session
from bridge.settings import Settings
from bridge.transports import Options, TransportError, camera, open_sink, open_source
from engine.system import commit, drives, held
from engine.files import library
from engine.catalog.rows import Catalog

AWAY = "Q:/models"  # the rig has C: and Z:
READ_WRITE = 3  # what most programs let others do meanwhile: not rename, not remove
KEPT = Kept(values={"mix": 0.25}, pipeline="passthrough", source="demo:")
KERNEL = ctypes.WinDLL("kernel32")
KERNEL.CreateFileW.restype = ctypes.c_void_p


@contextmanager
def session(folder, **chosen):
    made = Session(
        Settings(folder=folder, source="demo:", sink="null:", output_size="64x48", engine="thread",
                 osc_feedback="none", **chosen),
        Catalog.installed(),
    )  # fmt: skip
    made.start()
    try:
        yield made
    finally:
        made.stop()


@contextmanager
def open_elsewhere(path, share=READ_WRITE, seconds=0.0):
    """Another program has a file open, for so long or until the end."""
    handle = KERNEL.CreateFileW(str(path), 0x80000000, share, None, 3, 0, None)
    assert handle != ctypes.c_void_p(-1).value, ctypes.GetLastError()
    closed = threading.Event()

    def close():
        if not closed.is_set():
            closed.set()
            KERNEL.CloseHandle(ctypes.c_void_p(handle))

    timer = threading.Timer(seconds, close) if seconds else None
    if timer:
        timer.start()
    try:
        yield
    finally:
        if timer:
            timer.join()
        close()


def test_a_drive_that_is_away_is_named_and_the_show_goes_on(tmp_path, monkeypatch):
    # the rig has no torch, which would be named first
    monkeypatch.setattr("bridge.downloads.weights._not_installed", lambda packages: [])
    assert drives.away(Path(AWAY)) == "Drive Q: is not available"
    assert drives.away(Path(r"\\nowhere\share\x")).startswith(r"The share \\nowhere\share cannot")
    assert drives.free(tmp_path) > 0
    with session(tmp_path, pipeline="longlive", models=AWAY) as made:
        assert "Drive Q: is not available" in made.status().error
        wait(lambda: made.status().loading or made.status().pipeline == "stylize")
        assert made.weights.listing()["free"] == 0
        with pytest.raises(ValueError, match="Drive Q: is not available"):
            made.switch("longlive")
    with pytest.raises(OSError, match="Drive Q: is not available; choose another --folder"):
        Session(Settings(folder=AWAY), Catalog.installed()).make_folder()
    for open_ in (open_source, open_sink):
        with pytest.raises(TransportError, match="Drive Q: is not available"):
            open_("file:Q:/a.mp4", Options())


@pytest.mark.parametrize("share", [0, READ_WRITE])
def test_what_another_program_has_open_is_replaced_when_it_lets_go(tmp_path, share):
    fresh, target = tmp_path / "fresh", tmp_path / "target"
    fresh.write_text("new")
    target.write_text("old")
    with open_elsewhere(target, share):
        with pytest.raises(PermissionError) as refused:
            fresh.replace(target)
        assert held.is_held(refused.value), refused.value
    with open_elsewhere(target, share, 0.3):
        held.replace(fresh, target)
    assert target.read_text() == "new"
    with open_elsewhere(target, share, 0.3):
        held.remove(target)
    assert not target.exists()


def test_a_file_that_nobody_may_read_is_known_as_held(tmp_path):
    (tmp_path / "alone").write_text("x")
    with open_elsewhere(tmp_path / "alone", 0):
        with pytest.raises(PermissionError) as refused:
            (tmp_path / "alone").read_text()
        assert held.is_held(refused.value)
    with open_elsewhere(tmp_path / "alone", 0, 0.3):
        assert held.patiently((tmp_path / "alone").read_text) == "x"


@pytest.mark.parametrize("share", [0, READ_WRITE])
def test_a_held_journal_is_told_written_later_and_ends_nothing(tmp_path, share):
    path = tmp_path / "X.journal.json"
    path.write_text('{"values": {"mix": 0.75}}')
    with open_elsewhere(path, share):
        journal = Journal(path)
        left = journal.begin()
        journal.open()
        assert (left is None) == (share == 0)
        journal.put(KEPT)
        wait(lambda: "another program has it open" in journal.problem)
    wait(lambda: not journal.problem)
    with open_elsewhere(path, share, 0.3):
        journal.end(Kept(values={}, pipeline="stylize", source="demo:", ended=True))
    assert json.loads(path.read_text())["ended"]
    if share == 0:
        assert json.loads((tmp_path / "X.journal.old").read_text())["values"]["mix"] == 0.75


def test_a_bridge_ends_well_whatever_is_held_and_speaks_utf8_into_a_pipe(tmp_path):
    folder = tmp_path / "ü 日本"
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONIOENCODING"}
    process = subprocess.Popen(
        [sys.executable, "-m", "bridge.cli", "run", "--folder", str(folder), "--port", "0",
         "--source", "demo:", "--stop-on-stdin-end", "--pipeline", "passthrough",
         "--sink", "null:", "--osc-feedback", "none"],
        stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=environment,
    )  # fmt: skip
    journal, log = folder / "Bridge.journal.json", folder / "logs" / "Bridge.log"
    wait(lambda: journal.exists() and log.exists(), 60)
    with open_elsewhere(journal), open_elsewhere(log):
        said = process.communicate(timeout=60)[1].decode("utf-8")
    assert process.returncode == 0, said
    assert str(log) in said.replace("\r\n", "\n"), "in the script of the folder"


def test_a_log_that_is_read_goes_on(tmp_path, monkeypatch):
    import logging

    monkeypatch.setattr("bridge.system.logs.SIZE", 300)
    monkeypatch.setattr("bridge.system.logs.AGAIN", 0.0)
    file = LogFile(tmp_path, "X")

    def say(number):
        file.emit(logging.makeLogRecord({"msg": f"line {number} {'x' * 100}"}))

    for number in range(5):
        say(number)
    with open_elsewhere(tmp_path / "X.log.1"):
        for number in range(5, 9):
            say(number)
    say(9)
    file.close()
    found = "".join(path.read_text() for path in tmp_path.glob("X.log*"))
    assert [n for n in range(10) if f"line {n} " in found] == [*range(10)]


def test_the_page_is_no_plain_text_where_the_registry_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(mimetypes, "knownfiles", [])  # or those of the Linux around the rig win
    with winreg.CreateKey(winreg.HKEY_CLASSES_ROOT, ".js") as key:
        winreg.SetValueEx(key, "Content Type", 0, winreg.REG_SZ, "text/plain")
    try:
        mimetypes.init()
        assert mimetypes.guess_type("app.js")[0] == "text/plain", "the trap is set"
        made = Session(Settings(folder=tmp_path), Catalog.installed())
        with TestClient(create_app(made, Rules()), "http://127.0.0.1:8000") as client:
            answer = client.get("/page/app.js")
        assert answer.headers["content-type"].startswith("text/javascript")
    finally:
        winreg.DeleteKey(winreg.HKEY_CLASSES_ROOT, ".js")
        mimetypes.init()


def test_paths_as_windows_has_them(tmp_path):
    film = tmp_path / "my film ü.png"
    film.write_bytes(cv2.imencode(".png", np.full((48, 64, 3), 90, np.uint8))[1].tobytes())
    for typed in (
        str(film),
        f'"{film}"',
        film.as_uri(),
        f"file:{film}",
        str(film).replace("\\", "/"),
    ):
        with open_source(typed, Options()) as source:
            assert source.receive(1.0) is not None, typed
    for typed, words in (
        (f"{film}:hidden.mp4", "a stream hidden in a file"),
        (f"{tmp_path}\\con.mp4", "con.mp4 is a device"),
        (r"\\nowhere\share\a.mp4", r"The share \\nowhere\share cannot be reached"),
    ):
        for open_ in (open_source, open_sink):
            with pytest.raises(TransportError) as refused:
                open_(typed, Options())
            assert words in str(refused.value)
    assert library._windows_documents()[0].is_absolute()


def test_what_windows_may_still_promise_is_a_number(tmp_path):
    left = commit.left()
    print(f"left {left}, free {commit.available()}, page files {commit._page_files()}")
    assert left is None or 1e6 < left < 1e15
    assert commit.available() > 1e6


def test_a_folder_on_drive_c_is_no_camera():
    folder = Path("C:/dev/video-tools")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        assert camera.offers() == []
        with pytest.raises(TransportError, match="this machine has none"):
            open_source("camera:front", Options())
    finally:
        folder.rmdir()
        folder.parent.rmdir()
    assert os.environ["OPENCV_VIDEOIO_MSMF_ENABLE_HW_TRANSFORMS"] == "0"
