"""`serve --check`: a row for each thing, and the cure for what is wrong."""

import re
import socket

from bridge.cli.serve import Orders
from bridge.cli.serve_check import check
from bridge.errors import ExitStatus
from bridge.serve import encoder
from bridge.settings import Settings
from engine.remote.packet import CodecError
from tests.support.certificates import Authority


def printed(capsys, settings: Settings, **orders) -> tuple[ExitStatus, dict[str, str], list[str]]:
    """The exit status, what is said of each thing, and the problems."""
    status = check(settings, Orders(4, 600, 600, 10, **orders))
    said, _, problems = capsys.readouterr().out.partition("\n\n")
    rows = {line[:16].strip(): line[17:] for line in said.splitlines()}
    return status, rows, re.findall(r"^Problem: (.+)$", problems, re.MULTILINE)


def test_each_thing_has_a_row_and_what_is_wrong_its_cure(tmp_path, capsys, monkeypatch):
    authority = Authority(tmp_path)
    good, late = authority.certificate(), authority.certificate(expired=True)
    monkeypatch.setattr("bridge.doctor.card.devices.gpus", lambda *_: [])
    monkeypatch.setattr("bridge.doctor.card.devices.trouble", lambda: "")
    here = Settings(folder=tmp_path, port=0, device="cpu")
    status, rows, problems = printed(
        capsys, here, certificate=str(good.path), key=str(good.key)
    )  # fmt: skip
    assert (status, problems) == (ExitStatus.DONE, [])
    assert "for 127.0.0.1, localhost, until 2" in rows["TLS"]
    assert "there and back" in rows["H.264"]
    assert rows["cache"].startswith(str(tmp_path / "cache"))
    assert "stylize" in rows["pipelines"]

    def nothing() -> None:
        raise CodecError("libx264 cannot encode.")

    monkeypatch.setattr(encoder, "working", nothing)
    (tmp_path / "a file").write_text("")
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        wrong = Settings(folder=tmp_path, port=port, cache=tmp_path / "a file")
        status, _, problems = printed(capsys, wrong, certificate=str(late.path), key=str(late.key))
    assert status == ExitStatus.FAILED
    for told in (
        f"Port {port}", "certificate has expired. Put a valid one there.", "another with --cache",
        "libx264 cannot encode", "No NVIDIA GPU answers: install its driver",
    ):  # fmt: skip
        assert any(told in problem for problem in problems), (told, problems)
    clear = Settings(folder=tmp_path, port=0, host="0.0.0.0", token="0123456789abcdef")
    assert any("for anyone to read" in problem for problem in printed(capsys, clear)[2])
