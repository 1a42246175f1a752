"""`spout-bridge models`."""

import io
import json
import os
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess

import pytest

pytest.importorskip("huggingface_hub", reason="needs pip install 'spout-bridge[engine]'")

from bridge.cli.commands import main
from bridge.downloads.downloads import Downloads
from engine.catalog.rows import Catalog
from tests.bridge.downloads.files import CONTENT, NET, PASSTHROUGH, ROWS, put
from tests.support.hub import Hub
from tests.support.lora_files import lora_file


@pytest.fixture
def needy(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation whose pipelines are passthrough and one that needs a file."""
    monkeypatch.setattr("bridge.cli.models.installed_catalog", lambda: ROWS)


def command(
    capsys: pytest.CaptureFixture[str], *words: object, folder: Path
) -> tuple[int | str | None, str]:
    status: int | str | None = 0
    try:
        main(["models", *map(str, words), "--folder", str(folder)])
    except SystemExit as ended:
        status = ended.code
    said = capsys.readouterr()
    return status, said.out + said.err


def test_the_command_lists_the_loras_with_what_each_fits(
    needy: None, tmp_path: Path, alone: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("COLUMNS", "200")
    assert "LoRAs" not in command(capsys, "list", folder=tmp_path)[1]
    lora = lora_file(tmp_path / "models" / "loras" / "my [bold] style.safetensors", 5120)
    os.utime(lora, (1_000_000_000, 1_000_000_000))
    status, said = command(capsys, "list", folder=tmp_path)
    (row,) = (line for line in said.splitlines() if "style" in line)
    cells = [cell.strip() for cell in row.strip("│").split("│")]
    assert (status, cells) == (0, [
        "my [bold] style.safetensors", "164 kB", "2001-09-09", "Wan2.1 14B", "krea-realtime-video",
        "here",
    ])  # fmt: skip


def test_the_list_says_why_a_file_cannot_be_used(
    needy: None, tmp_path: Path, alone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, said = command(capsys, "list", folder=tmp_path)
    assert (status, "cannot be used" in said) == (0, False)
    path = put(tmp_path / "models" / NET.name, CONTENT[1:])
    status, said = command(capsys, "list", folder=tmp_path)
    assert status == 0
    assert "cannot be" in said  # the cell may wrap
    assert f"\n{path} is incomplete: {len(CONTENT) - 1} of {len(CONTENT)} bytes.\n" in said


def test_verify_names_the_plug_ins_that_cannot_be_used(
    tmp_path: Path, alone: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    why = "Pipeline stylize is built in, and no plug-in replaces it; choose another id."
    twin = replace(PASSTHROUGH, id="twin", title="A plug-in that cannot be used (x:Y)", missing=why)
    catalog = Catalog((*ROWS.rows.values(), twin))
    asked: list[dict[str, object]] = []

    def run(command: object, *, input: bytes, **_: object) -> CompletedProcess[bytes]:
        asked.append(json.loads(input))
        return CompletedProcess([], 0)

    monkeypatch.setattr("bridge.cli.models.installed_catalog", lambda: catalog)
    monkeypatch.setattr("bridge.cli.models.subprocess.run", run)
    told = f"A plug-in that cannot be used (x:Y): {why}\n"
    assert command(capsys, "verify", folder=tmp_path) == (0, told)
    assert command(capsys, "verify", "needy", folder=tmp_path) == (0, "")
    assert [order["pipelines"] for order in asked] == [{"needy": {}}] * 2


@pytest.mark.slow
def test_the_command_lists_downloads_finds_and_copies(
    hub: Hub, needy: None, tmp_path: Path, alone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, stick = tmp_path / "data", tmp_path / "stick"
    status, said = command(capsys, "list", folder=home)
    assert status == 0
    assert "needy: 5 MB, 5 MB missing" in said
    assert f"Models folder: {home / 'models'} (" in said
    status, said = command(capsys, "where", "needy", folder=home)
    assert (status, said) == (1, f"missing: {home / 'models' / NET.name}\n")
    assert command(capsys, "copy", "needy", "--to", stick, folder=home)[0] == 1
    status, said = command(capsys, "download", "needy", "--yes", folder=home)
    assert status == 0
    assert f"{NET.name}  5 MB  {NET.terms}" in said
    assert "at 100 Mbit/s" in said
    assert said.endswith("All files are downloaded.\n")
    status, said = command(capsys, "where", "needy", folder=home)
    assert (status, said) == (0, f"{home / 'models' / NET.name}\n")
    assert command(capsys, "copy", "needy", "--to", stick, folder=home)[0] == 0
    assert (stick / NET.name).read_bytes() == CONTENT
    command(capsys, "download", "needy", "--yes", "--models", stick, folder=tmp_path / "else")
    assert command(capsys, "where", "needy", "--more-models", stick, folder=tmp_path / "else") == (
        0, f"{stick / NET.name}\n",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("terminal", "answer", "starts"),
    [(False, "y", False), (True, "n", False), (True, "y", True), (True, "", True)],
)
def test_only_a_terminal_can_say_yes(
    needy: None,
    tmp_path: Path,
    alone: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    terminal: bool,
    answer: str,
    starts: bool,
) -> None:
    class Stdin(io.StringIO):
        def isatty(self) -> bool:
            return terminal

    def start(downloads: Downloads, *given: object) -> None:
        raise ValueError("It has started.")  # which ends the command

    monkeypatch.setattr(Downloads, "start", start)
    monkeypatch.setattr("sys.stdin", Stdin(f"{answer}\n"))
    status, said = command(capsys, "download", "needy", folder=tmp_path)
    assert status == 1
    assert ("add --yes" in said) is not terminal
    assert ("It has started." in said) is starts
    assert f"{NET.name}  5 MB" in said


def test_a_spoilt_file_is_not_copied(
    hub: Hub, needy: None, tmp_path: Path, alone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(tmp_path / "models" / NET.name, bytes(len(CONTENT)))
    status, said = command(capsys, "copy", "needy", "--to", tmp_path / "stick", folder=tmp_path)
    assert status == 1
    assert "has changed: its SHA-256 is" in said
    assert not list((tmp_path / "stick").rglob("net.pt*"))


def test_what_lies_in_shards_is_not_copied_in_part(
    needy: None, tmp_path: Path, alone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(tmp_path / "models/model/files/net/model.safetensors.index.json", b"{}")
    status, said = command(capsys, "copy", "needy", "--to", tmp_path / "stick", folder=tmp_path)
    assert status == 1
    assert "is the index of a sharded checkpoint: copy its whole folder to the same" in said
    assert not (tmp_path / "stick").exists()


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["download"], "download needs at least one pipeline, such as longlive."),
        (["list", "none"], "Unknown pipeline 'none'"),
        (["download", "passthrough"], "passthrough needs no weights."),
        (["copy", "needy"], "copy needs --to FOLDER."),
    ],
)
def test_a_wrong_command_is_one_sentence(
    needy: None, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], answer: str
) -> None:
    status, said = command(capsys, *words, folder=tmp_path)
    assert status == 2
    assert answer in said
