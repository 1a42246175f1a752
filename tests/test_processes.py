"""The bridge as a process among others: how it is asked to end, and what its streams do to it."""

import json
import subprocess
import sys
import time

import cv2
import pytest

from tests.test_cli import refused, running

SMALL = ("--pipeline", "passthrough", "--output-size", "64x48", "--size", "64x48")


def journal(folder, name: str):
    return json.loads((folder / f"{name}.journal.json").read_text())


@pytest.mark.slow
@pytest.mark.parametrize("keep", [(), ("--keep",)], ids=["alone", "kept"])
def test_the_end_of_stdin_is_a_normal_end(tmp_path, keep):
    """As a host ends us that knows no signals, TouchDesigner on Windows, or one that crashes:
    recording and look are whole.
    """
    clip = tmp_path / "out.mp4"
    code = "import sys, time; sys.stdout.write('ready'); sys.stdout.flush(); time.sleep(60)"
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    try:
        with running(
            tmp_path, *keep, *SMALL, "--sink", f"file:{clip}", "--name", "Xstdin",
            "--stop-on-stdin-end", stdin=holder.stdout,
        ) as bridge:  # fmt: skip
            bridge.until(lambda state: state["frames_new"] > 30)
            bridge.osc("/bridge/prompt", "gold")
            bridge.until(lambda state: state["osc_messages"] == 1)
            assert bridge.process.poll() is None, "what is written there ends nothing"
            holder.kill()
            assert bridge.process.wait(10) == 0
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
    assert journal(tmp_path, "Xstdin")["ended"] is True
    assert journal(tmp_path, "Xstdin")["values"]["prompt"] == "gold"
    film = cv2.VideoCapture(str(clip))
    assert film.isOpened()
    assert film.read()[0]
    film.release()


@pytest.mark.parametrize("keep", [(), ("--keep",)], ids=["alone", "kept"])
def test_a_stdin_without_another_end_is_refused(tmp_path, keep):
    status, text = refused("run", *keep, "--port", "0", "--folder", str(tmp_path),
                           "--stop-on-stdin-end")  # fmt: skip
    assert status == 1
    assert "--stop-on-stdin-end needs a pipe" in text


@pytest.mark.slow
def test_what_a_crash_has_left_is_told_to_who_sees_no_terminal(tmp_path):
    more = (*SMALL, "--sink", "null:", "--name", "Xcrash")
    with running(tmp_path, *more) as bridge:
        bridge.osc("/bridge/prompt", "gold")
        bridge.until(lambda state: state["osc_messages"] == 1)
        time.sleep(0.5)  # until the journal has it
        bridge.process.kill()
        bridge.process.wait()
    with running(tmp_path, *more) as bridge:
        state = bridge.until(lambda state: state["state"] == "RUNNING")
        assert "Restored the look of the run that crashed" in state["reason"]
    with running(tmp_path, *more) as bridge:
        state = bridge.until(lambda state: state["state"] == "RUNNING")
        assert state["reason"] == "", "a normal end is no news"
