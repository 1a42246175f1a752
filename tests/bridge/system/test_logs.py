"""The log: one file per bridge name; no disk and no terminal delays the show."""

import logging
import os
import re
import subprocess
import sys
import threading
import time
from time import perf_counter

import pytest

from bridge.cli.commands import main
from bridge.settings import Settings
from bridge.system import logs
from bridge.system.loops import explained
from tests.support.bridge import running

log = logging.getLogger("bridge.test")


@pytest.fixture(autouse=True)
def as_it_was():
    yield
    logs.end()


@pytest.fixture
def file(tmp_path):
    logs.to_file(tmp_path, "Cam", logging.INFO)
    return tmp_path / "logs" / "Cam.log"


def until(true, seconds: float = 40.0):
    end = perf_counter() + seconds
    while not (found := true()):
        assert perf_counter() < end, "it did not come"
        time.sleep(0.01)
    return found


def text_of(path) -> str:
    """What it holds; nothing while it is moved to make room for a new one."""
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return ""


def test_lines_and_tracebacks_are_written_at_once(file):
    try:
        {}["nothing"]
    except KeyError as error:
        told = explained(error)
    assert str(file) in told, "and the user is told where"
    until(lambda: "KeyError: 'nothing'" in text_of(file))
    assert 'in test_lines_and_tracebacks_are_written_at_once\n    {}["nothing"]' in text_of(file)
    log.debug("not asked for")
    logging.getLogger("somebody.else").info("of a package")
    log.info("last")
    until(lambda: "last" in text_of(file))
    assert "not asked for" not in text_of(file)
    assert "of a package" not in text_of(file)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_what_ends_a_thread_is_written(file):
    thread = threading.Thread(target=lambda: [][1], name="tailor")
    thread.start()
    thread.join()
    until(lambda: "unexpected: tailor has ended" in text_of(file))
    assert "IndexError" in text_of(file)


SECRET = "s3cr3t/with+signs="


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        f"GET /?token={SECRET} HTTP/1.1",
        "GET /?token=s3cr3t%2Fwith%2Bsigns%3D HTTP/1.1",
        "GET /page?a=1&token=s3cr3t HTTP/1.1",
        "Authorization: Bearer s3cr3t",
        "{'authorization': 'Basic s3cr3t'}",
        "https://me:s3cr3t@host/alarm",
        "password=s3cr3t",
    ],
)
def test_no_secret_is_written(file, text):
    logs.hide([SECRET])
    log.warning("before %s after", text)
    try:
        raise ValueError(text)
    except ValueError:
        log.exception("and in a traceback")
    log.info("the end")
    until(lambda: "the end" in text_of(file))
    kept = "\n".join(line.text for line in logs.recent()[1])
    for told in (text_of(file), kept):
        assert "s3cr3t" not in told
        assert "before" in told
        assert "ValueError" in told


def test_the_newest_lines_are_kept_for_the_page(file):
    assert logs.recent() == (0, [])
    for number in range(logs.RECENT + 7):
        log.info("line %d", number)
    log.error("x" * 5000)
    newest, lines = logs.recent()
    assert newest == logs.RECENT + 8
    assert len(lines) == logs.RECENT
    assert [line.number for line in lines[-2:]] == [newest - 1, newest]
    assert (lines[-1].level, len(lines[-1].text)) == ("ERROR", logs.LONGEST + 2)
    assert logs.recent(newest - 1)[1] == lines[-1:]
    assert logs.recent(newest + 9) == (newest, [])
    logs.end()
    assert logs.recent() == (0, [])


def test_the_settings_know_their_secrets(tmp_path):
    servers = ("stun:s.example", "turn:bob:" + "p" * 20 + "@t.example")
    secrets = Settings(token="t" * 20, ice_servers=servers, folder=tmp_path).secrets
    assert {"t" * 20, "p" * 20} <= {*secrets}


def test_five_files_and_no_more(file, monkeypatch):
    monkeypatch.setattr(logs, "SIZE", 2000)
    for number in range(400):
        log.info("line %d %s", number, "x" * 100)
        if number % 20 == 0:
            time.sleep(0.005)
    log.info("the end")
    until(lambda: "the end" in text_of(file))
    files = sorted(path.name for path in file.parent.glob("Cam.log*"))
    assert files == ["Cam.log", "Cam.log.1", "Cam.log.2", "Cam.log.3", "Cam.log.4"]
    assert all(path.stat().st_size < 2500 for path in file.parent.glob("Cam.log*"))


def test_a_file_that_another_program_holds_goes_on_and_stays_bounded(file, monkeypatch):
    monkeypatch.setattr(logs, "SIZE", 2000)
    file.parent.mkdir(parents=True)
    (file.parent / "Cam.moving" / "full").mkdir(parents=True)  # no new file can be begun
    for number in range(200):
        log.info("line %d %s", number, "x" * 100)
    until(lambda: file.is_file() and file.stat().st_size > 4000)
    time.sleep(0.1)
    assert file.stat().st_size < 4500
    (file.parent / "Cam.moving" / "full").rmdir()
    (file.parent / "Cam.moving").rmdir()
    logs._file._again_at = 0.0
    log.info("the end")
    until(lambda: "the end" in text_of(file))
    assert "lines could not be written here" in text_of(file)
    assert (file.parent / "Cam.log.1").is_file()


@pytest.mark.slow
def test_a_second_bridge_of_the_name_writes_its_own(tmp_path, file):
    log.info("mine")
    until(lambda: "mine" in text_of(file))
    code = (
        "import logging, sys; from pathlib import Path; from bridge.system import logs;"
        "logs.to_file(Path(sys.argv[1]), 'Cam', logging.INFO);"
        "logging.getLogger('bridge.x').info('yours'); logs.end()"
    )
    for _ in range(7):
        subprocess.run([sys.executable, "-c", code, tmp_path], check=True)
    assert "yours" not in text_of(file)
    others = [*file.parent.glob("Cam.[0-9]*.log")]
    assert 1 <= len(others) <= logs.FILES, "they are not gathered for ever"
    assert all("Another bridge named Cam writes" in text_of(path) for path in others)


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="mounts a small disk")
def test_a_full_disk_costs_lines_and_no_time(tmp_path, monkeypatch):
    monkeypatch.setattr(logs, "AGAIN", 0.05)
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], check=True)
    try:
        logs.to_file(disk, "Cam", logging.INFO)
        path = disk / "logs" / "Cam.log"
        log.info("first")
        until(lambda: "first" in text_of(path))
        (disk / "film").write_bytes(b"x" * 60_000)
        slowest = 0.0
        for number in range(200):
            began = perf_counter()
            log.info("line %d %s", number, "x" * 200)
            slowest = max(slowest, perf_counter() - began)
        assert slowest < 5
        until(lambda: logs._file._lost)
        (disk / "film").unlink()
        until(lambda: log.info("again") or "lines could not be written here" in text_of(path))
        until(lambda: "again" in text_of(path))
        logs.end()
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def test_a_terminal_that_stalls_keeps_nobody(monkeypatch, tmp_path):
    monkeypatch.setattr(logs, "LINES", 50)
    reader, writer = os.pipe()
    # The reader goes first: a writer that somebody still waits in cannot be closed.
    with os.fdopen(writer, "w") as stalled, os.fdopen(reader, "rb", 0):
        logs.to_terminal(logging.StreamHandler(stalled), logging.INFO)
        logs.to_file(tmp_path, "Cam", logging.INFO)
        for number in range(3000):
            log.info("line %d %s", number, "x" * 100)
            if number % 25 == 0:
                time.sleep(0.001)
        file = tmp_path / "logs" / "Cam.log"
        until(lambda: log.info("the end") or "the end" in text_of(file))
        os.set_blocking(reader, False)
        seen = b""

        def told() -> bool:
            nonlocal seen
            try:
                seen += os.read(reader, 1 << 20)
            except BlockingIOError:
                time.sleep(0.01)
            return b"lines came too fast" in seen

        until(told)
        logs.end()


@pytest.mark.parametrize(
    ("flags", "seen"),
    [((), {"loud"}), (("-v",), {"loud", "plain"}), (("-vv",), {"loud", "plain", "quiet"}),
     (("-q",), set())],
)  # fmt: skip
def test_how_much_the_terminal_is_told(tmp_path, monkeypatch, capsys, flags, seen):
    def serve(*_):
        log.warning("loud")
        log.info("plain")
        log.debug("quiet")

    monkeypatch.setattr("bridge.cli.run.run_bridge", serve)
    main(["run", "--folder", str(tmp_path), "--log-level", "debug", *flags])
    words = set(re.findall("loud|plain|quiet", capsys.readouterr().err))
    assert words == seen
    written = text_of(tmp_path / "logs" / "Bridge.log")
    assert {"loud", "plain", "quiet"} <= set(re.findall(r"\w+", written))


def test_a_defect_is_in_the_log_and_the_user_is_told_where(tmp_path, monkeypatch, capsys):
    def serve(*_):
        raise KeyError("a nail in the tyre")

    monkeypatch.setattr("bridge.cli.run.run_bridge", serve)
    with pytest.raises(SystemExit) as end:
        main(["run", "--folder", str(tmp_path)])
    path = tmp_path / "logs" / "Bridge.log"
    assert end.value.code == 70
    assert str(path) in capsys.readouterr().err.replace("\n", "")
    assert "a nail in the tyre" in text_of(path)


PLUG_IN = """
from engine.parameters import Load, Parameters
from engine.catalog.rows import PipelineRow

class Lame:
    def __init__(self, load, context):
        print("lame is built", flush=True)
    def wanted(self, parameters):
        return 1
    def __call__(self, images, parameters):
        yield {}["both legs"]
    def reset(self): ...
    def report(self): return {}

LAME = PipelineRow(
    id="lame", title="Lame", target="stranger:Lame", load=Load, parameters=Parameters
)

class Source:
    status = problem = ""
    def __enter__(self): return self
    def __exit__(self, *_): ...
    def receive(self, timeout): raise KeyError("no eyes")

def open_source(name, options):
    return Source()
"""


@pytest.mark.slow
def test_a_key_error_in_a_plug_in_reaches_the_log_and_the_user(tmp_path, monkeypatch):
    (tmp_path / "stranger.py").write_text(PLUG_IN)
    info = tmp_path / "stranger-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        "[spout_bridge.pipelines]\nlame = stranger:LAME\n"
        "[spout_bridge.transports]\nblind = stranger\n"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]])
                       if "PYTHONPATH" in os.environ else str(tmp_path))  # fmt: skip
    with running(tmp_path, "--sink", "null:", "--pipeline", "passthrough",
                 "--name", "Xlog", "--output-size", "64x48") as bridge:  # fmt: skip
        path = tmp_path / "logs" / "Xlog.log"
        bridge.until(lambda state: state["state"] == "RUNNING")
        assert any(str(path) in line for line in bridge.lines)
        bridge.osc("/bridge/source", "blind:")
        bridge.until(lambda state: "KeyError: 'no eyes'" in state["error"])
        bridge.osc("/bridge/source", "demo:")
        bridge.until(lambda state: state["source"].startswith("demo:") and not state["error"])
        bridge.osc("/bridge/pipeline", "lame")
        state = bridge.until(lambda state: "KeyError: 'both legs'" in state["error"])
        assert str(path) in state["error"]
        assert state["black_frames"] == 0
    written = text_of(path)
    assert re.search(r'stranger.py", line \d+, in __call__', written)
    assert "in receive" in written
    assert "lame is built" in written, "what a worker prints is there too"
