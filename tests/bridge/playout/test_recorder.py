"""Recordings that begin and end while the bridge runs, by the parameter `record`."""

import json
import signal
import subprocess
import sys
import threading

import pytest

from bridge.transports.recording.film import FilmFile
from tests.bridge.transports.test_recording import full
from tests.support.bridge import running
from tests.support.rig import running_session

pytestmark = pytest.mark.slow


def probed(path) -> dict:
    shown = "stream=width,height,r_frame_rate,nb_read_frames:format=duration"
    out = subprocess.run(
        ["ffprobe", "-v", "error", "-count_frames", "-show_entries", shown, "-of", "json", path],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    told = json.loads(out)
    return {**told["streams"][0], "seconds": float(told["format"]["duration"])}


@pytest.mark.foreign
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM")
def test_it_begins_by_osc_ends_by_rest_and_holds_up_nothing(tmp_path):
    folder, sink = tmp_path / "recordings", f"shm:record-{tmp_path.name}"
    folder.touch()
    with running(tmp_path, "--source", "demo:", "--sink", sink, "--pipeline", "passthrough",
                 "--output-size", "128x96") as bridge:  # fmt: skip
        bridge.until(lambda state: state["frames_new"] > 30)
        bridge.osc("/bridge/record", 1)
        why = bridge.until(lambda state: state["error"])["error"]
        assert why == (f"The folder {folder} for recordings cannot be made (File exists); remove "
                       "what is in its way, or make the folder around it writable.")  # fmt: skip
        assert bridge.ask("parameters")["record"] is False

        folder.unlink()
        for _ in range(2):
            bridge.osc("/bridge/record", 1)
        told = bridge.until(lambda state: state["recorded"] > 2)
        assert (told["error"], told["dropped_record"]) == ("", 0)
        bridge.ask("parameters", {"record": False}, "PATCH")
        lasted = bridge.until(lambda state: not state["recording"])["recorded"]
        bridge.ask("parameters", {"record": True}, "PATCH")
        second = bridge.until(lambda state: state["recorded"] > 0.5)
        assert second["longest_gap"] < 500
        bridge.process.send_signal(signal.SIGTERM)
        assert bridge.process.wait(10) == 0
    names = sorted(file.name for file in folder.iterdir())
    assert len(names) == 2
    assert {told["recording"], second["recording"]} == {*names}
    film = probed(folder / told["recording"])
    assert (film["width"], film["height"], film["r_frame_rate"]) == (128, 96, "60/1")
    assert film["seconds"] == pytest.approx(lasted, abs=0.3)
    assert int(film["nb_read_frames"]) > 55 * lasted
    assert probed(folder / second["recording"])["seconds"] > 0.4
    journal = json.loads((tmp_path / "Bridge.journal.json").read_text())
    assert "record" not in journal["values"]


def test_one_that_fails_ends_and_the_output_goes_on(tmp_path, monkeypatch):
    with running_session(tmp_path, pipeline="passthrough") as rig:
        stop = rig.steady_input()
        rig.running()
        session, store = rig.session, rig.session.store
        other = "The cues are not saved: they are not."
        monkeypatch.setattr(session.show.cues, "_unsaved", other)
        starts = [threading.Thread(target=store.update, args=({"record": True},)) for _ in range(2)]
        for start in starts:
            start.start()
        rig.until(lambda: session.status().recorded > 0.1)
        for action in ("live", "defaults", "panic"):
            session.actions[action].run()
        assert store.snapshot.values["record"], "only its own control ends it"
        assert "record" not in session._kept().values, "a crash does not begin it again"
        (file,) = (session.settings.folder / "recordings").iterdir()
        session.actions["live"].run()
        monkeypatch.setattr(FilmFile, "_mux", full)
        rig.until(lambda: not store.snapshot.values["record"])
        assert session.status().error == (
            f"Recording to {file} stopped: No space left on device. Make room. {other}"
        )
        shown = session.counters.shown["new"]
        rig.until(lambda: session.counters.shown["new"] > shown + 10)
        assert session.status().recording == ""
        stop()
