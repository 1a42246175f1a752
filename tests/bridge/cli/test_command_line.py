"""A mistyped command line is refused with a suggestion; `--json` prints JSON."""

import json
import shutil
import socket
import subprocess
import sys

import pytest

from bridge.cli.arguments import parser_of
from bridge.cli.commands import COMMANDS, LISTS, MODELS, main
from bridge.cli.completion import SHELLS
from bridge.errors import ExitStatus
from bridge.settings import GROUPS, Settings
from engine.system import installation
from engine.system.installation import with_extra
from engine.system.texts import quoted
from tests.support.bridge import running
from tests.support.cards import GTX_1080, RTX_4090
from tests.support.nvml import Nvml

PYTHON = quoted(sys.executable)
UV = f"{PYTHON} -m uv pip install --python {PYTHON}"


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("runn", "Unknown command 'runn'; choose run, list"),
        ("runn", "Did you mean run?"),
        ("run --sorce demo:", "spout-bridge run does not accept '--sorce'. Did you mean --source?"),
        ("run --pipline=longlive", "Did you mean --pipeline?"),
        ("start", "Did you mean run?"),
        ("start --source demo:", "Did you mean run?"),
        ("list cameras", "Did you mean sources?"),
        ("run films/a.mp4", "does not accept 'films/a.mp4'. Did you mean --source films/a.mp4?"),
        ("run camera:0", "Did you mean --source camera:0?"),
        ("--fps 30 run", "'--fps' before its command; write `spout-bridge run` first, then"),
        ("--source=demo:", "'--source' before its command; write `spout-bridge COMMAND` first"),
        ("-q run", "does not accept '-q' before its command"),
        ("bench --only osc bridge", "write `spout-bridge bench bridge` first"),
        ("run extra", "spout-bridge run does not accept 'extra'. See `spout-bridge run --help`"),
        ("run --pipeline longlve", "Did you mean longlive?"),
        ("run --set promt=x", "Unknown parameter 'promt'. Did you mean prompt?"),
        ("run --set vace_scale=9", "vace_scale takes a number from 0 to 2, not '9'."),
        ("run --set vace_scale", "--set takes NAME=VALUE, not 'vace_scale'."),
        ("run --set mix=0.1 --set mix=0.2", "--set mix appears twice; give it once."),
        (
            "run --sink shm:A --sink file:a.mp4",
            "--sink appears twice; give it once, and record beside it with "
            "`spout-bridge send shm:NAMEOut --to file:…`. See",
        ),
        ("run --source demo: --source=demo:", "--source appears twice; give it once. See"),
        ("run --mask none --port 1 --mask none", "--mask appears twice; give it once. See"),
        ("autostart on -- --control none --control none", "--control appears twice; give it"),
        ("run --set mix=0.1 --set mix=0.1", "--set mix appears twice; give it once."),
        ("run --set steady=0.1 --set anti_flicker=0.2", "anti_flicker is given twice, once by its"),
        ("models where longlive --set vae=tae --set vae=wan", "--set vae appears twice"),
        ("prepare --set mix=0.1 --set mix=0.2", "--set mix appears twice"),
        ("list parametrs", "Did you mean parameters? See `spout-bridge list --help`"),
        ("models downlod longlive", "Did you mean download?"),
        ("models download longliv", "Did you mean longlive?"),
        (
            "run --allow-host a/b",
            "--allow-host: 'a/b' is not a host name; write one such as studio",
        ),
        ("run --allow-host http://studio", "'http://studio' is not a host name"),
        ("run --allow-host studio.local,st_u#dio", "'st_u#dio' is not a host name"),
        ("models verify --json", "--json works with `models list` only."),
        ("view", "required: URI. See `spout-bridge view --help`."),
        ("completion fish", "choose bash, zsh, powershell."),
        (
            "bench engin",
            "'bench engin'; choose bridge, osc, relay, stylize, engine. Did you mean engine?",
        ),
        ("bench bridge --onyl osc", "spout-bridge bench bridge does not accept '--onyl'. Did you"),
        ("bench bridge --only paceing", "unknown figure 'paceing'; choose latency, "),
        ("bench bridge --only osc,paceing", "Did you mean pacing?"),
        ("help rnu", "Unknown command 'rnu'; choose run, list"),
        ("help rnu", "Did you mean run?"),
        ("help bench bridg", "Did you mean bridge?"),
    ],
)
def test_a_wrong_line_is_answered_with_the_cure(typed, told, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("SPOUT_BRIDGE_FOLDER", str(tmp_path))
    monkeypatch.setenv("SPOUT_BRIDGE_PORT", "0")
    with pytest.raises(SystemExit) as end:
        main(typed.split())
    assert end.value.code == ExitStatus.USAGE
    said = capsys.readouterr()
    assert told in said.err
    assert "usage:" not in said.err, "one sentence, not a page"
    assert said.out == ""


@pytest.mark.parametrize(
    ("flag", "given", "told"),
    [
        ("--source", "ftp://x", "'ftp://x' is not a source; use one of spout:, demo:"),
        ("--source", "spuot:Foo", "Did you mean spout:?"),
        ("--source", "webcam:0", "'webcam:0' is not a source"),
        ("--source", "shm:", "shm: is not a valid shared memory name"),
        ("--source", "file:", "file: needs a path"),
        ("--control", "shm:a/b", "--control: shm:a/b is not a valid shared memory name"),
        ("--mask", "smh:x", "Did you mean shm:?"),
        ("--sink", "out.mp4x", "'out.mp4x' is not a sink"),
        ("--sink", "camera:0", "camera: cannot be sent to"),
        ("--fallback", "crad", "--fallback: unknown 'crad'; choose hold, card, "),
        ("--fallback", "crad", "longlive, streamdiffusionv2, "),
        ("--fallback", "crad", " or file:CLIP. Did you mean card?"),
        ("--fallback", "file:", "--fallback: file: needs a path"),
    ],
)
def test_a_wrong_uri_is_a_usage_error_told_before_a_busy_port(
    flag, given, told, capsys, tmp_path, monkeypatch
):
    monkeypatch.setenv("SPOUT_BRIDGE_FOLDER", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as busy:
        ends = {"--source": "demo:", "--sink": "null:", flag: given}
        port = str(busy.getsockname()[1])
        with pytest.raises(SystemExit) as end:
            main(["run", "--port", port, *(word for pair in ends.items() for word in pair)])
    assert told in capsys.readouterr().err
    assert end.value.code == ExitStatus.USAGE


@pytest.mark.parametrize(
    ("flag", "given"), [("--source", "file:gone.mp4"), ("--fallback", "file:gone.mp4")]
)
def test_what_a_right_uri_names_may_be_missing(flag, given, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("SPOUT_BRIDGE_FOLDER", str(tmp_path))
    ends = {"--source": "demo:", "--sink": "null:", flag: given}
    with pytest.raises(SystemExit) as end:
        main(["run", "--port", "0", *(word for pair in ends.items() for word in pair)])
    assert "File not found" in capsys.readouterr().err
    assert end.value.code == ExitStatus.FAILED


@pytest.mark.parametrize("words", [["run"], ["bench", "bridge"], []])
def test_help_with_a_command_is_its_help(words, capsys):
    told = []
    for typed in (["help", *words], [*words, "--help"]):
        with pytest.raises(SystemExit) as end:
            main(typed)
        assert end.value.code == 0
        told.append(capsys.readouterr().out)
    assert told[0] == told[1]
    assert " ".join(["usage: spout-bridge", *words]) in told[0]


@pytest.mark.slow
def test_the_help_of_bench_engine_needs_no_extra(monkeypatch, capfd):
    monkeypatch.setattr("bridge.cli.commands.find_spec", lambda name: None)
    for flag in ("--help", "-h"):
        main(["bench", "engine", flag])
        assert "usage: spout-bridge bench engine" in capfd.readouterr().out
    with pytest.raises(SystemExit) as end:
        main(["bench", "engine", "--blocks", "1"])
    assert end.value.code == ExitStatus.FAILED
    assert "needs the extra `engine`" in capfd.readouterr().err


def test_the_help_of_bench_engine_imports_no_torch():
    code = "import sys, engine.bench.options as o; o.parser_of(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_scheme_that_is_mistyped_is_guessed(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("SPOUT_BRIDGE_FOLDER", str(tmp_path))
    monkeypatch.setenv("SPOUT_BRIDGE_PORT", "0")
    with pytest.raises(SystemExit):
        main(["run", "--source", "fil:clip.mp4", "--sink", "null:"])
    assert "Did you mean file:?" in capsys.readouterr().err


def test_the_help_has_every_setting_under_a_title(capsys):
    with pytest.raises(SystemExit) as end:
        main(["run", "--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert GROUPS.keys() <= Settings.model_fields.keys()
    assert next(iter(Settings.model_fields)) in GROUPS, "the first has a title"
    for title in GROUPS.values():
        assert f"\n{title}:\n" in text
    for name in Settings.model_fields:
        assert f"--{name.replace('_', '-')}" in text
    assert "examples:\n  spout-bridge run " in text


def test_every_command_has_help_and_a_parser():
    commands = parser_of(LISTS, MODELS).commands
    assert {name.split()[0] for name in COMMANDS} == commands.keys()


@pytest.mark.parametrize("what", ["pipelines", "parameters", "exits"])
def test_lists_as_json_are_the_same_rows(what, capsys):
    main(["list", what, "--json"])
    rows = json.loads(capsys.readouterr().out)[what]
    title, head, cells = LISTS[what]()
    assert title
    assert rows == [dict(zip(head, row, strict=True)) for row in cells]


def test_models_as_json_say_what_is_missing(capsys, tmp_path):
    main(["models", "list", "longlive", "--json", "--models", str(tmp_path)])
    told = json.loads(capsys.readouterr().out)
    (pipeline,) = told["pipelines"]
    assert pipeline["id"] == "longlive"
    assert (
        pipeline["missing_bytes"]
        <= pipeline["bytes"]
        == sum(file["bytes"] for file in pipeline["files"])
    )


@pytest.mark.slow
def test_the_state_of_a_running_bridge_is_printed(tmp_path, capsys):
    flags = ("--sink", "null:", "--source", "pattern:", "--engine", "thread")
    with running(tmp_path, *flags) as bridge:
        bridge.until(lambda state: state["state"] == "RUNNING")
        port = str(bridge.port)
        main(["state", "--port", port, "--json"])
        assert json.loads(capsys.readouterr().out)["state"] == "RUNNING"
        main(["state", "--port", port])
        assert "RUNNING" in capsys.readouterr().out
    with pytest.raises(SystemExit) as end:
        main(["state", "--port", port])
    assert end.value.code == ExitStatus.FAILED
    assert "No bridge answers" in capsys.readouterr().err


def test_bash_completes_commands_and_flags(capsys):
    bash = shutil.which("bash")
    if not bash:
        pytest.skip("there is no bash")
    main(["completion", "bash"])
    script = capsys.readouterr().out
    ask = 'COMP_WORDS=({}); COMP_CWORD={}; _spout_bridge; printf "%s\\n" "${{COMPREPLY[@]}}"'.format
    for words, place, wanted in (
        ("spout-bridge mod", 1, ["models"]),
        ("spout-bridge run --sou", 2, ["--source"]),
        ("spout-bridge list --j", 2, ["--json"]),
    ):
        done = subprocess.run(
            [bash, "-c", script + ask(words, place)], capture_output=True, text=True, check=True
        )
        assert done.stdout.split() == wanted


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shells_script_has_every_command(shell, capsys):
    main(["completion", shell])
    script = capsys.readouterr().out
    assert all(name in script for name in parser_of(LISTS, MODELS).commands)
    assert "--osc-timetags" in script


@pytest.mark.parametrize("name", ["a folder", "100%20 là"])
@pytest.mark.parametrize(
    ("told", "command"),
    [
        ('{{"dir_info": {{"editable": true}}, "url": "{folder}"}}', "-m pip install -e "),
        ('{{"url": "https://x.example/sb.zip"}}', '"spout-bridge[engine] @ https://x.example/sb.zip"'),
        ("{{}}", "install spout-bridge again as before, with its extra `engine`"),
        ("no JSON", "install spout-bridge again as before, with its extra `engine`"),
    ],
)  # fmt: skip
def test_a_cure_names_what_this_was_installed_from(told, command, name, tmp_path, monkeypatch):
    folder = tmp_path / name
    folder.mkdir()
    (folder / "constraints.txt").touch()

    class Installed:
        def read_text(self, name: str) -> str:
            assert name == "direct_url.json"
            return told.format(folder=folder.as_uri()) if told.startswith("{{") else told

    monkeypatch.setattr(installation, "distribution", lambda name: Installed())
    with_extra.cache_clear()
    try:
        said = with_extra("engine")
    finally:
        with_extra.cache_clear()
    assert command in said
    if "-e" in command:
        assert f'"{folder}[engine]" -c "{folder / "constraints.txt"}"' in said
        assert said.startswith(f"run `{sys.executable}")


@pytest.mark.parametrize(
    ("card", "has", "says"),
    [
        (None, True, f"run `{PYTHON} -m pip install "),
        (RTX_4090, True, f"run `{UV} --torch-backend=auto "),
        (GTX_1080, True, f"run `{UV} --torch-backend=cu126 "),
        (RTX_4090, False, f"run `{PYTHON} -m pip install uv` and then `{UV} --torch-backend=auto "),
    ],
)  # fmt: skip
def test_with_a_card_the_cure_installs_the_torch_for_it(card, has, says, monkeypatch):
    """PyPI's has no CUDA on Windows."""
    Nvml(monkeypatch, [card] if card else [])
    monkeypatch.setattr(installation, "find_spec", lambda name: object() if has else None)
    monkeypatch.setattr(installation, "which", lambda name: None)
    monkeypatch.setattr(installation, "_origin", lambda: ("https://x.example/sb.zip", None))
    with_extra.cache_clear()
    try:
        said, other = with_extra("engine"), with_extra("openvino")
    finally:
        with_extra.cache_clear()
    assert says in said
    assert said.endswith('"spout-bridge[engine] @ https://x.example/sb.zip"`')
    assert "uv" not in other


@pytest.mark.parametrize(
    ("system", "python", "start"),
    [
        (
            "win32",
            r"C:\Program Files\Python\python.exe",
            '& "C:\\Program Files\\Python\\python.exe"',
        ),
        ("win32", r"C:\Python\python.exe", r"C:\Python\python.exe"),
        ("linux", "/opt/my python/bin/python", '"/opt/my python/bin/python"'),
    ],
)
def test_powershell_runs_a_program_whose_path_has_spaces(system, python, start, monkeypatch):
    monkeypatch.setattr(installation.sys, "executable", python)
    monkeypatch.setattr(installation.sys, "platform", system)
    monkeypatch.setattr(installation, "find_spec", lambda name: object())
    assert installation.pip() == f"{start} -m pip"
    flag = start.removeprefix("& ")  # a path after a flag is only quoted
    assert installation.with_uv(None).startswith(f"{start} -m uv pip install --python {flag} ")
    monkeypatch.setattr(installation, "find_spec", lambda name: None)
    monkeypatch.setattr(installation, "which", lambda name: "uv")
    assert installation.with_uv(None).startswith(f"uv pip install --python {flag} ")


def test_each_exit_status_has_one_meaning():
    meanings = [status.meaning for status in ExitStatus]
    assert len({*meanings}) == len(meanings)
