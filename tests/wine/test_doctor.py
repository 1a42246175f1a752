"""`spout-bridge doctor` against the real Spout. Runs in the Windows Python, with any SHIM."""

import re

import pytest
import shim
from rig_tools import wait

from bridge.doctor import spout as doctor_spout, loopback
from bridge.doctor.checks import doctor
from bridge.settings import Settings
from bridge.transports.spout.receiver import SILENT
from bridge.transports.spout.registry import find

PATHS = {"cpu": "CPU share", "gldx": "GPU texture"}
NAME = "Regen 雨"  # which the console's cp1252 cannot say
COPIES = {"cpu": ("2 copies", "3 copies"), "gldx": ("3 copies", "2 copies")}


COUNT = 7  # pictures of each size


@pytest.fixture
def printed(tmp_path, capsys, monkeypatch, other):
    """Exit status and text of a run, while another program sends."""
    monkeypatch.setattr(doctor_spout, "COUNT", COUNT)
    monkeypatch.setattr(loopback, "LATE", 30.0)  # a slow rig is not what is looked for
    if shim.mode == "none":
        monkeypatch.setattr(loopback, "FIRST", 0.5)  # none comes however long one waits
        monkeypatch.setattr(doctor_spout, "FIRST", SILENT + 3)
    else:
        monkeypatch.setattr(loopback, "FIRST", 30.0)
        monkeypatch.setattr(doctor_spout, "FIRST", 30.0)
        monkeypatch.setattr(
            "bridge.doctor.checks._runtime", list
        )  # three more Pythons, no Spout in them
    other.tell(do="send", name=NAME, width=64, height=48, count=1)
    wait(lambda: find(NAME))
    status = doctor(Settings(folder=tmp_path, port=0))
    other.end()
    text = capsys.readouterr().out
    log = re.search(r"^Spout's log +(.+), (\d+) lines$", text, re.MULTILINE)
    assert log[1] == str(tmp_path / "spout.log")
    assert int(log[2]) > 10
    assert len((tmp_path / "spout.log").read_text().splitlines()) >= int(log[2])
    assert re.search(r"^SpoutGL +SpoutGL 0\.1\.1", text, re.MULTILINE)
    assert re.search(r"^OpenGL +.*llvmpipe.*Mesa", text, re.MULTILINE)
    assert re.search(r"^Framecount +off", text, re.MULTILINE)
    return status, text


@pytest.mark.skipif(shim.mode == "none", reason="no pictures without a shim")
def test_it_tells_path_copies_and_times_and_compares_every_byte(printed):
    status, text = printed
    path = PATHS[shim.mode]
    assert re.search(rf"^sender +{NAME}, 64x48 BGRA8, .*python\.exe, {path}$", text, re.MULTILINE)
    for size in ("1280x720", "1920x1080"):
        for side, copies in zip(("out", "back"), COPIES[shim.mode]):
            times = r"p50 [\d.]+ ms, p95 [\d.]+ ms"
            assert re.search(rf"^{size} {side} +{path}, {times}; {copies}", text, re.MULTILINE)
        assert re.search(rf"^{size} bytes +identical in {COUNT} of {COUNT} ", text, re.MULTILINE)
    assert "No problems found" in text
    assert status == 0


@pytest.mark.skipif(shim.mode != "none", reason="the shim cures it")
def test_another_gpu_is_named_with_the_cure(printed):
    status, text = printed
    problems = re.findall("^Problem: (.+)$", text, re.MULTILINE)
    (own,) = [p for p in problems if p.startswith("Frames do not come back through Spout")]
    assert "on another GPU than Direct3D" in own
    assert "python.exe" in own
    assert "graphics settings" in own
    assert any(problem.startswith(f"{NAME} is listed") for problem in problems)
    assert status == 1
