"""`doctor --show`: each answer from what systems say, and no question that holds up the others."""

import json
import threading
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import psutil
import pytest

from bridge.cli.commands import main
from bridge.doctor import show
from bridge.doctor.show import NOTE, OK, PROBLEM, Row, answers, asleep, driver, hours
from bridge.system import logon
from tests.support.bridge import running

GERMAN = """
    Aktueller Index der Wechselstromeinstellung: 0x{mains:08x}
  Aktueller Index der Gleichstromeinstellung: 0x00000384
"""


@pytest.mark.parametrize(("row", "level"), [
    (asleep(GERMAN.format(mains=1800), False), OK),
    (asleep(GERMAN.format(mains=1800), True), PROBLEM),
    (asleep(GERMAN.format(mains=0), True), OK),
    (asleep("", True), OK),
    (hours(1e12, 1e6, "measured"), OK),
    (hours(1e10, 1e6, "measured"), NOTE),
    (hours(1e9, 1e6, "measured"), PROBLEM),
    (driver(datetime.now(UTC) - timedelta(days=10)), OK),
    (driver(datetime.now(UTC) - timedelta(days=1000)), NOTE),
    (driver(None), OK),
])  # fmt: skip
def test_what_spoils_a_show_comes_with_its_cure(row, level):
    assert row.level == level
    assert bool(row.cure) == (level != OK)


def test_a_battery_is_a_problem_only_where_nothing_feeds_it(monkeypatch):
    for plugged, level in ((True, OK), (False, PROBLEM)):
        found = SimpleNamespace(percent=80, power_plugged=plugged)
        monkeypatch.setattr(psutil, "sensors_battery", lambda found=found: found)
        assert show.power().level == level


@pytest.mark.parametrize("plan", ["a1841308-3541-4fab", "381B4222-f694-41f0"])
def test_a_power_plan_is_known_in_every_language(monkeypatch, plan):
    monkeypatch.setattr(show, "_asked", lambda *_: f"GUID des Schemas: {plan} (Eins)")
    assert show.windows_plan().level == (PROBLEM if plan[0] == "a" else NOTE)


@pytest.mark.parametrize(("told", "level"), [("Stratum: 3 (Sekund)", OK), ("Stratum: 0 (", NOTE)])
def test_a_clock_without_a_source_is_a_note(monkeypatch, told, level):
    monkeypatch.setattr(show, "_asked", lambda *_: told)
    assert show.windows_clock().level == level


def test_where_nothing_can_start_at_logon_another_way_is_told(monkeypatch, tmp_path):
    monkeypatch.setattr(logon, "entries", list)
    monkeypatch.setattr(logon.sys, "platform", "linux")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "let what starts programs on this system start" in show.autostart().cure


def test_what_hangs_or_fails_is_a_note_and_the_others_answer_in_order():
    release = threading.Event()

    def fails() -> Row:
        raise OSError("no such thing")

    asked = {"a": lambda: release.wait(60) and None, "b": lambda: Row("b", OK, "well"), "c": fails}
    rows = answers(asked, 0.05)
    release.set()
    assert [(row.name, row.level) for row in rows] == [("a", NOTE), ("b", OK), ("c", NOTE)]
    assert "no answer" in rows[0].value
    assert "no such thing" in rows[2].value


def test_the_flag_asks_these_questions_and_no_others(monkeypatch, capsys, tmp_path):
    row = Row("disk", PROBLEM, "little room", "Make room.")
    monkeypatch.setattr(show, "questions", lambda _: {"disk": lambda: row})
    with pytest.raises(SystemExit) as end:
        main(["doctor", "--show", "--json", "--folder", str(tmp_path)])
    assert end.value.code == 1
    assert json.loads(capsys.readouterr().out) == [asdict(row)]


@pytest.mark.slow
def test_it_measures_the_recording_that_runs(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(show, "memory", lambda: Row("memory", OK, "enough"))
    clip = tmp_path / "out.mkv"
    asked = "doctor", "--show", "--json", "--folder", str(tmp_path)
    with running(tmp_path, "--pipeline", "passthrough", "--source", "demo:", "--sink",
                 f"file:{clip}", "--output-size", "320x180") as bridge:  # fmt: skip
        bridge.until(lambda _: clip.exists() and clip.stat().st_size > 1000)
        for _ in range(8):  # a busy machine may not answer in time, or write nothing meanwhile
            with suppress(SystemExit):  # its status is 1 if this machine has a problem
                main([*asked, "--port", f"{bridge.port}"])
            rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
            if "as out.mkv grows now" in rows["disk"]["value"]:
                break
    assert "as out.mkv grows now" in rows["disk"]["value"]
    assert {"updates", "sleep", "screen", "clock", "power", "memory", "autostart"} <= rows.keys()
    assert all(row["level"] in (OK, NOTE, PROBLEM) for row in rows.values())
