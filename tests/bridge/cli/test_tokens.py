"""The token of `--lan`: one for all runs, until another is asked for."""

import sys
from urllib.request import Request, urlopen

import cv2
import numpy as np
import pytest

from bridge.cli import qr, tokens
from bridge.cli.run import links
from bridge.cli.tokens import TOKEN, token_of
from bridge.control.http.rules import Rules
from bridge.errors import UsageError
from bridge.settings import Settings
from tests.support.bridge import running


def test_one_token_is_kept_for_its_owner_alone(tmp_path):
    settings = Settings(lan=True, folder=tmp_path)
    token = token_of(settings)
    assert TOKEN.fullmatch(token)
    assert token_of(settings) == token
    file = tmp_path / "token"
    assert file.read_text() == token
    if sys.platform != "win32":
        assert file.stat().st_mode & 0o777 == 0o600
    given = Settings(lan=True, folder=tmp_path, token="a" * 20)
    assert token_of(given) == "a" * 20
    assert file.read_text() == token, "a given token is not kept"
    assert token_of(Settings(folder=tmp_path)) == ""


@pytest.fixture(name="warned")
def _warned(monkeypatch):
    """What is logged as a warning."""
    told = []
    monkeypatch.setattr(tokens.log, "warning", lambda text, *given: told.append(text % given))
    return told


def test_what_is_no_token_is_replaced_and_said(tmp_path, warned):
    file = tmp_path / "token"
    for content in (b"short", b"", b"\xff" * 30, b"a" * 5000, b"a b" * 20):
        file.write_bytes(content)
        token = token_of(Settings(lan=True, folder=tmp_path))
        assert TOKEN.fullmatch(token)
        assert file.read_text() == token
        assert "is replaced by a new token" in warned.pop()


def test_without_a_disk_the_token_ends_with_the_run_and_this_is_said(tmp_path, warned):
    (tmp_path / "file").write_text("no folder")
    token = token_of(Settings(lan=True, folder=tmp_path / "file"))
    assert TOKEN.fullmatch(token)
    assert "ends with this run" in warned.pop()


def test_a_page_open_to_the_network_has_a_link_by_number_for_phones(monkeypatch):
    monkeypatch.setattr("bridge.cli.run.own_addresses", lambda: ["192.168.1.5"])
    monkeypatch.setattr("socket.gethostname", lambda: "studio")
    pages, views = links(Settings(lan=True), 8000, "t" * 16)
    assert pages == [f"http://{host}:8000/?token={'t' * 16}" for host in ("studio", "192.168.1.5")]
    assert views[1].startswith("http://192.168.1.5:8000/?token=")
    assert "t" * 16 not in views[1]
    assert links(Settings(), 8000, "") == (["http://127.0.0.1:8000"], [])


def test_a_phone_reads_the_link_from_a_terminal():
    link = f"http://192.168.1.5:8000/?token={'Ab1-_' * 6}"
    rows = qr.drawn(link).splitlines()
    halves = {"█": (255, 255), "▀": (255, 0), "▄": (0, 255), " ": (0, 0)}
    cells = np.array([[halves[cell] for cell in row] for row in rows], np.uint8)
    image = cells.transpose(0, 2, 1).reshape(2 * len(rows), -1).repeat(6, 0).repeat(6, 1)
    assert cv2.QRCodeDetector().detectAndDecode(image)[0] == link
    assert [qr.can_show(encoding) for encoding in ("utf-8", "cp437", "ascii")] == [
        True,
        True,
        False,
    ]


def test_a_new_token_is_for_lan():
    with pytest.raises(UsageError, match="--new-token is for --lan; add that too"):
        token_of(Settings(new_token=True))


def opens(port, token):
    """The status of a request as another machine's browser would make it."""
    asked = Request(f"http://127.0.0.1:{port}/api/v1/state", headers={
        "Authorization": f"Bearer {token}"})  # fmt: skip
    try:
        with urlopen(asked) as answer:
            return answer.status
    except OSError as error:
        return error.code


@pytest.mark.slow
def test_a_new_token_ends_the_old_one_and_its_link_for_viewing(tmp_path):
    plain = ("--lan", "--sink", "null:", "--pipeline", "passthrough", "--output-size", "64x48")
    old = token_of(Settings(lan=True, folder=tmp_path))
    with running(tmp_path, *plain, "--new-token") as bridge:
        new = (tmp_path / "token").read_text()
        assert new != old
        assert opens(bridge.port, new) == 200
        assert opens(bridge.port, Rules(token=new).view_token) == 200
        assert opens(bridge.port, old) == 401
        assert opens(bridge.port, Rules(token=old).view_token) == 401
