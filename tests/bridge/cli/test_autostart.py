"""`spout-bridge autostart`: what is written for the logon, and that nothing else is touched."""

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bridge.cli.commands import main
from bridge.system.logon import MARK, Entry, quoted, unit, words

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="tests/wine has the shortcuts")

ODD = ["plain", "two words", "Jürgen's Bühne", '"quoted"', "100 %", "$HOME", "${HOME}",
       "back\\slash", "end\\", "", "a;b", "#no comment", "-", "tab\there", "日本"]  # fmt: skip
SYSTEMCTL = """#!/bin/sh
echo "$@" >> "{log}"
[ -e "{broken}" ] && [ "$2" = enable ] && {{ echo "no medium found" >&2; exit 1; }}
exit 0
"""


@pytest.fixture
def account(tmp_path, monkeypatch):
    """A user's folder with a systemd that writes down what it is asked."""
    tools = tmp_path / "tools"
    tools.mkdir()
    tool = tools / "systemctl"
    tool.write_text(SYSTEMCTL.format(log=tmp_path / "asked", broken=tmp_path / "broken"))
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    show = tmp_path / "Jürgen's show 100%"
    show.mkdir()
    monkeypatch.chdir(show)
    return tmp_path


def said(capfd, *arguments: str) -> tuple[int, str]:
    status = 0
    try:
        main(["autostart", *arguments])
    except SystemExit as end:
        status = end.code
    out, err = capfd.readouterr()
    return status, " ".join((out + err).split())


def units(account: Path) -> list[Path]:
    return sorted((account / "config/systemd/user").glob("*.service"))


RUN = ("--", "--pipeline", "passthrough", "--sink", "null:", "--folder")


@pytest.mark.slow
def test_on_says_what_it_starts_and_off_takes_away_just_that(account, capfd):
    folder = account / "data of the show"
    flags = (*RUN, str(folder), "--name", "Left Wing", "--set", "prompt=a red, red rose",
             "--token", "secret-secret-secret")  # fmt: skip
    status, text = said(capfd, "on", *flags)
    assert status == 0
    (made,) = units(account)
    assert made.name == "spout-bridge-Left\\x20Wing.service"
    assert str(made) in text
    assert "run --keep --pipeline passthrough" in text
    assert "'prompt=a red, red rose'" in text
    assert "secret" not in text
    assert made.stat().st_mode & 0o777 == 0o600
    lines = made.read_text().splitlines()
    assert f"WorkingDirectory={account}/Jürgen's show 100%%" in lines
    command = words(next(line for line in lines if line.startswith("ExecStart=")))
    assert command == [sys.executable, "-P", "-m", "bridge.cli", "run", "--keep", *flags[1:]]
    stranger = made.with_name("spout-bridge-own.service")
    stranger.write_text("[Service]\nExecStart=/bin/true\n")
    assert "Left Wing starts at every logon" in said(capfd, "status")[1]
    assert "secret" not in said(capfd, "status")[1]
    assert said(capfd, "on", *RUN, str(folder))[0] == 0
    assert said(capfd, "on", *RUN, str(folder), "--output-fps", "30")[0] == 0
    assert len(units(account)) == 3, "one of a name"
    assert said(capfd, "off", "--", "--name", "Right") == (0, "Right was not started at logon.")
    assert "Left Wing starts at logon no more" in said(capfd, "off", "--", "--name", "Left Wing")[1]
    assert len(units(account)) == 2
    assert said(capfd, "on", *flags)[0] == 0
    status, text = said(capfd, "off")
    assert (status, text.count("no more")) == (0, 2)
    assert units(account) == [stranger]
    assert said(capfd, "off") == (0, "Nothing was started at logon.")
    asked = (account / "asked").read_text()
    assert "--user enable spout-bridge-Left\\x20Wing.service" in asked
    assert "--user disable spout-bridge-Left\\x20Wing.service" in asked
    assert "--now" not in asked, "a show that runs goes on"


@pytest.mark.slow
@pytest.mark.parametrize(("flags", "why"), [
    (("--", "--nosuch"), "does not accept '--nosuch'"),
    (("--", "--size", "huge"), "576x320"),
    (("--", "--pipeline", "nope"), "Unknown pipeline 'nope'"),
    (("--", "--set", "vaze=1"), "Did you mean"),
    (("--", "--host", "0.0.0.0"), "add --token"),
    (("--source", "demo:"), "Write -- before '--source'"),
])  # fmt: skip
def test_flags_that_run_refuses_are_refused_at_once(account, capfd, flags, why):
    status, text = said(capfd, "on", *flags)
    assert (status != 0, why in text) == (True, True), text
    assert not units(account)


@pytest.mark.slow
def test_a_systemd_that_does_not_work_is_one_sentence_and_nothing_is_left(account, capfd):
    assert said(capfd, "on", *RUN, str(account))[0] == 0
    before = units(account)[0].read_bytes()
    (account / "broken").touch()
    for name in ("Bridge", "Other"):
        status, text = said(capfd, "on", *RUN, str(account / "elsewhere"), "--name", name)
        assert status == 1
        assert "no systemd that could start the bridge at logon (no medium found)" in text
        assert units(account)[0].read_bytes() == before
        assert len(units(account)) == 1


@pytest.mark.parametrize("seed", range(5))
def test_systemd_reads_back_what_was_quoted(seed):
    drawn = random.Random(seed)
    for _ in range(20):
        letters = "".join(drawn.choices(" \"'\\%$x0aü;#\t\n{}", k=drawn.randint(0, 12)))
        command = [*drawn.sample(ODD, 4), letters]
        assert words(" ".join(map(quoted, command))) == command


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd here")
def test_systemd_itself_finds_nothing_wrong_with_a_unit(tmp_path):
    """And finds what is, or this would prove nothing."""
    odd = tmp_path / "Jürgens 100% show; $HOME"
    odd.mkdir()
    program = odd / "a 1% $program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for right in (True, False):
        command = [str(program if right else odd / "none"), *ODD]
        path = tmp_path / "spout-bridge-x.service"
        path.write_text(unit(Entry("50% off", command, odd)))
        assert f"# {MARK}" in path.read_text()
        done = subprocess.run(
            ["systemd-analyze", "--user", "--man=no", "verify", str(path)],
            capture_output=True, text=True, timeout=60,
            env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
        )  # fmt: skip
        about = [line for line in done.stderr.splitlines() if "spout-bridge-x" in line]
        assert (about == []) == right, done.stderr
