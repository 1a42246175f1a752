"""The bridge as a Windows process: what ends it, and what does not. Under Wine: test_wine.py."""

import json
import socket
import struct
import subprocess

import cv2
import pytest

from tests.support.wine_rig import RIG, Bridge, rig, start, windows

pytestmark = [pytest.mark.slow, pytest.mark.wine, pytest.mark.timeout(300)]
__all__ = ["rig"]
RESETS = 300


def throw_away_connections(port: int) -> None:
    """As browsers do that are closed, and networks that fail: without goodbye."""
    for number in range(RESETS):
        with socket.create_connection(("127.0.0.1", port), 10) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if number % 2:
                sock.sendall(b"GET /healthz HTTP/1.1\r\n")


@pytest.mark.parametrize("how", ["console", "pipe", "logoff"])
def test_what_windows_ends_us_by_is_a_normal_end(tmp_path, how):
    """Within the five seconds that Windows gives; and until then no reset ends the page."""
    clip, go = tmp_path / "out.mp4", tmp_path / "go"
    process = start(
        windows(RIG / "asks_to_end.py"), how, windows(go),
        "run", "--port", "0", "--folder", windows(tmp_path), "--osc-feedback", "none",
        "--pipeline", "stylize", "--source", "demo:", "--sink", f"file:{windows(clip)}",
        "--output-size", "64x48", "--size", "64x48", *(["--keep"] if how != "console" else []),
        shim="none", stderr=subprocess.PIPE, seconds=120,
    )  # fmt: skip
    try:
        bridge = Bridge(process)
        bridge.until(lambda state: state["frames_new"] > 20)
        if how == "console":
            throw_away_connections(bridge.port)
        bridge.osc("/bridge/prompt", "gold")
        state = bridge.until(lambda state: state["osc_messages"] == 1)
        assert state["worker"]
        go.touch()
        assert process.wait(60) == 0, "".join(bridge.lines)
    finally:
        process.terminate()
        process.wait()
        process.stderr.close()
    journal = json.loads((tmp_path / "Bridge.journal.json").read_text())
    assert (journal["ended"], journal["values"]["prompt"]) == (True, "gold")
    film = cv2.VideoCapture(str(clip))
    assert film.read()[0]
    film.release()
